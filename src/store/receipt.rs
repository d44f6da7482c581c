//! The receipt inside every file of the store: what was received, and why it is stored as it is.
//!
//! It is a small JSON text in the file meta information, as Private Information (0002,0102) under our Private
//! Information Creator UID (0002,0100), PS3.10 7.1. Other software ignores it.

use super::digest::Digest;
use crate::dicom::{FileMeta, PrivateInformation};
use serde::{Deserialize, Serialize};

/// Our Private Information Creator UID: whoever finds it in (0002,0100) may read (0002,0102) as a receipt.
pub const RECEIPT_CREATOR_UID: &str = "2.25.73213977270122420265123502818347346161";

/// A file meta group is read up to this length to find the receipt; ours are far shorter.
pub(super) const LONGEST_META: u64 = 64 * 1024;

/// What was received and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The digest of the instance as received.
    pub digest: Digest,
    /// The transfer syntax UID in which it was received.
    pub transfer_syntax: String,
    /// Whether it is stored condensed or as received.
    pub outcome: ReceiptOutcome,
    /// Why it was kept as received; a stable name in snake case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the data set as it is stored, where that is another one than was received. [`Digest::UNKNOWN`] asks the
    /// store to write it down when the file is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Digest>,
}

/// How an instance is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiptOutcome {
    /// In the target transfer syntax, every frame proven.
    Condensed,
    /// As received.
    Kept,
}

/// Why private information is not a receipt of ours.
#[derive(Debug, thiserror::Error)]
#[error("the receipt cannot be read: {0}")]
pub struct ReceiptError(#[from] serde_json::Error);

impl Receipt {
    /// The receipt in a file's meta information, where there is one of ours that can be read.
    pub fn of(meta: &FileMeta) -> Option<Self> {
        let private = meta.private.as_ref().filter(|private| private.creator == RECEIPT_CREATOR_UID)?;
        Self::from_bytes(&private.bytes).ok()
    }

    /// For [`FileMeta::private`].
    pub fn to_private(&self) -> PrivateInformation {
        PrivateInformation { creator: RECEIPT_CREATOR_UID.to_owned(), bytes: self.to_bytes() }
    }

    /// The value of (0002,0102): JSON, of even length.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, and nothing that JSON could refuse.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        bytes
    }

    /// Reads a value of (0002,0102). Fields that a later version adds are passed over.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
        Ok(serde_json::from_slice(bytes.get(..end).unwrap_or_default())?)
    }
}

impl ReceiptOutcome {
    /// The word in the receipt.
    pub fn name(self) -> &'static str {
        match self {
            Self::Condensed => "condensed",
            Self::Kept => "kept",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(reason: Option<&str>) -> Receipt {
        Receipt {
            digest: Digest::of("1.2", &b"x".as_slice()).unwrap(),
            transfer_syntax: "1.2.840.10008.1.2.1".to_owned(),
            outcome: ReceiptOutcome::Kept,
            reason: reason.map(str::to_owned),
            stored: None,
        }
    }

    #[test]
    fn it_survives_writing_and_reading_with_even_length() {
        for reason in [None, Some("one_bit"), Some("no_pixel_data")] {
            let receipt = receipt(reason);
            let mut bytes = receipt.to_bytes();
            assert_eq!(bytes.len() % 2, 0);
            assert_eq!(Receipt::from_bytes(&bytes).unwrap(), receipt);
            // Another writer may pad with zero bytes.
            bytes.extend([0, 0]);
            assert_eq!(Receipt::from_bytes(&bytes).unwrap(), receipt);
        }
    }

    #[test]
    fn only_private_information_of_ours_is_read() {
        let receipt = receipt(None);
        let mut meta = FileMeta { private: Some(receipt.to_private()), ..FileMeta::default() };
        assert_eq!(Receipt::of(&meta), Some(receipt.clone()));
        meta.private = Some(PrivateInformation { creator: "1.2.3".to_owned(), bytes: receipt.to_bytes() });
        assert_eq!(Receipt::of(&meta), None);
        meta.private = None;
        assert_eq!(Receipt::of(&meta), None);
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let text = String::from_utf8(receipt(None).to_bytes()).unwrap().replacen('{', "{\"later\":[1],", 1);
        assert_eq!(Receipt::from_bytes(text.as_bytes()).unwrap(), receipt(None));
    }

    #[test]
    fn anything_else_is_not_a_receipt() {
        for bytes in [
            &b""[..],
            b"\0\0",
            b"{}",
            b"\xff",
            b"{\"digest\":\"12\",\"transfer_syntax\":\"1\",\"outcome\":\"kept\"}",
        ] {
            assert!(Receipt::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
