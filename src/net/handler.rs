//! The two sides of a received instance: what the network hands over, and what it wants to be told.

use super::certificate::Certificate;
use super::commitment::{CommitmentRequest, EventReport};
use super::reasons::{Rejection, Violation, abort_in_words};
use super::received::ReceivedBytes;
use super::status::Status;
use crate::dicom::{Tag, TransferSyntax, Uid, UidError};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Whoever keeps what comes in. All methods may be called by many threads at once; those that are not said to be called
/// on a blocking thread must not block, for other associations would wait.
pub trait StoreHandler: Send + Sync + 'static {
    /// Whether instances can be taken in now; while not, associations that are for them are rejected for the time being.
    /// Called on a blocking thread.
    fn is_ready(&self) -> bool {
        true
    }

    /// An empty file, without a name, for a data set that is too large for memory. Called on a blocking thread.
    ///
    /// # Errors
    /// Those of the file system; the sender is then told what [`StoreHandler::failed`] says.
    fn spool(&self) -> io::Result<File>;

    /// Keeps an instance and says what to tell the sender. Called on a blocking thread; it may take long, but the
    /// sender waits. Once [`Status::SUCCESS`] is returned, the sender may delete its own copy.
    fn store(&self, received: Received) -> StoreAnswer;

    /// What to tell the sender of an instance that never reached [`StoreHandler::store`], or did not come back from it.
    fn failed(&self, association: &Association, failure: &Failure) -> StoreAnswer;

    /// What to tell a peer that reports on Storage Commitment. Called on a blocking thread. Whoever asks nobody for it has
    /// nothing to say.
    fn event_reported(&self, association: &Association, report: &EventReport) -> StoreAnswer {
        let _ = (association, report);
        Status::UNRECOGNIZED_OPERATION.into()
    }

    /// What to tell a peer that asks for Storage Commitment; once that is [`Status::SUCCESS`], it is owed a report. Called on
    /// a blocking thread.
    fn commitment_requested(&self, association: &Association, request: CommitmentRequest) -> StoreAnswer {
        let _ = (association, request);
        Status::UNRECOGNIZED_OPERATION.into()
    }

    /// A command was answered with a failure by the network side alone.
    fn refused(&self, association: &Association, refusal: &Refusal);

    /// An association was accepted.
    fn opened(&self, association: &Association);

    /// A connection has ended, whether there was an association or not.
    fn closed(&self, connection: &Connection);

    /// No connection could be accepted, for lack of file descriptors, say; it is tried again shortly after.
    fn accept_failed(&self, error: &io::Error);
}

/// One received C-STORE request with its data set (PS3.7 9.1.1).
#[derive(Debug)]
pub struct Received {
    /// The association that it came by.
    pub association: Arc<Association>,
    /// The presentation context that it came by.
    pub context_id: u8,
    /// How the data set is encoded: what was agreed for the presentation context.
    pub transfer_syntax: &'static TransferSyntax,
    /// The Message ID of the request.
    pub message_id: u16,
    /// Affected SOP Class UID; equal to the abstract syntax of the presentation context.
    pub sop_class: ReceivedUid,
    /// Affected SOP Instance UID.
    pub sop_instance: ReceivedUid,
    /// Who asked the sender by C-MOVE to send this, when somebody did.
    pub move_originator: Option<MoveOriginator>,
    /// The data set.
    pub data_set: ReceivedBytes,
    /// From the first byte of the command to the last one of the data set.
    pub duration: Duration,
}

/// A UID of a command set: as it came, and whether it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedUid {
    /// The value without padding; bytes that are not ASCII are shown as U+FFFD.
    pub text: String,
    /// The same as a UID, or the rule of PS3.5 9.1 that it breaks.
    pub uid: Result<Uid, UidError>,
}

/// Who asked by C-MOVE for an instance to be sent (PS3.7 9.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveOriginator {
    /// Move Originator Application Entity Title.
    pub ae_title: String,
    /// Move Originator Message ID.
    pub message_id: Option<u16>,
}

/// What a C-STORE request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAnswer {
    /// Status (0000,0900).
    pub status: Status,
    /// Error Comment (0000,0902), cut to 64 characters; nothing about the patient belongs here.
    pub comment: Option<String>,
    /// Offending Element (0000,0901).
    pub offending: Vec<Tag>,
}

impl From<Status> for StoreAnswer {
    fn from(status: Status) -> StoreAnswer {
        StoreAnswer { status, comment: None, offending: Vec::new() }
    }
}

/// Why an instance did not reach the handler, or did not come back from it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The handler panicked.
    #[error("an internal error while storing")]
    Panicked,
    /// The data set could not be spooled.
    #[error("the data set could not be spooled: {0}")]
    Spool(#[source] io::Error),
    /// The data set is larger than the configuration allows.
    #[error("the data set has more than {limit} bytes")]
    TooLarge {
        /// `limits.data_set`.
        limit: u64,
    },
}

/// A command that the network side answered with a failure, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Command Field (0000,0100).
    pub command_field: u16,
    /// What the sender was told.
    pub status: Status,
    /// Why, in words.
    pub reason: String,
}

/// An accepted association.
#[derive(Clone, Debug)]
pub struct Association {
    /// Counts the connections since the start, so that lines of a log can be told apart.
    pub id: u64,
    /// Where the peer connected from.
    pub peer: SocketAddr,
    /// The certificate that it has shown, over TLS.
    pub certificate: Option<Certificate>,
    /// The AE title of the peer, without padding; printable ASCII only.
    pub calling: String,
    /// The AE title that the peer called, without padding.
    pub called: String,
    /// The user of the peer, where one had to be identified.
    pub user: Option<String>,
    /// The Implementation Class UID of the peer.
    pub implementation_class_uid: Option<String>,
    /// The Implementation Version Name of the peer.
    pub implementation_version_name: Option<String>,
    /// What was agreed, in the order of the request.
    pub contexts: Vec<Context>,
}

/// A presentation context and what became of it (PS3.8 9.3.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its number, odd.
    pub id: u8,
    /// What is exchanged: a SOP class.
    pub abstract_syntax: String,
    /// How it is encoded, or why the context was not accepted.
    pub result: Result<&'static TransferSyntax, ContextRefusal>,
}

/// Why a presentation context is not accepted (PS3.8 Table 9-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ContextRefusal {
    /// Result 1, which only peers use.
    #[error("rejected by its application")]
    User,
    /// Result 2, which only peers use.
    #[error("rejected for no reason")]
    NoReason,
    /// Result 3.
    #[error("abstract syntax not supported")]
    AbstractSyntax,
    /// Result 4.
    #[error("transfer syntaxes not supported")]
    TransferSyntaxes,
}

/// The facts about a connection that has ended.
#[derive(Debug)]
pub struct Connection {
    /// Counts the connections since the start; the same as that of the association.
    pub id: u64,
    /// Where the peer connected from.
    pub peer: SocketAddr,
    /// The certificate that it has shown, over TLS.
    pub certificate: Option<Certificate>,
    /// The association, when it came to one.
    pub association: Option<Arc<Association>>,
    /// The calling AE title of a rejected request, escaped: it may be anything.
    pub calling: Option<String>,
    /// The called AE title of a rejected request, escaped: it may be anything.
    pub called: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was done.
    pub tally: Tally,
    /// From the connection to its end.
    pub duration: Duration,
}

/// What was done over a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// C-ECHO requests answered with success.
    pub echoes: u64,
    /// C-STORE requests that were handed over.
    pub stores: u64,
    /// Those of them that were answered with success or a warning.
    pub stored: u64,
    /// Bytes of the data sets that were handed over.
    pub data_set_bytes: u64,
}

/// How a connection ended.
#[derive(Debug)]
pub enum Outcome {
    /// The peer released the association.
    Released,
    /// The peer aborted it: source and reason of its A-ABORT.
    PeerAborted([u8; 2]),
    /// The peer closed the connection without a word.
    PeerClosed(Step),
    /// We rejected the request.
    Rejected(Rejection),
    /// We aborted the association.
    Aborted(Violation),
    /// The peer took too long.
    TimedOut(Step),
    /// The peer sent less than `deadlines.minimum_rate`.
    TooSlow,
    /// TLS was not agreed on, or the peer's certificate is not good.
    Handshake(io::Error),
    /// The first bytes were no DICOM at all; the peer was told nothing.
    Stranger,
    /// No entry of the access list names the address; the peer was told nothing.
    Unknown,
    /// There were too many connections; the peer was told nothing.
    TurnedAway,
    /// The node is about to stop.
    Drained,
    /// The connection broke.
    Broken(io::Error),
}

/// What was going on when a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Until TLS is agreed on.
    Handshake,
    /// Waiting for the whole association request.
    Request,
    /// Between two messages.
    Idle,
    /// Within a message.
    Message,
    /// While the peer was to take a response.
    Response,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Handshake => "before TLS was agreed on",
            Step::Request => "before its association request was complete",
            Step::Idle => "between messages",
            Step::Message => "within a message",
            Step::Response => "before it had taken the response",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Released => f.write_str("released"),
            Outcome::PeerAborted(code) => write!(f, "aborted by the peer, {}", abort_in_words(*code)),
            Outcome::PeerClosed(step) => write!(f, "the peer closed the connection {step}"),
            Outcome::Rejected(rejection) => write!(f, "rejected: {rejection}"),
            Outcome::Aborted(violation) => write!(f, "aborted: the peer sent {violation}"),
            Outcome::TimedOut(step) => write!(f, "the peer took too long {step}"),
            Outcome::TooSlow => f.write_str("aborted: the peer sends too slowly"),
            Outcome::Handshake(error) => write!(f, "refused by TLS: {error}"),
            Outcome::Stranger => f.write_str("closed: what the peer sent is not DICOM"),
            Outcome::Unknown => f.write_str("closed: nobody at this address may come in"),
            Outcome::TurnedAway => f.write_str("closed: there are too many connections"),
            Outcome::Drained => f.write_str("aborted: the node is about to stop"),
            Outcome::Broken(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

impl Outcome {
    /// A stable name for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Released => "released",
            Outcome::PeerAborted(_) => "peer_aborted",
            Outcome::PeerClosed(_) => "peer_closed",
            Outcome::Rejected(_) => "rejected",
            Outcome::Aborted(_) => "aborted",
            Outcome::TimedOut(_) => "timed_out",
            Outcome::TooSlow => "too_slow",
            Outcome::Handshake(_) => "handshake",
            Outcome::Stranger => "stranger",
            Outcome::Unknown => "unknown",
            Outcome::TurnedAway => "turned_away",
            Outcome::Drained => "drained",
            Outcome::Broken(_) => "broken",
        }
    }
}
