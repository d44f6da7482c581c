//! An acceptor in this process, with a handler that keeps nothing, and the peers that a fuzz target plays.

use condenser::net::{
    Association, Config, Connection, Deadlines, Failure, Limits, Listener, Received, Refusal, Status,
    StoreAnswer, StoreHandler, serve,
};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::watch;

/// A-ASSOCIATE-RQ: 1 = Verification, 3 = CT Image Storage, both in Implicit VR Little Endian.
pub const ASSOCIATE_RQ: &[u8] = b"\
    \x01\x00\x00\x00\x00\xd5\x00\x01\x00\x00CONDENSER       FUZZER          \
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x10\x00\x00\x151.2.840.10008.3.1.1.1\
    \x20\x00\x00\x2e\x01\x00\x00\x00\x30\x00\x00\x111.2.840.10008.1.1\x40\x00\x00\x111.2.840.10008.1.2\
    \x20\x00\x00\x36\x03\x00\x00\x00\x30\x00\x00\x191.2.840.10008.5.1.4.1.1.2\x40\x00\x00\x111.2.840.10008.1.2\
    \x50\x00\x00\x08\x51\x00\x00\x04\x00\x00\x40\x00";

/// A-RELEASE-RQ.
pub const RELEASE_RQ: &[u8] = &[5, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// C-ECHO-RQ (PS3.7 Table 9.3-12).
pub const ECHO_RQ: &[u8] = b"\
    \x00\x00\x00\x00\x04\x00\x00\x00\x38\x00\x00\x00\
    \x00\x00\x02\x00\x12\x00\x00\x001.2.840.10008.1.1\0\
    \x00\x00\x00\x01\x02\x00\x00\x00\x30\x00\
    \x00\x00\x10\x01\x02\x00\x00\x00\x01\x00\
    \x00\x00\x00\x08\x02\x00\x00\x00\x01\x01";

/// C-STORE-RQ (PS3.7 Table 9.3-1).
pub const STORE_RQ: &[u8] = b"\
    \x00\x00\x00\x00\x04\x00\x00\x00\x58\x00\x00\x00\
    \x00\x00\x02\x00\x1a\x00\x00\x001.2.840.10008.5.1.4.1.1.2\0\
    \x00\x00\x00\x01\x02\x00\x00\x00\x01\x00\
    \x00\x00\x10\x01\x02\x00\x00\x00\x02\x00\
    \x00\x00\x00\x07\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x08\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x10\x06\x00\x00\x001.2.3\0";

/// A P-DATA-TF PDU with one PDV (PS3.8 9.3.5).
pub fn pdata(context: u8, control: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len() as u32 + 2;
    let mut pdu = vec![4, 0];
    pdu.extend_from_slice(&(length + 4).to_be_bytes());
    pdu.extend_from_slice(&length.to_be_bytes());
    pdu.extend_from_slice(&[context, control]);
    pdu.extend_from_slice(value);
    pdu
}

/// How long the acceptor may take for what needs no time at all.
const PATIENCE: Duration = Duration::from_secs(8);

/// After so many conversations a well-behaved peer sees whether it is served.
const BETWEEN_GOOD_PEERS: u64 = 64;

/// An acceptor that runs as long as this process.
pub struct Acceptor {
    address: SocketAddr,
    ended: Mutex<Receiver<()>>,
    conversations: AtomicU64,
}

impl Acceptor {
    /// The one of this process.
    pub fn running() -> &'static Acceptor {
        static ACCEPTOR: OnceLock<Acceptor> = OnceLock::new();
        ACCEPTOR.get_or_init(start)
    }

    /// Sends the pieces one by one, says that nothing more comes, and judges the answers.
    pub fn converse(&self, pieces: &[Vec<u8>]) {
        let answers = self.send(pieces);
        whole_pdus(&answers);
        if self.conversations.fetch_add(1, Ordering::Relaxed).is_multiple_of(BETWEEN_GOOD_PEERS) {
            let good = [ASSOCIATE_RQ, &pdata(1, 3, ECHO_RQ), RELEASE_RQ].concat();
            let kinds = whole_pdus(&self.send(&[good]));
            assert_eq!(kinds, [2, 4, 6], "accepted, answered, released");
        }
    }

    /// Gives all that the acceptor said, once it has closed the connection and done with it.
    fn send(&self, pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).expect("the acceptor listens");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        // It may have closed the connection after the first of them.
        let sent = pieces.iter().try_for_each(|piece| stream.write_all(piece));
        let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answers = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answers) {
            // What it has not read when it closes resets the connection.
            let reset = [io::ErrorKind::ConnectionReset, io::ErrorKind::NotConnected];
            assert!(reset.contains(&error.kind()), "the acceptor does not end: {error}");
        }
        drop(stream);
        let ended = self.ended.lock().expect("one thread");
        ended.recv_timeout(PATIENCE).expect("the connection ends, without a panic");
        answers
    }
}

/// The kinds of the PDUs that `bytes` are, each whole.
fn whole_pdus(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some(([kind, _, a, b, c, d], rest)) = bytes.split_first_chunk::<6>() {
        assert!((2..=7).contains(kind), "a PDU of kind {kind}");
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        assert!(length <= rest.len(), "a PDU is cut off");
        kinds.push(*kind);
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "a PDU is cut off");
    kinds
}

fn start() -> Acceptor {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let socket = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = socket.local_addr().expect("it is bound");
    let short = Duration::from_secs(4);
    let deadlines = Deadlines { request: short, idle: short, message: short, ..Deadlines::default() };
    let limits = Limits { data_set: 4096, memory_per_data_set: 256, ..Limits::default() };
    let config = Arc::new(Config { deadlines, limits, ..Config::default() });
    let (sender, ended) = channel();
    let handler = Arc::new(Nothing { ended: sender });
    std::thread::spawn(move || {
        let (_never, drain) = watch::channel(false);
        let (_always, config) = watch::channel(config);
        runtime.block_on(serve(vec![Listener { socket, tls: None }], config, handler, drain));
    });
    Acceptor { address, ended: Mutex::new(ended), conversations: AtomicU64::new(0) }
}

/// Keeps nothing, and tells when a connection has ended.
struct Nothing {
    ended: Sender<()>,
}

impl StoreHandler for Nothing {
    fn spool(&self) -> io::Result<File> {
        tempfile::tempfile()
    }

    fn store(&self, _: Received) -> StoreAnswer {
        Status::SUCCESS.into()
    }

    fn failed(&self, _: &Association, _: &Failure) -> StoreAnswer {
        Status::OUT_OF_RESOURCES.into()
    }

    fn refused(&self, _: &Association, _: &Refusal) {}

    fn opened(&self, _: &Association) {}

    fn closed(&self, _: &Connection) {
        // Nobody waits for it any more when the process ends.
        let _ = self.ended.send(());
    }

    fn accept_failed(&self, error: &io::Error) {
        panic!("no connection can be accepted: {error}");
    }
}
