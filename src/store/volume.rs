//! How much room the file system of the store has, and when that is too little to take anything in.
//!
//! Refusing early is kinder than failing late: a modality that is told «later» before it has sent anything keeps its
//! image and asks again. Once there is too little room, somewhat more is wanted before instances are taken in again, so
//! that the node does not waver.

use super::directory::Directory;
use super::error::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};

/// The watch over the free room.
#[derive(Debug)]
pub(super) struct Volume {
    /// The fewest free bytes; 0 asks for none.
    low_water: u64,
    refusing: AtomicBool,
}

/// What is free.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    /// Files that can still be made.
    files: u64,
}

/// The fewest files that must be left to be made: drafts, their folders, the queue.
const FEWEST_FILES: u64 = 64;

impl Volume {
    /// Wants this many free bytes.
    pub(super) fn new(low_water: u64) -> Self {
        Self { low_water, refusing: AtomicBool::new(false) }
    }

    /// Whether there is room enough in the file system of a directory.
    ///
    /// # Errors
    /// [`StoreError::LowWater`].
    pub(super) fn check(&self, directory: &Directory) -> Result<(), StoreError> {
        if self.low_water == 0 {
            return Ok(());
        }
        let path = || directory.path().to_owned();
        let found = rustix::fs::fstatvfs(directory)
            .map_err(|error| StoreError::new("look at the room of", directory.path(), error.into()))?;
        let room = Room {
            bytes: found.f_bavail.saturating_mul(found.f_frsize),
            // Some file systems make files as long as there is room.
            files: if found.f_files == 0 { u64::MAX } else { found.f_favail },
        };
        let wanted = self.wanted(self.refusing.load(Ordering::Relaxed));
        let refusing = room.bytes < wanted.bytes || room.files < wanted.files;
        self.refusing.store(refusing, Ordering::Relaxed);
        if refusing {
            return Err(StoreError::LowWater {
                path: path(),
                free: room.bytes,
                files: room.files,
                wanted: wanted.bytes,
            });
        }
        Ok(())
    }

    fn wanted(&self, refusing: bool) -> Room {
        let more = |least: u64| if refusing { least.saturating_add(least / 4) } else { least };
        Room { bytes: more(self.low_water), files: more(FEWEST_FILES) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        (folder, directory)
    }

    #[test]
    fn k17_too_little_room_is_found_before_anything_is_written() {
        let (_folder, directory) = directory();
        assert!(Volume::new(0).check(&directory).is_ok());
        assert!(Volume::new(1).check(&directory).is_ok());
        let full = Volume::new(u64::MAX);
        let error = full.check(&directory).unwrap_err();
        assert!(error.is_out_of_space(), "{error}");
    }

    #[test]
    fn k17_after_a_refusal_somewhat_more_is_wanted() {
        let (_folder, directory) = directory();
        let found = rustix::fs::fstatvfs(&directory).unwrap();
        let free = found.f_bavail * found.f_frsize;
        // Others write to the same file system meanwhile, so the margin is wide.
        let volume = Volume::new(free - free / 10);
        assert!(volume.check(&directory).is_ok());
        volume.refusing.store(true, Ordering::Relaxed);
        assert!(volume.check(&directory).is_err());
        let volume = Volume::new(free / 2);
        volume.refusing.store(true, Ordering::Relaxed);
        assert!(volume.check(&directory).is_ok());
        assert!(!volume.refusing.load(Ordering::Relaxed));
    }
}
