//! The queue made anew from the store, for a queue that is lost: every file says itself which instance it is, and the
//! rules say whom it is forwarded to.

use super::deliveries::{NoQueue, QUEUE};
use crate::config::Config;
use crate::dicom::{
    DataSet, FileMeta, InflateError, Limits, Part10Error, Section, Source, Tag, TransferSyntax, VrEncoding,
    inflate, walk_as_found,
};
use crate::net::Priority;
use crate::queue::{Instance, QueueError, QueueUrl, Sqlite};
use crate::rule::{Facts, Rules};
use crate::store::{Durability, FileSource, Receipt, Tree};
use std::io;
use std::path::Path;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Instances in the store.
    pub instances: u64,
    /// Deliveries that were not in the queue.
    pub deliveries: u64,
    /// Files that are no instances that this store has taken in.
    pub others: u64,
}

/// The note of the store that says which queue is being filled: it becomes the store's own when it is complete.
const UNFINISHED: &str = "queue-unfinished";
/// So many instances are written down at a time.
const AT_ONCE: usize = 500;

/// Why a file does not go into the queue.
#[derive(Debug, thiserror::Error)]
enum NotAnInstance {
    #[error("{0}")]
    Head(#[from] Part10Error),
    #[error("it has no receipt of this program")]
    NoReceipt,
    #[error("its transfer syntax is not known")]
    TransferSyntax,
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Puts a delivery into the queue for every instance of the store and every peer that the rules name for it, and makes the
/// queue when there is none. What is in the queue already stays as it is. What was delivered before the queue was lost is
/// delivered again: the peers know it by its UID.
///
/// Of the sender, its AE title is known, not its address: a rule that asks for the address does not fit. `tell` is told of
/// each file that is left out, and why.
///
/// # Errors
/// [`NoQueue`]. The queue is not the store's own before all of it is there; asked again, it goes on.
pub fn rebuild_queue(config: &Config, tell: &mut dyn FnMut(&Path, &str)) -> Result<Rebuilt, NoQueue> {
    let tree = Tree::open(&config.store)?;
    let QueueUrl::Sqlite(path) = config.queue_url();
    let there = path.exists();
    let queue = Sqlite::open(&path, config.store.durability == Durability::Full)?;
    let known = [tree.note(QUEUE)?, tree.note(UNFINISHED)?];
    let ours = known.iter().flatten().any(|identity| identity == queue.identity());
    if there && !ours && known.iter().any(Option::is_some) {
        return Err(QueueError::OfAnotherStore { path }.into());
    }
    tree.write_note(UNFINISHED, queue.identity())?;
    let mut filling = Filling {
        tree: &tree,
        queue: &queue,
        rules: config.rules(),
        found: Vec::new(),
        rebuilt: Rebuilt::default(),
    };
    tree.visit(&mut |file| filling.add(file, tell))?;
    filling.write_down()?;
    let rebuilt = filling.rebuilt;
    tree.write_note(QUEUE, queue.identity())?;
    Ok(rebuilt)
}

/// A queue that is being filled.
struct Filling<'f> {
    tree: &'f Tree,
    queue: &'f Sqlite,
    rules: Rules,
    found: Vec<(Instance, Vec<String>, Priority)>,
    rebuilt: Rebuilt,
}

impl Filling<'_> {
    fn add(&mut self, file: &Path, tell: &mut dyn FnMut(&Path, &str)) -> Result<(), NoQueue> {
        let Some(source) = self.tree.open_file(file)? else { return Ok(()) };
        match self.due(file, source) {
            Ok((instance, peers, priority)) => {
                self.rebuilt.instances += 1;
                if !peers.is_empty() {
                    self.found.push((instance, peers, priority));
                }
            }
            Err(reason) => {
                self.rebuilt.others += 1;
                tell(file, &reason.to_string());
            }
        }
        if self.found.len() >= AT_ONCE { self.write_down() } else { Ok(()) }
    }

    fn write_down(&mut self) -> Result<(), NoQueue> {
        self.rebuilt.deliveries += self.queue.enqueue_all(std::mem::take(&mut self.found))? as u64;
        Ok(())
    }

    /// The instance in a file, and whom it is forwarded to.
    fn due(
        &self,
        file: &Path,
        source: FileSource,
    ) -> Result<(Instance, Vec<String>, Priority), NotAnInstance> {
        let (meta, offset) = FileMeta::parse(&source)?;
        let receipt = Receipt::of(&meta).ok_or(NotAnInstance::NoReceipt)?;
        let syntax = TransferSyntax::of_uid(&meta.transfer_syntax).ok_or(NotAnInstance::TransferSyntax)?;
        let contents = Contents::of(&Section::from(&source, offset)?, syntax)?;
        let facts = Facts {
            calling: meta.sending_ae.as_deref().unwrap_or_default(),
            called: meta.receiving_ae.as_deref().unwrap_or_default(),
            from: None,
            sop_class: &meta.sop_class,
            transfer_syntax: &receipt.transfer_syntax,
            modality: &contents.modality,
            station_name: &contents.station_name,
            body_part: &contents.body_part,
        };
        let decision = self.rules.decide(&facts);
        let instance = Instance {
            sop_instance: meta.sop_instance.clone(),
            digest: receipt.digest.bytes(),
            sop_class: meta.sop_class.clone(),
            transfer_syntax: meta.transfer_syntax.clone(),
            study: contents.study,
            file: file.display().to_string(),
            bytes: source.len(),
            checksum: None,
        };
        Ok((instance, decision.forward.clone(), decision.priority))
    }
}

/// What rules ask of a data set. What cannot be walked says nothing, as when it was received.
#[derive(Default)]
struct Contents {
    study: String,
    modality: String,
    station_name: String,
    body_part: String,
}

impl Contents {
    fn of(section: &Section<'_>, syntax: &TransferSyntax) -> io::Result<Self> {
        let limits = Limits::default();
        let (inflated, mut encoding) = (inflated(section, syntax, &limits)?, syntax.vr_encoding);
        let source: &dyn Source = match &inflated {
            Some(bytes) => {
                encoding = VrEncoding::ExplicitLittle;
                bytes
            }
            None => section,
        };
        let Ok(data_set) = walk_as_found(source, Some(encoding), &limits) else { return Ok(Self::default()) };
        let text = |tag| text(source, &data_set, tag);
        Ok(Self {
            study: text(Tag::STUDY_INSTANCE_UID),
            modality: text(Tag::MODALITY),
            station_name: text(Tag::STATION_NAME),
            body_part: text(Tag::BODY_PART_EXAMINED),
        })
    }
}

fn text(source: &dyn Source, data_set: &DataSet, tag: Tag) -> String {
    data_set.text(source, tag).ok().flatten().unwrap_or_default()
}

/// The data set of a deflated instance; `None` of another one.
fn inflated(section: &Section<'_>, syntax: &TransferSyntax, limits: &Limits) -> io::Result<Option<Vec<u8>>> {
    if syntax.vr_encoding != VrEncoding::DeflatedExplicitLittle {
        return Ok(None);
    }
    match inflate(section, limits) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(InflateError::Io(error)) => Err(error),
        // Kept without being read, as when it was received.
        Err(_) => Ok(Some(Vec::new())),
    }
}
