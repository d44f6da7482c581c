//! What a requestor asks for: which peer, within which times, and which presentation contexts.

use super::config::DEFAULT_MAX_PDU;
use super::peer_tls::PeerTlsConfig;
use crate::dicom::TransferSyntax;
use std::time::Duration;

/// Who asks, whom, and how long each step may take.
#[derive(Clone, Debug)]
pub struct RequestorOptions {
    /// Our AE title.
    pub calling: String,
    /// The AE title of the peer.
    pub called: String,
    /// A SOP class that we are the provider of, instead of its user: said by role selection (PS3.7 D.3.3.4).
    pub provides: Option<&'static str>,
    /// TLS, and the host whose name the certificate of the peer must bear; plain text without.
    pub tls: Option<(PeerTlsConfig, String)>,
    /// The longest P-DATA-TF PDU that we take and send, in bytes.
    pub max_pdu: u32,
    /// For the addresses of the peer, one after the other, to accept the connection.
    pub connect: Duration,
    /// For the answer to the association request.
    pub associate: Duration,
    /// For the peer to take one piece (256 KiB at most) of a data set.
    pub send: Duration,
    /// Bytes a second that the peer must take of a whole data set, beyond the first piece.
    pub minimum_rate: u32,
    /// For the response to a request; the peer may have to store an instance first.
    pub response: Duration,
    /// For the answer to the wish to release the association.
    pub release: Duration,
}

impl RequestorOptions {
    /// With these AE titles, and times that suit a local network.
    pub fn new(calling: &str, called: &str) -> RequestorOptions {
        RequestorOptions {
            calling: calling.to_owned(),
            called: called.to_owned(),
            provides: None,
            tls: None,
            max_pdu: DEFAULT_MAX_PDU,
            connect: Duration::from_secs(10),
            associate: Duration::from_secs(30),
            send: Duration::from_secs(60),
            minimum_rate: 4096,
            response: Duration::from_secs(300),
            release: Duration::from_secs(10),
        }
    }
}

/// A presentation context to propose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedContext {
    /// The SOP class.
    pub abstract_syntax: String,
    /// The transfer syntaxes, the best one first.
    pub transfer_syntaxes: Vec<&'static TransferSyntax>,
}
