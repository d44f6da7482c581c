//! The project's own JPEG-LS Lossless encoder, written from ISO/IEC 14495-1 (ITU-T T.87); [`encoder`] tells how it works.

mod ahead;
mod bits;
mod coding;
mod contexts;
mod encoder;
mod frame;
mod kernel;
mod scan;

pub(super) use encoder::JpegLs;
