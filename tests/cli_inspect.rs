//! `condenser inspect`, `condenser syntaxes` and the help of all commands, as a user runs them.

mod cli_support;

use cli_support::{Made, PATIENT, condenser};
use condenser::dicom::{FileMeta, TRANSFER_SYNTAXES, uids};
use condenser::store::{Digest, Receipt, ReceiptOutcome};
use std::path::Path;

/// Targets whose syntax does not promise that nothing is lost, in the order of their UIDs.
const LOSSY: [&str; 4] = ["JPEGBaseline8Bit", "JPEGExtended12Bit", "JPEGLSNearLossless", "JPEG2000"];

#[test]
fn an_image_is_described_without_its_patient() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ct.dcm");
    Made { frames: 2, ..Made::default() }.write(&path);
    let run = condenser([Path::new("inspect"), &path]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for expected in [
        "CTImageStorage (1.2.840.10008.5.1.4.1.1.2)",
        "1.2.3.4",
        "ExplicitVRLittleEndian",
        "64 x 48 MONOCHROME2, 1 sample, 12 of 16 bits, unsigned, 2 frames",
        "native, 12.00 KiB",
        "JPEGLSLossless",
        "RLELossless",
    ] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    let json = condenser([Path::new("inspect"), Path::new("--json"), &path]);
    assert!(!run.stdout.contains(PATIENT) && !json.stdout.contains(PATIENT));
    let object = &json.json()[0];
    assert_eq!(object["image"]["rows"], 48);
    assert_eq!(object["image"]["native_bytes"], 2 * 64 * 48 * 2);
    assert_eq!(object["pixel_data"]["encapsulated"], false);
    let possible = |target: &serde_json::Value| {
        target["possible"] == true || LOSSY.iter().any(|keyword| target["keyword"] == *keyword)
    };
    assert!(object["targets"].as_array().unwrap().iter().all(possible), "{object}");
}

#[test]
fn what_cannot_be_compressed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("deep.dcm");
    Made { bits_allocated: 32, ..Made::default() }.write(&deep);
    let run = condenser([Path::new("inspect"), &deep]);
    assert!(run.stdout.contains("not JPEGLSLossless: it is"), "{}", run.stdout);
    let object = &condenser([Path::new("inspect"), Path::new("--json"), &deep]).json()[0];
    let targets = object["targets"].as_array().unwrap();
    let target = targets.iter().find(|target| target["keyword"] == "JPEGLSLossless").unwrap();
    assert_eq!(target["possible"], false);
    assert_eq!(target["reason"], "not_in_profile");
}

#[test]
fn compressed_files_show_their_fragments_and_their_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made { frames: 3, ..Made::default() }.write(&input);
    assert_eq!(condenser([Path::new("compress"), &input, &output]).code, 0);
    let run = condenser([Path::new("inspect"), &output]);
    assert!(run.stdout.contains("3 fragments, Basic Offset Table"), "{}", run.stdout);
    assert!(run.stdout.contains("came compressed already"), "{}", run.stdout);

    let digest = Digest::of("1.2", &b"x".as_slice()).unwrap();
    let receipt = Receipt {
        digest,
        transfer_syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        outcome: ReceiptOutcome::Kept,
        reason: Some("no_pixel_data".to_owned()),
        stored: None,
    };
    let meta = FileMeta {
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        private: Some(receipt.to_private()),
        ..FileMeta::default()
    };
    let mut file = Vec::new();
    meta.write(&mut file).unwrap();
    file.extend(Made { pixels: false, ..Made::default() }.data_set());
    std::fs::write(&input, file).unwrap();
    let run = condenser([Path::new("inspect"), &input]);
    assert!(
        run.stdout.contains("kept (no_pixel_data), received as ImplicitVRLittleEndian"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains(&digest.to_string()), "{}", run.stdout);
}

/// The header of the codestream is shown, and what it contradicts.
#[test]
fn codestreams_are_held_against_the_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made { frames: 3, ..Made::default() }.write(&input);
    assert_eq!(condenser([Path::new("compress"), &input, &output]).code, 0);
    let run = condenser([Path::new("inspect"), &output]);
    let header = "codestream       JPEG-LS, 64 x 48, 1 sample of 12 bits, NEAR 0, by component\n";
    assert!(run.stdout.contains(header), "{}", run.stdout);
    assert!(!run.stdout.contains("and the codestream"), "{}", run.stdout);

    // Bits Stored and Rows become others, and NEAR of the second frame is no longer 0.
    let mut file = std::fs::read(&output).unwrap();
    let find = |file: &[u8], what: &[u8]| file.windows(what.len()).position(|bytes| bytes == what).unwrap();
    let stored = find(&file, b"\x28\x00\x01\x01US\x02\x00");
    file[stored + 8] = 10;
    let rows = find(&file, b"\x28\x00\x10\x00US\x02\x00");
    file[rows + 8] = 49;
    let scan = b"\xFF\xDA\x00\x08\x01\x01\x00\x00\x00\x00";
    let second = find(&file, scan) + 1;
    let second = second + find(&file[second..], scan);
    file[second + 7] = 3;
    std::fs::write(&output, file).unwrap();
    let run = condenser([Path::new("inspect"), &output]);
    for expected in [
        "codestream       frame 1 and 1 other: JPEG-LS, 64 x 48,",
        "codestream       frame 2: JPEG-LS, 64 x 48, 1 sample of 12 bits, NEAR 3",
        "impossible       Rows (0028,0010) is 49, and the codestream has 48 rows",
        "but              Bits Stored (0028,0101) is 10, and the codestream has samples of 12 bits",
        "impossible       Transfer Syntax UID (0002,0010) is JPEGLSLossless, and the codestream is near-lossless",
    ] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    let object = &condenser([Path::new("inspect"), Path::new("--json"), &output]).json()[0];
    let second = &object["codestreams"][1];
    assert_eq!((&second["frame"], &second["frames"]), (&2.into(), &1.into()));
    assert_eq!(second["frame_header"]["precision"], 12);
    assert_eq!(second["disagreements"][0]["point"], "loss");
    assert_eq!(second["disagreements"][0]["gravity"], "impossible");
}

#[test]
fn a_bad_file_is_named_and_the_others_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    Made::default().write(&folder.path().join("b.dcm"));
    std::fs::write(folder.path().join("a.txt"), b"no DICOM at all").unwrap();
    let mut cut = Made::default().file();
    cut.truncate(cut.len() - 7);
    std::fs::write(folder.path().join("c.dcm"), cut).unwrap();
    let run = condenser([Path::new("inspect"), Path::new("--json"), folder.path()]);
    assert_eq!(run.code, 1);
    let reasons: Vec<_> =
        run.json().iter().map(|object| object["reason"].as_str().map(str::to_owned)).collect();
    assert_eq!(reasons, [Some("not_dicom".to_owned()), None, Some("damaged".to_owned())]);
    assert!(run.stderr.contains("a.txt: is not a DICOM file"), "{}", run.stderr);
    assert!(run.stderr.contains("at offset"), "{}", run.stderr);
    assert_eq!(condenser(["inspect", "/nowhere"]).code, 2);
}

#[test]
fn text_in_files_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.dcm");
    Made { sop_instance: "1.2\u{1b}[31m.3", ..Made::default() }.write(&path);
    let run = condenser([Path::new("inspect"), &path]);
    assert!(run.stdout.contains("1.2\\u{1b}[31m.3"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'));
}

#[test]
fn every_transfer_syntax_is_listed() {
    let run = condenser(["syntaxes"]);
    assert_eq!(run.code, 0);
    assert_eq!(run.stdout.lines().count(), TRANSFER_SYNTAXES.len() + 1);
    let line = run.stdout.lines().find(|line| line.starts_with("JPEG2000Lossless ")).unwrap();
    assert!(line.contains("openjpeg") && line.contains("--no-colour-transform"), "{line}");
    for (keyword, encoder) in [
        ("ImplicitVRLittleEndian", "native"),
        ("DeflatedExplicitVRLittleEndian", "native"),
        ("ExplicitVRBigEndian", "-"),
        ("XMLEncoding", "-"),
        ("JPEGBaseline8Bit", "condenser"),
    ] {
        let mut lines = run.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines.find(|words| words[0] == keyword).unwrap();
        assert_eq!(line[2], encoder, "{line:?}");
    }
    let line = run.stdout.lines().find(|line| line.starts_with("JPEGBaseline8Bit ")).unwrap();
    assert!(line.ends_with("--no-colour-transform, --quality"), "{line}");
    let rows = condenser(["syntaxes", "--json"]).json();
    assert!(
        rows.iter().all(|row| row["encode"] == true || row["encoders"].as_array().unwrap().is_empty()),
        "{rows:?}"
    );
    let encoded: Vec<_> =
        rows.iter().filter(|row| row["encode"] == true).map(|row| row["keyword"].as_str().unwrap()).collect();
    assert!(encoded.contains(&"JPEGLSLossless") && encoded.contains(&"RLELossless"), "{encoded:?}");
    let lossy = rows.iter().filter(|row| row["encode"] == true && row["lossless"] == false);
    let lossy: Vec<_> = lossy.map(|row| row["keyword"].as_str().unwrap()).collect();
    assert_eq!(lossy, LOSSY, "{rows:?}");
}

#[test]
fn every_command_has_help_with_examples() {
    let help = condenser(["--help"]);
    assert_eq!(help.code, 0);
    let commands = help.stdout.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names =
        commands.lines().filter_map(|line| line.strip_prefix("  ")).filter_map(|line| line.split(' ').next());
    let names: Vec<&str> = names.filter(|name| !name.is_empty() && *name != "help").collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let run = condenser([name, "--help"]);
        assert_eq!(run.code, 0, "{name}");
        let (_, examples) = run.stdout.split_once("Examples:").unwrap();
        assert!(examples.contains(&format!("condenser {name}")), "{name}: {examples}");
    }
    let nothing: [&str; 0] = [];
    assert_eq!(condenser(nothing).code, 2);
    assert_eq!(condenser(["nonsense"]).code, 2);
}
