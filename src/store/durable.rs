//! The one place that makes bytes and names durable: nothing else in the crate syncs or renames.
//!
//! A name is durable when the file was synced before it got the name and the directory was synced after; a directory
//! is durable when its parent was synced after it was made.

use super::directory::{DIRECTORY_MODE, Directory};
use super::error::StoreError;
use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How much is waited for before something counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// File and directory are synced: what was answered with Success survives a loss of power.
    #[default]
    Full,
    /// Nothing is synced: a loss of power may lose or truncate what was answered with Success in the last minute.
    /// For tests and for stores that can be filled again.
    None,
}

/// What became of a rename that must not replace anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// The file has its new name.
    Done,
    /// Something has that name already; nothing was changed.
    Occupied,
}

/// Syncs and renames for one file system, and remembers what it has made durable.
#[derive(Debug, Default)]
pub struct Durable {
    durability: Durability,
    /// Directories whose parents were synced after they were made, so that this is paid for once.
    known: Mutex<HashSet<PathBuf>>,
    /// What could not be synced. Linux reports a failed write-back once and marks the pages clean: a second sync would
    /// succeed without the data being on the disk. So the first failure ends all promises of this process.
    failed: OnceLock<PathBuf>,
}

/// More known directories than this are forgotten, so that a node that runs for years does not grow.
const MOST_KNOWN: usize = 65_536;

impl Durable {
    /// With this much durability.
    pub fn new(durability: Durability) -> Self {
        Self { durability, ..Self::default() }
    }

    /// Whether syncs are made at all.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Opens the directory at the end of `names`, one below the other from `root`, and makes what is missing.
    /// On return all of them are durable. Links are refused.
    pub fn directories(&self, root: &Directory, names: &[String]) -> Result<Directory, StoreError> {
        let mut innermost = None;
        for name in names {
            innermost = Some(self.directory(innermost.as_ref().unwrap_or(root), name.as_ref())?);
        }
        innermost.map_or_else(|| root.try_clone(), Ok)
    }

    /// Opens or makes one directory, durably.
    pub fn directory(&self, parent: &Directory, name: &OsStr) -> Result<Directory, StoreError> {
        let path = parent.path().join(name);
        let known = self.known().contains(&path);
        if known && let Some(directory) = parent.child(name)? {
            return Ok(directory);
        }
        match rustix::fs::mkdirat(parent, name, DIRECTORY_MODE) {
            // Where it exists already its maker may have crashed, or may be a thread that has yet to sync the parent.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(StoreError::new("make", &path, error.into())),
        }
        let gone = || StoreError::new("open", &path, Errno::NOENT.into());
        let directory = parent.child(name)?.ok_or_else(gone)?;
        self.sync_directory(parent)?;
        let mut known = self.known();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(path);
        Ok(directory)
    }

    /// Makes the path of a directory that the operator gave, with all parents, durably.
    pub fn make_path(&self, path: &Path) -> Result<Directory, StoreError> {
        let mut missing = Vec::new();
        let mut existing = path;
        while !existing.as_os_str().is_empty() && !existing.is_dir() {
            let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
                return Directory::open(path);
            };
            missing.push(name);
            existing = parent;
        }
        let start = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
        let mut directory = Directory::open(start)?;
        while let Some(name) = missing.pop() {
            directory = self.directory(&directory, name)?;
        }
        Ok(directory)
    }

    /// Waits until the bytes and the size of a file are on the disk. To be called once, before the file gets its name.
    pub fn sync_file(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        self.sync(file, path).inspect_err(|error| {
            // With delayed allocation a full disk can show as late as here. The file is dropped and nothing else is in
            // doubt, so this alone does not end the promises.
            if !error.is_out_of_space() {
                self.fence(path);
            }
        })
    }

    /// Waits until the names in a directory are on the disk.
    pub fn sync_directory(&self, directory: &Directory) -> Result<(), StoreError> {
        // Names that were given already may be lost, so any failure counts.
        self.sync(directory, directory.path()).inspect_err(|_| self.fence(directory.path()))
    }

    /// Gives a file its final name, unless something has that name already.
    pub fn rename_new(
        &self,
        from: (&Directory, &OsStr),
        to: (&Directory, &OsStr),
    ) -> Result<Renamed, StoreError> {
        self.check()?;
        let outcome = match rustix::fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
            // Not every file system can do that (NFS cannot); a hard link refuses to replace as well.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())
                    .and_then(|()| rustix::fs::unlinkat(from.0, from.1, AtFlags::empty()))
            }
            outcome => outcome,
        };
        match outcome {
            Ok(()) => Ok(Renamed::Done),
            Err(Errno::EXIST) => Ok(Renamed::Occupied),
            Err(error) => Err(StoreError::new("rename a draft to", &to.0.path().join(to.1), error.into())),
        }
    }

    /// Gives a file its final name and drops what had that name.
    pub fn rename_over(
        &self,
        from: (&Directory, &OsStr),
        to: (&Directory, &OsStr),
    ) -> Result<(), StoreError> {
        self.check()?;
        rustix::fs::renameat(from.0, from.1, to.0, to.1)
            .map_err(|error| StoreError::new("rename a draft to", &to.0.path().join(to.1), error.into()))
    }

    /// Refuses to go on once a sync has failed.
    pub fn check(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            Some(path) => Err(StoreError::Fenced { path: path.clone() }),
            None => Ok(()),
        }
    }

    fn sync(&self, file: impl AsFd, path: &Path) -> Result<(), StoreError> {
        self.check()?;
        match self.durability {
            Durability::Full => {
                rustix::fs::fsync(file).map_err(|error| StoreError::new("sync", path, error.into()))
            }
            Durability::None => Ok(()),
        }
    }

    fn fence(&self, path: &Path) {
        // The first failure is the one to be told.
        let _ = self.failed.set(path.to_owned());
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // The set is only ever a promise already kept; a panic elsewhere cannot make it wrong.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let durable = Durable::new(Durability::Full);
        let root = durable.make_path(&folder.path().join("a/b")).unwrap();
        let names = ["c".to_owned(), "d".to_owned()];
        assert!(durable.directories(&root, &names).unwrap().path().ends_with("a/b/c/d"));
        // Somebody empties the store under a running node: the directories are made again.
        std::fs::remove_dir_all(folder.path().join("a/b/c")).unwrap();
        durable.directories(&root, &names).unwrap();
        assert!(folder.path().join("a/b/c/d").is_dir());
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), b"").unwrap();
        let durable = Durable::new(Durability::Full);
        let root = Directory::open(folder.path()).unwrap();
        let error = durable.directories(&root, &["a".to_owned(), "b".to_owned()]).unwrap_err();
        assert!(matches!(error, StoreError::Occupied { .. }), "{error}");
        assert!(durable.make_path(&folder.path().join("a/b")).is_err());
    }

    #[test]
    fn a_rename_never_replaces_unless_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = Directory::open(folder.path()).unwrap();
        let durable = Durable::new(Durability::None);
        std::fs::write(folder.path().join("old"), b"old").unwrap();
        std::fs::write(folder.path().join("new"), b"new").unwrap();
        let (from, to) = ((&root, OsStr::new("new")), (&root, OsStr::new("old")));
        assert_eq!(durable.rename_new(from, to).unwrap(), Renamed::Occupied);
        assert_eq!(std::fs::read(folder.path().join("old")).unwrap(), b"old");
        durable.rename_over(from, to).unwrap();
        assert_eq!(std::fs::read(folder.path().join("old")).unwrap(), b"new");
    }

    #[test]
    fn a_failed_sync_ends_all_promises() {
        let folder = tempfile::tempdir().unwrap();
        let root = Directory::open(folder.path()).unwrap();
        let durable = Durable::new(Durability::Full);
        // A pipe cannot be synced (EINVAL), which stands for a disk that fails.
        let (pipe, _writer) = std::io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        assert!(matches!(durable.sync_file(&pipe, Path::new("x")), Err(StoreError::Io { .. })));
        assert!(matches!(durable.sync_directory(&root), Err(StoreError::Fenced { .. })));
        assert!(matches!(
            durable.rename_over((&root, "a".as_ref()), (&root, "b".as_ref())),
            Err(StoreError::Fenced { .. })
        ));
    }
}
