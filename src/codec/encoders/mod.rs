//! The encoders: one file a family, and the table of them all.

mod charls;
mod deflated_image_frame;
mod jpeg;
mod jpeg_2000;
mod jpeg_dct;
mod jpeg_lossless;
mod jpeg_ls;
mod jpeg_ls_precision;
mod jpeg_xl;
mod pack_bits;
mod package_merge;
mod rle;
#[cfg(target_arch = "x86_64")]
mod rle_avx2;
mod rle_kernel;
mod rle_planes;
mod rle_rows;
mod uncompressed;

use super::encoder::Encoder;

/// Every encoder. Of several for one transfer syntax the first is used unless another is named.
pub static ENCODERS: &[&dyn Encoder] = &[
    &jpeg_ls::JpegLs,
    &charls::JpegLs::LOSSLESS,
    &charls::JpegLs::NEAR_LOSSLESS,
    &rle::Rle,
    &jpeg_2000::Jpeg2000::LOSSLESS,
    &jpeg_2000::Jpeg2000::ANY,
    &jpeg_lossless::JpegLossless::SV1,
    &jpeg_lossless::JpegLossless::PROCESS_14,
    &jpeg_dct::JpegDct::BASELINE,
    &jpeg_dct::JpegDct::EXTENDED,
    &jpeg_xl::JpegXl,
    &deflated_image_frame::DeflatedImageFrame,
    &uncompressed::Uncompressed,
];
