//! Rows P: signals that come at the wrong moment, and a log that nobody reads.

use crate::made::Image;
use crate::peer::{COMMAND_END, DATA, Rq, associate_rq, pdata, pdv, store_rq};
use crate::process::{Process, connect, folder, send, serve, store_of};
use condenser::net::Status;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// An association over which half of an instance has been sent.
fn half_an_instance(process: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(process.address).unwrap();
    stream.write_all(&associate_rq(&Rq::default())).unwrap();
    let mut header = [0; 6];
    stream.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 2, "accepted");
    let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    stream.read_exact(&mut vec![0; length as usize]).unwrap();
    stream.write_all(&pdata(&[pdv(1, COMMAND_END, &store_rq(1, "1.2.9"))])).unwrap();
    stream.write_all(&pdata(&[pdv(1, DATA, &[0; 10_000])])).unwrap();
    stream
}

#[test]
fn p02_a_second_signal_ends_the_node_at_once_and_leaves_nothing_half_done() {
    let folder = folder();
    let mut process = Process::start(&store_of(&folder), &[]);
    let stored = Image::slope("1.2.10", 32, 32);
    let mut requestor = process.connect();
    assert_eq!(send(&mut requestor, &stored), Status::SUCCESS);
    let _half = half_an_instance(&process);
    process.wait_for(&["association opened", "PEER"]);
    let start = Instant::now();
    process.signal(Signal::TERM);
    process.wait_for(&["draining"]);
    process.signal(Signal::INT);
    let (status, log) = process.ended();
    // The drain itself would have waited for half a minute.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(status.success() && log.contains("second signal"), "{status}: {log}");
    let process = Process::start(&store_of(&folder), &[]);
    let series = store_of(&folder).join("1.2.3.4/1.2.3.4.5");
    let names: Vec<_> = std::fs::read_dir(series).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1.2.10.dcm"], "{}", process.opening);
}

#[test]
fn p07_signals_that_mean_nothing_end_nothing() {
    let folder = folder();
    let process = Process::start(&store_of(&folder), &[]);
    let mut requestor = process.connect();
    for signal in [Signal::PIPE, Signal::XFSZ, Signal::USR1, Signal::USR2] {
        process.signal(signal);
        assert_eq!(requestor.echo().unwrap().status, Status::SUCCESS, "{signal:?}");
    }
    requestor.release().unwrap();
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
}

#[test]
fn p08_with_no_file_descriptor_left_who_comes_is_told_to_come_back() {
    const MOST: u64 = 64;
    let folder = folder();
    let mut process = Process::start(&store_of(&folder), &[]);
    let limit = Rlimit { current: Some(MOST), maximum: Some(MOST) };
    prlimit(Some(Pid::from_child(&process.child)), Resource::Nofile, limit).unwrap();
    let open = std::fs::read_dir(format!("/proc/{}/fd", process.child.id())).unwrap().count();
    let free = MOST as usize - open;
    // They say nothing, and hold all that there are; the last ones find none. The node itself opens and closes files as it starts,
    // so that what was counted may be one or two off.
    let silent: Vec<_> = (0..free + 4).map(|_| TcpStream::connect(process.address).unwrap()).collect();
    process.wait_for(&["no connection can be accepted"]);
    process.wait_for(&["association closed", "there are too many connections"]);
    let (mut told, mut accepted) = (0, Vec::new());
    while told < 3 {
        let mut stream = TcpStream::connect(process.address).unwrap();
        stream.write_all(&associate_rq(&Rq::default())).unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).unwrap();
        if kind == [2] {
            // It has the descriptor of a file that was open a moment ago.
            accepted.push(stream);
            assert!(accepted.len() < 4, "there are descriptors left");
            continue;
        }
        let mut answer = kind.to_vec();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [3, 0, 0, 0, 0, 4, 0, 2, 3, 1], "temporary congestion, for now");
        process.wait_for(&["association closed", "no file descriptor is left"]);
        told += 1;
    }
    drop((silent, accepted));
    for _ in 0..free - 3 {
        process.wait_for(&["the peer closed the connection before its association request"]);
    }
    let mut requestor = process.connect();
    assert_eq!(send(&mut requestor, &Image::slope("1.2.9", 32, 32)), Status::SUCCESS);
    requestor.release().unwrap();
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{status}: {log}");
    let failures = log.matches("no connection can be accepted").count();
    assert!(failures < 100, "the listener spins: {failures} failures");
}

/// The pipe to the log holds 64 KiB, and each of these associations logs some 300 bytes.
#[test]
fn p17_reception_goes_on_when_nobody_reads_the_log() {
    let folder = folder();
    let arguments = ["--durability", "none"];
    let mut child = serve(&store_of(&folder), &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the node ended before it listened");
    }
    let from = line.find("address=").unwrap() + "address=".len();
    let address = line[from..].split_whitespace().next().unwrap().parse().unwrap();
    for _ in 0..600 {
        connect(address).release().unwrap();
    }
    let mut requestor = connect(address);
    assert_eq!(send(&mut requestor, &Image::slope("1.2.9", 32, 32)), Status::SUCCESS);
    requestor.release().unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success() && rest.contains("node stopped"), "{rest}");
}
