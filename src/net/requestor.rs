//! A-ASSOCIATE as requestor, and C-ECHO and C-STORE as a user of them (PS3.8 9.2, PS3.7 9.1.1 and 9.1.5).
//!
//! Plain blocking sockets: whoever sends has nothing else to do meanwhile. Each step has its deadline.

use super::associate::{Associate, MAX_CONTEXTS, write_request};
use super::command_set::{C_ECHO, C_STORE, MAX_COMMAND_SET, RESPONSE};
use super::config::DEFAULT_MAX_PDU;
use super::conversation::{CONNECTING, Conversation, RELEASING, RequestorError, SENDING, WAITING, last};
use super::dimse_invoker::{Response, write_echo_request, write_store_request};
use super::handler::{Context, ContextRefusal, StoreAnswer};
use super::negotiation::SMALLEST_PEER_MAXIMUM;
use super::pdata::{Demultiplexer, PDV_HEADER_LEN, fragment_room, frame_command, pdu_header};
use super::pdu::{ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA_TF, RELEASE_RP, RELEASE_RQ_PDU, abort};
use super::reasons::Violation;
use crate::dicom::{Source, TransferSyntax, VERIFICATION};
use dicom_ul::pdu::PresentationContextProposed;
use std::io::IoSlice;
use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

/// Who asks, whom, and how long each step may take.
#[derive(Clone, Debug)]
pub struct RequestorOptions {
    /// Our AE title.
    pub calling: String,
    /// The AE title of the peer.
    pub called: String,
    /// The longest P-DATA-TF PDU that we take and send, in bytes.
    pub max_pdu: u32,
    /// For each address to accept the connection.
    pub connect: Duration,
    /// For the answer to the association request.
    pub associate: Duration,
    /// For the peer to take one PDU.
    pub send: Duration,
    /// For the response to a request; the peer may have to store an instance first.
    pub response: Duration,
    /// For the answer to the wish to release the association.
    pub release: Duration,
}

impl RequestorOptions {
    /// With these AE titles, and times that suit a local network.
    pub fn new(calling: &str, called: &str) -> RequestorOptions {
        RequestorOptions {
            calling: calling.to_owned(),
            called: called.to_owned(),
            max_pdu: DEFAULT_MAX_PDU,
            connect: Duration::from_secs(10),
            associate: Duration::from_secs(30),
            send: Duration::from_secs(60),
            response: Duration::from_secs(300),
            release: Duration::from_secs(10),
        }
    }
}

/// A presentation context to propose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedContext {
    /// The SOP class.
    pub abstract_syntax: String,
    /// The transfer syntaxes, the best one first.
    pub transfer_syntaxes: Vec<&'static TransferSyntax>,
}

/// An association that we asked for.
#[derive(Debug)]
pub struct Requestor {
    conversation: Conversation,
    options: RequestorOptions,
    contexts: Vec<Context>,
    demultiplexer: Demultiplexer,
    peer_max: u32,
    last_message_id: u16,
    out: Vec<u8>,
}

impl Requestor {
    /// Connects and negotiates an association. Which contexts were accepted is said by [`Requestor::contexts`]; it may
    /// be none.
    ///
    /// # Errors
    /// When there is no connection, no association, or nothing that can be worked with.
    pub fn connect(
        address: impl ToSocketAddrs,
        options: RequestorOptions,
        proposed: &[ProposedContext],
    ) -> Result<Requestor, RequestorError> {
        if proposed.len() > MAX_CONTEXTS {
            return Err(RequestorError::TooManyContexts(proposed.len()));
        }
        let contexts = (1..=u8::MAX)
            .step_by(2)
            .zip(proposed)
            .map(|(id, context)| PresentationContextProposed {
                id,
                abstract_syntax: context.abstract_syntax.clone(),
                transfer_syntaxes: context.transfer_syntaxes.iter().map(|s| s.uid.to_owned()).collect(),
            })
            .collect();
        let request = write_request(&options.calling, &options.called, contexts, options.max_pdu)
            .map_err(RequestorError::Request)?;
        let mut requestor = Requestor {
            conversation: Conversation::open(address, options.connect, options.max_pdu)?,
            options,
            contexts: Vec::new(),
            demultiplexer: Demultiplexer::new([]),
            peer_max: 0,
            last_message_id: 0,
            out: Vec::new(),
        };
        let deadline = Instant::now() + requestor.options.associate;
        requestor.conversation.write(&mut [IoSlice::new(&request)], deadline, CONNECTING)?;
        let body = match requestor.conversation.read_pdu(deadline, CONNECTING)? {
            (ASSOCIATE_AC, body) => body,
            (ASSOCIATE_RJ, body) => return Err(RequestorError::Rejected(last(&body))),
            (kind, _) => return Err(requestor.conversation.violated(Violation::UnexpectedPdu(kind))),
        };
        let acceptance =
            Associate::parse(&body).map_err(|violation| requestor.conversation.violated(violation))?;
        requestor.peer_max = acceptance.user.max_length;
        if (1..SMALLEST_PEER_MAXIMUM).contains(&requestor.peer_max) {
            requestor.conversation.last_words(abort([0, 0]));
            return Err(RequestorError::PeerMaximum(requestor.peer_max));
        }
        requestor.contexts = results(proposed, &acceptance);
        let accepted = requestor.contexts.iter().filter(|context| context.result.is_ok());
        requestor.demultiplexer = Demultiplexer::new(accepted.map(|context| context.id));
        Ok(requestor)
    }

    /// The contexts that were proposed, in that order, and what became of each.
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The number of an accepted context for this SOP class in this transfer syntax.
    pub fn context(&self, abstract_syntax: &str, transfer_syntax: &TransferSyntax) -> Option<u8> {
        self.contexts
            .iter()
            .find(|context| {
                context.abstract_syntax == abstract_syntax && context.result == Ok(transfer_syntax)
            })
            .map(|context| context.id)
    }

    /// Asks the peer for a sign of life: C-ECHO.
    ///
    /// # Errors
    /// When Verification was not accepted or the association is at its end.
    pub fn echo(&mut self) -> Result<StoreAnswer, RequestorError> {
        let is_verification =
            |context: &&Context| context.abstract_syntax == VERIFICATION && context.result.is_ok();
        let context = self.contexts.iter().find(is_verification).ok_or(RequestorError::NoVerification)?.id;
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_echo_request(VERIFICATION, message_id, &mut command);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        frame_command(context, &command, self.peer_max, &mut out);
        self.conversation.write(&mut [IoSlice::new(&out)], Instant::now() + self.options.send, SENDING)?;
        self.out = out;
        self.response(C_ECHO, message_id)
    }

    /// Sends an instance: C-STORE with a data set that is encoded in the transfer syntax of the context.
    ///
    /// # Errors
    /// When the context was not accepted (the association goes on), or the association is at its end.
    pub fn store(
        &mut self,
        context: u8,
        sop_class: &str,
        sop_instance: &str,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        if !self.contexts.iter().any(|known| known.id == context && known.result.is_ok()) {
            return Err(RequestorError::ContextNotAccepted(context));
        }
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_store_request(sop_class, sop_instance, message_id, &mut command);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        frame_command(context, &command, self.peer_max, &mut out);

        let room = fragment_room(self.peer_max, self.options.max_pdu) as u64;
        let mut offset = 0;
        loop {
            let end = data_set.len().min(offset + room);
            let is_last = end == data_set.len();
            let fragment = match data_set.bytes(offset..end) {
                Ok(fragment) => fragment,
                Err(error) => {
                    // The message has begun and cannot be ended; nothing but the whole data set may arrive.
                    self.conversation.last_words(abort([0, 0]));
                    return Err(RequestorError::Source(error));
                }
            };
            let header = pdu_header(context, false, is_last, fragment.len() as u32);
            let deadline = Instant::now() + self.options.send;
            // The command set goes out together with the first fragment.
            let mut slices = [IoSlice::new(&out), IoSlice::new(&header), IoSlice::new(&fragment)];
            self.conversation.write(&mut slices, deadline, SENDING)?;
            out.clear();
            if is_last {
                break;
            }
            offset = end;
        }
        self.out = out;
        self.response(C_STORE, message_id)
    }

    /// Ends the association in order.
    ///
    /// # Errors
    /// When the peer does not agree in time; the association is at its end all the same.
    pub fn release(mut self) -> Result<(), RequestorError> {
        let deadline = Instant::now() + self.options.release;
        self.conversation.write(&mut [IoSlice::new(&RELEASE_RQ_PDU)], deadline, RELEASING)?;
        match self.conversation.read_pdu(deadline, RELEASING)? {
            (RELEASE_RP, _) => Ok(()),
            (kind, _) => Err(self.conversation.violated(Violation::UnexpectedPdu(kind))),
        }
    }

    /// Ends the association at once.
    pub fn abort(mut self) {
        self.conversation.last_words(abort([0, 0]));
    }

    fn next_message_id(&mut self) -> u16 {
        self.last_message_id = self.last_message_id.checked_add(1).unwrap_or(1);
        self.last_message_id
    }

    /// Reads the response to a request.
    fn response(&mut self, field: u16, message_id: u16) -> Result<StoreAnswer, RequestorError> {
        let deadline = Instant::now() + self.options.response;
        let mut command = Vec::new();
        loop {
            let body = match self.conversation.read_pdu(deadline, WAITING)? {
                (P_DATA_TF, body) => body,
                (kind, _) => return Err(self.conversation.violated(Violation::UnexpectedPdu(kind))),
            };
            let mut rest = &body[..];
            while !rest.is_empty() {
                let left = rest.len() as u32;
                let Some((header, after)) = rest.split_first_chunk::<PDV_HEADER_LEN>() else {
                    return Err(self.conversation.violated(Violation::PdvLength(left)));
                };
                let fragment = self
                    .demultiplexer
                    .fragment(*header, left)
                    .map_err(|violation| self.conversation.violated(violation))?;
                let (bytes, after) = after
                    .split_at_checked(fragment.length)
                    .ok_or_else(|| self.conversation.violated(Violation::PdvLength(left)))?;
                rest = after;
                if command.len() + bytes.len() > MAX_COMMAND_SET {
                    return Err(self
                        .conversation
                        .violated(Violation::CommandSetTooLong { max: MAX_COMMAND_SET }));
                }
                command.extend_from_slice(bytes);
                if fragment.is_last {
                    self.demultiplexer.command_read(false);
                    return match Response::parse(&command) {
                        Some(response)
                            if response.field == field | RESPONSE
                                && response.message_id == message_id
                                && !response.has_data_set
                                && rest.is_empty() =>
                        {
                            Ok(response.answer)
                        }
                        _ => {
                            self.conversation.last_words(abort([0, 0]));
                            Err(RequestorError::WrongResponse)
                        }
                    };
                }
            }
        }
    }
}

/// What became of each context. An answer that cannot be is none.
fn results(proposed: &[ProposedContext], acceptance: &Associate) -> Vec<Context> {
    let result = |id: u8, proposed: &ProposedContext| {
        let item = acceptance.contexts.iter().find(|item| item.id == id).ok_or(ContextRefusal::NoReason)?;
        match item.result {
            0 => proposed
                .transfer_syntaxes
                .iter()
                .find(|syntax| item.transfer_syntaxes.first().is_some_and(|uid| uid == syntax.uid))
                .copied()
                .ok_or(ContextRefusal::NoReason),
            1 => Err(ContextRefusal::User),
            3 => Err(ContextRefusal::AbstractSyntax),
            4 => Err(ContextRefusal::TransferSyntaxes),
            _ => Err(ContextRefusal::NoReason),
        }
    };
    (1..=u8::MAX)
        .step_by(2)
        .zip(proposed)
        .map(|(id, proposed)| Context {
            id,
            abstract_syntax: proposed.abstract_syntax.clone(),
            result: result(id, proposed),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::{self, JoinHandle};

    /// A peer that reads the association request, says `answer` and then `then`, and reads on to the end.
    fn peer(answer: Vec<u8>, then: Vec<u8>) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut header = [0; 6];
            stream.read_exact(&mut header).unwrap();
            let length = u32::from_be_bytes(header[2..].try_into().unwrap());
            stream.read_exact(&mut vec![0; length as usize]).unwrap();
            stream.write_all(&answer).unwrap();
            stream.write_all(&then).unwrap();
            let mut rest = Vec::new();
            // The requestor may close with our bytes unread.
            let _ = stream.read_to_end(&mut rest);
            rest
        });
        (address, peer)
    }

    fn options() -> RequestorOptions {
        let short = Duration::from_millis(200);
        RequestorOptions {
            associate: short,
            response: short,
            release: short,
            ..RequestorOptions::new("SENDER", "ARCHIVE")
        }
    }

    fn proposed() -> Vec<ProposedContext> {
        let syntax = |uid| TransferSyntax::of_uid(uid).unwrap();
        let transfer_syntaxes = vec![syntax("1.2.840.10008.1.2.1"), syntax("1.2.840.10008.1.2")];
        [VERIFICATION, "1.2.840.10008.5.1.4.1.1.2", "1.2.3"]
            .map(|uid| ProposedContext {
                abstract_syntax: uid.to_owned(),
                transfer_syntaxes: transfer_syntaxes.clone(),
            })
            .to_vec()
    }

    /// An acceptance with one result for each context, and this Maximum Length.
    fn acceptance(max_length: u32, results: &[(u8, u8, &str)]) -> Vec<u8> {
        use dicom_ul::pdu::*;
        let reasons = [
            PresentationContextResultReason::Acceptance,
            PresentationContextResultReason::UserRejection,
            PresentationContextResultReason::NoReason,
            PresentationContextResultReason::AbstractSyntaxNotSupported,
        ];
        let pdu = Pdu::AssociationAC(AssociationAC {
            protocol_version: 1,
            calling_ae_title: "SENDER".into(),
            called_ae_title: "ARCHIVE".into(),
            application_context_name: "1.2.840.10008.3.1.1.1".into(),
            presentation_contexts: results
                .iter()
                .map(|(id, reason, transfer_syntax)| PresentationContextResult {
                    id: *id,
                    reason: reasons[usize::from(*reason)].clone(),
                    transfer_syntax: (*transfer_syntax).to_owned(),
                })
                .collect(),
            user_variables: vec![UserVariableItem::MaxLength(max_length)],
        });
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, &pdu).unwrap();
        bytes
    }

    fn accepting() -> Vec<u8> {
        acceptance(16_384, &[(1, 0, "1.2.840.10008.1.2.1"), (3, 0, "1.2.840.10008.1.2"), (5, 3, "")])
    }

    /// A C-ECHO-RSP, made with the acceptor's side.
    fn response(field: u16, message_id: u16) -> Vec<u8> {
        let command = super::super::dimse_performer::Command {
            field,
            message_id,
            has_data_set: false,
            sop_class: None,
            sop_instance: None,
            request: super::super::dimse_performer::Request::Echo,
        };
        let (mut set, mut pdu) = (Vec::new(), Vec::new());
        command.respond(&StoreAnswer::from(super::super::status::Status::SUCCESS), &mut set);
        frame_command(1, &set, 0, &mut pdu);
        pdu
    }

    fn refused(answer: Vec<u8>) -> (RequestorError, Vec<u8>) {
        let (address, peer) = peer(answer, Vec::new());
        let error = Requestor::connect(address, options(), &proposed()).unwrap_err();
        (error, peer.join().unwrap())
    }

    const USER_ABORT: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 0, 0];

    #[test]
    fn results_are_matched_to_what_was_proposed() {
        let (address, peer) = peer(accepting(), response(C_ECHO, 1));
        let mut requestor = Requestor::connect(address, options(), &proposed()).unwrap();
        let results: Vec<_> =
            requestor.contexts().iter().map(|c| (c.id, c.result.map(|syntax| syntax.uid))).collect();
        let expected = [
            (1, Ok("1.2.840.10008.1.2.1")),
            (3, Ok("1.2.840.10008.1.2")),
            (5, Err(ContextRefusal::AbstractSyntax)),
        ];
        assert_eq!(results, expected);
        let implicit = TransferSyntax::of_uid("1.2.840.10008.1.2").unwrap();
        assert_eq!(requestor.context("1.2.840.10008.5.1.4.1.1.2", implicit), Some(3));
        assert_eq!(requestor.context(VERIFICATION, implicit), None);
        assert!(requestor.echo().unwrap().status.is_performed());
        let error = requestor.store(5, "1.2.3", "1.2.4", &vec![0u8; 4]).unwrap_err();
        assert!(matches!(error, RequestorError::ContextNotAccepted(5)), "{error}");
        requestor.abort();
        assert!(peer.join().unwrap().ends_with(&USER_ABORT));
    }

    #[test]
    fn refusals_are_told_in_words() {
        let (error, _) = refused(super::super::pdu::reject([1, 1, 7]).to_vec());
        assert_eq!(
            error.to_string(),
            "the peer rejected the association: called AE title not recognized, for good (1,1,7)"
        );
        let (error, _) = refused(abort([2, 6]).to_vec());
        assert_eq!(
            error.to_string(),
            "the peer aborted the association by its upper layer, invalid PDU parameter value (2,6)"
        );
        let (error, sent) = refused(b"HTTP/1.1 400 Bad Request\r\n".to_vec());
        assert!(matches!(error, RequestorError::Violation(Violation::UnrecognizedPdu(b'H'))), "{error}");
        assert!(sent.is_empty() || sent == abort([2, 1]));
        let (error, sent) = refused(b"\x02\x00\xFF\xFF\xFF\xFF".to_vec());
        assert!(matches!(error, RequestorError::Violation(Violation::PduLength { .. })), "{error}");
        assert_eq!(sent, abort([2, 6]));
    }

    #[test]
    fn n15_a_peer_that_takes_only_crumbs_is_left() {
        for maximum in [1, 7, 63] {
            let (error, sent) = refused(acceptance(maximum, &[(1, 0, "1.2.840.10008.1.2")]));
            assert!(matches!(error, RequestorError::PeerMaximum(m) if m == maximum), "{error}");
            assert_eq!(sent, USER_ABORT);
        }
    }

    #[test]
    fn silence_has_an_end() {
        let (error, _) = refused(Vec::new());
        assert_eq!(error.to_string(), "the peer took too long while the association was requested");
        let (address, peer) = peer(accepting(), Vec::new());
        let mut requestor = Requestor::connect(address, options(), &proposed()).unwrap();
        assert!(matches!(requestor.echo(), Err(RequestorError::TimedOut(WAITING))));
        drop(requestor);
        peer.join().unwrap();
    }

    #[test]
    fn responses_must_belong_to_the_request() {
        for (field, message_id) in [(C_ECHO, 2), (C_STORE, 1)] {
            let (address, peer) = peer(accepting(), response(field, message_id));
            let mut requestor = Requestor::connect(address, options(), &proposed()).unwrap();
            assert!(matches!(requestor.echo(), Err(RequestorError::WrongResponse)));
            drop(requestor);
            assert!(peer.join().unwrap().ends_with(&USER_ABORT));
        }
    }

    #[test]
    fn data_sets_are_cut_to_what_the_peer_takes() {
        let data_set: Vec<u8> = (0..1_000u32).map(|i| i as u8).collect();
        for (maximum, expected) in [(0, 1), (u32::MAX, 1), (1_006, 1), (1_005, 2), (64, 18)] {
            let accepted = acceptance(maximum, &[(3, 0, "1.2.840.10008.1.2")]);
            let (address, peer) = peer(accepted, response(C_STORE, 1).replace_context(3));
            let mut requestor = Requestor::connect(address, options(), &proposed()).unwrap();
            let answer = requestor.store(3, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", &data_set).unwrap();
            assert!(answer.status.is_performed());
            drop(requestor);
            let sent = peer.join().unwrap();
            let (mut rest, mut received, mut pdus) = (&sent[..], Vec::new(), 0);
            while let Some((header, after)) = rest.split_first_chunk::<12>() {
                let length = u32::from_be_bytes(header[2..6].try_into().unwrap());
                assert!(maximum == 0 || length <= maximum, "{length} bytes for {maximum}");
                let (fragment, after) = after.split_at(length as usize - 6);
                let control = header[11];
                if control & 1 == 0 {
                    received.extend_from_slice(fragment);
                    pdus += 1;
                    assert_eq!(control & 2 != 0, after.is_empty());
                }
                rest = after;
            }
            assert_eq!((received == data_set, pdus), (true, expected), "{maximum}");
        }
    }

    trait ReplaceContext {
        fn replace_context(self, context: u8) -> Self;
    }

    impl ReplaceContext for Vec<u8> {
        fn replace_context(mut self, context: u8) -> Vec<u8> {
            self[10] = context;
            self
        }
    }

    #[test]
    fn a_data_set_that_cannot_be_read_is_not_sent_in_part() {
        struct Broken;
        impl Source for Broken {
            fn len(&self) -> u64 {
                1_000_000
            }
            fn bytes(&self, range: std::ops::Range<u64>) -> io::Result<std::borrow::Cow<'_, [u8]>> {
                if range.start == 0 {
                    Ok(vec![0; range.end as usize].into())
                } else {
                    Err(io::ErrorKind::Other.into())
                }
            }
        }
        let (address, peer) = peer(accepting(), Vec::new());
        let mut requestor = Requestor::connect(address, options(), &proposed()).unwrap();
        let error = requestor.store(3, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", &Broken).unwrap_err();
        assert!(matches!(error, RequestorError::Source(_)), "{error}");
        drop(requestor);
        assert!(peer.join().unwrap().ends_with(&USER_ABORT));
    }

    #[test]
    fn more_contexts_than_numbers_cannot_be_proposed() {
        let many = vec![proposed().remove(0); 129];
        let error = Requestor::connect("127.0.0.1:1", options(), &many).unwrap_err();
        assert!(matches!(error, RequestorError::TooManyContexts(129)));
    }
}
