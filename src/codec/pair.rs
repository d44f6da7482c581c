//! Which encoder makes a transfer syntax, and which decoder proves its work.

use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder};
use super::encoders::ENCODERS;
use super::reason::Reason;
use super::report::Options;
use crate::dicom::TransferSyntax;

/// An encoder and the decoder that proves its work.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Makes the codestreams.
    pub encoder: &'static dyn Encoder,
    /// Proves them.
    pub decoder: &'static dyn Decoder,
}

impl Pair {
    /// The pair for a target out of the tables; the decoder is of another make than the encoder where there is one
    /// that proves by default.
    ///
    /// # Errors
    /// [`Reason::NoEncoder`] when nothing here makes the target, or not under the name that is asked for.
    pub(super) fn of(target: &TransferSyntax, options: &Options) -> Result<Pair, Reason> {
        let wanted = |encoder: &&&dyn Encoder| {
            encoder.transfer_syntax() == target.uid
                && options.encoder.as_ref().is_none_or(|name| name == encoder.name())
        };
        let encoder =
            *ENCODERS.iter().find(wanted).ok_or_else(|| Reason::NoEncoder(target.keyword.to_owned()))?;
        let fits = || DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid);
        let another =
            |decoder: &&&dyn Decoder| decoder.name() != encoder.name() && decoder.proves_by_default();
        let decoder = fits().find(another).or_else(|| fits().next());
        let decoder = *decoder.ok_or_else(|| Reason::NoEncoder(target.keyword.to_owned()))?;
        Ok(Pair { encoder, decoder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{TRANSFER_SYNTAXES, uids};

    fn pair(target: &TransferSyntax, encoder: Option<&str>) -> Result<Pair, Reason> {
        Pair::of(target, &Options { encoder: encoder.map(str::to_owned), ..Options::default() })
    }

    #[test]
    fn every_encoder_can_be_had_by_its_name_and_proven() {
        for encoder in ENCODERS {
            let target = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
            let found = pair(target, Some(encoder.name())).unwrap();
            assert_eq!(found.encoder.name(), encoder.name());
            assert_eq!(found.encoder.transfer_syntax(), target.uid);
            assert_eq!(found.decoder.transfer_syntax(), target.uid);
            let another = |decoder: &&&dyn Decoder| {
                decoder.transfer_syntax() == target.uid
                    && decoder.name() != encoder.name()
                    && decoder.proves_by_default()
            };
            let there_is_another = DECODERS.iter().find(another).is_some();
            assert_eq!(found.decoder.name() != encoder.name(), there_is_another, "{}", encoder.name());
        }
    }

    #[test]
    fn the_first_encoder_of_the_target_is_used_unless_another_is_named() {
        for target in TRANSFER_SYNTAXES {
            let first = ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == target.uid);
            let found = pair(target, None).map(|pair| pair.encoder.name());
            let expected = first.map(|encoder| encoder.name());
            assert_eq!(found, expected.ok_or(Reason::NoEncoder(target.keyword.to_owned())));
        }
        let rle = TransferSyntax::of_uid(uids::RLE_LOSSLESS).unwrap();
        assert_eq!(pair(rle, Some("fastest")).err(), Some(Reason::NoEncoder("RLELossless".to_owned())));
        assert_eq!(pair(rle, Some("charls")).err(), Some(Reason::NoEncoder("RLELossless".to_owned())));
    }
}
