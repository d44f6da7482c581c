//! A DICOM peer as it is typed: `AE@HOST:PORT`.

use super::outcome::CommandError;
use crate::net::{NotAPeerAddress, PeerAddress, is_ae_title};
use std::fmt;
use std::str::FromStr;

/// Whom to call, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its AE title, where it was said.
    pub(super) ae_title: Option<String>,
    /// Name or address; an IPv6 address without brackets.
    pub(super) host: String,
    /// The TCP port.
    pub(super) port: u16,
}

/// The AE title that stands where none is said: a node's own default.
pub(super) const DEFAULT_AE_TITLE: &str = "CONDENSER";

impl Peer {
    /// The same peer, called by this AE title. One before the «@» as well would be a contradiction.
    pub(super) fn calling_it(self, called: Option<&str>) -> Result<Self, CommandError> {
        match (called, &self.ae_title) {
            (Some(called), Some(own)) if called != own => Err(CommandError::Usage(format!(
                "--called {called} contradicts {self}; leave one of them out"
            ))),
            (Some(called), _) => Ok(Self { ae_title: Some(called.to_owned()), ..self }),
            (None, _) => Ok(self),
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> PeerAddress {
        PeerAddress { host: self.host.clone(), port: self.port }
    }

    /// Its AE title, or the node's default.
    pub(super) fn called(&self) -> &str {
        self.ae_title.as_deref().unwrap_or(DEFAULT_AE_TITLE)
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An AE title may contain «@», an address may not.
        let (ae_title, address) = match text.rsplit_once('@') {
            Some((title, address)) => (Some(ae_title(title)?), address),
            None => (None, text),
        };
        let PeerAddress { host, port } =
            address.parse().map_err(|error: NotAPeerAddress| error.to_string())?;
        Ok(Self { ae_title, host, port })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.called(), self.address())
    }
}

/// An AE title as it is typed.
pub(super) fn ae_title(text: &str) -> Result<String, String> {
    if is_ae_title(text) {
        Ok(text.trim_matches(' ').to_owned())
    } else {
        Err("an AE title has 1 to 16 characters of ASCII without backslash".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_understood_as_they_are_typed() {
        for (text, expected) in [
            ("ARCHIVE@pacs.example:104", "ARCHIVE@pacs.example:104"),
            ("127.0.0.1:11112", "CONDENSER@127.0.0.1:11112"),
            ("A@[::1]:11112", "A@[::1]:11112"),
            ("A@B@host:1", "A@B@host:1"),
        ] {
            assert_eq!(text.parse::<Peer>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, expected) in [
            ("host", "port is missing"),
            ("host:0", "1 to 65535"),
            ("host:dicom", "1 to 65535"),
            (":104", "host is missing"),
            ("::1:104", "brackets"),
            ("@host:104", "1 to 16"),
            ("A_TITLE_THAT_IS_TOO_LONG@host:104", "1 to 16"),
        ] {
            let error = text.parse::<Peer>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
