//! One TCP connection of a requestor: whole PDUs in and out, each step with its deadline (PS3.8 9.3).

use super::pdata::PDV_HEADER_LEN;
use super::pdu::{
    ABORT, ASSOCIATE_AC, ASSOCIATE_RJ, HEADER_LEN, Header, MAX_ASSOCIATE, P_DATA_TF, RELEASE_RP, RELEASE_RQ,
    SHORT_PDU, abort,
};
use super::reasons::Violation;
use super::requestor_error::RequestorError;
use super::transport::quick_acknowledge;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A connection on which whole PDUs come and go.
#[derive(Debug)]
pub(super) struct Conversation {
    stream: TcpStream,
    /// The longest P-DATA-TF PDU that we take.
    max_pdu: u32,
}

impl Conversation {
    /// Tries all addresses, each within the time.
    pub(super) fn open(
        address: impl ToSocketAddrs,
        time: Duration,
        max_pdu: u32,
    ) -> Result<Conversation, RequestorError> {
        connect(address, time).map(|stream| Conversation { stream, max_pdu }).map_err(RequestorError::Connect)
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
        while !wanted.is_empty() {
            let left = remaining(deadline).ok_or(RequestorError::TimedOut(step))?;
            let count = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(wanted));
            quick_acknowledge(&self.stream);
            match count {
                Ok(0) => return Err(RequestorError::Closed(step)),
                Ok(count) => wanted = &mut wanted[count..],
                Err(error) if is_transient(&error) => (),
                Err(error) => return Err(RequestorError::Broken { step, error }),
            }
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
        while !slices.is_empty() {
            let left = remaining(deadline).ok_or(RequestorError::TimedOut(step))?;
            let count =
                self.stream.set_write_timeout(Some(left)).and_then(|()| self.stream.write_vectored(slices));
            match count {
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
        Ok(())
    }

    /// Tells the peer that it broke the rules, and gives the error to return.
    pub(super) fn violated(&mut self, violation: Violation) -> RequestorError {
        self.last_words(abort(violation.code()));
        RequestorError::Violation(violation)
    }

    /// Writes a last PDU if that is possible at once; the connection closes when `self` is dropped.
    pub(super) fn last_words(&mut self, pdu: [u8; 10]) {
        let _ = self
            .stream
            .set_write_timeout(Some(Duration::from_secs(1)))
            .and_then(|()| self.stream.write_all(&pdu));
    }
}

fn connect(address: impl ToSocketAddrs, time: Duration) -> io::Result<TcpStream> {
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, time) {
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
