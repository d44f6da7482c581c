//! `condenser send`: sends files to a DICOM peer by the sender that forwarding has too (C-STORE, PS3.4 annex B).

use super::find::{Found, find};
use super::instance_file::{InstanceFile, InstanceFileError};
use super::outcome::{CommandError, Outcome};
use super::peer::{DEFAULT_AE_TITLE, Peer, ae_title};
use super::progress::Progress;
use super::text::{Shown, bytes, counted, shown};
use crate::dicom::{Limits, Tag, TransferSyntax};
use crate::forward::{self, Answered, Kind, NotSent};
use crate::net::{Category, RequestorOptions};
use crate::store::Directory;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arguments of `condenser send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each data set is sent byte for byte as it lies in its file, in its own transfer
syntax. Where the peer does not take that, it is converted to a native one if that
is possible without loss; nothing is ever compressed anew. Files of folders that are not DICOM are passed over; a file that is named
itself must be one.

Examples:
  condenser send image.dcm 127.0.0.1:11112       to a node of this machine
  condenser send study ARCHIVE@pacs.example:104  a folder with all below
  condenser send 'in/*.dcm' ARCHIVE@pacs.example:104 --json | jq .status")]
pub(super) struct Arguments {
    /// Files, folders and patterns.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where to.
    #[arg(required = true, value_name = "[AE@]HOST:PORT")]
    peer: Peer,
    /// The AE title to call, where it does not stand before the «@».
    #[arg(long, value_name = "AE", value_parser = ae_title)]
    called: Option<String>,
    /// Our AE title.
    #[arg(long, value_name = "AE", value_parser = ae_title, default_value = DEFAULT_AE_TITLE)]
    calling: String,
    /// Write one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// An instance that can be sent.
struct Instance<'f> {
    path: &'f Path,
    file: InstanceFile,
    sop_class: String,
    sop_instance: String,
    transfer_syntax: &'static TransferSyntax,
}

/// Why a file was not sent.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    File(#[from] InstanceFileError),
    #[error("names no SOP class and SOP instance, neither in the data set nor in the file meta information")]
    NoUids,
    #[error("is the directory of a medium, which is not sent")]
    Directory,
    #[error("has the transfer syntax {0}, which the standard does not know")]
    TransferSyntax(String),
    #[error(transparent)]
    NotSent(#[from] NotSent),
    #[error("{0}")]
    Before(String),
}

/// What came of one file.
#[derive(Debug, Serialize)]
struct Sent {
    path: String,
    /// `sent`, `skipped` or `failed`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sop_instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_syntax: Option<&'static str>,
    /// The status of the response as four hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The same in words, or what went wrong.
    explanation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// What sends, and what was sent.
struct Sender<'a> {
    peer: forward::Peer,
    progress: &'a Progress,
    sent: u64,
    sent_bytes: u64,
    skipped: u64,
    failed: u64,
}

/// So many files are looked at before the first of them is sent.
const MOST_AT_ONCE: usize = 512;
/// Media Storage Directory Storage: DICOMDIR, PS3.10 8.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Sends all files.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let peer = arguments.peer.clone().calling_it(arguments.called.as_deref())?;
    let finding = find(&arguments.paths, None).map_err(|error| CommandError::Usage(error.to_string()))?;
    let progress = Progress::new(finding.files.len() as u64, arguments.json);
    let options = RequestorOptions::new(&arguments.calling, peer.called());
    let mut sender = Sender {
        peer: forward::Peer::new(peer.address(), options, Arc::new(spool)),
        progress: &progress,
        sent: 0,
        sent_bytes: 0,
        skipped: 0,
        failed: 0,
    };
    for (path, error) in &finding.unreadable {
        progress.problem(&format!("{}: {}", shown(path), Shown(error)));
        sender.failed += 1;
    }
    let mut rest = finding.files.as_slice();
    while !rest.is_empty() {
        let (batch, after) = sender.batch(rest)?;
        sender.send(batch)?;
        rest = after;
    }
    let (sent, skipped, failed) = (sender.sent, sender.skipped, sender.failed);
    let volume = bytes(sender.sent_bytes);
    let instances = counted(sent, "instance", "instances");
    progress.finish(&format!("{instances} sent to {peer} ({volume}), {skipped} skipped, {failed} failed"));
    Ok(if failed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

impl Sender<'_> {
    /// The next instances, and the files after them.
    fn batch<'f>(&mut self, files: &'f [Found]) -> io::Result<(Vec<Instance<'f>>, &'f [Found])> {
        let mut instances: Vec<Instance<'f>> = Vec::new();
        for (index, found) in files.iter().enumerate() {
            match Instance::open(&found.path) {
                Ok(instance) => {
                    self.peer.expect(instance.kind());
                    instances.push(instance);
                    if instances.len() == MOST_AT_ONCE {
                        return Ok((instances, files.get(index + 1..).unwrap_or_default()));
                    }
                }
                Err(error) => self.not_sent(&found.path, None, &error, found.named)?,
            }
        }
        Ok((instances, &[]))
    }

    /// Sends a batch. When an association breaks, the rest goes through a new one, as long as there is one to be had.
    fn send(&mut self, batch: Vec<Instance<'_>>) -> io::Result<()> {
        let mut rest = batch.as_slice();
        while let Some((instance, after)) = rest.split_first() {
            match self.send_one(instance) {
                Ok(answered) => self.answered(instance, &answered)?,
                Err(Failed::NotSent(NotSent::NoAssociation(error))) => {
                    let error = Failed::Before(error.to_string());
                    return rest.iter().try_for_each(|instance| self.failed(instance, &error));
                }
                Err(error) => self.failed(instance, &error)?,
            }
            rest = after;
        }
        Ok(())
    }

    fn send_one(&mut self, instance: &Instance<'_>) -> Result<Answered, Failed> {
        let data_set = instance.file.encoded().map_err(InstanceFileError::Io)?;
        Ok(self.peer.send(&forward::Instance {
            sop_class: &instance.sop_class,
            sop_instance: &instance.sop_instance,
            transfer_syntax: instance.transfer_syntax,
            data_set: &data_set,
            decoding: None,
        })?)
    }

    fn answered(&mut self, instance: &Instance<'_>, answered: &Answered) -> io::Result<()> {
        let (answer, length) = (&answered.answer, answered.bytes);
        let performed = answer.status.is_performed();
        let comment = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        let explanation = format!("{}{comment}", answer.status.name());
        let sent = Sent {
            path: instance.path.to_string_lossy().into_owned(),
            outcome: if performed { "sent" } else { "failed" },
            sop_instance: Some(instance.sop_instance.clone()),
            transfer_syntax: Some(answered.transfer_syntax.keyword),
            status: Some(format!("{:04X}", answer.status.0)),
            explanation: explanation.clone(),
            bytes: Some(length),
        };
        let line = format!("{}: {:04X} {}", shown(instance.path), answer.status.0, Shown(&explanation));
        if performed {
            self.sent += 1;
            self.sent_bytes += length;
            self.progress.done(&sent, &line, answer.status.category() != Category::Success)
        } else {
            self.failed += 1;
            self.progress.failed(&sent, &line)
        }
    }

    fn failed(&mut self, instance: &Instance<'_>, error: &Failed) -> io::Result<()> {
        self.not_sent(instance.path, Some(instance), error, true)
    }

    /// A file that is no instance is passed over when it was only found in a folder.
    fn not_sent(
        &mut self,
        path: &Path,
        instance: Option<&Instance<'_>>,
        error: &Failed,
        named: bool,
    ) -> io::Result<()> {
        let other_file = matches!(error, Failed::File(InstanceFileError::NotDicom) | Failed::Directory);
        let skipped = other_file && !named;
        let explanation = error.to_string();
        let line = format!("{}: {}", shown(path), Shown(&explanation));
        let sent = Sent {
            path: path.to_string_lossy().into_owned(),
            outcome: if skipped { "skipped" } else { "failed" },
            sop_instance: instance.map(|instance| instance.sop_instance.clone()),
            transfer_syntax: instance.map(|instance| instance.transfer_syntax.keyword),
            status: None,
            explanation,
            bytes: None,
        };
        if skipped {
            self.skipped += 1;
            self.progress.done(&sent, &format!("{line} (skipped)"), false)
        } else {
            self.failed += 1;
            self.progress.failed(&sent, &line)
        }
    }
}

/// A file without a name, for what is too large to be converted in memory.
fn spool() -> io::Result<std::fs::File> {
    let folder = Directory::open(&std::env::temp_dir()).map_err(io::Error::other)?;
    folder.anonymous_file()
}

impl<'f> Instance<'f> {
    /// Reads what the command needs. The data set's own UIDs count; where it cannot be read, those of the file meta
    /// information: what to make of a damaged data set is for the peer to say.
    fn open(path: &'f Path) -> Result<Self, Failed> {
        let file = InstanceFile::open_large(path)?;
        let (mut sop_class, mut sop_instance) = (file.meta.sop_class.clone(), file.meta.sop_instance.clone());
        let mut transfer_syntax = file.transfer_syntax;
        match file.contents(&Limits::default()) {
            Ok(contents) => {
                let elements = file.elements(&contents).map_err(InstanceFileError::Io)?;
                let own =
                    |tag| contents.data_set.text(&elements, tag).ok().flatten().filter(|uid| !uid.is_empty());
                sop_class = own(Tag::SOP_CLASS_UID).unwrap_or(sop_class);
                sop_instance = own(Tag::SOP_INSTANCE_UID).unwrap_or(sop_instance);
                transfer_syntax = file.transfer_syntax_as_found(&contents);
            }
            Err(error @ (InstanceFileError::Io(_) | InstanceFileError::NotDicom)) => return Err(error.into()),
            Err(error) if sop_class.is_empty() || sop_instance.is_empty() => return Err(error.into()),
            Err(_) => {}
        }
        if sop_class == DIRECTORY {
            return Err(Failed::Directory);
        }
        if sop_class.is_empty() || sop_instance.is_empty() {
            return Err(Failed::NoUids);
        }
        let unknown = || Failed::TransferSyntax(file.meta.transfer_syntax.clone());
        let transfer_syntax = transfer_syntax.ok_or_else(unknown)?;
        Ok(Self { path, file, sop_class, sop_instance, transfer_syntax })
    }

    fn kind(&self) -> Kind {
        Kind { sop_class: self.sop_class.clone(), transfer_syntax: self.transfer_syntax }
    }
}
