//! JPEG-LS decoder over CharLS: any lossless JPEG-LS codestream back into the cells that the attributes describe.

use super::super::cells;
use super::super::charls::{self, Opened};
use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::scratch::{self, Buffer};
use crate::dicom::{ImagePixel, uids};

/// JPEG-LS by CharLS.
pub(super) struct JpegLs;

const NAME: &str = "charls";

impl Decoder for JpegLs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::JPEG_LS_LOSSLESS
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Coded { codestream, native: image, .. } = *coded;
        let bytes_per_cell = match image.bits_allocated {
            8 if image.has_whole_pixels() => 1,
            16 if image.has_whole_pixels() => 2,
            _ => return Err(DecodeError::Unsupported { decoder: NAME, image: describe(image) }),
        };
        let opened = Opened::open(codestream).map_err(failed)?;
        check_header(&opened, image)?;
        let (narrow, interleaved) =
            (opened.header().bytes_per_sample() < bytes_per_cell, opened.is_interleaved());
        let samples = usize::from(image.samples);
        let reorder = samples > 1 && interleaved != (image.planar == 0);
        if !narrow && !reorder {
            opened.decode(cells).map_err(failed)?;
        } else {
            scratch::with(&DECODED, |decoded| {
                opened.decode(decoded).map_err(failed)?;
                if narrow {
                    cells::widen(decoded);
                }
                match (reorder, interleaved) {
                    (true, true) => cells::deinterleave(decoded, samples, bytes_per_cell, cells),
                    (true, false) => cells::interleave(decoded, samples, bytes_per_cell, cells),
                    (false, _) => std::mem::swap(decoded, cells),
                }
                Ok(())
            })?;
        }
        cells::extend_sign(cells, image);
        Ok(())
    }
}

thread_local! {
    /// Decoded samples that must still be reordered or widened.
    static DECODED: Buffer = const { Buffer::new(Vec::new()) };
}

/// The header must describe the very frame that the attributes do, before memory is taken for it.
fn check_header(opened: &Opened<'_>, image: &ImagePixel) -> Result<(), DecodeError> {
    let header = opened.header();
    let precision = u32::from(image.bits_stored)..=u32::from(image.bits_allocated);
    let same = header.columns == u32::from(image.columns)
        && header.rows == u32::from(image.rows)
        && header.components == u32::from(image.samples)
        && precision.contains(&header.precision);
    if opened.near() != 0 {
        return Err(DecodeError::OtherFrame {
            codestream: format!("an error of {} is allowed", opened.near()),
            attributes: "JPEG-LS Lossless".to_owned(),
        });
    }
    if same {
        return Ok(());
    }
    Err(DecodeError::OtherFrame {
        codestream: format!(
            "{}x{}, {} components of {} bits",
            header.columns, header.rows, header.components, header.precision
        ),
        attributes: describe(image),
    })
}

fn failed(error: charls::Error) -> DecodeError {
    DecodeError::Library { library: "CharLS", code: error.code, message: error.message }
}
