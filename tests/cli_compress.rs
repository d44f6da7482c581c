//! `condenser compress` as a user runs it, on made files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod cli_support;

use cli_support::{Made, condenser};
use condenser::codec::{Coded, DECODERS};
use condenser::dicom::{
    DataSet, EncapsulatedFrames, FileMeta, ImagePixel, Limits, Section, Source, Tag, VrEncoding, uids, walk,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A compressed file, taken apart: its transfer syntax, the bytes before Pixel Data, and the decoded cells.
struct Opened {
    transfer_syntax: String,
    header: Vec<u8>,
    cells: Vec<u8>,
    data_set: DataSet,
}

fn open(path: &Path) -> Opened {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (meta, offset) = FileMeta::parse(&file).unwrap();
    let section = Section::from(&file, offset).unwrap();
    let data_set = walk(&section, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let image = ImagePixel::from_data_set(&section, &data_set).unwrap();
    let frames = EncapsulatedFrames::of(&section, &data_set, image.frames).unwrap();
    let decoder = DECODERS.iter().find(|decoder| decoder.transfer_syntax() == meta.transfer_syntax).unwrap();
    let mut cells = Vec::new();
    for index in 0..frames.len() {
        let mut frame = Vec::new();
        let codestream = frames.codestream(&section, index).unwrap();
        decoder.decode(&Coded::alike(&codestream, &image), &mut frame).unwrap();
        cells.extend(frame);
    }
    let first = data_set.elements.iter().find(|element| element.tag.group == 0x7FE0).unwrap();
    let header = section.bytes(0..first.start).unwrap().into_owned();
    Opened { transfer_syntax: meta.transfer_syntax, header, cells, data_set }
}

fn files(root: &Path) -> BTreeSet<PathBuf> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(root).unwrap().to_owned()).collect()
}

#[test]
fn one_file_becomes_one_smaller_proven_file() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    let made = Made::default();
    made.write(&input);
    let run = condenser([Path::new("compress"), &input, &output]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("times smaller"), "{}", run.stdout);
    assert!(run.stderr.contains("1 file condensed to JPEGLSLossless"), "{}", run.stderr);
    let opened = open(&output);
    assert_eq!(opened.transfer_syntax, uids::JPEG_LS_LOSSLESS);
    assert_eq!(opened.header, made.header(), "every other element is as it was");
    assert_eq!(opened.cells, made.cells());
    assert!(output.metadata().unwrap().len() < input.metadata().unwrap().len());
    assert_eq!(files(folder.path()).len(), 2, "no draft is left");
}

#[test]
fn every_way_in_and_every_target_gives_the_same_cells() {
    let folder = tempfile::tempdir().unwrap();
    for (name, transfer_syntax) in [
        ("explicit", uids::EXPLICIT_VR_LITTLE_ENDIAN),
        ("implicit", uids::IMPLICIT_VR_LITTLE_ENDIAN),
        ("deflated", uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
    ] {
        for (target, uid) in
            [("RLELossless", uids::RLE_LOSSLESS), ("1.2.840.10008.1.2.4.80", uids::JPEG_LS_LOSSLESS)]
        {
            let made = Made { transfer_syntax, frames: 3, ..Made::default() };
            let input = folder.path().join(name);
            let output = folder.path().join(format!("{name}.{uid}"));
            made.write(&input);
            let run =
                condenser([Path::new("compress"), &input, &output, Path::new("--to"), Path::new(target)]);
            assert_eq!(run.code, 0, "{name} {target}: {} {}", run.stdout, run.stderr);
            let opened = open(&output);
            assert_eq!(
                (opened.transfer_syntax.as_str(), opened.cells),
                (uid, made.cells()),
                "{name} {target}"
            );
        }
    }
}

#[test]
fn a_file_without_a_head_is_taken_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for transfer_syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN] {
        let made = Made { transfer_syntax, ..Made::default() };
        let (input, output) = (folder.path().join("bare"), folder.path().join(transfer_syntax));
        std::fs::write(&input, made.data_set()).unwrap();
        assert_eq!(condenser([Path::new("compress"), &input, &output]).code, 0);
        assert_eq!(open(&output).cells, made.cells());
        let (meta, _) = FileMeta::parse(&std::fs::read(&output).unwrap()).unwrap();
        assert_eq!(
            (meta.sop_class.as_str(), meta.sop_instance.as_str()),
            (made.sop_class, made.sop_instance)
        );
    }
}

/// The output is complete: what cannot be compressed is there too, byte for byte, with the reason.
#[test]
fn a_folder_is_mirrored_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    Made::default().write(&input.join("a/1.dcm"));
    Made { sop_instance: "1.2.3.5", frames: 4, ..Made::default() }.write(&input.join("a/b/2.dcm"));
    Made { pixels: false, ..Made::default() }.write(&input.join("report.dcm"));
    Made { bits_allocated: 32, ..Made::default() }.write(&input.join("deep.dcm"));
    std::fs::write(input.join("notes.txt"), b"not DICOM").unwrap();
    std::fs::write(input.join("empty"), b"").unwrap();
    let mut cut = Made::default().file();
    cut.truncate(cut.len() - 1000);
    std::fs::write(input.join("cut.dcm"), &cut).unwrap();
    Made { transfer_syntax: "1.2.840.113619.5.2", ..Made::default() }.write(&input.join("private.dcm"));
    let run = condenser([Path::new("compress"), Path::new("--json"), &input, &output]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(files(&output), files(&input));
    let mut reasons = BTreeSet::new();
    for object in run.json() {
        let path = PathBuf::from(object["path"].as_str().unwrap());
        let relative = path.strip_prefix(&input).unwrap();
        assert_eq!(Path::new(object["output"].as_str().unwrap()), output.join(relative));
        assert_eq!(object["target"], "JPEGLSLossless");
        if object["outcome"] == "condensed" {
            assert!(object["ratio"].as_f64().unwrap() > 1.2, "{object}");
            assert!(object["verified_by"].is_string() && object["encoder"].is_string(), "{object}");
            let native = object["native_bytes"].as_u64().unwrap();
            assert_eq!(native, object["frames"].as_u64().unwrap() * 64 * 48 * 2, "{object}");
            assert!(object["encoded_bytes"].as_u64().unwrap() < native);
        } else {
            assert_eq!(object["outcome"], "kept", "{object}");
            assert!(object["explanation"].as_str().unwrap().len() > 10, "{object}");
            assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(output.join(relative)).unwrap());
            reasons.insert(format!("{} {}", relative.display(), object["reason"].as_str().unwrap()));
        }
    }
    let expected = [
        "cut.dcm damaged",
        "deep.dcm not_in_profile",
        "empty not_dicom",
        "notes.txt not_dicom",
        "private.dcm unknown_transfer_syntax",
        "report.dcm no_pixel_data",
    ];
    assert_eq!(reasons, expected.map(str::to_owned).into());
    assert!(run.stderr.contains("2 files condensed"), "{}", run.stderr);
    // What came out is not compressed twice.
    let again = condenser([
        Path::new("compress"),
        Path::new("--json"),
        &output.join("a"),
        &folder.path().join("again"),
    ]);
    assert!(again.json().iter().all(|object| object["reason"] == "already_compressed"), "{}", again.stdout);
}

#[test]
fn what_is_there_is_replaced_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made::default().write(&input);
    std::fs::write(&output, b"precious").unwrap();
    let run = condenser([Path::new("compress"), &input, &output]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("in.dcm") && run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(std::fs::read(&output).unwrap(), b"precious");
    assert_eq!(condenser([Path::new("compress"), &input, &output, Path::new("--force")]).code, 0);
    assert_eq!(open(&output).cells, Made::default().cells());
    // In place.
    assert_eq!(condenser([Path::new("compress"), &input, &input, Path::new("-f")]).code, 0);
    assert_eq!(open(&input).cells, Made::default().cells());
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn a_folder_can_be_compressed_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/1.dcm");
    Made::default().write(&path);
    let run = condenser([Path::new("compress"), folder.path(), folder.path(), Path::new("--force")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(open(&path).transfer_syntax, uids::JPEG_LS_LOSSLESS);
}

#[test]
fn options_reach_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made { frames: 5, ..Made::default() }.write(&input);
    let options = ["--extended-offset-table", "--no-verify", "--json"].map(Path::new);
    let run = condenser([&[Path::new("compress"), &input, &output][..], &options[..]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.json()[0]["verified_by"], serde_json::Value::Null);
    let opened = open(&output);
    assert!(opened.data_set.element(Tag::EXTENDED_OFFSET_TABLE).is_some());
    assert_eq!(opened.cells, Made { frames: 5, ..Made::default() }.cells());
}

/// An image with something above Bits Stored: JPEG-LS and JPEG 2000 cannot hold it, RLE can.
fn with_unused_bits(path: &Path) -> Vec<u8> {
    let mut file = Made::default().file();
    *file.last_mut().unwrap() |= 0x80;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, &file).unwrap();
    file.split_off(file.len() - Made::default().cells().len())
}

#[test]
fn what_does_not_fit_goes_into_the_fallback() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    let cells = with_unused_bits(&input.join("odd.dcm"));
    Made::default().write(&input.join("plain.dcm"));
    let arguments = ["compress", "--json", "--fallback", "JPEG2000Lossless,RLELossless"].map(Path::new);
    let run = condenser([&arguments[..], &[&input, &output]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let objects = run.json();
    let of =
        |name: &str| objects.iter().find(|object| object["path"].as_str().unwrap().ends_with(name)).unwrap();
    let odd = of("odd.dcm");
    assert_eq!((&odd["outcome"], &odd["target"]), (&"condensed".into(), &"RLELossless".into()));
    let refused: Vec<(&str, &str)> = odd["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refused| (refused["target"].as_str().unwrap(), refused["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(refused, [("JPEGLSLossless", "unused_bits"), ("JPEG2000Lossless", "unused_bits")]);
    assert_eq!(open(&output.join("odd.dcm")).cells, cells);
    let plain = of("plain.dcm");
    assert!(plain["target"] == "JPEGLSLossless" && plain.get("refused").is_none(), "{plain}");
    // Without a fallback, and with one that does not take it either, it is copied.
    for (fallback, reason) in [(vec![], "unused_bits"), (vec!["--fallback", "JPEG2000Lossless"], "none_fits")]
    {
        let words: Vec<&Path> =
            ["compress", "--json", "--force"].into_iter().chain(fallback).map(Path::new).collect();
        let run = condenser([&words[..], &[&input.join("odd.dcm"), &output]].concat());
        assert_eq!((run.code, &run.json()[0]["reason"]), (0, &reason.into()), "{}", run.stdout);
    }
}

#[test]
fn the_smallest_candidate_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made { frames: 8, ..Made::default() }.write(&input);
    let size = |arguments: &[&str]| {
        let words: Vec<&Path> =
            ["compress", "--json", "--force"].iter().chain(arguments).map(|word| Path::new(*word)).collect();
        let run = condenser([&words[..], &[&input, &output]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        let object = run.json().remove(0);
        (object["encoded_bytes"].as_u64().unwrap(), object)
    };
    let smallest =
        ["JPEGLSLossless", "JPEG2000Lossless", "RLELossless"].map(|target| size(&["--to", target]).0);
    let (bytes, object) = size(&["--to", "auto"]);
    assert_eq!(bytes, smallest.into_iter().min().unwrap());
    assert_eq!(object["sampled"].as_array().unwrap().len(), 3, "{object}");
    assert_eq!(object["sampled"][0]["target"], object["target"]);
    let (_, object) = size(&["--to", "auto", "--candidates", "RLELossless"]);
    assert_eq!(object["target"], "RLELossless");
}

#[test]
fn implementations_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made::default().write(&input);
    let rows = condenser(["syntaxes", "--json"]).json();
    let names = |row: &serde_json::Value, key: &str| -> Vec<String> {
        row[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let mut tried = 0;
    for row in rows.iter().filter(|row| row["encode"] == true && row["lossless"] == true) {
        for encoder in names(row, "encoders") {
            for decoder in names(row, "decoders") {
                let target = row["keyword"].as_str().unwrap();
                let words = [
                    "compress",
                    "-f",
                    "--json",
                    "--to",
                    target,
                    "--encoder",
                    &encoder,
                    "--verify-with",
                    &decoder,
                ];
                let run = condenser([&words.map(Path::new)[..], &[&input, &output]].concat());
                let object = run.json().remove(0);
                assert_eq!(
                    (&object["encoder"], &object["verified_by"]),
                    (&encoder.as_str().into(), &decoder.as_str().into())
                );
                tried += 1;
            }
        }
    }
    assert!(tried >= 4, "{tried}");
}

#[test]
fn wrong_arguments_are_explained_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    Made::default().write(Path::new(&path("a/1.dcm")));
    Made::default().write(Path::new(&path("b/1.dcm")));
    let (out, a, both) = (path("out"), path("a/1.dcm"), path("*/1.dcm"));
    let cases: [(&[&str], &str); 11] = [
        (&[&a], "required"),
        (&[&a, &out, "--to", "HTJ2K"], "JPEGLSLossless"),
        (&[&a, &out, "--to", "nonsense"], "JPEGLSLossless"),
        (&[&path("none.dcm"), &out], "there is no"),
        (&[&path("*.jpg"), &out], "nothing matches"),
        (&[&a, &out, "--fallback", "MPEG2MPML"], "RLELossless"),
        (&[&a, &out, "--candidates", "RLELossless"], "--to auto"),
        (
            &[&a, &out, "--verify-with", "openjpeg"],
            "--verify-with: there is no \"openjpeg\" for JPEGLSLossless",
        ),
        (&[&a, &out, "--to", "none"], "nothing would be done"),
        (&[&both, &out], "would both become"),
        (&[&path("a"), &path("b/1.dcm")], "must be a folder"),
    ];
    for (arguments, expected) in cases {
        let run = condenser([&["compress"], arguments].concat());
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_failure_names_the_file_and_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    Made::default().write(&input.join("1.dcm"));
    Made::default().write(&input.join("2.dcm"));
    // A directory lies where the first output belongs.
    std::fs::create_dir_all(output.join("1.dcm")).unwrap();
    let run = condenser([Path::new("compress"), &input, &output, Path::new("--force"), Path::new("--json")]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("1.dcm") && run.stderr.contains("1 failed"), "{}", run.stderr);
    assert_eq!(open(&output.join("2.dcm")).cells, Made::default().cells());
    let failed: Vec<_> = run.json().into_iter().filter(|object| object["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1);
}

/// SIGINT in the middle of a large file: the command ends soon, says so, and leaves nothing half done.
#[test]
fn an_interrupt_drops_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    let small = Made::default();
    small.write(&input.join("1.dcm"));
    // The cells of the large one are a hole in the file: they need no disk, and a while to encode.
    let large = Made { frames: u16::MAX, ..Made::default() };
    let mut head = large.header();
    let length = u32::from(u16::MAX) * 64 * 48 * 2;
    head.extend(b"\xE0\x7F\x10\x00OW\0\0");
    head.extend(length.to_le_bytes());
    std::fs::write(input.join("2.dcm"), &head).unwrap();
    let file = std::fs::File::options().write(true).open(input.join("2.dcm")).unwrap();
    file.set_len(head.len() as u64 + u64::from(length)).unwrap();

    let arguments = [Path::new("compress"), Path::new("--jobs"), Path::new("1"), &input, &output];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_condenser"));
    let child =
        command.args(arguments).stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut child = child.spawn().unwrap();
    // The first is done and the second is begun.
    while !output.join("1.dcm").exists() || files(&output).len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted; 1 file is not done"), "{said}");
    assert_eq!(files(&output), [PathBuf::from("1.dcm")].into());
    assert_eq!(open(&output.join("1.dcm")).cells, small.cells());
}

/// Row K06: a limit on the size of files is told as want of space, and kills nobody.
#[test]
fn want_of_space_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made { bits_allocated: 32, frames: 9, ..Made::default() }.write(&input);
    let script = "ulimit -f 64; exec \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_condenser"), "compress", "--json"]);
    let done = command.args([&input, &output]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("\"out_of_space\""), "{said}");
    assert_eq!(files(folder.path()).len(), 1, "no draft is left");
}

#[test]
fn names_of_files_cannot_steer_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in/\u{1b}[2Jx\n.dcm");
    Made { pixels: false, ..Made::default() }.write(&input);
    let run = condenser([Path::new("compress"), &folder.path().join("in"), &folder.path().join("out")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("\\u{1b}[2Jx\\u{a}.dcm"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'));
}

/// With `--lossy`, a near-lossless file is an instance of its own, and what was lost is told; without, nothing is done.
#[test]
fn what_may_be_lost_has_to_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.dcm"), folder.path().join("out.dcm"));
    Made::default().write(&input);
    let run = |more: &[&str]| {
        let files = ["compress", input.to_str().unwrap(), output.to_str().unwrap(), "--force", "--json"];
        condenser([&files[..], more].concat())
    };
    for (arguments, expected) in [
        (&["--to", "JPEGLSNearLossless"][..], "JPEGLSNearLossless changes samples; say --lossy"),
        (&["--to", "JPEG2000", "--ratios", "10"], "JPEG2000 changes samples; say --lossy"),
        (&["--to", "JPEG2000", "--lossy", "--ratios", "10,20"], "targets must fall"),
        (&["--to", "JPEG2000", "--lossy", "--ratios", "10", "--psnrs", "40"], "cannot be used with"),
        (&["--to", "JPEG2000", "--lossy=yes"], "refused, allowed, allowed-for-mammography"),
        (&["--to", "JPEGExtended12Bit", "--quality", "90"], "JPEGExtended12Bit changes samples; say --lossy"),
        (&["--to", "JPEGExtended12Bit", "--lossy", "--quality", "0"], "0 is not in 1..=100"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.code, 2, "{arguments:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?}: {}", refused.stderr);
    }
    assert!(!output.exists());
    for (arguments, most) in [
        (&["--to", "JPEGLSNearLossless", "--lossy", "--near", "3"][..], 3),
        (&["--to", "JPEG2000", "--lossy=allowed-for-mammography", "--ratios", "12"], 4095),
        (&["--to", "JPEG2000", "--lossy", "--psnrs", "40,50"], 4095),
        (&["--to", "JPEGExtended12Bit", "--lossy"], 4095),
    ] {
        let done = run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.stderr);
        let facts = &done.json()[0];
        assert_eq!(facts["outcome"], "condensed", "{facts}");
        assert!((1..=most).contains(&facts["largest_error"].as_u64().unwrap()), "{facts}");
        assert!(facts["psnr"].as_f64().unwrap() > 30.0, "{facts}");
        let file = std::fs::read(&output).unwrap();
        assert_eq!(facts["sop_instance"], FileMeta::parse(&file).unwrap().0.sop_instance);
    }
    let bytes_of = |quality| {
        let done = run(&["--to", "JPEGExtended12Bit", "--lossy", "--quality", quality]);
        assert_eq!(done.json()[0]["outcome"], "condensed", "{}", done.stderr);
        std::fs::metadata(&output).unwrap().len()
    };
    assert!(bytes_of("30") < bytes_of("90") && bytes_of("90") < bytes_of("100"));
    for arguments in [&["--to", "JPEG2000"][..], &["--to", "JPEGLSNearLossless", "--near", "0"]] {
        let done = run(arguments);
        let facts = &done.json()[0];
        assert!(facts["outcome"] == "condensed" && facts.get("sop_instance").is_none(), "{facts}");
    }
}

#[test]
fn a_whole_data_set_is_deflated() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    Made::default().write(&path("in.dcm"));
    let deflated = "DeflatedExplicitVRLittleEndian";
    let run = condenser([
        Path::new("compress"),
        &path("in.dcm"),
        &path("out.dcm"),
        "--to".as_ref(),
        deflated.as_ref(),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("times smaller"), "{}", run.stdout);
    let run = condenser([Path::new("decompress"), &path("out.dcm"), &path("back.dcm")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let body = |name: &str| {
        let file = std::fs::read(path(name)).unwrap();
        let (_, start) = FileMeta::parse(&file).unwrap();
        file[usize::try_from(start).unwrap()..].to_vec()
    };
    assert_eq!(body("back.dcm"), body("in.dcm"));
}
