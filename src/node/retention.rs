//! Retention: instances that each of their peers has are removed from the store when they are old enough.
//!
//! What was forwarded to nobody stays, and so does what an operator has purged from the queue.

use super::journey::Node;
use crate::observe::Escaped;
use crate::queue::{Instance, Queue, QueueError, Selection, State};
use crate::store::{Digest, Keep, Removed};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

/// The running retention; it ends when this is dropped, after the instance that it has in hand.
#[derive(Debug)]
pub(super) struct Retention(#[expect(dead_code, reason = "dropping it is what counts")] Sender<()>);

/// So many instances are looked up at a time.
const BATCH: usize = 100;
/// How often there is a look at what may be removed.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(60);
/// No instance has more peers.
const MOST_PEERS: usize = 1000;

impl Retention {
    /// Starts it, where there is anything to do.
    pub(super) fn start(node: &Arc<Node>, queue: &Arc<dyn Queue>, keep: Keep) -> io::Result<Option<Self>> {
        let Some(age) = keep.age() else { return Ok(None) };
        let (running, ended) = channel();
        let (node, queue) = (Arc::clone(node), Arc::clone(queue));
        let pause = (age / 10).clamp(OFTEN, SELDOM);
        thread::Builder::new().name("retention".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
                if let Err(error) = sweep(&node, queue.as_ref(), age, &ended) {
                    tracing::error!(explanation = %Escaped(&error.to_string()), "queue failed: nothing is removed");
                }
            }
        })?;
        Ok(Some(Self(running)))
    }
}

/// Removes all that may be removed now.
fn sweep(node: &Node, queue: &dyn Queue, age: Duration, ended: &Receiver<()>) -> Result<(), QueueError> {
    loop {
        let batch = queue.removable(age, BATCH)?;
        for instance in &batch {
            if matches!(ended.try_recv(), Err(TryRecvError::Disconnected)) {
                return Ok(());
            }
            remove(node, queue, instance)?;
        }
        if batch.len() < BATCH {
            return Ok(());
        }
    }
}

fn remove(node: &Node, queue: &dyn Queue, instance: &Instance) -> Result<(), QueueError> {
    let digest = Digest::from_bytes(instance.digest);
    // It may be arriving once more at this moment, and have a new peer by now.
    let _held = node.in_hand.take(&digest);
    if !is_everywhere(queue, instance)? {
        return Ok(());
    }
    let (uid, file) = (Escaped(&instance.sop_instance), Escaped(&instance.file));
    match node.tree.remove(Path::new(&instance.file), &digest) {
        Ok(Removed::Done) => {
            node.audit_removal(instance);
            tracing::info!(instance = %uid, %file, bytes = instance.bytes, "instance removed: each of its peers has it");
        }
        Ok(Removed::Absent) => tracing::warn!(instance = %uid, %file, "instance forgotten: its file is gone"),
        Ok(Removed::Another) => {
            tracing::warn!(instance = %uid, %file, "nothing removed: another file lies in the place of the instance");
            return queue.keep(instance);
        }
        Err(error) => {
            tracing::error!(instance = %uid, %file, explanation = %Escaped(&error.to_string()), "instance cannot be removed");
            return queue.keep(instance);
        }
    }
    queue.forget(instance)
}

fn is_everywhere(queue: &dyn Queue, instance: &Instance) -> Result<bool, QueueError> {
    let selection = Selection { sop_instance: Some(instance.sop_instance.clone()), ..Selection::default() };
    let deliveries = queue.list(&selection, None, MOST_PEERS)?;
    let mut of_it = deliveries.iter().filter(|delivery| delivery.instance.digest == instance.digest);
    Ok(of_it.all(|delivery| delivery.state == State::Delivered))
}
