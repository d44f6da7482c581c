//! A node in a process of its own, as a test starts it, speaks to it and reads its log.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "each test file uses its own part of this"
)]

use crate::made::{CT, Image};
use condenser::dicom::{TransferSyntax, VERIFICATION, uids};
use condenser::net::{ProposedContext, Requestor, RequestorOptions, Status};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// A node in a process of its own, killed when the test ends before it does.
pub struct Process {
    pub child: Child,
    log: BufReader<ChildStderr>,
    pub address: SocketAddr,
    /// What it logged before it listened.
    pub opening: String,
}

impl Process {
    /// Starts a node and waits until it listens.
    pub fn start(store: &Path, more: &[&str]) -> Self {
        let mut child = serve(store, more).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut opening) = (String::new(), String::new());
        let address = loop {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the node ended before it listened: {opening}");
            if line.contains("listening") {
                let from = line.find("address=").expect("the line names the address") + "address=".len();
                break line[from..].split_whitespace().next().unwrap().parse().unwrap();
            }
            opening.push_str(&line);
        };
        Self { child, log, address, opening }
    }

    pub fn connect(&self) -> Requestor {
        let context = |abstract_syntax: &str, transfer_syntax: &str| ProposedContext {
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntaxes: vec![TransferSyntax::of_uid(transfer_syntax).unwrap()],
        };
        let proposed = [
            context(VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN),
            context(CT, uids::EXPLICIT_VR_LITTLE_ENDIAN),
        ];
        Requestor::connect(self.address, RequestorOptions::new("MODALITY", "CONDENSER"), &proposed).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Reads the log up to the first line that holds all of these texts, and gives that line.
    pub fn wait_for(&mut self, texts: &[&str]) -> String {
        let (mut line, mut before) = (String::new(), String::new());
        loop {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "never logged: {texts:?}; but\n{before}");
            if texts.iter().all(|text| line.contains(text)) {
                return line;
            }
            before.push_str(&line);
        }
    }

    /// Waits for the end; gives the rest of the log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
