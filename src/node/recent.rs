//! Where the latest instances lie, so that whoever asks for their commitment need not wait for a walk through the store.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The files of the latest instances, by SOP Instance UID.
#[derive(Debug, Default)]
pub(super) struct Recent {
    most: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    files: HashMap<String, Vec<PathBuf>>,
    order: VecDeque<String>,
}

/// Different contents under one UID, beyond which it is not looked after.
const MOST_FILES: usize = 16;

impl Recent {
    /// Remembers so many from now on; none before this was called.
    pub(super) fn remember(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Remembers a file, by its path below the store's folder.
    pub(super) fn insert(&self, sop_instance: &str, file: &Path) {
        let most = self.most.load(Ordering::Relaxed);
        if most == 0 {
            return;
        }
        let mut known = self.lock();
        if let Some(files) = known.files.get_mut(sop_instance) {
            if files.len() < MOST_FILES && !files.iter().any(|other| other == file) {
                files.push(file.to_owned());
            }
            return;
        }
        if known.order.len() >= most
            && let Some(oldest) = known.order.pop_front()
        {
            known.files.remove(&oldest);
        }
        known.order.push_back(sop_instance.to_owned());
        known.files.insert(sop_instance.to_owned(), vec![file.to_owned()]);
    }

    /// The files that are remembered.
    pub(super) fn files(&self, sop_instance: &str) -> Vec<PathBuf> {
        self.lock().files.get(sop_instance).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // What a panic could leave half written is forgotten too late, at worst.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_known_with_all_their_files_and_older_ones_are_not() {
        let recent = Recent::default();
        recent.remember(2);
        for (uid, file) in [("1.1", "a"), ("1.2", "b"), ("1.2", "c"), ("1.2", "b"), ("1.3", "d")] {
            recent.insert(uid, Path::new(file));
        }
        assert!(recent.files("1.1").is_empty());
        assert_eq!(recent.files("1.2"), [Path::new("b"), Path::new("c")]);
        assert_eq!(recent.files("1.3"), [Path::new("d")]);
        let none = Recent::default();
        none.insert("1.1", Path::new("a"));
        assert!(none.files("1.1").is_empty());
    }
}
