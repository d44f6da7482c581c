//! The audit trail of a running node, judged by another implementation: `tests/python/judge_audit.py` by the schema and tables
//! of PS3.15 A.5, `tests/python/syslog_server.py` by RFC 5424 and RFC 5425.
//!
//! `CONDENSER_PYTHON` names a Python; `scripts/test` sets it. Without one the tests say so and pass.

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
use condenser::dicom::{TransferSyntax, uids};
use condenser::net::{ProposedContext, Requestor, RequestorOptions, Status};
use foreign_peer::{ForeignPeer, free_port};
use made::{CT, Image};
use process::{Process, folder, store_of};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const STUDY: &str = "1.2.3.4";
/// What no test should have to wait for.
const LONG: Duration = Duration::from_secs(60);

fn python() -> Option<OsString> {
    let python = std::env::var_os("CONDENSER_PYTHON");
    if python.is_none() {
        eprintln!("SKIPPED: nobody has judged the audit trail (set CONDENSER_PYTHON, or run scripts/test)");
    }
    python
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

/// What the messages of a file say, after they were judged.
fn judged(python: &OsString, file: &Path, options: &[&str]) -> Vec<Value> {
    let output = Command::new(python).arg(script("judge_audit.py")).args(options).arg(file).output().unwrap();
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{faults}\n{}", std::fs::read_to_string(file).unwrap());
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn started(folder: &tempfile::TempDir, config: &str) -> Process {
    let path = folder.path().join("condenser.toml");
    std::fs::write(&path, config).unwrap();
    Process::start(&store_of(folder), &["--config", path.to_str().unwrap()])
}

fn image(number: usize) -> Image {
    Image::slope(&format!("1.2.9.{number}"), 32, 32)
}

const PATIENT: &str = "<P&1>";

/// An image of a patient with an ID that XML has to escape.
fn data_set(number: usize) -> Vec<u8> {
    let mut bytes = image(number).data_set();
    let study = bytes.windows(4).position(|tag| tag == [0x20, 0, 0x0D, 0]).unwrap();
    let element = made::DataSet::default().short(0x0010, 0x0020, "LO", format!("{PATIENT} ").as_bytes()).0;
    bytes.splice(study..study, element);
    bytes
}

fn store(requestor: &mut Requestor, number: usize, data_set: Vec<u8>) -> Status {
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let context = requestor.context(CT, syntax).unwrap();
    requestor.store(context, CT, &image(number).sop_instance, &data_set).unwrap().status
}

fn send_all(process: &Process, numbers: impl IntoIterator<Item = usize>) {
    let mut requestor = process.connect();
    for number in numbers {
        assert_eq!(store(&mut requestor, number, data_set(number)), Status::SUCCESS);
    }
    requestor.release().unwrap();
}

fn end(process: Process) -> String {
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
    log
}

/// Waits for a line of the log; what was logged before the node listened counts too.
fn wait_for(process: &mut Process, text: &str) -> String {
    let opening = process.opening.lines().find(|line| line.contains(text)).map(str::to_owned);
    opening.unwrap_or_else(|| process.wait_for(&[text]))
}

fn events(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["event"].as_str().unwrap()).collect()
}

#[test]
fn the_file_says_who_sent_what_and_who_was_refused() {
    let Some(python) = python() else { return };
    let folder = folder();
    let file = folder.path().join("audit.xml");
    let config = format!("[audit]\nfile = '{}'\nsite = 'Ward <7>'\n", file.display());
    let mut process = started(&folder, &config);
    let mut requestor = process.connect();
    for number in [1, 2, 1] {
        assert_eq!(store(&mut requestor, number, data_set(number)), Status::SUCCESS);
    }
    assert!(!store(&mut requestor, 3, data_set(3)[..100].to_vec()).is_performed());
    requestor.release().unwrap();
    process.wait_for(&["association closed", "released"]);
    let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
    let proposed = [ProposedContext { abstract_syntax: CT.to_owned(), transfer_syntaxes: vec![syntax] }];
    for _ in 0..3 {
        let options = RequestorOptions::new("<EVIL&>", "NOBODY");
        assert!(Requestor::connect(process.address, options, &proposed).is_err());
        process.wait_for(&["association closed", "rejected"]);
    }
    process.signal(Signal::HUP);
    process.wait_for(&["configuration reloaded"]);
    end(process);

    let messages = judged(&python, &file, &[]);
    assert_eq!(messages.first().unwrap()["kind"], "Application Start");
    assert_eq!(messages.last().unwrap()["kind"], "Application Stop");
    let of = |event: &str| messages.iter().filter(|message| message["event"] == event).collect::<Vec<_>>();
    let transferred = of("DICOM Instances Transferred");
    let found = |action: &str, outcome: &str| {
        let mut found = transferred.iter().filter(|m| m["action"] == action && m["outcome"] == outcome);
        found.next().unwrap_or_else(|| panic!("no {action} {outcome}: {messages:#?}"))
    };
    let created = found("C", "0");
    assert_eq!(created["studies"], json!({ STUDY: { CT: 2 } }));
    assert_eq!(created["titles"], json!(["MODALITY", "CONDENSER"]));
    assert_eq!(created["places"][0], "127.0.0.1");
    assert_eq!(
        created["source"],
        json!({ "AuditSourceID": "CONDENSER", "AuditEnterpriseSiteID": "Ward <7>" })
    );
    assert_eq!(created["patients"], json!([PATIENT]));
    assert_eq!(found("R", "0")["studies"], json!({ STUDY: { CT: 1 } }), "it was there already");
    let failed = found("R", "8");
    assert!(failed["patients"] == json!([""]) && !failed["description"].as_str().unwrap().is_empty());
    let alerts = of("Security Alert");
    assert_eq!(alerts.len(), 3, "one, how often it was repeated, and the reload: {alerts:#?}");
    let (reloaded, alerts): (Vec<_>, Vec<_>) =
        alerts.into_iter().partition(|alert| alert["kind"] == "Security Configuration");
    assert_eq!(reloaded[0]["outcome"], "0");
    assert!(alerts.iter().all(|alert| alert["titles"][1] == "<EVIL&>" && alert["places"][1] == "127.0.0.1"));
    assert!(alerts[1]["description"].as_str().unwrap().contains("2 more times"), "{alerts:#?}");
    assert_eq!(alerts[0]["alerts"][0], alerts[0]["description"]);
}

#[test]
fn patients_are_left_out_where_that_is_said_and_nobody_is_named() {
    let Some(python) = python() else { return };
    let folder = folder();
    let file = folder.path().join("audit.xml");
    let process = started(
        &folder,
        &format!("[audit]\nfile = '{}'\npatient = 'omit'\nsource = 'PACS 1'\n", file.display()),
    );
    send_all(&process, 1..=2);
    end(process);
    let messages = judged(&python, &file, &["--no-patient"]);
    assert_eq!(
        events(&messages),
        ["Application Activity", "DICOM Instances Transferred", "Application Activity"]
    );
    assert!(messages.iter().all(|message| message["source"]["AuditSourceID"] == "PACS 1"));
}

#[test]
fn what_is_forwarded_begins_and_ends() {
    let Some(python) = python() else { return };
    let folder = folder();
    let Some(peer) = ForeignPeer::storescp(folder.path(), ["+xa", "+B"]) else { return };
    let file = folder.path().join("audit.xml");
    let config = format!(
        "[audit]\nfile = '{}'\n[store]\nkeep = 'until-forwarded'\n\
         [[rule]]\nname = 'all'\nforward = ['archive']\n\
         [[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\naddress = '{}'\nconcurrency = 1\ncalling = 'SENDER'\n",
        file.display(),
        peer.address
    );
    let mut process = started(&folder, &config);
    send_all(&process, 1..=3);
    for _ in 0..3 {
        process.wait_for(&["instance removed"]);
    }
    end(process);
    let messages = judged(&python, &file, &[]);
    let place = |event: &str, title: &str| {
        let found = messages.iter().position(|m| m["event"] == event && m["titles"][0] == title);
        found.unwrap_or_else(|| panic!("no {event} of {title}: {messages:#?}"))
    };
    let begin = place("Begin Transferring DICOM Instances", "SENDER");
    let done = place("DICOM Instances Transferred", "SENDER");
    assert!(begin < done);
    for index in [begin, done] {
        assert_eq!(messages[index]["titles"], json!(["SENDER", "ARCHIVE"]));
        assert_eq!(messages[index]["places"][1], "127.0.0.1");
    }
    assert_eq!(messages[done]["studies"], json!({ STUDY: { CT: 3 } }));
    let received = place("DICOM Instances Transferred", "MODALITY");
    for index in [begin, done, received] {
        assert_eq!(messages[index]["patients"], json!([PATIENT]));
    }
    let removed = place("DICOM Instances Accessed", "CONDENSER");
    assert_eq!(
        (&messages[removed]["action"], &messages[removed]["studies"]),
        (&json!("D"), &json!({ STUDY: { CT: 3 } }))
    );
}

/// The server in a process of its own, killed when this is dropped.
struct SyslogServer {
    child: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl SyslogServer {
    fn start(python: &OsString, authority: &Authority, port: u16, file: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(python);
        command.arg(script("syslog_server.py"));
        command
            .arg("--certificate")
            .arg(authority.path("node.pem"))
            .arg("--key")
            .arg(authority.path("key.pem"));
        command.args(["--port", &port.to_string()]).args(options).arg(file);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        Self { child, lines, port: line.trim().parse().unwrap() }
    }

    /// Ends it; everything that it was sent must have been a message.
    fn stop(mut self) {
        self.child.kill().unwrap();
        let mut complaint = String::new();
        self.lines.read_line(&mut complaint).unwrap();
        assert_eq!(complaint, "");
    }
}

impl Drop for SyslogServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn syslog(folder: &tempfile::TempDir, authority: &Authority, port: u16, more: &str) -> String {
    format!(
        "[audit.syslog]\naddress = '127.0.0.1:{port}'\nspool = '{}'\n\
         tls = {{ authorities = '{}', name = 'condenser.test'{more} }}\n",
        folder.path().join("spool").display(),
        authority.path("ca.pem").display(),
    )
}

/// The number of lines of a file, when there are at least so many.
fn wait_for_lines(file: &Path, least: usize) {
    let started = Instant::now();
    loop {
        let lines = std::fs::read_to_string(file).unwrap_or_default().lines().count();
        if lines >= least {
            return;
        }
        assert!(started.elapsed() < LONG, "{lines} of {least} messages");
        std::thread::yield_now();
    }
}

#[test]
fn p17_what_a_server_that_is_away_was_not_told_waits_and_arrives_in_order() {
    let Some(python) = python() else { return };
    let (folder, authority) = (folder(), Authority::new());
    authority.write_certified("client", &authority.certify("node.test"));
    let client = format!(
        ", certificate = '{}', key = '{}'",
        authority.path("client.pem").display(),
        authority.path("client.key").display()
    );
    let (port, file) = (free_port(), folder.path().join("taken.xml"));
    let config = syslog(&folder, &authority, port, &client);
    let mut first = started(&folder, &config);
    wait_for(&mut first, "audit server away");
    for number in 1..=3 {
        send_all(&first, [number]);
        first.wait_for(&["association closed"]);
    }
    let log = end(first);
    assert!(log.contains("the audit server was not told all"), "{log}");

    let clients = authority.path("ca.pem");
    let server =
        SyslogServer::start(&python, &authority, port, &file, &["--clients", clients.to_str().unwrap()]);
    assert_eq!(server.port, port);
    let mut second = started(&folder, &config);
    wait_for(&mut second, "audit server reached");
    send_all(&second, [4]);
    end(second);
    wait_for_lines(&file, 8);
    server.stop();
    let messages = judged(&python, &file, &[]);
    let kinds: Vec<&str> = messages.iter().map(|m| m["kind"].as_str().unwrap_or("transferred")).collect();
    let (start, stop, sent) = ("Application Start", "Application Stop", "transferred");
    assert_eq!(kinds, [start, sent, sent, sent, stop, start, sent, stop]);
    let times: Vec<&str> = messages.iter().map(|message| message["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let left =
        std::fs::read_dir(folder.path().join("spool")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".frames")).collect();
    assert!(left.is_empty(), "the spool keeps what was told: {left:?}");
}

#[test]
fn a_server_that_resets_the_connection_is_told_again() {
    let Some(python) = python() else { return };
    let (folder, authority) = (folder(), Authority::new());
    let file = folder.path().join("taken.xml");
    let server = SyslogServer::start(&python, &authority, free_port(), &file, &["--hang-up-after", "1"]);
    let mut process = started(&folder, &syslog(&folder, &authority, server.port, ""));
    wait_for(&mut process, "audit server away");
    for number in 1..=3 {
        send_all(&process, [number]);
    }
    end(process);
    let messages = judged(&python, &file, &[]);
    let instances = messages.iter().filter(|m| m["event"] == "DICOM Instances Transferred").count();
    let starts = messages.iter().filter(|m| m["kind"] == "Application Start").count();
    assert_eq!((instances, starts), (3, 2), "nothing is lost, and what was on its way is told twice");
    assert_eq!(messages.last().unwrap()["kind"], "Application Stop");
}

#[test]
fn a_server_of_another_authority_is_told_nothing() {
    let Some(python) = python() else { return };
    let (folder, authority, other) = (folder(), Authority::new(), Authority::new());
    let file = folder.path().join("taken.xml");
    let server = SyslogServer::start(&python, &other, free_port(), &file, &[]);
    let mut process = started(&folder, &syslog(&folder, &authority, server.port, ""));
    let line = wait_for(&mut process, "audit server away");
    assert!(line.contains("UnknownIssuer") || line.contains("certificate"), "{line}");
    end(process);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn p17_a_server_that_takes_nothing_holds_no_transfer_up() {
    let (folder, authority) = (folder(), Authority::new());
    // Connections are accepted by the system, and nobody ever reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let process = started(&folder, &syslog(&folder, &authority, silent.local_addr().unwrap().port(), ""));
    let begun = Instant::now();
    send_all(&process, 1..=20);
    let with_trail = begun.elapsed();
    assert!(with_trail < Duration::from_secs(10), "20 small instances took {with_trail:?}");
    process.signal(Signal::TERM);
    let begun = Instant::now();
    let (status, log) = process.ended();
    assert!(status.success() && begun.elapsed() < Duration::from_secs(15), "{status}: {log}");
    assert!(log.contains("the audit server was not told all"), "{log}");
}

#[test]
fn a_trail_that_cannot_be_written_keeps_the_node_from_starting_and_names_the_key() {
    let folder = folder();
    let path = folder.path().join("condenser.toml");
    for (config, expected) in [
        ("[audit]\nfile = '/nowhere/audit.xml'\n", "audit.file: /nowhere/audit.xml"),
        ("[audit]\nfile = 'STORE/audit.xml'\n", "line 2: audit.file: it lies within the store"),
        (
            "[audit.syslog]\naddress = 'localhost:6514'\nspool = 'SPOOL'\ntls = { authorities = '/nowhere/ca.pem' }\n",
            "audit.syslog.tls.authorities: /nowhere/ca.pem",
        ),
    ] {
        let store = store_of(&folder);
        let config = config.replace("STORE", store.to_str().unwrap());
        let config = config.replace("SPOOL", folder.path().join("spool").to_str().unwrap());
        std::fs::write(&path, format!("{config}[store]\npath = '{}'\n", store.display())).unwrap();
        let output = process::serve(&store, &["--config", path.to_str().unwrap()]).output().unwrap();
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
