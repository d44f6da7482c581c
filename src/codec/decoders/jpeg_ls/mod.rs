//! The project's own JPEG-LS decoder, written from ISO/IEC 14495-1 (ITU-T T.87): from the markers down to the bits.

mod bits;
mod coding;
mod contexts;
mod decoder;
mod foreseen;
mod frame;
mod header;
mod induction;
mod proof;
mod scan;
mod source;
mod unstuffed;

pub(super) use decoder::JpegLs;
