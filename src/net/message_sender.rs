//! Sends a message of an association that we asked for: its command set, and its data set in P-DATA-TF PDUs of the length that
//! the peer takes (PS3.7 6.3.1, PS3.8 9.3.5).

use super::conversation::Conversation;
use super::pdata::{fragment_room, frame_command, pdu_header};
use super::pdu::abort;
use super::requestor_error::{RequestorError, SENDING};
use super::requestor_options::RequestorOptions;
use crate::dicom::Source;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// What limits the messages to one peer, and the memory that they are made in.
#[derive(Debug)]
pub(super) struct MessageSender {
    /// The Maximum Length of the peer; 0 for none.
    peer_max: u32,
    /// The longest P-DATA-TF PDU that we send.
    our_max: u32,
    /// For the peer to take one piece of a data set.
    pub(super) send_time: Duration,
    /// Bytes a second at which the peer must take a data set.
    pub(super) minimum_rate: u64,
    /// The PDUs of the last command set, kept for their memory.
    out: Vec<u8>,
    /// The last piece of a data set that was read, likewise.
    piece: Vec<u8>,
}

/// So many bytes of a data set are read and written at once, in as many PDUs as the peer wants them cut into.
const PIECE: usize = 256 * 1024;
/// More PDUs than this are not written at once; the system takes 1024 slices.
const MOST_PDUS: usize = 256;

impl MessageSender {
    /// For a peer that takes PDUs of up to `peer_max` bytes (0: any).
    pub(super) fn new(peer_max: u32, options: &RequestorOptions) -> MessageSender {
        MessageSender {
            peer_max,
            our_max: options.max_pdu,
            send_time: options.send,
            minimum_rate: u64::from(options.minimum_rate.max(1)),
            out: Vec::new(),
            piece: Vec::new(),
        }
    }

    /// Sends a command set that no data set follows.
    pub(super) fn command(
        &mut self,
        conversation: &mut Conversation,
        context: u8,
        command: &[u8],
    ) -> Result<(), RequestorError> {
        self.frame(context, command);
        let deadline = Instant::now() + self.send_time;
        conversation.write(&mut [IoSlice::new(&self.out)], deadline, SENDING)
    }

    /// Sends a command set, and its data set piece by piece. A piece is read once, straight into the buffer that the system
    /// copies from, and goes out in whole PDUs with one write.
    pub(super) fn with_data_set(
        &mut self,
        conversation: &mut Conversation,
        context: u8,
        command: &[u8],
        data_set: &dyn Source,
    ) -> Result<(), RequestorError> {
        self.frame(context, command);
        let room = fragment_room(self.peer_max, self.our_max);
        let step = (room * (PIECE / room).clamp(1, MOST_PDUS)) as u64;
        let slowest = Duration::from_secs(data_set.len() / self.minimum_rate);
        let last_moment = Instant::now() + self.send_time + slowest;
        let mut offset = 0;
        loop {
            let end = data_set.len().min(offset + step);
            let is_last = end == data_set.len();
            let piece = match data_set.bytes_in(offset..end, &mut self.piece) {
                Ok(piece) => piece,
                Err(error) => {
                    // The message has begun and cannot be ended; nothing but the whole data set may arrive.
                    conversation.last_words(abort([0, 0]));
                    return Err(RequestorError::Source(error));
                }
            };
            let deadline = last_moment.min(Instant::now() + self.send_time);
            let (full, rest) = piece.split_at(piece.len() - piece.len() % room);
            // Each fragment is as long as the peer takes; one of an empty data set, and the last, may be shorter.
            let rest = Some(rest).filter(|rest| !rest.is_empty() || full.is_empty());
            let fragments: Vec<&[u8]> = full.chunks(room).chain(rest).collect();
            let count = fragments.len();
            let header = |(index, fragment): (usize, &&[u8])| {
                pdu_header(context, false, is_last && index + 1 == count, fragment.len() as u32)
            };
            let headers: Vec<_> = fragments.iter().enumerate().map(header).collect();
            // The command set goes out together with the first fragment.
            let pdus = headers.iter().zip(&fragments).flat_map(|(header, fragment)| [&header[..], fragment]);
            let mut slices: Vec<_> =
                std::iter::once(self.out.as_slice()).chain(pdus).map(IoSlice::new).collect();
            conversation.write(&mut slices, deadline, SENDING)?;
            self.out.clear();
            if is_last {
                return Ok(());
            }
            offset = end;
        }
    }

    /// Makes the PDUs of a command set ready to be sent.
    fn frame(&mut self, context: u8, command: &[u8]) {
        self.out.clear();
        frame_command(context, command, self.peer_max, &mut self.out);
    }
}
