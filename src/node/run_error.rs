//! Why a node does not start, or does not take a new configuration: each reason with the way out of it.

use super::deliveries::NoQueue;
use crate::audit::AuditError;
use crate::net::TlsError;
use crate::queue::QueueError;
use crate::store::StoreError;
use std::io;
use std::net::SocketAddr;

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store is not usable.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}{}", way_out(error))]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The queue of deliveries is not usable.
    #[error("no delivery can be queued: {0}")]
    Queue(#[from] NoQueue),
    /// The transactions of Storage Commitment are not usable.
    #[error("Storage Commitment cannot be offered: {}", without_transactions(.0))]
    Commitment(QueueError),
    /// There is no audit trail, and one is wanted.
    #[error("{0}")]
    Audit(#[from] AuditError),
    /// TLS cannot be spoken.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The runtime or the signal handlers cannot be set up.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// What is wrong, and what is to be done: nothing else is lost with them than the transactions.
fn without_transactions(error: &QueueError) -> String {
    match error {
        QueueError::Damaged { path, reason } => format!(
            "{} is damaged ({reason}); move it away with its -wal and -shm: whoever waits for a report asks again",
            path.display()
        ),
        error => error.to_string(),
    }
}

fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port with --listen",
        io::ErrorKind::PermissionDenied => "; choose a port above 1023, or let systemd open it",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}
