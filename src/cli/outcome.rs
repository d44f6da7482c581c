//! How a command ends: exit codes, and errors that end it.

use std::io;
use std::process::ExitCode;

/// How a command that could do its work has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All work is done.
    Done,
    /// Some work failed; each failure was named.
    SomeFailed,
}

/// Why a command could not do its work at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// The arguments or the configuration are wrong.
    #[error("{0}")]
    Usage(String),
    /// Something else, in a sentence that says what to do.
    #[error("{0}")]
    Failed(String),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// The exit code, and the error on standard error.
pub(super) fn exit_code(result: Result<Outcome, CommandError>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::from(DONE),
        Ok(Outcome::SomeFailed) => ExitCode::from(FAILED),
        // Whoever reads has seen enough (`condenser inspect … | head`): that is no failure.
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(DONE),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, CommandError::Usage(_)) { USAGE } else { FAILED })
        }
    }
}

/// All work is done.
const DONE: u8 = 0;
/// Some work failed.
const FAILED: u8 = 1;
/// The arguments or the configuration are wrong; clap uses the same number.
const USAGE: u8 = 2;
