//! Deflated Image Frame encoder (PS3.5 8.2.16 and A.4.13): the native cells of a frame, deflated (RFC 1951) by zlib-rs.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::parameters::{Exactness, Parameters};
use crate::dicom::{ImagePixel, uids};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;

/// Deflated Image Frame by zlib-rs.
pub(super) struct DeflatedImageFrame;

const NAME: &str = "zlib-rs";

impl Encoder for DeflatedImageFrame {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::DEFLATED_IMAGE_FRAME
    }

    fn encode(&self, frame: &Frame<'_>, _: &Parameters, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let Ok(expected) = frame.image.frame_bytes() else {
            return Err(EncodeError::Unsupported { encoder: NAME, image: describe(frame.image) });
        };
        let found = frame.cells.len() as u64;
        if found != expected {
            return Err(EncodeError::FrameLength { expected, found });
        }
        out.clear();
        let mut encoder = DeflateEncoder::new(std::mem::take(out), Compression::default());
        let failed = |error: std::io::Error| EncodeError::Library {
            library: "zlib-rs",
            code: -1,
            message: error.to_string(),
        };
        encoder.write_all(frame.cells).map_err(failed)?;
        *out = encoder.finish().map_err(failed)?;
        Ok(())
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        image.clone()
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }

    fn keeps_unused_bits(&self) -> bool {
        true
    }
}
