//! `condenser check`: tells whether a configuration file is right, and all that is wrong with it.

use super::outcome::{CommandError, Outcome};
use super::text::Shown;
use crate::codec::Recompress;
use crate::config::Config;
use crate::net::Tls;
use crate::rule::{Target, Writable};
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
        None => Config::default().checked(),
    };
    let config = config.map_err(|error| CommandError::Usage(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    let listen: Vec<String> = config.node.listen.iter().map(ToString::to_string).collect();
    writeln!(out, "AE title    {}", config.node.ae_title)?;
    writeln!(out, "listens on  {}", listen.join(", "))?;
    if let Some(tls) = &config.node.tls {
        Tls::load(tls).map_err(|error| CommandError::Failed(error.to_string()))?;
        let listen: Vec<String> = tls.listen.iter().map(ToString::to_string).collect();
        let peers = if tls.authorities.is_some() {
            "peers show certificates"
        } else {
            "peers are not asked who they are"
        };
        writeln!(out, "with TLS    {}; {peers}", listen.join(", "))?;
    }
    writeln!(out, "stores in   {} as {}", config.store.path.display(), config.store.layout)?;
    let rules = config.rules();
    for (index, decision) in rules.decisions().enumerate() {
        let whose = decision.rule.as_deref().unwrap_or(if index == 0 { "all" } else { "all others" });
        let verified = if decision.compress.verify { ", verified" } else { "" };
        let names =
            |syntaxes: &[Writable]| syntaxes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let of = match decision.compress.to {
            Target::Auto => format!(" of {}", names(&decision.compress.candidates)),
            Target::None | Target::One(_) => String::new(),
        };
        let otherwise = match &decision.compress.fallback[..] {
            [] => String::new(),
            fallback => format!(", else {}", names(fallback)),
        };
        let recompressed = match decision.compress.recompress {
            Recompress::Never => "",
            Recompress::LosslessOnly => ", what came compressed without loss too",
            Recompress::Always => ", what came compressed too, with loss or without",
        };
        let to = decision.compress.to;
        write!(out, "condenses   {}: to {to}{of}{otherwise}{verified}{recompressed}", Shown(whose))?;
        match &decision.forward[..] {
            [] => writeln!(out)?,
            peers => writeln!(
                out,
                "; forwards to {}, priority {}",
                Shown(&peers.join(", ")),
                decision.priority.name()
            )?,
        }
    }
    for peer in &config.peer {
        let commit = if peer.commit { ", with Storage Commitment" } else { "" };
        writeln!(
            out,
            "peer        {}: {}@{}{commit}",
            Shown(&peer.name),
            Shown(&peer.ae_title),
            Shown(&peer.address.to_string())
        )?;
    }
    config.audit.check_files().map_err(|error| CommandError::Failed(error.to_string()))?;
    if let Some(file) = &config.audit.file {
        writeln!(out, "audits to   {}", file.display())?;
    }
    if let Some(syslog) = &config.audit.syslog {
        writeln!(out, "audits to   {} by syslog over TLS", Shown(&syslog.address.to_string()))?;
    }
    if rules.forward_anything() {
        writeln!(out, "queues in   {}", config.queue_url())?;
    }
    Ok(Outcome::Done)
}
