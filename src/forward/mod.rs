//! Delivery: what the node has stored goes to the peers that its rules name.
//!
//! A [`Peer`] is sent instances one after the other over a lasting association. What became of each is a
//! [`Verdict`].

mod config;
mod convert;
mod instance;
mod peer;
mod verdict;

pub use config::{PeerConfig, PeerDeadlines, Retry};
pub use convert::{ConvertError, Converted, Spool};
pub use instance::{Instance, StoredInstance, UnusableFile};
pub use peer::{Answered, Kind, NotSent, Peer};
pub use verdict::{Absence, Verdict};
