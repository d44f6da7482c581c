//! Removes an instance that nobody needs here any more, and the directories that are empty then.

use super::digest::Digest;
use super::directory::Directory;
use super::error::StoreError;
use super::tree::{Tree, read_receipt};
use std::path::Path;

/// What became of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The file is gone, durably.
    Done,
    /// There was none.
    Absent,
    /// Another instance lies there, or something else: it stays.
    Another,
}

impl Tree {
    /// Removes a file by its path below the store's folder, if it holds the instance of this digest.
    ///
    /// # Errors
    /// Those of the file system; what is not a regular file is refused.
    pub fn remove(&self, file: &Path, digest: &Digest) -> Result<Removed, StoreError> {
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Ok(Removed::Absent);
        };
        let Some(directory) = self.directory_below(folder)? else { return Ok(Removed::Absent) };
        let Some(opened) = directory.open_file(name)? else { return Ok(Removed::Absent) };
        let unread = |error| StoreError::new("read", &directory.path().join(name), error);
        if read_receipt(&opened).map_err(unread)?.is_none_or(|receipt| receipt.digest != *digest) {
            return Ok(Removed::Another);
        }
        directory.remove_file(name)?;
        self.durable().sync_directory(&directory)?;
        self.remove_empty(folder)?;
        Ok(Removed::Done)
    }

    /// Removes a directory and those above it as far as they are empty. That they are gone need not be durable.
    fn remove_empty(&self, folder: &Path) -> Result<(), StoreError> {
        for path in folder.ancestors() {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { break };
            let parent: Option<Directory> = self.directory_below(parent)?;
            if !parent.map_or(Ok(false), |parent| parent.remove_directory(name))? {
                break;
            }
        }
        Ok(())
    }
}
