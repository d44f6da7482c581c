//! Delivery: what the node has stored goes to the peers that its rules name.
//!
//! A [`Peer`] is sent instances one after the other over a lasting association. What became of each is a
//! [`Verdict`]; by it a courier settles the delivery in the queue: delivered, tried again later, or held for the operator.
//! Where the peer is to commit what it was sent, that counts as delivered only then ([`Commitments`]).
//! The other way round, a [`Provider`] commits what peers have sent, and owes them a report.
//! [`Couriers`] are all that a node runs; each peer has its own and its own breaker. The node is their [`Depot`].

mod commitment_config;
mod commitment_data_set;
mod commitments;
mod committer;
mod config;
mod convert;
mod courier;
mod couriers;
mod depot;
mod ending;
mod evidence;
mod gate;
mod instance;
mod peer;
mod promise;
mod provider;
mod report_link;
mod schedule;
mod verdict;

pub use commitment_config::{After, CommitmentConfig};
pub use commitment_data_set::RequestError;
pub use commitments::{Commitments, ReportError};
pub use committer::answer_to;
pub use config::{PeerConfig, PeerDeadlines, Retry};
pub use convert::{ConvertError, Converted, Spool};
pub use couriers::Couriers;
pub use depot::{Depot, Destination, Event};
pub use evidence::{CommitmentEvent, Evidence};
pub use instance::{Instance, StoredInstance, UnusableFile};
pub use peer::{Answered, Kind, NotSent, Peer};
pub use promise::{NotPromised, Promised, answer_to_request};
pub use provider::{Provider, Providing};
pub use schedule::HoldReason;
pub use verdict::{Absence, Verdict};
