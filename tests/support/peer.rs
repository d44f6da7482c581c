//! Two ends for tests of the network: a node that records what it is handed, and a peer that says what it is told to,
//! right or wrong. The bytes of the peer are put together here, from PS3.8 and PS3.7, not by the code under test.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]
#![allow(clippy::panic, reason = "a test may stop at the first surprise")]

use condenser::dicom::{Source, TransferSyntax, VERIFICATION, uids};
use condenser::net::{
    Association, Config, Connection, Failure, Listener, ProposedContext, Received, Refusal, Requestor,
    RequestorOptions, Status, StoreAnswer, StoreHandler, Tls, serve,
};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// CT Image Storage.
pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
/// MR Image Storage.
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";

/// What no test should have to wait for.
const LONG: Duration = Duration::from_secs(20);

/// Larger data sets are not kept, since tests of the memory that is used would see them.
const KEPT: u64 = 16 << 20;

type Behaviour = Box<dyn Fn(&Received) -> StoreAnswer + Send + Sync>;

/// Records what it is handed.
pub struct Recorder {
    /// Whether instances can be taken in.
    pub ready: AtomicBool,
    behaviour: Behaviour,
    seen: Mutex<Seen>,
    news: Condvar,
}

/// What a [`Recorder`] has seen.
#[derive(Default)]
pub struct Seen {
    /// SOP Instance UID, data set (empty if it was too large to be kept), whether it was spooled.
    pub stored: Vec<(String, Vec<u8>, bool)>,
    /// Why instances never came to be stored.
    pub failed: Vec<String>,
    /// How many spool files were asked for.
    pub spools: usize,
    /// Statuses that the network side gave alone.
    pub refused: Vec<Status>,
    /// Outcome and words for each connection that has ended.
    pub closed: Vec<(String, String)>,
}

impl StoreHandler for Recorder {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    fn spool(&self) -> io::Result<File> {
        self.note(|seen| seen.spools += 1);
        tempfile::tempfile()
    }

    fn store(&self, received: Received) -> StoreAnswer {
        let answer = (self.behaviour)(&received);
        let kept = if received.data_set.len() <= KEPT { received.data_set.len() } else { 0 };
        let bytes = received.data_set.bytes(0..kept).expect("readable").into_owned();
        let spooled = received.data_set.is_spooled();
        self.note(|seen| seen.stored.push((received.sop_instance.text, bytes, spooled)));
        answer
    }

    fn failed(&self, _: &Association, failure: &Failure) -> StoreAnswer {
        self.note(|seen| seen.failed.push(failure.to_string()));
        StoreAnswer::from(Status::STORAGE_ERROR)
    }

    fn refused(&self, _: &Association, refusal: &Refusal) {
        self.note(|seen| seen.refused.push(refusal.status));
    }

    fn opened(&self, _: &Association) {}

    fn closed(&self, connection: &Connection) {
        let outcome = &connection.outcome;
        self.note(|seen| seen.closed.push((outcome.name().to_owned(), outcome.to_string())));
    }

    fn accept_failed(&self, error: &io::Error) {
        panic!("{error}");
    }
}

impl Recorder {
    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().expect("no panic"));
        self.news.notify_all();
    }

    /// Waits until what was seen is as expected.
    pub fn wait(&self, what: &str, expected: impl Fn(&Seen) -> bool) {
        let seen = self.seen.lock().expect("no panic");
        let (seen, timeout) =
            self.news.wait_timeout_while(seen, LONG, |seen| !expected(seen)).expect("no panic");
        assert!(!timeout.timed_out(), "never seen: {what}; closed were {:?}", seen.closed);
    }

    /// The SOP Instance UIDs handed over so far.
    pub fn stored(&self) -> Vec<String> {
        self.look(|seen| seen.stored.iter().map(|(uid, ..)| uid.clone()).collect())
    }

    /// Looks at what was seen.
    pub fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().expect("no panic"))
    }
}

/// A running acceptor, which is told to end and waited for when it is dropped.
pub struct Node {
    pub address: SocketAddr,
    pub seen: Arc<Recorder>,
    drain: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Answers every instance with success.
    pub fn start(config: Config) -> Node {
        Node::behaving(config, |_| StoreAnswer::from(Status::SUCCESS))
    }

    /// Speaks TLS and nothing else.
    pub fn start_with_tls(config: Config, tls: Arc<Tls>) -> Node {
        Node::listening(config, Some(tls), |_| StoreAnswer::from(Status::SUCCESS))
    }

    /// Answers instances as told.
    pub fn behaving(
        config: Config,
        behaviour: impl Fn(&Received) -> StoreAnswer + Send + Sync + 'static,
    ) -> Node {
        Node::listening(config, None, behaviour)
    }

    fn listening(
        config: Config,
        tls: Option<Arc<Tls>>,
        behaviour: impl Fn(&Received) -> StoreAnswer + Send + Sync + 'static,
    ) -> Node {
        let seen = Arc::new(Recorder {
            ready: AtomicBool::new(true),
            behaviour: Box::new(behaviour),
            seen: Mutex::default(),
            news: Condvar::new(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("can be set");
        let address = listener.local_addr().expect("is bound");
        let (drain, ended) = watch::channel(false);
        let handler = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("starts");
            runtime.block_on(async {
                let socket = tokio::net::TcpListener::from_std(listener).expect("is a listener");
                serve(vec![Listener { socket, tls }], watch::channel(Arc::new(config)).1, handler, ended)
                    .await;
            });
        });
        Node { address, seen, drain, thread: Some(thread) }
    }

    /// Asks the acceptor to end, without waiting for it.
    pub fn ask_to_end(&self) {
        self.drain.send_replace(true);
    }

    /// Waits for the acceptor to end.
    pub fn end(mut self) -> Arc<Recorder> {
        self.stop();
        Arc::clone(&self.seen)
    }

    fn stop(&mut self) {
        self.ask_to_end();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.expect("the acceptor does not panic");
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A peer as it should be, whose association stays open while others misbehave.
pub struct Good {
    requestor: Requestor,
    address: SocketAddr,
    sent: u32,
}

impl Good {
    pub fn connect(node: &Node) -> Good {
        Good { requestor: good_requestor(node.address), address: node.address, sent: 0 }
    }

    /// Stores one more instance, over the old association and over a new one, and asks for signs of life.
    pub fn still_works(&mut self) {
        self.sent += 1;
        let uid = format!("1.2.999.{}", self.sent);
        let mut fresh = good_requestor(self.address);
        for requestor in [&mut self.requestor, &mut fresh] {
            let syntax = TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).expect("known");
            let context = requestor.context(CT, syntax).expect("accepted");
            let answer = requestor.store(context, CT, &uid, &vec![7u8; 300_000]).expect("stores");
            assert_eq!(answer.status, Status::SUCCESS);
            assert_eq!(requestor.echo().expect("echoes").status, Status::SUCCESS);
        }
        fresh.release().expect("is released");
    }
}

/// Whether an instance came from [`Good`].
pub fn is_good(uid: &str) -> bool {
    uid.starts_with("1.2.999.")
}

fn good_requestor(address: SocketAddr) -> Requestor {
    let syntax = |uid| TransferSyntax::of_uid(uid).expect("known");
    let contexts = [VERIFICATION, CT].map(|abstract_syntax| ProposedContext {
        abstract_syntax: abstract_syntax.to_owned(),
        transfer_syntaxes: vec![
            syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN),
            syntax(uids::IMPLICIT_VR_LITTLE_ENDIAN),
        ],
    });
    Requestor::connect(address, RequestorOptions::new("GOOD", "CONDENSER"), &contexts).expect("is accepted")
}

/// A peer that sends any bytes.
pub struct Peer {
    stream: TcpStream,
}

/// A PDU as received: type and contents.
#[derive(Debug, PartialEq, Eq)]
pub struct Pdu(pub u8, pub Vec<u8>);

impl Peer {
    /// A connection, and nothing more.
    pub fn connect(node: &Node) -> Peer {
        Peer::connect_from("127.0.0.1", node)
    }

    /// A connection from another address of this machine.
    pub fn connect_from(address: &str, node: &Node) -> Peer {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let from = SocketAddr::new(address.parse().expect("an address"), 0);
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &from).expect("an address of this machine");
        connect(&socket, &node.address).expect("connects");
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).expect("can be set");
        stream.set_read_timeout(Some(LONG)).expect("can be set");
        Peer { stream }
    }

    /// An association with contexts 1 (CT, implicit), 3 (MR, implicit), 5 (Verification), accepted, and 7, refused.
    pub fn associate(node: &Node) -> Peer {
        Peer::associate_from("127.0.0.1", *b"PEER            ", node)
    }

    /// The same from another address and with another name.
    pub fn associate_from(address: &str, calling: [u8; 16], node: &Node) -> Peer {
        let mut peer = Peer::connect_from(address, node);
        peer.send(&associate_rq(&Rq { calling, ..Rq::default() }));
        let Pdu(kind, body) = peer.read_pdu().expect("an answer");
        assert_eq!(kind, 2, "accepted: {body:?}");
        peer
    }

    /// Sends bytes. A connection that the node has closed already is no failure: what it said is what counts.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends bytes until all are sent or the node has closed. Gives whether all were sent.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends the same bytes again and again until the node takes no more of them, although it has not closed.
    pub fn fill(&mut self, bytes: &[u8]) {
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).expect("can be set");
        let error = (0..100_000).find_map(|_| self.stream.write_all(bytes).err()).expect("an end");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// Sends one byte after the other, slowly, until the node says something or closes. Gives what it said and after
    /// what time.
    pub fn trickle(&mut self, bytes: impl IntoIterator<Item = u8>) -> (Option<Pdu>, Duration) {
        let start = Instant::now();
        self.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("can be set");
        for byte in bytes {
            self.send(&[byte]);
            // The pause between two bytes is a wait for an answer that should not come yet.
            if self.stream.peek(&mut [0]).is_ok() {
                break;
            }
            assert!(start.elapsed() < LONG, "the node waits for ever");
        }
        self.stream.set_read_timeout(Some(LONG)).expect("can be set");
        (self.read_pdu(), start.elapsed())
    }

    /// The next PDU; `None` when the node has closed.
    pub fn read_pdu(&mut self) -> Option<Pdu> {
        let mut header = [0; 6];
        match self.stream.read_exact(&mut header) {
            Ok(()) => (),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("no answer, and not closed"),
            // Closed, in order or with bytes unread.
            Err(_) => return None,
        }
        let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body).expect("a whole PDU");
        Some(Pdu(header[0], body))
    }

    /// All that the node says until it closes.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut said);
        said
    }

    /// The node aborts, with this source and reason, and closes.
    pub fn expect_abort(&mut self, code: [u8; 2]) {
        assert_eq!(self.read_pdu(), Some(Pdu(7, vec![0, 0, code[0], code[1]])));
        self.expect_end();
    }

    /// The node rejects, with this result, source and reason, and closes.
    pub fn expect_rejection(&mut self, code: [u8; 3]) {
        assert_eq!(self.read_pdu(), Some(Pdu(3, vec![0, code[0], code[1], code[2]])));
        self.expect_end();
    }

    /// The node closes without saying anything more.
    pub fn expect_end(&mut self) {
        assert_eq!(self.read_pdu(), None);
    }

    /// The node answers with a response of this Command Field, Message ID and Status.
    pub fn expect_response(&mut self, field: u16, message_id: u16, status: Status) {
        let Some(Pdu(4, body)) = self.read_pdu() else { panic!("no response") };
        assert_eq!(body[5], 3, "one fragment, the last of a command");
        let set = &body[6..];
        assert_eq!(element(set, 0x0100), Some(field.to_le_bytes().to_vec()), "Command Field");
        assert_eq!(element(set, 0x0120), Some(message_id.to_le_bytes().to_vec()), "Message ID");
        assert_eq!(element(set, 0x0800), Some(vec![1, 1]), "no data set");
        let found = element(set, 0x0900).map(|value| Status(u16::from_le_bytes([value[0], value[1]])));
        assert_eq!(found, Some(status));
    }

    /// The association still answers.
    pub fn expect_life(&mut self) {
        self.send(&pdata(&[pdv(5, COMMAND_END, &echo_rq(99))]));
        self.expect_response(0x8030, 99, Status::SUCCESS);
    }

    /// Releases the association.
    pub fn release(mut self) {
        self.send(&pdu(5, &[0; 4]));
        assert_eq!(self.read_pdu(), Some(Pdu(6, vec![0; 4])));
    }

    /// Closes so that the other side sees a reset.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).expect("can be set");
    }
}

/// Message control headers.
pub const COMMAND: u8 = 1;
pub const COMMAND_END: u8 = 3;
pub const DATA: u8 = 0;
pub const DATA_END: u8 = 2;

/// What an association request says.
pub struct Rq {
    pub protocol_version: u16,
    pub called: [u8; 16],
    pub calling: [u8; 16],
    pub application_context: Vec<u8>,
    /// Number, abstract syntax, transfer syntaxes.
    pub contexts: Vec<(u8, String, Vec<String>)>,
    pub max_length: u32,
    /// Items put before the user information.
    pub more: Vec<u8>,
}

impl Default for Rq {
    fn default() -> Rq {
        let implicit = || vec!["1.2.840.10008.1.2".to_owned()];
        Rq {
            protocol_version: 1,
            called: *b"CONDENSER       ",
            calling: *b"PEER            ",
            application_context: b"1.2.840.10008.3.1.1.1".to_vec(),
            contexts: vec![
                (1, CT.to_owned(), implicit()),
                (3, MR.to_owned(), implicit()),
                (5, VERIFICATION.to_owned(), implicit()),
                (7, "1.2.840.10008.5.1.4.1.2.2.1".to_owned(), implicit()),
            ],
            max_length: 16_384,
            more: Vec::new(),
        }
    }
}

/// An A-ASSOCIATE-RQ PDU.
pub fn associate_rq(rq: &Rq) -> Vec<u8> {
    let mut body = rq.protocol_version.to_be_bytes().to_vec();
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&rq.called);
    body.extend_from_slice(&rq.calling);
    body.extend_from_slice(&[0; 32]);
    body.extend_from_slice(&item(0x10, &rq.application_context));
    for (id, abstract_syntax, transfer_syntaxes) in &rq.contexts {
        let mut context = vec![*id, 0, 0, 0];
        context.extend_from_slice(&item(0x30, abstract_syntax.as_bytes()));
        for transfer_syntax in transfer_syntaxes {
            context.extend_from_slice(&item(0x40, transfer_syntax.as_bytes()));
        }
        body.extend_from_slice(&item(0x20, &context));
    }
    body.extend_from_slice(&rq.more);
    let mut user = item(0x51, &rq.max_length.to_be_bytes());
    user.extend_from_slice(&item(0x52, b"1.2.3.4"));
    body.extend_from_slice(&item(0x50, &user));
    pdu(1, &body)
}

/// An item of an association PDU.
pub fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut item = vec![kind, 0];
    item.extend_from_slice(&u16::try_from(value.len()).expect("short").to_be_bytes());
    item.extend_from_slice(value);
    item
}

/// A PDU of any type.
pub fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut pdu = vec![kind, 0];
    pdu.extend_from_slice(&u32::try_from(body.len()).expect("short").to_be_bytes());
    pdu.extend_from_slice(body);
    pdu
}

/// A P-DATA-TF PDU with these presentation data values.
pub fn pdata(values: &[Vec<u8>]) -> Vec<u8> {
    pdu(4, &values.concat())
}

/// A presentation data value.
pub fn pdv(context: u8, control: u8, fragment: &[u8]) -> Vec<u8> {
    let mut value = u32::try_from(fragment.len() + 2).expect("short").to_be_bytes().to_vec();
    value.extend_from_slice(&[context, control]);
    value.extend_from_slice(fragment);
    value
}

/// A command set of these elements, with its group length.
pub fn command_set(elements: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut rest = Vec::new();
    for (element, value) in elements {
        rest.extend_from_slice(&[0, 0]);
        rest.extend_from_slice(&element.to_le_bytes());
        rest.extend_from_slice(&u32::try_from(value.len()).expect("short").to_le_bytes());
        rest.extend_from_slice(value);
    }
    let mut set = vec![0, 0, 0, 0, 4, 0, 0, 0];
    set.extend_from_slice(&u32::try_from(rest.len()).expect("short").to_le_bytes());
    set.extend_from_slice(&rest);
    set
}

/// The elements of a C-STORE-RQ.
pub fn store_elements(message_id: u16, sop_class: &str, sop_instance: &str) -> Vec<(u16, Vec<u8>)> {
    vec![
        (0x0002, even(sop_class)),
        (0x0100, vec![1, 0]),
        (0x0110, message_id.to_le_bytes().to_vec()),
        (0x0700, vec![0, 0]),
        (0x0800, vec![0, 0]),
        (0x1000, even(sop_instance)),
    ]
}

/// A C-STORE-RQ for CT Image Storage.
pub fn store_rq(message_id: u16, sop_instance: &str) -> Vec<u8> {
    command_set(&store_elements(message_id, CT, sop_instance))
}

/// A C-ECHO-RQ.
pub fn echo_rq(message_id: u16) -> Vec<u8> {
    command_set(&[
        (0x0002, even(VERIFICATION)),
        (0x0100, vec![0x30, 0]),
        (0x0110, message_id.to_le_bytes().to_vec()),
        (0x0800, vec![1, 1]),
    ])
}

/// A UID padded to even length.
pub fn even(uid: &str) -> Vec<u8> {
    let mut value = uid.as_bytes().to_vec();
    if value.len() % 2 == 1 {
        value.push(0);
    }
    value
}

/// The value of an element of a command set.
pub fn element(mut set: &[u8], wanted: u16) -> Option<Vec<u8>> {
    while let Some((header, rest)) = set.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let (value, rest) = rest.split_at(length as usize);
        if u16::from_le_bytes([header[2], header[3]]) == wanted {
            return Some(value.to_vec());
        }
        set = rest;
    }
    None
}
