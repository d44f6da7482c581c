//! Command sets and scripted peers for the tests of this room.

use super::dimse_performer::{Command, Request};
use super::handler::StoreAnswer;
use super::pdata::frame_command;
use super::requestor_options::RequestorOptions;
use super::status::Status;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// An A-ABORT of the service user.
pub(super) const USER_ABORT: [u8; 10] = [7, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// A C-STORE-RQ written by hand from PS3.7 Table 9.3-1.
pub(super) const STORE_RQ: &[u8] = b"\
    \x00\x00\x00\x00\x04\x00\x00\x00\x5E\x00\x00\x00\
    \x00\x00\x02\x00\x08\x00\x00\x001.2.840\0\
    \x00\x00\x00\x01\x02\x00\x00\x00\x01\x00\
    \x00\x00\x10\x01\x02\x00\x00\x00\x07\x00\
    \x00\x00\x00\x07\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x08\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x10\x06\x00\x00\x001.2.3\0\
    \x00\x00\x30\x10\x06\x00\x00\x00MOVER \
    \x00\x00\x31\x10\x02\x00\x00\x00\x09\x00";

/// [`STORE_RQ`] without the element (0000,`element`), or with another value in it; the group length stays as it was.
pub(super) fn store_rq_without(element: u16, value: Option<&[u8]>) -> Vec<u8> {
    let (mut rest, mut bytes) = (STORE_RQ, Vec::new());
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        // None of its values is longer than one byte can say.
        let (original, after) = after.split_at(usize::from(header[4]));
        rest = after;
        if let Some(value) = if header[2..4] == element.to_le_bytes() { value } else { Some(original) } {
            bytes.extend_from_slice(&header[..4]);
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value);
        }
    }
    bytes
}

/// A P-DATA-TF PDU with a response of success, made by the performer's side.
pub(super) fn response(context: u8, field: u16, message_id: u16) -> Vec<u8> {
    let command = Command {
        field,
        message_id,
        has_data_set: false,
        sop_class: None,
        sop_instance: None,
        request: Request::Echo,
    };
    let (mut set, mut pdu) = (Vec::new(), Vec::new());
    command.respond(&StoreAnswer::from(Status::SUCCESS), &mut set);
    frame_command(context, &set, 0, &mut pdu);
    pdu
}

/// A requestor that does not wait long.
pub(super) fn hasty() -> RequestorOptions {
    let short = Duration::from_millis(200);
    RequestorOptions {
        associate: short,
        response: short,
        release: short,
        ..RequestorOptions::new("SENDER", "ARCHIVE")
    }
}

/// A peer that takes one connection, does `first`, says `says`, and reads on to the end: what it read then.
pub(super) fn peer(
    first: impl FnOnce(&mut TcpStream) + Send + 'static,
    says: Vec<u8>,
) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        first(&mut stream);
        stream.write_all(&says).unwrap();
        let mut rest = Vec::new();
        // The requestor may close with our bytes unread.
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    (address, peer)
}
