//! `condenser check`: tells whether a configuration file is right, and all that is wrong with it.

use super::outcome::{CommandError, Outcome};
use crate::config::Config;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  condenser check --config /etc/condenser/condenser.toml
      prints what the node would do and exits with 0, or names file, line and key and exits with 2";

/// What `check` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file (default: the embedded one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::default().checked(None),
    };
    let config = config.map_err(|error| CommandError::Usage(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    let listen: Vec<String> = config.node.listen.iter().map(ToString::to_string).collect();
    writeln!(out, "AE title    {}", config.node.ae_title)?;
    writeln!(out, "listens on  {}", listen.join(", "))?;
    writeln!(out, "stores in   {} as {}", config.store.path.display(), config.store.layout)?;
    writeln!(
        out,
        "condenses   to {}{}",
        config.compress.to,
        if config.compress.verify { ", verified" } else { "" }
    )?;
    Ok(Outcome::Done)
}
