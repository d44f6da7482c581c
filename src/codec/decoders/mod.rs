//! The decoders: one file a family, and the table of them all.

mod jpeg_ls;
mod rle;

use super::encoder::Decoder;

/// Every decoder. A frame is verified by one that is not the encoder's own, where there is one; else by the first.
pub static DECODERS: &[&dyn Decoder] = &[&jpeg_ls::JpegLs, &rle::Rle];
