//! The `[queue]` section of the configuration.

use serde::Deserialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the queue is kept. Without a peer there is no queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `"sqlite:PATH"`: a database file, made when it is missing. A relative path counts from where the node was
    /// started. Where nothing is said it is `queue.db` in the folder of the store.
    pub url: Option<QueueUrl>,
}

/// What keeps the queue, and where.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum QueueUrl {
    /// An SQLite database in a file of this machine.
    Sqlite(PathBuf),
}

impl QueueUrl {
    /// The queue of a store of which nothing else is said.
    pub fn in_store(store: &Path) -> Self {
        Self::Sqlite(store.join("queue.db"))
    }
}

impl FromStr for QueueUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(format!("{text:?} is no queue; write \"sqlite:PATH\"")),
        }
    }
}

impl TryFrom<String> for QueueUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_its_kind_and_its_path() {
        let url = QueueUrl::in_store(Path::new("data"));
        assert_eq!(url.to_string(), "sqlite:data/queue.db");
        assert_eq!("sqlite:data/queue.db".parse(), Ok(url));
        for text in ["", "sqlite:", "data/queue.db", "postgres://host/queue"] {
            assert!(text.parse::<QueueUrl>().is_err(), "{text}");
        }
    }
}
