//! `condenser serve`: runs a node.

use super::decode_for_node::PROGRAM;
use super::outcome::{CommandError, Outcome};
use super::peer::Peer;
use crate::config::{Config, ConfigError};
use crate::forward::PeerConfig;
use crate::net::AddressRange;
use crate::node;
use crate::observe::start_log;
use crate::rule::Target;
use crate::store::Durability;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  condenser serve
      listen on 127.0.0.1:11112 as CONDENSER, store JPEG-LS Lossless below ./data
  condenser serve --listen 0.0.0.0:104 --allow 10.1.0.0/16 --ae-title ARCHIVE --store /srv/dicom --to RLELossless
      let the hospital's network in; unless said, nobody but this machine comes in
  condenser serve --forward ARCHIVE@pacs.example:104
      and forward everything to an archive
  condenser serve --config /etc/condenser/condenser.toml

A first SIGTERM or Ctrl-C lets running transfers end, a second one stops at once. SIGHUP reads the file again.";

/// What `serve` takes. Flags win over the file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration file (default: the embedded one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The AE title that peers must call
    #[arg(long, value_name = "TITLE")]
    ae_title: Option<String>,
    /// An address to listen on; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// Addresses that may come in, as `10.1.0.0/16` or `192.0.2.7`, besides those of the file; may be given several times
    #[arg(long, value_name = "ADDRESSES")]
    allow: Vec<AddressRange>,
    /// The folder of the store
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The transfer syntax to store, where a rule does not say another: a keyword, a UID, `auto` for the
    /// smallest of the configured candidates, or `none` to keep what comes
    #[arg(long, value_name = "SYNTAX")]
    to: Option<Target>,
    /// A peer that every instance is forwarded to, besides those that its rule names; may be given several times
    #[arg(long, value_name = "[AE@]HOST:PORT")]
    forward: Vec<Peer>,
    /// Do not decode and compare every encoded frame before it counts
    #[arg(long)]
    no_verify: bool,
    /// `none` acknowledges instances that a power cut would lose
    #[arg(long, value_name = "full|none", value_parser = durability)]
    durability: Option<Durability>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = arguments.config()?;
    let _log = start_log(&config.log);
    let load = || arguments.config().map_err(|error| error.to_string());
    node::run(&config, &load).map_err(|error| CommandError::Failed(error.to_string()))?;
    Ok(Outcome::Done)
}

impl Arguments {
    /// The configuration as file and flags say it now.
    fn config(&self) -> Result<Config, CommandError> {
        let usage = |error: ConfigError| CommandError::Usage(error.to_string());
        let mut config = match &self.config {
            Some(path) => Config::load(path).map_err(usage)?,
            None => Config::default(),
        };
        if let Some(title) = &self.ae_title {
            config.node.ae_title.clone_from(title);
        }
        if !self.listen.is_empty() {
            config.node.listen.clone_from(&self.listen);
        }
        if !self.allow.is_empty() {
            config.access.allow(self.allow.clone());
        }
        if let Some(path) = &self.store {
            config.store.path.clone_from(path);
        }
        if let Some(to) = self.to {
            config.compress.to = to;
        }
        if let Some(durability) = self.durability {
            config.store.durability = durability;
        }
        config.compress.verify &= !self.no_verify;
        config.decoder = Some(PROGRAM.into());
        for peer in &self.forward {
            let name = peer.to_string();
            config.peer.push(PeerConfig::new(&name, peer.called(), peer.address()));
            config.always.push(name);
        }
        config.checked().map_err(usage)
    }
}

fn durability(word: &str) -> Result<Durability, String> {
    match word {
        "full" => Ok(Durability::Full),
        "none" => Ok(Durability::None),
        _ => Err("it is `full` or `none`".to_owned()),
    }
}
