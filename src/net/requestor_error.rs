//! Why an association that we asked for could not be had or used, in words.

use super::reasons::{Violation, abort_in_words, rejection_in_words};
use super::tls::TlsError;
use dicom_ul::pdu::WriteError;
use std::io;

/// Why an association could not be had, or could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RequestorError {
    /// The name of the peer could not be resolved, or none of its addresses accepts a connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// Our side of TLS cannot be set up.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The peer does not speak TLS, or one of the two does not believe the other.
    #[error("TLS was not agreed on: {0}")]
    Handshake(#[source] io::Error),
    /// What is to be proposed cannot be written, an AE title of more than 16 characters, say.
    #[error("the association request cannot be written: {0}")]
    Request(#[source] WriteError),
    /// There are only 128 numbers for presentation contexts.
    #[error("{0} presentation contexts are too many for one association (128)")]
    TooManyContexts(usize),
    /// The peer rejected the association: result, source and reason.
    #[error("the peer rejected the association: {}", rejection_in_words(*.0))]
    Rejected([u8; 3]),
    /// The peer aborted the association: source and reason.
    #[error("the peer aborted the association {}", abort_in_words(*.0))]
    Aborted([u8; 2]),
    /// The peer closed the connection.
    #[error("the peer closed the connection while {0}")]
    Closed(&'static str),
    /// The peer took too long.
    #[error("the peer took too long while {0}")]
    TimedOut(&'static str),
    /// What the peer sent breaks the rules.
    #[error("the peer sent {0}")]
    Violation(#[from] Violation),
    /// The peer takes only crumbs.
    #[error("the peer takes PDUs of at most {0} bytes, which is too short to work with")]
    PeerMaximum(u32),
    /// No such context was accepted.
    #[error("presentation context {0} was not accepted")]
    ContextNotAccepted(u8),
    /// No context was accepted for C-ECHO.
    #[error("the peer did not accept the Verification SOP class")]
    NoVerification,
    /// The command set is no response to what was asked.
    #[error("the peer sent a response that does not belong to the request")]
    WrongResponse,
    /// The data set to send could not be read.
    #[error("the data set cannot be read: {0}")]
    Source(#[source] io::Error),
    /// The connection broke.
    #[error("the connection broke while {step}: {error}")]
    Broken {
        /// What was going on.
        step: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

/// What was going on while the association was asked for.
pub(super) const CONNECTING: &str = "the association was requested";
/// What was going on while a request was sent.
pub(super) const SENDING: &str = "a message was sent";
/// What was going on until its response came.
pub(super) const WAITING: &str = "a response was awaited";
/// What was going on at the end.
pub(super) const RELEASING: &str = "the association was released";
