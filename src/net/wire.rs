//! The bytes of a connection that we asked for, as they are or within TLS, each step bounded by the socket's time-outs.

use super::peer_tls::PeerTls;
use super::transport::quick_acknowledge;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

/// A connection on which a requestor speaks.
#[derive(Debug)]
pub(super) enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// TLS over a connection, of which nothing is agreed on yet.
    ///
    /// # Errors
    /// That a session cannot be begun.
    pub(super) fn secured(stream: TcpStream, tls: &PeerTls) -> Result<Wire, rustls::Error> {
        Ok(Wire::Tls(Box::new(StreamOwned::new(tls.session()?, stream))))
    }

    /// Brings the handshake one step further. Gives whether it is done.
    ///
    /// # Errors
    /// That the socket's time is over, or that the two do not agree.
    pub(super) fn shake_hands(&mut self) -> io::Result<bool> {
        match self {
            Wire::Plain(_) => Ok(true),
            Wire::Tls(stream) => {
                let StreamOwned { conn, sock } = &mut **stream;
                if conn.is_handshaking() {
                    conn.complete_io(sock)?;
                }
                Ok(!conn.is_handshaking())
            }
        }
    }

    /// The socket, for its time-outs.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => stream.get_ref(),
        }
    }

    /// Reads what is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        quick_acknowledge(self.socket());
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }

    /// Writes a part of it.
    pub(super) fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write_vectored(slices),
            // One record holds no more than one slice, mostly.
            Wire::Tls(stream) => match slices.iter().find(|slice| !slice.is_empty()) {
                Some(slice) => stream.write(slice),
                None => Ok(0),
            },
        }
    }

    /// Sends what TLS holds back still.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(_) => Ok(()),
            Wire::Tls(stream) => stream.flush(),
        }
    }

    /// Whether the connection is open and nothing of the peer's is there to be read.
    pub(super) fn is_quiet(&mut self) -> bool {
        if self.socket().set_nonblocking(true).is_err() {
            return false;
        }
        let quiet = match self {
            Wire::Plain(stream) => {
                stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
            }
            // What is there may be TLS's own: tickets for later sessions, say.
            Wire::Tls(stream) => is_idle(stream),
        };
        self.socket().set_nonblocking(false).is_ok() && quiet
    }
}

fn is_idle(stream: &mut StreamOwned<ClientConnection, TcpStream>) -> bool {
    let StreamOwned { conn, sock } = stream;
    loop {
        match conn.read_tls(sock) {
            Err(error) => break error.kind() == io::ErrorKind::WouldBlock,
            Ok(0) => break false,
            Ok(_) => match conn.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed() => (),
                _ => break false,
            },
        }
    }
}
