//! Which transfer syntaxes can be written here: those of the encoders, the deflated one, and the native ones.

use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder};
use super::encoders::ENCODERS;
use super::native_form::form_of;
use crate::dicom::{TRANSFER_SYNTAXES, TransferSyntax};

/// The transfer syntaxes that compress: those that there is an encoder for, each once, and the one that deflates the whole
/// data set; in the order of their UIDs.
pub fn targets() -> impl Iterator<Item = &'static TransferSyntax> {
    let deflates = |syntax: &TransferSyntax| form_of(syntax).is_some_and(|form| form.deflated);
    TRANSFER_SYNTAXES.iter().filter(move |syntax| encoders_of(syntax).next().is_some() || deflates(syntax))
}

/// The native transfer syntaxes that instances can be written in, in the order of their UIDs.
pub fn native_targets() -> impl Iterator<Item = &'static TransferSyntax> {
    TRANSFER_SYNTAXES.iter().filter(|syntax| form_of(syntax).is_some())
}

/// The encoders for a transfer syntax; the first is used unless another is named.
pub fn encoders_of(syntax: &TransferSyntax) -> impl Iterator<Item = &'static dyn Encoder> {
    ENCODERS.iter().copied().filter(|encoder| encoder.transfer_syntax() == syntax.uid)
}

/// The decoders for a transfer syntax; the first decodes what came in it.
pub fn decoders_of(syntax: &TransferSyntax) -> impl Iterator<Item = &'static dyn Decoder> {
    DECODERS.iter().copied().filter(|decoder| decoder.transfer_syntax() == syntax.uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_targets_are_those_that_are_not_retired() {
        let keywords: Vec<&str> = native_targets().map(|syntax| syntax.keyword).collect();
        assert_eq!(
            keywords,
            ["ImplicitVRLittleEndian", "ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"]
        );
    }

    #[test]
    fn a_target_of_several_encoders_is_listed_once() {
        for encoder in ENCODERS {
            let found = targets().filter(|syntax| syntax.uid == encoder.transfer_syntax());
            assert_eq!(found.count(), 1, "{}", encoder.name());
        }
    }
}
