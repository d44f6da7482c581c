//! The node as a process that forwards: what is acknowledged arrives at the peers of its rule, through outages of either
//! side, and the queue says so.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use condenser::dicom::FileMeta;
use condenser::net::{Priority, Status};
use condenser::queue::{Instance, Queue, Selection, Sqlite, State};
use foreign_peer::{ForeignPeer, free_port};
use made::Image;
use process::{Process, folder, send, serve, store_of};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const NOTHING: [&str; 0] = [];
/// Take what we have condensed, and write what came.
const TAKES_ALL: [&str; 2] = ["+xa", "+B"];

/// A node whose one rule forwards everything to a peer, with the patience of a test.
fn configured(folder: &tempfile::TempDir, peer: SocketAddr) -> PathBuf {
    let path = folder.path().join("condenser.toml");
    let text = format!(
        "[[rule]]\nname = 'all'\nforward = ['archive']\n\n\
         [[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\naddress = '{peer}'\nconcurrency = 1\n\
         retry = {{ first = '20 ms', longest = '100 ms' }}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn start(folder: &tempfile::TempDir, config: &Path) -> Process {
    Process::start(&store_of(folder), &["--config", config.to_str().unwrap()])
}

fn image(number: usize) -> Image {
    Image::slope(&format!("1.2.9.{number}"), 32, 32)
}

fn send_all(process: &Process, numbers: impl IntoIterator<Item = usize>) {
    let mut requestor = process.connect();
    for number in numbers {
        assert_eq!(send(&mut requestor, &image(number)), Status::SUCCESS);
    }
    requestor.release().unwrap();
}

/// How many deliveries are in each state.
fn states(folder: &tempfile::TempDir) -> BTreeMap<State, u64> {
    let queue = Sqlite::open_existing(&store_of(folder).join("queue.db"), true).unwrap();
    queue.counts().unwrap().into_iter().map(|count| (count.state, count.deliveries)).collect()
}

fn wait_until_delivered(process: &mut Process, count: usize) {
    for _ in 0..count {
        process.wait_for(&["instance delivered"]);
    }
}

fn end(process: Process) -> String {
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
    log
}

/// The data set of a file behind its file meta information.
fn data_set(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let (_, offset) = FileMeta::parse(&bytes).unwrap();
    bytes[usize::try_from(offset).unwrap()..].to_vec()
}

#[test]
fn what_is_acknowledged_arrives_as_it_is_stored_and_is_settled() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), TAKES_ALL) else { return };
    let forward = format!("ARCHIVE@{}", peer.address);
    let mut process = Process::start(&store_of(&folder), &["--forward", &forward]);
    send_all(&process, 1..=5);
    let stored = process.wait_for(&["instance stored", "instance=1.2.9.5"]);
    assert!(stored.contains("queued=1"), "{stored}");
    let delivered = process.wait_for(&["instance delivered", "instance=1.2.9.5"]);
    for part in ["sent=\"JPEGLSLossless\"", "attempts=1", &format!("to={forward}")] {
        assert!(delivered.contains(part), "{part}: {delivered}");
    }
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, 5)]));
    let files: Vec<PathBuf> =
        std::fs::read_dir(received.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let uid = name.split_once('.').unwrap().1;
        let stored = store_of(&folder).join(format!("1.2.3.4/1.2.3.4.5/{uid}.dcm"));
        assert_eq!(data_set(&file), data_set(&stored), "{name}");
    }
}

#[test]
fn what_was_derived_with_loss_is_delivered_once_under_its_own_uid() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), TAKES_ALL) else { return };
    let config = configured(&folder, peer.address);
    let rest = std::fs::read_to_string(&config).unwrap();
    let lossy = "[compress]\nto = 'JPEGLSNearLossless'\nlossy = 'allowed'\n";
    std::fs::write(&config, format!("{lossy}\n{rest}")).unwrap();
    let mut process = start(&folder, &config);
    send_all(&process, [1]);
    let stored = process.wait_for(&["instance stored", "instance=1.2.9.1", "condensed"]);
    assert!(stored.contains("derived=2.25."), "{stored}");
    process.wait_for(&["instance delivered", "instance=2.25.", "sent=\"JPEGLSNearLossless\""]);
    send_all(&process, [1]);
    let again = process.wait_for(&["instance stored", "instance=1.2.9.1", "duplicate"]);
    assert!(again.contains("derived=2.25."), "{again}");
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, 1)]));
    let file = std::fs::read_dir(received.path()).unwrap().next().unwrap().unwrap();
    assert!(file.file_name().to_str().unwrap().contains(".2.25."), "{:?}", file.file_name());
}

#[test]
fn f01_a_peer_that_was_down_gets_everything_when_it_is_up() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let config = configured(&folder, SocketAddr::from(([127, 0, 0, 1], port)));
    let mut process = start(&folder, &config);
    send_all(&process, 1..=3);
    process.wait_for(&["peer not available", "to=archive"]);
    let Some(_peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    wait_until_delivered(&mut process, 3);
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, 3)]));
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 3);
}

#[test]
fn k01_what_was_acknowledged_before_kill_9_is_delivered_by_the_next_process() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let output = received.path().to_str().unwrap();
    // The peer takes the first instance and says nothing for long: it is on its way when the node dies.
    let Some(silent) = ForeignPeer::scripted(["--delay", "60"]) else { return };
    let config = configured(&folder, silent.address);
    let process = start(&folder, &config);
    send_all(&process, 1..=4);
    process.signal(Signal::KILL);
    process.ended();
    let port = silent.address.port();
    silent.stop();
    let Some(_peer) = ForeignPeer::scripted(["--folder", output, "--port", &port.to_string()]) else {
        return;
    };
    let mut process = start(&folder, &config);
    wait_until_delivered(&mut process, 4);
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, 4)]));
    for number in 1..=4 {
        assert!(received.path().join(format!("1.2.9.{number}.dcm")).is_file());
    }
}

#[test]
fn what_is_sent_again_is_queued_if_it_was_not() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), TAKES_ALL) else { return };
    let process = Process::start(&store_of(&folder), &[]);
    send_all(&process, 1..=1);
    end(process);
    assert!(!store_of(&folder).join("queue.db").exists(), "nobody is forwarded to");
    let config = configured(&folder, peer.address);
    let mut process = start(&folder, &config);
    send_all(&process, 1..=1);
    let again = process.wait_for(&["instance stored", "outcome=\"duplicate\""]);
    assert!(again.contains("queued=1") && again.contains("rule=all"), "{again}");
    let delivered = process.wait_for(&["instance delivered"]);
    assert!(delivered.contains("sent=\"JPEGLSLossless\""), "{delivered}");
    send_all(&process, 1..=1);
    let once_more = process.wait_for(&["instance stored"]);
    assert!(!once_more.contains("queued="), "the peer has it: {once_more}");
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, 1)]));
}

#[test]
fn deliveries_go_on_when_no_rule_asks_for_new_ones() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let config = configured(&folder, SocketAddr::from(([127, 0, 0, 1], port)));
    let process = start(&folder, &config);
    send_all(&process, 1..=2);
    end(process);
    let Some(_peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    let text = std::fs::read_to_string(&config).unwrap().replace("forward = ['archive']", "");
    std::fs::write(&config, text).unwrap();
    let mut process = start(&folder, &config);
    wait_until_delivered(&mut process, 2);
    end(process);
    // Without the peer they would wait, and the log says so.
    let process = Process::start(&store_of(&folder), &[]);
    assert!(process.opening.contains("not configured any more"), "{}", process.opening);
}

#[test]
fn k12_a_queue_that_is_gone_or_not_ours_is_never_taken_for_an_empty_one() {
    let (folder, other) = (folder(), process::folder());
    let nobody = SocketAddr::from(([127, 0, 0, 1], free_port()));
    for folder in [&folder, &other] {
        let process = start(folder, &configured(folder, nobody));
        send_all(&process, 1..=1);
        end(process);
    }
    let (ours, others) = (store_of(&folder).join("queue.db"), store_of(&other).join("queue.db"));
    let refused = |expected: &str| {
        let output = serve(&store_of(&folder), &[]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("condenser queue rebuild"), "{message}");
    };
    std::fs::copy(&others, &ours).unwrap();
    refused("belongs to another store");
    std::fs::write(&ours, [0x5A; 8192]).unwrap();
    refused("is damaged");
    std::fs::remove_file(&ours).unwrap();
    refused("there is no queue");
    assert!(!ours.exists());
}

#[test]
fn a_queue_that_is_lost_is_rebuilt_from_the_store_and_everything_arrives() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let config = configured(&folder, SocketAddr::from(([127, 0, 0, 1], port)));
    let process = start(&folder, &config);
    send_all(&process, 1..=3);
    let queue = store_of(&folder).join("queue.db");
    let rebuild = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_condenser"));
        command.args(["queue", "rebuild", "--config"]).arg(&config).arg("--store").arg(store_of(&folder));
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, _, message) = rebuild();
    assert_eq!(code, Some(1), "not beside a running node: {message}");
    end(process);
    for name in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = std::fs::remove_file(queue.with_file_name(name));
    }
    std::fs::write(store_of(&folder).join("other.dcm"), b"not one of ours").unwrap();
    let (code, said, message) = rebuild();
    assert_eq!(code, Some(0), "{message}");
    assert_eq!(said, "3 instances in the store, 3 new deliveries, 1 file left out\n");
    assert!(message.contains("other.dcm"), "{message}");
    assert!(rebuild().1.contains("0 new deliveries"), "what is there stays as it is");
    let Some(_peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    let mut process = start(&folder, &config);
    wait_until_delivered(&mut process, 3);
    end(process);
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 3);
}

#[test]
fn f03_a_peer_that_takes_native_pixels_alone_gets_what_was_received() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), ["+B"]) else { return };
    let mut process = start(&folder, &configured(&folder, peer.address));
    send_all(&process, 1..=1);
    let delivered = process.wait_for(&["instance delivered"]);
    assert!(delivered.contains("sent=\"ExplicitVRLittleEndian\""), "{delivered}");
    end(process);
    let file = std::fs::read_dir(received.path()).unwrap().next().unwrap().unwrap().path();
    assert_eq!(data_set(&file), image(1).data_set());
}

#[test]
fn f12_a_node_with_a_long_queue_listens_and_delivers_at_once() {
    const ROWS: usize = 20_000;
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let config = configured(&folder, SocketAddr::from(([127, 0, 0, 1], port)));
    let process = start(&folder, &config);
    send_all(&process, 1..=1);
    end(process);
    let queue = Sqlite::open_existing(&store_of(&folder).join("queue.db"), false).unwrap();
    let one = queue.list(&Selection::default(), None, 1).unwrap().remove(0).instance;
    for piece in (0..ROWS).collect::<Vec<_>>().chunks(1000) {
        let more = piece.iter().map(|number| {
            let (sop_instance, study) = (format!("1.2.8.{number}"), format!("1.2.7.{}", number / 500));
            (Instance { sop_instance, study, ..one.clone() }, vec!["archive".to_owned()], Priority::Medium)
        });
        queue.enqueue_all(more.collect()).unwrap();
    }
    drop(queue);
    let Some(_peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    let started = Instant::now();
    let mut process = start(&folder, &config);
    wait_until_delivered(&mut process, 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200 << 10, "{peak} KiB");
}

#[test]
fn f15_two_nodes_that_forward_to_each_other_come_to_rest_with_one_file_each() {
    let (first_folder, second_folder) = (folder(), folder());
    let (first_port, second_port) = (free_port(), free_port());
    let start = |folder: &tempfile::TempDir, own: u16, other: u16| {
        let config = configured(folder, SocketAddr::from(([127, 0, 0, 1], other)));
        let text = std::fs::read_to_string(&config).unwrap().replace("'ARCHIVE'", "'CONDENSER'");
        std::fs::write(&config, text).unwrap();
        let listen = format!("127.0.0.1:{own}");
        Process::start(&store_of(folder), &["--config", config.to_str().unwrap(), "--listen", &listen])
    };
    let mut first = start(&first_folder, first_port, second_port);
    let mut second = start(&second_folder, second_port, first_port);
    send_all(&first, 1..=2);
    for _ in 0..2 {
        second.wait_for(&["instance delivered"]);
        let back = first.wait_for(&["instance stored", "outcome=\"duplicate\""]);
        assert!(!back.contains("queued="), "{back}");
    }
    end(first);
    end(second);
    for folder in [&first_folder, &second_folder] {
        assert_eq!(states(folder), BTreeMap::from([(State::Delivered, 2)]));
        let series = store_of(folder).join("1.2.3.4/1.2.3.4.5");
        assert_eq!(std::fs::read_dir(series).unwrap().count(), 2);
    }
}

/// A node that keeps instances until they are forwarded.
fn keeping_nothing(folder: &tempfile::TempDir, peer: SocketAddr) -> PathBuf {
    let config = configured(folder, peer);
    let text = std::fs::read_to_string(&config).unwrap() + "\n[store]\nkeep = 'until-forwarded'\n";
    std::fs::write(&config, text).unwrap();
    config
}

#[test]
fn f13_retention_removes_what_its_peer_has_and_nothing_else() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let config = keeping_nothing(&folder, SocketAddr::from(([127, 0, 0, 1], port)));
    let mut process = start(&folder, &config);
    send_all(&process, 1..=3);
    process.wait_for(&["peer not available"]);
    let study = store_of(&folder).join("1.2.3.4");
    assert_eq!(std::fs::read_dir(study.join("1.2.3.4.5")).unwrap().count(), 3, "nobody has it yet");
    // What an operator purges stays for good.
    let queue = Sqlite::open_existing(&store_of(&folder).join("queue.db"), true).unwrap();
    let second = Selection { sop_instance: Some("1.2.9.2".to_owned()), ..Selection::default() };
    while queue.purge(&second, "test").unwrap() == 0 {}
    let Some(peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    for _ in 0..2 {
        process.wait_for(&["instance removed"]);
    }
    let left: Vec<_> =
        std::fs::read_dir(study.join("1.2.3.4.5")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["1.2.9.2.dcm"]);
    // The same instance again is stored, delivered and removed again.
    send_all(&process, 1..=1);
    process.wait_for(&["instance removed", "instance=1.2.9.1"]);
    peer.stop();
    end(process);
    assert!(states(&folder).is_empty());
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 2);
}

#[test]
fn f06_what_a_peer_took_with_a_warning_stays_where_that_is_asked_for() {
    let folder = folder();
    let Some(peer) = ForeignPeer::scripted(["--statuses", "B000,0000"]) else { return };
    let config = keeping_nothing(&folder, peer.address);
    let text = std::fs::read_to_string(&config).unwrap();
    let strict = text.replacen("name = 'archive'\n", "name = 'archive'\nstrict_warnings = true\n", 1);
    assert_ne!(strict, text);
    std::fs::write(&config, strict).unwrap();
    let mut process = start(&folder, &config);
    send_all(&process, 1..=2);
    process.wait_for(&["instance removed", "instance=1.2.9.2"]);
    end(process);
    let left: Vec<_> = std::fs::read_dir(store_of(&folder).join("1.2.3.4/1.2.3.4.5"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["1.2.9.1.dcm"]);
}

#[test]
fn f13_directories_that_retention_has_emptied_are_removed_and_made_again() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), TAKES_ALL) else { return };
    let mut process = start(&folder, &keeping_nothing(&folder, peer.address));
    for number in 1..=2 {
        send_all(&process, number..=number);
        process.wait_for(&["instance removed"]);
        assert!(!store_of(&folder).join("1.2.3.4").exists());
    }
    end(process);
}

#[test]
fn k03_what_cannot_be_queued_is_not_acknowledged_and_a_resend_is_delivered() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let port = free_port();
    let process = start(&folder, &configured(&folder, SocketAddr::from(([127, 0, 0, 1], port))));
    let limit = |current| {
        let limit = Rlimit { current, maximum: None };
        prlimit(Some(Pid::from_child(&process.child)), Resource::Fsize, limit).unwrap();
    };
    // Instances are far smaller, the write-ahead log of the queue is not.
    limit(Some(48 << 10));
    let mut requestor = process.connect();
    let mut number = 0;
    let failed = loop {
        number += 1;
        let status = send(&mut requestor, &image(number));
        if status != Status::SUCCESS {
            break status;
        }
        assert!(number < 100, "the queue never met its limit");
    };
    assert_eq!(failed, Status::STORAGE_ERROR);
    assert!(store_of(&folder).join(format!("1.2.3.4/1.2.3.4.5/1.2.9.{number}.dcm")).is_file());
    limit(None);
    assert_eq!(send(&mut requestor, &image(number)), Status::SUCCESS);
    requestor.release().unwrap();
    let Some(_peer) = ForeignPeer::storescp_at(port, received.path(), TAKES_ALL) else { return };
    let mut process = process;
    wait_until_delivered(&mut process, number);
    end(process);
    assert_eq!(states(&folder), BTreeMap::from([(State::Delivered, number as u64)]));
}

#[test]
fn p01_couriers_end_when_the_node_is_stopped() {
    let (folder, received) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    let mut process = start(&folder, &configured(&folder, peer.address));
    process.wait_for(&["delivering", "to=archive"]);
    let log = end(process);
    assert!(log.contains("node stopped") && !log.contains("without its answer"), "{log}");
    let all = Selection::default();
    let queue = Sqlite::open_existing(&store_of(&folder).join("queue.db"), true).unwrap();
    assert_eq!(queue.list(&all, None, 1).unwrap(), []);
}
