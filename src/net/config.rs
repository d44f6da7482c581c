//! What the receiving side can be told: names, limits and deadlines.

use super::access::AccessList;
use super::tls::TlsConfig;
use super::units;
use crate::dicom::TransferSyntax;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// The longest P-DATA-TF PDU that is worth asking for; longer ones bring nothing that can be measured.
pub const DEFAULT_MAX_PDU: u32 = 131_072;

/// The settings of the DICOM acceptor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The AE title that peers must call, 1 to 16 characters; others are rejected.
    pub ae_title: String,
    /// The addresses to listen on; port 0 lets the system choose one.
    pub listen: Vec<SocketAddr>,
    /// The longest P-DATA-TF PDU that peers may send, in bytes, without its 6-byte header (4 096 to 4 194 304).
    #[serde(deserialize_with = "max_pdu")]
    pub max_pdu: u32,
    /// Whether SOP classes that the standard does not know (private or too new) are accepted.
    pub unknown_sop_classes: UnknownSopClasses,
    /// The transfer syntax that is accepted before all others when a peer offers it: what we store anyway
    /// need not be encoded again. Set by the node from its compression target.
    #[serde(skip)]
    pub preferred: Option<&'static TransferSyntax>,
    /// Whether Storage Commitment is offered (PS3.4 Annex J). Set by the node from its `[commitment]`.
    #[serde(skip)]
    pub commitment: bool,
    /// Who may come in. Set by the node from its `[[access]]`.
    #[serde(skip)]
    pub access: AccessList,
    /// TLS, on addresses of its own.
    pub tls: Option<TlsConfig>,
    /// How much may be held at a time.
    pub limits: Limits,
    /// How long a peer may take.
    pub deadlines: Deadlines,
}

/// What to do with an abstract syntax that may be a storage SOP class but is not in the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSopClasses {
    /// Receive and keep them: an instance that nobody knows is still an instance that somebody needs.
    Accept,
    /// Reject their presentation contexts as "abstract syntax not supported".
    Refuse,
}

/// How much may be held at a time. Sizes are numbers of bytes or text such as `"64 MiB"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open sockets, associated or not; one more is closed without a word.
    pub connections: usize,
    /// Open sockets from one address; one more is closed without a word.
    pub connections_per_address: usize,
    /// Associations at a time; one more is rejected as "local limit exceeded".
    pub associations: usize,
    /// Associations from one address; one more is rejected likewise.
    pub associations_per_address: usize,
    /// Associations of one calling AE title; one more is rejected likewise.
    pub associations_per_calling: usize,
    /// The largest data set, in bytes. A larger one is read to its end and answered with a failure.
    #[serde(deserialize_with = "units::bytes")]
    pub data_set: u64,
    /// What one data set may hold in memory, in bytes; what is larger goes to a spool file.
    #[serde(deserialize_with = "units::bytes")]
    pub memory_per_data_set: u64,
    /// What all data sets together may hold in memory, in bytes; when it is used up, data sets are spooled.
    #[serde(deserialize_with = "units::bytes")]
    pub memory: u64,
}

/// How long a peer may take. Each counts from the start of the step, never from the last byte, and is text with a
/// unit: `"500 ms"`, `"15 s"`, `"1 h"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// From the connection to the end of the TLS handshake.
    #[serde(deserialize_with = "units::duration")]
    pub handshake: Duration,
    /// From the connection, or the TLS handshake, to the whole association request (ARTIM of PS3.8 9.1.5).
    #[serde(deserialize_with = "units::duration")]
    pub request: Duration,
    /// Between two messages of an association.
    #[serde(deserialize_with = "units::duration")]
    pub idle: Duration,
    /// For one whole message, however large.
    #[serde(deserialize_with = "units::duration")]
    pub message: Duration,
    /// The bytes per second that a message must bring on average over each `rate_window`; 0 asks for nothing.
    #[serde(deserialize_with = "units::bytes")]
    pub minimum_rate: u64,
    /// The stretch of time over which `minimum_rate` is judged.
    #[serde(deserialize_with = "units::duration")]
    pub rate_window: Duration,
    /// For the peer to take a response.
    #[serde(deserialize_with = "units::duration")]
    pub response: Duration,
    /// For the peer to close the connection after the association has ended.
    #[serde(deserialize_with = "units::duration")]
    pub close: Duration,
    /// For running messages to end once the node is to stop.
    #[serde(deserialize_with = "units::duration")]
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            ae_title: "CONDENSER".to_owned(),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 11_112))],
            max_pdu: DEFAULT_MAX_PDU,
            unknown_sop_classes: UnknownSopClasses::Accept,
            preferred: None,
            commitment: false,
            access: AccessList::default(),
            tls: None,
            limits: Limits::default(),
            deadlines: Deadlines::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 1024,
            connections_per_address: 128,
            associations: 256,
            associations_per_address: 64,
            associations_per_calling: 64,
            data_set: 16 << 30,
            memory_per_data_set: 64 << 20,
            memory: 256 << 20,
        }
    }
}

impl Default for Deadlines {
    fn default() -> Deadlines {
        Deadlines {
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            message: Duration::from_secs(3_600),
            minimum_rate: 4_096,
            rate_window: Duration::from_secs(30),
            response: Duration::from_secs(60),
            close: Duration::from_secs(5),
            drain: Duration::from_secs(30),
        }
    }
}

/// Why a `Config` cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// PS3.5 6.2: 1 to 16 printable characters of ISO 646, no backslash, not only spaces.
    #[error("ae_title: {0:?} is not an AE title (1 to 16 printable ASCII characters, no backslash)")]
    AeTitle(String),
    /// A peer must be able to send something.
    #[error("limits.{0} must be at least 1")]
    ZeroLimit(&'static str),
    /// A peer must have time for something.
    #[error("deadlines.{0} must be longer than nothing")]
    ZeroDeadline(&'static str),
    /// A node that listens nowhere receives nothing.
    #[error("listen names no address")]
    NoAddress,
    /// Memory for a single data set that all of them together may not have.
    #[error("limits.memory_per_data_set must not be more than limits.memory")]
    MemoryShare,
}

impl Config {
    /// Everything that is wrong with these settings; nothing when they can be used.
    pub fn check(&self) -> Vec<ConfigError> {
        let mut wrong = Vec::new();
        if !is_ae_title(&self.ae_title) {
            wrong.push(ConfigError::AeTitle(self.ae_title.clone()));
        }
        if self.listen.is_empty() && self.tls.as_ref().is_none_or(|tls| tls.listen.is_empty()) {
            wrong.push(ConfigError::NoAddress);
        }
        let limits = &self.limits;
        let zero = [
            ("connections", limits.connections == 0),
            ("connections_per_address", limits.connections_per_address == 0),
            ("associations", limits.associations == 0),
            ("associations_per_address", limits.associations_per_address == 0),
            ("associations_per_calling", limits.associations_per_calling == 0),
            ("data_set", limits.data_set == 0),
        ];
        wrong.extend(
            zero.iter().filter(|(_, is_zero)| *is_zero).map(|(name, _)| ConfigError::ZeroLimit(name)),
        );
        let deadlines = &self.deadlines;
        let zero = [
            ("handshake", deadlines.handshake),
            ("request", deadlines.request),
            ("idle", deadlines.idle),
            ("message", deadlines.message),
            ("response", deadlines.response),
        ];
        wrong.extend(
            zero.iter().filter(|(_, time)| time.is_zero()).map(|(name, _)| ConfigError::ZeroDeadline(name)),
        );
        if limits.memory_per_data_set > limits.memory {
            wrong.push(ConfigError::MemoryShare);
        }
        wrong
    }
}

/// Whether a text, without its padding, is an AE title (PS3.5 6.2, value representation AE).
pub fn is_ae_title(text: &str) -> bool {
    let text = text.trim_matches(' ');
    (1..=16).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7F).contains(&b) && b != b'\\')
}

fn max_pdu<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let bytes = units::bytes(deserializer)?;
    match u32::try_from(bytes) {
        Ok(bytes) if (4_096..=4_194_304).contains(&bytes) => Ok(bytes),
        _ => Err(serde::de::Error::custom(format!("{bytes} bytes are not within 4 096 to 4 194 304"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Config::default().check(), []);
    }

    #[test]
    fn a_file_may_set_any_of_it() {
        let config: Config = toml::from_str(
            "ae_title = 'ARCHIVE'\nmax_pdu = '64 KiB'\nunknown_sop_classes = 'refuse'\n\
             [limits]\nassociations = 2\nmemory = '1 GiB'\n[deadlines]\nidle = '30 min'",
        )
        .expect("reads");
        assert_eq!(config.max_pdu, 65_536);
        assert_eq!(config.unknown_sop_classes, UnknownSopClasses::Refuse);
        assert_eq!((config.limits.associations, config.limits.memory), (2, 1 << 30));
        assert_eq!(config.deadlines.idle, Duration::from_secs(1_800));
        assert_eq!(config.deadlines.request, Duration::from_secs(15), "the rest keeps its default");
    }

    #[test]
    fn unknown_keys_and_impossible_values_are_refused() {
        for text in ["ae_titel = 'X'", "max_pdu = 100", "[limits]\nassociation = 2", "[deadlines]\nidle = 60"]
        {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_fault_is_listed() {
        let config = Config {
            ae_title: "SEVENTEEN LETTERS".to_owned(),
            limits: Limits { associations: 0, memory: 1, ..Limits::default() },
            deadlines: Deadlines { idle: Duration::ZERO, ..Deadlines::default() },
            ..Config::default()
        };
        let expected = [
            ConfigError::AeTitle("SEVENTEEN LETTERS".to_owned()),
            ConfigError::ZeroLimit("associations"),
            ConfigError::ZeroDeadline("idle"),
            ConfigError::MemoryShare,
        ];
        assert_eq!(config.check(), expected);
    }
}
