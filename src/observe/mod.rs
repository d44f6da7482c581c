//! What the node shows of itself: log set-up, escaping of outside text, counters. Imports nothing of ours.

mod counters;
mod escape;
mod log;
mod log_queue;

pub use counters::{Counters, Outcome, Snapshot};
pub use escape::Escaped;
pub use log::{LogConfig, LogFormat, LogLevel, set_log_level, start_log};
pub use log_queue::LogEnd;
