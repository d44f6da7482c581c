//! Deflated Image Frame decoders (PS3.5 8.2.16 and A.4.13): the project's own, and zlib-rs.

use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::inflate::inflate;
use crate::dicom::{ImagePixel, clear_padding, uids};
use flate2::bufread::DeflateDecoder;
use std::io::Read;

/// A deflated frame by one of the two.
pub(super) struct DeflatedImageFrame {
    name: &'static str,
    inflate: Inflate,
}

/// Replaces the bytes by those of a frame, at most so many; gives how many bytes of the codestream that took.
type Inflate = fn(&[u8], usize, &mut Vec<u8>) -> Result<usize, String>;

impl DeflatedImageFrame {
    /// The project's own.
    pub(super) const OWN: DeflatedImageFrame = DeflatedImageFrame {
        name: "inflate",
        inflate: |codestream, most, out| inflate(codestream, most, out).map_err(|damage| damage.to_string()),
    };
    /// zlib-rs.
    pub(super) const ZLIB: DeflatedImageFrame = DeflatedImageFrame { name: "zlib-rs", inflate: by_zlib };
}

impl Decoder for DeflatedImageFrame {
    fn name(&self) -> &'static str {
        self.name
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::DEFLATED_IMAGE_FRAME
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let (image, codestream) = (coded.native, coded.codestream);
        let unsupported = || DecodeError::Unsupported { decoder: self.name, image: describe(image) };
        if !is_laid_out_alike(coded.encoded, image) {
            return Err(unsupported());
        }
        let expected = image.frame_bytes().ok().and_then(|bytes| usize::try_from(bytes).ok());
        let expected = expected.ok_or_else(unsupported)?;
        let taken = (self.inflate)(codestream, expected, cells).map_err(DecodeError::Damaged)?;
        let rest = codestream.get(taken..).unwrap_or_default();
        if !rest.iter().all(|byte| *byte == 0) {
            return Err(DecodeError::Damaged(format!("{} bytes follow the deflated frame", rest.len())));
        }
        if cells.len() != expected {
            return Err(DecodeError::OtherFrame {
                codestream: format!("{} bytes", cells.len()),
                attributes: format!("{expected} ({})", describe(image)),
            });
        }
        clear_padding(cells, image.frame_bits());
        Ok(())
    }
}

/// Whether cells lie in the codestream as they are wanted: it has no order of its own.
pub(super) fn is_laid_out_alike(encoded: &ImagePixel, native: &ImagePixel) -> bool {
    encoded.planar == native.planar && encoded.photometric == native.photometric
}

fn by_zlib(codestream: &[u8], most: usize, out: &mut Vec<u8>) -> Result<usize, String> {
    let mut decoder = DeflateDecoder::new(codestream);
    out.clear();
    // One byte more would show that there is more.
    let limit = most as u64 + 1;
    decoder.by_ref().take(limit).read_to_end(out).map_err(|error| error.to_string())?;
    if out.len() > most {
        return Err("it inflates to more than a frame".to_owned());
    }
    Ok(decoder.total_in() as usize)
}
