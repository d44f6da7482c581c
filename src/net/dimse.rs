//! Command sets (PS3.7 section 6.3 and Annex E): reading them within bounds, and writing them.
//!
//! A command set is a list of elements of group 0000 in Implicit VR Little Endian. What it means is decided here;
//! whether it is obeyed is decided by the acceptor and by the handler.

use super::handler::{MoveOriginator, ReceivedUid, StoreAnswer};
use super::reasons::Violation;
use super::status::Status;
use crate::dicom::{Tag, Uid};

/// The longest command set that is read, in bytes; a real one has some two hundred.
pub(super) const MAX_COMMAND_SET: usize = 16 * 1024;

/// Command Field values (PS3.7 Table E.1-1); a response has [`RESPONSE`] set too.
pub(super) const C_STORE: u16 = 0x0001;
/// C-ECHO-RQ.
pub(super) const C_ECHO: u16 = 0x0030;
/// C-CANCEL-RQ.
pub(super) const C_CANCEL: u16 = 0x0FFF;
/// The bit of the Command Field that tells responses from requests.
pub(super) const RESPONSE: u16 = 0x8000;

/// Command Data Set Type of a message that ends with its command set.
const NO_DATA_SET: u16 = 0x0101;
/// Command Data Set Type of a message with a data set; any other value would do.
const DATA_SET: u16 = 0x0000;

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
        let data_set_type = set.u16(Tag::COMMAND_DATA_SET_TYPE);
        let sop_class = set.uid(Tag::AFFECTED_SOP_CLASS_UID);
        let sop_instance = set.uid(Tag::AFFECTED_SOP_INSTANCE_UID);
        let request = match field {
            C_STORE => store(&set, data_set_type, sop_class.clone(), sop_instance.clone()),
            C_ECHO if data_set_type != Some(NO_DATA_SET) => Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE),
            C_ECHO if sop_class.is_none() => Request::Mistyped(Tag::AFFECTED_SOP_CLASS_UID),
            C_ECHO => Request::Echo,
            C_CANCEL => Request::Cancel,
            _ => Request::Unrecognized,
        };
        Ok(Command {
            field,
            message_id,
            // Without the element nothing says that a data set follows.
            has_data_set: data_set_type.is_some_and(|value| value != NO_DATA_SET),
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
        set.finish();
    }
}

/// The mandatory elements of C-STORE-RQ (PS3.7 Table 9.3-1).
fn store(
    set: &CommandSet,
    data_set_type: Option<u16>,
    sop_class: Option<ReceivedUid>,
    sop_instance: Option<ReceivedUid>,
) -> Request {
    let Some(sop_class) = sop_class else { return Request::Mistyped(Tag::AFFECTED_SOP_CLASS_UID) };
    let Some(sop_instance) = sop_instance else { return Request::Mistyped(Tag::AFFECTED_SOP_INSTANCE_UID) };
    if set.u16(Tag::PRIORITY).is_none() {
        return Request::Mistyped(Tag::PRIORITY);
    }
    if data_set_type.is_none_or(|value| value == NO_DATA_SET) {
        return Request::Mistyped(Tag::COMMAND_DATA_SET_TYPE);
    }
    let move_originator = set
        .text(Tag::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE)
        .filter(|title| !title.is_empty())
        .map(|ae_title| MoveOriginator { ae_title, message_id: set.u16(Tag::MOVE_ORIGINATOR_MESSAGE_ID) });
    Request::Store { sop_class, sop_instance, move_originator }
}

/// A received response (PS3.7 9.3.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// Command Field, with the bit of responses.
    pub(super) field: u16,
    /// Message ID Being Responded To.
    pub(super) message_id: u16,
    /// Whether a data set follows.
    pub(super) has_data_set: bool,
    /// Status, Error Comment and Offending Element.
    pub(super) answer: StoreAnswer,
}

impl Response {
    /// Reads a whole command set that must be a response; `None` when it is not one or lacks what it must have.
    pub(super) fn parse(bytes: &[u8]) -> Option<Response> {
        let set = CommandSet::parse(bytes).ok()?;
        let field = set.u16(Tag::COMMAND_FIELD).filter(|field| field & RESPONSE != 0)?;
        let offending = set.value(Tag::OFFENDING_ELEMENT).unwrap_or_default();
        Some(Response {
            field,
            message_id: set.u16(Tag::MESSAGE_ID_BEING_RESPONDED_TO)?,
            has_data_set: set.u16(Tag::COMMAND_DATA_SET_TYPE).is_some_and(|value| value != NO_DATA_SET),
            answer: StoreAnswer {
                status: Status(set.u16(Tag::STATUS)?),
                comment: set.text(Tag::ERROR_COMMENT).filter(|comment| !comment.is_empty()),
                offending: offending
                    .as_chunks()
                    .0
                    .iter()
                    .map(|[a, b, c, d]| Tag::new(u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])))
                    .collect(),
            },
        })
    }
}

/// Appends a C-ECHO-RQ.
pub(super) fn write_echo_request(sop_class: &str, message_id: u16, out: &mut Vec<u8>) {
    let mut set = CommandWriter::new(out);
    set.ui(Tag::AFFECTED_SOP_CLASS_UID, sop_class);
    set.us(Tag::COMMAND_FIELD, C_ECHO);
    set.us(Tag::MESSAGE_ID, message_id);
    set.us(Tag::COMMAND_DATA_SET_TYPE, NO_DATA_SET);
    set.finish();
}

/// Appends a C-STORE-RQ of medium priority.
pub(super) fn write_store_request(sop_class: &str, sop_instance: &str, message_id: u16, out: &mut Vec<u8>) {
    let mut set = CommandWriter::new(out);
    set.ui(Tag::AFFECTED_SOP_CLASS_UID, sop_class);
    set.us(Tag::COMMAND_FIELD, C_STORE);
    set.us(Tag::MESSAGE_ID, message_id);
    set.us(Tag::PRIORITY, 0);
    set.us(Tag::COMMAND_DATA_SET_TYPE, DATA_SET);
    set.ui(Tag::AFFECTED_SOP_INSTANCE_UID, sop_instance);
    set.finish();
}

/// The elements of a command set, borrowed.
struct CommandSet<'a>(Vec<(Tag, &'a [u8])>);

impl<'a> CommandSet<'a> {
    /// Splits a command set into its elements. What one element says is bounded by the bytes that are there.
    fn parse(mut bytes: &'a [u8]) -> Result<CommandSet<'a>, Violation> {
        if bytes.len() > MAX_COMMAND_SET {
            return Err(Violation::CommandSetTooLong { max: MAX_COMMAND_SET });
        }
        let mut elements = Vec::new();
        while let Some((&[g0, g1, e0, e1, l0, l1, l2, l3], rest)) = bytes.split_first_chunk() {
            let tag = Tag::new(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
            let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
            let (value, rest) = rest.split_at_checked(length).ok_or(Violation::UnanswerableCommand)?;
            if tag.group != 0 {
                return Err(Violation::UnanswerableCommand);
            }
            elements.push((tag, value));
            bytes = rest;
        }
        if bytes.is_empty() { Ok(CommandSet(elements)) } else { Err(Violation::UnanswerableCommand) }
    }

    fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }

    /// The value of a US element with one value; `None` when it is missing or has another length.
    fn u16(&self, tag: Tag) -> Option<u16> {
        self.value(tag)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// A text without padding.
    fn text(&self, tag: Tag) -> Option<String> {
        let value = self.value(tag)?;
        let value = value.get(..1024).unwrap_or(value);
        Some(String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned())
    }

    fn uid(&self, tag: Tag) -> Option<ReceivedUid> {
        let value = self.value(tag)?;
        Some(ReceivedUid { text: self.text(tag)?, uid: Uid::from_value(value) })
    }
}

/// Writes the elements of a command set; they must come in the order of their tags.
struct CommandWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> CommandWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> CommandWriter<'a> {
        let start = out.len();
        let mut writer = CommandWriter { out, start };
        writer.element(Tag::COMMAND_GROUP_LENGTH, &[0; 4]);
        writer
    }

    fn element(&mut self, tag: Tag, value: &[u8]) {
        self.out.extend_from_slice(&tag.group.to_le_bytes());
        self.out.extend_from_slice(&tag.element.to_le_bytes());
        // Every value written here was bounded by its caller to far less than 4 GiB.
        self.out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.out.extend_from_slice(value);
    }

    /// A UID. What is longer than a UID or not ASCII is left out: it was the peer's, and the peer knows it.
    fn ui(&mut self, tag: Tag, uid: &str) {
        if uid.len() <= 64 && uid.is_ascii() {
            let mut value = uid.as_bytes().to_vec();
            if value.len() % 2 == 1 {
                value.push(0);
            }
            self.element(tag, &value);
        }
    }

    fn us(&mut self, tag: Tag, value: u16) {
        self.element(tag, &value.to_le_bytes());
    }

    /// Tags; nothing when there are none.
    fn at(&mut self, tag: Tag, tags: &[Tag]) {
        if !tags.is_empty() {
            let value: Vec<u8> = tags
                .iter()
                .take(64)
                .flat_map(|tag| [tag.group.to_le_bytes(), tag.element.to_le_bytes()])
                .flatten()
                .collect();
            self.element(tag, &value);
        }
    }

    /// One text of at most 64 characters of the default repertoire.
    fn lo(&mut self, tag: Tag, text: &str) {
        let mut value: Vec<u8> = text
            .chars()
            .take(64)
            .map(|c| match c {
                '\\' => b'/',
                ' '..='~' => c as u8,
                _ => b'?',
            })
            .collect();
        if value.len() % 2 == 1 {
            value.push(b' ');
        }
        self.element(tag, &value);
    }

    fn finish(self) {
        let length = self.out.len() - self.start - 12;
        if let Some(value) = self.out.get_mut(self.start + 8..self.start + 12) {
            value.copy_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A C-STORE-RQ written by hand from PS3.7 Table 9.3-1.
    const STORE_RQ: &[u8] = b"\
        \x00\x00\x00\x00\x04\x00\x00\x00\x5E\x00\x00\x00\
        \x00\x00\x02\x00\x08\x00\x00\x001.2.840\0\
        \x00\x00\x00\x01\x02\x00\x00\x00\x01\x00\
        \x00\x00\x10\x01\x02\x00\x00\x00\x07\x00\
        \x00\x00\x00\x07\x02\x00\x00\x00\x00\x00\
        \x00\x00\x00\x08\x02\x00\x00\x00\x00\x00\
        \x00\x00\x00\x10\x06\x00\x00\x001.2.3\0\
        \x00\x00\x30\x10\x06\x00\x00\x00MOVER \
        \x00\x00\x31\x10\x02\x00\x00\x00\x09\x00";

    fn uid(text: &str) -> ReceivedUid {
        ReceivedUid { text: text.to_owned(), uid: Uid::parse(text) }
    }

    /// The store request without the element that starts with these eight bytes, or with another value in it.
    fn without(element: u16, value: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, original) in &CommandSet::parse(STORE_RQ).unwrap().0 {
            let mut writer = CommandWriter { start: bytes.len(), out: &mut bytes };
            if tag.element != element {
                writer.element(*tag, original);
            } else if let Some(value) = value {
                writer.element(*tag, value);
            }
        }
        bytes
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
    fn lengths_are_bounded_by_what_is_there() {
        for end in 1..STORE_RQ.len() {
            // A cut between two elements leaves a command set that lacks something; any other cut cannot be read.
            let whole_elements = CommandSet::parse(&STORE_RQ[..end]).is_ok();
            let cut_is_between = [12, 28, 38, 48, 58, 68, 82, 96].contains(&end);
            assert_eq!(whole_elements, cut_is_between, "cut at {end}");
        }
        let mut huge = STORE_RQ.to_vec();
        huge[16..20].copy_from_slice(&[0xFF; 4]);
        assert_eq!(Command::parse(&huge), Err(Violation::UnanswerableCommand));
    }

    #[test]
    fn other_requests_are_told_apart() {
        for (field, expected) in [(0x0020u16, Request::Unrecognized), (0x0130, Request::Unrecognized)] {
            let command = Command::parse(&without(0x0100, Some(&field.to_le_bytes()))).unwrap();
            assert_eq!(command.request, expected, "{field:04X}");
        }
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
    fn requests_that_we_write_are_requests_that_we_read() {
        let mut bytes = Vec::new();
        write_store_request("1.2.840", "1.2.3", 7, &mut bytes);
        let ours = Command::parse(&bytes).unwrap();
        let theirs = Command::parse(STORE_RQ).unwrap();
        assert_eq!((ours.field, ours.message_id, ours.has_data_set), (theirs.field, 7, true));
        assert_eq!((ours.sop_class, ours.sop_instance), (theirs.sop_class, theirs.sop_instance));
        assert_eq!(Response::parse(&bytes), None, "a request is no response");
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
        assert_eq!(CommandSet::parse(&response).unwrap().value(Tag::AFFECTED_SOP_INSTANCE_UID), None);
    }
}
