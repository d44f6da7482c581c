//! `condenser passcode`: the hash of a passcode, for `user` of an `[[access]]`.

use super::outcome::{CommandError, Outcome};
use crate::net::PasscodeHash;
use clap::Args;
use std::io::{BufRead, Write};

const EXAMPLES: &str = "\
Examples:
  condenser passcode
      reads a passcode, one line, and prints what belongs into the configuration
  pass show ct1 | condenser passcode
      the same from a password manager";

/// What `passcode` takes: nothing. A passcode among the arguments could be seen by everybody on the machine.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let passcode = line.trim_end_matches(['\r', '\n']);
    if passcode.is_empty() {
        return Err(CommandError::Usage("there is no passcode on the standard input".to_owned()));
    }
    let hash =
        PasscodeHash::of(passcode.as_bytes()).map_err(|error| CommandError::Failed(error.to_string()))?;
    writeln!(std::io::stdout(), "{hash}")?;
    Ok(Outcome::Done)
}
