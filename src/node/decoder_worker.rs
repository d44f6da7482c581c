//! The other side of a decoding process: decodes frame after frame, within limits that it gives itself before it reads a
//! byte, and ends when nobody asks any more.

use super::decoder_protocol::{Request, Response, read_message, write_message};
use crate::codec::FrameDecoder;
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::set_no_new_privs;
use std::io::{self, BufReader, BufWriter, Read, Write};

/// What the process may use.
#[derive(Clone, Copy, Debug)]
pub struct WorkerLimits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time for all frames together.
    pub processor_seconds: u64,
}

/// A codestream is never longer: fragments have lengths of 32 bits.
const MOST_CODESTREAM_BYTES: u64 = u32::MAX as u64;

/// Answers requests until there are none.
///
/// # Errors
/// When the limits cannot be set, or the other side does not keep to the protocol.
pub fn decode_for_node(limits: WorkerLimits, input: impl Read, output: impl Write) -> io::Result<()> {
    limit(limits)?;
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    while let Some((request, codestream)) = read_message::<Request>(&mut input, MOST_CODESTREAM_BYTES)? {
        match decode(&request, &codestream) {
            Ok(cells) => write_message(&mut output, &Response::Cells, &cells)?,
            Err(why) => write_message(&mut output, &Response::Refused(why), &[])?,
        }
    }
    Ok(())
}

fn decode(request: &Request, codestream: &[u8]) -> Result<Vec<u8>, String> {
    let coding = request.coding().ok_or("an unknown transfer syntax")?;
    let decoder = FrameDecoder::of_name(&coding, &request.decoder).map_err(|error| error.to_string())?;
    decoder.decode(codestream).map_err(|error| error.to_string())
}

/// No more memory and time than is allowed; no file, no socket, no other process, no core dump (it would hold patient data).
///
/// A node that ends takes the process with it: at once while it decodes, and else since nobody holds the other end of its
/// input any more. Its descriptors are open already; with none allowed, it can never open another, whatever it closes.
fn limit(limits: WorkerLimits) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    for (resource, most) in [
        (Resource::As, limits.memory),
        (Resource::Cpu, limits.processor_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Nofile, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
