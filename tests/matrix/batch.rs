//! Files for foreign decoders, thousands in one file, and the Python script that has them decoded.

use super::cell::Cell;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// Files one after the other, with a line of a table for each.
pub(crate) struct Batch {
    folder: tempfile::TempDir,
    files: BufWriter<File>,
    offset: usize,
    lines: String,
}

impl Batch {
    pub(crate) fn new() -> Batch {
        let folder = tempfile::tempdir().unwrap();
        let files = BufWriter::new(File::create(folder.path().join("files")).unwrap());
        Batch { folder, files, offset: 0, lines: String::new() }
    }

    /// Adds a file, and the cells that decoders have to make of it, each sample within `bound`.
    pub(crate) fn add(&mut self, cell: &Cell, file: &[u8], cells: &[u8], bound: u32) {
        let hash = Sha256::digest(cells).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let at = self.offset;
        self.put(file);
        let wanted = self.offset;
        // Some decoders drop what stands above Bits Stored, and are judged by the rest.
        if bound > 0 || cell.has_unused_bits() {
            self.put(cells);
        }
        let lengths = format!("{at}\t{}\t{wanted}\t{}", file.len(), self.offset - wanted);
        self.lines += &format!("{lengths}\t{hash}\t{bound}\t{cell}\n");
    }

    fn put(&mut self, bytes: &[u8]) {
        self.files.write_all(bytes).unwrap();
        self.offset += bytes.len();
    }

    /// What foreign decoders say of all files, where there are any; they must agree.
    pub(crate) fn judged(mut self, transfer_syntax: &str) -> String {
        let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
            return "SKIPPED: no foreign decoder has judged it (set CONDENSER_PYTHON, or run scripts/test)"
                .to_owned();
        };
        self.files.flush().unwrap();
        std::fs::write(self.folder.path().join("table.tsv"), &self.lines).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge_matrix.py");
        let judged =
            Command::new(python).arg(script).arg(self.folder.path()).arg(transfer_syntax).output().unwrap();
        let said = String::from_utf8_lossy(&judged.stdout).into_owned();
        assert!(judged.status.success(), "{said}\n{}", String::from_utf8_lossy(&judged.stderr));
        said
    }
}
