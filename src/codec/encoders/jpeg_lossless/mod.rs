//! JPEG Lossless encoder (ISO/IEC 10918-1 Annex H), the project's own: one file each for prediction, categories, bits and frame.

mod bit_writer;
mod categories;
mod encoder;
mod prediction;
mod samples;

pub(super) use encoder::JpegLossless;
