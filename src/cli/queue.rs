//! `condenser queue`: what is still to be delivered, and what an operator does about it.
//!
//! It works on the queue of a running node as well as of one that is stopped; `rebuild` alone wants it stopped.

use super::inspect::json_line;
use super::outcome::{CommandError, Outcome};
use super::queue_rows::{Row, heading};
use super::text::{Shown, counted, shown};
use crate::config::{Config, ConfigError};
use crate::node::rebuild_queue;
use crate::queue::{DeliveryId, Queue, QueueError, QueueUrl, Selection, Sqlite, State};
use crate::store::Durability;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

/// The arguments of `condenser queue`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Every delivery, of one instance to one peer, is in one state: queued (it can be sent
now), deferred (it failed and waits), claimed (it is being sent), sent (the peer is
to commit it), held (it waits for you), delivered.

Examples:
  condenser queue counts                              how many, by peer and state
  condenser queue list --state held                   what waits for you, and why
  condenser queue show 17                             all that is known of one
  condenser queue release --peer archive              send what is held again
  condenser queue retry --peer archive --all-states   send everything once more
  condenser queue hold --study 1.2.840.99.1           not now
  condenser queue purge 17                            never
  condenser queue list --json | jq -r 'select(.attempts > 3).sop_instance'

The queue is that of the store below ./data; --config, --store or --queue name another."
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration file of the node (default: the embedded one)
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder of the store
    #[arg(long, value_name = "DIR", global = true)]
    store: Option<PathBuf>,
    /// The queue itself
    #[arg(long, value_name = "sqlite:PATH", global = true)]
    queue: Option<QueueUrl>,
    /// Write one JSON object a delivery, a count or an action
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How many deliveries there are, by peer and state
    Counts,
    /// The deliveries, those that were queued first first
    List(List),
    /// All that is known of one delivery
    Show {
        /// Its number
        #[arg(value_name = "NUMBER")]
        delivery: DeliveryId,
    },
    /// Send again at once what is deferred, sent, held or, with --state or --all-states, delivered
    Retry(Retry),
    /// Keep what is queued or deferred from being sent until it is released
    Hold(Chosen),
    /// Send again what is held, as if it had never been tried
    Release(Chosen),
    /// Forget deliveries; their files stay in the store. Who did it is written down in the queue
    Purge(Chosen),
    /// Put every instance of the store into the queue that the rules forward and that is not there; the node must be stopped
    Rebuild,
}

/// Which deliveries are meant: those that meet all that is said.
#[derive(Debug, Args)]
struct Chosen {
    /// The number of one delivery
    #[arg(value_name = "NUMBER")]
    delivery: Option<DeliveryId>,
    /// To this peer
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// Of this study
    #[arg(long, value_name = "UID")]
    study: Option<String>,
    /// Of this SOP instance
    #[arg(long, value_name = "UID")]
    instance: Option<String>,
    /// In this state; may be given several times
    #[arg(long, value_name = "STATE")]
    state: Vec<State>,
    /// All of them
    #[arg(long, conflicts_with_all = ["delivery", "peer", "study", "instance"])]
    all: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    chosen: Chosen,
    /// No more than so many; 0 for all
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    chosen: Chosen,
    /// Delivered ones too
    #[arg(long, conflicts_with = "state")]
    all_states: bool,
}

/// So many deliveries are read at a time.
const PAGE: usize = 500;
/// What `retry` means unless it is told otherwise: nobody wants to send everything again by accident.
const UNDELIVERED: [State; 3] = [State::Deferred, State::Sent, State::Held];

/// Does what is asked.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = arguments.config()?;
    if let Command::Rebuild = arguments.command {
        return rebuild(&config, arguments.json);
    }
    let QueueUrl::Sqlite(path) = config.queue_url();
    if !path.exists() {
        return Err(CommandError::Failed(format!(
            "there is no queue {}: nothing was ever forwarded, or --store, --queue or --config should name another",
            shown(&path)
        )));
    }
    let queue = Sqlite::open_existing(&path, config.store.durability == Durability::Full)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    match &arguments.command {
        Command::Counts => counts(&queue, arguments.json, &mut out)?,
        Command::List(list) => self::list(&queue, list, arguments.json, &mut out)?,
        Command::Show { delivery } => return show(&queue, *delivery, arguments.json, &mut out),
        Command::Retry(retry) => {
            let mut selection = retry.chosen.all_that_is_meant("retry")?;
            if selection.states.is_empty() && !retry.all_states && selection.delivery.is_none() {
                selection.states = UNDELIVERED.to_vec();
            }
            arguments.report("retried", queue.retry(&selection)?, &mut out)?;
        }
        Command::Hold(chosen) => {
            arguments.report("held", queue.hold(&chosen.all_that_is_meant("hold")?)?, &mut out)?;
        }
        Command::Release(chosen) => {
            arguments.report("released", queue.release(&chosen.all_that_is_meant("release")?)?, &mut out)?;
        }
        Command::Purge(chosen) => {
            let selection = chosen.all_that_is_meant("purge")?;
            arguments.report("purged", queue.purge(&selection, &operator())?, &mut out)?;
        }
        Command::Rebuild => {}
    }
    out.flush()?;
    Ok(Outcome::Done)
}

impl Arguments {
    fn config(&self) -> Result<Config, CommandError> {
        let usage = |error: ConfigError| CommandError::Usage(error.to_string());
        let mut config = match &self.config {
            Some(path) => Config::load(path).map_err(usage)?,
            None => Config::default().checked().map_err(usage)?,
        };
        if let Some(path) = &self.store {
            config.store.path.clone_from(path);
        }
        if self.queue.is_some() {
            config.queue.url.clone_from(&self.queue);
        }
        Ok(config)
    }

    fn report(&self, done: &str, deliveries: usize, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            json_line(out, &serde_json::json!({ "done": done, "deliveries": deliveries }))
        } else {
            writeln!(out, "{} {done}", counted(deliveries as u64, "delivery", "deliveries"))
        }
    }
}

impl Chosen {
    fn selection(&self) -> Selection {
        Selection {
            delivery: self.delivery,
            peer: self.peer.clone(),
            states: self.state.clone(),
            study: self.study.clone(),
            sop_instance: self.instance.clone(),
        }
    }

    /// What something is to be done to: that nothing was said is no way to say «everything».
    fn all_that_is_meant(&self, what: &str) -> Result<Selection, CommandError> {
        let selection = self.selection();
        if selection == Selection::default() && !self.all {
            let ways = "a number, --peer, --study, --instance, --state or --all";
            return Err(CommandError::Usage(format!("which deliveries? `queue {what}` takes {ways}")));
        }
        Ok(selection)
    }
}

fn counts(queue: &Sqlite, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let counts = queue.counts()?;
    if !json {
        writeln!(out, "{:<24} {:<10} {:>12}", "PEER", "STATE", "DELIVERIES")?;
    }
    for count in counts {
        match json {
            true => json_line(out, &count)?,
            false => {
                writeln!(
                    out,
                    "{:<24} {:<10} {:>12}",
                    Shown(&count.peer),
                    count.state.name(),
                    count.deliveries
                )?;
            }
        }
    }
    Ok(())
}

fn list(queue: &Sqlite, list: &List, json: bool, out: &mut impl Write) -> Result<(), CommandError> {
    let selection = list.chosen.selection();
    let mut left = if list.limit == 0 { usize::MAX } else { list.limit };
    let mut after = None;
    if !json {
        writeln!(out, "{}", heading())?;
    }
    while left > 0 {
        let page = queue.list(&selection, after, left.min(PAGE))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        left -= page.len().min(left);
        for delivery in &page {
            let row = Row::of(delivery);
            if json { json_line(out, &row)? } else { writeln!(out, "{}", row.line())? }
        }
    }
    // What is left out must not be taken for what is not there.
    if !json && !queue.list(&selection, after, 1)?.is_empty() {
        writeln!(out, "… and more; --limit 0 shows all")?;
    }
    Ok(())
}

fn show(queue: &Sqlite, id: DeliveryId, json: bool, out: &mut impl Write) -> Result<Outcome, CommandError> {
    let selection = Selection { delivery: Some(id), ..Selection::default() };
    let found = queue.list(&selection, None, 1)?;
    let delivery = found.first().ok_or_else(|| CommandError::Failed(format!("there is no delivery {id}")))?;
    let row = Row::of(delivery);
    if json {
        json_line(out, &row)?
    } else {
        out.write_all(row.page().as_bytes())?
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn rebuild(config: &Config, json: bool) -> Result<Outcome, CommandError> {
    if !config.rules().forward_anything() {
        return Err(CommandError::Usage(
            "no rule forwards anything; name the node's configuration with --config".to_owned(),
        ));
    }
    let mut tell = |file: &std::path::Path, reason: &str| {
        eprintln!("left out: {}: {}", shown(file), Shown(reason));
    };
    let rebuilt =
        rebuild_queue(config, &mut tell).map_err(|error| CommandError::Failed(error.to_string()))?;
    let mut out = io::stdout().lock();
    if json {
        let deliveries = rebuilt.deliveries;
        let (instances, others) = (rebuilt.instances, rebuilt.others);
        let row = serde_json::json!({ "done": "rebuilt", "deliveries": deliveries, "instances": instances, "left_out": others });
        json_line(&mut out, &row)?;
    } else {
        let instances = counted(rebuilt.instances, "instance", "instances");
        let deliveries = counted(rebuilt.deliveries, "new delivery", "new deliveries");
        writeln!(
            out,
            "{instances} in the store, {deliveries}, {} left out",
            counted(rebuilt.others, "file", "files")
        )?;
    }
    Ok(Outcome::Done)
}

/// Who is at the keyboard, for the audit.
fn operator() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = ["SUDO_USER", "USER"].iter().find_map(|variable| std::env::var(variable).ok());
    name.map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

impl From<QueueError> for CommandError {
    fn from(error: QueueError) -> Self {
        Self::Failed(error.to_string())
    }
}
