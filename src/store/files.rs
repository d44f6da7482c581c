//! Single files outside of any tree, written as carefully: for commands that work on files and folders.

use super::directory::{Directory, is_draft};
use super::draft::Draft;
use super::durable::{Durability, Durable, Renamed};
use super::error::StoreError;
use super::replace::{Original, ReplaceError};
use rustix::fs::FlockOperation;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Writes files at paths that the operator chose. Under its final name a file is whole and durable, or it is not there.
#[derive(Debug)]
pub struct Files {
    durable: Durable,
}

impl Files {
    /// With this much durability.
    pub fn new(durability: Durability) -> Self {
        Self { durable: Durable::new(durability) }
    }

    /// A draft in the folder of `path`, which is made when it is missing. As long as it is open nobody takes it for
    /// abandoned.
    pub fn draft(&self, path: &Path) -> Result<Draft, StoreError> {
        let (folder, _) = split(path)?;
        let mut draft = Draft::create(Arc::new(self.durable.make_path(folder)?))?;
        let (file, _, _) = draft.finished()?;
        // Not every file system has locks; there a draft that is at work could be taken for abandoned, and its file fails.
        let _ = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
        Ok(draft)
    }

    /// Removes the drafts in a folder that no process holds any more: what one that was killed has left. Gives their number.
    pub fn remove_abandoned(&self, folder: &Path) -> Result<usize, StoreError> {
        let directory = Directory::open(folder)?;
        let mut removed = 0;
        for name in directory.file_names()?.iter().filter(|name| is_draft(name)) {
            let Some(file) = directory.open_file(name)? else { continue };
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                directory.remove_file(name)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Puts a draft, which must come from [`Files::draft`] for the path of `original`, in its place, with its owner,
    /// permissions, extended attributes and times. At any moment there is either the whole original or the whole successor.
    ///
    /// # Errors
    /// Nothing was changed, unless the folder could not be synced after the change.
    pub fn replace(&self, mut draft: Draft, original: &Original) -> Result<(), ReplaceError> {
        let (folder, name) = split(original.path())?;
        let directory = Directory::open(folder)?;
        let (file, drafts, draft_name) = draft.finished()?;
        original.hand_over_to(file)?;
        self.durable.sync_file(file, original.path())?;
        original.check_unchanged()?;
        self.durable.rename_over((drafts, draft_name), (&directory, name))?;
        draft.set_renamed();
        self.durable.sync_directory(&directory)?;
        Ok(())
    }

    /// Gives a draft, which must come from [`Files::draft`] for the same folder, its name. Without `overwrite` a file
    /// that is there already stays and the draft is dropped: [`Renamed::Occupied`].
    pub fn keep(&self, mut draft: Draft, path: &Path, overwrite: bool) -> Result<Renamed, StoreError> {
        let (folder, name) = split(path)?;
        let directory = Directory::open(folder)?;
        let (file, drafts, draft_name) = draft.finished()?;
        self.durable.sync_file(file, path)?;
        if overwrite {
            self.durable.rename_over((drafts, draft_name), (&directory, name))?;
        } else if self.durable.rename_new((drafts, draft_name), (&directory, name))? == Renamed::Occupied {
            return Ok(Renamed::Occupied);
        }
        draft.set_renamed();
        self.durable.sync_directory(&directory)?;
        Ok(Renamed::Done)
    }
}

/// The folder and the name in it.
fn split(path: &Path) -> Result<(&Path, &OsStr), StoreError> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) if folder.as_os_str().is_empty() => Ok((Path::new("."), name)),
        (Some(folder), Some(name)) => Ok((folder, name)),
        _ => Err(StoreError::new("write", path, io::ErrorKind::InvalidFilename.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_kept_once_and_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.dcm");
        let files = Files::new(Durability::Full);
        let write = |content: &[u8], overwrite| {
            let mut draft = files.draft(&path).unwrap();
            draft.write_all(content).unwrap();
            (files.keep(draft, &path, overwrite).unwrap(), std::fs::read(&path).unwrap())
        };
        assert_eq!(write(b"first", false), (Renamed::Done, b"first".to_vec()));
        assert_eq!(write(b"second", false), (Renamed::Occupied, b"first".to_vec()));
        assert_eq!(write(b"third", true), (Renamed::Done, b"third".to_vec()));
        let names = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(names, 1, "no draft is left");
    }

    #[test]
    fn only_drafts_that_nobody_holds_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(Durability::Full);
        let abandoned = folder.path().join("0123456789abcdef0123456789abcdef.part");
        std::fs::write(&abandoned, b"x").unwrap();
        std::fs::write(folder.path().join("other.part"), b"x").unwrap();
        let held = files.draft(&folder.path().join("x.dcm")).unwrap();
        assert_eq!(files.remove_abandoned(folder.path()).unwrap(), 1);
        assert!(!abandoned.exists() && folder.path().join("other.part").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the one at work is still there");
        drop(held);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_without_a_name_is_refused() {
        let files = Files::new(Durability::Full);
        for path in ["/", "..", "a/.."] {
            assert!(files.draft(Path::new(path)).is_err(), "{path}");
        }
    }
}
