//! One file in another transfer syntax: written as its successor beside it or in its place, or left with the reason why not.

use super::instance_file::{InstanceFile, InstanceFileError};
use super::interrupt::{Interrupt, Interruptible};
use super::output::{Nowhere, Restart};
use super::text::shown;
use crate::codec::{self, Choice, Chosen, CompressError, Options};
use crate::dicom::{FileMeta, Limits, Tag};
use crate::store::{Draft, Files, Original, Receipt, Renamed, ReplaceError, StoreError};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// One file to work on.
pub(super) struct Job {
    pub(super) input: PathBuf,
    pub(super) place: Place,
}

/// Where its successor goes to.
pub(super) enum Place {
    /// To this path, which is replaced where `overwrite` says so. What cannot be in the target is copied.
    File { output: PathBuf, overwrite: bool },
    /// In its own place. What cannot be in the target is left alone.
    Own,
    /// To nowhere: it is only looked at what would be.
    Nowhere,
}

/// What is wanted of every file.
pub(super) struct How {
    pub(super) choice: Choice,
    pub(super) options: Options,
    /// What is wanted, in a word: a keyword, or `auto`.
    pub(super) target: String,
    /// What a file in the target is called: `condensed`, `decompressed`.
    pub(super) outcome: &'static str,
}

/// What came of a file.
pub(super) struct Transcoded {
    pub(super) facts: Facts,
    pub(super) became: Became,
}

/// What was seen of a file before anything was done.
#[derive(Default)]
pub(super) struct Facts {
    /// Modality (0008,0060).
    pub(super) modality: Option<String>,
    /// The keyword of the transfer syntax it has.
    pub(super) received: Option<&'static str>,
    /// Its length.
    pub(super) bytes: u64,
}

/// What a file became, where it was written.
pub(super) enum Became {
    /// In the target, every frame proven if that was wanted.
    Transcoded(Chosen),
    /// As it was, byte for byte.
    Kept(Kept),
}

/// Why a file is not in the target.
pub(super) struct Kept {
    /// A stable name.
    pub(super) reason: &'static str,
    /// The same in a sentence.
    pub(super) explanation: String,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    /// The input.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The output is there.
    #[error("the output {} is there already; --force replaces it", shown(.0))]
    Exists(PathBuf),
    /// The output cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be replaced by its successor.
    #[error(transparent)]
    Replace(ReplaceError),
}

impl JobError {
    /// A stable name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "unreadable",
            Self::Exists(_) => "exists",
            Self::Store(error) if error.is_out_of_space() => "out_of_space",
            Self::Store(_) => "unwritable",
            Self::Replace(error) => error.name(),
        }
    }
}

impl From<ReplaceError> for JobError {
    fn from(error: ReplaceError) -> Self {
        match error {
            ReplaceError::Store(error) => Self::Store(error),
            error => Self::Replace(error),
        }
    }
}

/// Works on one file. Under its final name the successor is whole and durable, or it is not there.
pub(super) fn transcode_file(
    job: &Job,
    how: &How,
    files: &Files,
    interrupt: &Interrupt,
) -> Result<Transcoded, JobError> {
    match &job.place {
        Place::File { output, overwrite } => write_to(output, *overwrite, &job.input, how, files, interrupt),
        Place::Own => replace(&job.input, how, files, interrupt),
        Place::Nowhere => {
            let mut out = Nowhere::default();
            let (facts, result) =
                transcode(&job.input, how, &mut Interruptible { inner: &mut out, interrupt });
            match result {
                Ok(became) => Ok(Transcoded { facts, became }),
                Err(Failure::Read(error) | Failure::Write(error)) => Err(JobError::Read(error)),
            }
        }
    }
}

fn write_to(
    output: &Path,
    overwrite: bool,
    input: &Path,
    how: &How,
    files: &Files,
    interrupt: &Interrupt,
) -> Result<Transcoded, JobError> {
    if !overwrite && output.symlink_metadata().is_ok() {
        return Err(JobError::Exists(output.to_owned()));
    }
    let mut draft = files.draft(output)?;
    let (facts, result) = transcode(input, how, &mut Interruptible { inner: &mut draft, interrupt });
    let became = result.and_then(|became| {
        if let Became::Kept(_) = &became {
            draft.reset().map_err(Failure::Write)?;
            copy(input, &mut Interruptible { inner: &mut draft, interrupt })?;
        }
        Ok(became)
    });
    let became = became.map_err(|failure| failure.of(&draft))?;
    match files.keep(draft, output, overwrite)? {
        Renamed::Done => Ok(Transcoded { facts, became }),
        Renamed::Occupied => Err(JobError::Exists(output.to_owned())),
    }
}

fn replace(input: &Path, how: &How, files: &Files, interrupt: &Interrupt) -> Result<Transcoded, JobError> {
    let original = match Original::of(input) {
        Ok(original) => original,
        Err(error @ ReplaceError::HardLinks(_)) => {
            let facts = Facts {
                bytes: input.metadata().map(|data| data.len()).unwrap_or_default(),
                ..Facts::default()
            };
            let kept = Kept { reason: error.name(), explanation: error.to_string() };
            return Ok(Transcoded { facts, became: Became::Kept(kept) });
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(kept) = belongs_to_a_store(original.path()) {
        let facts = Facts { bytes: original.len(), ..Facts::default() };
        return Ok(Transcoded { facts, became: Became::Kept(kept) });
    }
    let mut draft = files.draft(original.path())?;
    let (facts, result) =
        transcode(original.path(), how, &mut Interruptible { inner: &mut draft, interrupt });
    let became = result.map_err(|failure| failure.of(&draft))?;
    if let Became::Transcoded(_) = &became {
        files.replace(draft, &original)?;
    }
    Ok(Transcoded { facts, became })
}

/// A file with a receipt is sealed, and known to its node by what it was received as.
fn belongs_to_a_store(path: &Path) -> Option<Kept> {
    let file = InstanceFile::open(path).ok()?;
    Receipt::of(&file.meta)?;
    let explanation = "it is sealed in the store of a node, which would take its successor for altered; \
                       send it to a node that condenses, or compress into another folder";
    Some(Kept { reason: "in_a_store", explanation: explanation.to_owned() })
}

/// Why there is no file in the target.
enum Refusal {
    /// The file is to stay as it is.
    Kept(Kept),
    /// Nothing can be done.
    Failed(Failure),
}

/// Which side failed.
enum Failure {
    Read(io::Error),
    Write(io::Error),
}

impl Failure {
    fn of(self, draft: &Draft) -> JobError {
        match self {
            Self::Read(error) => JobError::Read(error),
            Self::Write(error) => draft.failure(error).into(),
        }
    }
}

impl From<InstanceFileError> for Refusal {
    fn from(error: InstanceFileError) -> Self {
        match error {
            InstanceFileError::Io(error) => Self::Failed(Failure::Read(error)),
            error => Self::Kept(Kept { reason: error.name(), explanation: error.to_string() }),
        }
    }
}

/// Writes the whole file in the target, if it can be in one. Says in any case what was seen of it.
fn transcode(input: &Path, how: &How, out: &mut impl Restart) -> (Facts, Result<Became, Failure>) {
    let mut facts = Facts::default();
    let became = match attempt(input, how, out, &mut facts) {
        Ok(chosen) => Ok(Became::Transcoded(chosen)),
        Err(Refusal::Kept(kept)) => Ok(Became::Kept(kept)),
        Err(Refusal::Failed(failure)) => Err(failure),
    };
    (facts, became)
}

fn attempt(input: &Path, how: &How, out: &mut impl Restart, facts: &mut Facts) -> Result<Chosen, Refusal> {
    facts.bytes = input.metadata().map_err(InstanceFileError::Io)?.len();
    let file = InstanceFile::open(input)?;
    facts.received = file.transfer_syntax.map(|syntax| syntax.keyword);
    if file.transfer_syntax.is_none() {
        // In a private transfer syntax the pixels may be in any order of bytes.
        return Err(InstanceFileError::NoElements(file.meta.transfer_syntax.clone()).into());
    }
    let contents = file.contents(&Limits::default())?;
    let elements = file.elements(&contents).map_err(InstanceFileError::Io)?;
    let data_set = &contents.data_set;
    let own = |tag| data_set.text(&elements, tag).ok().flatten().filter(|text| !text.is_empty());
    facts.modality = own(Tag::MODALITY);
    // A receipt tells of the file as a node has stored it: it would not be true of the successor.
    let private = file.meta.private.clone().filter(|_| Receipt::of(&file.meta).is_none());
    let meta = FileMeta {
        private,
        sop_class: own(Tag::SOP_CLASS_UID).unwrap_or_else(|| file.meta.sop_class.clone()),
        sop_instance: own(Tag::SOP_INSTANCE_UID).unwrap_or_else(|| file.meta.sop_instance.clone()),
        ..file.meta.clone()
    };
    let written =
        codec::compress_as(&how.choice, &elements, data_set, &meta, &how.options, out, Restart::restart);
    written.map_err(|error| match error {
        CompressError::Kept(reason) => {
            Refusal::Kept(Kept { reason: reason.name(), explanation: reason.to_string() })
        }
        CompressError::Io(error) => Refusal::Failed(Failure::Write(error)),
    })
}

/// Copies the file byte for byte.
fn copy(input: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let mut file = File::open(input).map_err(Failure::Read)?;
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece).map_err(Failure::Read)?;
        match piece.get(..count) {
            Some([]) | None => return Ok(()),
            Some(bytes) => out.write_all(bytes).map_err(Failure::Write)?,
        }
    }
}

/// A file is copied in pieces of this size.
const PIECE: usize = 1 << 20;
