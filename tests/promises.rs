//! What the node promises, each promise with the test that has its name, against a node in a process of its own.
//!
//! Each is shown here once and in short; the rows of the fault matrix (`tests/faults/rows.tsv`) try to break them at every
//! point. Not promised: to survive a disk that lies about its syncs, the loss of the whole disk, or an operator who purges.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/journey.rs"]
mod journey;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use condenser::dicom::{TransferSyntax, uids};
use condenser::net::{ProposedContext, Requestor, RequestorError, RequestorOptions, Status};
use foreign_peer::free_port;
use journey::{File, noise};
use made::{CT, DataSet, Image};
use process::{Process, send, store_of};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A node with its configuration and its store.
struct Bench {
    folder: tempfile::TempDir,
    node: Process,
}

impl Bench {
    fn start(config: &str) -> Self {
        let folder = process::folder();
        std::fs::write(folder.path().join("condenser.toml"), config).unwrap();
        let node = Self::process(&folder);
        Self { folder, node }
    }

    fn process(folder: &tempfile::TempDir) -> Process {
        Process::start(&store_of(folder), &["--config", Self::config(folder).to_str().unwrap()])
    }

    fn config(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("condenser.toml")
    }

    /// The next process on the same store, after this one was killed.
    fn killed_and_started_again(self) -> Self {
        let Self { folder, node } = self;
        node.signal(Signal::KILL);
        node.ended();
        let node = Self::process(&folder);
        Self { folder, node }
    }

    fn store(&self, images: &[&Image]) {
        let mut requestor = self.node.connect();
        for image in images {
            assert_eq!(send(&mut requestor, image), Status::SUCCESS, "{}", image.sop_instance);
        }
        requestor.release().unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        store_of(&self.folder).join("1.2.3.4/1.2.3.4.5").join(name)
    }

    fn file(&self, uid: &str) -> File {
        File::read(&self.path(&format!("{uid}.dcm")))
    }

    /// The names of all files of the series.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.path("."))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a command says of the store.
    fn condenser(&self, command: &[&str]) -> Output {
        let mut all = Command::new(env!("CARGO_BIN_EXE_condenser"));
        all.args(command).arg("--store").arg(store_of(&self.folder)).output().unwrap()
    }

    fn end(self) -> String {
        self.node.signal(Signal::TERM);
        let (status, log) = self.node.ended();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

fn connect_as(address: SocketAddr, calling: &str) -> Result<Requestor, RequestorError> {
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let proposed = [ProposedContext { abstract_syntax: CT.to_owned(), transfer_syntaxes: vec![syntax] }];
    Requestor::connect(address, RequestorOptions::new(calling, "CONDENSER"), &proposed)
}

/// Everything goes to a peer of this port, which is asked often.
fn forwarding(port: u16) -> String {
    format!(
        "[[rule]]\nname = 'all'\nforward = ['archive']\n[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\n\
         address = '127.0.0.1:{port}'\nretry = {{ first = '20 ms', longest = '100 ms' }}\n"
    )
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = bytes.len() - 20;
    bytes[place] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

/// A system call of a trace: the lines in which it begins and ends, and what it is.
struct Call {
    begin: usize,
    end: usize,
    text: String,
}

/// What `strace -f` wrote; a call that another one interrupts takes two lines.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut begun = std::collections::HashMap::new();
    for (end, line) in trace.lines().enumerate() {
        let (thread, text) = line.split_once(' ').unwrap();
        if text.contains("<unfinished ...>") {
            begun.insert(thread, (end, text));
        } else if text.contains(" resumed>") {
            let (begin, first) = begun.remove(thread).unwrap_or((end, ""));
            calls.push(Call { begin, end, text: format!("{first} {text}") });
        } else {
            calls.push(Call { begin: end, end, text: text.to_owned() });
        }
    }
    calls
}

#[test]
fn success_means_durable() {
    let bench = Bench::start(&forwarding(free_port()));
    let folder = process::folder();
    let log = folder.path().join("trace");
    let node = bench.node.child.id().to_string();
    let tracing = ["-f", "-y", "-s", "0", "-e", "trace=fsync,fdatasync,renameat2,sendto", "-p", &node, "-o"];
    let Ok(mut strace) = Command::new("strace").args(tracing).arg(&log).stderr(Stdio::piped()).spawn() else {
        eprintln!("SKIPPED: strace is not installed");
        return;
    };
    let mut said = String::new();
    let mut lines = BufReader::new(strace.stderr.take().unwrap());
    lines.read_line(&mut said).unwrap();
    if !said.contains("attached") {
        eprintln!("SKIPPED: strace may not attach to a process: {said}");
        return;
    }
    std::thread::spawn(move || lines.read_to_string(&mut String::new()));
    bench.store(&[&Image::slope("1.2.9", 64, 64)]);
    bench.end();
    strace.wait().unwrap();
    let trace = std::fs::read_to_string(&log).unwrap();
    let calls = calls(&trace);
    let of = |name: &str, object: &str| -> Vec<&Call> {
        calls
            .iter()
            .filter(|call| call.text.contains(&format!("{name}(")) && call.text.contains(object))
            .collect()
    };
    let rename = of("renameat2", "\"1.2.9.dcm\"")[0];
    let draft = rename.text.split('"').nth(1).unwrap();
    let file = of("fsync", &format!("{draft}>"));
    assert!(
        file.len() == 1 && file[0].end < rename.begin,
        "the file is synced, once, before it has its name\n{trace}"
    );
    let after = |synced: &[&Call], call: &Call| {
        synced.iter().map(|sync| (sync.begin, sync.end)).find(|(begin, _)| *begin > call.end)
    };
    let (_, named) = after(&of("fsync", "/1.2.3.4.5>"), rename).expect("its directory is synced after that");
    let queue = [of("fdatasync", "queue.db"), of("fsync", "queue.db")].concat();
    let (_, queued) = after(&queue, rename).expect("its delivery is synced as well");
    let answer = of("sendto", "").into_iter().find(|answer| answer.begin > rename.begin).unwrap();
    assert!(named < answer.begin && queued < answer.begin, "and only then Success is said\n{trace}");
}

#[test]
fn an_acknowledged_image_is_never_deleted_overwritten_or_changed() {
    let mut bench = Bench::start(&format!("{}[store]\nkeep = 'until-forwarded'\n", forwarding(free_port())));
    let image = Image::slope("1.2.9", 32, 32);
    bench.store(&[&image]);
    let stored = std::fs::read(bench.path("1.2.9.dcm")).unwrap();
    let mut another = image.clone();
    another.cells[5] ^= 1;
    bench.store(&[&another, &image, &another]);
    assert_eq!(bench.names().len(), 2, "both contents under one UID, each once");
    bench.node.wait_for(&["peer not available"]);
    let bench = bench.killed_and_started_again();
    bench.store(&[&another]);
    assert_eq!(std::fs::read(bench.path("1.2.9.dcm")).unwrap(), stored);
    assert_eq!(bench.names().len(), 2);
    bench.end();
}

#[test]
fn compression_can_never_cost_an_image() {
    let bench = Bench::start("");
    let good = Image::slope("1.2.1", 64, 64);
    let grows = Image { bits_stored: 16, cells: noise(64 * 64), ..Image::slope("1.2.2", 64, 64) };
    let mut cut = Image::slope("1.2.3", 64, 64);
    cut.cells.truncate(64 * 63);
    let mut lies = Image::slope("1.2.4", 64, 64);
    lies.cells[7] = 0xFFFF;
    bench.store(&[&good, &grows, &cut, &lies]);
    assert_eq!(bench.file("1.2.1").meta.transfer_syntax, uids::JPEG_LS_LOSSLESS);
    assert_eq!(bench.file("1.2.1").cells(), good.pixels());
    for image in [&grows, &cut, &lies] {
        let file = bench.file(&image.sop_instance);
        let reason = file.receipt.reason.as_deref();
        match file.meta.transfer_syntax.as_str() {
            uids::EXPLICIT_VR_LITTLE_ENDIAN => assert_eq!(file.data_set, image.data_set(), "{reason:?}"),
            _ => assert_eq!(file.cells(), image.pixels(), "{}", image.sop_instance),
        }
    }
    for image in [&grows, &cut] {
        let reason = bench.file(&image.sop_instance).receipt.reason;
        assert!(reason.is_some(), "{}: what stays as it came says why", image.sop_instance);
    }
    bench.end();
}

#[test]
fn the_object_that_comes_out_is_the_one_that_went_in() {
    let bench = Bench::start("");
    let image = Image::slope("1.2.9", 32, 32);
    bench.store(&[&image]);
    let file = bench.file("1.2.9");
    // Private elements and a name in no declared character set among them.
    let head = image.head().0;
    assert_eq!(file.data_set[..head.len()], head);
    assert_eq!(file.cells(), image.pixels());
    let mut requestor = bench.node.connect();
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let context = requestor.context(CT, syntax).unwrap();
    let without = DataSet::default()
        .uid(0x0008, 0x0016, CT)
        .uid(0x0008, 0x0018, "1.2.10")
        .short(0x0009, 0x0010, "LO", b"MADE UP ")
        .uid(0x0020, 0x000D, "1.2.3.4")
        .uid(0x0020, 0x000E, "1.2.3.4.5")
        .short(0x0032, 0x4000, "LT", b"no pixels in it ")
        .0;
    assert_eq!(requestor.store(context, CT, "1.2.10", &without).unwrap().status, Status::SUCCESS);
    assert_eq!(bench.file("1.2.10").data_set, without);
    requestor.release().unwrap();
    bench.end();
}

#[test]
fn what_cannot_be_stored_is_refused_and_recovery_needs_no_restart() {
    let bench = Bench::start("[compress]\nto = 'none'\n[store]\nlow_water = 0\n");
    let limit = |current| {
        let limit = Rlimit { current, maximum: None };
        prlimit(Some(Pid::from_child(&bench.node.child)), Resource::Fsize, limit).unwrap();
    };
    let image = Image::slope("1.2.9", 128, 128);
    let mut requestor = bench.node.connect();
    limit(Some(16 << 10));
    assert_eq!(send(&mut requestor, &image), Status::OUT_OF_RESOURCES);
    assert!(!bench.path("1.2.9.dcm").exists());
    limit(None);
    assert_eq!(send(&mut requestor, &image), Status::SUCCESS);
    assert_eq!(bench.file("1.2.9").data_set, image.data_set());
    requestor.release().unwrap();
    bench.end();
}

#[test]
fn nobody_gets_in_by_name() {
    let bench = Bench::start(
        "[[access]]\nfrom = ['127.0.0.1']\ncalling = ['CT1']\ncertificate = ['ct1.test']\n\
         [[access]]\nfrom = ['127.0.0.1']\ncalling = ['MR1']\nuser = [{ name = 'ann' }]\n\
         [[access]]\nfrom = ['127.0.0.1']\ncalling = ['US*']\n",
    );
    let rejected = |calling| match connect_as(bench.node.address, calling) {
        Err(RequestorError::Rejected(code)) => Some(code),
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(rejected("NOBODY"), Some([1, 1, 3]));
    assert_eq!(rejected("CT1"), Some([1, 1, 3]), "without its certificate a name is nothing");
    assert_eq!(rejected("MR1"), Some([1, 2, 1]), "nor without its user");
    assert_eq!(rejected("US1"), None);
    bench.end();
    let bench = Bench::start("[[access]]\nfrom = ['10.9.8.7']\n");
    let mut stranger = TcpStream::connect(bench.node.address).unwrap();
    let mut answer = Vec::new();
    let _ = stranger.read_to_end(&mut answer);
    assert_eq!(answer, [0; 0], "who is nobody's neighbour is told nothing");
    bench.end();
}

#[test]
fn one_bad_peer_or_object_cannot_hurt_another() {
    let bench = Bench::start("");
    let mut good = bench.node.connect();
    let _silent: Vec<_> = (0..60).map(|_| TcpStream::connect(bench.node.address).unwrap()).collect();
    for first in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x01\x00\xFF\xFF\xFF\xF0", b"\x04\x00\xFF\xFF\xFF\xFFxxxx"]
    {
        let mut hostile = TcpStream::connect(bench.node.address).unwrap();
        hostile.write_all(first).unwrap();
    }
    let mut poisoned = bench.node.connect();
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let context = poisoned.context(CT, syntax).unwrap();
    for number in 1..=10 {
        assert_eq!(good.echo().unwrap().status, Status::SUCCESS);
        assert_eq!(send(&mut good, &Image::slope(&format!("1.2.9.{number}"), 32, 32)), Status::SUCCESS);
        // Ten thousand sequences one within the other, and an element of four gigabytes.
        let mut nested = Image::slope("1.2.10", 1, 1).head();
        for _ in 0..10_000 {
            nested = nested.long_header(0x0040, 0xA730, "SQ", u32::MAX).item(0xE000, u32::MAX);
        }
        let endless = Image::slope("1.2.11", 1, 1).head().long_header(0x7FE0, 0x0010, "OW", 0xFFFF_FFF0);
        for (uid, data_set) in [("1.2.10", nested), ("1.2.11", endless)] {
            let status = poisoned.store(context, CT, uid, &data_set.0).unwrap().status;
            assert!(!status.is_performed(), "{status}");
        }
    }
    good.release().unwrap();
    assert_eq!(bench.names().len(), 10);
    bench.end();
}

#[test]
fn nothing_vanishes_silently() {
    let bench = Bench::start(&forwarding(free_port()));
    let image = Image::slope("1.2.9", 32, 32);
    bench.store(&[&image, &image]);
    let mut requestor = bench.node.connect();
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let context = requestor.context(CT, syntax).unwrap();
    let status = requestor.store(context, CT, "1.2.10", &image.data_set()).unwrap().status;
    assert!(!status.is_performed(), "it is another instance than it says: {status}");
    requestor.release().unwrap();
    let queue = format!("sqlite:{}", store_of(&bench.folder).join("queue.db").display());
    let mut list = Command::new(env!("CARGO_BIN_EXE_condenser"));
    let listed = list.args(["queue", "--queue", &queue, "list", "--json"]).output().unwrap();
    let quarantined: Vec<_> = std::fs::read_dir(store_of(&bench.folder).join("quarantine"))
        .unwrap()
        .map(|entry| entry.unwrap().path().extension().unwrap().to_owned())
        .collect();
    assert!(
        quarantined.len() == 2 && quarantined.contains(&"json".into()),
        "the data set, and why: {quarantined:?}"
    );
    assert_eq!(bench.names(), ["1.2.9.dcm"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().count() == 1 && listed.contains("\"1.2.9\""), "one delivery: {listed}");
    let log = bench.end();
    for line in [
        &["instance stored", r#"outcome="condensed""#][..],
        &["instance stored", r#"outcome="duplicate""#],
        &["instance not stored", r#"outcome="quarantined""#],
    ] {
        let found = log.lines().filter(|logged| line.iter().all(|part| logged.contains(part))).count();
        assert_eq!(found, 1, "{line:?}: {log}");
    }
}

#[test]
fn a_crash_or_a_reload_loses_nothing() {
    let mut bench = Bench::start("");
    let images: Vec<_> = (1..=3).map(|number| Image::slope(&format!("1.2.9.{number}"), 32, 32)).collect();
    for (image, config) in images.iter().zip(["[compress]\nto = 'RLELossless'\n", "nonsense = 1\n", ""]) {
        bench.store(&[image]);
        std::fs::write(Bench::config(&bench.folder), config).unwrap();
        bench.node.signal(Signal::HUP);
        bench.node.wait_for(&["reloaded"]);
    }
    let bench = bench.killed_and_started_again();
    let found = bench.condenser(&["fsck"]);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    for image in &images {
        assert_eq!(bench.file(&image.sop_instance).cells(), image.pixels());
    }
    bench.end();
}

#[test]
fn deliveries_are_tried_until_the_peer_has_them() {
    let port = free_port();
    let mut bench = Bench::start(&forwarding(port));
    let images: Vec<_> = (1..=3).map(|number| Image::slope(&format!("1.2.9.{number}"), 32, 32)).collect();
    bench.store(&images.iter().collect::<Vec<_>>());
    bench.node.wait_for(&["peer not available"]);
    let mut bench = bench.killed_and_started_again();
    bench.node.wait_for(&["peer not available"]);
    let folder = process::folder();
    let address = format!("127.0.0.1:{port}");
    let archive = Process::start(&store_of(&folder), &["--listen", &address, "--ae-title", "ARCHIVE"]);
    for image in &images {
        bench.node.wait_for(&["instance delivered", &image.sop_instance]);
    }
    for image in &images {
        let path = store_of(&folder).join("1.2.3.4/1.2.3.4.5").join(format!("{}.dcm", image.sop_instance));
        assert_eq!(File::read(&path).data_set, bench.file(&image.sop_instance).data_set);
    }
    bench.end();
    archive.signal(Signal::TERM);
    assert!(archive.ended().0.success());
}

#[test]
fn commitment_tells_the_truth() {
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!("SKIPPED: no modality that asks (set CONDENSER_PYTHON, or run scripts/test)");
        return;
    };
    let bench = Bench::start("");
    bench.store(&[&Image::slope("1.2.1", 32, 32), &Image::slope("1.2.2", 32, 32)]);
    flip_a_bit(&bench.path("1.2.2.dcm"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/commit_scu.py");
    let instances = ["1.2.1", "1.2.2", "1.2.3"].map(|uid| format!("{CT}:{uid}"));
    let port = bench.node.address.port().to_string();
    let mut command = Command::new(python);
    let said = command.arg(script).args(["--ask", &port, "--keep-open"]).args(instances).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
    assert_eq!(report["committed"], serde_json::json!(["1.2.1"]));
    assert_eq!(report["failed"], serde_json::json!({ "1.2.2": "0110", "1.2.3": "0112" }));
    bench.end();
}

#[test]
fn it_can_be_checked() {
    let bench = Bench::start("");
    bench.store(&[&Image::slope("1.2.1", 32, 32), &Image::slope("1.2.2", 32, 32)]);
    assert!(bench.condenser(&["fsck"]).status.success());
    flip_a_bit(&bench.path("1.2.2.dcm"));
    let found = bench.condenser(&["fsck"]);
    let words = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(
        found.status.code() == Some(1) && words.contains("1.2.2.dcm") && !words.contains("1.2.1.dcm"),
        "{words}"
    );
    let tried = bench.condenser(&["selftest", "--syncs", "20", "--kills", "2", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!((&report["kills"]["kills"], &report["kills"]["lost"]), (&2.into(), &0.into()), "{report}");
    let config = Bench::config(&bench.folder);
    let check = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let arguments = ["check", "--config", config.to_str().unwrap()];
        Command::new(env!("CARGO_BIN_EXE_condenser")).args(arguments).output().unwrap().status.code()
    };
    assert_eq!((check(""), check("[node]\nae_titel = 'A'\n")), (Some(0), Some(2)));
    bench.end();
}
