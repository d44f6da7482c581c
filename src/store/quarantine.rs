//! The quarantine: what was received but cannot be trusted to be an instance is kept, with the reason beside it.

use super::digest::Digest;
use super::directory::Directory;
use super::draft::Draft;
use super::durable::Renamed;
use super::error::StoreError;
use super::tree::Tree;
use crate::dicom::{FileMeta, Source, in_pieces};
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Why something is in quarantine and where it came from; written as JSON beside it. All text is as received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuarantineNote {
    /// A stable name in snake case.
    pub reason: String,
    /// The same in a sentence.
    pub explanation: String,
    /// Affected SOP Class UID of the command.
    pub sop_class: String,
    /// Affected SOP Instance UID of the command.
    pub sop_instance: String,
    /// Transfer syntax UID of the presentation context.
    pub transfer_syntax: String,
    /// AE title of the sender.
    pub calling_ae: String,
    /// The AE title that it called.
    pub called_ae: String,
    /// Address and port of the sender.
    pub peer: String,
}

impl Tree {
    /// Keeps a data set in `quarantine/`, as a Part 10 file with what is known of it, durably, and a note beside it.
    /// The name comes from the content: the same content sent again and again is one file. Returns its path.
    pub fn quarantine(
        &self,
        meta: &FileMeta,
        data_set: &dyn Source,
        note: &QuarantineNote,
    ) -> Result<PathBuf, StoreError> {
        let folder = self.durable().directory(self.root(), "quarantine".as_ref())?;
        let unread = |error| StoreError::new("read the received data set for", folder.path(), error);
        let digest = Digest::of(&note.transfer_syntax, data_set).map_err(unread)?;
        let stem = digest.digits(32);
        // The note first: an instance without its reason would puzzle, a note alone explains itself.
        let mut text = serde_json::to_vec_pretty(note).unwrap_or_default();
        text.push(b'\n');
        self.keep_in(&folder, &format!("{stem}.json"), |draft| draft.write_all(&text))?;
        self.keep_in(&folder, &format!("{stem}.dcm"), |draft| {
            meta.write(draft)?;
            in_pieces(data_set, 0..data_set.len(), |bytes| draft.write_all(&bytes))
        })
    }

    /// Keeps a file whose name says what is in it, durably. Returns its path.
    pub(super) fn keep_in(
        &self,
        folder: &Directory,
        name: &str,
        write: impl FnOnce(&mut Draft) -> io::Result<()>,
    ) -> Result<PathBuf, StoreError> {
        let path = folder.path().join(name);
        let mut draft = self.draft()?;
        write(&mut draft).map_err(|error| StoreError::new("write", &path, error))?;
        let (file, drafts, draft_name) = draft.finished()?;
        self.durable().sync_file(file, &path)?;
        match self.durable().rename_new((drafts, draft_name), (folder, name.as_ref()))? {
            Renamed::Done => draft.set_renamed(),
            // The name says what is in it, so it is there already; only whether durably is not known.
            Renamed::Occupied => match folder.open_file(name.as_ref())? {
                Some(existing) => self.durable().sync_file(&existing, &path)?,
                None => return Err(StoreError::Occupied { path, what: "being moved by somebody else" }),
            },
        }
        self.durable().sync_directory(folder)?;
        Ok(path)
    }
}
