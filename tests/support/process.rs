//! A node in a process of its own, as a test starts it, speaks to it and reads its log.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "each test file uses its own part of this"
)]

use crate::made::{CT, Image};
use condenser::dicom::{TransferSyntax, VERIFICATION, uids};
use condenser::net::{ProposedContext, Requestor, RequestorOptions, Status};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A node in a process of its own, killed when the test ends before it does.
pub struct Process {
    pub child: Child,
    /// Its lines, each with its end, as a thread reads them.
    log: Receiver<String>,
    /// Those that were passed over.
    passed: Vec<String>,
    pub address: SocketAddr,
    /// What it logged before it listened.
    pub opening: String,
}

impl Process {
    /// Starts a node and waits until it listens.
    pub fn start(store: &Path, more: &[&str]) -> Self {
        let mut child = serve(store, more).stderr(Stdio::piped()).spawn().unwrap();
        let log = lines(child.stderr.take().unwrap());
        let mut opening = String::new();
        let address = loop {
            let line = log.recv().unwrap_or_else(|_| panic!("the node ended before it listened: {opening}"));
            if line.contains("listening") {
                let from = line.find("address=").expect("the line names the address") + "address=".len();
                break line[from..].split_whitespace().next().unwrap().parse().unwrap();
            }
            opening.push_str(&line);
        };
        Self { child, log, passed: Vec::new(), address, opening }
    }

    pub fn connect(&self) -> Requestor {
        connect(self.address)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Gives the first line that holds all of these texts and was not given yet: what several threads log has no order.
    pub fn wait_for(&mut self, texts: &[&str]) -> String {
        let holds_all = |line: &String| texts.iter().all(|text| line.contains(text));
        if let Some(place) = self.passed.iter().position(holds_all) {
            return self.passed.remove(place);
        }
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|end| {
                panic!("never logged: {texts:?} ({end}); but\n{}", self.passed.concat())
            });
            if holds_all(&line) {
                return line;
            }
            self.passed.push(line);
        }
    }

    /// Whether such a line was passed over.
    pub fn has_logged(&self, texts: &[&str]) -> bool {
        self.passed.iter().any(|line| texts.iter().all(|text| line.contains(text)))
    }

    /// Waits for the end; gives all of the log that nobody has waited for.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let rest = self.passed.drain(..).chain(self.log.iter()).collect();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An association with a node, for Verification and for CT.
pub fn connect(address: SocketAddr) -> Requestor {
    let context = |abstract_syntax: &str, transfer_syntax: &str| ProposedContext {
        abstract_syntax: abstract_syntax.to_owned(),
        transfer_syntaxes: vec![TransferSyntax::of_uid(transfer_syntax).unwrap()],
    };
    let proposed = [
        context(VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN),
        context(CT, uids::EXPLICIT_VR_LITTLE_ENDIAN),
    ];
    Requestor::connect(address, RequestorOptions::new("MODALITY", "CONDENSER"), &proposed).unwrap()
}

/// Nothing that a test waits for takes so long: it will not come.
const PATIENCE: Duration = Duration::from_secs(300);

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    let mut reader = BufReader::new(stderr);
    std::thread::spawn(move || {
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

pub fn serve(store: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_condenser"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(store).args(more);
    command
}

pub fn store_of(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("store")
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub fn send(requestor: &mut Requestor, image: &Image) -> Status {
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let context = requestor.context(CT, syntax).expect("the context is accepted");
    requestor.store(context, CT, &image.sop_instance, &image.data_set()).unwrap().status
}
