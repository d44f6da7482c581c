//! The seal of a file of the store: the digest of its data set, and the check by it.
//!
//! An instance that is stored as it was received is proven by the digest of what was received. One that is condensed has
//! another data set, whose digest is written into its receipt once all of it is there, before the file gets its name.

use super::digest::Digest;
use super::file_source::FileSource;
use super::receipt::{LONGEST_META, Receipt, ReceiptOutcome};
use crate::dicom::{FileMeta, Section, Source};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What a check by the seal finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// The data set is the one that was sealed.
    Whole,
    /// The data set is another one: the disk, or somebody, has changed it.
    Altered,
    /// It is a Part 10 file of ours, from a version that did not seal.
    Unsealed,
    /// It is no file of ours.
    Foreign,
}

/// What stands in a receipt until the digest is known.
const UNSEALED: &str = "\"stored\":\"0000000000000000000000000000000000000000000000000000000000000000\"";

/// Writes the digest of what a file holds into its receipt, where the receipt asks for it.
///
/// # Errors
/// Those of reading and writing the file.
pub(super) fn seal(file: &File) -> io::Result<()> {
    let source = FileSource::new(file.try_clone()?)?;
    let Some((receipt, meta, start)) = receipt_of(&source)? else { return Ok(()) };
    if receipt.stored != Some(Digest::UNKNOWN) {
        return Ok(());
    }
    let header = source.bytes(0..start)?;
    let place = header.windows(UNSEALED.len()).position(|bytes| bytes == UNSEALED.as_bytes());
    let place = place.ok_or_else(|| io::Error::other("the receipt has no room for the digest"))?;
    let digest = Digest::of(&meta.transfer_syntax, &Section::from(&source, start)?)?;
    let digits = digest.to_string();
    // The digits end one byte before the closing quotation mark does.
    file.write_all_at(digits.as_bytes(), (place + UNSEALED.len() - 1 - digits.len()) as u64)
}

/// Reads a file to its end and compares it with its seal.
///
/// # Errors
/// That it cannot be read.
pub(super) fn soundness(source: &FileSource) -> io::Result<Soundness> {
    let Some((receipt, meta, start)) = receipt_of(source)? else { return Ok(Soundness::Foreign) };
    let (transfer_syntax, sealed) = match (receipt.outcome, receipt.stored) {
        (ReceiptOutcome::Kept, _) => (receipt.transfer_syntax, receipt.digest),
        (ReceiptOutcome::Condensed, Some(stored)) => (meta.transfer_syntax, stored),
        (ReceiptOutcome::Condensed, None) => return Ok(Soundness::Unsealed),
    };
    let found = Digest::of(&transfer_syntax, &Section::from(source, start)?)?;
    Ok(if found == sealed { Soundness::Whole } else { Soundness::Altered })
}

/// The receipt of a file, its meta information, and where its data set begins.
fn receipt_of(source: &FileSource) -> io::Result<Option<(Receipt, FileMeta, u64)>> {
    let header = source.bytes(0..source.len().min(LONGEST_META))?;
    let Ok((meta, start)) = FileMeta::parse(&header.as_ref()) else { return Ok(None) };
    Ok(Receipt::of(&meta).map(|receipt| (receipt, meta, start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(outcome: ReceiptOutcome, data_set: &[u8]) -> tempfile::NamedTempFile {
        let receipt = Receipt {
            digest: Digest::of("1.2.840.10008.1.2.1", &data_set).unwrap(),
            transfer_syntax: "1.2.840.10008.1.2.1".to_owned(),
            outcome,
            reason: None,
            stored: (outcome == ReceiptOutcome::Condensed).then_some(Digest::UNKNOWN),
        };
        let meta = FileMeta {
            sop_class: "1.2".to_owned(),
            sop_instance: "1.2.3".to_owned(),
            transfer_syntax: "1.2.840.10008.1.2.4.80".to_owned(),
            private: Some(receipt.to_private()),
            ..FileMeta::default()
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        meta.write(&mut file).unwrap();
        file.write_all(data_set).unwrap();
        file
    }

    fn found(file: &tempfile::NamedTempFile) -> Soundness {
        soundness(&FileSource::new(file.reopen().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn k11_each_changed_bit_of_a_data_set_and_each_cut_is_found() {
        let data_set: Vec<u8> = (0..200).collect();
        for outcome in [ReceiptOutcome::Condensed, ReceiptOutcome::Kept] {
            let file = file(outcome, &data_set);
            seal(file.as_file()).unwrap();
            assert_eq!(found(&file), Soundness::Whole, "{outcome:?}");
            let length = file.as_file().metadata().unwrap().len();
            for at in length - data_set.len() as u64..length {
                let mut byte = [0];
                file.as_file().read_exact_at(&mut byte, at).unwrap();
                for bit in 0..8 {
                    file.as_file().write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
                    assert_eq!(found(&file), Soundness::Altered, "{outcome:?} byte {at} bit {bit}");
                }
                file.as_file().write_all_at(&byte, at).unwrap();
            }
            assert_eq!(found(&file), Soundness::Whole);
            file.as_file().set_len(length - 1).unwrap();
            assert_eq!(found(&file), Soundness::Altered);
        }
    }

    #[test]
    fn what_was_never_sealed_is_told_from_what_was_altered() {
        assert_eq!(
            found(&file(ReceiptOutcome::Condensed, b"pixels")),
            Soundness::Altered,
            "a seal is missing"
        );
        let mut foreign = tempfile::NamedTempFile::new().unwrap();
        foreign.write_all(b"a letter").unwrap();
        assert_eq!(found(&foreign), Soundness::Foreign);
        assert!(seal(foreign.as_file()).is_ok(), "nothing of ours asks for it");
    }
}
