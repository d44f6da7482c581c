//! Any bytes as what a peer does on a connection, step by step and in any pieces: the acceptor answers in whole PDUs
//! (PS3.8 9.3), comes to an end when the peer does, and goes on to serve others.
//!
//! An input is a list of steps, so that the fuzzer gets past the association request and into every state of PS3.8 9.2.

#![no_main]

use condenser_fuzz::acceptor::{ASSOCIATE_RQ, Acceptor, ECHO_RQ, RELEASE_RQ, STORE_RQ, pdata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut rest = input.iter().copied();
    let mut pieces = vec![Vec::new()];
    while let Some(step) = rest.next() {
        let mut some = || {
            let count = rest.next().unwrap_or(0);
            rest.by_ref().take(usize::from(count)).collect::<Vec<u8>>()
        };
        let bytes = match step & 0x0F {
            0 => some(),
            1 | 2 => ASSOCIATE_RQ.to_vec(),
            3 => pdata(1, 3, ECHO_RQ),
            4 => pdata(3, 3, STORE_RQ),
            5 => pdata(3, 0, &some()),
            6 => pdata(3, 2, &some()),
            7 => pdata(3, 1, &some()),
            8 => pdata(3, 3, &some()),
            9 => RELEASE_RQ.to_vec(),
            // A context and a header of anything.
            10 => {
                let [context, control] = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
                pdata(context, control, STORE_RQ)
            }
            // A PDU of any kind and length.
            11 => {
                let value = some();
                [&[rest.next().unwrap_or(7), 0, 0, 0, 0, value.len() as u8][..], &value].concat()
            }
            // A well-formed request of which one byte is another.
            12 => {
                let mut request = ASSOCIATE_RQ.to_vec();
                let [at, byte] = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
                let length = request.len();
                request[usize::from(at) % length] = byte;
                request
            }
            // Half of a command, which the next steps may complete.
            13 => pdata(3, 1, &STORE_RQ[..STORE_RQ.len() / 2]),
            14 => pdata(3, 3, &STORE_RQ[STORE_RQ.len() / 2..]),
            _ => vec![7, 0, 0, 0, 0, 4, 0, 0, 0, 0],
        };
        pieces.last_mut().expect("there is one").extend(bytes);
        if step & 0x80 != 0 {
            pieces.push(Vec::new());
        }
    }
    Acceptor::running().converse(&pieces);
});
