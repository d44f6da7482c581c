//! The configuration file as types: the sum of every part's own `Config`, loaded, cross-checked and explained.
//!
//! A [`Config`] that was loaded is right: names were looked up, addresses parsed, limits compared. An error names the
//! file, the line and the key, and everything that is wrong is listed at once.

use crate::codec::ENCODERS;
use crate::dicom::{TRANSFER_SYNTAXES, TransferSyntax};
use crate::observe::LogConfig;
use crate::{net, store};
use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// The word that means «store what comes».
const NONE: &str = "none";

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The DICOM acceptor: name, addresses, limits, deadlines.
    pub node: net::Config,
    /// Where instances rest.
    pub store: store::Config,
    /// What instances are condensed to.
    pub compress: Compress,
    /// How the node logs.
    pub log: LogConfig,
}

/// What received instances are condensed to.
#[derive(Clone, Debug, Deserialize)]
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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The file is not TOML, or holds a key or a value that we do not know.
    #[error("{}: {error}", path.display())]
    Parse {
        /// The configuration file.
        path: PathBuf,
        /// Line, column and what was expected.
        error: toml::de::Error,
    },
    /// Every value can be read, and some do not fit.
    #[error("{}: {}", source_name(path.as_deref()), faults.join("; "))]
    Check {
        /// The configuration file; `None` for the embedded default and the command line.
        path: Option<PathBuf>,
        /// One sentence a fault, each beginning with its key.
        faults: Vec<String>,
    },
}

impl Config {
    /// Reads, parses and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file and all that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Parse { path: path.to_owned(), error })?;
        config.checked(Some(path))
    }

    /// Compares the parts with each other and fills in what one part must know of another.
    ///
    /// # Errors
    /// [`ConfigError::Check`] with all faults.
    pub fn checked(mut self, path: Option<&Path>) -> Result<Self, ConfigError> {
        let faults: Vec<String> = self.node.check().iter().map(|fault| format!("node.{fault}")).collect();
        if !faults.is_empty() {
            return Err(ConfigError::Check { path: path.map(Path::to_owned), faults });
        }
        // What we would store anyway is accepted first: it need not be encoded again.
        self.node.preferred = self.compress.to.0;
        Ok(self)
    }
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

fn source_name(path: Option<&Path>) -> String {
    path.map_or_else(|| "configuration".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.checked(None).map_err(|error| error.to_string())
    }

    #[test]
    fn every_file_in_config_is_read_and_right() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Config::load(&path).unwrap();
                read += 1;
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn the_file_in_config_says_what_the_defaults_are() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/condenser.toml");
        let file = Config::load(&path).unwrap();
        let default = Config::default().checked(None).unwrap();
        assert_eq!(format!("{file:?}"), format!("{default:?}"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse("[node]\nae_title = \"A\"\nae_titel = \"B\"\n").unwrap_err();
        assert!(error.contains("line 3") && error.contains("ae_titel"), "{error}");
    }

    #[test]
    fn a_target_that_we_cannot_write_is_refused_with_those_that_we_can() {
        for name in ["JPEG2000Lossless", "MPEG2MPML", "NoSuchSyntax", "ExplicitVRLittleEndian"] {
            let error = parse(&format!("[compress]\nto = \"{name}\"\n")).unwrap_err();
            assert!(error.contains("JPEGLSLossless") && error.contains("RLELossless"), "{error}");
        }
    }

    #[test]
    fn the_target_is_a_keyword_a_uid_or_none() {
        let keyword = |text: &str| parse(text).unwrap().compress.target().map(|syntax| syntax.keyword);
        assert_eq!(keyword("[compress]\nto = \"rlelossless\"\n"), Some("RLELossless"));
        assert_eq!(keyword("[compress]\nto = \"1.2.840.10008.1.2.4.80\"\n"), Some("JPEGLSLossless"));
        assert_eq!(keyword("[compress]\nto = \"none\"\n"), None);
        assert_eq!(keyword(""), Some("JPEGLSLossless"));
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let error =
            parse("[node]\nae_title = \"SEVENTEEN LETTERS\"\n[node.limits]\nassociations = 0\n").unwrap_err();
        assert!(error.contains("ae_title") && error.contains("associations"), "{error}");
    }
}
