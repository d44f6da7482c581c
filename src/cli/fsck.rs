//! `condenser fsck`: reads every file of a store and compares it with its seal.

use super::interrupt::Interrupt;
use super::outcome::{CommandError, Outcome};
use super::progress::Progress;
use super::text::{Shown, counted, shown};
use crate::config::Config;
use crate::store::{Soundness, StoreError, Tree};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The arguments of `condenser fsck`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every instance is sealed when it is stored: a digest of its data set is part of the
file. A file that was changed since, by the disk or by somebody, is found by reading
it to its end.

  whole      as it was stored
  altered    changed since; with --repair it goes to quarantine/, so that it is
             neither sent nor taken for the instance that it was
  unsealed   stored by a version that did not seal yet
  foreign    no file of Condenser's
  unreadable the disk does not give it back

The node may run meanwhile, except with --repair.

Examples:
  condenser fsck                             the store below ./data
  condenser fsck --store /srv/dicom --json | jq -r 'select(.found == \"altered\").file'
  condenser fsck --config /etc/condenser/condenser.toml --repair")]
pub(super) struct Arguments {
    /// The configuration file of the node (default: the embedded one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the store
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Move what is altered to quarantine/; the node must be stopped
    #[arg(long)]
    repair: bool,
    /// Write one JSON object a file
    #[arg(long)]
    json: bool,
}

/// What was found of one file.
#[derive(Debug, Serialize)]
struct Found<'f> {
    file: &'f str,
    found: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
}

/// How many files there are of each kind.
#[derive(Debug, Default)]
struct Tally {
    whole: u64,
    unsealed: u64,
    foreign: u64,
    bad: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut config = match &arguments.config {
        Some(path) => Config::load(path).map_err(|error| CommandError::Usage(error.to_string()))?,
        None => Config::default(),
    };
    if let Some(path) = &arguments.store {
        config.store.path.clone_from(path);
    }
    let failed = |error: StoreError| CommandError::Failed(error.to_string());
    let tree = if arguments.repair {
        config.store.create = false;
        Tree::open(&config.store)
    } else {
        Tree::open_to_read(&config.store)
    }
    .map_err(failed)?;
    let mut files = Vec::new();
    tree.visit(&mut |file| {
        files.push(file.to_owned());
        Ok::<(), StoreError>(())
    })
    .map_err(failed)?;
    let progress = Progress::new(files.len() as u64, arguments.json);
    let interrupt = Interrupt::listen()?;
    let mut tally = Tally::default();
    for file in files.iter().take_while(|_| !interrupt.happened()) {
        examine(&tree, file, arguments.repair, &progress, &mut tally)?;
    }
    progress.finish(&tally.summary());
    let done = tally.bad == 0 && !interrupt.happened();
    Ok(if done { Outcome::Done } else { Outcome::SomeFailed })
}

fn examine(
    tree: &Tree,
    file: &Path,
    repair: bool,
    progress: &Progress,
    tally: &mut Tally,
) -> Result<(), CommandError> {
    let name = file.display().to_string();
    let mut found = Found { file: &name, found: "whole", error: None, moved_to: None };
    match tree.examine(file) {
        // Gone since it was listed: a node at work removes its drafts and what its retention says.
        Ok(None) => return Ok(()),
        Ok(Some(Soundness::Whole)) => tally.whole += 1,
        Ok(Some(Soundness::Unsealed)) => (found.found, tally.unsealed) = ("unsealed", tally.unsealed + 1),
        Ok(Some(Soundness::Foreign)) => (found.found, tally.foreign) = ("foreign", tally.foreign + 1),
        Ok(Some(Soundness::Altered)) => {
            (found.found, tally.bad) = ("altered", tally.bad + 1);
            if repair {
                let moved = tree.set_aside(file).map_err(|error| CommandError::Failed(error.to_string()))?;
                found.moved_to = Some(moved.display().to_string());
            }
        }
        Err(error) => {
            (found.found, tally.bad) = ("unreadable", tally.bad + 1);
            found.error = Some(error.to_string());
        }
    }
    let line = found.line(file);
    match found.found {
        "altered" | "unreadable" => progress.failed(&found, &line)?,
        kind => progress.done(&found, &line, kind != "whole")?,
    }
    Ok(())
}

impl Found<'_> {
    fn line(&self, file: &Path) -> String {
        let mut line = format!("{}: {}", shown(file), self.found);
        if let Some(error) = &self.error {
            line = format!("{line}: {}", Shown(error));
        }
        if let Some(moved) = &self.moved_to {
            line = format!("{line}, moved to {}", Shown(moved));
        }
        line
    }
}

impl Tally {
    fn summary(&self) -> String {
        let Self { whole, unsealed, foreign, bad } = self;
        format!(
            "{} whole, {unsealed} unsealed, {foreign} foreign, {bad} altered or unreadable",
            counted(*whole, "file", "files")
        )
    }
}
