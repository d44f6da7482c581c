//! One `[[peer]]` of the configuration: whom instances are forwarded to, and with how much patience.

use crate::net::{PeerAddress, PeerTlsConfig, is_ae_title, read_duration};
use serde::Deserialize;
use std::time::Duration;

/// A peer that rules can forward to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// What rules call it; no two peers have the same name.
    pub name: String,
    /// The AE title that we call.
    pub ae_title: String,
    /// Where it listens. A name is looked up for each connection.
    pub address: PeerAddress,
    /// The AE title that we give ourselves; that of the node where nothing is said.
    #[serde(default)]
    pub calling: Option<String>,
    /// TLS, without which plain text is spoken; there is no way back from one to the other.
    #[serde(default)]
    pub tls: Option<PeerTlsConfig>,
    /// How many associations there may be at a time.
    #[serde(default = "two")]
    pub concurrency: usize,
    /// Whether «delivered» means that the peer has taken responsibility by Storage Commitment (PS3.4 J), rather than
    /// that it answered Success.
    #[serde(default)]
    pub commit: bool,
    /// Whether what the peer took with a warning only is kept here for good, whatever retention says.
    #[serde(default)]
    pub strict_warnings: bool,
    /// How long it may take.
    #[serde(default)]
    pub deadlines: PeerDeadlines,
    /// When what failed is tried again.
    #[serde(default)]
    pub retry: Retry,
}

/// How long a peer may take; each counts from the start of the step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerDeadlines {
    /// For each of its addresses to accept the connection.
    #[serde(deserialize_with = "read_duration")]
    pub connect: Duration,
    /// For the answer to the association request.
    #[serde(deserialize_with = "read_duration")]
    pub associate: Duration,
    /// For the peer to take one PDU.
    #[serde(deserialize_with = "read_duration")]
    pub send: Duration,
    /// For the response to a C-STORE request.
    #[serde(deserialize_with = "read_duration")]
    pub response: Duration,
    /// For the peer to report that it has committed what it was asked to; then it is asked again.
    #[serde(deserialize_with = "read_duration")]
    pub commit: Duration,
}

/// When what failed is tried again: after `first`, then after ever longer pauses up to `longest`, for as long as
/// `window`. What failed for so long is held for the operator; nothing is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// The first pause.
    #[serde(deserialize_with = "read_duration")]
    pub first: Duration,
    /// The longest pause.
    #[serde(deserialize_with = "read_duration")]
    pub longest: Duration,
    /// For how long after it was received an instance is tried.
    #[serde(deserialize_with = "read_duration")]
    pub window: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// More associations than this to one peer help nobody.
const MOST_ASSOCIATIONS: usize = 64;

impl PeerConfig {
    /// A peer of which only the necessary is said.
    pub fn new(name: &str, ae_title: &str, address: PeerAddress) -> Self {
        Self {
            name: name.to_owned(),
            ae_title: ae_title.to_owned(),
            address,
            calling: None,
            tls: None,
            concurrency: two(),
            commit: false,
            strict_warnings: false,
            deadlines: PeerDeadlines::default(),
            retry: Retry::default(),
        }
    }

    /// Everything that is wrong with it, each beginning with its key.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.name.trim().is_empty() {
            wrong.push("name: a peer needs a name".to_owned());
        }
        for (key, title) in [("ae_title", Some(&self.ae_title)), ("calling", self.calling.as_ref())] {
            if let Some(title) = title.filter(|title| !is_ae_title(title)) {
                wrong.push(format!(
                    "{key}: {title:?} is not an AE title (1 to 16 printable ASCII characters, no backslash)"
                ));
            }
        }
        if self.tls.as_ref().is_some_and(|tls| tls.certificate.is_some() != tls.key.is_some()) {
            wrong.push("tls: a certificate needs its key, and a key its certificate".to_owned());
        }
        if !(1..=MOST_ASSOCIATIONS).contains(&self.concurrency) {
            wrong.push(format!("concurrency: must be from 1 to {MOST_ASSOCIATIONS}"));
        }
        wrong.extend(self.retry.check().iter().map(|fault| format!("retry.{fault}")));
        let times = [
            ("deadlines.connect", self.deadlines.connect),
            ("deadlines.associate", self.deadlines.associate),
            ("deadlines.send", self.deadlines.send),
            ("deadlines.response", self.deadlines.response),
            ("deadlines.commit", self.deadlines.commit),
        ];
        let none = times.iter().filter(|(_, time)| time.is_zero());
        wrong.extend(none.map(|(key, _)| format!("{key}: must be longer than nothing")));
        wrong
    }
}

impl Retry {
    /// Everything that is wrong with it, each beginning with its key.
    pub(super) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.first.is_zero() {
            wrong.push("first: must be longer than nothing".to_owned());
        }
        if self.longest < self.first {
            wrong.push("longest: must not be shorter than first".to_owned());
        }
        if self.longest > DAY {
            wrong.push("longest: must not be longer than a day".to_owned());
        }
        wrong
    }
}

impl Default for PeerDeadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            associate: Duration::from_secs(30),
            send: Duration::from_secs(60),
            response: Duration::from_secs(300),
            commit: Duration::from_secs(3600),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_secs(5), longest: Duration::from_secs(600), window: 7 * DAY }
    }
}

fn two() -> usize {
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_needs_a_name_a_title_and_an_address_and_nothing_else() {
        let text = "name = 'archive'\nae_title = 'ARCHIVE'\naddress = 'pacs.example:104'";
        let peer: PeerConfig = toml::from_str(text).unwrap();
        assert_eq!(peer, PeerConfig::new("archive", "ARCHIVE", "pacs.example:104".parse().unwrap()));
        assert_eq!(peer.check(), Vec::<String>::new());
        assert_eq!(peer.retry.window, 7 * DAY);
        for left_out in ["name", "ae_title", "address"] {
            let less: String =
                text.lines().filter(|line| !line.starts_with(left_out)).collect::<Vec<_>>().join("\n");
            let error = toml::from_str::<PeerConfig>(&less).unwrap_err().to_string();
            assert!(error.contains(left_out), "{error}");
        }
    }

    #[test]
    fn every_fault_is_listed_with_its_key() {
        let text = "name = ' '\nae_title = 'SEVENTEEN LETTERS'\naddress = 'a:1'\ncalling = ''\nconcurrency = 0\n\
                    deadlines = { response = '0 s' }\nretry = { first = '1 h', longest = '1 min' }";
        let peer: PeerConfig = toml::from_str(text).unwrap();
        let keys: Vec<String> =
            peer.check().iter().map(|fault| fault.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(
            keys,
            ["name", "ae_title", "calling", "concurrency", "retry.longest", "deadlines.response"]
        );
    }
}
