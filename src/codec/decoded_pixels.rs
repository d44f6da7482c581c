//! The native cells of encapsulated pixel data: every frame decoded when it is asked for (PS3.5 A.4).

use super::frame_decoder::{DecodeElsewhere, FrameCoding, FrameDecoder};
use super::frame_source::FrameSource;
use super::instance::Instance;
use super::parameters::Exactness;
use super::reason::Reason;
use super::report::{CompressError, Options};
use super::verify::{VerifyError, agree, verify};
use crate::dicom::{EncapsulatedFrames, Fidelity, FragmentsError, ImagePixel, Source};
use std::borrow::Cow;
use std::sync::Arc;

/// Encapsulated pixel data, and the decoder that reads it.
pub(super) struct DecodedPixels<'s> {
    source: &'s dyn Source,
    frames: EncapsulatedFrames,
    decoder: FrameDecoder,
    /// A decoder of another make, which must give the same cells.
    witness: Option<FrameDecoder>,
    /// Where both decode, if that is not here.
    elsewhere: Option<Arc<dyn DecodeElsewhere>>,
}

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
        let coding = FrameCoding { syntax, encoded, keep_ybr: options.keep_ybr };
        let (decoder, mut others) = FrameDecoder::all_of(&coding).map_err(CompressError::Kept)?;
        let asked = options.verify && syntax.fidelity == Fidelity::Lossless;
        let witness = if asked { others.next() } else { None };
        let frames = EncapsulatedFrames::of(instance.source, instance.data_set, coding.encoded.frames);
        let frames = frames.map_err(|error| match error {
            FragmentsError::Read(error) => CompressError::Io(error),
            other => CompressError::Kept(Reason::FragmentsUnusable(other.to_string())),
        })?;
        let elsewhere = options.decoding.clone();
        Ok(DecodedPixels { source: instance.source, frames, decoder, witness, elsewhere })
    }

    /// The image as it is decoded.
    pub(super) fn native(&self) -> &ImagePixel {
        self.decoder.native()
    }

    /// The name of the decoder.
    pub(super) fn decoder(&self) -> &'static str {
        self.decoder.name()
    }

    /// The name of the second decoder, if there is one.
    pub(super) fn witness(&self) -> Option<&'static str> {
        self.witness.as_ref().map(FrameDecoder::name)
    }

    fn decode(&self, codestream: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let Some(elsewhere) = self.elsewhere.as_deref() else { return self.decode_here(codestream) };
        let cells = self.decoder.decode_at(elsewhere, codestream)?;
        if let Some(witness) = &self.witness {
            // Compared here: of two decoders that a codestream has taken over, both would have to tell the same lie.
            agree(witness.name(), &witness.decode_at(elsewhere, codestream)?, &cells)?;
        }
        Ok(cells)
    }

    fn decode_here(&self, codestream: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let cells = self.decoder.decode(codestream)?;
        if let Some(witness) = &self.witness {
            verify(witness.decoder(), &witness.coded(codestream), &cells, Exactness::Exact)?;
        }
        Ok(cells)
    }
}

impl FrameSource for DecodedPixels<'_> {
    fn cells(&self, index: u32) -> Result<Cow<'_, [u8]>, CompressError> {
        let codestream = self.frames.codestream(self.source, index as usize)?;
        let cells = self.decode(&codestream).map_err(|error| {
            CompressError::Kept(Reason::DecodeFailed { frame: index.saturating_add(1), error })
        })?;
        Ok(Cow::Owned(cells))
    }
}
