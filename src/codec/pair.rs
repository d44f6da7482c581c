//! Which encoder makes a transfer syntax, and which decoder proves its work.

use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder};
use super::encoders::ENCODERS;
use super::reason::Reason;
use super::report::Options;
use crate::dicom::TransferSyntax;
use std::cmp::Reverse;

/// An encoder and the decoder that proves its work.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Makes the codestreams.
    pub encoder: &'static dyn Encoder,
    /// Proves them.
    pub decoder: &'static dyn Decoder,
}

impl Pair {
    /// The pair for a target out of the tables, where none is named the first encoder, and the decoder of another make that is the
    /// most eager one; where there is none, the first.
    ///
    /// # Errors
    /// [`Reason::NoEncoder`] when nothing here makes the target, or not under the name that is asked for;
    /// [`Reason::NoVerifier`] when nothing under the name that is asked for verifies it.
    pub fn of(target: &TransferSyntax, options: &Options) -> Result<Pair, Reason> {
        let wanted = |encoder: &&&dyn Encoder| {
            encoder.transfer_syntax() == target.uid
                && options.encoder.as_ref().is_none_or(|name| name == encoder.name())
        };
        let no_encoder = || Reason::NoEncoder(target.keyword.to_owned());
        let encoder = *ENCODERS.iter().find(wanted).ok_or_else(no_encoder)?;
        let mut fits = DECODERS.iter().copied().filter(|decoder| decoder.transfer_syntax() == target.uid);
        if let Some(name) = &options.verify_with {
            let no_verifier = || Reason::NoVerifier { name: name.clone(), target: target.keyword.to_owned() };
            let decoder = fits.find(|decoder| decoder.name() == name).ok_or_else(no_verifier)?;
            return Ok(Pair { encoder, decoder });
        }
        let decoder = fits
            .clone()
            .filter(|decoder| decoder.is_of_another_make(encoder))
            .min_by_key(|decoder| Reverse(decoder.eagerness()))
            .or_else(|| fits.next())
            .ok_or_else(no_encoder)?;
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
            let others = || {
                DECODERS.iter().filter(|decoder| {
                    decoder.transfer_syntax() == target.uid && decoder.is_of_another_make(*encoder)
                })
            };
            let name = encoder.name();
            assert_eq!(found.decoder.is_of_another_make(*encoder), others().count() > 0, "{name}");
            let most_eager = others().map(|decoder| decoder.eagerness()).max();
            assert!(most_eager.is_none_or(|eagerness| found.decoder.eagerness() == eagerness), "{name}");
        }
    }

    #[test]
    fn every_decoder_proves_when_it_is_named() {
        for encoder in ENCODERS {
            let target = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
            for decoder in DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid) {
                let verify_with = Some(decoder.name().to_owned());
                let found = Pair::of(target, &Options { verify_with, ..Options::default() }).unwrap();
                assert_eq!(found.decoder.name(), decoder.name());
            }
            let verify_with = Some("nobody".to_owned());
            let found = Pair::of(target, &Options { verify_with, ..Options::default() });
            assert!(matches!(found.err(), Some(Reason::NoVerifier { .. })), "{}", target.keyword);
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

    #[test]
    fn every_decoder_of_the_target_can_be_asked_to_verify() {
        for decoder in DECODERS {
            let target = TransferSyntax::of_uid(decoder.transfer_syntax()).unwrap();
            let with = |name: &str| {
                Pair::of(target, &Options { verify_with: Some(name.to_owned()), ..Options::default() })
            };
            match with(decoder.name()) {
                Ok(found) => assert_eq!(found.decoder.name(), decoder.name()),
                Err(reason) => assert_eq!(reason, Reason::NoEncoder(target.keyword.to_owned())),
            }
            let unknown = with("nobody").err().map(|reason| reason.name());
            assert!(matches!(unknown, Some("no_verifier" | "no_encoder")));
        }
    }
}
