//! A command set as a list of elements: reading them within bounds, and writing them (PS3.7 section 6.3 and Annex E).
//!
//! The elements are those of group 0000, in Implicit VR Little Endian. What they mean is for the performer and the
//! invoker to say.

use super::handler::ReceivedUid;
use super::reasons::Violation;
use crate::dicom::{Tag, Uid};

/// The longest command set that is read, in bytes; a real one has some two hundred.
pub(super) const MAX_COMMAND_SET: usize = 16 * 1024;

/// Command Field of C-STORE-RQ (PS3.7 Table E.1-1).
pub(super) const C_STORE: u16 = 0x0001;
/// Command Field of C-ECHO-RQ.
pub(super) const C_ECHO: u16 = 0x0030;
/// Command Field of C-CANCEL-RQ.
pub(super) const C_CANCEL: u16 = 0x0FFF;
/// Command Field of N-EVENT-REPORT-RQ.
pub(super) const N_EVENT_REPORT: u16 = 0x0100;
/// Command Field of N-ACTION-RQ.
pub(super) const N_ACTION: u16 = 0x0130;
/// The bit that the Command Field of every response has beside that of its request.
pub(super) const RESPONSE: u16 = 0x8000;

/// Command Data Set Type of a message that ends with its command set.
pub(super) const NO_DATA_SET: u16 = 0x0101;
/// Command Data Set Type of a message with a data set; any other value would do.
pub(super) const DATA_SET: u16 = 0x0000;

/// The elements of a command set, borrowed.
pub(super) struct CommandSet<'a>(Vec<(Tag, &'a [u8])>);

impl<'a> CommandSet<'a> {
    /// Splits a command set into its elements. What one element says is bounded by the bytes that are there.
    pub(super) fn parse(mut bytes: &'a [u8]) -> Result<CommandSet<'a>, Violation> {
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

    /// The value of a US element with one value; `None` when it is missing or has another length.
    pub(super) fn u16(&self, tag: Tag) -> Option<u16> {
        self.value(tag)?.try_into().ok().map(u16::from_le_bytes)
    }

    /// A text without padding.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        let value = self.value(tag)?;
        let value = value.get(..1024).unwrap_or(value);
        Some(String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned())
    }

    /// A UID as it came, valid or not.
    pub(super) fn uid(&self, tag: Tag) -> Option<ReceivedUid> {
        let value = self.value(tag)?;
        Some(ReceivedUid { text: self.text(tag)?, uid: Uid::from_value(value) })
    }

    /// Tags; none when the element is missing.
    pub(super) fn tags(&self, tag: Tag) -> Vec<Tag> {
        let read =
            |[a, b, c, d]: &[u8; 4]| Tag::new(u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        self.value(tag).unwrap_or_default().as_chunks().0.iter().map(read).collect()
    }

    /// Whether it says that a data set follows; without a Command Data Set Type nothing does.
    pub(super) fn announces_data_set(&self) -> bool {
        self.u16(Tag::COMMAND_DATA_SET_TYPE).is_some_and(|value| value != NO_DATA_SET)
    }

    fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }
}

/// Writes the elements of a command set; they must come in the order of their tags.
pub(super) struct CommandWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> CommandWriter<'a> {
    /// Begins a command set behind what is in `out` already.
    pub(super) fn new(out: &'a mut Vec<u8>) -> CommandWriter<'a> {
        let start = out.len();
        let mut writer = CommandWriter { out, start };
        writer.element(Tag::COMMAND_GROUP_LENGTH, &[0; 4]);
        writer
    }

    /// A UID. What is longer than a UID or not ASCII is left out: it was the peer's, and the peer knows it.
    pub(super) fn ui(&mut self, tag: Tag, uid: &str) {
        if uid.len() <= 64 && uid.is_ascii() {
            let mut value = uid.as_bytes().to_vec();
            if value.len() % 2 == 1 {
                value.push(0);
            }
            self.element(tag, &value);
        }
    }

    /// An unsigned short.
    pub(super) fn us(&mut self, tag: Tag, value: u16) {
        self.element(tag, &value.to_le_bytes());
    }

    /// Tags; nothing when there are none.
    pub(super) fn at(&mut self, tag: Tag, tags: &[Tag]) {
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
    pub(super) fn lo(&mut self, tag: Tag, text: &str) {
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

    /// Ends the command set: its Group Length is known now.
    pub(super) fn finish(self) {
        let length = self.out.len() - self.start - 12;
        if let Some(value) = self.out.get_mut(self.start + 8..self.start + 12) {
            value.copy_from_slice(&(length as u32).to_le_bytes());
        }
    }

    fn element(&mut self, tag: Tag, value: &[u8]) {
        self.out.extend_from_slice(&tag.group.to_le_bytes());
        self.out.extend_from_slice(&tag.element.to_le_bytes());
        // Every value written here was bounded by its caller to far less than 4 GiB.
        self.out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.out.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::STORE_RQ;
    use super::*;

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
        assert_eq!(CommandSet::parse(&huge).err(), Some(Violation::UnanswerableCommand));
    }
}
