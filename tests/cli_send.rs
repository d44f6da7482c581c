//! `condenser send` and `condenser echo` as a user runs them, against our own acceptor with a store that remembers.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod cli_support;

use cli_support::{CT, Made, Run, condenser};
use condenser::dicom::{Source, uids};
use condenser::net::{
    Association, Config, Connection, Failure, Listener, Received, Refusal, Status, StoreAnswer, StoreHandler,
    serve,
};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What was received: association, SOP instance, transfer syntax, data set.
type Instances = Vec<(u64, String, &'static str, Vec<u8>)>;

/// A store in memory. An instance «….13» is answered with a warning, one «….14» with a failure.
#[derive(Default)]
struct Memory(Mutex<Instances>);

impl StoreHandler for Memory {
    fn spool(&self) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn store(&self, received: Received) -> StoreAnswer {
        let uid = received.sop_instance.text.clone();
        let data_set = received.data_set.bytes(0..received.data_set.len()).unwrap().into_owned();
        self.0.lock().unwrap().push((
            received.association.id,
            uid.clone(),
            received.transfer_syntax.uid,
            data_set,
        ));
        if uid.ends_with(".13") {
            return StoreAnswer::from(Status(0xB007));
        }
        if uid.ends_with(".14") {
            let comment = Some("the disk \u{1b}[31mis full".to_owned());
            return StoreAnswer { comment, ..StoreAnswer::from(Status::OUT_OF_RESOURCES) };
        }
        Status::SUCCESS.into()
    }

    fn failed(&self, _: &Association, _: &Failure) -> StoreAnswer {
        Status::STORAGE_ERROR.into()
    }

    fn refused(&self, _: &Association, _: &Refusal) {}

    fn opened(&self, _: &Association) {}

    fn closed(&self, _: &Connection) {}

    fn accept_failed(&self, _: &io::Error) {}
}

/// A running acceptor; it ends when this is dropped.
struct Peer {
    address: SocketAddr,
    memory: Arc<Memory>,
    _drain: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Peer {
    fn start(config: Config) -> Self {
        let runtime = Runtime::new().unwrap();
        let memory = Arc::new(Memory::default());
        let (drain, drained) = watch::channel(false);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let handler = Arc::clone(&memory) as Arc<dyn StoreHandler>;
        runtime.spawn(serve(
            vec![Listener { socket: listener, tls: None }],
            watch::channel(Arc::new(config)).1,
            handler,
            drained,
        ));
        Self { address, memory, _drain: drain, _runtime: runtime }
    }

    fn received(&self) -> Instances {
        let mut instances = self.memory.0.lock().unwrap().clone();
        instances.sort_by(|a, b| a.1.cmp(&b.1));
        instances
    }

    fn send<'a>(&self, paths: impl IntoIterator<Item = &'a Path>, options: &[&str]) -> Run {
        let to = self.address.to_string();
        let paths = paths.into_iter().map(|path| path.to_str().unwrap());
        let arguments: Vec<&str> =
            ["send"].into_iter().chain(paths).chain([to.as_str()]).chain(options.to_vec()).collect();
        condenser(arguments)
    }
}

#[test]
fn a_sign_of_life() {
    let peer = Peer::start(Config::default());
    let address = peer.address.to_string();
    let run = condenser(["echo", &address]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("0000 (success)"), "{}", run.stdout);
    assert_eq!(condenser(["echo", &format!("CONDENSER@{address}")]).code, 0);
    assert_eq!(condenser(["echo", &address, "--called", "CONDENSER", "--calling", "CT1"]).code, 0);
    let wrong = condenser(["echo", &format!("SOMEBODY@{address}")]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("called AE title not recognized"), "{}", wrong.stderr);
    for (arguments, expected) in [
        (&["echo", "localhost"][..], "port is missing"),
        (&["echo", &format!("A@{address}"), "--called", "B"], "contradicts"),
        (&["echo", &address, "--calling", "A_TITLE_THAT_IS_TOO_LONG"], "1 to 16"),
    ] {
        let run = condenser(arguments);
        assert_eq!(run.code, 2, "{arguments:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
    // Nobody listens there any more.
    drop(peer);
    let run = condenser(["echo", &address]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("cannot connect"), "{}", run.stderr);
}

#[test]
fn a_folder_arrives_byte_for_byte_in_its_own_transfer_syntaxes() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for (index, transfer_syntax) in [
        uids::EXPLICIT_VR_LITTLE_ENDIAN,
        uids::IMPLICIT_VR_LITTLE_ENDIAN,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ]
    .into_iter()
    .enumerate()
    {
        let sop_instance = ["1.2.1", "1.2.2", "1.2.3"][index];
        let made = Made { transfer_syntax, sop_instance, ..Made::default() };
        made.write(&folder.path().join(format!("a/{index}.dcm")));
        let file = made.file();
        let (_, offset) = condenser::dicom::FileMeta::parse(&file).unwrap();
        expected.push((sop_instance.to_owned(), transfer_syntax, file[offset as usize..].to_vec()));
    }
    // Compressed as well, and without a head.
    let compressed = folder.path().join("a/3.dcm");
    Made { sop_instance: "1.2.4", ..Made::default() }.write(&folder.path().join("x.dcm"));
    let run = condenser([Path::new("compress"), &folder.path().join("x.dcm"), &compressed]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let bare = Made { sop_instance: "1.2.5", ..Made::default() };
    std::fs::write(folder.path().join("a/4.dcm"), bare.data_set()).unwrap();
    expected.push(("1.2.5".to_owned(), uids::EXPLICIT_VR_LITTLE_ENDIAN, bare.data_set()));
    std::fs::write(folder.path().join("a/readme.txt"), b"not DICOM").unwrap();
    Made { sop_class: "1.2.840.10008.1.3.10", pixels: false, ..Made::default() }
        .write(&folder.path().join("a/DICOMDIR"));

    let peer = Peer::start(Config::default());
    let run = peer.send([folder.path().join("a").as_path()], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("5 instances sent") && run.stderr.contains("2 skipped"), "{}", run.stderr);
    let received = peer.received();
    assert!(received.iter().all(|instance| instance.0 == received[0].0), "one association is enough");
    assert_eq!(received[3].2, uids::JPEG_LS_LOSSLESS);
    let received: Vec<_> = received
        .into_iter()
        .filter(|r| r.1 != "1.2.4")
        .map(|(_, uid, syntax, bytes)| (uid, syntax, bytes))
        .collect();
    assert_eq!(received, expected);
}

#[test]
fn each_file_has_its_status_in_words() {
    let folder = tempfile::tempdir().unwrap();
    for sop_instance in ["1.2.12", "1.2.13", "1.2.14"] {
        Made { sop_instance, pixels: false, ..Made::default() }.write(&folder.path().join(sop_instance));
    }
    // A SOP class that the peer does not know.
    Made {
        sop_class: "1.2.840.10008.5.1.4.1.2.1.1",
        sop_instance: "1.2.15",
        pixels: false,
        ..Made::default()
    }
    .write(&folder.path().join("1.2.15"));
    let peer = Peer::start(Config::default());
    let run = peer.send([folder.path()], &["--json"]);
    assert_eq!(run.code, 1);
    let objects = run.json();
    let rows: Vec<_> = objects
        .iter()
        .map(|o| (o["sop_instance"].as_str().unwrap(), o["outcome"].as_str().unwrap(), o["status"].as_str()))
        .collect();
    let expected = [
        ("1.2.12", "sent", Some("0000")),
        ("1.2.13", "sent", Some("B007")),
        ("1.2.14", "failed", Some("A700")),
        ("1.2.15", "failed", None),
    ];
    assert_eq!(rows, expected);
    assert!(objects[2]["explanation"].as_str().unwrap().contains("out of resources"), "{}", objects[2]);
    assert!(objects[3]["explanation"].as_str().unwrap().contains("does not accept"), "{}", objects[3]);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    assert!(run.stderr.contains("1.2.14") && run.stderr.contains("2 failed"), "{}", run.stderr);
}

#[test]
fn more_kinds_than_one_association_can_carry() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..130 {
        let sop_class = format!("1.2.3.4.{index}").leak();
        let sop_instance = format!("1.2.9.{index}1").leak();
        Made { sop_class, sop_instance, pixels: false, ..Made::default() }
            .write(&folder.path().join(format!("{index:03}.dcm")));
    }
    let peer = Peer::start(Config::default());
    let run = peer.send([folder.path()], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let received = peer.received();
    assert_eq!(received.len(), 130);
    let associations: std::collections::BTreeSet<u64> = received.iter().map(|instance| instance.0).collect();
    assert!(associations.len() <= 3, "{associations:?}");
}

#[test]
fn a_file_that_was_named_must_be_an_instance() {
    let folder = tempfile::tempdir().unwrap();
    let (text, damaged, nameless) =
        (folder.path().join("a.txt"), folder.path().join("damaged.dcm"), folder.path().join("nameless.dcm"));
    std::fs::write(&text, b"not DICOM").unwrap();
    std::fs::write(&nameless, b"\x08\x00\x60\x00CS\x02\x00CT").unwrap();
    let mut cut = Made::default().file();
    cut.truncate(cut.len() - 100);
    std::fs::write(&damaged, cut).unwrap();
    let peer = Peer::start(Config::default());
    let run = peer.send([text.as_path(), &nameless, &damaged], &[]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("a.txt: is not a DICOM file"), "{}", run.stderr);
    assert!(run.stderr.contains("nameless.dcm: names no SOP class"), "{}", run.stderr);
    // What to make of a damaged data set is for the peer to say.
    assert_eq!(peer.received().len(), 1);
    assert_eq!(peer.send([Path::new("/nowhere")], &[]).code, 2);
}

/// Nothing gets lost in silence.
#[test]
fn without_an_association_every_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.dcm", "2.dcm"] {
        Made { sop_class: CT, ..Made::default() }.write(&folder.path().join(name));
    }
    let peer = Peer::start(Config { ae_title: "OTHER".to_owned(), ..Config::default() });
    let run = peer.send([folder.path()], &["--json"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("1.dcm") && run.stderr.contains("2.dcm"), "{}", run.stderr);
    assert!(run.json().iter().all(|object| object["outcome"] == "failed"), "{}", run.stdout);
    assert_eq!(peer.send([folder.path()], &["--called", "OTHER"]).code, 0);
    assert_eq!(peer.received().len(), 2);
}
