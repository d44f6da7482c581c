//! The audit trail (PS3.15 A.5 and A.6): who sent what to whom and who was refused, as messages of the standard's schema, to a
//! file and by syslog over TLS.
//!
//! It never holds up reception: what happened is put into a bounded queue, and a thread of its own makes messages of it. What
//! the server cannot be told now waits in a spool on disk. What is lost for lack of room is counted and logged.

mod config;
mod courier;
mod fact;
mod gathering;
mod message;
mod narrator;
mod spool;
mod syslog;
mod time;
mod trail;
mod vocabulary;
mod xml;

pub use config::{AuditConfig, Patient, SyslogConfig};
pub use fact::{Alarm, Fact, Flow, PatientId, Transfer, TransferOutcome};
pub use trail::{AuditError, Trail};
