//! pydicom and DCMTK judge what was derived with loss: what it says of itself, and how far its samples lie from what they were.
//!
//! `CONDENSER_PYTHON` names a Python with what `tests/python/requirements.txt` lists; `scripts/test` sets it. Without
//! one the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;

use condenser::codec::{Exactness, Layers, Lossy, Options, Parameters, compress};
use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, uids, walk};
use made::{CT, DataSet, Image};
use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

#[test]
fn what_was_derived_says_so_to_others() {
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!(
            "SKIPPED: nobody has judged our derived instances (set CONDENSER_PYTHON, or run scripts/test)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = String::new();
    for (original, data_set) in [("plain", plain()), ("again", again()), ("colour", colour())] {
        let bytes = part10(&data_set);
        std::fs::write(folder.path().join(format!("{original}.dcm")), bytes).unwrap();
        let jpeg = (original == "colour").then(|| ("JPEGBaseline8Bit", Parameters::default()));
        for (target, parameters) in targets().into_iter().chain(jpeg) {
            let derived = format!("{original}-{target}.dcm");
            let bound = derive(&data_set, target, parameters, &folder.path().join(&derived));
            writeln!(manifest, "{original}.dcm\t{derived}\t{bound}").unwrap();
        }
    }
    std::fs::write(folder.path().join("manifest.tsv"), manifest).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge_derived.py");
    let judged = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}\n{}", String::from_utf8_lossy(&judged.stderr));
    println!("{said}");
}

fn targets() -> [(&'static str, Parameters); 3] {
    let layers = |layers| Parameters { layers, ..Parameters::default() };
    [
        ("JPEGLSNearLossless", Parameters { near: 3, ..Parameters::default() }),
        ("JPEG2000", layers(Layers::Ratios(vec![20.0, 6.0]))),
        ("1.2.840.10008.1.2.4.91", layers(Layers::Psnrs(vec![45.0]))),
    ]
}

/// A CT that says no more than it must.
fn plain() -> Vec<u8> {
    Image::slopes("1.2.3.4.5.6", 90, 120, 2).data_set()
}

/// A CT that was reformatted and compressed before, and says so.
fn again() -> Vec<u8> {
    let image = Image::slopes("1.2.3.4.5.7", 90, 120, 2);
    let code = DataSet::default()
        .short(0x0008, 0x0100, "SH", b"113072")
        .short(0x0008, 0x0102, "SH", b"DCM ")
        .short(0x0008, 0x0104, "LO", b"Multiplanar reformatting");
    let codes = DataSet::default().item(0xE000, code.0.len() as u32).0;
    let head = DataSet::default()
        .short(0x0008, 0x0008, "CS", b"ORIGINAL\\PRIMARY\\AXIAL")
        .uid(0x0008, 0x0016, CT)
        .uid(0x0008, 0x0018, &image.sop_instance)
        .short(0x0008, 0x2111, "ST", b"Reformatted ")
        .long(0x0008, 0x9215, "SQ", &[codes, code.0].concat());
    // What the head begins with is written above.
    let rest = image.head().0.split_off(8 + CT.len() + 1 + 8 + image.sop_instance.len() + 1);
    let lossy = DataSet::default()
        .short(0x0028, 0x0107, "US", &[0xFF, 0x0F])
        .short(0x0028, 0x2110, "CS", b"01")
        .short(0x0028, 0x2112, "DS", b"10")
        .short(0x0028, 0x2114, "CS", b"ISO_10918_1 ");
    DataSet([head.0, rest, lossy.0].concat()).long(0x7FE0, 0x0010, "OW", &image.pixels()).0
}

/// A photograph.
fn colour() -> Vec<u8> {
    let (rows, columns) = (60_u16, 80_u16);
    let pixels: Vec<u8> = (0..usize::from(rows) * usize::from(columns) * 3)
        .map(|at| ((at / 240) * 2 + (at / 3 % 80) + (at % 3) * 20 + at * 7 % 5) as u8)
        .collect();
    DataSet::default()
        .uid(0x0008, 0x0016, "1.2.840.10008.5.1.4.1.1.7")
        .uid(0x0008, 0x0018, "1.2.3.4.5.8")
        .number(0x0028, 0x0002, 3)
        .short(0x0028, 0x0004, "CS", b"RGB ")
        .number(0x0028, 0x0006, 0)
        .number(0x0028, 0x0010, rows)
        .number(0x0028, 0x0011, columns)
        .number(0x0028, 0x0100, 8)
        .number(0x0028, 0x0101, 8)
        .number(0x0028, 0x0102, 7)
        .number(0x0028, 0x0103, 0)
        .long(0x7FE0, 0x0010, "OB", &pixels)
        .0
}

fn meta(data_set: &Vec<u8>) -> FileMeta {
    let elements = walk(data_set, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let uid = |tag| elements.uid(data_set, tag).unwrap().unwrap().to_string();
    FileMeta {
        sop_class: uid(condenser::dicom::Tag::SOP_CLASS_UID),
        sop_instance: uid(condenser::dicom::Tag::SOP_INSTANCE_UID),
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        ..FileMeta::default()
    }
}

fn part10(data_set: &Vec<u8>) -> Vec<u8> {
    let mut file = Vec::new();
    meta(data_set).write(&mut file).unwrap();
    file.extend_from_slice(data_set);
    file
}

/// Derives an instance into a file. Gives how far its samples may lie from what they were.
fn derive(data_set: &Vec<u8>, target: &str, parameters: Parameters, path: &Path) -> String {
    let elements = walk(data_set, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let options = Options { lossy: Lossy::Allowed, parameters, ..Options::default() };
    let mut out = Cursor::new(Vec::new());
    let target = TransferSyntax::of_name(target).unwrap();
    let report = compress(data_set, &elements, target, &meta(data_set), &options, &mut out).unwrap();
    std::fs::write(path, out.into_inner()).unwrap();
    assert!(report.derived.is_some());
    match report.exactness {
        Exactness::Within(bound) => bound.to_string(),
        _ => "-".to_owned(),
    }
}
