//! DIMSE as the invoker of operations: the requests that we write, and what a response to them says (PS3.7 sections
//! 9.1.1, 9.1.5, 9.3, 10.1.1 and 10.1.4).

use super::command_set::{
    C_ECHO, C_STORE, CommandSet, CommandWriter, DATA_SET, N_ACTION, N_EVENT_REPORT, NO_DATA_SET, RESPONSE,
};
use super::commitment::{REQUEST_COMMITMENT, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE};
use super::handler::StoreAnswer;
use super::status::Status;
use crate::dicom::Tag;

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

/// Appends an N-ACTION-RQ that asks for Storage Commitment.
pub(super) fn write_commitment_request(message_id: u16, out: &mut Vec<u8>) {
    let mut set = CommandWriter::new(out);
    set.ui(Tag::REQUESTED_SOP_CLASS_UID, STORAGE_COMMITMENT);
    set.us(Tag::COMMAND_FIELD, N_ACTION);
    set.us(Tag::MESSAGE_ID, message_id);
    set.us(Tag::COMMAND_DATA_SET_TYPE, DATA_SET);
    set.ui(Tag::REQUESTED_SOP_INSTANCE_UID, STORAGE_COMMITMENT_INSTANCE);
    set.us(Tag::ACTION_TYPE_ID, REQUEST_COMMITMENT);
    set.finish();
}

/// Appends an N-EVENT-REPORT-RQ on Storage Commitment.
pub(super) fn write_report_request(event_type: u16, message_id: u16, out: &mut Vec<u8>) {
    let mut set = CommandWriter::new(out);
    set.ui(Tag::AFFECTED_SOP_CLASS_UID, STORAGE_COMMITMENT);
    set.us(Tag::COMMAND_FIELD, N_EVENT_REPORT);
    set.us(Tag::MESSAGE_ID, message_id);
    set.us(Tag::COMMAND_DATA_SET_TYPE, DATA_SET);
    set.ui(Tag::AFFECTED_SOP_INSTANCE_UID, STORAGE_COMMITMENT_INSTANCE);
    set.us(Tag::EVENT_TYPE_ID, event_type);
    set.finish();
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
    /// Affected SOP Instance UID, where it is said.
    pub(super) sop_instance: Option<String>,
    /// Status, Error Comment and Offending Element.
    pub(super) answer: StoreAnswer,
}

impl Response {
    /// Reads a whole command set that must be a response; `None` when it is not one or lacks what it must have.
    pub(super) fn parse(bytes: &[u8]) -> Option<Response> {
        let set = CommandSet::parse(bytes).ok()?;
        let field = set.u16(Tag::COMMAND_FIELD).filter(|field| field & RESPONSE != 0)?;
        Some(Response {
            field,
            message_id: set.u16(Tag::MESSAGE_ID_BEING_RESPONDED_TO)?,
            has_data_set: set.announces_data_set(),
            sop_instance: set.text(Tag::AFFECTED_SOP_INSTANCE_UID).filter(|uid| !uid.is_empty()),
            answer: StoreAnswer {
                status: Status(set.u16(Tag::STATUS)?),
                comment: set.text(Tag::ERROR_COMMENT).filter(|comment| !comment.is_empty()),
                offending: set.tags(Tag::OFFENDING_ELEMENT),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::dimse_performer::{Command, Request};
    use super::super::testing::STORE_RQ;
    use super::*;

    #[test]
    fn requests_that_we_write_are_requests_that_we_read() {
        let mut bytes = Vec::new();
        write_store_request("1.2.840", "1.2.3", 7, &mut bytes);
        let ours = Command::parse(&bytes).unwrap();
        let theirs = Command::parse(STORE_RQ).unwrap();
        assert_eq!((ours.field, ours.message_id, ours.has_data_set), (theirs.field, 7, true));
        assert_eq!((ours.sop_class, ours.sop_instance), (theirs.sop_class, theirs.sop_instance));
        assert_eq!(Response::parse(&bytes), None, "a request is no response");
        bytes.clear();
        write_report_request(2, 9, &mut bytes);
        let report = Command::parse(&bytes).unwrap();
        assert_eq!((report.request, report.message_id), (Request::Event { event_type: 2 }, 9));
    }
}
