//! Decodes the frames of one image by one decoder: here, or elsewhere.

use super::decoders::DECODERS;
use super::encoder::{Coded, Decoder};
use super::native_image::native_image_of;
use super::not_decoded::NotDecoded;
use super::reason::Reason;
use super::verify::VerifyError;
use crate::dicom::{ImagePixel, TransferSyntax};
use std::fmt;

/// A frame that decodes to more than this is not decoded: a few bytes can promise as much.
const MOST_FRAME_BYTES: u64 = 2 << 30;

/// What is decoded: all that a decoder needs to know beside the codestream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameCoding {
    /// The transfer syntax of the codestreams.
    pub syntax: &'static TransferSyntax,
    /// The image as the encapsulated data set describes it.
    pub encoded: ImagePixel,
    /// Whether the YCbCr of lossy JPEG becomes YBR_FULL instead of RGB.
    pub keep_ybr: bool,
}

/// Decodes the frames of one image.
pub struct FrameDecoder {
    decoder: &'static dyn Decoder,
    coding: FrameCoding,
    /// The image as it is decoded.
    native: ImagePixel,
    frame_bytes: u64,
}

/// Decodes frames elsewhere: in another process, so that what a codestream does to its decoder harms nothing else.
pub trait DecodeElsewhere: fmt::Debug + Send + Sync {
    /// The native cells of one frame by the decoder of this name, of which there must be exactly `frame_bytes` bytes.
    ///
    /// # Errors
    /// Why there are none.
    fn decode(
        &self,
        coding: &FrameCoding,
        decoder: &'static str,
        codestream: &[u8],
        frame_bytes: u64,
    ) -> Result<Vec<u8>, NotDecoded>;
}

impl FrameDecoder {
    /// The decoders of an image, the first of the table first; there is at least one.
    ///
    /// # Errors
    /// [`Reason::NoDecoder`], or [`Reason::ImagePixelUnusable`] for frames that are too large.
    pub(super) fn all_of(
        coding: &FrameCoding,
    ) -> Result<(FrameDecoder, impl Iterator<Item = FrameDecoder>), Reason> {
        let native = native_image_of(&coding.encoded, coding.syntax, coding.keep_ybr);
        let frame_bytes = frame_bytes(&native)?;
        let uid = coding.syntax.uid;
        let coding = coding.clone();
        let mut all =
            DECODERS.iter().filter(move |decoder| decoder.transfer_syntax() == uid).map(move |decoder| {
                FrameDecoder {
                    decoder: *decoder,
                    coding: coding.clone(),
                    native: native.clone(),
                    frame_bytes,
                }
            });
        let first = all.next().ok_or_else(|| match TransferSyntax::of_uid(uid) {
            Some(syntax) => Reason::NoDecoder(syntax.keyword.to_owned()),
            None => Reason::NoDecoder(uid.to_owned()),
        })?;
        Ok((first, all))
    }

    /// The decoder of an image that has this name.
    ///
    /// # Errors
    /// [`Reason::NoDecoder`], or [`Reason::ImagePixelUnusable`] for frames that are too large.
    pub fn of_name(coding: &FrameCoding, name: &str) -> Result<FrameDecoder, Reason> {
        let (first, mut others) = FrameDecoder::all_of(coding)?;
        if first.name() == name {
            return Ok(first);
        }
        let unknown = || Reason::NoDecoder(format!("{} by the name of {name}", coding.syntax.keyword));
        others.find(|decoder| decoder.name() == name).ok_or_else(unknown)
    }

    /// The image as it is decoded.
    pub fn native(&self) -> &ImagePixel {
        &self.native
    }

    /// Bytes of the native cells of one frame.
    pub fn frame_bytes(&self) -> u64 {
        self.frame_bytes
    }

    /// The name of the decoder.
    pub fn name(&self) -> &'static str {
        self.decoder.name()
    }

    /// The decoder alone.
    pub(super) fn decoder(&self) -> &'static dyn Decoder {
        self.decoder
    }

    /// What the decoder is given.
    pub(super) fn coded<'c>(&'c self, codestream: &'c [u8]) -> Coded<'c> {
        Coded { codestream, encoded: &self.coding.encoded, native: &self.native }
    }

    /// The native cells of a frame.
    ///
    /// # Errors
    /// What the decoder says, or that it gave more or less than a frame.
    pub fn decode(&self, codestream: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let mut cells = Vec::new();
        let decoded = self.decoder.decode(&self.coded(codestream), &mut cells);
        decoded.map_err(|error| VerifyError::Decode { decoder: self.name(), error })?;
        self.whole(cells)
    }

    /// The same by the same decoder elsewhere.
    ///
    /// # Errors
    /// As [`FrameDecoder::decode`].
    pub(super) fn decode_at(
        &self,
        elsewhere: &dyn DecodeElsewhere,
        codestream: &[u8],
    ) -> Result<Vec<u8>, VerifyError> {
        let cells = elsewhere.decode(&self.coding, self.name(), codestream, self.frame_bytes);
        self.whole(cells.map_err(|error| VerifyError::Elsewhere { decoder: self.name(), error })?)
    }

    fn whole(&self, cells: Vec<u8>) -> Result<Vec<u8>, VerifyError> {
        if cells.len() as u64 == self.frame_bytes {
            return Ok(cells);
        }
        let expected = usize::try_from(self.frame_bytes).unwrap_or(usize::MAX);
        Err(VerifyError::Length { decoder: self.name(), expected, found: cells.len() })
    }
}

fn frame_bytes(image: &ImagePixel) -> Result<u64, Reason> {
    let bytes = image.frame_bytes().map_err(|error| Reason::ImagePixelUnusable(error.to_string()))?;
    if bytes > MOST_FRAME_BYTES {
        let said = format!("a frame of {bytes} bytes is more than is decoded here");
        return Err(Reason::ImagePixelUnusable(said));
    }
    Ok(bytes)
}
