//! Encapsulated Uncompressed decoder (PS3.5 A.4.11): the codestream is the native frame, perhaps with a pad byte.

use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::deflated_image_frame::is_laid_out_alike;
use crate::dicom::{clear_padding, uids};

/// The project's own.
pub(super) struct Uncompressed;

const NAME: &str = "uncompressed";

impl Decoder for Uncompressed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::ENCAPSULATED_UNCOMPRESSED
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let image = coded.native;
        if !is_laid_out_alike(coded.encoded, image) {
            return Err(DecodeError::Unsupported { decoder: NAME, image: describe(image) });
        }
        let expected = image.frame_bytes().ok().and_then(|bytes| usize::try_from(bytes).ok());
        let expected =
            expected.ok_or_else(|| DecodeError::Unsupported { decoder: NAME, image: describe(image) })?;
        match coded.codestream.split_at_checked(expected) {
            Some((frame, [] | [0])) => {
                cells.clear();
                cells.extend_from_slice(frame);
                clear_padding(cells, image.frame_bits());
                Ok(())
            }
            _ => Err(DecodeError::OtherFrame {
                codestream: format!("{} bytes", coded.codestream.len()),
                attributes: format!("{expected} ({})", describe(image)),
            }),
        }
    }
}
