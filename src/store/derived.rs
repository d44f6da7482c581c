//! Which instance was derived from which: one small file for each, named by what it was derived from.
//!
//! What is encoded with loss gets a SOP Instance UID of its own (PS3.3 C.7.6.1.1.2). The sender knows only the one that it
//! sent; by this an instance that comes again is known again before it is encoded again.

use super::digest::Digest;
use super::directory::Directory;
use super::error::StoreError;
use super::opening::OWN_FOLDER;
use super::tree::Tree;
use crate::dicom::Uid;
use std::io::{Read, Write};

impl Tree {
    /// The instance that was derived from the one with this UID and this content; `None` when none is known.
    ///
    /// # Errors
    /// Also when something that is not a regular file lies in its place.
    pub fn derived_from(&self, original: &Uid, digest: &Digest) -> Result<Option<Uid>, StoreError> {
        let mut innermost: Option<Directory> = None;
        for name in folders(original) {
            innermost = innermost.as_ref().unwrap_or(self.root()).child(name.as_ref())?;
            if innermost.is_none() {
                return Ok(None);
            }
        }
        let folder = innermost.as_ref().unwrap_or(self.root());
        let name = digest.to_string();
        let Some(file) = folder.open_file(name.as_ref())? else { return Ok(None) };
        let mut text = String::new();
        // A file that holds no UID says nothing: the instance is derived once more, and gives the same.
        match file.take(LONGEST).read_to_string(&mut text) {
            Ok(_) => Ok(Uid::parse(text.trim_end()).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(StoreError::new("read", &folder.path().join(name), error)),
        }
    }

    /// Writes down that `derived` comes from the instance with this UID and this content. It is durable on return.
    ///
    /// # Errors
    /// Nothing is promised then.
    pub fn note_derived(&self, original: &Uid, digest: &Digest, derived: &Uid) -> Result<(), StoreError> {
        let folder = self.durable().directories(self.root(), &folders(original))?;
        let text = format!("{derived}\n");
        self.keep_in(&folder, &digest.to_string(), |draft| draft.write_all(text.as_bytes())).map(drop)
    }
}

/// A UID and a line break.
const LONGEST: u64 = 65;

/// The folders in which what was derived from an instance is written down: no folder holds too many others.
fn folders(original: &Uid) -> [String; 4] {
    let hash = blake3::hash(original.as_str().as_bytes()).to_hex();
    [OWN_FOLDER.to_owned(), "derived".to_owned(), hash[..2].to_owned(), original.to_string()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Config, Durability};

    fn config(folder: &std::path::Path) -> Config {
        Config { path: folder.to_owned(), durability: Durability::None, ..Config::default() }
    }

    #[test]
    fn what_is_written_down_is_found_again_after_opening_anew() {
        let folder = tempfile::tempdir().unwrap();
        let uid = |text| Uid::parse(text).unwrap();
        let digest = |byte: u8| Digest::of("1.2", &[byte].as_slice()).unwrap();
        let tree = Tree::open(&config(folder.path())).unwrap();
        assert_eq!(tree.derived_from(&uid("1.2.3"), &digest(1)).unwrap(), None);
        tree.note_derived(&uid("1.2.3"), &digest(1), &uid("2.25.7")).unwrap();
        tree.note_derived(&uid("1.2.3"), &digest(1), &uid("2.25.7")).unwrap();
        tree.note_derived(&uid("1.2.3"), &digest(2), &uid("2.25.8")).unwrap();
        drop(tree);
        let tree = Tree::open(&config(folder.path())).unwrap();
        assert_eq!(tree.derived_from(&uid("1.2.3"), &digest(1)).unwrap(), Some(uid("2.25.7")));
        assert_eq!(tree.derived_from(&uid("1.2.3"), &digest(2)).unwrap(), Some(uid("2.25.8")));
        assert_eq!(tree.derived_from(&uid("1.2.3"), &digest(3)).unwrap(), None);
        assert_eq!(tree.derived_from(&uid("1.2.4"), &digest(1)).unwrap(), None);
    }

    #[test]
    fn a_damaged_note_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(&config(folder.path())).unwrap();
        let (uid, digest) = (Uid::parse("1.2.3").unwrap(), Digest::of("1.2", &[1_u8].as_slice()).unwrap());
        for damage in [&b""[..], b"2.25.", b"\xFF\xFE", &[b'1'; 200]] {
            let place: std::path::PathBuf = folders(&uid).iter().collect();
            let place = folder.path().join(place);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join(digest.to_string()), damage).unwrap();
            assert_eq!(tree.derived_from(&uid, &digest).unwrap(), None, "{damage:?}");
        }
    }
}
