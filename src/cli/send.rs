//! `condenser send`: sends files to a DICOM peer, as they are (C-STORE, PS3.4 annex B).

use super::find::{Found, find};
use super::instance_file::{InstanceFile, InstanceFileError};
use super::outcome::{CommandError, Outcome};
use super::peer::{DEFAULT_AE_TITLE, Peer, ae_title};
use super::progress::Progress;
use super::text::{Shown, bytes, counted, shown};
use crate::dicom::{Limits, Source, StorageClass, Tag, TransferSyntax};
use crate::net::{
    Category, ContextRefusal, ProposedContext, Requestor, RequestorError, RequestorOptions, StoreAnswer,
};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

/// The arguments of `condenser send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each data set is sent byte for byte as it lies in its file, in its own transfer
syntax. Files of folders that are not DICOM are passed over; a file that is named
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

/// Why a file cannot be sent at all.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error(transparent)]
    File(#[from] InstanceFileError),
    #[error("names no SOP class and SOP instance, neither in the data set nor in the file meta information")]
    NoUids,
    #[error("is the directory of a medium, which is not sent")]
    Directory,
    #[error("has the transfer syntax {0}, which the standard does not know")]
    TransferSyntax(String),
    #[error("{0}")]
    Association(String),
    #[error("the peer does not accept {sop_class} in {transfer_syntax}: {refusal}")]
    Refused { sop_class: &'static str, transfer_syntax: &'static str, refusal: ContextRefusal },
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

/// One association after the other, as few as there can be.
struct Sender<'a> {
    peer: &'a Peer,
    calling: &'a str,
    progress: &'a Progress,
    sent: u64,
    sent_bytes: u64,
    skipped: u64,
    failed: u64,
}

/// PS3.8 7.1.1.13: presentation contexts have the odd numbers from 1 to 255.
const MOST_CONTEXTS: usize = 128;
/// So many files are looked at before the first of them is sent.
const MOST_AT_ONCE: usize = 512;
/// Media Storage Directory Storage: DICOMDIR, PS3.10 8.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Sends all files.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let peer = arguments.peer.clone().calling_it(arguments.called.as_deref())?;
    let finding = find(&arguments.paths, None).map_err(|error| CommandError::Usage(error.to_string()))?;
    let progress = Progress::new(finding.files.len() as u64, arguments.json);
    let mut sender = Sender {
        peer: &peer,
        calling: &arguments.calling,
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
    /// The next files that fit into one association, and the files after them.
    fn batch<'f>(&mut self, files: &'f [Found]) -> io::Result<(Vec<Instance<'f>>, &'f [Found])> {
        let mut instances: Vec<Instance<'f>> = Vec::new();
        let mut contexts: Vec<ProposedContext> = Vec::new();
        for (index, found) in files.iter().enumerate() {
            match Instance::open(&found.path) {
                Ok(instance) => {
                    let context = instance.context();
                    if !contexts.contains(&context) {
                        if contexts.len() == MOST_CONTEXTS {
                            return Ok((instances, files.get(index..).unwrap_or_default()));
                        }
                        contexts.push(context);
                    }
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

    /// Sends a batch. When an association breaks, the rest goes through a new one, as long as each gets on.
    fn send(&mut self, batch: Vec<Instance<'_>>) -> io::Result<()> {
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let mut association = match self.connect(rest) {
                Ok(association) => association,
                Err(error) => {
                    let error = NotSent::Association(error.to_string());
                    return rest.iter().try_for_each(|instance| self.failed(instance, &error));
                }
            };
            let mut broken = false;
            while let Some((instance, after)) = rest.split_first() {
                rest = after;
                match self.send_one(&mut association, instance)? {
                    Next::GoOn => {}
                    Next::Broken => {
                        broken = true;
                        break;
                    }
                }
            }
            // Every instance has its answer: how the association ends changes nothing for them.
            if !broken && let Err(error) = association.release() {
                self.progress.problem(&format!("{}: {}", self.peer, Shown(&error.to_string())));
            }
        }
        Ok(())
    }

    fn connect(&self, instances: &[Instance<'_>]) -> Result<Requestor, RequestorError> {
        let mut contexts: Vec<ProposedContext> = Vec::new();
        for context in instances.iter().map(Instance::context) {
            if !contexts.contains(&context) {
                contexts.push(context);
            }
        }
        let options = RequestorOptions::new(self.calling, self.peer.called());
        Requestor::connect((self.peer.host.as_str(), self.peer.port), options, &contexts)
    }

    fn send_one(&mut self, association: &mut Requestor, instance: &Instance<'_>) -> io::Result<Next> {
        let Some(context) = association.context(&instance.sop_class, instance.transfer_syntax) else {
            let refused = association
                .contexts()
                .iter()
                .find(|context| context.abstract_syntax == instance.sop_class)
                .and_then(|context| context.result.err());
            let error = NotSent::Refused {
                sop_class: StorageClass::of_uid(&instance.sop_class)
                    .map_or("this SOP class", |class| class.keyword),
                transfer_syntax: instance.transfer_syntax.keyword,
                refusal: refused.unwrap_or(ContextRefusal::NoReason),
            };
            self.failed(instance, &error)?;
            return Ok(Next::GoOn);
        };
        let data_set = match instance.file.encoded() {
            Ok(data_set) => data_set,
            Err(error) => {
                self.failed(instance, &NotSent::File(error.into()))?;
                return Ok(Next::GoOn);
            }
        };
        match association.store(context, &instance.sop_class, &instance.sop_instance, &data_set) {
            Ok(answer) => {
                self.answered(instance, &answer, data_set.len())?;
                Ok(Next::GoOn)
            }
            Err(error) => {
                self.failed(instance, &NotSent::Association(error.to_string()))?;
                Ok(Next::Broken)
            }
        }
    }

    fn answered(&mut self, instance: &Instance<'_>, answer: &StoreAnswer, length: u64) -> io::Result<()> {
        let performed = answer.status.is_performed();
        let comment = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        let explanation = format!("{}{comment}", answer.status.name());
        let sent = Sent {
            path: instance.path.to_string_lossy().into_owned(),
            outcome: if performed { "sent" } else { "failed" },
            sop_instance: Some(instance.sop_instance.clone()),
            transfer_syntax: Some(instance.transfer_syntax.keyword),
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

    fn failed(&mut self, instance: &Instance<'_>, error: &NotSent) -> io::Result<()> {
        self.not_sent(instance.path, Some(instance), error, true)
    }

    /// A file that is no instance is passed over when it was only found in a folder.
    fn not_sent(
        &mut self,
        path: &Path,
        instance: Option<&Instance<'_>>,
        error: &NotSent,
        named: bool,
    ) -> io::Result<()> {
        let other_file = matches!(error, NotSent::File(InstanceFileError::NotDicom) | NotSent::Directory);
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

/// Whether the association can be used for the next instance.
enum Next {
    GoOn,
    Broken,
}

impl<'f> Instance<'f> {
    /// Reads what the command needs. The data set's own UIDs count; where it cannot be read, those of the file meta
    /// information: what to make of a damaged data set is for the peer to say.
    fn open(path: &'f Path) -> Result<Self, NotSent> {
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
            return Err(NotSent::Directory);
        }
        if sop_class.is_empty() || sop_instance.is_empty() {
            return Err(NotSent::NoUids);
        }
        let unknown = || NotSent::TransferSyntax(file.meta.transfer_syntax.clone());
        let transfer_syntax = transfer_syntax.ok_or_else(unknown)?;
        Ok(Self { path, file, sop_class, sop_instance, transfer_syntax })
    }

    /// Its own transfer syntax alone: the bytes are sent as they are.
    fn context(&self) -> ProposedContext {
        ProposedContext {
            abstract_syntax: self.sop_class.clone(),
            transfer_syntaxes: vec![self.transfer_syntax],
        }
    }
}
