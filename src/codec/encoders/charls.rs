//! JPEG-LS encoders (PS3.5 8.2.3 and A.4.3) over CharLS: one codestream a frame, colour in sample interleave.

use super::super::cells;
use super::super::charls::{self, FrameHeader};
use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::parameters::{Exactness, Parameters};
use super::super::scratch::{self, Buffer};
use super::jpeg_ls_precision::precision_of;
use crate::dicom::{ImagePixel, uids};

/// JPEG-LS by CharLS, for one of the two transfer syntaxes.
pub(super) struct JpegLs {
    transfer_syntax: &'static str,
}

const NAME: &str = "charls";

impl JpegLs {
    /// JPEG-LS Lossless: NEAR is 0.
    pub(super) const LOSSLESS: JpegLs = JpegLs { transfer_syntax: uids::JPEG_LS_LOSSLESS };
    /// JPEG-LS Near-Lossless: NEAR is what the parameters say; 0 loses nothing.
    pub(super) const NEAR_LOSSLESS: JpegLs = JpegLs { transfer_syntax: uids::JPEG_LS_NEAR_LOSSLESS };

    fn near(&self, parameters: &Parameters) -> u8 {
        if self.transfer_syntax == uids::JPEG_LS_LOSSLESS { 0 } else { parameters.near }
    }
}

impl Encoder for JpegLs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn encode(
        &self,
        frame: &Frame<'_>,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let image = frame.image;
        let header = frame_header(image)
            .ok_or_else(|| EncodeError::Unsupported { encoder: NAME, image: describe(image) })?;
        let expected = header.frame_bytes().ok_or(EncodeError::TooLarge)?;
        if frame.cells.len() != expected {
            let (expected, found) = (expected as u64, frame.cells.len() as u64);
            return Err(EncodeError::FrameLength { expected, found });
        }
        let near = near_of(self.near(parameters), &header);
        // A decoder gives what lies within NEAR, if need be beyond what Bits Stored can hold, where the sign changes.
        let is_bounded = !image.signed && u32::from(image.bits_stored) == header.precision;
        if near > 0 && !is_bounded && !cells::keep_away_from_the_ends(frame.cells, image, near) {
            return Err(EncodeError::BeyondTheEnds { near });
        }
        let encoded = if image.planar == 1 && image.samples > 1 {
            scratch::with(&PIXELS, |pixels| {
                cells::interleave(frame.cells, usize::from(image.samples), header.bytes_per_sample(), pixels);
                charls::encode(pixels, &header, near, out)
            })
        } else {
            charls::encode(frame.cells, &header, near, out)
        };
        encoded.map_err(|error| EncodeError::Library {
            library: "CharLS",
            code: error.code,
            message: error.message,
        })
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        // Decoders expect sample interleave, and that is what Planar Configuration 0 describes (PS3.5 8.2.3).
        ImagePixel { planar: 0, ..image.clone() }
    }

    fn options(&self) -> &'static [&'static str] {
        if self.transfer_syntax == uids::JPEG_LS_LOSSLESS { &[] } else { &["--near"] }
    }

    fn exactness(&self, parameters: &Parameters) -> Exactness {
        match self.near(parameters) {
            0 => Exactness::Exact,
            near => Exactness::Within(near.into()),
        }
    }

    fn settings(&self, parameters: &Parameters) -> String {
        match self.near(parameters) {
            0 => String::new(),
            near => format!("NEAR {near}"),
        }
    }

    fn keeps_unused_bits(&self) -> bool {
        false
    }
}

thread_local! {
    /// The pixels of a frame that came plane by plane.
    static PIXELS: Buffer = const { Buffer::new(Vec::new()) };
}

/// NEAR is at most half of MAXVAL (C.2.3).
fn near_of(near: u8, header: &FrameHeader) -> u8 {
    let most = (1_u32 << (header.precision - 1)) - 1;
    u8::try_from(most).map_or(near, |most| near.min(most))
}

/// The frame header for an image, or `None` when JPEG-LS or this encoder has no form for it.
fn frame_header(image: &ImagePixel) -> Option<FrameHeader> {
    Some(FrameHeader {
        columns: u32::from(image.columns),
        rows: u32::from(image.rows),
        precision: precision_of(image)?,
        components: u32::from(image.samples),
    })
}
