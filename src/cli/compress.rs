//! `condenser compress`: the encoder core on files and folders, without a node.

use super::compress_file::{How, Job, JobError, Written, compress_file};
use super::find::{Finding, find};
use super::interrupt::Interrupt;
use super::outcome::{CommandError, Outcome};
use super::progress::Progress;
use super::text::{Shown, bytes, counted, shown};
use crate::codec::{ENCODERS, Options, Report};
use crate::dicom::{OffsetTable, TransferSyntax};
use crate::store::{Durability, Files};
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// The arguments of `condenser compress`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What cannot be compressed (no image, compressed already, a kind of pixels that
the syntax cannot hold) is copied as it is and the reason is shown, so that the
output is complete. Every compressed frame is decoded again and compared before
its file gets its name.

Examples:
  condenser compress image.dcm small.dcm       one file, to JPEG-LS Lossless
  condenser compress study out --to RLELossless   a folder, mirrored
  condenser compress 'in/*.dcm' a.dcm out      patterns and files, into a folder
  condenser compress in out --json | jq .ratio    one JSON object a file
  condenser compress in in --force             in place, file by file")]
pub(super) struct Arguments {
    /// Files, folders and patterns.
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Where to: a file for one file, else a folder, made when it is missing.
    #[arg(required = true, value_name = "OUT")]
    output: PathBuf,
    /// The transfer syntax, by keyword or UID; `condenser syntaxes` lists them.
    #[arg(long, value_name = "SYNTAX", default_value = "JPEGLSLossless", value_parser = target)]
    to: &'static TransferSyntax,
    /// Write 64-bit offsets (the Extended Offset Table) even where 32 bits would do.
    #[arg(long)]
    extended_offset_table: bool,
    /// Do not decode and compare what was encoded.
    #[arg(long)]
    no_verify: bool,
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

/// What came of one file.
#[derive(Debug, Serialize)]
struct Done {
    path: String,
    output: String,
    target: &'static str,
    /// `condensed`, `kept` or `failed`.
    outcome: &'static str,
    /// A stable name for why it was not condensed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(flatten)]
    condensed: Option<Condensed>,
}

/// What compression came to.
#[derive(Debug, Serialize)]
struct Condensed {
    native_bytes: u64,
    encoded_bytes: u64,
    ratio: f64,
    frames: u32,
    encoder: &'static str,
    verified_by: Option<&'static str>,
}

/// Works through all files.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let usage = |error: String| CommandError::Usage(error);
    // In place, the output is the input.
    let in_place = arguments.inputs.iter().any(|input| same_place(input, &arguments.output));
    let except = (!in_place).then_some(arguments.output.as_path());
    let finding = find(&arguments.inputs, except).map_err(|error| usage(error.to_string()))?;
    let jobs = plan(&finding, &arguments.output)?;
    let progress = Progress::new(jobs.len() as u64, arguments.json);
    for (path, error) in &finding.unreadable {
        progress.problem(&format!("{}: {}", shown(path), Shown(error)));
    }
    let mut tally = Tally { failed: finding.unreadable.len() as u64, ..Tally::default() };
    let interrupt = Interrupt::listen()?;
    work(arguments, &jobs, &interrupt, |done| {
        tally.add(&done);
        match done.outcome {
            "failed" => progress.failed(&done, &done.line()),
            outcome => progress.done(&done, &done.line(), outcome == "kept"),
        }
    })?;
    progress.finish(&tally.summary(arguments.to));
    if interrupt.happened() {
        let left = (jobs.len() as u64).saturating_sub(tally.condensed + tally.kept);
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
    arguments: &Arguments,
    jobs: &[Job],
    interrupt: &Interrupt,
    mut show: impl FnMut(Done) -> io::Result<()>,
) -> Result<(), CommandError> {
    let files = Files::new(Durability::Full);
    let offset_table = arguments.extended_offset_table.then_some(OffsetTable::Extended);
    let options = Options { verify: !arguments.no_verify, offset_table, ..Options::default() };
    let how = How { target: arguments.to, options, overwrite: arguments.force };
    let threads =
        arguments.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let (sender, files, how, next) = (sender.clone(), &files, &how, &next);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = compress_file(job, how, files, interrupt);
                    // Without a receiver the output cannot be written, which ends the command.
                    if interrupt.happened() && result.is_err()
                        || sender.send(Done::of(job, how.target, result)).is_err()
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

impl Done {
    fn of(job: &Job, target: &'static TransferSyntax, result: Result<Written, JobError>) -> Self {
        let done = |outcome, reason, explanation, condensed| Self {
            path: job.input.to_string_lossy().into_owned(),
            output: job.output.to_string_lossy().into_owned(),
            target: target.keyword,
            outcome,
            reason,
            explanation,
            condensed,
        };
        match result {
            Ok(Written::Condensed(report)) => done("condensed", None, None, Some(Condensed::of(&report))),
            Ok(Written::Kept(kept)) => done("kept", Some(kept.reason), Some(kept.explanation), None),
            Err(error) => done("failed", Some(error.name()), Some(error.to_string()), None),
        }
    }

    /// The same for people.
    fn line(&self) -> String {
        let (path, output) = (Shown(&self.path), Shown(&self.output));
        match (&self.condensed, &self.explanation) {
            (Some(condensed), _) => {
                let (before, after) = (bytes(condensed.native_bytes), bytes(condensed.encoded_bytes));
                format!("{path} -> {output}: {before} -> {after}, {:.2} times smaller", condensed.ratio)
            }
            (None, why) => {
                let why = Shown(why.as_deref().unwrap_or_default());
                match self.outcome {
                    "kept" => format!("{path} -> {output}: copied as it is: {why}"),
                    _ => format!("{path}: {why}"),
                }
            }
        }
    }
}

impl Condensed {
    fn of(report: &Report) -> Self {
        Self {
            native_bytes: report.native_bytes,
            encoded_bytes: report.encoded_bytes,
            ratio: ratio(report.native_bytes, report.encoded_bytes),
            frames: report.frames,
            encoder: report.encoder.unwrap_or_default(),
            verified_by: report.verified_by,
        }
    }
}

/// All files together.
#[derive(Default)]
struct Tally {
    condensed: u64,
    kept: u64,
    failed: u64,
    native_bytes: u64,
    encoded_bytes: u64,
}

impl Tally {
    fn add(&mut self, done: &Done) {
        match done.outcome {
            "condensed" => self.condensed += 1,
            "kept" => self.kept += 1,
            _ => self.failed += 1,
        }
        if let Some(condensed) = &done.condensed {
            self.native_bytes += condensed.native_bytes;
            self.encoded_bytes += condensed.encoded_bytes;
        }
    }

    fn summary(&self, target: &TransferSyntax) -> String {
        let mut text =
            format!("{} condensed to {}", counted(self.condensed, "file", "files"), target.keyword);
        if self.condensed > 0 {
            let (before, after) = (bytes(self.native_bytes), bytes(self.encoded_bytes));
            let times = ratio(self.native_bytes, self.encoded_bytes);
            text.push_str(&format!(" ({before} -> {after}, {times:.2} times smaller)"));
        }
        text.push_str(&format!(", {} copied as they are, {} failed", self.kept, self.failed));
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(native: u64, encoded: u64) -> f64 {
    if encoded == 0 { 0.0 } else { native as f64 / encoded as f64 }
}

fn same_place(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// What `--to` accepts: a syntax that there is an encoder for.
fn target(name: &str) -> Result<&'static TransferSyntax, String> {
    let can = || {
        let mut names: Vec<&str> = ENCODERS
            .iter()
            .filter_map(|encoder| TransferSyntax::of_uid(encoder.transfer_syntax()))
            .map(|syntax| syntax.keyword)
            .collect();
        names.dedup();
        names.join(", ")
    };
    let syntax =
        TransferSyntax::of_name(name).ok_or_else(|| format!("not a transfer syntax; there are {}", can()))?;
    if ENCODERS.iter().any(|encoder| encoder.transfer_syntax() == syntax.uid) {
        Ok(syntax)
    } else {
        Err(format!("there is no encoder for it; there are {}", can()))
    }
}
