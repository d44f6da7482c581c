//! P-DATA: which fragment may come when, and how a command set is cut into PDUs (PS3.8 9.3.5 and Annex E).

use super::pdu::{HEADER_LEN, P_DATA_TF};
use super::reasons::Violation;

/// Bytes of a presentation data value before its fragment: length, context, message control header.
pub(super) const PDV_HEADER_LEN: usize = 6;

/// Bit 0 of the message control header: the fragment belongs to a command set.
const COMMAND: u8 = 1;
/// Bit 1 of the message control header: the fragment is the last one.
const LAST: u8 = 2;

/// Follows the fragments of one association and refuses those that have no place.
///
/// With one operation at a time, messages come one after another: all of the command set, then all of the data set.
#[derive(Debug)]
pub(super) struct Demultiplexer {
    accepted: [bool; 256],
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next fragment starts a command set.
    Idle,
    /// Within the command set of a message on this context.
    Command(u8),
    /// The command set is complete; nobody has said yet whether a data set follows.
    Read(u8),
    /// Within, or before the first fragment of, the data set of a message on this context.
    DataSet(u8),
}

/// A fragment that is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Its presentation context.
    pub(super) context: u8,
    /// How many bytes it has.
    pub(super) length: usize,
    /// Whether it ends its command set or data set.
    pub(super) is_last: bool,
}

impl Demultiplexer {
    /// Nothing received yet, and these contexts accepted.
    pub(super) fn new(contexts: impl IntoIterator<Item = u8>) -> Demultiplexer {
        let mut accepted = [false; 256];
        for context in contexts {
            accepted[usize::from(context)] = true;
        }
        Demultiplexer { accepted, state: State::Idle }
    }

    /// Takes the header of a presentation data value, of which the PDU has `left` bytes including the header.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn fragment(
        &mut self,
        [a, b, c, d, context, control]: [u8; PDV_HEADER_LEN],
        left: u32,
    ) -> Result<Fragment, Violation> {
        let length = u32::from_be_bytes([a, b, c, d]);
        // The length counts context and control, and does not count itself.
        if length < 2 || length > left.saturating_sub(4) {
            return Err(Violation::PdvLength(length));
        }
        if !self.accepted[usize::from(context)] {
            return Err(Violation::ContextNotAccepted(context));
        }
        let (is_command, is_last) = (control & COMMAND != 0, control & LAST != 0);
        self.state = match (self.state, is_command) {
            (State::Command(expected) | State::DataSet(expected), _)
                if expected != context && is_command == matches!(self.state, State::Command(_)) =>
            {
                return Err(Violation::ContextChanged { expected, found: context });
            }
            (State::Idle | State::Command(_), true) if is_last => State::Read(context),
            (State::Idle | State::Command(_), true) => State::Command(context),
            (State::DataSet(_), false) if is_last => State::Idle,
            (State::DataSet(_), false) => State::DataSet(context),
            (State::Read(_) | State::DataSet(_), true) => return Err(Violation::CommandWithinDataSet),
            (State::Idle | State::Command(_) | State::Read(_), false) => {
                return Err(Violation::DataSetWithoutCommand);
            }
        };
        Ok(Fragment { context, length: length as usize - 2, is_last })
    }

    /// Takes the first fragment of what is left of a P-DATA-TF PDU: its place, its bytes, and what lies behind it.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn next<'b>(&mut self, rest: &'b [u8]) -> Result<(Fragment, &'b [u8], &'b [u8]), Violation> {
        let left = rest.len() as u32;
        let (header, after) = rest.split_first_chunk::<PDV_HEADER_LEN>().ok_or(Violation::PdvLength(left))?;
        let fragment = self.fragment(*header, left)?;
        let (bytes, after) = after.split_at_checked(fragment.length).ok_or(Violation::PdvLength(left))?;
        Ok((fragment, bytes, after))
    }

    /// Says what the complete command set announced.
    pub(super) fn command_read(&mut self, has_data_set: bool) {
        self.state = match self.state {
            State::Read(context) if has_data_set => State::DataSet(context),
            _ => State::Idle,
        };
    }
}

/// The 12 bytes before the one fragment of a P-DATA-TF PDU.
pub(super) fn pdu_header(context: u8, is_command: bool, is_last: bool, length: u32) -> [u8; 12] {
    let pdv = (length + 2).to_be_bytes();
    let pdu = (length + PDV_HEADER_LEN as u32).to_be_bytes();
    let control = if is_command { COMMAND } else { 0 } | if is_last { LAST } else { 0 };
    [P_DATA_TF, 0, pdu[0], pdu[1], pdu[2], pdu[3], pdv[0], pdv[1], pdv[2], pdv[3], context, control]
}

/// Appends a whole command set in PDUs that the peer takes. `peer_max` is its Maximum Length, 0 for none.
pub(super) fn frame_command(context: u8, command: &[u8], peer_max: u32, out: &mut Vec<u8>) {
    frame(context, true, command, fragment_room(peer_max, u32::MAX), out);
}

/// Appends a whole data set that is in memory likewise, in PDUs that are no longer than `our_max`.
pub(super) fn frame_data_set(context: u8, data_set: &[u8], peer_max: u32, our_max: u32, out: &mut Vec<u8>) {
    frame(context, false, data_set, fragment_room(peer_max, our_max), out);
}

fn frame(context: u8, is_command: bool, bytes: &[u8], room: usize, out: &mut Vec<u8>) {
    let mut fragments = bytes.chunks(room).peekable();
    while let Some(fragment) = fragments.next() {
        let is_last = fragments.peek().is_none();
        out.reserve(HEADER_LEN + PDV_HEADER_LEN + fragment.len());
        // A chunk is no longer than the room, which fits into 32 bits with its headers.
        out.extend_from_slice(&pdu_header(context, is_command, is_last, fragment.len() as u32));
        out.extend_from_slice(fragment);
    }
}

/// How many bytes of a message fit into one PDU for a peer that takes `peer_max` (0 for any length), when we do not
/// want to send more than `our_max`.
pub(super) fn fragment_room(peer_max: u32, our_max: u32) -> usize {
    let most = if peer_max == 0 { our_max } else { peer_max.min(our_max) };
    // Fragments of even length, as PS3.8 Annex E suggests for data sets; at least two bytes.
    let room = most.saturating_sub(PDV_HEADER_LEN as u32) & !1;
    room.max(2) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND_PART: u8 = 1;
    const COMMAND_END: u8 = 3;
    const DATA_PART: u8 = 0;
    const DATA_END: u8 = 2;

    /// A value of ten bytes in a PDU that holds nothing else.
    fn feed(demultiplexer: &mut Demultiplexer, context: u8, control: u8) -> Result<Fragment, Violation> {
        demultiplexer.fragment([0, 0, 0, 12, context, control], 16)
    }

    #[test]
    fn a_message_is_followed_to_its_end() {
        let mut demultiplexer = Demultiplexer::new([1, 3]);
        for context in [3, 1] {
            assert_eq!(feed(&mut demultiplexer, context, COMMAND_PART).map(|f| f.is_last), Ok(false));
            assert_eq!(feed(&mut demultiplexer, context, COMMAND_END).map(|f| f.is_last), Ok(true));
            demultiplexer.command_read(true);
            let fragment = feed(&mut demultiplexer, context, DATA_PART).unwrap();
            assert_eq!((fragment.context, fragment.length), (context, 10));
            assert_eq!(feed(&mut demultiplexer, context, DATA_END).map(|f| f.is_last), Ok(true));
            assert_eq!(demultiplexer.state, State::Idle);
        }
    }

    #[test]
    fn fragments_out_of_place_are_refused() {
        // What was fed before (with a data set announced after a complete command), and the verdict on the last.
        let cases: &[(&[(u8, u8)], Violation)] = &[
            (&[(1, DATA_PART)], Violation::DataSetWithoutCommand),
            (&[(1, COMMAND_PART), (1, DATA_PART)], Violation::DataSetWithoutCommand),
            (&[(1, COMMAND_PART), (3, COMMAND_END)], Violation::ContextChanged { expected: 1, found: 3 }),
            (&[(1, COMMAND_END), (3, DATA_END)], Violation::ContextChanged { expected: 1, found: 3 }),
            (&[(1, COMMAND_END), (1, COMMAND_PART)], Violation::CommandWithinDataSet),
            (&[(1, COMMAND_END), (1, DATA_PART), (3, COMMAND_PART)], Violation::CommandWithinDataSet),
            (&[(1, COMMAND_END), (1, DATA_END), (1, DATA_END)], Violation::DataSetWithoutCommand),
            (&[(5, COMMAND_END)], Violation::ContextNotAccepted(5)),
            (&[(0, COMMAND_END)], Violation::ContextNotAccepted(0)),
            (&[(1, COMMAND_END), (2, DATA_PART)], Violation::ContextNotAccepted(2)),
        ];
        for (fragments, violation) in cases {
            let mut demultiplexer = Demultiplexer::new([1, 3]);
            let (last, before) = fragments.split_last().unwrap();
            for (context, control) in before {
                feed(&mut demultiplexer, *context, *control).unwrap();
                if *control == COMMAND_END {
                    demultiplexer.command_read(true);
                }
            }
            assert_eq!(feed(&mut demultiplexer, last.0, last.1), Err(*violation), "{fragments:?}");
        }
    }

    #[test]
    fn a_data_set_after_a_command_without_one_is_refused() {
        let mut demultiplexer = Demultiplexer::new([1]);
        feed(&mut demultiplexer, 1, COMMAND_END).unwrap();
        demultiplexer.command_read(false);
        assert_eq!(feed(&mut demultiplexer, 1, DATA_END), Err(Violation::DataSetWithoutCommand));
    }

    #[test]
    fn lengths_must_fit_into_the_pdu() {
        for (length, left, fits) in [
            (2u32, 6, true),
            (0, 6, false),
            (1, 6, false),
            (3, 6, false),
            (3, 7, true),
            (u32::MAX, 4_000, false),
        ] {
            let mut demultiplexer = Demultiplexer::new([1]);
            let [a, b, c, d] = length.to_be_bytes();
            let fragment = demultiplexer.fragment([a, b, c, d, 1, COMMAND_PART], left);
            assert_eq!(fragment.is_ok(), fits, "{length} of {left}");
        }
    }

    #[test]
    fn commands_are_cut_to_what_the_peer_takes() {
        let command: Vec<u8> = (0..150).collect();
        for (peer_max, pdus) in [(0, 1), (u32::MAX, 1), (156, 1), (155, 2), (64, 3)] {
            let mut out = Vec::new();
            frame_command(5, &command, peer_max, &mut out);
            let mut read = Vec::new();
            let mut rest = &out[..];
            let mut count = 0;
            while let Some(dicom_ul::pdu::Pdu::PData { data }) =
                dicom_ul::pdu::read_pdu(rest, 16_384, true).unwrap()
            {
                let value = &data[0];
                assert_eq!((data.len(), value.presentation_context_id), (1, 5));
                assert!(peer_max == 0 || value.data.len() + 6 <= peer_max as usize);
                read.extend_from_slice(&value.data);
                rest = &rest[12 + value.data.len()..];
                count += 1;
                assert_eq!(value.is_last, rest.is_empty());
            }
            assert_eq!((read, count), (command.clone(), pdus), "{peer_max}");
        }
    }
}
