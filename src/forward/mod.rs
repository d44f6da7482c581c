//! Delivery: what the node has stored goes to the peers that its rules name.

mod config;

pub use config::{PeerConfig, PeerDeadlines, Retry};
