//! JPEG Lossless decoder (ISO/IEC 10918-1 Annex H), the project's own: one file each for table, scan, prediction and frame.

mod decoder;
mod huffman_table;
mod prediction;
mod scan;

pub(super) use decoder::JpegLossless;
