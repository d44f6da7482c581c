//! DICOM on the wire, both sides (PS3.7, PS3.8).
//!
//! What comes in is bounded before it is kept: types and lengths are checked on the headers, every wait has a
//! deadline that counts from the start of its step, and data sets share one memory budget beyond which they are
//! spooled. What is done with an instance is for the [`StoreHandler`] to say; this room only reports facts.

mod acceptor;
mod access;
mod address_range;
mod associate;
mod associate_writer;
mod certificate;
mod command_set;
mod commitment;
mod common;
mod config;
mod conversation;
mod dimse_invoker;
mod dimse_performer;
mod exchange;
mod gather;
mod handler;
mod listener;
mod message_sender;
mod negotiation;
mod patience;
mod pdata;
mod pdu;
mod peer_address;
mod peer_tls;
mod priority;
mod proposal;
mod reasons;
mod received;
mod receiver;
mod requestor;
mod requestor_error;
mod requestor_options;
mod session;
mod shares;
mod spare;
mod status;
mod stream;
#[cfg(test)]
mod testing;
mod tls;
mod transport;
mod units;
mod user;
mod user_identity;
mod wire;

pub use access::{Access, AccessList};
pub use address_range::{AddressRange, NotAnAddressRange};
pub use certificate::{Certificate, CertificateName};
pub use commitment::{CommitmentRequest, EventReport, NotReported, Reporter, STORAGE_COMMITMENT};
pub use config::{Config, ConfigError, DEFAULT_MAX_PDU, Deadlines, Limits, UnknownSopClasses, is_ae_title};
pub use handler::{
    Association, Connection, Context, ContextRefusal, Failure, MoveOriginator, Outcome, Received,
    ReceivedUid, Refusal, Step, StoreAnswer, StoreHandler, Tally,
};
pub use listener::{Listener, serve};
pub use peer_address::{NotAPeerAddress, PeerAddress};
pub use peer_tls::{PeerTls, PeerTlsConfig};
pub use priority::Priority;
pub use reasons::{Rejection, Violation, abort_in_words, rejection_in_words};
pub use received::ReceivedBytes;
pub use requestor::Requestor;
pub use requestor_error::RequestorError;
pub use requestor_options::{ProposedContext, RequestorOptions};
pub use status::{Category, Status};
pub use tls::{Tls, TlsConfig, TlsError};
pub use units::{bytes as read_bytes, duration as read_duration};
pub use user::{NotAPasscodeHash, PasscodeHash, User};
