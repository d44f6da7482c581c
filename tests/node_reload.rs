//! A running node takes a new configuration on SIGHUP: what can be exchanged is, what cannot is named, and a file with
//! anything wrong in it changes nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use authority::Authority;
use condenser::dicom::{FileMeta, TransferSyntax, uids};
use condenser::net::{ProposedContext, Requestor, RequestorError, RequestorOptions, Status};
use foreign_peer::{ForeignPeer, free_port};
use made::{CT, Image};
use process::{Process, folder, send, store_of};
use rustix::process::Signal;
use std::path::PathBuf;

/// A node that is told anew by a file.
struct Told {
    folder: tempfile::TempDir,
    process: Process,
}

impl Told {
    fn start(config: &str) -> Self {
        let folder = folder();
        let path = folder.path().join("condenser.toml");
        std::fs::write(&path, config).unwrap();
        let process = Process::start(&store_of(&folder), &["--config", path.to_str().unwrap()]);
        Self { folder, process }
    }

    /// Writes the file anew; gives the line that says what came of it.
    fn reload(&mut self, config: &str) -> String {
        std::fs::write(self.folder.path().join("condenser.toml"), config).unwrap();
        self.process.signal(Signal::HUP);
        self.process.wait_for(&["reloaded"])
    }

    fn connect(&self, calling: &str) -> Result<Requestor, RequestorError> {
        let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let proposed = [ProposedContext { abstract_syntax: CT.to_owned(), transfer_syntaxes: vec![syntax] }];
        Requestor::connect(self.process.address, RequestorOptions::new(calling, "CONDENSER"), &proposed)
    }

    /// The transfer syntax that an instance was stored in.
    fn stored(&self, number: usize) -> &'static str {
        let file = store_of(&self.folder).join(format!("1.2.3.4/1.2.3.4.5/1.2.9.{number}.dcm"));
        let (meta, _) = FileMeta::parse(&std::fs::read(file).unwrap()).unwrap();
        TransferSyntax::of_uid(&meta.transfer_syntax).unwrap().keyword
    }

    fn end(self) -> String {
        self.process.signal(Signal::TERM);
        let (status, log) = self.process.ended();
        assert!(status.success(), "{status}: {log}");
        log
    }
}

fn store(requestor: &mut Requestor, number: usize) {
    assert_eq!(send(requestor, &Image::slope(&format!("1.2.9.{number}"), 32, 32)), Status::SUCCESS);
}

#[test]
fn p04_new_associations_are_served_by_the_new_configuration_and_open_ones_by_the_old() {
    let mut node = Told::start("[compress]\nto = 'RLELossless'\n");
    let mut open = node.connect("CT1").unwrap();
    store(&mut open, 1);
    let line = node.reload(
        "[compress]\nto = 'JPEGLSLossless'\n[[access]]\nfrom = ['127.0.0.1']\ncalling = ['MR*']\n\
         [node.limits]\nassociations_per_calling = 1\n",
    );
    assert!(line.contains("configuration reloaded") && !line.contains("stays"), "{line}");
    store(&mut open, 2);
    assert!(node.connect("CT1").is_err(), "nobody of that name may come in any more");
    let mut new = node.connect("MR1").unwrap();
    store(&mut new, 3);
    assert!(node.connect("MR1").is_err(), "one at a time");
    assert_eq!([1, 2, 3].map(|number| node.stored(number)), ["RLELossless", "RLELossless", "JPEGLSLossless"]);
    new.release().unwrap();
    open.release().unwrap();
    node.end();
}

#[test]
fn p04_what_stays_until_a_restart_is_named_and_kept() {
    let mut node = Told::start("");
    let line = node.reload(
        "[node]\nae_title = 'OTHER'\n[store]\nlow_water = '1 MiB'\n[log]\nformat = 'json'\nlevel = 'warn'\n\
         [audit]\nfile = '/var/tmp/audit.xml'\n",
    );
    for key in ["node.ae_title", "store", "log.format", "audit", "stays as it was"] {
        assert!(line.contains(key), "{key}: {line}");
    }
    assert!(!line.contains("node.listen") && !line.contains("queue.url"), "{line}");
    let mut requestor = node.connect("CT1").unwrap();
    store(&mut requestor, 1);
    requestor.release().unwrap();
    let log = node.end();
    assert!(!log.contains("instance stored"), "the level is the new one: {log}");
}

#[test]
fn p05_a_file_with_anything_wrong_in_it_changes_nothing() {
    let mut node = Told::start("[compress]\nto = 'RLELossless'\n");
    for (wrong, word) in [
        ("[compress]\nto = 'JPEGLSLossless'\n[node.limits]\nassociations = 0\n", "limits.associations"),
        ("[compress]\nto = 'JPEGLSLossless'\nnonsense = 1\n", "nonsense"),
        ("[[rule]]\nname = 'r'\nforward = ['nobody']\n", "nobody"),
        ("not TOML at all", "line 1"),
        ("[node]\nae_title = 'SEVENTEEN LETTERS'\n", "ae_title"),
        ("[compress]\nto = 'NoSuchSyntax'\n", "NoSuchSyntax"),
        ("[[access]]\nfrom = ['10.0.0.0/99']\n", "10.0.0.0/99"),
    ] {
        let line = node.reload(wrong);
        assert!(line.contains("not reloaded") && line.contains(word), "{word}: {line}");
    }
    let mut requestor = node.connect("CT1").unwrap();
    store(&mut requestor, 1);
    requestor.release().unwrap();
    assert_eq!(node.stored(1), "RLELossless");
    node.end();
}

#[test]
fn p05_tls_files_that_cannot_be_used_change_nothing_else_either() {
    let authority = Authority::new();
    let config = |key: &str, to: &str| {
        let path = |name| authority.path(name).display().to_string();
        let (certificate, key) = (path("node.pem"), path(key));
        format!(
            "[node.tls]\nlisten = ['127.0.0.1:0']\ncertificate = '{certificate}'\nkey = '{key}'\n[compress]\nto = '{to}'\n"
        )
    };
    let mut node = Told::start(&config("key.pem", "RLELossless"));
    let line = node.reload(&config("no.pem", "JPEGLSLossless"));
    assert!(
        line.contains("not reloaded") && line.contains("node.tls.key") && line.contains("no.pem"),
        "{line}"
    );
    for (number, kept) in [(1, "RLELossless"), (2, "JPEGLSLossless")] {
        let mut requestor = node.connect("CT1").unwrap();
        store(&mut requestor, number);
        requestor.release().unwrap();
        assert_eq!(node.stored(number), kept);
        let line = node.reload(&config("key.pem", "JPEGLSLossless"));
        assert!(line.contains("configuration reloaded") && !line.contains("stays"), "{line}");
    }
    node.end();
}

/// A configuration that forwards everything to this port.
fn forwarding(port: u16) -> String {
    format!(
        "[[rule]]\nname = 'all'\nforward = ['archive']\n[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\n\
         address = '127.0.0.1:{port}'\nretry = {{ first = '20 ms', longest = '100 ms' }}\n"
    )
}

#[test]
fn p04_a_rule_that_forwards_begins_the_queue_and_a_peer_that_moved_is_found() {
    let mut node = Told::start("");
    let taken: PathBuf = node.folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let Some(peer) = ForeignPeer::storescp(&taken, ["+xa", "+B"]) else { return };
    let mut open = node.connect("CT1").unwrap();
    store(&mut open, 1);
    node.reload(&forwarding(free_port()));
    store(&mut open, 2);
    let mut new = node.connect("CT1").unwrap();
    store(&mut new, 3);
    node.process.wait_for(&["peer not available"]);
    node.reload(&forwarding(peer.address.port()));
    node.process.wait_for(&["instance delivered", "1.2.9.3"]);
    new.release().unwrap();
    open.release().unwrap();
    let arrived = std::fs::read_dir(&taken).unwrap().count();
    node.end();
    assert_eq!(arrived, 1, "only what came by the new association");
}
