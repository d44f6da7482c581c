//! The hidden command by which a node has compressed frames decoded in processes of their own.

use super::outcome::{CommandError, Outcome};
use crate::node::{WorkerLimits, decode_for_node};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// This very program. Not its path: that may lead to another version by now, or nowhere.
pub(super) const PROGRAM: &str = "/proc/self/exe";

/// What the node allows.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Bytes of address space.
    #[arg(long)]
    memory: u64,
    /// Seconds of processor time.
    #[arg(long)]
    processor_seconds: u64,
}

/// Answers requests on standard input until there are none.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let limits = WorkerLimits { memory: arguments.memory, processor_seconds: arguments.processor_seconds };
    // Not the library's own handles: those look for lines.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    decode_for_node(limits, input, output)?;
    Ok(Outcome::Done)
}
