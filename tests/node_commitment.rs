//! Storage Commitment given to a foreign modality (pynetdicom): answers made from what is read back, over the association of the
//! request or one to the modality, and owed until they are taken, whatever is killed meanwhile (PS3.4 Annex J).

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use condenser::net::Status;
use foreign_peer::{ForeignPeer, free_port};
use made::{CT, Image};
use process::{Process, folder, send, store_of};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// `tests/python/commit_scu.py`, killed when this is dropped.
struct Modality {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Modality {
    /// `None`, said loudly, without `CONDENSER_PYTHON`.
    fn start(options: &[&str], instances: &[&str]) -> Option<Self> {
        let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
            eprintln!("SKIPPED: no modality that asks (set CONDENSER_PYTHON, or run scripts/test)");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/commit_scu.py");
        let instances = instances.iter().map(|uid| format!("{CT}:{uid}"));
        let mut command = Command::new(python);
        command.arg(script).args(options).args(instances).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Some(Self { child, says })
    }

    /// What it says next; `None` when it has ended.
    fn says(&mut self) -> Option<serde_json::Value> {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    /// The status of the response to its request.
    fn status(&mut self) -> String {
        self.says().unwrap()["status"].as_str().unwrap_or("none").to_owned()
    }

    /// The next report: what is committed, what is not and why, and whether it came over the association of the request.
    fn report(&mut self) -> (Vec<String>, Vec<(String, String)>, bool) {
        let said = self.says().unwrap();
        let committed = said["committed"].as_array().unwrap().iter();
        let failed = said["failed"].as_object().unwrap().iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let (committed, failed): (Vec<_>, Vec<_>) =
            (committed.map(text).collect(), failed.map(|(uid, why)| (uid.clone(), text(why))).collect());
        assert_eq!(said["event_type"], if failed.is_empty() { 1 } else { 2 });
        assert_eq!(said["called"], "CONDENSER");
        (committed, failed, said["same"].as_bool().unwrap())
    }
}

impl Drop for Modality {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node that knows the modality as a peer at some port.
struct Bench {
    folder: tempfile::TempDir,
    modality: String,
    process: Process,
}

impl Bench {
    fn start(commitment: &str, more: &str) -> Self {
        let (folder, port) = (folder(), free_port());
        let text = format!(
            "[commitment]\nretry = {{ first = '50 ms', longest = '200 ms' }}\n{commitment}\n\
             [[peer]]\nname = 'modality'\nae_title = 'MODALITY'\naddress = '127.0.0.1:{port}'\n{more}\n"
        );
        std::fs::write(folder.path().join("condenser.toml"), text).unwrap();
        let process = Self::process(&folder);
        Self { folder, modality: port.to_string(), process }
    }

    fn process(folder: &tempfile::TempDir) -> Process {
        let config = folder.path().join("condenser.toml");
        Process::start(&store_of(folder), &["--config", config.to_str().unwrap()])
    }

    /// Starts the node anew, after it was told to end.
    fn again(&mut self) {
        self.process.child.wait().unwrap();
        self.process = Self::process(&self.folder);
    }

    /// Says something else in the configuration, and has the node take it.
    fn reload(&mut self, old: &str, new: &str) {
        let path = self.folder.path().join("condenser.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(&path, text.replace(old, new)).unwrap();
        self.process.signal(Signal::HUP);
        self.process.wait_for(&["configuration reloaded"]);
    }

    fn send(&self, uids: &[&str]) {
        let mut requestor = self.process.connect();
        for uid in uids {
            assert_eq!(send(&mut requestor, &Image::slope(uid, 32, 32)), Status::SUCCESS);
        }
        requestor.release().unwrap();
    }

    /// Asks over an association that is kept open.
    fn ask(&self, more: &[&str], uids: &[&str]) -> Option<Modality> {
        let port = self.process.address.port().to_string();
        Modality::start(&[&["--ask", &port], more].concat(), uids)
    }

    fn file(&self, uid: &str) -> PathBuf {
        let mut open = vec![store_of(&self.folder)];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.ends_with(format!("{uid}.dcm")) {
                    return path;
                }
            }
        }
        PathBuf::from(format!("{uid} is not in the store"))
    }

    fn end(self) {
        self.process.signal(Signal::TERM);
        let (status, log) = self.process.ended();
        assert!(status.success(), "{log}");
    }
}

fn failures(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(uid, why)| ((*uid).to_owned(), (*why).to_owned())).collect()
}

#[test]
fn what_is_stored_is_committed_over_the_association_of_the_request_in_both_syntaxes() {
    let mut bench = Bench::start("", "");
    bench.send(&["1.2.9.1", "1.2.9.2"]);
    for syntax in [&[][..], &["--implicit"]] {
        let options = [&["--keep-open"], syntax].concat();
        let Some(mut modality) = bench.ask(&options, &["1.2.9.1", "1.2.9.2"]) else { return };
        assert_eq!(modality.status(), "0000");
        assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned(), "1.2.9.2".to_owned()], vec![], true));
        bench.process.wait_for(&["commitment reported", "peer=MODALITY", "same_association=true"]);
    }
    bench.end();
}

#[test]
fn a_modality_that_leaves_is_told_over_an_association_of_ours_with_roles_and_without() {
    let mut bench = Bench::start("", "");
    bench.send(&["1.2.9.1"]);
    for roles in [&[][..], &["--no-roles"]] {
        let options = [&["--listen", bench.modality.as_str()], roles].concat();
        let Some(mut modality) = bench.ask(&options, &["1.2.9.1"]) else { return };
        assert_eq!(modality.status(), "0000");
        assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned()], vec![], false), "{roles:?}");
        bench.process.wait_for(&["commitment reported", "same_association=false"]);
    }
    bench.end();
}

#[test]
fn the_same_association_is_not_used_where_that_is_switched_off() {
    let mut bench = Bench::start("same_association = '0 s'", "");
    bench.send(&["1.2.9.1"]);
    let options = ["--keep-open", "--listen", bench.modality.as_str()];
    let Some(mut modality) = bench.ask(&options, &["1.2.9.1"]) else { return };
    assert_eq!(modality.status(), "0000");
    assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned()], vec![], false));
    bench.process.wait_for(&["commitment reported", "same_association=false"]);
    bench.end();
}

#[test]
fn k11_what_is_gone_corrupted_or_of_another_class_is_a_failure_and_says_why() {
    let mut bench = Bench::start("", "");
    bench.send(&["1.2.9.1", "1.2.9.2", "1.2.9.3"]);
    std::fs::remove_file(bench.file("1.2.9.2")).unwrap();
    let corrupted = bench.file("1.2.9.3");
    let mut bytes = std::fs::read(&corrupted).unwrap();
    let middle = bytes.len() - 20;
    bytes[middle] ^= 0x10;
    std::fs::write(&corrupted, bytes).unwrap();
    let uids = ["1.2.9.1", "1.2.9.2", "1.2.9.3", "1.2.9.4"];
    let expected = failures(&[("1.2.9.2", "0112"), ("1.2.9.3", "0110"), ("1.2.9.4", "0112")]);
    let Some(mut modality) = bench.ask(&["--keep-open"], &uids) else { return };
    assert_eq!(modality.status(), "0000");
    assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned()], expected.clone(), true));
    bench.process.wait_for(&["its file is not what was stored", "instance=1.2.9.3"]);
    // A node that was started anew remembers nothing, and finds the same by looking.
    bench.process.signal(Signal::KILL);
    bench.again();
    let mut modality = bench.ask(&["--keep-open"], &uids).unwrap();
    assert_eq!(modality.status(), "0000");
    assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned()], expected, true));
    let port = bench.process.address.port().to_string();
    let options = ["--ask", &port, "--keep-open", "1.2.840.10008.5.1.4.1.1.4:1.2.9.1"];
    let mut modality = Modality::start(&options, &[]).unwrap();
    assert_eq!(modality.status(), "0000");
    assert_eq!(modality.report(), (vec![], failures(&[("1.2.9.1", "0119")]), true));
    bench.end();
}

#[test]
fn a_transaction_uid_is_used_once_and_a_request_must_name_something() {
    let bench = Bench::start("", "");
    bench.send(&["1.2.9.1"]);
    let options = ["--keep-open", "--transaction", "2.25.77"];
    let Some(mut modality) = bench.ask(&options, &["1.2.9.1"]) else { return };
    assert_eq!(modality.status(), "0000");
    modality.report();
    assert_eq!(bench.ask(&["--transaction", "2.25.77"], &["1.2.9.1"]).unwrap().status(), "0131");
    assert_eq!(bench.ask(&[], &[]).unwrap().status(), "0120");
    assert_eq!(bench.ask(&["--transaction", "1..2"], &["1.2.9.1"]).unwrap().status(), "0120");
    bench.end();
}

#[test]
fn what_is_not_offered_is_not_accepted_and_strangers_do_not_come_in() {
    let bench = Bench::start("offer = false", "[[access]]\nfrom = ['127.0.0.1']\ncalling = ['MODALITY']\n");
    let Some(mut modality) = bench.ask(&[], &["1.2.9.1"]) else { return };
    assert_eq!(modality.says().unwrap()["accepted"], false);
    bench.end();
    let bench = Bench::start("", "[[access]]\nfrom = ['127.0.0.1']\ncalling = ['ANOTHER']\n");
    let mut modality = bench.ask(&[], &["1.2.9.1"]).unwrap();
    assert_eq!(modality.says().unwrap()["accepted"], false);
    bench.end();
}

#[test]
fn p04_a_reload_begins_to_offer_it_and_finds_a_modality_that_has_moved() {
    let mut bench = Bench::start("offer = false", "");
    bench.send(&["1.2.9.1"]);
    let Some(mut modality) = bench.ask(&[], &["1.2.9.1"]) else { return };
    assert_eq!(modality.says().unwrap()["accepted"], false);
    bench.reload("offer = false", "offer = true");
    let committed = |same| (vec!["1.2.9.1".to_owned()], vec![], same);
    let mut modality = bench.ask(&["--keep-open"], &["1.2.9.1"]).unwrap();
    assert_eq!((modality.status().as_str(), modality.report()), ("0000", committed(true)));
    bench.process.wait_for(&["commitment reported", "same_association=true"]);
    let moved = free_port().to_string();
    // What it is owed already is brought to where it is now.
    let mut modality = bench.ask(&["--transaction", "2.25.79"], &["1.2.9.1"]).unwrap();
    assert_eq!(modality.status(), "0000");
    bench.process.wait_for(&["commitment report deferred", "transaction=2.25.79"]);
    bench.reload(&format!(":{}'", bench.modality.clone()), &format!(":{moved}'"));
    let mut modality = Modality::start(&["--listen", &moved], &[]).unwrap();
    assert_eq!(modality.report(), committed(false));
    bench.process.wait_for(&["commitment reported", "transaction=2.25.79"]);
    bench.end();
}

#[test]
fn what_was_promised_survives_kill_9_and_a_modality_that_does_not_listen() {
    let mut bench = Bench::start("same_association = '0 s'", "");
    bench.send(&["1.2.9.1"]);
    let Some(mut modality) = bench.ask(&["--transaction", "2.25.78"], &["1.2.9.1", "1.2.9.2"]) else {
        return;
    };
    assert_eq!(modality.status(), "0000");
    assert!(modality.says().is_none());
    bench.process.signal(Signal::KILL);
    bench.again();
    bench.process.wait_for(&["commitment report deferred", "transaction=2.25.78", "refused"]);
    bench.process.wait_for(&["commitment report deferred", "transaction=2.25.78"]);
    bench.process.signal(Signal::KILL);
    let mut listening =
        Modality::start(&["--listen", &bench.modality, "--answers", "0110,0000"], &[]).unwrap();
    bench.again();
    let expected = (vec!["1.2.9.1".to_owned()], failures(&[("1.2.9.2", "0112")]), false);
    assert_eq!(listening.report(), expected);
    drop(listening);
    // It was answered with a failure, so it is made again.
    let mut listening = Modality::start(&["--listen", &bench.modality], &[]).unwrap();
    assert_eq!(listening.report(), expected);
    bench.process.wait_for(&["commitment reported", "transaction=2.25.78"]);
    bench.end();
}

#[test]
fn a_report_that_nobody_takes_is_given_up_when_the_window_is_over() {
    let mut bench = Bench::start("same_association = '0 s'", "");
    bench.process.signal(Signal::TERM);
    let path = bench.folder.path().join("condenser.toml");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("longest = '200 ms'", "longest = '200 ms', window = '1 s'");
    std::fs::write(&path, text).unwrap();
    bench.again();
    let Some(mut modality) = bench.ask(&[], &["1.2.9.1"]) else { return };
    assert_eq!(modality.status(), "0000");
    bench.process.wait_for(&["instances not committed", "0112", "instances=1.2.9.1"]);
    bench.process.wait_for(&["commitment report deferred", "refused"]);
    bench.process.wait_for(&["ERROR", "commitment report given up"]);
    bench.end();
}

/// A node that forwards everything to an archive and commits what that has.
fn relay(after: &str, archive: &ForeignPeer, commit: bool) -> Bench {
    let more = format!(
        "[[rule]]\nname = 'all'\nforward = ['archive']\n[[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\n\
         address = '{}'\ncommit = {commit}\ndeadlines = {{ commit = '1 s' }}\n\
         retry = {{ first = '20 ms', longest = '100 ms' }}\n",
        archive.address
    );
    Bench::start(&format!("after = '{after}'\nwithin = '20 s'"), &more)
}

#[test]
fn f16_as_a_relay_it_commits_what_the_peer_has_committed_and_not_before() {
    let received = tempfile::tempdir().unwrap();
    let output = received.path().to_str().unwrap();
    let options = ["--folder", output, "--commit", "same", "--delay", "1"];
    let Some(archive) = ForeignPeer::scripted(options) else { return };
    let mut bench = relay("committed", &archive, true);
    bench.send(&["1.2.9.1"]);
    let mut modality = bench.ask(&["--keep-open"], &["1.2.9.1"]).unwrap();
    assert_eq!(modality.status(), "0000");
    bench.process.wait_for(&["commitment decided", "committed=1"]);
    assert!(bench.process.has_logged(&["instance committed by the peer", "instance=1.2.9.1"]));
    assert_eq!(modality.report(), (vec!["1.2.9.1".to_owned()], vec![], true));
    bench.end();
}

#[test]
fn f16_as_a_relay_it_does_not_commit_what_the_peer_does_not_commit_in_time() {
    let received = tempfile::tempdir().unwrap();
    let output = received.path().to_str().unwrap();
    let options = ["--folder", output, "--commit", "same", "--uncommitted", "0112:1.2.9.1"];
    let Some(archive) = ForeignPeer::scripted(options) else { return };
    let mut bench = relay("committed", &archive, true);
    bench.process.signal(Signal::TERM);
    let path = bench.folder.path().join("condenser.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("within = '20 s'", "within = '3 s'");
    std::fs::write(&path, text).unwrap();
    bench.again();
    bench.send(&["1.2.9.1", "1.2.9.2"]);
    let mut modality = bench.ask(&["--keep-open"], &["1.2.9.1", "1.2.9.2"]).unwrap();
    assert_eq!(modality.status(), "0000");
    assert_eq!(modality.report(), (vec!["1.2.9.2".to_owned()], failures(&[("1.2.9.1", "0110")]), true));
    bench.end();
}

#[test]
fn f16_as_a_relay_it_commits_what_retention_has_removed_since_the_peer_has_it() {
    let received = tempfile::tempdir().unwrap();
    for (after, committed) in [("forwarded", true), ("stored", false)] {
        let Some(archive) = ForeignPeer::scripted(["--folder", received.path().to_str().unwrap()]) else {
            return;
        };
        let mut bench = relay(after, &archive, false);
        bench.process.signal(Signal::TERM);
        let path = bench.folder.path().join("condenser.toml");
        let text = std::fs::read_to_string(&path).unwrap() + "[store]\nkeep = 'until-forwarded'\n";
        std::fs::write(&path, text).unwrap();
        bench.again();
        bench.send(&["1.2.9.1"]);
        bench.process.wait_for(&["instance removed: each of its peers has it"]);
        let mut modality = bench.ask(&["--keep-open"], &["1.2.9.1"]).unwrap();
        assert_eq!(modality.status(), "0000");
        let expected = match committed {
            true => (vec!["1.2.9.1".to_owned()], vec![], true),
            false => (vec![], failures(&[("1.2.9.1", "0112")]), true),
        };
        assert_eq!(modality.report(), expected, "{after}");
        bench.end();
    }
}
