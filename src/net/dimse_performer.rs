//! DIMSE as the performer of operations: what a request asks for, and the response to it (PS3.7 sections 9.1.1, 9.1.5,
//! 9.3, 10.1.1 as the one that an event is reported to, and 10.1.4).
//!
//! What a command set means is decided here; whether it is obeyed is decided by the session and by the handler.

use super::command_set::{
    C_CANCEL, C_ECHO, C_STORE, CommandSet, CommandWriter, N_ACTION, N_EVENT_REPORT, NO_DATA_SET, RESPONSE,
};
use super::handler::{MoveOriginator, ReceivedUid, StoreAnswer};
use super::reasons::Violation;
use crate::dicom::Tag;

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Command Field.
    pub(super) field: u16,
    /// Message ID; 0 for C-CANCEL, which has none.
    pub(super) message_id: u16,
    /// Whether a data set follows.
    pub(super) has_data_set: bool,
    /// Affected (or else Requested) SOP Class UID.
    pub(super) sop_class: Option<ReceivedUid>,
    /// Affected (or else Requested) SOP Instance UID.
    pub(super) sop_instance: Option<ReceivedUid>,
    /// What is asked for.
    pub(super) request: Request,
}

/// What a command set asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// C-STORE-RQ with all its mandatory elements.
    Store {
        /// Affected SOP Class UID.
        sop_class: ReceivedUid,
        /// Affected SOP Instance UID.
        sop_instance: ReceivedUid,
        /// Who asked the sender to send.
        move_originator: Option<MoveOriginator>,
    },
    /// C-ECHO-RQ.
    Echo,
    /// N-EVENT-REPORT-RQ with a data set.
    Event {
        /// Event Type ID.
        event_type: u16,
    },
    /// N-ACTION-RQ with a data set.
    Action {
        /// Action Type ID.
        action_type: u16,
    },
    /// C-CANCEL-RQ.
    Cancel,
    /// An operation that is not offered.
    Unrecognized,
    /// A mandatory element is missing or has the wrong form.
    Mistyped(Tag),
}

impl Command {
    /// Reads a whole command set.
    ///
    /// # Errors
    /// When the command set cannot be read, cannot be answered, or is an answer itself.
    pub(super) fn parse(bytes: &[u8]) -> Result<Command, Violation> {
        let set = CommandSet::parse(bytes)?;
        let field = set.u16(Tag::COMMAND_FIELD).ok_or(Violation::UnanswerableCommand)?;
        if field & RESPONSE != 0 {
            return Err(Violation::UnexpectedResponse(field));
        }
        let message_id = match set.u16(Tag::MESSAGE_ID) {
            Some(message_id) => message_id,
            None if field == C_CANCEL => 0,
            None => return Err(Violation::UnanswerableCommand),
        };
        let sop_class = set.uid(Tag::AFFECTED_SOP_CLASS_UID);
        let sop_instance = set.uid(Tag::AFFECTED_SOP_INSTANCE_UID);
        let request = match field {
            C_STORE => store(&set, sop_class.clone(), sop_instance.clone()),
            C_ECHO if set.u16(Tag::COMMAND_DATA_SET_TYPE) != Some(NO_DATA_SET) => {
                Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE)
            }
            C_ECHO if sop_class.is_none() => Request::Mistyped(Tag::AFFECTED_SOP_CLASS_UID),
            C_ECHO => Request::Echo,
            C_CANCEL => Request::Cancel,
            N_EVENT_REPORT if sop_class.is_none() => Request::Mistyped(Tag::AFFECTED_SOP_CLASS_UID),
            N_EVENT_REPORT if !set.announces_data_set() => Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE),
            N_EVENT_REPORT => match set.u16(Tag::EVENT_TYPE_ID) {
                Some(event_type) => Request::Event { event_type },
                None => Request::Mistyped(Tag::EVENT_TYPE_ID),
            },
            N_ACTION => action(&set),
            _ => Request::Unrecognized,
        };
        Ok(Command {
            field,
            message_id,
            has_data_set: set.announces_data_set(),
            sop_class: sop_class.or_else(|| set.uid(Tag::REQUESTED_SOP_CLASS_UID)),
            sop_instance: sop_instance.or_else(|| set.uid(Tag::REQUESTED_SOP_INSTANCE_UID)),
            request,
        })
    }

    /// Appends the response to this request.
    pub(super) fn respond(&self, answer: &StoreAnswer, out: &mut Vec<u8>) {
        let mut set = CommandWriter::new(out);
        if let Some(sop_class) = &self.sop_class {
            set.ui(Tag::AFFECTED_SOP_CLASS_UID, &sop_class.text);
        }
        set.us(Tag::COMMAND_FIELD, self.field | RESPONSE);
        set.us(Tag::MESSAGE_ID_BEING_RESPONDED_TO, self.message_id);
        set.us(Tag::COMMAND_DATA_SET_TYPE, NO_DATA_SET);
        set.us(Tag::STATUS, answer.status.0);
        set.at(Tag::OFFENDING_ELEMENT, &answer.offending);
        if let Some(comment) = &answer.comment {
            set.lo(Tag::ERROR_COMMENT, comment);
        }
        if let Some(sop_instance) = &self.sop_instance {
            set.ui(Tag::AFFECTED_SOP_INSTANCE_UID, &sop_instance.text);
        }
        match self.request {
            Request::Event { event_type } => set.us(Tag::EVENT_TYPE_ID, event_type),
            Request::Action { action_type } => set.us(Tag::ACTION_TYPE_ID, action_type),
            _ => {}
        }
        set.finish();
    }
}

/// The mandatory elements of C-STORE-RQ (PS3.7 Table 9.3-1).
fn store(set: &CommandSet, sop_class: Option<ReceivedUid>, sop_instance: Option<ReceivedUid>) -> Request {
    let Some(sop_class) = sop_class else { return Request::Mistyped(Tag::AFFECTED_SOP_CLASS_UID) };
    let Some(sop_instance) = sop_instance else { return Request::Mistyped(Tag::AFFECTED_SOP_INSTANCE_UID) };
    if set.u16(Tag::PRIORITY).is_none() {
        return Request::Mistyped(Tag::PRIORITY);
    }
    if !set.announces_data_set() {
        return Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE);
    }
    let move_originator = set
        .text(Tag::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE)
        .filter(|title| !title.is_empty())
        .map(|ae_title| MoveOriginator { ae_title, message_id: set.u16(Tag::MOVE_ORIGINATOR_MESSAGE_ID) });
    Request::Store { sop_class, sop_instance, move_originator }
}

/// The mandatory elements of N-ACTION-RQ with a data set (PS3.7 Table 10.3-7).
fn action(set: &CommandSet) -> Request {
    for tag in [Tag::REQUESTED_SOP_CLASS_UID, Tag::REQUESTED_SOP_INSTANCE_UID] {
        if set.uid(tag).is_none() {
            return Request::Mistyped(tag);
        }
    }
    if !set.announces_data_set() {
        return Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE);
    }
    match set.u16(Tag::ACTION_TYPE_ID) {
        Some(action_type) => Request::Action { action_type },
        None => Request::Mistyped(Tag::ACTION_TYPE_ID),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command_set::MAX_COMMAND_SET;
    use super::super::dimse_invoker::{Response, write_commitment_request, write_echo_request};
    use super::super::status::Status;
    use super::super::testing::{STORE_RQ, store_rq_without as without};
    use super::*;
    use crate::dicom::Uid;

    fn uid(text: &str) -> ReceivedUid {
        ReceivedUid { text: text.to_owned(), uid: Uid::parse(text) }
    }

    #[test]
    fn a_store_request_is_read() {
        let command = Command::parse(STORE_RQ).unwrap();
        assert_eq!((command.field, command.message_id, command.has_data_set), (C_STORE, 7, true));
        let expected = Request::Store {
            sop_class: uid("1.2.840"),
            sop_instance: uid("1.2.3"),
            move_originator: Some(MoveOriginator { ae_title: "MOVER".to_owned(), message_id: Some(9) }),
        };
        assert_eq!(command.request, expected);
    }

    #[test]
    fn mandatory_elements_are_missed_and_their_form_is_checked() {
        let cases: &[(Tag, Option<&[u8]>)] = &[
            (Tag::AFFECTED_SOP_CLASS_UID, None),
            (Tag::AFFECTED_SOP_INSTANCE_UID, None),
            (Tag::PRIORITY, None),
            (Tag::PRIORITY, Some(b"\0\0\0\0")),
            (Tag::COMMAND_DATA_SET_TYPE, None),
            (Tag::COMMAND_DATA_SET_TYPE, Some(b"\0")),
            (Tag::COMMAND_DATA_SET_TYPE, Some(b"\x01\x01")),
        ];
        for (tag, value) in cases {
            let command = Command::parse(&without(tag.element, *value)).unwrap();
            assert_eq!(command.request, Request::Mistyped(*tag), "{tag} {value:?}");
        }
    }

    #[test]
    fn what_cannot_be_answered_is_a_violation() {
        for tag in [Tag::COMMAND_FIELD, Tag::MESSAGE_ID] {
            let parsed = Command::parse(&without(tag.element, None));
            assert_eq!(parsed, Err(Violation::UnanswerableCommand), "{tag}");
        }
        let response = without(Tag::COMMAND_FIELD.element, Some(&0x8001u16.to_le_bytes()));
        assert_eq!(Command::parse(&response), Err(Violation::UnexpectedResponse(0x8001)));
        assert_eq!(Command::parse(b""), Err(Violation::UnanswerableCommand));
        let too_long = vec![0; MAX_COMMAND_SET + 1];
        assert!(matches!(Command::parse(&too_long), Err(Violation::CommandSetTooLong { .. })));
    }

    #[test]
    fn other_requests_are_told_apart() {
        let no_class = Request::Mistyped(Tag::REQUESTED_SOP_CLASS_UID);
        for (field, expected) in [(0x0020u16, Request::Unrecognized), (N_ACTION, no_class)] {
            let command = Command::parse(&without(0x0100, Some(&field.to_le_bytes()))).unwrap();
            assert_eq!(command.request, expected, "{field:04X}");
        }
        let mut action = Vec::new();
        write_commitment_request(5, &mut action);
        let command = Command::parse(&action).unwrap();
        assert_eq!((command.request, command.has_data_set), (Request::Action { action_type: 1 }, true));
        assert_eq!(command.sop_instance, Some(uid("1.2.840.10008.1.20.1.1")));
        let cancel = Command::parse(&without(0x0100, Some(&C_CANCEL.to_le_bytes()))).unwrap();
        assert_eq!(cancel.request, Request::Cancel);
        let mut echo = Vec::new();
        write_echo_request("1.2.840.10008.1.1", 3, &mut echo);
        let command = Command::parse(&echo).unwrap();
        assert_eq!((command.request, command.message_id, command.has_data_set), (Request::Echo, 3, false));
    }

    #[test]
    fn a_response_is_written_byte_for_byte() {
        let answer = StoreAnswer {
            status: Status(0xA900),
            comment: Some("of another class\\\u{e4}".to_owned()),
            offending: vec![Tag::SOP_CLASS_UID],
        };
        let mut bytes = b"before".to_vec();
        Command::parse(STORE_RQ).unwrap().respond(&answer, &mut bytes);
        let expected = b"before\
            \x00\x00\x00\x00\x04\x00\x00\x00\x6C\x00\x00\x00\
            \x00\x00\x02\x00\x08\x00\x00\x001.2.840\0\
            \x00\x00\x00\x01\x02\x00\x00\x00\x01\x80\
            \x00\x00\x20\x01\x02\x00\x00\x00\x07\x00\
            \x00\x00\x00\x08\x02\x00\x00\x00\x01\x01\
            \x00\x00\x00\x09\x02\x00\x00\x00\x00\xA9\
            \x00\x00\x01\x09\x04\x00\x00\x00\x08\x00\x16\x00\
            \x00\x00\x02\x09\x12\x00\x00\x00of another class/?\
            \x00\x00\x00\x10\x06\x00\x00\x001.2.3\0";
        assert_eq!(bytes, expected);

        let response = Response::parse(&bytes[6..]).unwrap();
        assert_eq!((response.field, response.message_id, response.has_data_set), (0x8001, 7, false));
        assert_eq!(response.answer.status, Status(0xA900));
        assert_eq!(response.answer.offending, [Tag::SOP_CLASS_UID]);
        assert_eq!(response.answer.comment.as_deref(), Some("of another class/?"));
    }

    #[test]
    fn uids_that_break_the_rules_are_handed_on_and_not_echoed_when_they_could_not_be_written() {
        let long = "1".repeat(65);
        let command = Command::parse(&without(0x1000, Some(long.as_bytes()))).unwrap();
        let sop_instance = command.sop_instance.clone().unwrap();
        assert_eq!(sop_instance.text, long);
        assert!(sop_instance.uid.is_err());
        let mut response = Vec::new();
        command.respond(&StoreAnswer::from(Status::INVALID_SOP_INSTANCE), &mut response);
        assert_eq!(Response::parse(&response).unwrap().answer.status, Status::INVALID_SOP_INSTANCE);
        assert_eq!(CommandSet::parse(&response).unwrap().uid(Tag::AFFECTED_SOP_INSTANCE_UID), None);
    }
}
