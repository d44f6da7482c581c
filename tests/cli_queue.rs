//! `condenser queue` as an operator runs it, on a queue that was filled by the library.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;

use cli_support::{Run, condenser};
use condenser::net::Priority;
use condenser::queue::{Instance, Queue, Settlement, Sqlite};
use std::time::Duration;

struct Bench {
    _folder: tempfile::TempDir,
    url: String,
    queue: Sqlite,
}

impl Bench {
    /// Two studies for two peers; the first delivery to «archive» is held.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.db");
        let queue = Sqlite::open(&path, false).unwrap();
        for number in 1..=4_u8 {
            let instance = Instance {
                sop_instance: format!("1.2.9.{number}"),
                digest: [number; 32],
                sop_class: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
                transfer_syntax: "1.2.840.10008.1.2.4.80".to_owned(),
                study: format!("1.2.{}", number / 3),
                file: format!("a/{number}.dcm"),
                bytes: 1000,
                checksum: None,
            };
            queue
                .enqueue(&instance, &["archive".to_owned(), "reading".to_owned()], Priority::Medium)
                .unwrap();
        }
        let claimed = queue.claim("archive", 1, Duration::from_secs(60)).unwrap();
        let error = "refused\u{1b}[31m".to_owned();
        queue.settle(&[(claimed[0].id, Settlement::Held { status: Some(0xC001), error })]).unwrap();
        Self { url: format!("sqlite:{}", path.display()), _folder: folder, queue }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        condenser(["queue", "--queue", &self.url].iter().chain(arguments))
    }

    fn counts(&self) -> Vec<(String, String, u64)> {
        let counts = self.run(&["counts", "--json"]).json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        counts
            .iter()
            .map(|row| (text(&row["peer"]), text(&row["state"]), row["deliveries"].as_u64().unwrap()))
            .collect()
    }
}

fn row(peer: &str, state: &str, deliveries: u64) -> (String, String, u64) {
    (peer.to_owned(), state.to_owned(), deliveries)
}

#[test]
fn what_waits_is_counted_listed_and_shown() {
    let bench = Bench::new();
    let expected = [row("archive", "queued", 3), row("archive", "held", 1), row("reading", "queued", 4)];
    assert_eq!(bench.counts(), expected);
    let held = bench.run(&["list", "--state", "held"]);
    assert_eq!((held.code, held.stdout.lines().count()), (0, 2), "{}", held.stdout);
    assert!(held.stdout.contains("1.2.9.1") && held.stdout.contains("C001"), "{}", held.stdout);
    assert!(!held.stdout.contains('\u{1b}'), "what a peer says steers no terminal");
    let objects = bench.run(&["list", "--peer", "reading", "--study", "1.2.1", "--json"]).json();
    let instances: Vec<_> = objects.iter().map(|object| object["sop_instance"].as_str().unwrap()).collect();
    assert_eq!(instances, ["1.2.9.3", "1.2.9.4"]);
    let cut = bench.run(&["list", "--limit", "3"]);
    assert_eq!(cut.stdout.lines().count(), 5, "{}", cut.stdout);
    assert!(cut.stdout.ends_with("--limit 0 shows all\n"), "{}", cut.stdout);
    let shown = bench.run(&["show", "1", "--json"]).json();
    for (key, value) in [("status", "C001"), ("file", "a/1.dcm"), ("state", "held"), ("priority", "medium")] {
        assert_eq!(shown[0][key], value, "{key}");
    }
    assert_eq!((shown[0]["attempts"].as_u64(), shown[0]["bytes"].as_u64()), (Some(1), Some(1000)));
    let page = bench.run(&["show", "1"]).stdout;
    assert!(page.contains("state      held") && page.contains("attempts   1"), "{page}");
    let none = bench.run(&["show", "99"]);
    assert_eq!((none.code, none.stderr.contains("no delivery 99")), (1, true), "{}", none.stderr);
}

#[test]
fn an_operator_releases_holds_retries_and_purges() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["release", "--peer", "archive"]).stdout, "1 delivery released\n");
    assert_eq!(bench.run(&["hold", "--study", "1.2.1"]).stdout, "4 deliveries held\n");
    let expected = [
        row("archive", "queued", 2),
        row("archive", "held", 2),
        row("reading", "queued", 2),
        row("reading", "held", 2),
    ];
    assert_eq!(bench.counts(), expected);
    let claimed = bench.queue.claim("reading", 1, Duration::from_secs(60)).unwrap();
    bench.queue.settle(&[(claimed[0].id, Settlement::Delivered { status: 0 })]).unwrap();
    let retried = bench.run(&["retry", "--peer", "reading", "--json"]).json();
    assert_eq!(retried[0], serde_json::json!({ "done": "retried", "deliveries": 2 }), "the held ones alone");
    assert_eq!(bench.run(&["retry", "--all", "--all-states"]).stdout, "3 deliveries retried\n");
    let number = claimed[0].id.to_string();
    assert_eq!(bench.run(&["purge", &number]).stdout, "1 delivery purged\n");
    assert_eq!(
        bench.run(&["purge", "--state", "queued", "--peer", "archive"]).stdout,
        "4 deliveries purged\n"
    );
    assert_eq!(bench.counts(), [row("reading", "queued", 3)]);
}

#[test]
fn nothing_is_done_to_everything_unless_somebody_says_so() {
    let bench = Bench::new();
    for command in ["retry", "hold", "release", "purge"] {
        let run = bench.run(&[command]);
        assert_eq!((run.code, run.stderr.contains("--all")), (2, true), "{command}: {}", run.stderr);
    }
    assert_eq!(bench.run(&["purge", "--all"]).stdout, "8 deliveries purged\n");
}

#[test]
fn a_queue_that_is_not_there_is_named_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let run = condenser(["queue", "counts", "--store", store.to_str().unwrap()]);
    assert_eq!((run.code, run.stderr.contains("queue.db")), (1, true), "{}", run.stderr);
    assert!(!store.exists());
    let run = condenser(["queue", "rebuild", "--store", store.to_str().unwrap()]);
    assert_eq!((run.code, run.stderr.contains("--config")), (2, true), "{}", run.stderr);
    assert!(!store.exists());
}
