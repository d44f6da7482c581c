//! The node as a process: starts, listens, answers, drains on a signal, refuses to start on what cannot work.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;
#[path = "support/process.rs"]
mod process;

use condenser::net::Status;
use made::Image;
use process::{Process, folder, send, serve, store_of};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::process::{Command, Stdio};

#[test]
fn it_answers_an_echo_stores_an_image_and_ends_well_on_sigterm() {
    let folder = folder();
    let process = Process::start(&store_of(&folder), &[]);
    let mut requestor = process.connect();
    assert_eq!(requestor.echo().unwrap().status, Status::SUCCESS);
    assert_eq!(send(&mut requestor, &Image::slope("1.2.9", 64, 64)), Status::SUCCESS);
    let file = store_of(&folder).join("1.2.3.4/1.2.3.4.5/1.2.9.dcm");
    assert!(file.is_file(), "the file is there when Success is");
    requestor.release().unwrap();
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
    assert!(log.contains("instance stored") && log.contains("outcome=\"condensed\""), "{log}");
    assert!(log.contains("node stopped") && log.contains("condensed=1"), "{log}");
    assert!(!log.contains("ller"), "no patient data in the log: {log}");
}

#[test]
fn p01_an_idle_association_does_not_hold_up_the_end() {
    let folder = folder();
    let process = Process::start(&store_of(&folder), &[]);
    let mut requestor = process.connect();
    assert_eq!(requestor.echo().unwrap().status, Status::SUCCESS);
    process.signal(Signal::INT);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
    assert!(requestor.echo().is_err(), "the association was aborted");
}

#[test]
fn k06_a_file_size_limit_is_a700_and_the_node_lives() {
    let folder = folder();
    let process = Process::start(&store_of(&folder), &["--to", "none"]);
    let limit = Rlimit { current: Some(16 << 10), maximum: Some(16 << 10) };
    prlimit(Some(Pid::from_child(&process.child)), Resource::Fsize, limit).unwrap();
    let mut requestor = process.connect();
    assert_eq!(send(&mut requestor, &Image::slope("1.2.9", 128, 128)), Status::OUT_OF_RESOURCES);
    assert_eq!(send(&mut requestor, &Image::slope("1.2.10", 32, 32)), Status::SUCCESS);
    requestor.release().unwrap();
    assert!(!store_of(&folder).join("1.2.3.4/1.2.3.4.5/1.2.9.dcm").exists());
    assert!(store_of(&folder).join("1.2.3.4/1.2.3.4.5/1.2.10.dcm").is_file());
}

#[test]
fn p13_a_second_node_on_the_same_store_does_not_start() {
    let folder = folder();
    let first = Process::start(&store_of(&folder), &[]);
    let second = serve(&store_of(&folder), &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(message.contains("in use by another node"), "{message}");
    drop(first);
}

#[test]
fn an_address_in_use_is_named_with_the_way_out() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_condenser"))
        .args(["serve", "--listen", &address, "--store"])
        .arg(store_of(&folder))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(&address) && message.contains("--listen"), "{message}");
}

#[test]
fn p06_a_wrong_configuration_ends_with_2_and_names_file_line_and_key() {
    let folder = folder();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[node]\nae_titel = \"X\"\n").unwrap();
    for command in ["check", "serve"] {
        let output = Command::new(env!("CARGO_BIN_EXE_condenser"))
            .args([command, "--config"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}");
        let message = String::from_utf8_lossy(&output.stderr);
        for part in ["wrong.toml", "line 2", "ae_titel"] {
            assert!(message.contains(part), "{command}: {message}");
        }
    }
}

#[test]
fn check_says_what_the_node_would_do() {
    let output = Command::new(env!("CARGO_BIN_EXE_condenser")).arg("check").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["CONDENSER", "127.0.0.1:11112", "JPEGLSLossless", "data"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn p15_the_watchdog_of_systemd_hears_that_the_node_is_alive() {
    let folder = folder();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let mut command = serve(&store_of(&folder), &[]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "300000").env_remove("WATCHDOG_PID");
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let mut buffer = [0; 256];
    let mut told = || {
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    for _ in 0..5 {
        assert_eq!(told().trim(), "WATCHDOG=1");
    }
    // It is heard until the end, however long that takes.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    while !told().contains("STOPPING=1") {}
    assert!(child.wait().unwrap().success());
}

#[test]
fn systemd_is_told_when_it_listens_and_when_it_drains() {
    let folder = folder();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let mut child =
        serve(&store_of(&folder), &[]).env("NOTIFY_SOCKET", &path).stderr(Stdio::null()).spawn().unwrap();
    let mut buffer = [0; 256];
    let mut told = || {
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert!(told().contains("READY=1"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(told().contains("STOPPING=1"));
    assert!(child.wait().unwrap().success());
}
