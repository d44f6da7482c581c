//! JPEG Lossless encoder (ISO/IEC 10918-1 Annex H), the project's own: one file each for prediction, table, bits and frame.

mod bit_writer;
mod encoder;
mod huffman_table;
mod prediction;
mod samples;

pub(super) use encoder::JpegLossless;
