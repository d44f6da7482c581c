//! Finds the files that the arguments of a command mean: files, folders with all below, and patterns.

use super::text::shown;
use crate::store::is_draft;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// A file to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Where it belongs in a mirror of what was asked for.
    pub(super) relative: PathBuf,
    /// Whether it was named itself, and not merely found in a folder.
    pub(super) named: bool,
}

/// What the arguments mean.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// The files, in the order of the arguments, folders sorted by name.
    pub(super) files: Vec<Found>,
    /// What could not be looked into, each with the reason.
    pub(super) unreadable: Vec<(PathBuf, String)>,
    /// Whether one plain file was named and nothing else.
    pub(super) single_file: bool,
}

/// An argument that means nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum FindError {
    /// There is no such file.
    #[error("there is no {}; check the path", shown(.0))]
    Missing(PathBuf),
    /// It cannot be looked at.
    #[error("cannot look at {}: {error}", shown(path))]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A pattern that nothing matches.
    #[error("nothing matches {}", shown(.0))]
    NoMatch(PathBuf),
    /// A pattern that is none.
    #[error("{} is not a pattern: {error}", shown(path))]
    Pattern {
        /// The argument.
        path: PathBuf,
        /// What is wrong.
        error: glob::PatternError,
    },
}

/// Finds the files. What lies below `except`, the folder of the output, is left out.
///
/// One folder is mirrored from its inside; among several arguments each folder keeps its own name.
pub(super) fn find(arguments: &[PathBuf], except: Option<&Path>) -> Result<Finding, FindError> {
    let mut finding = Finding::default();
    let mut paths = Vec::new();
    for argument in arguments {
        expand(argument, &mut paths, &mut finding)?;
    }
    let except = except.and_then(|path| path.canonicalize().ok());
    let several = paths.len() > 1;
    for path in paths {
        if path.is_dir() {
            let prefix = if several { own_name(&path) } else { PathBuf::new() };
            walk(&path, &prefix, except.as_deref(), &mut finding);
        } else {
            let relative = path.file_name().map(PathBuf::from).unwrap_or_default();
            finding.single_file = !several;
            finding.files.push(Found { path, relative, named: true });
        }
    }
    Ok(finding)
}

/// An argument that exists is itself, whatever characters it has; else it may be a pattern that the shell left alone.
fn expand(argument: &Path, paths: &mut Vec<PathBuf>, finding: &mut Finding) -> Result<(), FindError> {
    match argument.metadata() {
        Ok(_) => {
            paths.push(argument.to_owned());
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FindError::Unreadable { path: argument.to_owned(), error }),
    }
    let pattern = argument.to_str().filter(|text| text.contains(['*', '?', '[']));
    let pattern = pattern.ok_or_else(|| FindError::Missing(argument.to_owned()))?;
    let matches =
        glob::glob(pattern).map_err(|error| FindError::Pattern { path: argument.to_owned(), error })?;
    let before = paths.len();
    for found in matches {
        match found {
            Ok(path) => paths.push(path),
            Err(error) => finding.unreadable.push((error.path().to_owned(), error.error().to_string())),
        }
    }
    if paths.len() == before { Err(FindError::NoMatch(argument.to_owned())) } else { Ok(()) }
}

fn walk(folder: &Path, prefix: &Path, except: Option<&Path>, finding: &mut Finding) {
    let is_excepted =
        |path: &Path| except.is_some_and(|except| path.canonicalize().is_ok_and(|path| path == except));
    // Links are followed: the operator's own tree may be made of them. Circles of them are reported as errors.
    let entries = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !(entry.file_type().is_dir() && is_excepted(entry.path()))) {
        match entry {
            // The unfinished work of another process is nobody's input.
            Ok(entry) if entry.file_type().is_file() && is_draft(entry.file_name()) => {}
            Ok(entry) if entry.file_type().is_file() => {
                let inner = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                let relative = prefix.join(inner);
                finding.files.push(Found { path: entry.into_path(), relative, named: false });
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                finding.unreadable.push((path, reason));
            }
        }
    }
}

fn own_name(folder: &Path) -> PathBuf {
    let name = folder.file_name().map(PathBuf::from);
    // «.» and «..» have no name of their own.
    name.or_else(|| folder.canonicalize().ok()?.file_name().map(PathBuf::from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/1.dcm", "a/sub/2.dcm", "b/3.dcm", "c.dcm", "odd[1].dcm"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        folder
    }

    fn relatives(folder: &Path, arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<PathBuf> = arguments.iter().map(|argument| folder.join(argument)).collect();
        let finding = find(&arguments, None).unwrap();
        assert_eq!(finding.unreadable, []);
        finding.files.iter().map(|found| found.relative.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn files_folders_and_patterns_are_found() {
        let folder = tree();
        let found = |arguments: &[&str]| relatives(folder.path(), arguments);
        assert_eq!(found(&["a"]), ["1.dcm", "sub/2.dcm"]);
        assert_eq!(found(&["a", "b"]), ["a/1.dcm", "a/sub/2.dcm", "b/3.dcm"]);
        assert_eq!(found(&["c.dcm"]), ["c.dcm"]);
        assert_eq!(found(&["*/*.dcm"]), ["1.dcm", "3.dcm"]);
        assert_eq!(found(&["?"]), ["a/1.dcm", "a/sub/2.dcm", "b/3.dcm"]);
        // A name that exists is not taken for a pattern.
        assert_eq!(found(&["odd[1].dcm"]), ["odd[1].dcm"]);
        assert!(find(&[folder.path().join("c.dcm")], None).unwrap().single_file);
        assert!(!find(&[folder.path().join("b")], None).unwrap().single_file);
    }

    #[test]
    fn the_folder_of_the_output_is_left_out() {
        let folder = tree();
        let except = folder.path().join("a");
        let files = find(&[folder.path().to_owned()], Some(&except)).unwrap().files;
        assert!(files.iter().all(|found| !found.path.starts_with(&except)), "{files:?}");
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn drafts_are_left_out() {
        let folder = tree();
        std::fs::write(folder.path().join("a/0123456789abcdef0123456789abcdef.part"), b"x").unwrap();
        std::fs::write(folder.path().join("a/first.part"), b"x").unwrap();
        assert_eq!(relatives(folder.path(), &["a"]), ["1.dcm", "first.part", "sub/2.dcm"]);
    }

    #[test]
    fn an_argument_that_means_nothing_is_an_error() {
        let folder = tree();
        for (argument, expected) in
            [("none.dcm", "there is no"), ("*.jpg", "nothing matches"), ("[", "not a pattern")]
        {
            let error = find(&[folder.path().join(argument)], None).unwrap_err().to_string();
            assert!(error.contains(expected), "{argument}: {error}");
        }
    }

    #[test]
    fn a_circle_of_links_ends_and_is_told() {
        let folder = tree();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/circle")).unwrap();
        let finding = find(&[folder.path().join("b")], None).unwrap();
        assert!(finding.files.iter().any(|found| found.relative == Path::new("3.dcm")));
        assert_eq!(finding.unreadable.len(), 1);
    }
}
