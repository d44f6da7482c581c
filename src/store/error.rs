//! What can go wrong in the store, sorted by what the node has to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store. Nothing was kept under a final name unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk, the quota or the file size limit is used up (ENOSPC, EDQUOT, EFBIG). It may work again later.
    #[error("no space left to {action} {}: {error}", path.display())]
    OutOfSpace {
        /// What was being done, as a verb: "write", "create".
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        error: io::Error,
    },
    /// There is less room than the store wants to keep (`store.low_water`), or hardly a file can be made any more.
    #[error(
        "{} has {free} bytes and {files} files left; {wanted} bytes are wanted (store.low_water)", path.display()
    )]
    LowWater {
        /// The store's folder.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Files that can still be made.
        files: u64,
        /// The free bytes that are wanted.
        wanted: u64,
    },
    /// The store lies where nothing outlasts the machine or the container.
    #[error(
        "{}: {why}; put the store elsewhere, or write down durability = \"none\"", path.display()
    )]
    Volatile {
        /// The store's folder.
        path: PathBuf,
        /// What kind of file system it is.
        why: &'static str,
    },
    /// The store is to be there already, and is not.
    #[error(
        "{} is no store (nothing was made there yet); is its disk mounted? For a new store, start once with store.create = true",
        path.display()
    )]
    Missing {
        /// The store's folder.
        path: PathBuf,
    },
    /// Any other failure of the operating system.
    #[error("cannot {action} {}: {error}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        error: io::Error,
    },
    /// A path inside the store is taken by something that the store neither follows nor overwrites.
    #[error("{} is {what}; the store neither follows nor overwrites it, move it out of the way", path.display())]
    Occupied {
        /// The path that was wanted.
        path: PathBuf,
        /// What lies there.
        what: &'static str,
    },
    /// Another process holds the lock of this store.
    #[error("the store {} is in use by another node; stop that one or choose another path", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
    },
    /// The folder for drafts lies on another file system, so that a draft could not be renamed into place.
    #[error("{} is on another file system than the store; make it an ordinary folder", path.display())]
    OtherFileSystem {
        /// The folder for drafts.
        path: PathBuf,
    },
    /// The self-test at start read back something else than it had written.
    #[error("the self-test in {} read back other bytes than it wrote; do not trust this disk", path.display())]
    SelfTest {
        /// The folder of the test.
        path: PathBuf,
    },
    /// An earlier sync failed. What the disk holds is unknown since then (the kernel marks the pages clean and reports
    /// the failure once), so nothing is called durable until the process is started anew.
    #[error("an earlier sync of {} failed, nothing more is stored until the node is started again", path.display())]
    Fenced {
        /// What could not be synced.
        path: PathBuf,
    },
}

impl StoreError {
    /// Sorts an error of the operating system.
    pub fn new(action: &'static str, path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            // ENOSPC, EDQUOT, EFBIG.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::OutOfSpace { action, path, error }
            }
            _ => Self::Io { action, path, error },
        }
    }

    /// Whether what was asked for, or the directory that it should be in, is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// Whether it is for want of space, so that the sender may try again later (DIMSE status A700).
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Self::OutOfSpace { .. } | Self::LowWater { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_space_is_told_from_other_failures() {
        for (errno, expected) in [
            (rustix::io::Errno::NOSPC, true),
            (rustix::io::Errno::DQUOT, true),
            (rustix::io::Errno::FBIG, true),
            (rustix::io::Errno::IO, false),
            (rustix::io::Errno::ROFS, false),
            (rustix::io::Errno::ACCESS, false),
        ] {
            let error = StoreError::new("write", Path::new("x"), errno.into());
            assert_eq!(error.is_out_of_space(), expected, "{errno:?}");
        }
    }
}
