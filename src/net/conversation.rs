//! One TCP connection of a requestor: whole PDUs in and out, each step with its deadline (PS3.8 9.3).

use super::pdata::PDV_HEADER_LEN;
use super::pdu::{
    ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, HEADER_LEN, Header, MAX_ASSOCIATE, P_DATA_TF, RELEASE_RP, RELEASE_RQ,
    SHORT_PDU, abort,
};
use super::peer_tls::PeerTls;
use super::reasons::Violation;
use super::requestor_error::CONNECTING;
use super::requestor_error::RequestorError;
use super::wire::Wire;
use std::io::{self, IoSlice};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A connection on which whole PDUs come and go.
#[derive(Debug)]
pub(super) struct Conversation {
    wire: Wire,
    /// The longest P-DATA-TF PDU that we take.
    max_pdu: u32,
    /// What was read and not asked for yet.
    staged: Staged,
    /// The time-outs that the socket has, for reading and for writing.
    time_outs: [Option<Duration>; 2],
}

/// Bytes that came together with others.
#[derive(Debug)]
struct Staged {
    bytes: Box<[u8]>,
    unread: Range<usize>,
}

/// Responses are far shorter.
const STAGING: usize = 8 * 1024;
/// No wait of the socket is longer than this; the loop around it decides by the deadline. So the time-out of the
/// socket need not be set for each of them.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Conversation {
    /// Tries all addresses of the name, which is looked up now, until the time is over.
    pub(super) fn open(
        address: impl ToSocketAddrs,
        time: Duration,
        max_pdu: u32,
    ) -> Result<Conversation, RequestorError> {
        let stream = connect(address, Instant::now() + time).map_err(RequestorError::Connect)?;
        let staged = Staged { bytes: vec![0; STAGING].into_boxed_slice(), unread: 0..0 };
        Ok(Conversation { wire: Wire::Plain(stream), max_pdu, staged, time_outs: [None, None] })
    }

    /// The same within TLS, of which nothing was said before.
    ///
    /// # Errors
    /// That the peer does not speak TLS in time, or that one of the two does not believe the other.
    pub(super) fn secured(
        mut self,
        tls: &PeerTls,
        deadline: Instant,
    ) -> Result<Conversation, RequestorError> {
        let refused = |error| RequestorError::Handshake(io::Error::other(error));
        self.wire = match self.wire {
            Wire::Plain(stream) => Wire::secured(stream, tls).map_err(refused)?,
            wire @ Wire::Tls(_) => wire,
        };
        loop {
            let left = remaining(deadline).ok_or(RequestorError::TimedOut(CONNECTING))?;
            self.set_time_out(Direction::Read, left)
                .and_then(|()| self.set_time_out(Direction::Write, left))
                .map_err(RequestorError::Handshake)?;
            match self.wire.shake_hands() {
                Ok(true) => return Ok(self),
                Ok(false) => (),
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(RequestorError::Handshake(error)),
            }
        }
    }

    /// Reads a whole PDU: its type and what follows the header. An A-ABORT is an error at any time.
    pub(super) fn read_pdu(
        &mut self,
        deadline: Instant,
        step: &'static str,
    ) -> Result<(u8, Vec<u8>), RequestorError> {
        let mut header = [0; HEADER_LEN];
        self.read(&mut header, deadline, step)?;
        let Header { kind, length, .. } = Header::parse(header);
        let allowed = match kind {
            ASSOCIATE_AC => 0..=MAX_ASSOCIATE,
            P_DATA_TF => PDV_HEADER_LEN as u32..=self.max_pdu,
            ASSOCIATE_RJ | RELEASE_RQ | RELEASE_RP | ABORT => SHORT_PDU..=SHORT_PDU,
            _ => return Err(self.violated(Violation::UnrecognizedPdu(kind))),
        };
        if !allowed.contains(&length) {
            return Err(self.violated(Violation::PduLength { kind, length }));
        }
        // The length was checked against what we said that we take.
        let mut body = vec![0; length as usize];
        self.read(&mut body, deadline, step)?;
        match kind {
            ABORT => {
                let [_, source, reason] = last(&body);
                Err(RequestorError::Aborted([source, reason]))
            }
            _ => Ok((kind, body)),
        }
    }

    fn read(
        &mut self,
        mut wanted: &mut [u8],
        deadline: Instant,
        step: &'static str,
    ) -> Result<(), RequestorError> {
        loop {
            let staged = &self.staged.bytes[self.staged.unread.clone()];
            let (now, later) = wanted.split_at_mut(staged.len().min(wanted.len()));
            now.copy_from_slice(&staged[..now.len()]);
            self.staged.unread.start += now.len();
            wanted = later;
            if wanted.is_empty() {
                return Ok(());
            }
            let left = remaining(deadline).ok_or(RequestorError::TimedOut(step))?;
            self.set_time_out(Direction::Read, left)
                .map_err(|error| RequestorError::Broken { step, error })?;
            // A peer that has Nagle's algorithm on and writes its answer in two parts sends the second one when the
            // first is acknowledged. Our own writing turns the request off again, so it is made before each read.
            match self.wire.read(&mut self.staged.bytes) {
                Ok(0) => return Err(RequestorError::Closed(step)),
                Ok(count) => self.staged.unread = 0..count,
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(RequestorError::Broken { step, error }),
            }
        }
    }

    /// Tells the socket how long its next operation may take, unless it knows.
    fn set_time_out(&mut self, direction: Direction, left: Duration) -> io::Result<()> {
        let wait = Some(left.min(LONGEST_WAIT));
        let known = &mut self.time_outs[direction as usize];
        if *known != wait {
            match direction {
                Direction::Read => self.wire.socket().set_read_timeout(wait)?,
                Direction::Write => self.wire.socket().set_write_timeout(wait)?,
            }
            *known = wait;
        }
        Ok(())
    }

    /// Writes all slices. When the connection turns out to be closed, the peer may have said why before.
    pub(super) fn write(
        &mut self,
        mut slices: &mut [IoSlice],
        deadline: Instant,
        step: &'static str,
    ) -> Result<(), RequestorError> {
        IoSlice::advance_slices(&mut slices, 0);
        loop {
            let left = remaining(deadline).ok_or(RequestorError::TimedOut(step))?;
            let all_written = slices.is_empty();
            let count = self.set_time_out(Direction::Write, left).and_then(|()| {
                if all_written { self.wire.flush().map(|()| 0) } else { self.wire.write_vectored(slices) }
            });
            match count {
                Ok(_) if all_written => return Ok(()),
                Ok(count) => IoSlice::advance_slices(&mut slices, count),
                Err(error) if is_transient(&error) => (),
                Err(error) => {
                    let broken = RequestorError::Broken { step, error };
                    return Err(match self.read_pdu(Instant::now() + Duration::from_millis(200), step) {
                        Err(aborted @ RequestorError::Aborted(_)) => aborted,
                        _ => broken,
                    });
                }
            }
        }
    }

    /// Whether the connection is open and nothing has come that was not asked for: an A-ABORT, say.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.staged.unread.is_empty() && self.wire.is_quiet()
    }

    /// Tells the peer that it broke the rules, and gives the error to return.
    pub(super) fn violated(&mut self, violation: Violation) -> RequestorError {
        self.last_words(abort(violation.code()));
        RequestorError::Violation(violation)
    }

    /// Writes a last PDU if that is possible at once; the connection closes when `self` is dropped.
    pub(super) fn last_words(&mut self, pdu: [u8; 10]) {
        let _ = self
            .set_time_out(Direction::Write, LONGEST_WAIT)
            .and_then(|()| self.wire.write_vectored(&[IoSlice::new(&pdu)]))
            .and_then(|_| self.wire.flush());
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

fn connect(address: impl ToSocketAddrs, deadline: Instant) -> io::Result<TcpStream> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let addresses: Vec<_> = address.to_socket_addrs()?.collect();
    for (tried, address) in addresses.iter().enumerate() {
        let left = remaining(deadline).ok_or(io::ErrorKind::TimedOut)?;
        // An address that swallows everything leaves time for those after it.
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// The last three bytes of a PDU that has four.
pub(super) fn last(body: &[u8]) -> [u8; 3] {
    body.last_chunk().copied().unwrap_or_default()
}

/// The time that is left, at least a millisecond, for a time-out of zero would mean none at all.
fn remaining(deadline: Instant) -> Option<Duration> {
    let left = deadline.checked_duration_since(Instant::now())?;
    (!left.is_zero()).then(|| left.max(Duration::from_millis(1)))
}

/// A time-out of the socket: the loop around it decides by the deadline.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
