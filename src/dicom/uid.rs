//! Unique identifiers (PS3.5 section 9), and this implementation's own (PS3.7 section D.3.3.2).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

/// This implementation, to its peers: UUID-derived (PS3.5 section B.2), the same for every version.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.229565422135063628143977057085036366160";

/// This version of the implementation, to its peers: at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str = concat!(
    "CONDENSER_",
    env!("CARGO_PKG_VERSION_MAJOR"),
    "_",
    env!("CARGO_PKG_VERSION_MINOR"),
    "_",
    env!("CARGO_PKG_VERSION_PATCH")
);
const _: () = assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16, "PS3.7 table D.3-3 allows 16 characters");

const MAX_LENGTH: usize = 64;

/// A UID that obeys PS3.5 section 9.1: 1 to 64 characters, components of digits without leading zeros, between dots.
///
/// It holds nothing but digits and single dots, so it can name a file: it is not empty, is not `.` or `..`,
/// does not begin or end with a dot and has no separator in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Box<str>);

/// Why a text is no UID.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UidError {
    /// There is no character at all.
    #[error("the UID is empty")]
    Empty,
    /// There are more than 64 characters.
    #[error("the UID is {length} characters long, 64 are allowed")]
    TooLong {
        /// How many bytes there are.
        length: u64,
    },
    /// A byte is neither a digit nor a dot.
    #[error("the UID has something other than digits and dots at position {position}")]
    Character {
        /// Which byte, counted from 0.
        position: usize,
    },
    /// Two dots in a row, or a dot at the start or the end.
    #[error("the UID has an empty component")]
    EmptyComponent,
    /// A component of more than one digit starts with 0.
    #[error("the UID has a component with a leading zero")]
    LeadingZero,
}

impl Uid {
    /// The UID that `text` is, without any padding.
    ///
    /// # Errors
    /// What PS3.5 section 9.1 forbids.
    pub fn parse(text: &str) -> Result<Uid, UidError> {
        check(text.as_bytes())?;
        Ok(Uid(text.into()))
    }

    /// The UID that the value of a UI element is. One trailing NUL is what the standard asks for when the length
    /// would be odd; any number of trailing NULs and spaces is accepted, because both are seen.
    ///
    /// # Errors
    /// What PS3.5 section 9.1 forbids; a NUL or a space anywhere else; several values.
    pub fn from_value(value: &[u8]) -> Result<Uid, UidError> {
        let padding = value.iter().rev().take_while(|&&byte| byte == 0 || byte == b' ').count();
        let text = &value[..value.len() - padding];
        check(text)?;
        // Only ASCII digits and dots passed the check.
        Ok(Uid(String::from_utf8_lossy(text).into()))
    }

    /// A new UID of 128 random bits under the root 2.25 (PS3.5 section B.2; a version 4 UUID).
    pub fn generate() -> Uid {
        let version_and_variant = (0x4 << 76) | (0x2 << 62);
        let others = !((0xF << 76) | (0x3 << 62));
        Uid(format!("2.25.{}", (random() & others) | version_and_variant).into())
    }

    /// The UID of 128 bits that were made by some other means, under the root 2.25: all bits count but those six that say
    /// that (RFC 9562, a version 8 UUID).
    pub fn of_bits(bits: u128) -> Uid {
        let version_and_variant = (0x8 << 76) | (0x2 << 62);
        let others = !((0xF << 76) | (0x3 << 62));
        Uid(format!("2.25.{}", (bits & others) | version_and_variant).into())
    }

    /// The characters, without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Uid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Uid, UidError> {
        Uid::parse(text)
    }
}

impl AsRef<str> for Uid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Uid {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Uid {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &[u8]) -> Result<(), UidError> {
    if text.is_empty() {
        return Err(UidError::Empty);
    }
    // The length comes first, so that a value of a gigabyte costs nothing.
    if text.len() > MAX_LENGTH {
        return Err(UidError::TooLong { length: text.len() as u64 });
    }
    if let Some(position) = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.') {
        return Err(UidError::Character { position });
    }
    for component in text.split(|&byte| byte == b'.') {
        match component {
            [] => return Err(UidError::EmptyComponent),
            [b'0', _, ..] => return Err(UidError::LeadingZero),
            _ => {}
        }
    }
    Ok(())
}

/// 128 bits from the kernel. Where the kernel has no getrandom, the random keys of the standard library's hash maps
/// serve: two values of a keyed hash under keys that no other process has.
fn random() -> u128 {
    let mut bytes = [0; 16];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(16) => u128::from_ne_bytes(bytes),
        _ => {
            let half = || u128::from(RandomState::new().hash_one(IMPLEMENTATION_CLASS_UID));
            (half() << 64) | half()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn what_the_standard_allows_is_a_uid() {
        let longest = format!("1.{}", "2".repeat(62));
        for text in ["1", "0", "1.2.840.10008.1.1", "2.25.0", "1.0.0", IMPLEMENTATION_CLASS_UID, &longest] {
            assert_eq!(Uid::parse(text).map(|uid| uid.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_the_standard_forbids_is_not() {
        use UidError::*;
        let too_long = format!("1.{}", "2".repeat(63));
        for (text, error) in [
            ("", Empty),
            (too_long.as_str(), TooLong { length: 65 }),
            ("../../etc/x", Character { position: 2 }),
            ("/etc/cron.d/x", Character { position: 0 }),
            ("..", EmptyComponent),
            (".", EmptyComponent),
            (".1", EmptyComponent),
            ("1.", EmptyComponent),
            ("1..2", EmptyComponent),
            ("01.2", LeadingZero),
            ("1.00", LeadingZero),
            (" ", Character { position: 0 }),
            ("1.2 ", Character { position: 3 }),
            ("1.2\0", Character { position: 3 }),
            ("1.2\0.3", Character { position: 3 }),
            ("1.2\\1.3", Character { position: 3 }),
            ("1.2\n", Character { position: 3 }),
            ("-1.2", Character { position: 0 }),
            ("1.２", Character { position: 2 }),
            ("١.٢", Character { position: 0 }),
            ("CON", Character { position: 0 }),
            ("1.2.a", Character { position: 4 }),
        ] {
            assert_eq!(Uid::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_value_may_be_padded_at_its_end_only() {
        for value in [&b"1.2.3"[..], b"1.2.3\0", b"1.2.3 ", b"1.2.3\0\0\0", b"1.2.3 \0"] {
            assert_eq!(Uid::from_value(value).unwrap(), "1.2.3");
        }
        assert_eq!(Uid::from_value(b"\0\0"), Err(UidError::Empty));
        assert_eq!(Uid::from_value(b""), Err(UidError::Empty));
        assert_eq!(Uid::from_value(b" 1.2"), Err(UidError::Character { position: 0 }));
        assert_eq!(Uid::from_value(b"1.2\x003"), Err(UidError::Character { position: 3 }));
        assert_eq!(Uid::from_value(b"1.2\xFF"), Err(UidError::Character { position: 3 }));
        assert_eq!(Uid::from_value(&vec![b'1'; 1 << 20]), Err(UidError::TooLong { length: 1 << 20 }));
        let mut padded = vec![b'1'; 64];
        padded.resize(1 << 20, 0);
        assert!(Uid::from_value(&padded).is_ok());
    }

    #[test]
    fn a_generated_uid_is_valid_new_and_a_version_4_uuid() {
        let uids: HashSet<_> = (0..1000).map(|_| Uid::generate()).collect();
        assert_eq!(uids.len(), 1000);
        for uid in &uids {
            assert_eq!(Uid::parse(uid.as_str()).as_ref(), Ok(uid));
            let number: u128 = uid.as_str().strip_prefix("2.25.").unwrap().parse().unwrap();
            assert_eq!((number >> 76) & 0xF, 4);
            assert_eq!((number >> 62) & 0x3, 2);
        }
    }

    #[test]
    fn our_own_identity_is_valid() {
        assert!(Uid::parse(IMPLEMENTATION_CLASS_UID).is_ok());
        assert!(IMPLEMENTATION_VERSION_NAME.starts_with("CONDENSER_"));
    }

    proptest! {
        /// What is accepted can name a file, whatever was sent.
        #[test]
        fn a_uid_is_one_plain_path_component(value in "[0-9./\\\\ \\x00]{0,70}") {
            if let Ok(uid) = Uid::from_value(value.as_bytes()) {
                let path = std::path::Path::new(uid.as_str());
                assert_eq!(path.file_name(), Some(path.as_os_str()));
                assert_eq!(path.components().count(), 1);
                assert_eq!(Uid::parse(uid.as_str()), Ok(uid));
            }
        }
    }
}
