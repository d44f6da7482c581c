//! `condenser compress --in-place`: each file is replaced by its successor, whole at any moment, also when it is killed.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;

use cli_support::{Made, condenser};
use condenser::dicom::{FileMeta, uids};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn transfer_syntax(path: &Path) -> String {
    FileMeta::parse(&std::fs::read(path).unwrap()).unwrap().0.transfer_syntax
}

/// Every file below a folder, with its content.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), std::fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_tree_is_replaced_file_by_file_with_its_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Made::default().write(&at("a/1.dcm"));
    Made { frames: 3, ..Made::default() }.write(&at("a/b/2.dcm"));
    Made { pixels: false, ..Made::default() }.write(&at("report.dcm"));
    std::fs::write(at("notes.txt"), b"not DICOM").unwrap();
    Made::default().write(&at("linked.dcm"));
    std::fs::hard_link(at("linked.dcm"), at("other name.dcm")).unwrap();
    std::fs::set_permissions(at("a/1.dcm"), std::fs::Permissions::from_mode(0o604)).unwrap();
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = std::fs::File::options().write(true).open(at("a/1.dcm")).unwrap();
    file.set_modified(old).unwrap();
    // A draft that a killed run has left.
    std::fs::write(at("a/0123456789abcdef0123456789abcdef.part"), b"half").unwrap();
    let before = contents(folder.path());
    let run = condenser([Path::new("compress"), Path::new("--in-place"), Path::new("--json"), folder.path()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("2 files condensed to JPEGLSLossless"), "{}", run.stderr);
    assert!(run.stderr.contains("4 left as they are") && run.stderr.contains("1 draft"), "{}", run.stderr);
    let reasons: BTreeMap<String, String> = run
        .json()
        .iter()
        .filter(|object| object["outcome"] == "kept")
        .map(|object| {
            (object["path"].as_str().unwrap().to_owned(), object["reason"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [
        ("linked.dcm", "hard_links"),
        ("notes.txt", "not_dicom"),
        ("other name.dcm", "hard_links"),
        ("report.dcm", "no_pixel_data"),
    ];
    let expected = expected.map(|(name, reason)| (at(name).to_str().unwrap().to_owned(), reason.to_owned()));
    assert_eq!(reasons, expected.into());
    let after = contents(folder.path());
    assert_eq!(after.len(), before.len() - 1, "the draft is gone and nothing else");
    for (path, content) in &after {
        let replaced = [at("a/1.dcm"), at("a/b/2.dcm")].contains(path);
        assert_eq!(content != &before[path], replaced, "{}", path.display());
        if replaced {
            assert_eq!(transfer_syntax(path), uids::JPEG_LS_LOSSLESS);
        }
    }
    let data = at("a/1.dcm").metadata().unwrap();
    assert_eq!((data.permissions().mode() & 0o7777, data.modified().unwrap()), (0o604, old));
    // And back again: byte for byte what it was.
    let run = condenser([Path::new("decompress"), Path::new("--in-place"), &at("a")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(std::fs::read(at("a/1.dcm")).unwrap(), before[&at("a/1.dcm")]);
    assert_eq!(at("a/1.dcm").metadata().unwrap().mtime(), 1_000_000_000);
}

#[test]
fn what_would_take_away_the_proof_is_refused() {
    let cases: [&[&str]; 3] = [
        &["compress", "--in-place", "--no-verify", "x"],
        &["compress", "--in-place", "--force", "x"],
        &["compress", "--in-place", "--dry-run", "x"],
    ];
    for arguments in cases {
        let run = condenser(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains("--in-place"), "{}", run.stderr);
    }
}

/// SIGKILL at many moments of one long run: each file is at any time what it was or what it becomes, and the run that is
/// let end finishes the work.
#[test]
fn a_kill_at_any_moment_leaves_every_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..24 {
        Made { frames: 12, ..Made::default() }.write(&folder.path().join(format!("{number:02}.dcm")));
    }
    let before = contents(folder.path());
    // What each becomes.
    let apart = tempfile::tempdir().unwrap();
    let run = condenser([Path::new("compress"), folder.path(), apart.path()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let successor = std::fs::read(apart.path().join("00.dcm")).unwrap();
    let whole = |of_them: &BTreeMap<PathBuf, Vec<u8>>| {
        let mut replaced = 0;
        for (path, original) in &before {
            let content = &of_them[path];
            assert!(content == original || *content == successor, "{} is neither", path.display());
            replaced += usize::from(content != original);
        }
        replaced
    };
    let (mut killed, mut drafts_seen) = (0, 0);
    for round in 1..=12 {
        // Odd rounds wait for a draft, even ones for a file more that is replaced.
        let goal = whole(&contents(folder.path())) + 1;
        let mut command = Command::new(env!("CARGO_BIN_EXE_condenser"));
        let command = command.args(["compress", "--in-place", "--jobs", "1"]).arg(folder.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_draft = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "part");
        loop {
            let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let there: Vec<PathBuf> = names.collect();
            let shorter =
                |path: &&PathBuf| path.metadata().is_ok_and(|data| data.len() == successor.len() as u64);
            let reached = if round % 2 == 1 {
                there.iter().any(is_draft)
            } else {
                there.iter().filter(|path| !is_draft(path)).filter(shorter).count() >= goal
            };
            if reached || child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::yield_now();
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let after = contents(folder.path());
        whole(&after);
        drafts_seen += after.keys().filter(|path| is_draft(path)).count();
    }
    assert!(killed >= 6, "only {killed} runs were killed at work");
    let run = condenser([Path::new("compress"), Path::new("--in-place"), folder.path()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = contents(folder.path());
    assert_eq!((whole(&after), after.len()), (before.len(), before.len()), "no draft is left");
    assert!(drafts_seen > 0, "no kill came while a draft was there");
}

/// CTP gave its converter the same file as input and output, and put what there was in the place of the input, also after an error.
/// Here a limit on the size of files lets each conversion fail when half of its output is written.
#[test]
fn ctp_what_cannot_be_converted_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Made { frames: 60, ..Made::default() }.write(&at("1.dcm"));
    Made { frames: 61, ..Made::default() }.write(&at("2.dcm"));
    let file = Made { frames: 3, ..Made::default() }.file();
    std::fs::write(at("cut off.dcm"), &file[..file.len() - 4000]).unwrap();
    let before = contents(folder.path());
    let mut command = Command::new("sh");
    let script = "ulimit -f 64; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_condenser"), "compress", "--in-place", "--json"]);
    let done = command.args(["--to", "RLELossless"]).arg(folder.path()).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("\"out_of_space\"").count(), 2, "{said}");
    assert!(contents(folder.path()) == before, "another file, or another content");
}

/// What is found by a dry run is what then happens.
#[test]
fn a_dry_run_says_what_would_be_saved_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for number in 0..3 {
        Made { frames: 2, ..Made::default() }.write(&at(&format!("{number}.dcm")));
    }
    Made { pixels: false, ..Made::default() }.write(&at("report.dcm"));
    std::fs::write(at("notes.txt"), b"not DICOM").unwrap();
    let before = contents(folder.path());
    let arguments = ["compress", "--dry-run"].map(Path::new);
    let table = condenser([&arguments[..], &[folder.path()]].concat());
    assert_eq!(table.code, 0, "{}", table.stderr);
    let rows = condenser([&arguments[..], &[Path::new("--json"), folder.path()]].concat()).json();
    assert_eq!(contents(folder.path()), before);
    assert!(table.stderr.contains("3 files would be condensed to JPEGLSLossless"), "{}", table.stderr);
    let run = condenser([Path::new("compress"), Path::new("--in-place"), folder.path()]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = contents(folder.path());
    let size = |of_them: &BTreeMap<PathBuf, Vec<u8>>| {
        (0..3).map(|number| of_them[&at(&format!("{number}.dcm"))].len()).sum::<usize>()
    };
    let images = rows.iter().find(|row| row["to"] == "JPEGLSLossless").unwrap();
    assert_eq!(
        (&images["modality"], &images["from"], &images["files"]),
        (&"CT".into(), &"ExplicitVRLittleEndian".into(), &3.into())
    );
    assert_eq!(images["bytes_before"], size(&before));
    assert_eq!(images["bytes_after"], size(&after));
    let reasons: Vec<&str> = rows.iter().filter_map(|row| row["reason"].as_str()).collect();
    assert_eq!(rows.len(), 3);
    assert!(reasons.contains(&"no_pixel_data") && reasons.contains(&"not_dicom"), "{reasons:?}");
    let percent = 100.0 - 100.0 * size(&after) as f64 / size(&before) as f64;
    let line = table.stdout.lines().find(|line| line.contains("JPEGLSLossless")).unwrap();
    assert!(line.ends_with(&format!("{percent:.1} %")), "{}", table.stdout);
    assert!(table.stdout.lines().last().unwrap().starts_with("all"), "{}", table.stdout);
}
