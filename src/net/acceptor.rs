//! One connection from its first byte to its last: the association request, the messages, the end
//! (PS3.8 9.2 as acceptor; PS3.7 9.1.1 and 9.1.5).

use super::associate::Associate;
use super::associate_writer::write_acceptance;
use super::certificate::Certificate;
use super::commitment::STORAGE_COMMITMENT;
use super::common::Common;
use super::handler::{Association, Connection, Context, Outcome, Step, Tally};
use super::negotiation::{negotiate, users};
use super::patience::{Patience, last_moment};
use super::pdu::{self, ABORT, ASSOCIATE_RQ, HEADER_LEN, Header, MAX_ASSOCIATE, RELEASE_RP_PDU};
use super::reasons::{Rejection, Violation};
use super::session::Session;
use super::stream::Stream;
use super::tls::Tls;
use super::transport::{Transport, quick_acknowledge};
use super::user::User;
use crate::dicom::VERIFICATION;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

/// What the last words of a connection get to be sent when the node ends.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Who is to be turned away has this time to say who it is and to take the answer.
const TURNING_AWAY: Duration = Duration::from_millis(250);

/// Serves one connection to its end. Gives the facts about it.
pub(super) async fn attend(
    common: Arc<Common>,
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    peer: SocketAddr,
    id: u64,
) -> Connection {
    let start = Instant::now();
    // It only makes responses a little later when this fails.
    let _ = stream.set_nodelay(true);
    let mut connection = unserved(peer, id, Outcome::Stranger);
    connection.outcome = match secure(&common, stream, tls.as_deref()).await {
        Ok(stream) => {
            connection.certificate = certificate_of(&stream);
            let (stream, outcome) = converse(&common, stream, &mut connection).await;
            say_goodbye(&common, stream, &outcome, connection.association.is_some()).await;
            outcome
        }
        Err(outcome) => outcome,
    };
    connection.duration = start.elapsed();
    connection
}

/// A connection of which nothing is known.
pub(super) fn unserved(peer: SocketAddr, id: u64, outcome: Outcome) -> Connection {
    Connection {
        id,
        peer,
        certificate: None,
        association: None,
        calling: None,
        called: None,
        outcome,
        tally: Tally::default(),
        duration: Duration::ZERO,
    }
}

/// Rejects whoever asks for an association at once, for now; others are left without a word.
pub(super) async fn turn_away(
    common: &Common,
    stream: TcpStream,
    peer: SocketAddr,
    id: u64,
    rejection: Rejection,
) -> Connection {
    let start = Instant::now();
    let mut connection = unserved(peer, id, Outcome::TurnedAway);
    let refusal = async {
        let mut stream = Stream::Plain(stream);
        connection.outcome = match read_request(common, &mut stream).await {
            Ok(_) => Outcome::Rejected(rejection),
            Err(outcome) => outcome,
        };
        say_goodbye(common, stream, &connection.outcome, false).await;
    };
    // What was said by then was said.
    let _ = timeout_at(start + TURNING_AWAY, refusal).await;
    connection.duration = start.elapsed();
    connection
}

/// TLS where it is spoken (PS3.15 B.12), within its deadline; nothing is read from who does not speak it.
async fn secure(common: &Common, stream: TcpStream, tls: Option<&Tls>) -> Result<Stream, Outcome> {
    let Some(tls) = tls else { return Ok(Stream::Plain(stream)) };
    let mut patience =
        Patience::new(Step::Handshake, common.config.deadlines.handshake, common.drain.clone());
    let mut secured = None;
    let handshake = async {
        secured = Some(tls.acceptor().accept(stream).await?);
        Ok(1)
    };
    match patience.read(handshake).await {
        Ok(_) => {
            secured.map(|stream| Stream::Tls(Box::new(stream))).ok_or(Outcome::PeerClosed(Step::Handshake))
        }
        Err(Outcome::Broken(error)) => Err(Outcome::Handshake(error)),
        Err(outcome) => Err(outcome),
    }
}

fn certificate_of(stream: &Stream) -> Option<Certificate> {
    match stream {
        Stream::Plain(_) => None,
        Stream::Tls(stream) => stream.get_ref().1.peer_certificates()?.first().map(Certificate::new),
    }
}

/// From the request to the last message. Gives the connection back for its last words.
async fn converse(
    common: &Arc<Common>,
    mut stream: Stream,
    connection: &mut Connection,
) -> (Stream, Outcome) {
    let config = &common.config;
    let request = match read_request(common, &mut stream).await {
        Ok(request) => request,
        Err(outcome) => return (stream, outcome),
    };
    let shown = |name: &[u8]| Some(name.escape_ascii().to_string());
    (connection.calling, connection.called) = (shown(request.calling()), shown(request.called()));
    let contexts = match negotiate(&request, connection.peer.ip(), connection.certificate.as_ref(), config) {
        Ok(contexts) => contexts,
        Err(rejection) => return (stream, Outcome::Rejected(rejection)),
    };
    let (address, certificate) = (connection.peer.ip(), connection.certificate.as_ref());
    let user = match users(&request, address, certificate, config) {
        None => None,
        Some(users) => match identify(common, &request, users).await {
            Ok(user) => Some(user),
            Err(rejection) => return (stream, Outcome::Rejected(rejection)),
        },
    };
    if common.drain.borrow().is_some() {
        return (stream, Outcome::Rejected(Rejection::TemporaryCongestion));
    }
    if !is_ready(common, &contexts).await {
        return (stream, Outcome::Rejected(Rejection::NotReady));
    }
    let calling = String::from_utf8_lossy(request.calling()).into_owned();
    let places = (
        common.associations.take(&()),
        common.of_address.take(&connection.peer.ip()),
        common.of_calling.take(&calling),
    );
    let (Some(_of_all), Some(_of_address), Some(_of_calling)) = places else {
        return (stream, Outcome::Rejected(Rejection::LocalLimitExceeded));
    };
    let acceptance = match write_acceptance(&request, &contexts, config.max_pdu, user.is_some()) {
        Ok(acceptance) => acceptance,
        Err(_) => return (stream, Outcome::Rejected(Rejection::MalformedContexts)),
    };
    let mut transport = Transport::new(stream);
    let deadline = Instant::now() + config.deadlines.response;
    if let Err(outcome) = transport.write(&acceptance, deadline).await {
        return (transport.into_stream(), outcome);
    }
    let association = Arc::new(Association {
        id: connection.id,
        peer: connection.peer,
        certificate: connection.certificate.clone(),
        calling,
        called: String::from_utf8_lossy(request.called()).into_owned(),
        user,
        implementation_class_uid: request.user.implementation_class_uid,
        implementation_version_name: request.user.implementation_version_name,
        contexts,
    });
    connection.association = Some(Arc::clone(&association));
    common.handler.opened(&association);

    let session = Session::new(Arc::clone(common), association, transport, request.user.max_length);
    let (outcome, tally, transport) = session.run().await;
    connection.tally = tally;
    (transport.into_stream(), outcome)
}

/// Which one of these users the requestor has (PS3.7 D.3.3.7).
async fn identify(common: &Common, request: &Associate, users: Vec<User>) -> Result<String, Rejection> {
    let identity = request.user.identity.clone().ok_or(Rejection::UserIdentity)?;
    let deadline = Instant::now() + common.config.deadlines.request;
    let permit = timeout_at(deadline, Arc::clone(&common.identifying).acquire_owned()).await;
    let Ok(Ok(permit)) = permit else { return Err(Rejection::Busy) };
    let found = spawn_blocking(move || {
        let _permit = permit;
        identity.find(&users)
    });
    found.await.ok().flatten().ok_or(Rejection::UserIdentity)
}

/// Whether what is going to be sent could be stored now. A sign of life can be given always, and so can commitments.
async fn is_ready(common: &Common, contexts: &[Context]) -> bool {
    let needs_no_room = |uid: &str| uid == VERIFICATION || uid == STORAGE_COMMITMENT;
    let is_storage = |context: &Context| context.result.is_ok() && !needs_no_room(&context.abstract_syntax);
    if !contexts.iter().any(is_storage) {
        return true;
    }
    let handler = Arc::clone(&common.handler);
    // Whatever is wrong when it panics is told by the instances.
    spawn_blocking(move || handler.is_ready()).await.unwrap_or(true)
}

/// Reads the association request, and not one byte more. Its header tells DICOM from anything else, and what is kept
/// grows only as bytes arrive.
async fn read_request(common: &Common, stream: &mut Stream) -> Result<Associate, Outcome> {
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

/// Sends the last PDU, if there is one, and waits for the peer to close, so that it is not lost: closing a socket
/// with unread bytes discards what is on its way (PS3.8 9.2, state Sta13).
async fn say_goodbye(common: &Common, mut stream: Stream, outcome: &Outcome, associated: bool) {
    let Some(last_words) = last_words(outcome, associated) else { return };
    let deadline = Instant::now() + common.config.deadlines.close;
    let goodbye = async {
        let speak = async {
            stream.write_all(&last_words).await?;
            stream.flush().await
        };
        if timeout_at(deadline, speak).await.is_ok_and(|result| result.is_ok()) {
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
            last_moment(&common.drain).await;
            sleep(LAST_WORDS).await;
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
        Outcome::TimedOut(Step::Handshake | Step::Request | Step::Response)
        | Outcome::PeerAborted(_)
        | Outcome::PeerClosed(_)
        | Outcome::Handshake(_)
        | Outcome::Stranger
        | Outcome::Unknown
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
            (b"\x16\x03\x00\x00\xC8\x01", "stranger"),
            (b"SSH-2.", "stranger"),
            (b"\x00\x00\xFF\x00\x00\x00", "stranger"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(verdict(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }
}
