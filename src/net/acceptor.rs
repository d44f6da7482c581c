//! One connection from its first byte to its last: the association request, the messages, the end
//! (PS3.8 9.2 as acceptor; PS3.7 9.1.1 and 9.1.5).

use super::associate::{Associate, write_acceptance};
use super::config::Config;
use super::dimse::{Command, Request};
use super::gather::{Bounds, Gather};
use super::handler::{
    Association, Connection, Failure, MoveOriginator, Outcome, Received, ReceivedUid, Refusal, Step,
    StoreAnswer, StoreHandler, Tally,
};
use super::negotiation::negotiate;
use super::patience::{Drain, Patience, drained};
use super::pdata::frame_command;
use super::pdu::{self, ABORT, ASSOCIATE_RQ, HEADER_LEN, Header, MAX_ASSOCIATE, RELEASE_RP_PDU};
use super::reasons::{Rejection, Violation};
use super::received::{Budget, ReceivedBytes};
use super::receiver::{Incoming, Receiver};
use super::status::Status;
use super::transport::{Transport, quick_acknowledge};
use crate::dicom::{Tag, TransferSyntax};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

/// What all connections have in common.
pub(super) struct Common {
    pub(super) config: Arc<Config>,
    pub(super) handler: Arc<dyn StoreHandler>,
    pub(super) memory: Arc<Budget>,
    /// One permit for each association that there may be.
    pub(super) associations: Semaphore,
    pub(super) drain: Drain,
}

/// Serves one connection to its end and tells the handler about it.
pub(super) async fn attend(common: Arc<Common>, stream: TcpStream, peer: SocketAddr, id: u64) {
    let start = Instant::now();
    // It only makes responses a little later when this fails.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        id,
        peer,
        association: None,
        calling: None,
        called: None,
        outcome: Outcome::Stranger,
        tally: Tally::default(),
        duration: Duration::ZERO,
    };
    let (stream, outcome) = converse(&common, stream, &mut connection).await;
    say_goodbye(&common, stream, &outcome, connection.association.is_some()).await;
    connection.outcome = outcome;
    connection.duration = start.elapsed();
    common.handler.closed(&connection);
}

/// From the request to the last message. Gives the connection back for its last words.
async fn converse(
    common: &Arc<Common>,
    mut stream: TcpStream,
    connection: &mut Connection,
) -> (TcpStream, Outcome) {
    let config = &common.config;
    let request = match read_request(common, &mut stream).await {
        Ok(request) => request,
        Err(outcome) => return (stream, outcome),
    };
    let shown = |name: &[u8]| Some(name.escape_ascii().to_string());
    (connection.calling, connection.called) = (shown(request.calling()), shown(request.called()));
    let contexts = match negotiate(&request, config) {
        Ok(contexts) => contexts,
        Err(rejection) => return (stream, Outcome::Rejected(rejection)),
    };
    if common.drain.borrow().is_some() {
        return (stream, Outcome::Rejected(Rejection::TemporaryCongestion));
    }
    let Ok(_permit) = common.associations.try_acquire() else {
        return (stream, Outcome::Rejected(Rejection::LocalLimitExceeded));
    };
    let acceptance = match write_acceptance(&request, &contexts, config.max_pdu) {
        Ok(acceptance) => acceptance,
        Err(_) => return (stream, Outcome::Rejected(Rejection::MalformedContexts)),
    };
    let mut transport = Transport::new(stream);
    let deadline = Instant::now() + config.deadlines.response;
    if let Err(error) = transport.write(&acceptance, deadline).await {
        return (transport.into_stream(), not_taken(error));
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let association = Arc::new(Association {
        id: connection.id,
        peer: connection.peer,
        calling: text(request.calling()),
        called: text(request.called()),
        implementation_class_uid: request.user.implementation_class_uid,
        implementation_version_name: request.user.implementation_version_name,
        contexts,
    });
    connection.association = Some(Arc::clone(&association));
    common.handler.opened(&association);

    let accepted = association.contexts.iter().filter(|context| context.result.is_ok());
    let mut session = Session {
        receiver: Receiver::new(transport, accepted.map(|context| context.id), config.max_pdu),
        common: Arc::clone(common),
        association,
        peer_max: request.user.max_length,
        tally: Tally::default(),
        last_size: 0,
        command: Vec::new(),
        response: Vec::new(),
        out: Vec::new(),
    };
    let outcome = session.messages().await;
    connection.tally = session.tally;
    (session.receiver.into_transport().into_stream(), outcome)
}

/// Reads the association request, and not one byte more. Its header tells DICOM from anything else, and what is kept
/// grows only as bytes arrive.
async fn read_request(common: &Common, stream: &mut TcpStream) -> Result<Associate, Outcome> {
    let mut patience = Patience::new(Step::Request, common.config.deadlines.request, common.drain.clone());
    let mut header = [0; HEADER_LEN];
    let mut filled = 0;
    while filled < HEADER_LEN {
        filled += patience.read(stream.read(&mut header[filled..])).await?;
    }
    let length = request_length(Header::parse(header))?;
    let mut body = Vec::new();
    while body.len() < length {
        let mut limited = (&mut *stream).take((length - body.len()) as u64);
        patience.read(limited.read_buf(&mut body)).await?;
        quick_acknowledge(&*stream);
    }
    Associate::parse(&body).map_err(Outcome::Aborted)
}

/// How long the request is, if this is the header of one (PS3.8 9.2, state Sta2).
fn request_length(header: Header) -> Result<usize, Outcome> {
    let Header { kind, reserved, length } = header;
    let max = MAX_ASSOCIATE;
    match kind {
        _ if reserved != 0 && kind != ASSOCIATE_RQ => Err(Outcome::Stranger),
        ABORT => Err(Outcome::PeerAborted([0, 0])),
        ASSOCIATE_RQ if length > max => Err(Outcome::Aborted(Violation::PduTooLong { length, max })),
        ASSOCIATE_RQ => Ok(length as usize),
        _ if header.is_known() => Err(Outcome::Aborted(Violation::UnexpectedPdu(kind))),
        _ if length <= max => Err(Outcome::Aborted(Violation::UnrecognizedPdu(kind))),
        _ => Err(Outcome::Stranger),
    }
}

/// An established association.
struct Session {
    common: Arc<Common>,
    association: Arc<Association>,
    receiver: Receiver,
    /// The Maximum Length of the peer; 0 for none.
    peer_max: u32,
    tally: Tally,
    /// The size of the last data set: the next one is likely to be as large.
    last_size: u64,
    /// The command sets of the last request and response, and the PDUs of the latter, kept for their memory.
    command: Vec<u8>,
    response: Vec<u8>,
    out: Vec<u8>,
}

impl Session {
    /// Answers one message after the other. Gives how it ended.
    async fn messages(&mut self) -> Outcome {
        loop {
            match self.message().await {
                Ok(()) => (),
                Err(outcome) => return outcome,
            }
        }
    }

    async fn message(&mut self) -> Result<(), Outcome> {
        let (deadlines, drain) = (&self.common.config.deadlines, &self.common.drain);
        let between = Patience::new(Step::Idle, deadlines.idle, drain.clone());
        let mut start = Instant::now();
        let (incoming, mut patience) = self
            .receiver
            .command(&mut self.command, between, || {
                start = Instant::now();
                Patience::for_message(deadlines, drain.clone())
            })
            .await?;
        let context_id = match incoming {
            Incoming::Command(context_id) => context_id,
            Incoming::Release => return Err(Outcome::Released),
        };
        let command = Command::parse(&self.command).map_err(Outcome::Aborted)?;
        self.receiver.command_read(command.has_data_set);
        let (abstract_syntax, transfer_syntax) = self.context(context_id)?;

        let verdict = judge(&command, &abstract_syntax);
        if let Verdict::Store { sop_class, sop_instance, move_originator } = verdict {
            let data_set = self.data_set(&mut patience).await?;
            let answer = match data_set {
                Ok(data_set) => {
                    let received = Received {
                        association: Arc::clone(&self.association),
                        context_id,
                        transfer_syntax,
                        message_id: command.message_id,
                        sop_class,
                        sop_instance,
                        move_originator,
                        data_set,
                        duration: start.elapsed(),
                    };
                    self.store(received).await?
                }
                Err(failure) => self.common.handler.failed(&self.association, &failure),
            };
            return self.respond(context_id, &command, &answer).await;
        }
        if command.has_data_set {
            let mut gather = Gather::discard(&self.common.memory, Arc::clone(&self.common.handler));
            self.receiver.data_set(&mut gather, &mut patience).await?;
        }
        match verdict {
            Verdict::Store { .. } | Verdict::Ignore => Ok(()),
            Verdict::Echo => {
                self.respond(context_id, &command, &StoreAnswer::from(Status::SUCCESS)).await?;
                self.tally.echoes += 1;
                Ok(())
            }
            Verdict::Refuse(answer) => {
                let refusal = Refusal {
                    command_field: Some(command.field),
                    status: answer.status,
                    reason: answer.comment.clone().unwrap_or_default(),
                };
                self.common.handler.refused(&self.association, &refusal);
                self.respond(context_id, &command, &answer).await
            }
        }
    }

    /// The abstract and the transfer syntax of an accepted context; the receiver lets no other one through.
    fn context(&self, id: u8) -> Result<(String, &'static TransferSyntax), Outcome> {
        self.association
            .contexts
            .iter()
            .find(|context| context.id == id)
            .and_then(|context| Some((context.abstract_syntax.clone(), context.result.ok()?)))
            .ok_or(Outcome::Aborted(Violation::ContextNotAccepted(id)))
    }

    /// Reads the data set of a C-STORE request.
    async fn data_set(&mut self, patience: &mut Patience) -> Result<Result<ReceivedBytes, Failure>, Outcome> {
        let Common { config, handler, memory, .. } = &*self.common;
        let bounds = Bounds { data_set: config.limits.data_set, memory: config.limits.memory_per_data_set };
        let mut gather = Gather::new(bounds, self.last_size, memory, Arc::clone(handler));
        self.receiver.data_set(&mut gather, patience).await?;
        self.last_size = gather.len();
        Ok(gather.finish().await)
    }

    /// Hands an instance over and waits for the answer, but not beyond the end of the node.
    async fn store(&mut self, received: Received) -> Result<StoreAnswer, Outcome> {
        self.tally.stores += 1;
        self.tally.data_set_bytes += self.last_size;
        let handler = Arc::clone(&self.common.handler);
        let job = spawn_blocking(move || handler.store(received));
        let mut drain = self.common.drain.clone();
        let answer = tokio::select! {
            biased;
            answer = job => answer,
            () = async { tokio::time::sleep_until(drained(&mut drain).await).await } => {
                return Err(Outcome::Drained);
            }
        };
        let answer =
            answer.unwrap_or_else(|_| self.common.handler.failed(&self.association, &Failure::Panicked));
        self.tally.stored += u64::from(answer.status.is_performed());
        Ok(answer)
    }

    async fn respond(
        &mut self,
        context_id: u8,
        command: &Command,
        answer: &StoreAnswer,
    ) -> Result<(), Outcome> {
        self.response.clear();
        command.respond(answer, &mut self.response);
        self.out.clear();
        frame_command(context_id, &self.response, self.peer_max, &mut self.out);
        let deadline = Instant::now() + self.common.config.deadlines.response;
        self.receiver.transport().write(&self.out, deadline).await.map_err(not_taken)
    }
}

/// What is to be done about a command.
enum Verdict {
    Store { sop_class: ReceivedUid, sop_instance: ReceivedUid, move_originator: Option<MoveOriginator> },
    Echo,
    Refuse(StoreAnswer),
    Ignore,
}

/// PS3.7 Annex C, as far as the command set and the presentation context alone decide.
fn judge(command: &Command, abstract_syntax: &str) -> Verdict {
    let refuse = |status, comment: &str, offending: Option<Tag>| {
        Verdict::Refuse(StoreAnswer {
            status,
            comment: Some(comment.to_owned()),
            offending: offending.into_iter().collect(),
        })
    };
    let of_another_class =
        command.sop_class.as_ref().is_some_and(|sop_class| sop_class.text != abstract_syntax);
    match &command.request {
        Request::Cancel => Verdict::Ignore,
        Request::Unrecognized => {
            refuse(Status::UNRECOGNIZED_OPERATION, "Only C-STORE and C-ECHO are offered", None)
        }
        Request::Mistyped(tag) => {
            refuse(Status::MISTYPED_ARGUMENT, &format!("Missing or mistyped {tag}"), Some(*tag))
        }
        _ if of_another_class => refuse(
            Status::SOP_CLASS_NOT_SUPPORTED,
            "SOP class is not that of the presentation context",
            Some(Tag::AFFECTED_SOP_CLASS_UID),
        ),
        Request::Echo => Verdict::Echo,
        Request::Store { sop_class, sop_instance, move_originator } => Verdict::Store {
            sop_class: sop_class.clone(),
            sop_instance: sop_instance.clone(),
            move_originator: move_originator.clone(),
        },
    }
}

/// What it means when a PDU could not be written.
fn not_taken(error: Option<std::io::Error>) -> Outcome {
    error.map_or(Outcome::TimedOut(Step::Response), Outcome::Broken)
}

/// Sends the last PDU, if there is one, and waits for the peer to close, so that it is not lost: closing a socket
/// with unread bytes discards what is on its way (PS3.8 9.2, state Sta13).
async fn say_goodbye(common: &Common, mut stream: TcpStream, outcome: &Outcome, associated: bool) {
    let Some(last_words) = last_words(outcome, associated) else { return };
    let deadline = Instant::now() + common.config.deadlines.close;
    let mut drain = common.drain.clone();
    let goodbye = async {
        if timeout_at(deadline, stream.write_all(&last_words)).await.is_ok_and(|result| result.is_ok()) {
            if !matches!(outcome, Outcome::Released) {
                // Whoever reads on learns by the end of the stream that no more will come.
                let _ = stream.shutdown().await;
            }
            let mut unread = vec![0; 16 * 1024];
            while timeout_at(deadline, stream.read(&mut unread))
                .await
                .is_ok_and(|result| result.is_ok_and(|count| count > 0))
            {}
        }
    };
    tokio::select! {
        () = goodbye => (),
        () = async {
            tokio::time::sleep_until(drained(&mut drain).await).await;
            // Even then the last words get a moment to be sent.
            tokio::time::sleep(Duration::from_millis(100)).await;
        } => (),
    }
}

/// What a peer is told at the end. One that has not asked for an association yet is no peer.
fn last_words(outcome: &Outcome, associated: bool) -> Option<[u8; 10]> {
    match outcome {
        Outcome::Released => Some(RELEASE_RP_PDU),
        Outcome::Rejected(rejection) => Some(pdu::reject(rejection.code())),
        Outcome::Aborted(violation) => Some(pdu::abort(violation.code())),
        Outcome::TimedOut(Step::Idle | Step::Message) | Outcome::TooSlow => Some(pdu::abort([2, 0])),
        Outcome::Drained => associated.then(|| pdu::abort([2, 0])),
        // Nobody is there, nobody reads, or nobody has said anything that could be answered.
        Outcome::TimedOut(Step::Request | Step::Response)
        | Outcome::PeerAborted(_)
        | Outcome::PeerClosed(_)
        | Outcome::Stranger
        | Outcome::TurnedAway
        | Outcome::Broken(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_six_bytes_tell_dicom_from_anything_else() {
        let verdict = |bytes: &[u8; 6]| match request_length(Header::parse(*bytes)) {
            Ok(length) => format!("request of {length}"),
            Err(outcome) => match last_words(&outcome, false) {
                Some(words) => format!("{} {:?}", outcome.name(), &words[8..]),
                None => outcome.name().to_owned(),
            },
        };
        let cases: &[(&[u8; 6], &str)] = &[
            (b"\x01\x00\x00\x00\x00\xCD", "request of 205"),
            (b"\x01\x07\x00\x00\x00\xCD", "request of 205"),
            (b"\x01\x00\x00\x02\x00\x00", "request of 131072"),
            (b"\x01\x00\x00\x02\x00\x01", "aborted [2, 6]"),
            (b"\x01\x00\xFF\xFF\xFF\xF0", "aborted [2, 6]"),
            (b"\x04\x00\x00\x00\x00\x10", "aborted [2, 2]"),
            (b"\x00\x00\x00\x00\x00\x10", "aborted [2, 1]"),
            (b"\xFF\x00\x00\x00\x00\x10", "aborted [2, 1]"),
            (b"\x07\x00\x00\x00\x00\x04", "peer_aborted"),
            (b"GET / ", "stranger"),
            (b"\x16\x03\x01\x02\x00\x01", "stranger"),
            (b"SSH-2.", "stranger"),
            (b"\x00\x00\xFF\x00\x00\x00", "stranger"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(verdict(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }
}
