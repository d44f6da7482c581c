//! The storage tree as the node uses it: what is stored, what is told apart, what is refused, and in which order the
//! operating system is asked.
//!
//! The last tests run themselves again as a child (`CONDENSER_STORE_CHILD` names the folder), because limits and
//! injected faults belong to a whole process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use condenser::dicom::{FileMeta, Uid};
use condenser::store::{
    Config, Digest, Draft, Durability, Identity, QuarantineNote, Receipt, ReceiptOutcome, StoreError, Stored,
    Tree,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const CHILD: &str = "CONDENSER_STORE_CHILD";

fn config(path: &Path) -> Config {
    Config { path: path.to_owned(), ..Config::default() }
}

fn identity(uid: &str) -> Identity {
    let mut identity = Identity::new(Uid::parse(uid).unwrap());
    identity.study = Some(Uid::parse("1.2").unwrap());
    identity.series = Some(Uid::parse("1.2.3").unwrap());
    identity
}

/// A draft as the node writes it: file meta with the receipt, then the content.
fn draft(tree: &Tree, uid: &str, content: &[u8]) -> Result<(Draft, Digest), StoreError> {
    let digest = Digest::of(EXPLICIT, &content).unwrap();
    let receipt = Receipt {
        digest,
        transfer_syntax: EXPLICIT.to_owned(),
        outcome: ReceiptOutcome::Kept,
        reason: Some("no_pixel_data".to_owned()),
        stored: None,
    };
    let meta = FileMeta {
        sop_instance: uid.to_owned(),
        transfer_syntax: EXPLICIT.to_owned(),
        private: Some(receipt.to_private()),
        ..FileMeta::default()
    };
    let mut draft = tree.draft()?;
    let fail = |error| StoreError::new("write", Path::new("the draft"), error);
    meta.write(&mut draft).map_err(fail)?;
    draft.write_all(content).map_err(fail)?;
    Ok((draft, digest))
}

fn store(tree: &Tree, uid: &str, content: &[u8]) -> Result<Stored, StoreError> {
    let (draft, digest) = draft(tree, uid, content)?;
    tree.commit(draft, &identity(uid), &digest)
}

/// All regular files below, as paths from there, except the lock.
fn files(root: &Path) -> BTreeSet<PathBuf> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != "lock")
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_owned())
        .collect()
}

fn paths<const N: usize>(expected: [&str; N]) -> BTreeSet<PathBuf> {
    expected.iter().map(PathBuf::from).collect()
}

#[test]
fn the_same_instance_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let path = folder.path().join("1.2/1.2.3/1.2.3.4.dcm");
    assert_eq!(store(&tree, "1.2.3.4", b"pixels").unwrap(), Stored::New(path.clone()));
    let before = std::fs::metadata(&path).unwrap();
    assert_eq!(store(&tree, "1.2.3.4", b"pixels").unwrap(), Stored::Same(path.clone()));
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(files(folder.path()), paths(["1.2/1.2.3/1.2.3.4.dcm"]));
    assert!(std::fs::read(&path).unwrap().ends_with(b"pixels"));
}

#[test]
fn d17_another_content_under_the_same_uid_is_kept_beside() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let first = store(&tree, "1.2.3.4", b"pixels").unwrap();
    let digest = Digest::of(EXPLICIT, &b"PIXELS".as_slice()).unwrap();
    let name = format!("1.2/1.2.3/1.2.3.4~{}.dcm", &digest.to_string()[..12]);
    let expected = Stored::Beside { path: folder.path().join(&name), existing: first.path().to_owned() };
    assert_eq!(store(&tree, "1.2.3.4", b"PIXELS").unwrap(), expected);
    assert_eq!(store(&tree, "1.2.3.4", b"PIXELS").unwrap(), Stored::Same(folder.path().join(&name)));
    assert_eq!(store(&tree, "1.2.3.4", b"pixels").unwrap(), Stored::Same(first.path().to_owned()));
    assert_eq!(files(folder.path()), paths(["1.2/1.2.3/1.2.3.4.dcm", &name]));
}

#[test]
fn what_is_there_is_found_without_a_draft() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let digest = |content: &[u8]| Digest::of(EXPLICIT, &content).unwrap();
    assert_eq!(tree.find(&identity("1.2.3.4"), &digest(b"a")).unwrap(), None);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "looking must not make directories");
    let first = store(&tree, "1.2.3.4", b"a").unwrap();
    let second = store(&tree, "1.2.3.4", b"b").unwrap();
    for (content, expected) in [(b"a", Some(first.path())), (b"b", Some(second.path())), (b"c", None)] {
        let found = tree.find(&identity("1.2.3.4"), &digest(content)).unwrap();
        assert_eq!(found.as_ref().map(|found| found.path.as_path()), expected);
    }
}

/// A file of somebody else, or one that was damaged, is neither taken for ours nor replaced.
#[test]
fn a_file_without_a_receipt_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let digest = Digest::of(EXPLICIT, &b"pixels".as_slice()).unwrap().to_string();
    let directory = folder.path().join("1.2/1.2.3");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("1.2.3.4.dcm"), b"").unwrap();
    std::fs::write(directory.join(format!("1.2.3.4~{}.dcm", &digest[..12])), b"DICM?").unwrap();
    let stored = store(&tree, "1.2.3.4", b"pixels").unwrap();
    assert_eq!(stored.path(), directory.join(format!("1.2.3.4~{digest}.dcm")));
    assert_eq!(std::fs::read(directory.join("1.2.3.4.dcm")).unwrap(), b"");
}

/// Row D16 of the fault matrix, and D17 at the same time.
#[test]
fn d16_sixteen_threads_with_the_same_uid_leave_one_file_for_each_content() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let stored: Vec<Stored> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|worker| {
                let tree = &tree;
                scope.spawn(move || {
                    let content: &[u8] = if worker % 4 == 0 { b"other pixels" } else { b"pixels" };
                    (0..8).map(|_| store(tree, "1.2.3.4", content).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let new = stored.iter().filter(|stored| !matches!(stored, Stored::Same(_))).count();
    assert_eq!((stored.len(), new), (128, 2), "one new file for each of the two contents");
    let found = files(folder.path());
    assert_eq!(found.len(), 2, "{found:?}");
}

/// Rows D11 and D12: whatever a peer calls itself and its patients, nothing leaves the store or enters its own folders.
#[test]
fn hostile_values_stay_inside_the_store() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("store");
    let layout = "{PatientID}/{CallingAETitle}/{SOPInstanceUID}.dcm".parse().unwrap();
    let tree = Tree::open(&Config { layout, ..config(&root) }).unwrap();
    let hostile = [
        "../../etc/x",
        "..",
        ".",
        "",
        "/etc/cron.d/x",
        "a/b",
        ".condenser",
        "quarantine",
        "\0",
        "x\ny",
        "CON",
        "❤",
    ];
    for value in hostile {
        let mut identity = identity("1.2.3.4");
        (identity.patient_id, identity.calling_ae) = (value.to_owned(), value.to_owned());
        let (draft, digest) = draft(&tree, "1.2.3.4", value.as_bytes()).unwrap();
        tree.commit(draft, &identity, &digest).unwrap();
    }
    let found = files(&root);
    // «..», «.», «» and «\0» share the folder «unknown»; they are different contents, so they lie beside each other.
    assert_eq!(found.len(), hostile.len(), "{found:?}");
    for path in &found {
        assert_eq!(path.components().count(), 3, "{path:?}");
        assert!(!path.starts_with(".condenser") && !path.starts_with("quarantine"), "{path:?}");
    }
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1, "something was written outside");
}

#[test]
fn k13_drafts_of_an_earlier_process_are_removed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let drafts = folder.path().join(".condenser/drafts");
    drop(Tree::open(&config(folder.path())).unwrap());
    std::fs::write(drafts.join("00ff.part"), b"half an instance").unwrap();
    std::fs::write(drafts.join("ff00.part"), b"").unwrap();
    std::fs::write(drafts.join("notes.txt"), b"of the operator").unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    assert_eq!(tree.opening().drafts_removed, 2);
    assert_eq!(files(folder.path()), paths([".condenser/drafts/notes.txt"]));
}

#[test]
fn a_draft_that_is_not_committed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    drop(draft(&tree, "1.2.3.4", b"pixels").unwrap());
    let mut spool = tree.spool().unwrap();
    spool.write_all(b"spooled").unwrap();
    assert_eq!(files(folder.path()), paths([]));
}

#[test]
fn p13_a_second_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Tree::open(&config(folder.path())).unwrap();
    let error = Tree::open(&config(folder.path())).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(first);
    Tree::open(&config(folder.path())).unwrap();
}

#[test]
fn a_store_that_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let error = Tree::open(&config(&folder.path().join("file/store"))).unwrap_err().to_string();
    assert!(error.contains("file"), "{error}");
    let error = Tree::open(&config(Path::new("/proc/condenser"))).unwrap_err().to_string();
    assert!(error.contains("/proc/condenser"), "{error}");
}

#[test]
fn d13_links_and_other_things_in_the_way_are_refused_and_untouched() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("victim"), b"untouched").unwrap();
    type Plant<'a> = (&'static str, &'a dyn Fn(&Path));
    let plant: [Plant; 5] = [
        ("1.2/1.2.3/1.2.3.4.dcm", &|path| symlink(outside.path().join("victim"), path).unwrap()),
        ("1.2/1.2.3/1.2.3.4.dcm", &|path| symlink(outside.path().join("dangling"), path).unwrap()),
        ("1.2/1.2.3/1.2.3.4.dcm", &|path| std::fs::create_dir(path).unwrap()),
        ("1.2", &|path| symlink(outside.path(), path).unwrap()),
        ("1.2/1.2.3", &|path| std::fs::write(path, b"a file").unwrap()),
    ];
    for (place, plant) in plant {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::open(&config(folder.path())).unwrap();
        let path = folder.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        plant(&path);
        let error = store(&tree, "1.2.3.4", b"pixels").unwrap_err();
        assert!(matches!(error, StoreError::Occupied { .. }), "{place}: {error}");
        assert!(!error.is_out_of_space());
        let digest = Digest::of(EXPLICIT, &b"pixels".as_slice()).unwrap();
        assert!(tree.find(&identity("1.2.3.4"), &digest).is_err(), "{place}");
        assert_eq!(files(&folder.path().join(".condenser")), paths([]), "the draft must be gone");
    }
    assert_eq!(files(outside.path()), paths(["victim"]));
    assert_eq!(std::fs::read(outside.path().join("victim")).unwrap(), b"untouched");
}

#[test]
fn the_quarantine_keeps_one_file_for_one_content_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&config(folder.path())).unwrap();
    let note = QuarantineNote {
        reason: "cannot_walk".to_owned(),
        sop_instance: "../../etc/passwd\u{1b}[31m".to_owned(),
        transfer_syntax: EXPLICIT.to_owned(),
        ..QuarantineNote::default()
    };
    let meta = FileMeta { transfer_syntax: EXPLICIT.to_owned(), ..FileMeta::default() };
    let content = vec![9_u8; 3 << 20];
    let path = tree.quarantine(&meta, &content, &note).unwrap();
    let later = QuarantineNote { peer: "192.0.2.1:4711".to_owned(), ..note.clone() };
    assert_eq!(tree.quarantine(&meta, &content, &later).unwrap(), path);
    let other = tree.quarantine(&meta, &b"another".as_slice(), &note).unwrap();
    assert_ne!(other, path);
    assert_eq!(files(folder.path()).len(), 4);
    assert!(path.starts_with(folder.path().join("quarantine")));
    assert!(std::fs::read(&path).unwrap().ends_with(&content));
    let written = std::fs::read_to_string(path.with_extension("json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(json["reason"], "cannot_walk");
    assert!(!written.contains('\u{1b}'), "{written}");
}

// ---- a whole process under limits and injected faults ----

/// What the child does: store one instance and say what came of it.
#[test]
fn child_stores_one_instance() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let durability =
        if std::env::var_os("CONDENSER_NOT_DURABLE").is_some() { Durability::None } else { Durability::Full };
    let outcome = Tree::open(&Config { durability, ..config(Path::new(&folder)) }).and_then(|tree| {
        println!("CHILD opened");
        let first = store(&tree, "1.2.3.4", &vec![7; 300_000]);
        match &first {
            Ok(_) => println!("CHILD stored"),
            Err(error) if error.is_out_of_space() => println!("CHILD out of space: {error}"),
            Err(error) => println!("CHILD failed: {error}"),
        }
        // A second one, small: the store must go on after want of space and must not after a failed sync.
        match store(&tree, "1.2.3.5", b"small") {
            Ok(_) => println!("CHILD stored the second"),
            Err(StoreError::Fenced { .. }) => println!("CHILD fenced"),
            Err(error) => println!("CHILD failed the second: {error}"),
        }
        first
    });
    if let Err(error) = outcome {
        println!("CHILD error: {error}");
    }
}

/// Runs the child in `folder`, behind `prefix`.
fn child(prefix: &[&str], folder: &Path) -> Output {
    let this = std::env::current_exe().unwrap();
    let mut words: Vec<&std::ffi::OsStr> = prefix.iter().map(|word| (*word).as_ref()).collect();
    words.push(this.as_os_str());
    words.extend(["--exact", "child_stores_one_instance", "--nocapture"].map(std::ffi::OsStr::new));
    Command::new(words[0]).args(&words[1..]).env(CHILD, folder).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("CHILD ").map(|(_, said)| said)).collect();
    lines.join("; ")
}

/// Row K06: the limit on the size of a file stands for every want of space. SIGXFSZ is ignored, as the node does.
#[test]
fn k06_want_of_space_is_told_as_such_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"];
    let output = child(&limited, folder.path());
    let said = said(&output);
    assert!(said.contains("out of space") && said.contains("stored the second"), "{said} {output:?}");
    assert_eq!(files(folder.path()), paths(["1.2/1.2.3/1.2.3.5.dcm"]));
}

fn strace() -> bool {
    let works =
        Command::new("strace").args(["-e", "trace=none", "true"]).output().is_ok_and(|o| o.status.success());
    if !works {
        eprintln!("SKIPPED: strace is not installed or may not trace here");
    }
    works
}

/// The promise itself: all bytes, then the file's sync, then its name, then the directory's sync; and every new
/// directory's parent is synced before that.
#[test]
fn the_operating_system_is_asked_in_the_right_order() {
    if !strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trace");
    let store = folder.path().join("store");
    let calls = "trace=pwrite64,pwritev,write,fsync,fdatasync,renameat2,mkdirat,unlinkat";
    let output = child(&["strace", "-f", "-y", "-s", "0", "-e", calls, "-o", log.to_str().unwrap()], &store);
    assert!(said(&output).contains("stored the second"), "{output:?}");
    let trace = std::fs::read_to_string(&log).unwrap();
    let name = "1.2.3.4.dcm";
    let lines: Vec<&str> = trace.lines().collect();
    let rename = lines.iter().position(|line| line.contains("renameat2") && line.contains(name)).unwrap();
    assert!(lines[rename].contains("RENAME_NOREPLACE"), "{}", lines[rename]);
    let draft = lines[rename].split('"').nth(1).unwrap();
    let at = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        lines.iter().enumerate().filter(|(_, line)| wanted(line)).map(|(index, _)| index).collect()
    };
    let synced = |path: &str| at(&|line| line.contains(" fsync(") && line.contains(&format!("{path}>)")));
    let writes =
        at(&|line| (line.contains("pwrite64(") || line.contains("pwritev(")) && line.contains(draft));
    let file = synced(draft);
    assert_eq!(file.len(), 1, "one sync of the draft\n{trace}");
    assert!(
        writes.iter().all(|write| *write < file[0]) && !writes.is_empty(),
        "all bytes before the sync\n{trace}"
    );
    assert!(file[0] < rename, "the sync before the name\n{trace}");
    let series = synced("store/1.2/1.2.3");
    assert!(series.iter().any(|sync| *sync > rename), "the name before the sync of the directory\n{trace}");
    for (made, parent) in [("\"1.2\"", "/store"), ("\"1.2.3\"", "/store/1.2")] {
        let make = at(&|line| line.contains("mkdirat(") && line.contains(made));
        let sync = synced(parent).into_iter().find(|sync| *sync > make[0]).unwrap();
        assert!(
            sync < rename,
            "{parent} is synced after {made} is made and before the instance has its name\n{trace}"
        );
    }
}

#[test]
fn without_durability_nothing_is_synced() {
    if !strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trace");
    let shell =
        ["env", "CONDENSER_NOT_DURABLE=1", "strace", "-f", "-e", "trace=fsync,fdatasync,sync,syncfs", "-o"];
    let output = child(&[&shell[..], &[log.to_str().unwrap()]].concat(), &folder.path().join("store"));
    assert!(said(&output).contains("stored the second"), "{output:?}");
    let trace = std::fs::read_to_string(&log).unwrap();
    assert!(!trace.contains("sync("), "{trace}");
}

/// Rows K01 to K03 for the store alone: each of its calls fails, or is the last, at every place where it is made.
#[test]
fn k01_k02_k03_a_fault_at_any_call_never_makes_a_false_promise() {
    if !strace() {
        return;
    }
    let mut happened = 0;
    for call in ["pwrite64", "pwritev", "fsync", "renameat2", "mkdirat", "unlinkat", "openat"] {
        for fault in ["error=ENOSPC", "error=EIO", "signal=KILL"] {
            // The loader and the runtime open files as well: failing those says nothing about the store.
            if call == "openat" && fault != "signal=KILL" {
                continue;
            }
            happened += (1..200).take_while(|when| one_fault(call, fault, *when)).count();
        }
    }
    assert!(happened > 50, "only {happened} faults came to pass");
}

/// One run with one fault; whether the fault came to pass.
fn one_fault(call: &str, fault: &str, when: u32) -> bool {
    let inject = &format!("inject={call}:{fault}:when={when}");
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("trace");
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let trace = format!("trace={call}");
    let output =
        child(&["strace", "-f", "-y", "-e", &trace, "-e", inject, "-o", log.to_str().unwrap()], &store);
    let trace = std::fs::read_to_string(&log).unwrap();
    let happened = trace.contains("INJECTED") || trace.contains("killed by SIGKILL");
    let said = said(&output);
    let path = store.join("1.2/1.2.3/1.2.3.4.dcm");
    if said.starts_with("opened; stored") {
        let stored =
            std::fs::read(&path).unwrap_or_else(|_| panic!("{inject}: promised and not there: {said}"));
        assert!(stored.ends_with(&vec![7; 300_000]), "{inject}: promised and not whole");
    }
    // Under a final name there is a whole file or none.
    if let Ok(stored) = std::fs::read(&path) {
        assert!(
            stored.len() > 300_000 && stored.ends_with(&[7; 1000]),
            "{inject}: a partial file has a final name"
        );
    }
    if call == "fsync" && fault == "error=EIO" && happened {
        let later = trace.lines().skip_while(|line| !line.contains("INJECTED")).skip(1);
        assert_eq!(
            later.filter(|line| line.contains("fsync(")).count(),
            0,
            "{inject}: synced after a failure\n{trace}"
        );
        let stopped = said.contains("fenced") || said.contains("failed the second");
        assert!(!said.starts_with("opened") || stopped, "{inject}: went on: {said}");
    }
    if fault == "error=ENOSPC" && said.starts_with("opened; failed") {
        panic!("{inject}: not told as want of space: {said}");
    }
    // Whatever happened: the next process opens the store, finds the promised, and removes what was left behind.
    let tree = Tree::open(&config(&store)).unwrap_or_else(|error| panic!("{inject}: {error}"));
    assert_eq!(files(&store.join(".condenser")), paths([]), "{inject}");
    drop(tree);
    happened
}

#[test]
fn k08_a_disk_that_is_not_mounted_is_not_taken_for_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = |create| Config { create, ..config(folder.path()) };
    let error = Tree::open(&wanted(false)).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    drop(Tree::open(&wanted(true)).unwrap());
    Tree::open(&wanted(false)).unwrap();
}

#[test]
fn k17_below_the_low_water_mark_nothing_is_begun() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::open(&Config { low_water: u64::MAX, ..config(folder.path()) }).unwrap();
    assert!(tree.check().unwrap_err().is_out_of_space());
    assert!(tree.draft().unwrap_err().is_out_of_space());
}
