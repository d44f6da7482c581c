//! The corpus of real DICOM files, for the tests that read it.
//!
//! It is not part of the project: `CONDENSER_CORPUS` names its folder, `../shared/corpus` is looked at when it does
//! not. Without one a test says so and passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("CONDENSER_CORPUS").map_or(default, PathBuf::from);
    if folder.join("MANIFEST.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there is no corpus at {} (set CONDENSER_CORPUS)", folder.display());
    None
}

/// The rows of the manifest: path, and column name to text.
pub(crate) fn manifest(corpus: &Path) -> Vec<(String, BTreeMap<String, String>)> {
    let text = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let columns: Vec<_> = lines.next().unwrap().collect();
    lines
        .map(|cells| {
            let row: BTreeMap<_, _> = columns.iter().cloned().zip(cells).collect();
            (row["file"].clone(), row)
        })
        .collect()
}
