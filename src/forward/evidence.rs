//! What a provider of Storage Commitment needs of the node that it works for: what is to be said of an instance, and somebody
//! to tell what happened.

use crate::net::Status;
use crate::queue::{Reference, Transaction};
use std::time::Duration;

/// The node as the provider sees it. All methods may block.
pub trait Evidence: Send + Sync {
    /// What is to be said of each instance: nothing where it is safe, or the Failure Reason (PS3.4 J.3.3.1.2). `None` where
    /// that is not known before peers have more of it; never when not `patient`.
    ///
    /// # Errors
    /// Why nothing can be said at present.
    fn judge(&self, references: &[Reference], patient: bool) -> Result<Option<Vec<Option<Status>>>, String>;

    /// Is told of each event, once.
    fn happened(&self, event: CommitmentEvent<'_>);
}

/// What happened to a transaction.
#[derive(Clone, Copy, Debug)]
pub enum CommitmentEvent<'e> {
    /// It is known what is to be reported.
    Judged {
        /// Which.
        transaction: &'e Transaction,
        /// For each of its instances nothing, or why it is not committed.
        outcome: &'e [Option<u16>],
    },
    /// The peer has taken the report.
    Reported {
        /// Which.
        transaction: &'e Transaction,
        /// Whether it went over the association by which the request came.
        same_association: bool,
    },
    /// The peer has not taken the report.
    Deferred {
        /// Which.
        transaction: &'e Transaction,
        /// When it is tried again.
        after: Duration,
        /// What went wrong.
        error: &'e str,
    },
    /// It was tried for as long as the window is open.
    GivenUp {
        /// Which.
        transaction: &'e Transaction,
        /// What went wrong the last time.
        error: &'e str,
    },
    /// Nothing can be said, or nothing written down, at present.
    Failed {
        /// What it says.
        error: &'e str,
    },
}
