//! DICOM on the wire, both sides (PS3.7, PS3.8).

#[allow(dead_code, reason = "the acceptor, which comes next, uses it")]
mod associate;
mod config;
mod handler;
#[allow(dead_code, reason = "the acceptor, which comes next, uses it")]
mod pdu;
mod reasons;
#[allow(dead_code, reason = "the acceptor, which comes next, uses it")]
mod received;
mod status;
mod units;

pub use config::{Config, ConfigError, DEFAULT_MAX_PDU, Deadlines, Limits, UnknownSopClasses, is_ae_title};
pub use handler::{
    Association, Connection, Context, ContextRefusal, Failure, MoveOriginator, Outcome, Received,
    ReceivedUid, Refusal, Step, StoreAnswer, StoreHandler, Tally,
};
pub use reasons::{Rejection, Violation, abort_in_words, rejection_in_words};
pub use received::ReceivedBytes;
pub use status::{Category, Status};
