//! The check of a file of the tree by its seal, and what becomes of a damaged one: it goes into the quarantine and is never
//! deleted.

use super::durable::Renamed;
use super::error::StoreError;
use super::seal::{Soundness, soundness};
use super::tree::Tree;
use std::path::{Path, PathBuf};

/// More files of the same name than this in quarantine are a sign that something else is wrong.
const MOST_OF_A_NAME: u32 = 10_000;

impl Tree {
    /// Reads a file of the tree, by its path below the store's folder, to its end and compares it with its seal; `None`
    /// where there is no such file.
    ///
    /// # Errors
    /// That it cannot be read.
    pub fn examine(&self, file: &Path) -> Result<Option<Soundness>, StoreError> {
        let Some(source) = self.open_file(file)? else { return Ok(None) };
        soundness(&source).map(Some).map_err(|error| StoreError::new("read", file, error))
    }

    /// Moves a file of the tree, by its path below the store's folder, into the quarantine, durably. Returns its new path.
    ///
    /// # Errors
    /// It stays where it is.
    pub fn set_aside(&self, file: &Path) -> Result<PathBuf, StoreError> {
        let gone = || StoreError::new("set aside", file, std::io::ErrorKind::NotFound.into());
        let (folder, name) = (file.parent().ok_or_else(gone)?, file.file_name().ok_or_else(gone)?);
        let from = self.directory_below(folder)?.ok_or_else(gone)?;
        let quarantine = self.durable().directory(self.root(), "quarantine".as_ref())?;
        for number in 0..MOST_OF_A_NAME {
            let mut new = name.to_owned();
            new.push(format!(".damaged-{number}"));
            if self.durable().rename_new((&from, name), (&quarantine, &new))? == Renamed::Done {
                self.durable().sync_directory(&quarantine)?;
                self.durable().sync_directory(&from)?;
                return Ok(quarantine.path().join(new));
            }
        }
        Err(StoreError::Occupied { path: quarantine.path().join(name), what: "there too many times already" })
    }
}
