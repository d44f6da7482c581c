//! `condenser explain`: what a node would do with a file, and why.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;

use cli_support::{Made, PATIENT, Run, condenser};
use std::path::Path;

const CONFIGURATION: &str = "\
[compress]
fallback = ['RLELossless']
otherwise = 'refuse'
[[rule]]
name = 'mr'
modality = ['MR']
to = 'none'
[[rule]]
name = 'scanner 2'
calling = ['CT2']
from = ['10.0.0.0/8']
to = 'RLELossless'
forward = ['archive']
priority = 'high'
[[rule]]
name = 'rest'
[[peer]]
name = 'archive'
ae_title = 'ARCHIVE'
address = 'pacs.example:104'
";

struct Bench(tempfile::TempDir);

impl Bench {
    fn new(made: &Made) -> Self {
        let folder = tempfile::tempdir().unwrap();
        made.write(&folder.path().join("in.dcm"));
        std::fs::write(folder.path().join("node.toml"), CONFIGURATION).unwrap();
        Self(folder)
    }

    fn explain(&self, arguments: &[&str]) -> (Run, serde_json::Value) {
        let (file, config) = (self.0.path().join("in.dcm"), self.0.path().join("node.toml"));
        let words: Vec<&Path> =
            ["explain", "--config"].map(Path::new).into_iter().chain([config.as_path(), &file]).collect();
        let with = |more: &[&str]| {
            condenser(words.iter().copied().chain(arguments.iter().chain(more).map(|word| Path::new(*word))))
        };
        let object = with(&["--json"]).json().remove(0);
        (with(&[]), object)
    }
}

#[test]
fn the_rule_the_row_and_the_changes_are_told() {
    let bench = Bench::new(&Made::default());
    let (run, object) = bench.explain(&["--calling", "CT2", "--from", "10.1.2.3"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(object["rule"], "scanner 2");
    let rules: Vec<(&str, Option<&str>)> = object["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| (rule["name"].as_str().unwrap(), rule["unmet"].as_str()))
        .collect();
    assert_eq!(rules, [("mr", Some("modality")), ("scanner 2", None), ("rest", None)]);
    assert_eq!(
        (&object["outcome"], &object["condensed"]["target"]),
        (&"condensed".into(), &"RLELossless".into())
    );
    assert!(object["targets"][0]["profile_row"].as_str().unwrap().starts_with("MONOCHROME1"), "{object}");
    let changes = object["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{object}");
    let change = &changes[0];
    assert_eq!((&change["tag"], &change["keyword"]), (&"(0002,0010)".into(), &"TransferSyntaxUID".into()));
    assert_eq!(
        (&change["before"], &change["after"]),
        (&"ExplicitVRLittleEndian".into(), &"RLELossless".into())
    );
    for expected in [
        "CTImageStorage in ExplicitVRLittleEndian",
        "mr: does not fit: modality",
        "scanner 2: fits, and decides",
        "rest: would fit, but an earlier one decides",
        "MONOCHROME1 or MONOCHROME2 with 1 sample",
        "condensed to RLELossless",
        "archive, priority high",
    ] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    assert!(!run.stdout.contains(PATIENT));
    let (run, object) = bench.explain(&["--calling", "CT2"]);
    assert_eq!(
        (&object["rule"], &object["rules"][1]["unmet"]),
        (&"rest".into(), &"from".into()),
        "{}",
        run.stdout
    );
    assert!(object["forward"].as_array().unwrap().is_empty());
}

#[test]
fn what_would_not_be_condensed_has_its_reason() {
    let (run, object) = Bench::new(&Made { bits_allocated: 32, ..Made::default() }).explain(&[]);
    assert_eq!((&object["outcome"], &object["reason"]), (&"refused".into(), &"none_fits".into()));
    assert!(
        run.stdout.contains("not JPEGLSLossless: it is 64x48") && run.stdout.contains("C004"),
        "{}",
        run.stdout
    );
    let (run, object) = Bench::new(&Made { pixels: false, ..Made::default() }).explain(&[]);
    assert_eq!((&object["outcome"], &object["reason"]), (&"kept".into(), &"no_pixel_data".into()));
    assert!(run.stdout.contains("stored as received"), "{}", run.stdout);
    let missing = condenser(["explain", "no such file.dcm"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("no such file.dcm"), "{}", missing.stderr);
}
