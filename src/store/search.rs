//! Where instances lie of which nothing but the UID is known: by a walk through the whole tree, which has no index.

use super::error::StoreError;
use super::tree::Tree;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

impl Tree {
    /// The files whose paths below the store's folder hold one of these SOP Instance UIDs: what every layout has in it. They
    /// are not looked into.
    ///
    /// # Errors
    /// Those of listing.
    pub fn search(&self, uids: &HashSet<&str>) -> Result<HashMap<String, Vec<PathBuf>>, StoreError> {
        let mut found: HashMap<String, Vec<PathBuf>> = HashMap::new();
        self.visit(&mut |file| {
            for uid in within(file, uids) {
                found.entry(uid).or_default().push(file.to_owned());
            }
            Ok::<(), StoreError>(())
        })?;
        Ok(found)
    }
}

/// Which of these UIDs a path has in it, as a whole run of numbers and dots, or beside other numbers behind a dot.
fn within(file: &Path, uids: &HashSet<&str>) -> HashSet<String> {
    let path = file.to_string_lossy();
    let runs = path.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|run| !run.is_empty());
    runs.flat_map(|run| parts(run).filter(|part| uids.contains(part))).map(str::to_owned).collect()
}

/// All stretches of a run that begin and end between dots. A run is no longer than the name of a file may be.
fn parts(run: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(run.match_indices('.').map(|(dot, _)| dot + 1));
    starts.flat_map(move |start| {
        let rest = run.get(start..).unwrap_or_default();
        let ends = rest.match_indices('.').map(|(dot, _)| dot).chain([rest.len()]);
        ends.filter_map(move |end| rest.get(..end)).filter(|part| !part.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_found_wherever_a_layout_puts_it_and_not_within_another() {
        let wanted = HashSet::from(["1.2.3"]);
        for (path, expected) in [
            ("1.9/1.2.3.dcm", true),
            ("1.9/1.2.3~0123456789ab.dcm", true),
            ("CT/1.2.3/image.dcm", true),
            ("20240131.1.2.3.CT.dcm", true),
            ("CT-1.2.3", true),
            ("1.9/1.2.33.dcm", false),
            ("1.9/11.2.3.dcm", false),
            ("1.2/3.dcm", false),
        ] {
            assert_eq!(!within(Path::new(path), &wanted).is_empty(), expected, "{path}");
        }
    }
}
