//! `condenser decompress`, and `condenser compress` from compressed input, as a user runs them: on made files, and on the
//! corpus with pydicom and DCMTK as judges.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;
mod common;

use cli_support::{Made, condenser};
use condenser::dicom::{FileMeta, TransferSyntax, uids};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The transfer syntax of a file, and its data set.
fn opened(path: &Path) -> (String, Vec<u8>) {
    let file = std::fs::read(path).unwrap();
    let (meta, start) = FileMeta::parse(&file).unwrap();
    (meta.transfer_syntax, file[start as usize..].to_vec())
}

fn words<'w>(words: &[&'w str], paths: &[&'w Path]) -> Vec<&'w Path> {
    words.iter().map(|word| Path::new(*word)).chain(paths.iter().copied()).collect()
}

#[test]
fn what_was_compressed_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let made = Made { frames: 3, ..Made::default() };
    made.write(&at("in.dcm"));
    for target in ["RLELossless", "JPEGLSLossless", "JPEG2000Lossless"] {
        let (small, back, implicit) = (at(target), at(&format!("{target}.back")), at(&format!("{target}.i")));
        let run = condenser(words(&["compress", "--to", target], &[&at("in.dcm"), &small]));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let run = condenser(words(&["decompress", "--json"], &[&small, &back]));
        assert_eq!(run.code, 0, "{}", run.stderr);
        let object = &run.json()[0];
        assert_eq!((&object["outcome"], &object["frames"]), (&"decompressed".into(), &3.into()));
        assert!(object["decoder"].is_string() && object.get("encoder").is_none(), "{object}");
        assert_eq!(opened(&back), (uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(), made.data_set()));
        let run = condenser(words(&["decompress", "--to", "1.2.840.10008.1.2"], &[&small, &implicit]));
        assert!(run.stderr.contains("1 file decompressed to ImplicitVRLittleEndian"), "{}", run.stderr);
        let expected = Made { transfer_syntax: uids::IMPLICIT_VR_LITTLE_ENDIAN, ..made.clone() };
        assert_eq!(opened(&implicit), (uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned(), expected.data_set()));
    }
}

#[test]
fn a_folder_is_mirrored_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (input, small, output) =
        (folder.path().join("in"), folder.path().join("small"), folder.path().join("out"));
    Made::default().write(&input.join("a/1.dcm"));
    Made { pixels: false, ..Made::default() }.write(&input.join("report.dcm"));
    std::fs::write(input.join("notes.txt"), b"not DICOM").unwrap();
    assert_eq!(condenser(words(&["compress"], &[&input, &small])).code, 0);
    // A codestream whose header is gone.
    let damaged = small.join("damaged.dcm");
    let mut bytes = std::fs::read(small.join("a/1.dcm")).unwrap();
    let start = bytes.windows(4).rposition(|marker| marker == [0xFF, 0xD8, 0xFF, 0xF7]).unwrap();
    bytes[start..start + 4].fill(0);
    std::fs::write(&damaged, &bytes).unwrap();
    let run = condenser(words(&["decompress", "--json"], &[&small, &output]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let mut outcomes: Vec<String> = run
        .json()
        .iter()
        .map(|object| {
            let path = PathBuf::from(object["path"].as_str().unwrap());
            let path = path.strip_prefix(&small).unwrap().display().to_string();
            format!(
                "{path} {} {}",
                object["outcome"].as_str().unwrap(),
                object["reason"].as_str().unwrap_or("-")
            )
        })
        .collect();
    outcomes.sort();
    let expected = [
        "a/1.dcm decompressed -",
        "damaged.dcm kept decode_failed",
        "notes.txt kept not_dicom",
        "report.dcm decompressed -",
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(std::fs::read(output.join("a/1.dcm")).unwrap(), std::fs::read(input.join("a/1.dcm")).unwrap());
    assert_eq!(std::fs::read(output.join("damaged.dcm")).unwrap(), bytes);
}

/// On the command line another lossless syntax is what was asked for; the one that it has already is left as it is.
#[test]
fn compressed_files_are_encoded_anew_unless_that_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Made::default().write(&at("native.dcm"));
    let outcome = |arguments: &[&str], from: &str, to: &str| {
        let run = condenser(words(&[&["compress", "--json"], arguments].concat(), &[&at(from), &at(to)]));
        let object = run.json().remove(0);
        let word = |key: &str| object[key].as_str().unwrap_or("-").to_owned();
        (word("outcome"), word("reason"), word("decoder"))
    };
    let is = |outcome: &str, reason: &str, decoder: &str| {
        (outcome.to_owned(), reason.to_owned(), decoder.to_owned())
    };
    let rle: &[&str] = &["--to", "RLELossless"];
    assert_eq!(outcome(rle, "native.dcm", "rle.dcm"), is("condensed", "-", "-"));
    assert_eq!(outcome(&[], "rle.dcm", "jls.dcm"), is("condensed", "-", "rle"));
    assert_eq!(outcome(&[], "native.dcm", "direct.dcm"), is("condensed", "-", "-"));
    assert_eq!(opened(&at("jls.dcm")), opened(&at("direct.dcm")));
    let never: &[&str] = &["--recompress", "never"];
    assert_eq!(outcome(never, "rle.dcm", "kept.dcm"), is("kept", "already_compressed", "-"));
    assert_eq!(outcome(rle, "rle.dcm", "same.dcm"), is("kept", "already_compressed", "-"));
    assert_eq!(std::fs::read(at("same.dcm")).unwrap(), std::fs::read(at("rle.dcm")).unwrap());
    let always: &[&str] = &["--to", "RLELossless", "--recompress", "always"];
    assert_eq!(outcome(always, "rle.dcm", "again.dcm"), is("condensed", "-", "rle"));
}

#[test]
fn wrong_arguments_name_the_way_out() {
    let cases: [(&[&str], &str); 5] = [
        (&["decompress", "in.dcm", "out.dcm", "--to", "RLELossless"], "ImplicitVRLittleEndian"),
        (&["decompress", "in.dcm", "out.dcm", "--to", "ExplicitVRBigEndian"], "ImplicitVRLittleEndian"),
        (&["compress", "in.dcm", "out.dcm", "--to", "ExplicitVRLittleEndian"], "condenser decompress"),
        (&["compress", "in.dcm", "out.dcm", "--encoder", "fastest"], "charls"),
        (&["compress", "in.dcm", "out.dcm", "--recompress", "sometimes"], "lossless-only"),
    ];
    for (arguments, expected) in cases {
        let run = condenser(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
}

/// Every compressed file of the corpus, decompressed and encoded anew: pydicom decodes the same samples before and after,
/// and every other element is as it was.
#[test]
fn the_corpus_decodes_to_what_pydicom_decodes() {
    let Some(corpus) = common::corpus() else { return };
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!("SKIPPED: nobody has judged transcoded files (set CONDENSER_PYTHON, or run scripts/test)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let compressed = |coding: &str| coding.starts_with("loss");
    let rows = common::manifest(&corpus);
    let files = rows.iter().filter(|(_, row)| compressed(&row["coding"]));
    let mut pairs = String::new();
    let mut written = [0; 2];
    // Each file has a folder of its own name, so that no two outputs meet.
    for (index, command) in ["decompress", "compress"].into_iter().enumerate() {
        let paths: Vec<PathBuf> = files.clone().map(|(file, _)| corpus.join(file)).collect();
        let inputs = folder.path().join("in");
        for (number, path) in paths.iter().enumerate() {
            let link = inputs.join(format!("{number:03}.dcm"));
            std::fs::create_dir_all(&inputs).unwrap();
            if !link.exists() {
                std::os::unix::fs::symlink(path, link).unwrap();
            }
        }
        let run = condenser(words(&[command, "--json"], &[&inputs, &folder.path().join(command)]));
        assert_eq!(run.code, 0, "{}", run.stderr);
        for object in run.json().iter().filter(|object| object["outcome"] != "kept") {
            let word = |key: &str| object[key].as_str().unwrap();
            let number: usize =
                Path::new(word("path")).file_stem().unwrap().to_str().unwrap().parse().unwrap();
            let lossy = files.clone().nth(number).unwrap().1["coding"] == "lossy";
            let target = TransferSyntax::of_name(word("target")).unwrap();
            // Two decoders of lossy JPEG may round otherwise, and Lossy Image Compression is told where it was not.
            let (free, bound) =
                if lossy { ("00280004,00280006,00282110", 3) } else { ("00280004,00280006", 0) };
            pairs.push_str(&format!(
                "{}\t{}\t{}\t{free}\t{bound}\n",
                word("path"),
                word("output"),
                target.uid
            ));
            written[index] += 1;
        }
    }
    assert!(written[0] > 60 && written[1] > 30, "too few files were written: {written:?}");
    let manifest = folder.path().join("pairs.tsv");
    std::fs::write(&manifest, pairs).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge_transcoded.py");
    let judged = Command::new(python).arg(script).arg(&manifest).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{said}\n{}", String::from_utf8_lossy(&judged.stderr));
}
