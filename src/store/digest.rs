//! The digest by which a received instance is known again.

use crate::dicom::{Source, in_pieces};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::str::FromStr;

/// BLAKE3 over the transfer syntax UID, a zero byte and the data set, as received: two instances with the same digest
/// are the same bytes in the same transfer syntax.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct NotADigest;

impl Digest {
    /// What stands where a digest is not known yet.
    pub const UNKNOWN: Self = Self([0; 32]);

    /// The digest of a data set in this transfer syntax.
    ///
    /// # Errors
    /// Those of the source.
    pub fn of(transfer_syntax: &str, data_set: &dyn Source) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(transfer_syntax.as_bytes());
        hasher.update(&[0]);
        in_pieces(data_set, 0..data_set.len(), |bytes| {
            hasher.update(&bytes);
            Ok(())
        })?;
        Ok(Self(hasher.finalize().into()))
    }

    /// That of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The first hexadecimal digits, enough to tell files apart for the eye.
    pub(super) fn digits(&self, count: usize) -> String {
        let mut text = self.to_string();
        text.truncate(count);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        blake3::Hash::from_hex(text).map(|hash| Self(hash.into())).map_err(|_| NotADigest)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_every_byte_and_on_the_transfer_syntax() {
        let bytes = vec![5_u8; (3 << 20) + 1];
        let digest = Digest::of("1.2.840.10008.1.2", &bytes).unwrap();
        assert_eq!(digest, Digest::of("1.2.840.10008.1.2", &bytes.as_slice()).unwrap());
        assert_ne!(digest, Digest::of("1.2.840.10008.1.2.1", &bytes).unwrap());
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_ne!(digest, Digest::of("1.2.840.10008.1.2", &other).unwrap());
        // The zero byte keeps the end of the UID apart from the beginning of the data set.
        assert_ne!(
            Digest::of("1.2", &b"3".as_slice()).unwrap(),
            Digest::of("1.23", &b"".as_slice()).unwrap()
        );
    }

    #[test]
    fn it_is_written_and_read_as_hexadecimal_digits() {
        let digest = Digest::of("1.2", &b"x".as_slice()).unwrap();
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.digits(12).len(), 12);
        assert!("xyz".parse::<Digest>().is_err());
    }
}
