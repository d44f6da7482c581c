//! Storage Commitment asked of a foreign peer (pynetdicom): delivered is what it reports to be committed, over the association
//! on which it was asked or over one of its own. Row F16 of the fault matrix.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use condenser::net::Status;
use condenser::queue::{Delivery, Queue, Selection, Sqlite, State};
use foreign_peer::{ForeignPeer, free_port};
use made::Image;
use process::{Process, folder, send, store_of};
use rustix::process::Signal;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// A node that forwards to a peer which is to commit; the peer can report to it.
struct Bench {
    folder: tempfile::TempDir,
    received: tempfile::TempDir,
    process: Process,
    _peer: ForeignPeer,
}

impl Bench {
    fn start(mode: &str, more: &[&str]) -> Option<Self> {
        let (folder, received, port) = (folder(), tempfile::tempdir().unwrap(), free_port());
        let (output, to) = (received.path().to_str().unwrap(), port.to_string());
        let options = ["--folder", output, "--commit", mode, "--commit-to", &to];
        let peer = ForeignPeer::scripted(options.iter().chain(more))?;
        let path = folder.path().join("condenser.toml");
        let text = format!(
            "[node]\nlisten = ['127.0.0.1:{port}']\n[[rule]]\nname = 'all'\nforward = ['archive']\n\
             [[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\naddress = '{}'\ncommit = true\n\
             deadlines = {{ commit = '1 s' }}\nretry = {{ first = '20 ms', longest = '100 ms' }}\n",
            peer.address
        );
        std::fs::write(&path, text).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let config = path.to_str().unwrap();
        let process = Process::start(&store_of(&folder), &["--config", config, "--listen", &listen]);
        Some(Self { folder, received, process, _peer: peer })
    }

    fn send(&self, count: usize) {
        let mut requestor = self.process.connect();
        for number in 1..=count {
            let image = Image::slope(&format!("1.2.9.{number}"), 32, 32);
            assert_eq!(send(&mut requestor, &image), Status::SUCCESS);
        }
        requestor.release().unwrap();
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let queue = Sqlite::open_existing(&store_of(&self.folder).join("queue.db"), true).unwrap();
        queue.list(&Selection::default(), None, 100).unwrap()
    }

    fn end(self) {
        self.process.signal(Signal::TERM);
        let (status, log) = self.process.ended();
        assert!(status.success(), "{log}");
    }
}

/// The lines of a file that the peer writes, once there are so many.
fn lines(folder: &Path, name: &str, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(started.elapsed() < LONG, "{name}: {lines:?}");
        thread::yield_now();
    }
}

#[test]
fn f16_delivered_means_committed_whichever_association_the_report_comes_by() {
    for mode in ["same", "new"] {
        let Some(mut bench) = Bench::start(mode, &[]) else { return };
        bench.send(3);
        for _ in 0..3 {
            bench.process.wait_for(&["instance committed by the peer", "to=archive"]);
        }
        assert!(bench.deliveries().iter().all(|delivery| delivery.state == State::Delivered), "{mode}");
        assert!(
            lines(bench.received.path(), "answers.txt", 1).iter().all(|answer| answer == "0000"),
            "{mode}"
        );
        bench.end();
    }
}

#[test]
fn f16_what_the_peer_has_not_is_sent_again_and_then_held() {
    let Some(mut bench) = Bench::start("same", &["--uncommitted", "0112:1.2.9.2"]) else { return };
    bench.send(2);
    bench.process.wait_for(&["delivery held for the operator", "instance=1.2.9.2"]);
    let states: Vec<_> = bench.deliveries().iter().map(|d| (d.state, d.attempts, d.status)).collect();
    assert_eq!(states, [(State::Delivered, 1, Some(0)), (State::Held, 3, Some(0x0112))]);
    bench.end();
}

#[test]
fn f16_without_a_report_or_with_one_on_another_transaction_the_peer_is_asked_again() {
    for mode in ["never", "wrong"] {
        let Some(bench) = Bench::start(mode, &[]) else { return };
        bench.send(1);
        let asked = lines(bench.received.path(), "asked.txt", 2);
        assert!(asked.iter().all(|line| line.ends_with(" 1")), "{asked:?}");
        assert_ne!(asked[0], asked[1], "another transaction each time");
        if mode == "wrong" {
            assert_eq!(lines(bench.received.path(), "answers.txt", 1)[0], "0112");
        }
        let deliveries = bench.deliveries();
        assert_eq!((deliveries[0].state, deliveries[0].attempts), (State::Sent, 1));
        bench.end();
    }
}

#[test]
fn f16_a_peer_that_does_not_offer_it_is_an_alarm_and_nothing_is_delivered() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), ["+xa"]) else { return };
    let path = folder.path().join("condenser.toml");
    let text = format!(
        "[[rule]]\nname = 'all'\nforward = ['archive']\n[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\n\
         address = '{}'\ncommit = true\nretry = {{ first = '20 ms', longest = '100 ms' }}\n",
        peer.address
    );
    std::fs::write(&path, text).unwrap();
    let mut process = Process::start(&store_of(&folder), &["--config", path.to_str().unwrap()]);
    let mut requestor = process.connect();
    assert_eq!(send(&mut requestor, &Image::slope("1.2.9.1", 32, 32)), Status::SUCCESS);
    requestor.release().unwrap();
    process.wait_for(&["peer cannot be asked to commit", "does not offer Storage Commitment"]);
    process.signal(Signal::TERM);
    assert!(process.ended().0.success());
    let queue = Sqlite::open_existing(&store_of(&folder).join("queue.db"), true).unwrap();
    assert_eq!(queue.list(&Selection::default(), None, 2).unwrap()[0].state, State::Sent);
}
