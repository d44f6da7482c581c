//! One frame on its way into the file: encoded, found small enough, and proven.

use super::cells::unused_bits_are_canonical;
use super::deviation::Deviation;
use super::encoder::{Coded, Frame};
use super::frame_source::FrameSource;
use super::pair::Pair;
use super::parameters::Parameters;
use super::pool::{PoolError, in_order};
use super::reason::Reason;
use super::report::CompressError;
use super::scratch::Lent;
use super::size_limit::SizeLimit;
use super::verify::verify;
use crate::dicom::{EncapsulatedWriter, ImagePixel, OffsetTable, TransferSyntax};
use std::io::{Seek, Write};
use std::sync::{Mutex, PoisonError};

/// What the jobs of all frames of an instance share. They run on several threads.
pub(super) struct FrameJob<'a> {
    /// Encodes and proves.
    pub(super) pair: Pair,
    /// Whether every frame is proven.
    pub(super) verify: bool,
    /// The transfer syntax of the codestreams.
    pub(super) target: &'static TransferSyntax,
    /// What the encoder is to aim at.
    pub(super) parameters: &'a Parameters,
    /// The image.
    pub(super) image: &'a ImagePixel,
    /// The same as the encoded data set describes it.
    pub(super) encoded: &'a ImagePixel,
    /// Its cells.
    pub(super) pixels: &'a dyn FrameSource,
    /// How large the codestreams of all frames may become together.
    pub(super) limit: SizeLimit,
    /// How far the proven frames lie from what they were.
    pub(super) deviation: Mutex<Deviation>,
}

impl FrameJob<'_> {
    /// The codestream of frame `index`, from 0: small enough, and proven where that is asked for.
    ///
    /// # Errors
    /// The reason to keep the instance as received, or the source's own error.
    pub(super) fn run(&self, index: u32) -> Result<Lent, CompressError> {
        let cells = self.pixels.cells(index)?;
        let frame = Frame { cells: &cells, image: self.image };
        let number = index.saturating_add(1);
        let mut codestream = Lent::new();
        self.encode(number, &frame, codestream.bytes_mut())
            .and_then(|()| self.limit.add(codestream.len()))
            .and_then(|()| self.prove(number, &cells, &codestream))
            .map_err(CompressError::Kept)?;
        Ok(codestream)
    }

    /// Writes Pixel Data, while the pool encodes and proves its frames. Gives the bytes of all codestreams, padded.
    ///
    /// # Errors
    /// The reason to keep the instance as received, or the error of source or output.
    pub(super) fn write_all<W: Write + Seek>(
        &self,
        table: OffsetTable,
        out: &mut W,
    ) -> Result<u64, CompressError> {
        let frames = self.image.frames;
        let mut writer = EncapsulatedWriter::begin(out, frames, table)?;
        let write =
            |codestream: Lent| writer.frame(&codestream).map_err(|error| PoolError::Job(error.into()));
        in_order(frames, |index| self.run(index), write)?;
        Ok(writer.finish()?.frame_bytes)
    }

    fn encode(&self, number: u32, frame: &Frame<'_>, codestream: &mut Vec<u8>) -> Result<(), Reason> {
        let encoder = self.pair.encoder;
        if !encoder.keeps_unused_bits() && !unused_bits_are_canonical(frame.cells, self.image) {
            return Err(Reason::UnusedBits { frame: number, target: self.target.keyword });
        }
        encoder
            .encode(frame, self.parameters, codestream)
            .map_err(|error| Reason::EncodeFailed { frame: number, error })
    }

    fn prove(&self, number: u32, cells: &[u8], codestream: &[u8]) -> Result<(), Reason> {
        if !self.verify {
            return Ok(());
        }
        let coded = Coded { codestream, encoded: self.encoded, native: self.image };
        let exactness = self.pair.encoder.exactness(self.parameters);
        let measured = verify(self.pair.decoder, &coded, cells, exactness)
            .map_err(|error| Reason::Mismatch { frame: number, error })?;
        let mut deviation = self.deviation.lock().unwrap_or_else(PoisonError::into_inner);
        *deviation = deviation.and(measured);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{Coded, DecodeError, Decoder};
    use super::super::testing::{decoder_for, encoder_for, image, instance};
    use super::*;
    use crate::dicom::{Limits, NativePixels, OffsetTable, VrEncoding, uids, walk};

    /// A decoder that never agrees.
    struct Contrary;

    impl Decoder for Contrary {
        fn name(&self) -> &'static str {
            "contrary"
        }
        fn transfer_syntax(&self) -> &'static str {
            uids::RLE_LOSSLESS
        }
        fn decode(&self, _: &Coded<'_>, _: &mut Vec<u8>) -> Result<(), DecodeError> {
            Err(DecodeError::Damaged("so it says".to_owned()))
        }
    }

    /// Runs the job of the only frame; gives the length of its codestream.
    fn run(decoder: &'static dyn Decoder, verify: bool, native_bytes: u64) -> Result<usize, String> {
        let image = image(8, 8, 8, 1, 0);
        let source = instance(VrEncoding::ExplicitLittle, &image, &[7; 64], &[]);
        let data_set = walk(&source, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let job = FrameJob {
            pair: Pair { encoder: encoder_for(uids::RLE_LOSSLESS), decoder },
            verify,
            target: TransferSyntax::of_uid(uids::RLE_LOSSLESS).unwrap(),
            parameters: &Parameters::default(),
            image: &image,
            encoded: &image,
            pixels: &NativePixels::of(&source, &data_set, &image).unwrap(),
            limit: SizeLimit::new(native_bytes, OffsetTable::Basic, 1),
            deviation: Mutex::default(),
        };
        job.run(0).map(|codestream| codestream.len()).map_err(|error| error.to_string())
    }

    /// A header, and one run of two bytes for each row.
    const CODESTREAM_BYTES: usize = 64 + 8 * 2;

    #[test]
    fn only_what_is_proven_is_given() {
        assert_eq!(run(decoder_for(uids::RLE_LOSSLESS), true, 1000), Ok(CODESTREAM_BYTES));
        assert_eq!(
            run(&Contrary, true, 1000).unwrap_err(),
            "kept as received: frame 1 was not proven: contrary cannot decode it: the codestream is damaged: so it says"
        );
        assert_eq!(run(&Contrary, false, 1000), Ok(CODESTREAM_BYTES));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let outcome = run(decoder_for(uids::RLE_LOSSLESS), true, 100);
        assert!(outcome.is_err_and(|said| said.contains("would not be smaller than its 100 bytes")));
    }
}
