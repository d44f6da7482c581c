//! Single files outside of any tree, written as carefully: for commands that work on files and folders.

use super::directory::Directory;
use super::draft::Draft;
use super::durable::{Durability, Durable, Renamed};
use super::error::StoreError;
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

    /// A draft in the folder of `path`, which is made when it is missing.
    pub fn draft(&self, path: &Path) -> Result<Draft, StoreError> {
        let (folder, _) = split(path)?;
        Draft::create(Arc::new(self.durable.make_path(folder)?))
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
    fn a_path_without_a_name_is_refused() {
        let files = Files::new(Durability::Full);
        for path in ["/", "..", "a/.."] {
            assert!(files.draft(Path::new(path)).is_err(), "{path}");
        }
    }
}
