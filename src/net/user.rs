//! Users of access rules: a name, and a passcode of which only the hash is kept (PS3.7 D.3.3.7).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::Deserialize;
use std::fmt;
use std::io;

/// Somebody who may come in by saying who it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The username.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// The hash of its passcode; without one, the name is enough.
    #[serde(default)]
    pub passcode: Option<PasscodeHash>,
}

/// An Argon2 hash as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. Nobody can tell the passcode from it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PasscodeHash(PasswordHash);

/// Why a text is no hash of a passcode, or none can be made.
#[derive(Debug, thiserror::Error)]
pub enum NotAPasscodeHash {
    /// It is something else; perhaps the passcode itself.
    #[error("a passcode is given by its hash, \"$argon2id$…\": `condenser passcode` makes it")]
    Text,
    /// No salt can be had.
    #[error("no random bytes can be had: {0}")]
    Random(#[from] io::Error),
    /// Argon2 itself.
    #[error("the hash cannot be made: {0}")]
    Hash(argon2::password_hash::Error),
}

impl PasscodeHash {
    /// The hash of a passcode, with a salt of its own.
    ///
    /// # Errors
    /// When the system has no random bytes or no memory.
    pub fn of(passcode: &[u8]) -> Result<Self, NotAPasscodeHash> {
        let mut salt = [0; 16];
        let mut filled = 0;
        while let Some(rest) = salt.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())
                .map_err(io::Error::from)?;
        }
        let hash = Argon2::default().hash_password_with_salt(passcode, &salt);
        hash.map(Self).map_err(NotAPasscodeHash::Hash)
    }

    /// Whether it is the hash of this passcode. Takes its time, on purpose, and the same for a right and a wrong one.
    pub(super) fn is_of(&self, passcode: &[u8]) -> bool {
        Argon2::default().verify_password(passcode, &self.0).is_ok()
    }
}

impl TryFrom<String> for PasscodeHash {
    type Error = NotAPasscodeHash;

    fn try_from(text: String) -> Result<Self, NotAPasscodeHash> {
        let hash = PasswordHash::new(&text).map_err(|_| NotAPasscodeHash::Text)?;
        let is_whole = text.starts_with("$argon2") && hash.salt.is_some() && hash.hash.is_some();
        if is_whole { Ok(Self(hash)) } else { Err(NotAPasscodeHash::Text) }
    }
}

impl fmt::Display for PasscodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PasscodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasscodeHash(…)")
    }
}

fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Err(serde::de::Error::custom("an empty name, which nobody has"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passcode_is_known_by_its_hash_alone() {
        let hash = PasscodeHash::of("páss:word".as_bytes()).unwrap();
        let text = hash.to_string();
        assert!(text.starts_with("$argon2id$v=19$") && !text.contains("word"), "{text}");
        let read = PasscodeHash::try_from(text).unwrap();
        assert!(read.is_of("páss:word".as_bytes()));
        for wrong in ["", "páss:wor", "páss:word ", "Páss:word"] {
            assert!(!read.is_of(wrong.as_bytes()), "{wrong}");
        }
        assert_ne!(PasscodeHash::of(b"a").unwrap(), PasscodeHash::of(b"a").unwrap(), "each has its own salt");
        assert!(!format!("{read:?}").contains('$'));
    }

    #[test]
    fn a_passcode_that_is_written_down_as_it_is_is_refused_with_the_way_out() {
        for text in
            ["name = 'a'\npasscode = 'secret'", "name = 'a'\npasscode = '$argon2id$v=19$m=19456,t=2,p=1'"]
        {
            let error = toml::from_str::<User>(text).unwrap_err().to_string();
            assert!(error.contains("condenser passcode"), "{error}");
        }
        assert!(toml::from_str::<User>("name = ''").is_err());
        assert!(toml::from_str::<User>("name = 'a'").unwrap().passcode.is_none());
    }
}
