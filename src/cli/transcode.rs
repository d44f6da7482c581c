//! Files and folders in another transfer syntax, beside them, in their place, or only looked at: what `compress` and
//! `decompress` share.

use super::find::{Finding, Found, find};
use super::interrupt::Interrupt;
use super::outcome::{CommandError, Outcome};
use super::progress::Progress;
use super::savings::Savings;
use super::text::{Shown, counted, shown};
use super::transcode_file::{How, Job, JobError, Place, Transcoded, transcode_file};
use super::transcode_report::{Done, Tally, Tense};
use crate::store::{Durability, Files};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Which files, where to, and how it is told.
#[derive(Debug, clap::Args)]
pub(super) struct Places {
    /// Files, folders and patterns; the last is where to: a file for one file, else a folder, made when it is missing.
    /// With --in-place and --dry-run there is no where to.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Replace each file by its successor, atomically: at any moment, even after a crash, it is whole as it was or whole as it
    /// becomes. Owner, permissions and times stay; a file with several hard links is left alone.
    #[arg(long, conflicts_with = "force")]
    pub(super) in_place: bool,
    /// Write nothing, and show what would be saved, for each modality and transfer syntax.
    #[arg(long, conflicts_with_all = ["force", "in_place"])]
    dry_run: bool,
    /// Replace files that are there already.
    #[arg(long, short)]
    force: bool,
    /// Write one JSON object a file; with --dry-run, one a row of the table.
    #[arg(long)]
    json: bool,
    /// How many files to work on at once; as many as there are processors unless said.
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Works through all files.
pub(super) fn run(places: &Places, how: &How) -> Result<Outcome, CommandError> {
    let (finding, jobs) = places.jobs()?;
    let files = Files::new(Durability::Full);
    if places.in_place {
        remove_abandoned(&files, &jobs)?;
    }
    let progress = Progress::new(jobs.len() as u64, places.json);
    for (path, error) in &finding.unreadable {
        progress.problem(&format!("{}: {}", shown(path), Shown(error)));
    }
    let mut tally = Tally::new(places.tense(), finding.unreadable.len() as u64);
    let mut savings = Savings::default();
    let interrupt = Interrupt::listen()?;
    work(places, how, &files, &jobs, &interrupt, |job, result| {
        if let (true, Ok(transcoded)) = (places.dry_run, &result) {
            savings.add(transcoded);
        }
        let done = Done::of(job, how, result);
        tally.add(&done);
        let line = || done.line(places.tense());
        match done.outcome {
            "failed" if places.dry_run => progress.failed_quietly(&line()),
            "failed" => progress.failed(&done, &line())?,
            _ if places.dry_run => progress.step(),
            outcome => progress.done(&done, &line(), outcome == "kept")?,
        }
        Ok(())
    })?;
    let interrupted = interrupt.happened();
    if places.dry_run && !interrupted {
        progress.clear();
        savings.show(places.json)?;
    }
    progress.finish(&tally.summary(how));
    if interrupted {
        let left = (jobs.len() as u64).saturating_sub(tally.done());
        return Err(CommandError::Failed(format!(
            "interrupted; {} not done",
            counted(left, "file is", "files are")
        )));
    }
    Ok(if tally.failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

impl Places {
    fn tense(&self) -> Tense {
        match (self.dry_run, self.in_place) {
            (true, _) => Tense::Would,
            (_, true) => Tense::InPlace,
            _ => Tense::Beside,
        }
    }

    /// What was found, and what is to be done with each of the files.
    fn jobs(&self) -> Result<(Finding, Vec<Job>), CommandError> {
        let usage = |error: String| CommandError::Usage(error);
        let search = |paths: &[PathBuf], except: Option<&Path>| {
            find(paths, except).map_err(|error| usage(error.to_string()))
        };
        if self.in_place || self.dry_run {
            let finding = search(&self.paths, None)?;
            let place = || if self.dry_run { Place::Nowhere } else { Place::Own };
            let jobs = finding.files.iter().map(|found| Job { input: found.path.clone(), place: place() });
            let jobs = jobs.collect();
            return Ok((finding, jobs));
        }
        let (output, inputs) = match self.paths.split_last() {
            Some((output, inputs)) if !inputs.is_empty() => (output, inputs),
            _ => {
                let input = self.paths.first().map(|path| shown(path)).unwrap_or_default();
                return Err(usage(format!(
                    "an output is required after {input}: a file or a folder; or say --in-place or --dry-run"
                )));
            }
        };
        // Where the output is the input, nothing is left out.
        let same = inputs.iter().any(|input| same_place(input, output));
        let finding = search(inputs, (!same).then_some(output.as_path()))?;
        let jobs = plan(&finding, output, self.force)?;
        Ok((finding, jobs))
    }
}

/// Drafts that an earlier run left in the folders of the files when it was killed.
fn remove_abandoned(files: &Files, jobs: &[Job]) -> Result<(), CommandError> {
    let folders: BTreeSet<PathBuf> =
        jobs.iter().filter_map(|job| Some(job.input.canonicalize().ok()?.parent()?.to_owned())).collect();
    for folder in folders {
        // Where it cannot be done now, writing fails later, and that is told for the file.
        let removed = files.remove_abandoned(&folder).unwrap_or_default();
        if removed > 0 {
            let drafts = counted(removed as u64, "draft", "drafts");
            eprintln!("{}: {drafts} of an earlier run that was killed removed", shown(&folder));
        }
    }
    Ok(())
}

/// Where each file goes to. Two files must not become one.
fn plan(finding: &Finding, output: &Path, overwrite: bool) -> Result<Vec<Job>, CommandError> {
    let job = |found: &Found, output: PathBuf| Job {
        input: found.path.clone(),
        place: Place::File { output, overwrite },
    };
    let is_folder = output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if finding.single_file && !is_folder {
        return Ok(finding.files.iter().map(|found| job(found, output.to_owned())).collect());
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
    Ok(finding.files.iter().map(|found| job(found, output.join(&found.relative))).collect())
}

/// Several files at once; what came of them is shown as it comes.
fn work(
    places: &Places,
    how: &How,
    files: &Files,
    jobs: &[Job],
    interrupt: &Interrupt,
    mut show: impl FnMut(&Job, Result<Transcoded, JobError>) -> io::Result<()>,
) -> Result<(), CommandError> {
    let threads =
        places.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = transcode_file(job, how, files, interrupt);
                    // Without a receiver the output cannot be written, which ends the command.
                    if interrupt.happened() && result.is_err() || sender.send((job, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // Leaving this loop early drops the receiver, which ends the threads after the files that they are at.
        for (job, result) in receiver {
            show(job, result)?;
        }
        Ok(())
    })
}

fn same_place(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
