//! JPEG XL: image and frame header (ISO/IEC 18181-1 Annex D and F), perhaps in a container.

use super::super::jpeg_xl_stream::open;
use super::header::{CodedFrame, CodestreamHeader, Coding, JpegXl};
use jxl_oxide::JpegReconstructionStatus;
use jxl_oxide::frame::Encoding;

/// What the library may take: it reads headers and tables of contents only.
const MEMORY: usize = 64 << 20;

/// Reads the headers of an image and of its first frame.
pub(super) fn read(codestream: &[u8]) -> Result<CodestreamHeader, String> {
    let image = open(codestream, MEMORY).map_err(|error| error.to_string())?;
    let metadata = &image.image_header().metadata;
    let frame = image.frame(0).ok_or("it has no frame")?.header();
    // Alpha and the like are samples too: DICOM has no place for them.
    let colours: usize = if image.pixel_format().is_grayscale() { 1 } else { 3 };
    let samples = colours + metadata.ec_info.len();
    Ok(CodestreamHeader {
        frame: Some(CodedFrame {
            columns: image.width(),
            rows: image.height(),
            samples: u16::try_from(samples).unwrap_or(u16::MAX),
            precision: u8::try_from(metadata.bit_depth.bits_per_sample()).unwrap_or(u8::MAX),
            signed: None,
        }),
        coding: Coding::JpegXl(JpegXl {
            modular: frame.encoding == Encoding::Modular,
            xyb: metadata.xyb_encoded,
            ycbcr: frame.do_ycbcr,
            jpeg_reconstruction: !matches!(
                image.jpeg_reconstruction_status(),
                JpegReconstructionStatus::Unavailable | JpegReconstructionStatus::Invalid
            ),
        }),
    })
}
