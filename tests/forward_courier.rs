//! Couriers over a real queue to other people's receivers: what is delivered, tried again and held. The names are those of
//! the rows of the fault matrix.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;

use authority::Authority;
use condenser::dicom::{FileMeta, uids};
use condenser::forward::{Commitments, Couriers, Depot, Destination, Event, HoldReason, PeerConfig};
use condenser::net::{PeerTlsConfig, Priority};
use condenser::queue::{Delivery, Instance, Queue, Selection, Sqlite, State};
use condenser::store::{FileSource, StoreError};
use foreign_peer::{ForeignPeer, free_port};
use made::{CT, Image};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What no test should have to wait for.
const LONG: Duration = Duration::from_secs(60);
const NOTHING: [&str; 0] = [];

/// A folder of files, a queue of deliveries, and what couriers say of them.
struct Bench {
    folder: tempfile::TempDir,
    queue: Arc<dyn Queue>,
    depot: Arc<Recorder>,
}

/// Records events. A file «poison» makes the courier panic.
struct Recorder {
    folder: PathBuf,
    seen: Mutex<Vec<(String, String)>>,
    news: Condvar,
}

impl Depot for Recorder {
    fn open(&self, file: &str) -> Result<Option<FileSource>, StoreError> {
        assert!(!file.contains("poison"), "a bug that one instance meets");
        Ok(File::open(self.folder.join(file)).ok().map(|file| FileSource::new(file).unwrap()))
    }

    fn spool(&self) -> io::Result<File> {
        tempfile::tempfile()
    }

    fn happened(&self, at: &Destination<'_>, event: Event<'_>) {
        let of = |delivery: &Delivery| delivery.instance.sop_instance.clone();
        let what = match event {
            Event::Delivered { delivery, .. } => format!("delivered {}", of(delivery)),
            Event::Deferred { delivery, .. } => format!("deferred {}", of(delivery)),
            Event::Held { delivery, reason, .. } => format!("held {} {reason:?}", of(delivery)),
            Event::Committed { delivery } => format!("committed {}", of(delivery)),
            Event::CommitmentAsked { .. } => "asked to commit".to_owned(),
            Event::NotCommitting { .. } => "not committing".to_owned(),
            Event::Unavailable { misconfigured: true, .. } => "misconfigured".to_owned(),
            Event::Unavailable { .. } => "unavailable".to_owned(),
            Event::Available => "available".to_owned(),
            Event::QueueFailed { error } => panic!("{error}"),
        };
        self.seen.lock().unwrap().push((at.peer.to_owned(), what));
        self.news.notify_all();
    }
}

impl Recorder {
    /// Waits for an event at a peer.
    fn wait(&self, peer: &str, what: &str) {
        self.wait_for(peer, what, 1);
    }

    /// Waits until so many events begin with these words.
    fn wait_for(&self, peer: &str, what: &str, count: usize) {
        let seen = self.seen.lock().unwrap();
        let missing = |seen: &mut Vec<(String, String)>| {
            seen.iter().filter(|(at, event)| at == peer && event.starts_with(what)).count() < count
        };
        let (seen, timeout) = self.news.wait_timeout_while(seen, LONG, missing).unwrap();
        assert!(!timeout.timed_out(), "never seen: {what}; seen were {seen:?}");
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let queue = Arc::new(Sqlite::open(&folder.path().join("queue.db"), true).unwrap());
        let (seen, news) = (Mutex::default(), Condvar::new());
        let depot = Arc::new(Recorder { folder: folder.path().to_owned(), seen, news });
        Self { folder, queue, depot }
    }

    /// Writes and enqueues an instance.
    fn add(&self, uid: &str, file: &str, peers: &[&str]) {
        let meta = FileMeta {
            sop_class: CT.to_owned(),
            sop_instance: uid.to_owned(),
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            ..FileMeta::default()
        };
        let mut bytes = Vec::new();
        meta.write(&mut bytes).unwrap();
        bytes.extend(Image::slope(uid, 64, 48).data_set());
        std::fs::write(self.folder.path().join(file), &bytes).unwrap();
        let mut digest = [0; 32];
        digest[..uid.len()].copy_from_slice(uid.as_bytes());
        let instance = Instance {
            sop_instance: uid.to_owned(),
            digest,
            sop_class: CT.to_owned(),
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            study: "1.2.3.4".to_owned(),
            file: file.to_owned(),
            bytes: bytes.len() as u64,
            checksum: None,
        };
        let peers: Vec<String> = peers.iter().map(|name| (*name).to_owned()).collect();
        self.queue.enqueue(&instance, &peers, Priority::Medium).unwrap();
    }

    fn add_many(&self, count: usize, peers: &[&str]) {
        for number in 1..=count {
            self.add(&format!("1.2.9.{number}"), &format!("{number}.dcm"), peers);
        }
    }

    fn start(&self, peers: &[PeerConfig]) -> Couriers {
        let depot = Arc::clone(&self.depot) as Arc<dyn Depot>;
        let commitments = Arc::new(Commitments::new(peers));
        Couriers::start(peers, "CONDENSER", &self.queue, &depot, &commitments).unwrap()
    }

    fn states(&self, peer: &str) -> Vec<(String, State, u32)> {
        let selection = Selection { peer: Some(peer.to_owned()), ..Selection::default() };
        let rows = self.queue.list(&selection, None, 1_000).unwrap();
        rows.into_iter().map(|row| (row.instance.sop_instance, row.state, row.attempts)).collect()
    }

    fn count(&self, peer: &str, state: State) -> usize {
        self.states(peer).iter().filter(|row| row.1 == state).count()
    }
}

/// A peer that is patient for milliseconds where a real one is for seconds.
fn hasty(name: &str, address: SocketAddr) -> PeerConfig {
    let mut peer = PeerConfig::new(name, "ARCHIVE", address.to_string().parse().unwrap());
    peer.concurrency = 1;
    peer.retry.first = Duration::from_millis(20);
    peer.retry.longest = Duration::from_millis(100);
    peer
}

fn nobody(name: &str) -> PeerConfig {
    hasty(name, SocketAddr::from(([127, 0, 0, 1], free_port())))
}

fn ended(couriers: Couriers) {
    assert!(couriers.stop(LONG), "the couriers end when they are asked to");
}

#[test]
fn f01_f13_each_peer_gets_everything_and_one_that_is_down_holds_up_nobody() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let Some(foreign) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    bench.add_many(100, &["archive", "down"]);
    bench.add("1.2.9.1", "1.dcm", &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address), nobody("down")]);
    bench.depot.wait_for("archive", "delivered", 100);
    bench.depot.wait("down", "unavailable");
    ended(couriers);
    assert_eq!(bench.count("archive", State::Delivered), 100);
    assert!(
        bench.states("down").iter().all(|(_, state, attempts)| *state == State::Queued && *attempts == 0)
    );
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 100);
}

#[test]
fn f01_a_peer_that_comes_back_gets_what_waited() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.add_many(5, &["archive"]);
    let port = free_port();
    let couriers = bench.start(&[hasty("archive", SocketAddr::from(([127, 0, 0, 1], port)))]);
    bench.depot.wait("archive", "unavailable");
    let Some(_foreign) = ForeignPeer::storescp_at(port, received.path(), NOTHING) else { return };
    bench.depot.wait_for("archive", "delivered", 5);
    bench.depot.wait("archive", "available");
    // What arrives now wakes a courier that has nothing to do.
    bench.add("1.2.9.6", "6.dcm", &["archive"]);
    bench.depot.wait("archive", "delivered 1.2.9.6");
    ended(couriers);
}

/// A listener whose connections are never made: the system drops what would be one too many.
struct BlackHole {
    listener: TcpListener,
    _filling: Vec<TcpStream>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let short = Duration::from_millis(200);
        let filling =
            std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok()).take(10).collect();
        Self { listener, _filling: filling }
    }
}

#[test]
fn f01_black_holes_and_names_that_do_not_resolve_cost_nobody_else_anything() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let Some(foreign) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    let hole = BlackHole::new();
    bench.add_many(20, &["archive", "hole", "nowhere"]);
    let mut swallowed = hasty("hole", hole.listener.local_addr().unwrap());
    swallowed.deadlines.connect = Duration::from_millis(300);
    let nowhere = PeerConfig { address: "no-such-host.invalid:104".parse().unwrap(), ..nobody("nowhere") };
    let couriers = bench.start(&[hasty("archive", foreign.address), swallowed, nowhere]);
    bench.depot.wait_for("archive", "delivered", 20);
    bench.depot.wait_for("hole", "unavailable", 2);
    bench.depot.wait_for("nowhere", "unavailable", 1);
    ended(couriers);
    for peer in ["hole", "nowhere"] {
        assert!(bench.states(peer).iter().all(|row| (row.1, row.2) == (State::Queued, 0)), "{peer}");
    }
}

#[test]
fn f02_a_peer_that_rejects_for_now_or_aborts_is_asked_again_and_gets_everything() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    bench.add_many(3, &["busy", "aborting"]);
    let port = free_port().to_string();
    let Some(busy) = ForeignPeer::scripted(["--refuse", "transient", "--port", &port]) else { return };
    // It answers each association request with A-ABORT of the service provider.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let aborting = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(&[7, 0, 0, 0, 0, 4, 0, 0, 2, 0]);
        }
    });
    let couriers = bench.start(&[hasty("busy", busy.address), hasty("aborting", aborting)]);
    bench.depot.wait_for("busy", "unavailable", 2);
    bench.depot.wait_for("aborting", "unavailable", 2);
    busy.stop();
    let folder = received.path().to_str().unwrap();
    let Some(_ready) = ForeignPeer::scripted(["--folder", folder, "--port", &port]) else { return };
    bench.depot.wait_for("busy", "delivered", 3);
    ended(couriers);
    assert!(bench.states("aborting").iter().all(|row| (row.1, row.2) == (State::Queued, 0)));
}

#[test]
fn f02_a_peer_that_rejects_for_good_is_an_alarm_and_drops_nothing() {
    let bench = Bench::new();
    let Some(foreign) = ForeignPeer::scripted(["--refuse", "permanent"]) else { return };
    bench.add_many(3, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait_for("archive", "misconfigured", 2);
    ended(couriers);
    assert_eq!(bench.count("archive", State::Queued), 3);
}

#[test]
fn f01_what_nobody_took_within_the_window_is_held() {
    let bench = Bench::new();
    bench.add_many(2, &["down"]);
    let mut peer = nobody("down");
    peer.retry.window = Duration::from_millis(1);
    let couriers = bench.start(&[peer]);
    bench.depot.wait("down", "held 1.2.9.1 WindowOver");
    bench.depot.wait("down", "held 1.2.9.2 WindowOver");
    ended(couriers);
    assert_eq!(bench.count("down", State::Held), 2);
}

#[test]
fn f04_a_sop_class_that_the_peer_refuses_is_held_until_an_operator_releases_it() {
    let bench = Bench::new();
    let Some(foreign) = ForeignPeer::scripted(["--class", "1.2.840.10008.5.1.4.1.1.4"]) else { return };
    bench.add_many(1, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait("archive", "held 1.2.9.1 Undeliverable");
    ended(couriers);
    foreign.stop();
    let received = tempfile::tempdir().unwrap();
    let Some(other) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    assert_eq!(bench.queue.release(&Selection::default()).unwrap(), 1);
    let couriers = bench.start(&[hasty("archive", other.address)]);
    bench.depot.wait("archive", "delivered 1.2.9.1");
    ended(couriers);
}

#[test]
fn f05_refusals_are_held_after_a_few_tries_and_a_full_peer_gets_it_in_the_end() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let folder = received.path().to_str().unwrap();
    let options =
        ["--folder", folder, "--statuses", "A700,A700,A700,A700,A700,0000", "--only", "A900:1.2.9.2"];
    let Some(foreign) = ForeignPeer::scripted(options) else { return };
    bench.add("1.2.9.1", "1.dcm", &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait("archive", "delivered 1.2.9.1");
    bench.add("1.2.9.2", "2.dcm", &["archive"]);
    bench.depot.wait("archive", "held 1.2.9.2 Refused");
    ended(couriers);
    let expected = [("1.2.9.1".to_owned(), State::Delivered, 6), ("1.2.9.2".to_owned(), State::Held, 3)];
    assert_eq!(bench.states("archive"), expected);
    assert!(!received.path().join("1.2.9.2.dcm").exists());
}

#[test]
fn f05_what_is_no_answer_delivers_nothing_and_the_instance_is_sent_again() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let folder = received.path().to_str().unwrap();
    let kinds = "no-status,other-message,other-instance,data-set,junk";
    let Some(foreign) = ForeignPeer::scripted(["--folder", folder, "--nonsense", kinds]) else { return };
    bench.add_many(1, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait("archive", "delivered 1.2.9.1");
    ended(couriers);
    let tries = kinds.split(',').count() as u32 + 1;
    assert_eq!(bench.states("archive"), [("1.2.9.1".to_owned(), State::Delivered, tries)]);
    assert!(received.path().join("1.2.9.1.dcm").exists());
}

#[test]
fn f06_warnings_are_deliveries() {
    let bench = Bench::new();
    let Some(foreign) = ForeignPeer::scripted(["--statuses", "B000,B006,B007"]) else { return };
    bench.add_many(3, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait_for("archive", "delivered", 3);
    ended(couriers);
    assert_eq!(bench.count("archive", State::Delivered), 3);
}

#[test]
fn f07_f10_what_an_abort_interrupts_is_tried_again_and_nothing_else_is() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let folder = received.path().to_str().unwrap();
    let Some(foreign) = ForeignPeer::scripted(["--folder", folder, "--abort-at", "37"]) else { return };
    bench.add_many(100, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait_for("archive", "delivered", 100);
    ended(couriers);
    let tried_again = bench.states("archive").iter().filter(|(.., attempts)| *attempts == 2).count();
    assert_eq!((bench.count("archive", State::Delivered), tried_again), (100, 1));
}

#[test]
fn f07_a_peer_that_dies_before_its_answer_gets_the_instance_again() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let folder = received.path().to_str().unwrap();
    let port = free_port().to_string();
    let options = ["--folder", folder, "--port", &port];
    let Some(first) = ForeignPeer::scripted(options.iter().chain(&["--exit-at", "3"])) else { return };
    bench.add_many(5, &["archive"]);
    let couriers = bench.start(&[hasty("archive", first.address)]);
    bench.depot.wait("archive", "unavailable");
    assert!(Path::new(folder).join("1.2.9.3.dcm").exists(), "stored, and not answered");
    assert_ne!(bench.states("archive")[2].1, State::Delivered);
    let Some(_second) = ForeignPeer::scripted(options) else { return };
    bench.depot.wait_for("archive", "delivered", 5);
    ended(couriers);
}

#[test]
fn f08_a_peer_that_is_silent_for_too_long_has_nothing_delivered() {
    let bench = Bench::new();
    let Some(foreign) = ForeignPeer::scripted(["--delay", "30"]) else { return };
    bench.add_many(1, &["archive"]);
    let mut peer = hasty("archive", foreign.address);
    peer.deadlines.response = Duration::from_millis(200);
    let couriers = bench.start(&[peer]);
    bench.depot.wait("archive", "deferred 1.2.9.1");
    ended(couriers);
    assert_eq!(bench.count("archive", State::Delivered), 0);
}

#[test]
fn f08_dcmtk_that_sleeps_is_waited_for_as_long_as_is_configured_and_no_longer() {
    // It sleeps before its answer, or after it, while the next instance is on its way.
    for option in ["--sleep-during", "--sleep-after"] {
        let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
        let sleepy = || ForeignPeer::storescp(received.path(), [option, "1"]);
        let (Some(first), Some(second)) = (sleepy(), sleepy()) else { return };
        bench.add_many(2, &["patient", "hasty"]);
        let mut impatient = hasty("hasty", second.address);
        impatient.deadlines.response = Duration::from_millis(100);
        let couriers = bench.start(&[hasty("patient", first.address), impatient]);
        bench.depot.wait_for("patient", "delivered", 2);
        bench.depot.wait("hasty", "deferred");
        ended(couriers);
        let attempts: Vec<u32> = bench.states("patient").iter().map(|row| row.2).collect();
        assert_eq!(attempts, [1, 1], "{option}");
    }
}

#[test]
fn f11_without_the_right_certificate_nothing_is_sent_until_it_is_put_there() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let (authority, another) = (Authority::new(), Authority::new());
    authority.write_certified("archive", &authority.certify_server("archive.test"));
    let (key, certificate) = (authority.path("archive.key"), authority.path("archive.pem"));
    let options = ["+tls", key.to_str().unwrap(), certificate.to_str().unwrap(), "-ic"];
    let Some(secure) = ForeignPeer::storescp(received.path(), options) else { return };
    let open = tempfile::tempdir().unwrap();
    let Some(plain) = ForeignPeer::storescp(open.path(), NOTHING) else { return };
    bench.add_many(3, &["secure", "misnamed", "plain"]);
    let tls = |name: &str| PeerTlsConfig {
        authorities: another.path("ca.pem"),
        name: Some(name.to_owned()),
        certificate: None,
        key: None,
    };
    let over_tls = |name: &str, address, host| PeerConfig { tls: Some(tls(host)), ..hasty(name, address) };
    let couriers = bench.start(&[
        over_tls("secure", secure.address, "archive.test"),
        over_tls("misnamed", secure.address, "other.test"),
        over_tls("plain", plain.address, "archive.test"),
    ]);
    for peer in ["secure", "misnamed", "plain"] {
        bench.depot.wait_for(peer, "", 2);
        assert_eq!(bench.count(peer, State::Delivered), 0, "{peer}");
    }
    // What is read for each connection can be changed while instances wait.
    std::fs::copy(authority.path("ca.pem"), another.path("ca.pem")).unwrap();
    bench.depot.wait_for("secure", "delivered", 3);
    ended(couriers);
    assert_eq!(std::fs::read_dir(received.path()).unwrap().count(), 3);
    for peer in ["misnamed", "plain"] {
        assert_eq!(bench.count(peer, State::Queued), 3, "{peer}");
    }
    assert_eq!(std::fs::read_dir(open.path()).unwrap().count(), 0, "no plain text in the place of TLS");
}

#[test]
fn f14_an_instance_that_makes_the_courier_panic_is_held_and_the_others_arrive() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let Some(foreign) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    bench.add("1.2.9.7", "poison.dcm", &["archive"]);
    bench.add_many(3, &["archive"]);
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait_for("archive", "delivered", 3);
    bench.depot.wait("archive", &format!("held 1.2.9.7 {:?}", HoldReason::BreaksAssociations));
    ended(couriers);
}

#[test]
fn a_file_that_is_gone_is_held() {
    let (bench, received) = (Bench::new(), tempfile::tempdir().unwrap());
    let Some(foreign) = ForeignPeer::storescp(received.path(), NOTHING) else { return };
    bench.add_many(2, &["archive"]);
    std::fs::remove_file(bench.folder.path().join("1.dcm")).unwrap();
    let couriers = bench.start(&[hasty("archive", foreign.address)]);
    bench.depot.wait("archive", "held 1.2.9.1 Undeliverable");
    bench.depot.wait("archive", "delivered 1.2.9.2");
    ended(couriers);
}
