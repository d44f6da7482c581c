//! A trial of a file system: whether it does what the promise of durability rests on, and how fast.
//!
//! Everything happens in a store of its own that the caller opens for it and throws away.

use super::durable::Renamed;
use super::error::StoreError;
use super::tree::Tree;
use super::volume::Volume;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// What a trial has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How long a file took to sync, each time anew, in the order of time.
    pub file_syncs: Vec<Duration>,
    /// How long its directory took to sync after the file had got its name.
    pub directory_syncs: Vec<Duration>,
    /// Whether a name that is taken stays with the file that has it.
    pub keeps_names: bool,
    /// Why a file without a name cannot be made, as it is for what is too large for memory.
    pub no_spool: Option<String>,
}

/// File systems by their numbers in statfs (linux/magic.h).
const FILE_SYSTEMS: &[(u64, &str)] = &[
    (0xEF53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683E, "btrfs"),
    (0x2FC1_2FC1, "zfs"),
    (0xF2F5_2010, "f2fs"),
    (0xCA45_1A4E, "bcachefs"),
    (0x0102_1994, "tmpfs"),
    (0x794C_7630, "overlay"),
    (0x6969, "nfs"),
    (0xFF53_4D42, "cifs"),
    (0xFE53_4D42, "smb2"),
    (0x6573_5546, "fuse"),
];

/// The first name that a trial gives, and the one that it wants to give twice.
const NAMES: [&str; 2] = ["trial-a.part", "trial-b.part"];

impl Tree {
    /// The kind of file system that the store lies on, by the name that `mount` has for it.
    pub fn file_system(&self) -> String {
        // The type of the field differs between architectures; all numbers fit into 32 bits.
        let kind = rustix::fs::fstatfs(self.root()).map_or(0, |found| u64::from(found.f_type as u32));
        let name =
            FILE_SYSTEMS.iter().find(|(number, _)| *number == kind).map(|(_, name)| (*name).to_owned());
        name.unwrap_or_else(|| format!("file system {kind:#x}"))
    }

    /// The free bytes, if they are as many as are wanted.
    ///
    /// # Errors
    /// [`StoreError::LowWater`].
    pub fn room_for(&self, low_water: u64) -> Result<u64, StoreError> {
        Volume::new(low_water.max(1)).check(self.root())?;
        let found = rustix::fs::fstatvfs(self.root())
            .map_err(|error| StoreError::new("look at the room of", self.root().path(), error.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    /// Writes, syncs and names a file of `bytes` so many times as a commit does it, and tries what a commit relies on.
    ///
    /// # Errors
    /// What the operating system refuses; then nothing can be stored here.
    pub fn try_out(&self, times: usize, bytes: usize) -> Result<Trial, StoreError> {
        let drafts = self.drafts();
        let content = vec![0x5A; bytes];
        let (mut file_syncs, mut directory_syncs) = (Vec::new(), Vec::new());
        let [first, second] = NAMES.map(OsStr::new);
        let mut keeps_names = true;
        for _ in 0..times {
            let path = drafts.path().join(first);
            let mut file = drafts.create_file(first)?;
            file.write_all(&content).map_err(|error| StoreError::new("write", &path, error))?;
            let start = Instant::now();
            self.durable().sync_file(&file, &path)?;
            file_syncs.push(start.elapsed());
            let start = Instant::now();
            keeps_names &= self.durable().rename_new((drafts, first), (drafts, second))? == Renamed::Done;
            self.durable().sync_directory(drafts)?;
            directory_syncs.push(start.elapsed());
            // Another file wants the same name: it must not get it.
            let mut other = drafts.create_file(first)?;
            other.write_all(b"another").map_err(|error| StoreError::new("write", &path, error))?;
            keeps_names &= self.durable().rename_new((drafts, first), (drafts, second))? == Renamed::Occupied;
            let mut byte = [0];
            file.read_exact_at(&mut byte, 0).map_err(|error| StoreError::new("read", &path, error))?;
            keeps_names &= byte == [0x5A];
            drafts.remove_file(first)?;
            drafts.remove_file(second)?;
        }
        let spool = self.spool().and_then(|file| file.write_all_at(b"without a name", 0));
        Ok(Trial {
            file_syncs,
            directory_syncs,
            keeps_names,
            no_spool: spool.err().map(|error| error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config::Config;

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(&Config { path: folder.path().to_owned(), low_water: 0, ..Config::default() })
            .unwrap();
        let trial = tree.try_out(3, 1000).unwrap();
        assert_eq!((trial.file_syncs.len(), trial.directory_syncs.len()), (3, 3));
        assert!(trial.keeps_names && trial.no_spool.is_none(), "{trial:?}");
        assert!(trial.file_syncs.iter().all(|time| !time.is_zero()));
        assert_eq!(tree.drafts().file_names().unwrap().len(), 0);
        assert!(tree.room_for(1).unwrap() > 0);
        assert!(tree.room_for(u64::MAX).unwrap_err().is_out_of_space());
        assert!(!tree.file_system().is_empty());
    }
}
