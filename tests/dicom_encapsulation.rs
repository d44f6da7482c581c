//! pydicom and DCMTK judge how frames are encapsulated: what we write they read, what pydicom writes we write and read too.
//!
//! `CONDENSER_PYTHON` names a Python with what `tests/python/requirements.txt` lists; `scripts/test` sets it. Without one
//! the test says so and passes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use condenser::dicom::{
    ExtendedOffsets, FileMeta, FrameReader, OffsetTable, encapsulate, encapsulate_extended,
    encapsulate_value, uids,
};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const COUNTS: [usize; 6] = [1, 2, 3, 7, 20, 100];
const FRAGMENTS: [u32; 4] = [1, 2, 3, 4];

/// How the frames of a case look.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    /// Of any length and any bytes.
    Any,
    /// Marked as JPEG codestreams are, so that frames are found without a table.
    Marked,
    /// Of 1 to 8 bytes: not all can be split.
    Tiny,
    /// Of 12 bytes, of which pydicom 3.0 leaves none for the last of four fragments.
    Dozen,
}

#[test]
fn pydicom_and_dcmtk_agree_about_frames_and_fragments() {
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!(
            "SKIPPED: nobody else has judged our fragments (set CONDENSER_PYTHON, or run scripts/test)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cases = write_cases(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge_encapsulation.py");
    let judged = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(said.contains("written otherwise: pydicom's last fragment is empty"), "{said}");
    assert!(judged.status.success(), "{said}\n{}", String::from_utf8_lossy(&judged.stderr));
    println!("{said}");
    for (name, frames) in cases {
        read_theirs(&folder.path().join(&name), &frames, name.contains("empty"));
    }
}

/// Writes every case and the manifest; gives those that pydicom writes too.
fn write_cases(folder: &Path) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut manifest = String::new();
    let mut cases = Vec::new();
    for content in [Content::Any, Content::Marked, Content::Tiny, Content::Dozen] {
        for count in COUNTS {
            for fragments in FRAGMENTS {
                let seed = count as u64 * 31 + u64::from(fragments);
                let frames: Vec<Vec<u8>> =
                    (0..count).map(|at| frame(content, seed + at as u64 * 7919)).collect();
                let lengths: Vec<String> = frames.iter().map(|frame| frame.len().to_string()).collect();
                for (table, word) in [(OffsetTable::Basic, "basic"), (OffsetTable::Empty, "empty")] {
                    // Without table and markers nobody can tell fragments apart.
                    if table == OffsetTable::Empty && fragments > 1 && content != Content::Marked {
                        continue;
                    }
                    let name = format!("{}-{word}", cases.len() * 10 + manifest.lines().count());
                    let value = encapsulate_value(&frames, fragments, table);
                    let verdict = if value.is_ok() { "written" } else { "refused" };
                    let lengths = lengths.join(",");
                    writeln!(manifest, "{name}\t{word}\t{fragments}\t{verdict}\t{lengths}").unwrap();
                    std::fs::write(folder.join(format!("{name}.frames")), frames.concat()).unwrap();
                    if let Ok(value) = value {
                        std::fs::write(folder.join(format!("{name}.value")), value).unwrap();
                        cases.push((name, frames.clone()));
                    }
                }
            }
            let seed = 1_000_003 * count as u64;
            let frames: Vec<Vec<u8>> =
                (0..count).map(|at| frame(content, seed + at as u64 * 104_729)).collect();
            write_extended(folder, &format!("{}-extended", cases.len()), &frames, &mut manifest);
        }
    }
    assert!(manifest.lines().count() > 100);
    std::fs::write(folder.join("manifest.tsv"), manifest).unwrap();
    cases
}

/// The three values, and files with each of the tables.
fn write_extended(folder: &Path, name: &str, frames: &[Vec<u8>], manifest: &mut String) {
    let lengths: Vec<String> = frames.iter().map(|frame| frame.len().to_string()).collect();
    writeln!(manifest, "{name}\textended\t1\twritten\t{}", lengths.join(",")).unwrap();
    let values = encapsulate_extended(frames).unwrap();
    for (end, value) in [
        ("frames", frames.concat()),
        ("value", values.pixel_data),
        ("offsets", values.offsets),
        ("lengths", values.lengths),
    ] {
        std::fs::write(folder.join(format!("{name}.{end}")), value).unwrap();
    }
    for (table, word) in
        [(OffsetTable::Basic, "basic"), (OffsetTable::Extended, "extended"), (OffsetTable::Empty, "empty")]
    {
        let mut file = Vec::new();
        let meta = FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.7".to_owned(),
            sop_instance: "2.25.281236".to_owned(),
            transfer_syntax: uids::JPEG_BASELINE.to_owned(),
            ..FileMeta::default()
        };
        meta.write(&mut file).unwrap();
        file.extend(b"\x28\0\x08\0IS\x04\0");
        file.extend(format!("{:<4}", frames.len()).into_bytes());
        file.extend(encapsulate(frames, table).unwrap());
        std::fs::write(folder.join(format!("{name}.{word}.dcm")), file).unwrap();
    }
}

fn frame(content: Content, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let length = match content {
        Content::Any => 9 + next() % 500,
        Content::Marked => 20 + next() % 500,
        Content::Tiny => 1 + next() % 8,
        Content::Dozen => 12,
    };
    let mut bytes: Vec<u8> = (0..length).map(|_| (next() % 0x90) as u8).collect();
    if content == Content::Marked {
        bytes[..4].copy_from_slice(b"\xFF\xD8\xFF\xE0");
        bytes[length - 2..].copy_from_slice(b"\xFF\xD9");
    }
    bytes
}

/// What pydicom has written of the same frames: every frame by itself, and in order.
fn read_theirs(path: &Path, frames: &[Vec<u8>], by_markers: bool) {
    let value = std::fs::read(path.with_extension("theirs")).unwrap();
    let reader = FrameReader::of_value(&value, 0..value.len() as u64, None, frames.len() as u32)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (index, frame) in frames.iter().enumerate().rev() {
        let padded = [frame.as_slice(), &[0][..frame.len() % 2]].concat();
        assert_eq!(*reader.frame(index).unwrap(), *padded, "{} frame {index}", path.display());
    }
    assert_eq!(reader.iter().filter(Result::is_ok).count(), frames.len(), "by markers: {by_markers}");
}

/// The same from the values of an Extended Offset Table that pydicom would write: ours are byte for byte those.
#[test]
fn frames_are_found_by_the_values_of_an_extended_offset_table() {
    let frames: Vec<Vec<u8>> = (0..50).map(|seed| frame(Content::Any, seed)).collect();
    let values = encapsulate_extended(&frames).unwrap();
    let (pixels, table) = (values.pixel_data.len() as u64, values.offsets.len() as u64);
    let together = [values.pixel_data, values.offsets, values.lengths].concat();
    let places =
        ExtendedOffsets { offsets: pixels..pixels + table, lengths: pixels + table..pixels + 2 * table };
    let reader = FrameReader::of_value(&together, 0..pixels, Some(places), 50).unwrap();
    for (index, frame) in frames.iter().enumerate() {
        assert!(reader.frame(index).unwrap().starts_with(frame));
    }
}
