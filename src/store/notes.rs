//! What the store remembers for those who keep something that belongs to it: small texts in its own folder.

use super::error::StoreError;
use super::opening::OWN_FOLDER;
use super::tree::Tree;
use std::io::{self, Read, Write};

/// A note is read up to this length; ours are far shorter.
const LONGEST: u64 = 4096;

impl Tree {
    /// What was written down under this name; `None` where nothing was.
    ///
    /// # Errors
    /// Also when what lies there is no text.
    pub fn note(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        let own = self.durable().directory(self.root(), OWN_FOLDER.as_ref())?;
        let Some(file) = own.open_file(name.as_ref())? else { return Ok(None) };
        let mut text = String::new();
        let fail = |error: io::Error| StoreError::new("read", &own.path().join(name), error);
        file.take(LONGEST).read_to_string(&mut text).map_err(fail)?;
        Ok(Some(text.trim_end().to_owned()))
    }

    /// Writes down one line under this name, in place of what was there before. It is durable on return.
    ///
    /// # Errors
    /// What was there before stays.
    pub fn write_note(&self, name: &'static str, text: &str) -> Result<(), StoreError> {
        let own = self.durable().directory(self.root(), OWN_FOLDER.as_ref())?;
        let mut draft = self.draft()?;
        writeln!(draft, "{text}").map_err(|error| draft.failure(error))?;
        let path = own.path().join(name);
        let (file, drafts, draft_name) = draft.finished()?;
        self.durable().sync_file(file, &path)?;
        self.durable().rename_over((drafts, draft_name), (&own, name.as_ref()))?;
        draft.set_renamed();
        self.durable().sync_directory(&own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config::Config;

    #[test]
    fn what_was_written_down_last_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { path: folder.path().join("store"), ..Config::default() };
        let tree = Tree::open(&config).unwrap();
        assert_eq!(tree.note("queue").unwrap(), None);
        tree.write_note("queue", "first").unwrap();
        tree.write_note("queue", "second").unwrap();
        drop(tree);
        let tree = Tree::open(&config).unwrap();
        assert_eq!(tree.note("queue").unwrap().as_deref(), Some("second"));
        assert_eq!(tree.note("other").unwrap(), None);
    }
}
