//! What a rule can name as its target: transfer syntaxes that we can write, and the implementations that write them.

use crate::codec::{DECODERS, ENCODERS, targets};
use crate::dicom::TransferSyntax;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;

/// What instances are condensed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// They are stored as they come: `"none"`.
    None,
    /// This transfer syntax.
    One(Writable),
    /// That of the candidates in which a sample of frames comes out smallest: `"auto"`.
    Auto,
}

/// A transfer syntax that there is an encoder for, as a keyword or a UID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writable(pub &'static TransferSyntax);

/// The name of an implementation, or `"any"`: the first of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Implementation(Option<String>);

const NONE: &str = "none";
const AUTO: &str = "auto";
const ANY: &str = "any";

impl Target {
    /// The one transfer syntax, where it is one.
    pub fn syntax(self) -> Option<&'static TransferSyntax> {
        match self {
            Self::One(syntax) => Some(syntax.0),
            Self::None | Self::Auto => None,
        }
    }
}

impl Implementation {
    /// The name; `None` for any.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            NONE => Ok(Self::None),
            AUTO => Ok(Self::Auto),
            _ => name
                .parse()
                .map(Self::One)
                .map_err(|error: String| format!("{error}, or `{AUTO}`, or `{NONE}`")),
        }
    }
}

impl FromStr for Writable {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let writable = || targets().map(|syntax| syntax.keyword).collect::<Vec<_>>().join(", ");
        let syntax = TransferSyntax::of_name(name)
            .ok_or_else(|| format!("`{name}` is not a transfer syntax; we can write {}", writable()))?;
        if !targets().any(|target| target == syntax) {
            return Err(format!("we cannot write {}; we can write {}", syntax.keyword, writable()));
        }
        Ok(Self(syntax))
    }
}

impl FromStr for Implementation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(ANY) {
            return Ok(Self(None));
        }
        let mut known: Vec<&str> = ENCODERS.iter().map(|encoder| encoder.name()).collect();
        known.extend(DECODERS.iter().map(|decoder| decoder.name()));
        known.sort_unstable();
        known.dedup();
        if known.contains(&name) {
            return Ok(Self(Some(name.to_owned())));
        }
        Err(format!("`{name}` is no implementation; there are {}, or `{ANY}`", known.join(", ")))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => NONE,
            Self::One(syntax) => syntax.0.keyword,
            Self::Auto => AUTO,
        })
    }
}

impl fmt::Display for Writable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.keyword)
    }
}

/// Those that are read from their text.
macro_rules! deserialize_from_text {
    ($($what:ty),*) => {
        $(impl<'de> Deserialize<'de> for $what {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        })*
    };
}
deserialize_from_text!(Target, Writable, Implementation);
