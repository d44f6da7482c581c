//! Encapsulated Uncompressed encoder (PS3.5 A.4.11): a frame is its native cells, so that many frames find room and each is
//! found by an offset table.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::parameters::{Exactness, Parameters};
use crate::dicom::{ImagePixel, uids};

/// The project's own.
pub(super) struct Uncompressed;

const NAME: &str = "uncompressed";

impl Encoder for Uncompressed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::ENCAPSULATED_UNCOMPRESSED
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
        out.extend_from_slice(frame.cells);
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

    fn is_to_shrink(&self) -> bool {
        false
    }
}
