//! What the node says of an instance that somebody asks it to commit (PS3.4 Annex J): its file was read back to the end and is
//! the one that was sealed, and, where the configuration asks for that, its peers have it.

use super::journey::Node;
use crate::dicom::FileMeta;
use crate::forward::{After, CommitmentEvent, Evidence, Provider, Providing, answer_to_request};
use crate::net::{Association, CommitmentRequest, Status, StoreAnswer};
use crate::observe::Escaped;
use crate::queue::{Delivery, PassedOn, QueueError, Reference, Selection, State};
use crate::store::{Soundness, StoreError};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No instance has more peers.
const MOST_PEERS: usize = 1000;
/// So many instances of a report are named in the log, of those that are not committed.
const MOST_NAMED: usize = 20;
/// So many instances are known by where they lie, some 300 bytes each.
const RECENT: usize = 50_000;

/// Lets a provider work off what it owes.
///
/// # Errors
/// When the system gives no more threads.
pub(super) fn start_provider(provider: &Arc<Provider>, node: &Arc<Node>) -> io::Result<Providing> {
    let evidence = Arc::clone(node) as Arc<dyn Evidence>;
    provider.start(&evidence)
}

impl Node {
    /// Offers Storage Commitment from now on.
    pub(super) fn begin_commitment(&self, provider: Arc<Provider>) {
        self.recent.remember(RECENT);
        self.offer.begin(provider);
    }

    /// Promises a report to a peer that asks for Storage Commitment.
    pub(super) fn promise(&self, association: &Association, request: CommitmentRequest) -> StoreAnswer {
        let Some(provider) = self.offer.provider() else { return Status::UNRECOGNIZED_OPERATION.into() };
        let (id, address, peer) = (association.id, association.peer, Escaped(&association.calling));
        match provider.promise(&association.calling, &association.called, request) {
            Ok(promised) => {
                tracing::info!(association = id, %address, %peer, transaction = %Escaped(&promised.transaction),
                    instances = promised.instances, "commitment requested");
                Status::SUCCESS.into()
            }
            Err(error) => {
                let status = answer_to_request(&error);
                let explanation = error.to_string();
                tracing::warn!(association = id, %address, %peer, %status, explanation = %Escaped(&explanation),
                    "commitment request refused");
                StoreAnswer { comment: Some(explanation), ..status.into() }
            }
        }
    }

    /// The deliveries of each instance.
    fn deliveries_of(&self, references: &[Reference]) -> Result<Vec<Vec<Delivery>>, QueueError> {
        let Some(queue) = self.queue() else { return Ok(vec![Vec::new(); references.len()]) };
        let of = |reference: &Reference| {
            let sop_instance = Some(reference.sop_instance.clone());
            queue.list(&Selection { sop_instance, ..Selection::default() }, None, MOST_PEERS)
        };
        references.iter().map(of).collect()
    }

    /// Whether an instance has not come as far yet as is asked for.
    fn is_on_its_way(&self, deliveries: &[Delivery]) -> bool {
        let after = self.offer.demand().after;
        let has_come = |delivery: &Delivery| match after {
            After::Stored => true,
            After::Forwarded => matches!(delivery.state, State::Sent | State::Delivered),
            // A peer that is not asked to commit has done all that can be had of it.
            After::Committed => delivery.state == State::Delivered,
        };
        !deliveries.iter().all(has_come)
    }

    /// The files in which each instance may lie.
    fn files_of(
        &self,
        references: &[Reference],
        deliveries: &[Vec<Delivery>],
    ) -> Result<Vec<Vec<PathBuf>>, StoreError> {
        let mut files: Vec<Vec<PathBuf>> = Vec::with_capacity(references.len());
        for (reference, deliveries) in references.iter().zip(deliveries) {
            let mut of_it = self.recent.files(&reference.sop_instance);
            of_it.extend(deliveries.iter().map(|delivery| PathBuf::from(&delivery.instance.file)));
            of_it.sort();
            of_it.dedup();
            of_it.retain(|file| !matches!(self.tree.open_file(file), Ok(None)));
            files.push(of_it);
        }
        let missing: HashSet<&str> = references
            .iter()
            .zip(&files)
            .filter(|(_, files)| files.is_empty())
            .map(|(reference, _)| reference.sop_instance.as_str())
            .collect();
        if !missing.is_empty() {
            let found = self.tree.search(&missing)?;
            for (uid, paths) in &found {
                paths.iter().for_each(|path| self.recent.insert(uid, path));
            }
            for (reference, files) in references.iter().zip(&mut files).filter(|(_, files)| files.is_empty())
            {
                files.extend(found.get(&reference.sop_instance).cloned().unwrap_or_default());
            }
        }
        Ok(files)
    }

    /// Reads an instance back: nothing where it is safe, or why not.
    fn reason(&self, reference: &Reference, files: &[PathBuf]) -> Result<Option<Status>, QueueError> {
        let (mut whole, mut damaged, mut of_another_class) = (false, false, false);
        for file in files {
            match self.read_back(reference, file) {
                Ok(ReadBack::Whole) => whole = true,
                Ok(ReadBack::OfAnotherClass) => of_another_class = true,
                Ok(ReadBack::Another) => {}
                Ok(ReadBack::Damaged(what)) => {
                    damaged = true;
                    tracing::error!(instance = %Escaped(&reference.sop_instance), file = %file.display(), what,
                        "instance is not committed: its file is not what was stored");
                }
                Err(error) => {
                    damaged = true;
                    tracing::error!(instance = %Escaped(&reference.sop_instance), file = %file.display(),
                        explanation = %Escaped(&error.to_string()), "instance is not committed: its file cannot be read");
                }
            }
        }
        Ok(match (damaged, whole, of_another_class) {
            (true, ..) => Some(Status::PROCESSING_FAILURE),
            (false, true, _) => None,
            (false, false, true) => Some(Status::CLASS_INSTANCE_CONFLICT),
            (false, false, false) => self.reason_without_file(reference)?,
        })
    }

    /// Where there is no file, peers may have the instance: retention has removed it because they do.
    fn reason_without_file(&self, reference: &Reference) -> Result<Option<Status>, QueueError> {
        let passed_on = match self.queue() {
            Some(queue) => queue.passed_on(&reference.sop_instance)?,
            None => None,
        };
        let Some(PassedOn { sop_class, peers }) = passed_on else {
            return Ok(Some(Status::NO_SUCH_SOP_INSTANCE));
        };
        let demand = self.offer.demand();
        let committed = !peers.is_empty() && peers.iter().all(|peer| demand.committing.contains(peer));
        Ok(match (committed || demand.after == After::Forwarded, sop_class == reference.sop_class) {
            (false, _) => Some(Status::NO_SUCH_SOP_INSTANCE),
            (true, false) => Some(Status::CLASS_INSTANCE_CONFLICT),
            (true, true) => None,
        })
    }

    fn read_back(&self, reference: &Reference, file: &Path) -> Result<ReadBack, StoreError> {
        let Some(source) = self.tree.open_file(file)? else { return Ok(ReadBack::Another) };
        // Whose name a file has that cannot even be parsed is known by its path alone, and that is why it is here.
        let Ok((meta, _)) = FileMeta::parse(&source) else { return Ok(ReadBack::Damaged("unreadable")) };
        if meta.sop_instance != reference.sop_instance {
            return Ok(ReadBack::Another);
        }
        if meta.sop_class != reference.sop_class {
            return Ok(ReadBack::OfAnotherClass);
        }
        Ok(match self.tree.examine(file)? {
            Some(Soundness::Whole) => ReadBack::Whole,
            Some(Soundness::Altered) => ReadBack::Damaged("altered"),
            Some(Soundness::Unsealed) => ReadBack::Damaged("unsealed"),
            Some(Soundness::Foreign) => ReadBack::Damaged("foreign"),
            None => ReadBack::Another,
        })
    }
}

/// What a file turned out to be.
enum ReadBack {
    Whole,
    Damaged(&'static str),
    OfAnotherClass,
    Another,
}

impl Evidence for Node {
    fn judge(&self, references: &[Reference], patient: bool) -> Result<Option<Vec<Option<Status>>>, String> {
        let deliveries = self.deliveries_of(references).map_err(|error| error.to_string())?;
        let on_their_way: Vec<bool> = deliveries.iter().map(|all| self.is_on_its_way(all)).collect();
        if patient && on_their_way.contains(&true) {
            return Ok(None);
        }
        let files = self.files_of(references, &deliveries).map_err(|error| error.to_string())?;
        let mut reasons = Vec::with_capacity(references.len());
        for ((reference, files), on_its_way) in references.iter().zip(&files).zip(on_their_way) {
            let reason = self.reason(reference, files).map_err(|error| error.to_string())?;
            reasons.push(reason.or(on_its_way.then_some(Status::PROCESSING_FAILURE)));
        }
        Ok(Some(reasons))
    }

    fn happened(&self, event: CommitmentEvent<'_>) {
        match event {
            CommitmentEvent::Judged { transaction, outcome } => {
                let (peer, uid) = (Escaped(&transaction.calling), Escaped(&transaction.uid));
                let failed = outcome.iter().flatten().count();
                tracing::info!(%peer, transaction = %uid, committed = outcome.len() - failed, failed, "commitment decided");
                for (reason, count) in counted(outcome) {
                    let of_it = transaction.references.iter().zip(outcome);
                    let named = of_it.filter(|(_, why)| **why == Some(reason)).take(MOST_NAMED);
                    let named: Vec<_> = named.map(|(reference, _)| reference.sop_instance.as_str()).collect();
                    tracing::warn!(%peer, transaction = %uid, reason = %Status(reason), count,
                        instances = %Escaped(&named.join(" ")), "instances not committed");
                }
            }
            CommitmentEvent::Reported { transaction, same_association } => tracing::info!(
                peer = %Escaped(&transaction.calling), transaction = %Escaped(&transaction.uid), same_association,
                attempts = transaction.attempts.saturating_add(1), "commitment reported"
            ),
            CommitmentEvent::Deferred { transaction, after, error } => tracing::warn!(
                peer = %Escaped(&transaction.calling), transaction = %Escaped(&transaction.uid),
                attempts = transaction.attempts.saturating_add(1),
                again_in = %format_args!("{:.1}s", after.as_secs_f64()), explanation = %Escaped(error),
                "commitment report deferred"
            ),
            CommitmentEvent::GivenUp { transaction, error } => tracing::error!(
                peer = %Escaped(&transaction.calling), transaction = %Escaped(&transaction.uid),
                explanation = %Escaped(error), "commitment report given up"
            ),
            CommitmentEvent::Failed { error } => {
                tracing::error!(explanation = %Escaped(error), "commitment failed: it is tried again");
            }
        }
    }
}

/// How many instances are not committed for each reason.
fn counted(outcome: &[Option<u16>]) -> HashMap<u16, usize> {
    let mut counts = HashMap::new();
    outcome.iter().flatten().for_each(|reason| *counts.entry(*reason).or_default() += 1);
    counts
}
