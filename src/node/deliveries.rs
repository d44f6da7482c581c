//! The deliveries of a node: the queue beside its store, what is written into it for an instance, and what couriers are
//! given and tell.

use super::journey::{Arrival, Label, Node};
use super::status::Failure;
use crate::audit::TransferOutcome;
use crate::codec::DecodeElsewhere;
use crate::config::Config;
use crate::dicom::{FileMeta, Source, Uid};
use crate::forward::{Depot, Destination, Event};
use crate::observe::Escaped;
use crate::queue::{Delivery, Instance, Queue, QueueError, QueueUrl, Sqlite};
use crate::rule::Decision;
use crate::store::{Durability, FileSource, StoreError, Stored, Tree};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The note of the store that says which queue is its own.
pub(super) const QUEUE: &str = "queue";

/// Why there is no queue.
#[derive(Debug, thiserror::Error)]
pub enum NoQueue {
    /// The queue itself.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The store cannot say which queue is its own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the queue of a store, where it has one or needs one now. One that is missing or another's is never replaced by
/// an empty one: what is to be delivered would be forgotten.
///
/// # Errors
/// [`NoQueue`]; each one says what to do.
pub fn open_queue(tree: &Tree, config: &Config) -> Result<Option<Arc<dyn Queue>>, NoQueue> {
    let known = tree.note(QUEUE)?;
    if known.is_none() && !config.rules().forward_anything() {
        return Ok(None);
    }
    let QueueUrl::Sqlite(path) = config.queue_url();
    let durable = config.store.durability == Durability::Full;
    let queue = match &known {
        Some(_) => Sqlite::open_existing(&path, durable)?,
        None => Sqlite::open(&path, durable)?,
    };
    match known {
        Some(identity) if identity != queue.identity() => {
            return Err(QueueError::OfAnotherStore { path }.into());
        }
        Some(_) => {}
        None => tree.write_note(QUEUE, queue.identity())?,
    }
    let interrupted = queue.recover()?;
    tracing::info!(queue = %config.queue_url(), interrupted, "queue opened");
    report(&queue, config)?;
    Ok(Some(Arc::new(queue)))
}

/// Says what waits for each peer, and whom nobody will deliver to.
pub(super) fn report(queue: &dyn Queue, config: &Config) -> Result<(), QueueError> {
    let mut waiting: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for count in queue.counts()? {
        waiting.entry(count.peer).or_default().push(format!("{} {}", count.deliveries, count.state.name()));
    }
    for (peer, counts) in waiting {
        let (to, deliveries) = (Escaped(&peer), counts.join(", "));
        if config.peer.iter().any(|known| known.name == peer) {
            tracing::info!(%to, %deliveries, "deliveries");
        } else {
            tracing::warn!(%to, %deliveries, "deliveries to a peer that is not configured any more");
        }
    }
    Ok(())
}

impl Node {
    /// The queue of deliveries, where there is one.
    pub(super) fn queue(&self) -> Option<&Arc<dyn Queue>> {
        self.queue.get()
    }

    /// Has deliveries from now on.
    pub(super) fn begin_queue(&self, queue: Arc<dyn Queue>) {
        // It was asked before whether there is one, by the only one who begins any.
        let _ = self.queue.set(queue);
    }

    /// Writes down whom an instance is to be delivered to. Returns how many of these deliveries are new.
    pub(super) fn enqueue(
        &self,
        arrival: &Arrival,
        label: &Label<'_>,
        decision: &Decision,
    ) -> Result<usize, Failure> {
        if decision.forward.is_empty() {
            return Ok(0);
        }
        let queue = self.queue().ok_or(Failure::NoQueue)?;
        let instance = self.to_deliver(arrival, label)?;
        Ok(queue.enqueue(&instance, &decision.forward, decision.priority)?)
    }

    /// The instance as the queue knows it.
    fn to_deliver(&self, arrival: &Arrival, label: &Label<'_>) -> Result<Instance, StoreError> {
        let text = |uid: &Option<Uid>| uid.as_ref().map(ToString::to_string).unwrap_or_default();
        let file = self.tree.below(arrival.stored.path());
        let (transfer_syntax, bytes) = match (&arrival.stored, &arrival.condensed) {
            (Stored::New(_) | Stored::Beside { .. }, Some(Ok(chosen))) => {
                (chosen.report.target.uid.to_owned(), arrival.file_bytes)
            }
            (Stored::New(_) | Stored::Beside { .. }, _) => {
                (label.received.uid.to_owned(), arrival.file_bytes)
            }
            // It was stored earlier, perhaps under other rules: the file itself says how.
            (Stored::Same(_), _) => self.as_stored(file)?,
        };
        Ok(Instance {
            sop_instance: arrival.derived.as_ref().unwrap_or(&label.identity.sop_instance).to_string(),
            digest: label.digest.bytes(),
            sop_class: text(&label.identity.sop_class),
            transfer_syntax,
            study: text(&label.identity.study),
            file: file.display().to_string(),
            bytes,
            checksum: None,
        })
    }

    fn as_stored(&self, file: &Path) -> Result<(String, u64), StoreError> {
        let fail = |error| StoreError::new("read", file, error);
        let source = self.tree.open_file(file)?.ok_or_else(|| fail(io::ErrorKind::NotFound.into()))?;
        let (meta, _) = FileMeta::parse(&source).map_err(|error| fail(io::Error::other(error)))?;
        Ok((meta.transfer_syntax, source.len()))
    }
}

impl Depot for Node {
    fn open(&self, file: &str) -> Result<Option<FileSource>, StoreError> {
        self.tree.open_file(Path::new(file))
    }

    fn spool(&self) -> io::Result<File> {
        self.tree.spool()
    }

    fn decoding(&self) -> Option<Arc<dyn DecodeElsewhere>> {
        let rules = self.rules.now();
        self.decoding.is_possible().then(|| self.decoding.of_instance(&rules.inherited().compress))
    }

    fn begins(&self, at: &Destination<'_>, delivery: &Delivery) {
        self.audit_delivery(at, delivery, TransferOutcome::Begins);
    }

    fn happened(&self, at: &Destination<'_>, event: Event<'_>) {
        match event {
            Event::Delivered { delivery, .. } => self.audit_delivery(at, delivery, TransferOutcome::Held),
            Event::Held { delivery, reason, .. } => {
                let outcome = TransferOutcome::Failed(reason.explanation().to_owned());
                self.audit_delivery(at, delivery, outcome);
            }
            _ => {}
        }
        let address = at.address.to_string();
        let (to, ae_title, address) = (Escaped(at.peer), Escaped(at.ae_title), Escaped(&address));
        match event {
            Event::Delivered { delivery, status, transfer_syntax, bytes, duration } => tracing::info!(
                %to, %ae_title, %address, instance = %Escaped(&delivery.instance.sop_instance), %status,
                sent = transfer_syntax.keyword, bytes, attempts = delivery.attempts,
                milliseconds = duration.as_millis() as u64, "instance delivered"
            ),
            Event::Deferred { delivery, after, error } => tracing::warn!(
                %to, %ae_title, %address, instance = %Escaped(&delivery.instance.sop_instance),
                attempts = delivery.attempts, again_in = %seconds(after), explanation = %Escaped(error),
                "delivery deferred"
            ),
            Event::Held { delivery, reason, error } => tracing::error!(
                %to, %ae_title, %address, instance = %Escaped(&delivery.instance.sop_instance),
                attempts = delivery.attempts, reason = reason.explanation(), explanation = %Escaped(error),
                "delivery held for the operator"
            ),
            Event::Unavailable { after, failures, misconfigured: false, error } => tracing::warn!(
                %to, %ae_title, %address, failures, again_in = %seconds(after), explanation = %Escaped(error),
                "peer not available"
            ),
            Event::Unavailable { after, failures, misconfigured: true, error } => tracing::error!(
                %to, %ae_title, %address, failures, again_in = %seconds(after), explanation = %Escaped(error),
                "peer refuses us for good: somebody has to change something, here or there"
            ),
            Event::Committed { delivery } => tracing::info!(
                %to, %ae_title, %address, instance = %Escaped(&delivery.instance.sop_instance),
                attempts = delivery.attempts, "instance committed by the peer"
            ),
            Event::CommitmentAsked { transaction, instances } => {
                tracing::info!(%to, %ae_title, %address, transaction, instances, "peer asked to commit");
            }
            Event::NotCommitting { after, failures, error } => tracing::error!(
                %to, %ae_title, %address, failures, again_in = %seconds(after), explanation = %Escaped(error),
                "peer cannot be asked to commit"
            ),
            Event::Available => tracing::info!(%to, %ae_title, %address, "peer available again"),
            Event::QueueFailed { error } => {
                tracing::error!(%to, explanation = %Escaped(error), "queue failed")
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}
