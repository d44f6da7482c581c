//! What received instances are condensed to: the settings of `[compress]`, which each rule inherits.

use crate::codec::ENCODERS;
use crate::dicom::{TRANSFER_SYNTAXES, TransferSyntax};
use serde::Deserialize;
use std::fmt;

/// The word that means «store what comes».
const NONE: &str = "none";

/// What received instances are condensed to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compress {
    /// The transfer syntax to store, as a keyword such as `"JPEGLSLossless"` or a UID; `"none"` keeps what came.
    pub to: Target,
    /// Decode every encoded frame again and compare it with the received samples before it counts.
    pub verify: bool,
    /// What to do with an instance that cannot be condensed.
    pub otherwise: Otherwise,
}

/// A transfer syntax that we can write, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(Option<&'static TransferSyntax>);

/// What happens to an instance that cannot be condensed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It is stored as it was received, and acknowledged.
    #[default]
    Keep,
    /// The C-STORE of an uncompressed image fails, and the image is put into quarantine. What is no image, or is
    /// compressed already, is stored all the same.
    Refuse,
}

impl Default for Compress {
    fn default() -> Self {
        let to = Target(TransferSyntax::of_name("JPEGLSLossless"));
        Self { to, verify: true, otherwise: Otherwise::Keep }
    }
}

impl Compress {
    /// The transfer syntax to condense into; `None` keeps what came.
    pub fn target(&self) -> Option<&'static TransferSyntax> {
        self.to.0
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(NONE) {
            return Ok(Self(None));
        }
        let writable = || targets().map(|syntax| syntax.keyword).collect::<Vec<_>>().join(", ");
        let syntax = TransferSyntax::of_name(name).ok_or_else(|| {
            format!("`{name}` is not a transfer syntax; we can write {}, or `{NONE}`", writable())
        })?;
        if !targets().any(|target| target == syntax) {
            return Err(format!(
                "we cannot write {}; we can write {}, or `{NONE}`",
                syntax.keyword,
                writable()
            ));
        }
        Ok(Self(Some(syntax)))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or(NONE, |syntax| syntax.keyword))
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The transfer syntaxes that there is an encoder for, each once.
fn targets() -> impl Iterator<Item = &'static TransferSyntax> {
    TRANSFER_SYNTAXES
        .iter()
        .filter(|syntax| ENCODERS.iter().any(|encoder| encoder.transfer_syntax() == syntax.uid))
}
