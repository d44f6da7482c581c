//! Where a DICOM peer listens, as it is written: `pacs.example:104`, `192.0.2.7:11112`, `[::1]:11112`.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// A host and a TCP port. A name stays a name: it is looked up for each connection, since a peer may move.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PeerAddress {
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// The TCP port; not 0.
    pub port: u16,
}

/// Why a text is no address of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPeerAddress {
    /// No colon.
    #[error("the port is missing: HOST:PORT")]
    NoPort,
    /// Something else than a number of 16 bits, or 0.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// Where the port begins could not be told otherwise.
    #[error("write an IPv6 address in brackets: [::1]:11112")]
    Brackets,
    /// Nothing before the colon.
    #[error("the host is missing: HOST:PORT")]
    NoHost,
}

impl FromStr for PeerAddress {
    type Err = NotAPeerAddress;

    fn from_str(text: &str) -> Result<Self, NotAPeerAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(NotAPeerAddress::NoPort)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(NotAPeerAddress::Port)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host,
            None if host.contains(':') => return Err(NotAPeerAddress::Brackets),
            None => host,
        };
        if host.is_empty() {
            return Err(NotAPeerAddress::NoHost);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl TryFrom<String> for PeerAddress {
    type Error = NotAPeerAddress;

    fn try_from(text: String) -> Result<Self, NotAPeerAddress> {
        text.parse()
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["pacs.example:104", "127.0.0.1:11112", "[::1]:11112"] {
            assert_eq!(text.parse::<PeerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        for (text, mistake) in [
            ("host", NotAPeerAddress::NoPort),
            ("host:0", NotAPeerAddress::Port),
            ("host:dicom", NotAPeerAddress::Port),
            ("::1:104", NotAPeerAddress::Brackets),
            (":104", NotAPeerAddress::NoHost),
        ] {
            assert_eq!(text.parse::<PeerAddress>(), Err(mistake), "{text}");
        }
    }
}
