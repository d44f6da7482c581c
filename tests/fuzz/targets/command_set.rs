//! Any bytes as a command set on an association (PS3.7 6.3), in one or two fragments: an answer that is a command set of
//! its own, or an A-ABORT.

#![no_main]

use condenser_fuzz::acceptor::{ASSOCIATE_RQ, Acceptor, ECHO_RQ, RELEASE_RQ, pdata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((split, command)) = input.split_first() else { return };
    let (first, last) = command.split_at(usize::from(*split).min(command.len()));
    let mut bytes = ASSOCIATE_RQ.to_vec();
    if !first.is_empty() {
        bytes.extend(pdata(3, 1, first));
    }
    bytes.extend(pdata(3, 3, last));
    bytes.extend(pdata(3, 2, b"\x08\x00\x18\x00UI\x06\x001.2.3\0"));
    bytes.extend(pdata(1, 3, ECHO_RQ));
    bytes.extend(RELEASE_RQ);
    Acceptor::running().converse(&[bytes]);
});
