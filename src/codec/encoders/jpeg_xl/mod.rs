//! The project's own JPEG XL Lossless encoder.

mod bit_writer;
mod channels;
mod encoder;
mod entropy;
mod headers;
mod kernel;
mod prefix_code;
mod residuals;
mod tokens;

pub(super) use encoder::JpegXl;
