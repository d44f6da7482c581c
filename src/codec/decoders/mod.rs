//! The decoders: one file a family, and the table of them all.

mod charls;
mod deflated_image_frame;
mod inflate;
mod jpeg;
mod jpeg_2000;
mod jpeg_dct;
mod jpeg_lossless;
mod jpeg_ls;
mod jpeg_xl;
mod rle;
mod uncompressed;

use super::encoder::Decoder;

/// Every decoder. A frame is verified by one that is not the encoder's own, where there is one that is fast enough for it;
/// else by the first.
pub static DECODERS: &[&dyn Decoder] = &[
    &charls::JpegLs,
    &rle::Rle,
    &jpeg_2000::JPEG_2000_LOSSLESS,
    &jpeg_2000::JPEG_2000,
    &jpeg_2000::HTJ2K_LOSSLESS,
    &jpeg_2000::HTJ2K_LOSSLESS_RPCL,
    &jpeg_2000::HTJ2K,
    &jpeg_xl::JPEG_XL_LOSSLESS,
    &jpeg_xl::JPEG_XL_RECOMPRESSION,
    &jpeg_xl::JPEG_XL,
    &jpeg_ls::JpegLs::LOSSLESS,
    &jpeg_ls::JpegLs::NEAR_LOSSLESS,
    &jpeg_lossless::JpegLossless::SV1,
    &jpeg_lossless::JpegLossless::PROCESS_14,
    &jpeg_dct::JpegDct::BASELINE,
    &jpeg_dct::JpegDct::EXTENDED,
    &deflated_image_frame::DeflatedImageFrame::OWN,
    &deflated_image_frame::DeflatedImageFrame::ZLIB,
    &uncompressed::Uncompressed,
];
