//! Why the queue cannot do what it is asked, sorted by what the node or the operator has to do about it.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// A failure of the queue. Nothing of what was asked was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The disk or the quota is used up. It may work again later.
    #[error("no space left for the queue {}: {reason}", path.display())]
    Full {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// The file is no database of ours, or its pages contradict each other.
    #[error(
        "the queue {} is damaged ({reason}); stop the node, move the file away with its -wal and -shm, and make it anew \
         from the store with `condenser queue rebuild`", path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// It was made by a later version of this program.
    #[error(
        "the queue {} has schema {found}, and this version knows schema {known} at most; use the version that made it",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The version of the schema in the file.
        found: i64,
        /// The version that we write.
        known: i64,
    },
    /// There is no queue where one must be.
    #[error(
        "there is no queue {}, but there was one; put the file back, or make it anew from the store with \
         `condenser queue rebuild`", path.display()
    )]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// It belongs to another store.
    #[error(
        "the queue {} belongs to another store; name the right one in queue.url, or make one from this store with \
         `condenser queue rebuild`", path.display()
    )]
    OfAnotherStore {
        /// The database file.
        path: PathBuf,
    },
    /// Another process writes, and does not come to an end.
    #[error("the queue {} is held by another process for too long", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Any other failure.
    #[error("the queue {} fails: {reason}", path.display())]
    Failed {
        /// The database file.
        path: PathBuf,
        /// What SQLite or the operating system says.
        reason: String,
    },
}

impl QueueError {
    /// Sorts an error of SQLite.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path, reason },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, reason },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Failed { path, reason },
        }
    }

    /// Whether it is for want of space, so that the sender may try again later (DIMSE status A700).
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
