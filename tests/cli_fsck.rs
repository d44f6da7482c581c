//! `condenser fsck` over a store that a node filled.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use cli_support::condenser;
use condenser::net::Status;
use made::Image;
use process::{Process, folder, send, store_of};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};

/// All files of a store that instances lie in.
fn instances(store: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(store).into_iter().map(|entry| entry.unwrap().into_path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "dcm")).collect();
    files.sort();
    files
}

#[test]
fn k11_bit_rot_is_found_named_and_set_aside() {
    let folder = folder();
    let store = store_of(&folder);
    let node = Process::start(&store, &[]);
    let mut requestor = node.connect();
    for uid in ["1.2.1", "1.2.2", "1.2.3"] {
        assert_eq!(send(&mut requestor, &Image::slope(uid, 64, 64)), Status::SUCCESS);
    }
    requestor.release().unwrap();
    let store_argument = store.display().to_string();
    let fsck = |more: &[&str]| condenser(["fsck", "--store", &store_argument, "--json"].iter().chain(more));
    let kinds = |more: &[&str]| -> Vec<String> {
        let mut kinds: Vec<String> =
            fsck(more).json().iter().map(|found| found["found"].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds
    };
    // Beside a running node; and what is not ours is no fault.
    fs::write(store.join("readme.txt"), b"mind the disk").unwrap();
    assert_eq!(fsck(&[]).code, 0);
    assert_eq!(kinds(&[]), ["foreign", "whole", "whole", "whole"]);

    let rotten = instances(&store).remove(1);
    let mut bytes = fs::read(&rotten).unwrap();
    *bytes.last_mut().unwrap() ^= 0x10;
    fs::write(&rotten, bytes).unwrap();
    let found = fsck(&[]);
    assert_eq!(found.code, 1);
    assert!(
        found.stderr.contains(&rotten.strip_prefix(&store).unwrap().display().to_string()),
        "{}",
        found.stderr
    );
    assert_eq!(kinds(&[]), ["altered", "foreign", "whole", "whole"]);

    // The lock of the running node keeps the repair away from it.
    assert_eq!(fsck(&["--repair"]).code, 1);
    assert!(rotten.exists());
    node.signal(Signal::TERM);
    node.ended();
    assert_eq!(fsck(&["--repair"]).code, 1);
    assert!(!rotten.exists());
    let kept = fs::read_dir(store.join("quarantine")).unwrap().count();
    assert_eq!(kept, 1, "it is kept, not deleted");
    assert_eq!(kinds(&[]), ["foreign", "whole", "whole"]);
    assert_eq!(fsck(&[]).code, 0);
}

#[test]
fn what_is_no_store_is_not_made_one() {
    let folder = folder();
    let run = condenser(["fsck", "--store", &folder.path().display().to_string()]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("is no store"), "{}", run.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
