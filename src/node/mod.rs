//! The running node: joins what the other rooms offer, logs, counts, and turns failures into DIMSE statuses.
//!
//! The journey of one instance is [`Node::journey`], in `journey.rs`; it reads top to bottom.

mod audit;
mod commitment;
mod decoder_process;
mod decoder_protocol;
mod decoder_worker;
mod decoding;
mod deliveries;
mod handler;
mod in_hand;
mod journey;
mod offer;
mod peers;
mod rebuild;
mod recent;
mod reload;
mod retention;
mod rules_in_force;
mod run_error;
mod running;
mod scan;
mod status;
mod systemd;

pub use decoder_process::DECODE_FOR_NODE;
pub use decoder_worker::{WorkerLimits, decode_for_node};
pub use decoding::Decoding;
pub use deliveries::{NoQueue, open_queue};
pub use journey::{Arrival, Node};
pub use rebuild::{Rebuilt, rebuild_queue};
pub use reload::Load;
pub use run_error::RunError;
pub use running::run;
pub use status::{Failure, STATUSES, answer_to};
