//! `condenser selftest`: whether a folder can be trusted with instances, tried at the place where they are to lie.

use super::inspect::json_line;
use super::outcome::{CommandError, Outcome};
use super::selftest_kills::{self, Kills};
use super::text::Shown;
use crate::config::Config;
use crate::store::{self, StoreError, Tree, Trial};
use serde::Serialize;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The arguments of `condenser selftest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Tries in a folder of its own below DIR, which it removes again; a node may run there
meanwhile. Nothing is sent anywhere.

  place            file system, lock, write, sync, rename, read back
  room             free bytes and files against store.low_water
  names            a name that is taken is never given away
  spool            files without a name, for what is too large for memory
  file sync        how long data take to be on the disk (median, 99 %, longest)
  directory sync   how long names take
  kill -9          a process that stores is killed again and again: what it had
                   acknowledged must be there, whole, and nothing half done

A disk that syncs faster than a disk can has a cache that does not do what it is
told: `doubtful`. What survives a loss of power, only a loss of power shows.

Exit code 0: passed, 1: failed or doubtful.

Examples:
  condenser selftest --store /srv/dicom
  condenser selftest --store /srv/dicom --syncs 1000 --kills 200
  condenser selftest --config /etc/condenser/condenser.toml --json | jq .verdict")]
pub(super) struct Arguments {
    /// The configuration file of the node (default: the embedded one)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the store, or one that is to become it
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// How often file and directory are synced
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    syncs: usize,
    /// How often a storing process is killed
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    kills: usize,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
    /// Be the process that is killed, in its try of this number
    #[arg(long, hide = true, value_name = "TRY")]
    child: Option<usize>,
}

/// What a check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Passed,
    Doubtful,
    Failed,
}

/// One check and what it found.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    verdict: Verdict,
    found: String,
}

/// The whole report.
#[derive(Debug, Serialize)]
struct Report {
    store: String,
    verdict: Verdict,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_sync: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory_sync: Option<Latency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kills: Option<Kills>,
}

/// How long something took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Latency {
    median: u64,
    p99: u64,
    max: u64,
}

/// A sync that is faster than this was none, unless the disk's cache outlasts a loss of power.
const IMPLAUSIBLE: u64 = 20;

/// The bytes of each file that is synced: a small image.
const BYTES: usize = 256 << 10;

pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut config = match &arguments.config {
        Some(path) => Config::load(path).map_err(|error| CommandError::Usage(error.to_string()))?.store,
        None => store::Config::default(),
    };
    if let Some(path) = &arguments.store {
        config.path.clone_from(path);
    }
    if let Some(child) = arguments.child {
        return selftest_kills::store_until_killed(&config, child);
    }
    if !config.path.is_dir() {
        let message = format!("{} is no folder: make it, or name another by --store", config.path.display());
        return Err(CommandError::Usage(message));
    }
    let place = Place::beside(&config.path).map_err(|error| {
        CommandError::Failed(format!("nothing can be made in {}: {error}", config.path.display()))
    })?;
    let (shown, low_water) = (config.path.display().to_string(), config.low_water);
    // A running node does not share its folder, and its low-water mark is a check of its own.
    config = store::Config { path: place.0.clone(), create: true, low_water: 0, ..config };
    let mut report = Report::new(shown);
    match Tree::open(&config) {
        Ok(tree) => {
            report.place(&tree, &config);
            report.trial(&tree, arguments.syncs, low_water);
            drop(tree);
            report.kills(&config, arguments.kills);
        }
        Err(error) => report.add("place", Verdict::Failed, error.to_string()),
    }
    drop(place);
    report.show(arguments.json)?;
    Ok(if report.verdict == Verdict::Passed { Outcome::Done } else { Outcome::SomeFailed })
}

/// A folder of its own, gone when it is dropped.
struct Place(PathBuf);

impl Place {
    /// No folder of a layout begins with a dot.
    fn beside(store: &Path) -> io::Result<Self> {
        let path = store.join(format!(".selftest-{}", std::process::id()));
        fs::create_dir(&path)?;
        // The child is started elsewhere, perhaps.
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is seen by whoever looks into the folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Report {
    fn new(store: String) -> Self {
        let (file_sync, directory_sync, kills) = (None, None, None);
        Self { store, verdict: Verdict::Passed, checks: Vec::new(), file_sync, directory_sync, kills }
    }

    fn add(&mut self, check: &'static str, verdict: Verdict, found: String) {
        self.verdict = self.verdict.max(verdict);
        self.checks.push(Check { check, verdict, found });
    }

    fn place(&mut self, tree: &Tree, config: &store::Config) {
        match tree.opening().warning {
            Some(warning) => self.add("place", Verdict::Doubtful, warning.to_owned()),
            None => {
                self.add("place", Verdict::Passed, format!("{}, read back as written", tree.file_system()))
            }
        }
        match Tree::open(config) {
            Err(StoreError::Locked { .. }) => {
                self.add("lock", Verdict::Passed, "a second node is refused".to_owned());
            }
            _ => self.add(
                "lock",
                Verdict::Failed,
                "a second node is not refused: locks do not work".to_owned(),
            ),
        }
    }

    fn trial(&mut self, tree: &Tree, syncs: usize, low_water: u64) {
        match tree.room_for(low_water) {
            Ok(free) => self.add("room", Verdict::Passed, format!("{} MiB free", free >> 20)),
            Err(error) => self.add("room", Verdict::Failed, error.to_string()),
        }
        let trial = match tree.try_out(syncs.max(1), BYTES) {
            Ok(trial) => trial,
            Err(error) => return self.add("file sync", Verdict::Failed, error.to_string()),
        };
        let Trial { file_syncs, directory_syncs, keeps_names, no_spool } = trial;
        match keeps_names {
            true => self.add("names", Verdict::Passed, "a taken name stays where it is".to_owned()),
            false => self.add("names", Verdict::Failed, "a file was replaced under its name".to_owned()),
        }
        match no_spool {
            None => self.add("spool", Verdict::Passed, "files without a name can be made".to_owned()),
            Some(error) => self.add("spool", Verdict::Failed, error),
        }
        self.file_sync = self.latency("file sync", file_syncs);
        self.directory_sync = self.latency("directory sync", directory_syncs);
    }

    fn latency(&mut self, check: &'static str, times: Vec<Duration>) -> Option<Latency> {
        let latency = Latency::of(times)?;
        let verdict = if latency.median < IMPLAUSIBLE { Verdict::Doubtful } else { Verdict::Passed };
        self.add(check, verdict, latency.to_string());
        Some(latency)
    }

    fn kills(&mut self, config: &store::Config, tries: usize) {
        match selftest_kills::kill(config, tries) {
            Ok(kills) => {
                let verdict = if kills.are_harmless() { Verdict::Passed } else { Verdict::Failed };
                self.add("kill -9", verdict, kills.to_string());
                self.kills = Some(kills);
            }
            Err(error) => self.add("kill -9", Verdict::Failed, error),
        }
    }

    fn show(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            return json_line(&mut out, self);
        }
        for Check { check, verdict, found } in &self.checks {
            writeln!(out, "{check:<15} {:<9} {}", verdict.word(), Shown(found))?;
        }
        writeln!(out, "{}: {}", Shown(&self.store), self.verdict.word())
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Doubtful => "doubtful",
            Self::Failed => "failed",
        }
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let at = |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        let microseconds = |time: &Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Some(Self {
            median: at(50).map(microseconds)?,
            p99: at(99).map(microseconds)?,
            max: times.last().map(microseconds)?,
        })
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |microseconds: u64| microseconds as f64 / 1e3;
        let Self { median, p99, max } = *self;
        let (half, most, all) = (milliseconds(median), milliseconds(p99), milliseconds(max));
        write!(f, "median {half:.2} ms, 99 % {most:.2} ms, longest {all:.2} ms")?;
        if median < IMPLAUSIBLE {
            write!(f, ": no disk is that fast, so a loss of power may lose what was acknowledged")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_those_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_micros).collect();
        assert_eq!(Latency::of(times), Some(Latency { median: 101, p99: 199, max: 200 }));
        assert_eq!(Latency::of(Vec::new()), None);
        let one = Latency::of(vec![Duration::from_micros(7)]).unwrap();
        assert_eq!(one, Latency { median: 7, p99: 7, max: 7 });
        assert!(one.to_string().contains("no disk is that fast"));
    }

    #[test]
    fn the_worst_check_is_the_verdict() {
        let mut report = Report::new("x".to_owned());
        report.add("a", Verdict::Passed, String::new());
        assert_eq!(report.verdict, Verdict::Passed);
        report.add("b", Verdict::Failed, String::new());
        report.add("c", Verdict::Doubtful, String::new());
        assert_eq!(report.verdict, Verdict::Failed);
    }
}
