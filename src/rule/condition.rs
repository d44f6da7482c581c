//! The conditions of a rule: lists of which one entry must fit.

use crate::dicom::{StorageClass, TransferSyntax, Wildcard};
use serde::{Deserialize, Deserializer, de};

/// A condition: one of its entries must fit. A condition that is left out has none, and everything fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOf<T>(Vec<T>);

/// A SOP class as a rule names it: a keyword such as `CTImageStorage`, a UID, or a UID with wild cards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SopClassPattern(pub(super) Wildcard);

/// A transfer syntax as a rule names it: a keyword such as `JPEGBaseline8Bit`, a UID, or a UID with wild cards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TransferSyntaxPattern(pub(super) Wildcard);

impl<T> OneOf<T> {
    /// Whether nothing is asked, or one entry fits.
    pub(super) fn admits(&self, fits: impl FnMut(&T) -> bool) -> bool {
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

impl OneOf<Wildcard> {
    pub(super) fn admits_text(&self, value: &str) -> bool {
        self.admits(|pattern| pattern.matches(value))
    }
}

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::deserialize(deserializer)?;
        // Nothing could ever fit; whoever wrote it means either everything or something that is missing.
        if entries.is_empty() {
            return Err(de::Error::custom("an empty list, which nothing fits; leave the condition out"));
        }
        Ok(Self(entries))
    }
}

impl TryFrom<String> for SopClassPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let uid = StorageClass::of_name(&text).map(|class| class.uid);
        pattern(&text, uid, "SOP class").map(Self)
    }
}

impl TryFrom<String> for TransferSyntaxPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let uid = TransferSyntax::of_name(&text).map(|syntax| syntax.uid);
        pattern(&text, uid, "transfer syntax").map(Self)
    }
}

/// The UID of a keyword, or a text that can be a UID with wild cards.
fn pattern(text: &str, uid: Option<&'static str>, what: &str) -> Result<Wildcard, String> {
    let may_be_uid =
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | '?'));
    match uid {
        Some(uid) => Ok(uid.into()),
        None if may_be_uid => Ok(text.into()),
        None => Err(format!("`{text}` is no {what}: neither a keyword nor a UID")),
    }
}
