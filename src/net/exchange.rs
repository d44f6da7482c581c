//! The messages of an association that we asked for: a request goes out, and its response comes in (PS3.7 9.1.1 and 9.1.5,
//! PS3.8 9.3.5).

use super::command_set::{C_ECHO, C_STORE, MAX_COMMAND_SET, N_ACTION, N_EVENT_REPORT, RESPONSE};
use super::commitment::{LONGEST_REPORT, STORAGE_COMMITMENT_INSTANCE};
use super::conversation::Conversation;
use super::dimse_invoker::{
    Response, write_commitment_request, write_echo_request, write_report_request, write_store_request,
};
use super::dimse_performer::Command;
use super::handler::StoreAnswer;
use super::message_sender::MessageSender;
use super::pdata::Demultiplexer;
use super::pdu::{P_DATA_TF, abort};
use super::reasons::Violation;
use super::requestor_error::{RequestorError, WAITING};
use super::requestor_options::RequestorOptions;
use crate::dicom::{Source, VERIFICATION};
use std::time::{Duration, Instant};

/// An association after its negotiation. After any error it is at its end.
#[derive(Debug)]
pub(super) struct Exchange {
    conversation: Conversation,
    demultiplexer: Demultiplexer,
    sender: MessageSender,
    /// For the response to a request.
    response_time: Duration,
    last_message_id: u16,
}

impl Exchange {
    /// Nothing said yet, on a connection whose association has these contexts and a peer that takes PDUs of up to
    /// `peer_max` bytes (0: any).
    pub(super) fn new(
        conversation: Conversation,
        contexts: impl IntoIterator<Item = u8>,
        peer_max: u32,
        options: &RequestorOptions,
    ) -> Exchange {
        Exchange {
            conversation,
            demultiplexer: Demultiplexer::new(contexts),
            sender: MessageSender::new(peer_max, options),
            response_time: options.response,
            last_message_id: 0,
        }
    }

    /// C-ECHO on a context of the Verification SOP class.
    pub(super) fn echo(&mut self, context: u8) -> Result<StoreAnswer, RequestorError> {
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_echo_request(VERIFICATION, message_id, &mut command);
        self.sender.command(&mut self.conversation, context, &command)?;
        self.response(C_ECHO, message_id, None)
    }

    /// C-STORE of a data set in the transfer syntax of the context.
    pub(super) fn store(
        &mut self,
        context: u8,
        sop_class: &str,
        sop_instance: &str,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_store_request(sop_class, sop_instance, message_id, &mut command);
        self.sender.with_data_set(&mut self.conversation, context, &command, data_set)?;
        self.response(C_STORE, message_id, Some(sop_instance))
    }

    /// N-ACTION that asks for Storage Commitment of what the data set lists.
    pub(super) fn request_commitment(
        &mut self,
        context: u8,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_commitment_request(message_id, &mut command);
        self.sender.with_data_set(&mut self.conversation, context, &command, data_set)?;
        self.response(N_ACTION, message_id, Some(STORAGE_COMMITMENT_INSTANCE))
    }

    /// N-EVENT-REPORT of what has become of a request for Storage Commitment.
    pub(super) fn report_commitment(
        &mut self,
        context: u8,
        event_type: u16,
        data_set: &dyn Source,
    ) -> Result<StoreAnswer, RequestorError> {
        let message_id = self.next_message_id();
        let mut command = Vec::new();
        write_report_request(event_type, message_id, &mut command);
        self.sender.with_data_set(&mut self.conversation, context, &command, data_set)?;
        self.response(N_EVENT_REPORT, message_id, Some(STORAGE_COMMITMENT_INSTANCE))
    }

    /// Waits for a request of the peer with a data set: its command and the data set.
    pub(super) fn request(&mut self, deadline: Instant) -> Result<(Command, Vec<u8>), RequestorError> {
        let (mut command_set, mut data_set, mut command) = (Vec::new(), Vec::new(), None::<Command>);
        loop {
            let body = match self.conversation.read_pdu(deadline, WAITING)? {
                (P_DATA_TF, body) => body,
                (kind, _) => return Err(self.conversation.violated(Violation::UnexpectedPdu(kind))),
            };
            let mut rest = body.as_slice();
            while !rest.is_empty() {
                let (fragment, bytes, after) = self
                    .demultiplexer
                    .next(rest)
                    .map_err(|violation| self.conversation.violated(violation))?;
                rest = after;
                let (into, most) = match &command {
                    None => (&mut command_set, MAX_COMMAND_SET),
                    Some(_) => (&mut data_set, LONGEST_REPORT as usize),
                };
                if into.len() + bytes.len() > most {
                    return Err(self.conversation.violated(Violation::CommandSetTooLong { max: most }));
                }
                into.extend_from_slice(bytes);
                if !fragment.is_last {
                    continue;
                }
                if let Some(command) = command {
                    return Ok((command, data_set));
                }
                let read = Command::parse(&command_set)
                    .map_err(|violation| self.conversation.violated(violation))?;
                self.demultiplexer.command_read(read.has_data_set);
                if !read.has_data_set {
                    return Ok((read, data_set));
                }
                command = Some(read);
            }
        }
    }

    /// Answers a request of the peer.
    pub(super) fn respond(
        &mut self,
        context: u8,
        command: &Command,
        answer: &StoreAnswer,
    ) -> Result<(), RequestorError> {
        let mut response = Vec::new();
        command.respond(answer, &mut response);
        self.sender.command(&mut self.conversation, context, &response)
    }

    /// Whether the peer has neither closed the connection nor said anything that was not asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.conversation.is_quiet()
    }

    /// The connection, for what comes after the last message.
    pub(super) fn into_conversation(self) -> Conversation {
        self.conversation
    }

    fn next_message_id(&mut self) -> u16 {
        self.last_message_id = self.last_message_id.checked_add(1).unwrap_or(1);
        self.last_message_id
    }

    /// Reads the response to a request, which may name the instance and must not name another.
    fn response(
        &mut self,
        field: u16,
        message_id: u16,
        instance: Option<&str>,
    ) -> Result<StoreAnswer, RequestorError> {
        let deadline = Instant::now() + self.response_time;
        let mut command = Vec::new();
        loop {
            let body = match self.conversation.read_pdu(deadline, WAITING)? {
                (P_DATA_TF, body) => body,
                (kind, _) => return Err(self.conversation.violated(Violation::UnexpectedPdu(kind))),
            };
            let behind = take_fragments(&mut self.demultiplexer, &body, &mut command)
                .map_err(|violation| self.conversation.violated(violation))?;
            let Some(behind) = behind else { continue };
            let belongs = |response: &Response| {
                response.field == field | RESPONSE
                    && response.message_id == message_id
                    && !response.has_data_set
                    && behind.is_empty()
                    && response
                        .sop_instance
                        .as_deref()
                        .is_none_or(|named| instance.is_none_or(|i| i == named))
            };
            return match Response::parse(&command).filter(belongs) {
                Some(response) => Ok(response.answer),
                None => {
                    self.conversation.last_words(abort([0, 0]));
                    Err(RequestorError::WrongResponse)
                }
            };
        }
    }
}

/// Takes the fragments of a command set out of a P-DATA-TF PDU. Once the last one was there: what lies behind it.
fn take_fragments<'b>(
    demultiplexer: &mut Demultiplexer,
    body: &'b [u8],
    command: &mut Vec<u8>,
) -> Result<Option<&'b [u8]>, Violation> {
    let mut rest = body;
    while !rest.is_empty() {
        let (fragment, bytes, after) = demultiplexer.next(rest)?;
        rest = after;
        if command.len() + bytes.len() > MAX_COMMAND_SET {
            return Err(Violation::CommandSetTooLong { max: MAX_COMMAND_SET });
        }
        command.extend_from_slice(bytes);
        if fragment.is_last {
            demultiplexer.command_read(false);
            return Ok(Some(rest));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::pdata::frame_command;
    use super::super::requestor_error::SENDING;
    use super::super::testing::{USER_ABORT, hasty, peer, response};
    use super::*;
    use crate::dicom::Tag;
    use crate::net::command_set::{CommandWriter, NO_DATA_SET};
    use std::io::{self, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    /// An association with a peer that takes PDUs of this length and says `says` whatever comes.
    fn exchange(peer_max: u32, says: Vec<u8>) -> (Exchange, JoinHandle<Vec<u8>>) {
        let (address, peer) = peer(|_| (), says);
        let options = hasty();
        (over(Conversation::open(address, options.connect, options.max_pdu).unwrap(), peer_max), peer)
    }

    fn over(conversation: Conversation, peer_max: u32) -> Exchange {
        Exchange::new(conversation, [1, 3], peer_max, &hasty())
    }

    #[test]
    fn silence_has_an_end() {
        let (mut exchange, peer) = exchange(0, Vec::new());
        assert!(matches!(exchange.echo(1), Err(RequestorError::TimedOut(WAITING))));
        drop(exchange);
        peer.join().unwrap();
    }

    #[test]
    fn responses_must_belong_to_the_request() {
        for (field, message_id) in [(C_ECHO, 2), (C_STORE, 1)] {
            let (mut exchange, peer) = exchange(0, response(1, field, message_id));
            assert!(matches!(exchange.echo(1), Err(RequestorError::WrongResponse)));
            drop(exchange);
            assert!(peer.join().unwrap().ends_with(&USER_ABORT));
        }
    }

    #[test]
    fn f08_a_response_in_drops_and_a_peer_that_takes_nothing_have_their_end() {
        let (address, _peer) = peer(
            |stream| {
                for byte in response(1, C_ECHO, 1).into_iter().take(40) {
                    let _ = stream.write_all(&[byte]);
                    thread::sleep(Duration::from_millis(20));
                }
            },
            Vec::new(),
        );
        let options = hasty();
        let mut exchange = over(Conversation::open(address, options.connect, options.max_pdu).unwrap(), 0);
        assert!(matches!(exchange.echo(1), Err(RequestorError::TimedOut(WAITING))));

        // The system accepts for a listener that does not; nobody reads.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut exchange = over(Conversation::open(address, options.connect, options.max_pdu).unwrap(), 0);
        exchange.sender.send_time = Duration::from_millis(200);
        exchange.sender.minimum_rate = 1 << 30;
        let error = exchange.store(3, "1.2", "1.2.3", &vec![0; 64 << 20]).unwrap_err();
        assert!(matches!(error, RequestorError::TimedOut(SENDING)), "{error}");
    }

    #[test]
    fn f05_a_response_about_another_instance_is_none() {
        let named = |uid: &str| {
            let (mut set, mut pdu) = (Vec::new(), Vec::new());
            let mut writer = CommandWriter::new(&mut set);
            writer.us(Tag::COMMAND_FIELD, C_STORE | RESPONSE);
            writer.us(Tag::MESSAGE_ID_BEING_RESPONDED_TO, 1);
            writer.us(Tag::COMMAND_DATA_SET_TYPE, NO_DATA_SET);
            writer.us(Tag::STATUS, 0);
            writer.ui(Tag::AFFECTED_SOP_INSTANCE_UID, uid);
            writer.finish();
            frame_command(3, &set, 0, &mut pdu);
            pdu
        };
        for (uid, belongs) in [("1.2.3", true), ("1.2.4", false)] {
            let (mut exchange, peer) = exchange(0, named(uid));
            let answer = exchange.store(3, "1.2", "1.2.3", &vec![0u8; 4]);
            assert_eq!(answer.is_ok(), belongs, "{answer:?}");
            assert!(belongs || matches!(answer, Err(RequestorError::WrongResponse)));
            drop(exchange);
            peer.join().unwrap();
        }
    }

    #[test]
    fn message_ids_count_on_and_are_never_zero() {
        let (mut exchange, peer) =
            exchange(0, [response(1, C_ECHO, 65_535), response(1, C_ECHO, 1)].concat());
        exchange.last_message_id = 65_534;
        for _ in 0..2 {
            assert!(exchange.echo(1).unwrap().status.is_performed());
        }
        drop(exchange);
        peer.join().unwrap();
    }

    #[test]
    fn data_sets_are_cut_to_what_the_peer_takes() {
        let cases =
            [(0, 1_000, 1), (u32::MAX, 1_000, 1), (1_006, 1_000, 1), (1_005, 1_000, 2), (64, 20_000, 345)];
        for (maximum, length, expected) in cases {
            let data_set: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (mut exchange, peer) = exchange(maximum, response(3, C_STORE, 1));
            let answer = exchange.store(3, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", &data_set).unwrap();
            assert!(answer.status.is_performed());
            drop(exchange);
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
        let (mut exchange, peer) = exchange(16_384, Vec::new());
        let error = exchange.store(3, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", &Broken).unwrap_err();
        assert!(matches!(error, RequestorError::Source(_)), "{error}");
        drop(exchange);
        assert!(peer.join().unwrap().ends_with(&USER_ABORT));
    }
}
