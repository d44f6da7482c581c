//! All instances of the store, one after the other: for what has to be made anew from them.

use super::error::StoreError;
use super::layout::OWN_NAMES;
use super::opening::OWN_FOLDER;
use super::tree::Tree;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

impl Tree {
    /// Calls `visit` with the path below the store's folder of every file that an instance may lie in, until it fails.
    /// Links are not followed. What is the store's own (its quarantine too) is left out.
    ///
    /// # Errors
    /// Those of `visit`, and of listing, made into one of its own by `From`.
    pub fn visit<E: From<StoreError>>(&self, visit: &mut dyn FnMut(&Path) -> Result<(), E>) -> Result<(), E> {
        let mut open = vec![PathBuf::new()];
        while let Some(path) = open.pop() {
            let Some(directory) = self.directory_below(&path)? else { continue };
            let at_root = path.as_os_str().is_empty();
            let of_instances = |name: &OsStr| {
                !at_root || (name != OWN_FOLDER && OWN_NAMES.iter().all(|own| name != OsStr::new(own)))
            };
            let names = directory.file_names()?;
            names.iter().filter(|name| of_instances(name)).try_for_each(|name| visit(&path.join(name)))?;
            let names = directory.directory_names()?;
            open.extend(names.iter().filter(|name| of_instances(name)).map(|name| path.join(name)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::config::Config;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_visited_and_nothing_of_the_store_s_own() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { path: folder.path().join("store"), ..Config::default() };
        let tree = Tree::open(&config).unwrap();
        tree.write_note("queue", "x").unwrap();
        for file in
            ["1.2/1.3/a.dcm", "1.2/1.4/b.dcm", "c.dcm", "quarantine/d.dcm", "queue.db", "1.2/queue.db"]
        {
            let path = config.path.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        std::os::unix::fs::symlink(config.path.join("1.2"), config.path.join("link")).unwrap();
        let mut found = BTreeSet::new();
        tree.visit(&mut |path| {
            found.insert(path.display().to_string());
            Ok::<(), StoreError>(())
        })
        .unwrap();
        let expected = ["1.2/1.3/a.dcm", "1.2/1.4/b.dcm", "1.2/queue.db", "c.dcm"];
        assert_eq!(found, expected.map(str::to_owned).into());
        let stopped =
            tree.visit(&mut |path| Err(StoreError::new("x", path, std::io::ErrorKind::Other.into())));
        assert!(stopped.is_err());
    }
}
