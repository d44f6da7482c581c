//! The SQLite queue: what is claimed in which order, what survives, what an operator can do, what is refused.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use condenser::net::Priority;
use condenser::queue::{Count, Delivery, Instance, Queue, QueueError, Selection, Settlement, Sqlite, State};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const LEASE: Duration = Duration::from_secs(60);

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Bench {
    fn new() -> (Self, Sqlite) {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("deep/queue.db");
        let queue = Sqlite::open(&path, true).unwrap();
        (Self { _folder: folder, path }, queue)
    }

    /// The database itself, for what only a crash or a clock could do.
    fn database(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }
}

fn instance(study: &str, number: u32) -> Instance {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_le_bytes());
    Instance {
        sop_instance: format!("{study}.{number}"),
        digest,
        sop_class: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
        transfer_syntax: "1.2.840.10008.1.2.4.80".to_owned(),
        study: study.to_owned(),
        file: format!("{study}/{number}.dcm"),
        bytes: 1000 + u64::from(number),
        checksum: Some([7; 32]),
    }
}

fn peers(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn enqueue(queue: &Sqlite, study: &str, numbers: std::ops::Range<u32>, names: &[&str], priority: Priority) {
    for number in numbers {
        queue.enqueue(&instance(study, number), &peers(names), priority).unwrap();
    }
}

fn claim(queue: &Sqlite, peer: &str, most: usize) -> Vec<Delivery> {
    queue.claim(peer, most, LEASE).unwrap()
}

fn instances(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.instance.sop_instance.clone()).collect()
}

fn settle_all(queue: &Sqlite, claimed: &[Delivery], settlement: &Settlement) {
    let settled: Vec<_> = claimed.iter().map(|delivery| (delivery.id, settlement.clone())).collect();
    queue.settle(&settled).unwrap();
}

fn deferred(after: Duration, status: Option<u16>) -> Settlement {
    Settlement::Deferred { after, status, error: "busy".to_owned() }
}

fn counts(queue: &Sqlite) -> Vec<(String, State, u64)> {
    queue
        .counts()
        .unwrap()
        .into_iter()
        .map(|Count { peer, state, deliveries }| (peer, state, deliveries))
        .collect()
}

fn count(queue: &Sqlite, state: State) -> u64 {
    counts(queue).iter().filter(|(_, of, _)| *of == state).map(|(_, _, count)| count).sum()
}

fn all(queue: &Sqlite) -> Vec<Delivery> {
    queue.list(&Selection::default(), None, 1000).unwrap()
}

#[test]
fn an_instance_goes_to_each_peer_once_however_often_it_is_enqueued() {
    let (_bench, queue) = Bench::new();
    let one = instance("1.1", 1);
    assert_eq!(queue.enqueue(&one, &peers(&["a", "b"]), Priority::Medium).unwrap(), 2);
    assert_eq!(queue.enqueue(&one, &peers(&["a", "b"]), Priority::High).unwrap(), 0);
    assert_eq!(queue.enqueue(&one, &peers(&["b", "c"]), Priority::Medium).unwrap(), 1);
    // Another content under the same UID is another instance.
    let other = Instance { digest: [9; 32], ..one.clone() };
    assert_eq!(queue.enqueue(&other, &peers(&["a"]), Priority::Medium).unwrap(), 1);
    let queued = |peer: &str, count| (peer.to_owned(), State::Queued, count);
    assert_eq!(counts(&queue), [queued("a", 2), queued("b", 1), queued("c", 1)]);
    let claimed = claim(&queue, "a", 10);
    assert_eq!(claimed[0].instance, one, "as it was enqueued, to the last field");
    settle_all(&queue, &claimed, &Settlement::Delivered { status: 0 });
    assert_eq!(queue.enqueue(&one, &peers(&["a"]), Priority::Medium).unwrap(), 0, "a resend changes nothing");
    assert_eq!(claim(&queue, "a", 10), []);
}

#[test]
fn the_most_urgent_and_then_the_oldest_study_comes_first_and_alone() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..3, &["a"], Priority::Medium);
    enqueue(&queue, "1.2", 0..2, &["a", "b"], Priority::Medium);
    enqueue(&queue, "1.1", 3..5, &["a"], Priority::Medium);
    enqueue(&queue, "1.3", 0..1, &["a"], Priority::High);
    enqueue(&queue, "1.0", 0..1, &["a"], Priority::Low);
    let order: Vec<_> =
        std::iter::from_fn(|| Some(claim(&queue, "a", 4)).filter(|claimed| !claimed.is_empty()))
            .map(|claimed| instances(&claimed))
            .collect();
    let expected: [&[&str]; 5] =
        [&["1.3.0"], &["1.1.0", "1.1.1", "1.1.2", "1.1.3"], &["1.1.4"], &["1.2.0", "1.2.1"], &["1.0.0"]];
    assert_eq!(order, expected);
    assert_eq!(instances(&claim(&queue, "b", 10)), ["1.2.0", "1.2.1"], "one peer does not wait for another");
    assert_eq!(claim(&queue, "nobody", 10), []);
}

#[test]
fn an_attempt_is_counted_before_it_is_made_and_untried_ones_are_given_back() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..2, &["a"], Priority::Medium);
    let claimed = claim(&queue, "a", 10);
    assert!(claimed.iter().all(|delivery| (delivery.attempts, delivery.unanswered) == (1, 1)));
    assert_eq!(all(&queue), claimed, "what is claimed is what the database says");
    settle_all(&queue, &claimed[..1], &deferred(Duration::ZERO, Some(0xA700)));
    settle_all(&queue, &claimed[1..], &Settlement::Untried);
    let again = claim(&queue, "a", 10);
    let seen: Vec<_> =
        again.iter().map(|d| (d.attempts, d.unanswered, d.status, d.error.as_deref())).collect();
    assert_eq!(seen, [(2, 1, Some(0xA700), Some("busy")), (1, 1, None, None)]);
}

#[test]
fn f14_what_was_not_answered_comes_alone_and_is_counted() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..4, &["a"], Priority::Medium);
    assert_eq!(claim(&queue, "a", 3).len(), 3);
    // The process dies: nothing is settled, and the next one finds it so.
    drop(queue);
    let queue = Sqlite::open_existing(&bench.path, true).unwrap();
    assert_eq!(queue.recover().unwrap(), 3);
    let delivered = Settlement::Delivered { status: 0 };
    for (number, tries, settlement) in [
        (0, 2, delivered.clone()),
        (1, 2, deferred(Duration::ZERO, None)),
        (1, 3, deferred(LEASE, Some(0xA700))),
        (2, 2, delivered),
    ] {
        let alone = claim(&queue, "a", 10);
        assert_eq!(instances(&alone), [format!("1.1.{number}")]);
        assert_eq!((alone[0].attempts, alone[0].unanswered), (tries, tries));
        settle_all(&queue, &alone, &settlement);
    }
    let rest = claim(&queue, "a", 10);
    assert_eq!((instances(&rest), rest[0].attempts), (vec!["1.1.3".to_owned()], 1));
    assert_eq!(all(&queue)[1].unanswered, 0, "any answer ends the row");
}

#[test]
fn deferred_deliveries_come_back_when_they_are_due_and_claims_lapse() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..2, &["a"], Priority::Medium);
    assert_eq!(queue.next_due("a").unwrap(), None);
    let claimed = queue.claim("a", 1, Duration::from_millis(40)).unwrap();
    let second = claim(&queue, "a", 1);
    settle_all(&queue, &second, &deferred(Duration::from_millis(80), Some(0xA700)));
    assert!(queue.next_due("a").unwrap().unwrap() <= Duration::from_millis(40));
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let due = queue.next_due("a").unwrap();
        seen.extend(instances(&claim(&queue, "a", 1)));
        if let Some(due) = due {
            queue.wait(queue.arrivals(), due);
        }
    }
    assert_eq!(seen, ["1.1.0", "1.1.1"]);
    // The first claim has lapsed and belongs to somebody else now; prolonging it is harmless.
    queue.renew(&[claimed[0].id], LEASE).unwrap();
    assert!(queue.next_due("a").unwrap().unwrap() > Duration::from_secs(50));
}

#[test]
fn f17_a_clock_that_was_set_back_does_not_hold_anything_up() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..2, &["a"], Priority::Medium);
    let claimed = claim(&queue, "a", 1);
    settle_all(&queue, &claimed, &deferred(Duration::from_secs(10 * 86_400), Some(0xA700)));
    assert!(queue.next_due("a").unwrap().unwrap() <= Duration::from_secs(86_400), "a day at most");
    claim(&queue, "a", 1);
    // A year is put between the times in the database and the clock.
    bench.database().execute("UPDATE delivery SET due = due + 31536000000", []).unwrap();
    assert_eq!(queue.next_due("a").unwrap(), Some(Duration::ZERO));
    let mut again = instances(&claim(&queue, "a", 1));
    again.extend(instances(&claim(&queue, "a", 1)));
    assert_eq!(again, ["1.1.0", "1.1.1"]);
}

#[test]
fn f17_a_clock_that_jumps_ahead_brings_one_early_burst_and_no_more() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..3, &["a"], Priority::Medium);
    let later = deferred(Duration::from_secs(3600), Some(0xA700));
    let put_off = |claimed: &[Delivery]| settle_all(&queue, claimed, &later);
    put_off(&claim(&queue, "a", 10));
    assert_eq!(claim(&queue, "a", 10), []);
    bench.database().execute("UPDATE delivery SET due = due - 31536000000", []).unwrap();
    let burst = claim(&queue, "a", 10);
    assert_eq!(burst.len(), 3);
    put_off(&burst);
    assert_eq!(claim(&queue, "a", 10), []);
    assert!(queue.next_due("a").unwrap().unwrap() > Duration::from_secs(3500));
}

#[test]
fn what_is_sent_is_asked_for_until_it_is_committed() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..3, &["a"], Priority::Medium);
    let claimed = claim(&queue, "a", 10);
    settle_all(&queue, &claimed, &Settlement::Sent { status: 0 });
    assert_eq!((claim(&queue, "a", 10), count(&queue, State::Sent)), (vec![], 3));
    assert!(queue.removable(Duration::ZERO, 10).unwrap().is_empty(), "sent is not delivered");
    let asked = queue.claim_sent("a", 2, LEASE).unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(queue.claim_sent("a", 10, Duration::ZERO).unwrap().len(), 1);
    assert_eq!(queue.claim_sent("a", 10, LEASE).unwrap().len(), 1, "no answer: it is asked again");
    settle_all(&queue, &asked[..1], &Settlement::Delivered { status: 0 });
    settle_all(&queue, &asked[1..], &deferred(Duration::ZERO, Some(0)));
    assert_eq!(instances(&claim(&queue, "a", 10)), ["1.1.1"], "what was not committed is sent again");
}

#[test]
fn an_operator_holds_releases_retries_and_purges() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..3, &["a", "b"], Priority::Medium);
    enqueue(&queue, "1.2", 0..1200, &["a"], Priority::Medium);
    let of_peer = |peer: &str| Selection { peer: Some(peer.to_owned()), ..Selection::default() };
    let of_study = |study: &str| Selection { study: Some(study.to_owned()), ..Selection::default() };
    assert_eq!(queue.hold(&of_study("1.2")).unwrap(), 1200, "more than one piece");
    assert_eq!(queue.hold(&of_study("1.2")).unwrap(), 0);
    let first = claim(&queue, "a", 2);
    assert_eq!(instances(&first), ["1.1.0", "1.1.1"], "what is held is passed over");
    let held = Settlement::Held { status: Some(0xC000), error: "refused".to_owned() };
    settle_all(&queue, &first[..1], &held);
    assert_eq!(queue.hold(&of_peer("a")).unwrap(), 1, "what is being sent is left alone");
    assert_eq!(count(&queue, State::Held), 1202);
    let seen = queue.arrivals();
    let one = Selection { sop_instance: Some("1.1.0".to_owned()), ..Selection::default() };
    assert_eq!(queue.release(&one).unwrap(), 1);
    assert_ne!(queue.arrivals(), seen);
    let released = claim(&queue, "a", 1);
    assert_eq!(
        (instances(&released), released[0].attempts),
        (vec!["1.1.0".to_owned()], 1),
        "as if never tried"
    );
    settle_all(&queue, &released, &Settlement::Delivered { status: 0 });
    assert_eq!(queue.retry(&Selection { peer: Some("a".to_owned()), ..one }).unwrap(), 1);
    assert_eq!(instances(&claim(&queue, "a", 1)), ["1.1.0"], "delivered once more on request");
    // Purging leaves what is being sent, and a line that says who it was.
    assert_eq!(queue.purge(&of_peer("a"), "alice").unwrap(), 1201);
    let rows = all(&queue);
    assert_eq!(rows.iter().filter(|delivery| delivery.peer == "a").count(), 2);
    assert_eq!(rows.iter().filter(|delivery| delivery.peer == "b").count(), 3);
    let audit: (String, String, i64) = bench
        .database()
        .query_row("SELECT who, selection, sum(deliveries) FROM audit WHERE action = 'purge'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(audit, ("alice".to_owned(), "peer=a".to_owned(), 1201));
}

#[test]
fn only_what_every_peer_has_may_be_removed() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..3, &["a", "b"], Priority::Medium);
    let removable = || {
        let found = queue.removable(Duration::ZERO, 10).unwrap();
        found.into_iter().map(|instance| instance.sop_instance).collect::<Vec<_>>()
    };
    let delivered = Settlement::Delivered { status: 0xB000 };
    settle_all(&queue, &claim(&queue, "a", 10), &delivered);
    assert!(removable().is_empty());
    settle_all(&queue, &claim(&queue, "b", 2), &delivered);
    assert_eq!(removable(), ["1.1.0", "1.1.1"]);
    assert!(queue.removable(Duration::from_secs(3600), 10).unwrap().is_empty(), "not old enough");
    // A further peer, a purged delivery, a delivery on request: each keeps the file.
    queue.enqueue(&instance("1.1", 0), &peers(&["c"]), Priority::Medium).unwrap();
    assert_eq!(removable(), ["1.1.1"]);
    queue.forget(&instance("1.1", 0)).unwrap();
    assert_eq!(count(&queue, State::Queued), 2, "it is not forgotten while somebody wants it");
    let one = |uid: &str| Selection { sop_instance: Some(uid.to_owned()), ..Selection::default() };
    queue.purge(&Selection { states: vec![State::Queued], ..Selection::default() }, "alice").unwrap();
    assert_eq!(removable(), ["1.1.1"]);
    queue.retry(&one("1.1.1")).unwrap();
    assert!(removable().is_empty());
    settle_all(&queue, &claim(&queue, "a", 10), &delivered);
    settle_all(&queue, &claim(&queue, "b", 10), &delivered);
    assert_eq!(removable(), ["1.1.1"]);
    queue.forget(&instance("1.1", 1)).unwrap();
    assert!(removable().is_empty() && queue.list(&one("1.1.1"), None, 10).unwrap().is_empty());
    assert_eq!(
        queue.enqueue(&instance("1.1", 1), &peers(&["a"]), Priority::Medium).unwrap(),
        1,
        "received anew"
    );
}

#[test]
fn lists_are_in_the_order_of_numbers_and_go_on_where_they_stopped() {
    let (_bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..4, &["a", "b"], Priority::Medium);
    settle_all(&queue, &claim(&queue, "b", 2), &deferred(LEASE, None));
    for selection in [
        Selection::default(),
        Selection { states: vec![State::Deferred, State::Queued], ..Selection::default() },
        Selection { study: Some("1.1".to_owned()), ..Selection::default() },
    ] {
        let whole = queue.list(&selection, None, 100).unwrap();
        assert_eq!(whole.len(), 8, "{selection}");
        assert!(whole.is_sorted_by_key(|delivery| delivery.id));
        let mut pages = Vec::new();
        loop {
            let page = queue.list(&selection, pages.last().map(|last: &Delivery| last.id), 3).unwrap();
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        assert_eq!(pages, whole, "{selection}");
    }
    let narrow = Selection {
        peer: Some("b".to_owned()),
        states: vec![State::Deferred],
        study: Some("1.1".to_owned()),
        sop_instance: Some("1.1.1".to_owned()),
        ..Selection::default()
    };
    assert_eq!(instances(&queue.list(&narrow, None, 10).unwrap()), ["1.1.1"]);
    let nobody = Selection { peer: Some("nobody".to_owned()), ..Selection::default() };
    assert_eq!(queue.list(&nobody, None, 10).unwrap(), []);
}

#[test]
fn enqueueing_wakes_whoever_waits() {
    let (_bench, queue) = Bench::new();
    let queue = Arc::new(queue);
    let seen = queue.arrivals();
    let waiting = {
        let queue = Arc::clone(&queue);
        thread::spawn(move || {
            queue.wait(seen, Duration::from_secs(60));
            claim(&queue, "a", 1).len()
        })
    };
    queue.enqueue(&instance("1.1", 1), &peers(&["a"]), Priority::Medium).unwrap();
    assert_eq!(waiting.join().unwrap(), 1);
    let start = Instant::now();
    queue.wait(seen, Duration::from_secs(60));
    assert!(start.elapsed() < Duration::from_secs(30), "what came before is not waited for");
}

#[test]
fn many_threads_share_transactions_and_none_is_lost() {
    let (bench, queue) = Bench::new();
    let queue = &queue;
    thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || enqueue(queue, &format!("1.{thread}"), 0..50, &["a", "b"], Priority::Medium));
        }
    });
    assert_eq!(count(queue, State::Queued), 800);
    let rows: i64 =
        bench.database().query_row("SELECT count(*) FROM delivery", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 800, "the kept counts are those of the rows");
}

#[test]
fn p18_two_processes_work_beside_each_other() {
    let (bench, queue) = Bench::new();
    let other = Sqlite::open_existing(&bench.path, true).unwrap();
    assert_eq!(queue.identity(), other.identity());
    thread::scope(|scope| {
        scope.spawn(|| enqueue(&queue, "1.1", 0..100, &["a"], Priority::Medium));
        scope.spawn(|| enqueue(&other, "1.2", 0..100, &["a"], Priority::Medium));
    });
    assert_eq!((count(&queue, State::Queued), count(&other, State::Queued)), (200, 200));
}

#[test]
fn k12_what_is_no_queue_of_ours_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = |name: &str| folder.path().join(name);
    let error = |path: &Path| Sqlite::open(path, true).unwrap_err();
    let missing = Sqlite::open_existing(&path("none.db"), true).unwrap_err();
    assert!(matches!(missing, QueueError::Missing { .. }) && missing.to_string().contains("queue rebuild"));
    assert!(!path("none.db").exists());

    std::fs::write(path("text.db"), "this is no database at all, but long enough to be looked at".repeat(40))
        .unwrap();
    let damaged = error(&path("text.db"));
    assert!(matches!(damaged, QueueError::Damaged { .. }) && damaged.to_string().contains("queue rebuild"));

    Connection::open(path("other.db")).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(matches!(error(&path("other.db")), QueueError::Damaged { .. }));

    drop(Sqlite::open(&path("newer.db"), true).unwrap());
    Connection::open(path("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(error(&path("newer.db")), QueueError::Newer { found: 99, .. }));
}

#[test]
fn k12_a_damaged_page_is_an_error_and_never_an_empty_queue() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..300, &["a"], Priority::Medium);
    drop(queue);
    let database = bench.database();
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let root: u32 = database
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'delivery_order'", [], |row| row.get(0))
        .unwrap();
    drop(database);
    let mut bytes = std::fs::read(&bench.path).unwrap();
    let root = root as usize;
    bytes[(root - 1) * 4096..root * 4096].fill(0xFF);
    std::fs::write(&bench.path, bytes).unwrap();
    let damaged =
        Sqlite::open_existing(&bench.path, true).and_then(|queue| queue.claim("a", 10, LEASE)).unwrap_err();
    assert!(matches!(damaged, QueueError::Damaged { .. }), "{damaged}");
    assert!(damaged.to_string().contains("queue rebuild"), "{damaged}");
}

/// Every statement that runs while the node works is answered from an index, however many rows there are.
#[test]
fn nothing_goes_through_all_rows() {
    let (bench, queue) = Bench::new();
    enqueue(&queue, "1.1", 0..10, &["a"], Priority::Medium);
    let database = bench.database();
    for statement in [
        "SELECT priority, study FROM delivery WHERE peer = 1 AND state = 0 ORDER BY priority, study, id LIMIT 1",
        "SELECT * FROM delivery WHERE peer = 1 AND state = 0 AND priority = 1 AND study = 1 ORDER BY id LIMIT 9",
        "SELECT id FROM delivery WHERE peer = 1 AND state = 1 AND due BETWEEN 1 AND 2 LIMIT 1000",
        "SELECT min(due) FROM delivery WHERE peer = 1 AND state = 1 AND due IS NOT NULL",
        "SELECT * FROM instance i WHERE i.open = 0 AND i.keep = 0 AND i.received <= 5 ORDER BY i.received LIMIT 9",
        "SELECT * FROM delivery d WHERE d.id > 5 AND d.peer = 1 AND d.state = 4 ORDER BY d.id LIMIT 9",
        "DELETE FROM study WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM instance WHERE study = 1)",
    ] {
        let plan: Vec<String> = database
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(
            plan.iter().all(|step| !step.contains("SCAN") && !step.contains("TEMP")),
            "{statement}: {plan:?}"
        );
    }
}
