//! `condenser compress`: the encoder core on files and folders, without a node.

use super::find::{Finding, find};
use super::instance_file::{InstanceFile, InstanceFileError};
use super::outcome::{CommandError, Outcome};
use super::progress::Progress;
use super::text::{Shown, bytes, counted, shown};
use crate::codec::{self, CompressError, ENCODERS, Options, Report};
use crate::dicom::{FileMeta, Limits, OffsetTable, Source, Tag, TransferSyntax};
use crate::store::{Draft, Durability, Files, Renamed, StoreError};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
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

/// One file to work on.
struct Job {
    input: PathBuf,
    output: PathBuf,
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
    reason: Option<String>,
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

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("the output {} is there already; --force replaces it", shown(.0))]
    Exists(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a file became, where it was written.
enum Written {
    Condensed(Report),
    Kept { reason: String, explanation: String },
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
    work(arguments, &jobs, |done| {
        tally.add(&done);
        match done.outcome {
            "failed" => progress.failed(&done, &done.line()),
            outcome => progress.done(&done, &done.line(), outcome == "kept"),
        }
    })?;
    progress.finish(&tally.summary(arguments.to));
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
    mut show: impl FnMut(Done) -> io::Result<()>,
) -> Result<(), CommandError> {
    let files = Files::new(Durability::Full);
    let threads =
        arguments.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            let (sender, files, next) = (sender.clone(), &files, &next);
            scope.spawn(move || {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = Done::of(job, arguments.to, one(job, arguments, files));
                    if sender.send(done).is_err() {
                        // Nobody wants to know any more: the output is closed.
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

/// One file.
fn one(job: &Job, arguments: &Arguments, files: &Files) -> Result<Written, JobError> {
    if !arguments.force && job.output.symlink_metadata().is_ok() {
        return Err(JobError::Exists(job.output.clone()));
    }
    let mut draft = files.draft(&job.output)?;
    let written = match InstanceFile::open(&job.input) {
        Ok(file) => match condense(&file, arguments, &mut draft) {
            Ok(report) => Written::Condensed(report),
            Err(Refusal::Read(error)) => return Err(JobError::Read(error)),
            Err(Refusal::Write(error)) => return Err(draft.failure(error).into()),
            Err(Refusal::Unsuitable { reason, explanation }) => {
                draft.reset().map_err(|error| draft.failure(error))?;
                copy(file.file(), &mut draft, &job.output)?;
                Written::Kept { reason, explanation }
            }
        },
        Err(InstanceFileError::Io(error)) => return Err(JobError::Read(error)),
        Err(error) => {
            let mut file = std::fs::File::open(&job.input).map_err(JobError::Read)?;
            io::copy(&mut file, &mut draft).map_err(|error| StoreError::new("write", &job.output, error))?;
            Written::Kept { reason: error.name().to_owned(), explanation: error.to_string() }
        }
    };
    match files.keep(draft, &job.output, arguments.force)? {
        Renamed::Done => Ok(written),
        Renamed::Occupied => Err(JobError::Exists(job.output.clone())),
    }
}

/// Why a file was not condensed.
enum Refusal {
    Unsuitable { reason: String, explanation: String },
    Read(io::Error),
    Write(io::Error),
}

impl From<InstanceFileError> for Refusal {
    fn from(error: InstanceFileError) -> Self {
        match error {
            InstanceFileError::Io(error) => Self::Read(error),
            error => Self::Unsuitable { reason: error.name().to_owned(), explanation: error.to_string() },
        }
    }
}

/// Writes the whole compressed file into the draft.
fn condense(file: &InstanceFile, arguments: &Arguments, draft: &mut Draft) -> Result<Report, Refusal> {
    if file.transfer_syntax.is_none() {
        // In a private transfer syntax the pixels may be in any order of bytes.
        return Err(InstanceFileError::NoElements(file.meta.transfer_syntax.clone()).into());
    }
    let contents = file.contents(&Limits::default())?;
    let elements = file.elements(&contents).map_err(Refusal::Read)?;
    let data_set = &contents.data_set;
    let own = |tag| data_set.text(&elements, tag).ok().flatten().filter(|text| !text.is_empty());
    let meta = FileMeta {
        sop_class: own(Tag::SOP_CLASS_UID).unwrap_or_else(|| file.meta.sop_class.clone()),
        sop_instance: own(Tag::SOP_INSTANCE_UID).unwrap_or_else(|| file.meta.sop_instance.clone()),
        transfer_syntax: arguments.to.uid.to_owned(),
        ..file.meta.clone()
    };
    let options = Options {
        verify: !arguments.no_verify,
        offset_table: arguments.extended_offset_table.then_some(OffsetTable::Extended),
        ..Options::default()
    };
    codec::compress(&elements, data_set, arguments.to, &meta, &options, draft).map_err(|error| match error {
        CompressError::Kept(reason) => {
            Refusal::Unsuitable { reason: reason.name().to_owned(), explanation: reason.to_string() }
        }
        CompressError::Io(error) => Refusal::Write(error),
    })
}

fn copy(source: &dyn Source, draft: &mut Draft, path: &Path) -> Result<(), JobError> {
    const PIECE: u64 = 1 << 20;
    let mut start = 0;
    while start < source.len() {
        let end = source.len().min(start.saturating_add(PIECE));
        let piece = source.bytes(start..end).map_err(JobError::Read)?;
        draft.write_all(&piece).map_err(|error| StoreError::new("write", path, error))?;
        start = end;
    }
    Ok(())
}

impl Done {
    fn of(job: &Job, target: &'static TransferSyntax, result: Result<Written, JobError>) -> Self {
        let done = |outcome, reason: Option<&str>, explanation, condensed| Self {
            path: job.input.to_string_lossy().into_owned(),
            output: job.output.to_string_lossy().into_owned(),
            target: target.keyword,
            outcome,
            reason: reason.map(str::to_owned),
            explanation,
            condensed,
        };
        match result {
            Ok(Written::Condensed(report)) => done("condensed", None, None, Some(Condensed::of(&report))),
            Ok(Written::Kept { reason, explanation }) => done("kept", Some(&reason), Some(explanation), None),
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
            encoder: report.encoder,
            verified_by: report.verified_by,
        }
    }
}

impl JobError {
    fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "unreadable",
            Self::Exists(_) => "exists",
            Self::Store(error) if error.is_out_of_space() => "out_of_space",
            Self::Store(_) => "unwritable",
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
