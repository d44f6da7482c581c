//! `condenser selftest` as somebody runs it before a store goes into service.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};

fn selftest(store: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_condenser"))
        .args(["selftest", "--syncs", "20", "--kills", "5", "--store"])
        .arg(store)
        .args(more)
        .output()
        .unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

#[test]
fn a_disk_is_tried_and_nothing_is_left_behind() {
    let folder = folder();
    let output = selftest(folder.path(), &["--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap()["verdict"].clone();
    for name in ["lock", "room", "names", "spool", "kill -9"] {
        assert_eq!(of(name), "passed", "{name}: {report}");
    }
    for latency in ["file_sync", "directory_sync"] {
        let [median, p99, max] = ["median", "p99", "max"].map(|key| report[latency][key].as_u64().unwrap());
        assert!(median <= p99 && p99 <= max && max > 0, "{report}");
    }
    let kills = &report["kills"];
    assert_eq!((kills["kills"].as_u64(), kills["lost"].as_u64()), (Some(5), Some(0)), "{report}");
    assert!(kills["acknowledged"].as_u64() >= Some(5), "{report}");
    // A disk whose syncs cost nothing is `doubtful`, which is no success; such are some build machines'.
    let passed = report["verdict"] == "passed";
    assert_eq!(output.status.code(), Some(i32::from(!passed)), "{report}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a folder is left");
    let text = String::from_utf8(selftest(folder.path(), &[]).stdout).unwrap();
    for part in ["file sync", "median", "kill -9", "0 lost"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_is_no_place_for_a_store_is_named() {
    let folder = folder();
    let missing = selftest(&folder.path().join("none"), &[]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("is no folder"));
    // In memory nothing is durable, wherever such a file system is.
    if Path::new("/dev/shm").is_dir() {
        let output = selftest(Path::new("/dev/shm"), &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("tmpfs") && text.contains("failed"), "{text}");
    }
}
