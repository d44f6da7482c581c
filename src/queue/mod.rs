//! What is still to be delivered.

mod config;

pub use config::{Config, QueueUrl};
