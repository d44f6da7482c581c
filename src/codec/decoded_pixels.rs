//! The native cells of encapsulated pixel data: every frame decoded when it is asked for (PS3.5 A.4).

use super::decoders::DECODERS;
use super::encoder::{Coded, Decoder};
use super::frame_source::FrameSource;
use super::instance::Instance;
use super::native_image::native_image_of;
use super::parameters::Exactness;
use super::reason::Reason;
use super::report::{CompressError, Options};
use super::verify::{VerifyError, verify};
use crate::dicom::{EncapsulatedFrames, Fidelity, FragmentsError, ImagePixel, Source};
use std::borrow::Cow;

/// Encapsulated pixel data, and the decoder that reads it.
pub(super) struct DecodedPixels<'s> {
    source: &'s dyn Source,
    frames: EncapsulatedFrames,
    decoder: &'static dyn Decoder,
    /// A decoder of another make, which must give the same cells.
    witness: Option<&'static dyn Decoder>,
    /// The image as the encapsulated data set describes it.
    pub(super) encoded: ImagePixel,
    /// The image as it is decoded.
    pub(super) native: ImagePixel,
    frame_bytes: u64,
}

/// A frame that decodes to more than this is not decoded: a few bytes can promise as much.
const MOST_FRAME_BYTES: u64 = 2 << 30;

impl<'s> DecodedPixels<'s> {
    /// The pixel data of `instance`, of which `encoded` tells what its attributes say.
    ///
    /// Where `options.verify` asks for it and there is a second decoder, it must give the same cells; of lossy syntaxes two
    /// decoders need not agree to the last bit, and none is asked.
    ///
    /// # Errors
    /// Why it cannot be decoded; or the source's own.
    pub(super) fn of(
        instance: &Instance<'s>,
        encoded: ImagePixel,
        options: &Options,
    ) -> Result<DecodedPixels<'s>, CompressError> {
        let unknown = || Reason::NoDecoder("an unknown transfer syntax".to_owned());
        let syntax = instance.received.ok_or_else(unknown).map_err(CompressError::Kept)?;
        let mut decoders = DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == syntax.uid);
        let decoder = *decoders
            .next()
            .ok_or_else(|| CompressError::Kept(Reason::NoDecoder(syntax.keyword.to_owned())))?;
        let witness =
            decoders.next().filter(|_| options.verify && syntax.fidelity == Fidelity::Lossless).copied();
        let native = native_image_of(&encoded, syntax, options.keep_ybr);
        let frame_bytes = frame_bytes(&native).map_err(CompressError::Kept)?;
        let frames = EncapsulatedFrames::of(instance.source, instance.data_set, encoded.frames);
        let frames = frames.map_err(|error| match error {
            FragmentsError::Read(error) => CompressError::Io(error),
            other => CompressError::Kept(Reason::FragmentsUnusable(other.to_string())),
        })?;
        Ok(DecodedPixels { source: instance.source, frames, decoder, witness, encoded, native, frame_bytes })
    }

    /// The name of the decoder.
    pub(super) fn decoder(&self) -> &'static str {
        self.decoder.name()
    }

    /// The name of the second decoder, if there is one.
    pub(super) fn witness(&self) -> Option<&'static str> {
        self.witness.map(Decoder::name)
    }

    fn decode(&self, codestream: &[u8], cells: &mut Vec<u8>) -> Result<(), VerifyError> {
        let coded = Coded { codestream, encoded: &self.encoded, native: &self.native };
        let decoder = self.decoder.name();
        self.decoder.decode(&coded, cells).map_err(|error| VerifyError::Decode { decoder, error })?;
        if cells.len() as u64 != self.frame_bytes {
            let expected = usize::try_from(self.frame_bytes).unwrap_or(usize::MAX);
            return Err(VerifyError::Length { decoder, expected, found: cells.len() });
        }
        if let Some(witness) = self.witness {
            verify(witness, &coded, cells, Exactness::Exact)?;
        }
        Ok(())
    }
}

impl FrameSource for DecodedPixels<'_> {
    fn cells(&self, index: u32) -> Result<Cow<'_, [u8]>, CompressError> {
        let codestream = self.frames.codestream(self.source, index as usize)?;
        let mut cells = Vec::new();
        self.decode(&codestream, &mut cells).map_err(|error| {
            CompressError::Kept(Reason::DecodeFailed { frame: index.saturating_add(1), error })
        })?;
        Ok(Cow::Owned(cells))
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
