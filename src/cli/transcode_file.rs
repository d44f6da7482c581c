//! One file in another transfer syntax: written as its successor, or copied with the reason why not.

use super::instance_file::{InstanceFile, InstanceFileError};
use super::interrupt::{Interrupt, Interruptible};
use super::text::shown;
use crate::codec::{self, CompressError, Options, Recompress, Report};
use crate::dicom::{FileMeta, Limits, Tag, TransferSyntax};
use crate::store::{Files, Renamed, StoreError};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// One file to work on.
pub(super) struct Job {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
}

/// What is wanted of every file.
pub(super) struct How {
    pub(super) target: &'static TransferSyntax,
    pub(super) options: Options,
    /// What a file in the target is called: `condensed`, `decompressed`.
    pub(super) outcome: &'static str,
}

/// What a file became, where it was written.
pub(super) enum Written {
    /// In the target, every frame proven if that was wanted.
    Transcoded(Report),
    /// Copied byte for byte.
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
}

impl JobError {
    /// A stable name.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Read(_) => "unreadable",
            Self::Exists(_) => "exists",
            Self::Store(error) if error.is_out_of_space() => "out_of_space",
            Self::Store(_) => "unwritable",
        }
    }
}

/// Writes the output of one file, which replaces what is there already only with `overwrite`. Under its name it is whole and
/// durable, or it is not there.
pub(super) fn transcode_file(
    job: &Job,
    how: &How,
    overwrite: bool,
    files: &Files,
    interrupt: &Interrupt,
) -> Result<Written, JobError> {
    if !overwrite && job.output.symlink_metadata().is_ok() {
        return Err(JobError::Exists(job.output.clone()));
    }
    let mut draft = files.draft(&job.output)?;
    let written = match transcode(&job.input, how, &mut Interruptible { inner: &mut draft, interrupt }) {
        Ok(report) => Ok(Written::Transcoded(report)),
        Err(Refusal::Kept(kept)) => {
            draft.reset().map_err(|error| draft.failure(error))?;
            let copied = copy(&job.input, &mut Interruptible { inner: &mut draft, interrupt });
            copied.map(|()| Written::Kept(kept))
        }
        Err(Refusal::Failed(failure)) => Err(failure),
    };
    let written = written.map_err(|failure| match failure {
        Failure::Read(error) => JobError::Read(error),
        Failure::Write(error) => draft.failure(error).into(),
    })?;
    match files.keep(draft, &job.output, overwrite)? {
        Renamed::Done => Ok(written),
        Renamed::Occupied => Err(JobError::Exists(job.output.clone())),
    }
}

/// Why there is no file in the target.
enum Refusal {
    /// The file is to be copied.
    Kept(Kept),
    /// Nothing can be done.
    Failed(Failure),
}

/// Which side failed.
enum Failure {
    Read(io::Error),
    Write(io::Error),
}

impl From<InstanceFileError> for Refusal {
    fn from(error: InstanceFileError) -> Self {
        match error {
            InstanceFileError::Io(error) => Self::Failed(Failure::Read(error)),
            error => Self::Kept(Kept { reason: error.name(), explanation: error.to_string() }),
        }
    }
}

/// Writes the whole file in the target.
fn transcode(input: &Path, how: &How, out: &mut (impl Write + Seek)) -> Result<Report, Refusal> {
    let file = InstanceFile::open(input)?;
    if file.transfer_syntax.is_none() {
        // In a private transfer syntax the pixels may be in any order of bytes.
        return Err(InstanceFileError::NoElements(file.meta.transfer_syntax.clone()).into());
    }
    let contents = file.contents(&Limits::default())?;
    let elements = file.elements(&contents).map_err(InstanceFileError::Io)?;
    let data_set = &contents.data_set;
    let own = |tag| data_set.text(&elements, tag).ok().flatten().filter(|text| !text.is_empty());
    let meta = FileMeta {
        sop_class: own(Tag::SOP_CLASS_UID).unwrap_or_else(|| file.meta.sop_class.clone()),
        sop_instance: own(Tag::SOP_INSTANCE_UID).unwrap_or_else(|| file.meta.sop_instance.clone()),
        ..file.meta.clone()
    };
    let mut options = how.options.clone();
    if file.transfer_syntax == Some(how.target) && options.recompress == Recompress::LosslessOnly {
        // It is what it shall become.
        options.recompress = Recompress::Never;
    }
    codec::compress(&elements, data_set, how.target, &meta, &options, out).map_err(|error| match error {
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
