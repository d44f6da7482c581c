//! Files and folders in another transfer syntax, written into others: what `compress` and `decompress` share.

use super::find::{Finding, find};
use super::interrupt::Interrupt;
use super::outcome::{CommandError, Outcome};
use super::progress::Progress;
use super::text::{Shown, counted, shown};
use super::transcode_file::{How, Job, transcode_file};
use super::transcode_report::{Done, Tally};
use crate::store::{Durability, Files};
use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Which files, where to, and how it is told.
#[derive(Debug, clap::Args)]
pub(super) struct Places {
    /// Files, folders and patterns.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Where to: a file for one file, else a folder, made when it is missing.
    #[arg(required = true, value_name = "OUT")]
    output: PathBuf,
    /// Replace files that are there already.
    #[arg(long, short)]
    force: bool,
    /// Write one JSON object a file.
    #[arg(long)]
    json: bool,
    /// How many files to work on at once; as many as there are processors unless said.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Works through all files.
pub(super) fn run(places: &Places, how: &How) -> Result<Outcome, CommandError> {
    let usage = |error: String| CommandError::Usage(error);
    // In place, the output is the input.
    let in_place = places.inputs.iter().any(|input| same_place(input, &places.output));
    let except = (!in_place).then_some(places.output.as_path());
    let finding = find(&places.inputs, except).map_err(|error| usage(error.to_string()))?;
    let jobs = plan(&finding, &places.output)?;
    let progress = Progress::new(jobs.len() as u64, places.json);
    for (path, error) in &finding.unreadable {
        progress.problem(&format!("{}: {}", shown(path), Shown(error)));
    }
    let mut tally = Tally::with_failures(finding.unreadable.len() as u64);
    let interrupt = Interrupt::listen()?;
    work(places, how, &jobs, &interrupt, |done| {
        tally.add(&done);
        match done.outcome {
            "failed" => progress.failed(&done, &done.line()),
            outcome => progress.done(&done, &done.line(), outcome == "kept"),
        }
    })?;
    progress.finish(&tally.summary(how));
    if interrupt.happened() {
        let left = (jobs.len() as u64).saturating_sub(tally.done());
        return Err(CommandError::Failed(format!(
            "interrupted; {} not done",
            counted(left, "file is", "files are")
        )));
    }
    Ok(if tally.failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

/// Where each file goes to. Two files must not become one.
fn plan(finding: &Finding, output: &Path) -> Result<Vec<Job>, CommandError> {
    let is_folder = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if finding.single_file && !is_folder {
        let input = finding.files.iter().map(|found| found.path.clone());
        return Ok(input.map(|input| Job { input, output: output.to_owned() }).collect());
    }
    if output.exists() && !is_folder {
        let message =
            format!("the output {} must be a folder, for there is more than one file", shown(output));
        return Err(CommandError::Usage(message));
    }
    let mut taken: HashMap<&Path, &Path> = HashMap::new();
    for found in &finding.files {
        if let Some(other) = taken.insert(&found.relative, &found.path) {
            let (a, b, target) = (shown(other), shown(&found.path), shown(&output.join(&found.relative)));
            return Err(CommandError::Usage(format!(
                "{a} and {b} would both become {target}; name their folders"
            )));
        }
    }
    let job =
        |found: &super::find::Found| Job { input: found.path.clone(), output: output.join(&found.relative) };
    Ok(finding.files.iter().map(job).collect())
}

/// Several files at once; what came of them is shown as it comes.
fn work(
    places: &Places,
    how: &How,
    jobs: &[Job],
    interrupt: &Interrupt,
    mut show: impl FnMut(Done) -> io::Result<()>,
) -> Result<(), CommandError> {
    let files = Files::new(Durability::Full);
    let threads =
        places.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let (sender, files, next) = (sender.clone(), &files, &next);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = transcode_file(job, how, places.force, files, interrupt);
                    // Without a receiver the output cannot be written, which ends the command.
                    if interrupt.happened() && result.is_err()
                        || sender.send(Done::of(job, how, result)).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // Leaving this loop early drops the receiver, which ends the threads after the files that they are at.
        for done in receiver {
            show(done)?;
        }
        Ok(())
    })
}

fn same_place(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
