//! Decodes third-party frames, and compares them with the native ones whose place they take.

use super::super::decoders::DECODERS;
use super::super::deviation::Deviation;
use super::super::encoder::{Coded, Decoder};
use super::super::native_image::native_image_of;
use super::super::parameters::Exactness;
use super::super::scratch::{self, Buffer};
use super::super::verify::verify;
use super::error::WrapError;
use super::options::WrapOptions;
use crate::dicom::{DataSet, Fidelity, ImagePixel, NativePixels, Source, TransferSyntax};
use std::sync::{Mutex, PoisonError};

/// Decodes frames, and compares them with the native ones where there are any.
pub(super) struct Judge<'a> {
    pub(super) decoder: Option<&'static dyn Decoder>,
    pub(super) encoded: &'a ImagePixel,
    /// The image as its cells are wanted.
    wanted: ImagePixel,
    native: Option<NativePixels<'a>>,
    exactness: Exactness,
    deviation: Mutex<Deviation>,
}

impl<'a> Judge<'a> {
    pub(super) fn of(
        source: &'a dyn Source,
        data_set: &DataSet,
        received: &ImagePixel,
        encoded: &'a ImagePixel,
        transfer_syntax: &TransferSyntax,
        options: &WrapOptions,
    ) -> Judge<'a> {
        let reads = |decoder: &&&dyn Decoder| decoder.transfer_syntax() == transfer_syntax.uid;
        let native = NativePixels::of(source, data_set, received).ok();
        let wanted = match native {
            Some(_) => received.clone(),
            None => native_image_of(encoded, transfer_syntax, false),
        };
        let lossless = transfer_syntax.fidelity == Fidelity::Lossless;
        Judge {
            decoder: DECODERS.iter().find(reads).copied().filter(|_| options.decode),
            encoded,
            wanted,
            native,
            exactness: if lossless { Exactness::Exact } else { Exactness::Close },
            deviation: Mutex::default(),
        }
    }

    /// Whether a frame decodes, and to the native cells whose place it takes.
    ///
    /// # Errors
    /// What it does otherwise.
    pub(super) fn frame(&self, index: u32, codestream: &[u8]) -> Result<(), WrapError> {
        let Some(decoder) = self.decoder else { return Ok(()) };
        let frame = index.saturating_add(1);
        let coded = Coded { codestream, encoded: self.encoded, native: &self.wanted };
        let Some(native) = &self.native else {
            let decoded = scratch::with(&CELLS, |cells| decoder.decode(&coded, cells));
            let undecodable = |error| WrapError::Undecodable { frame, decoder: decoder.name(), error };
            return decoded.map_err(undecodable);
        };
        let measured = verify(decoder, &coded, &native.frame(index)?, self.exactness)
            .map_err(|error| WrapError::Differs { frame, error })?;
        let mut deviation = self.deviation.lock().unwrap_or_else(PoisonError::into_inner);
        *deviation = deviation.and(measured);
        Ok(())
    }

    /// How far the decoded samples lie from the native ones; `None` when nothing was compared.
    pub(super) fn measured(&self) -> Option<Deviation> {
        (self.decoder.is_some() && self.native.is_some())
            .then(|| *self.deviation.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

thread_local! {
    /// The decoded cells.
    static CELLS: Buffer = const { Buffer::new(Vec::new()) };
}
