//! A committer: asks one peer to take responsibility for what it was sent (Storage Commitment Push Model, PS3.4 Annex J).
//! Only what the peer reports to be committed counts as delivered.
//!
//! The peer may report over the association on which it was asked, for which we wait a little, or over one of its own to
//! the node, whenever it likes. What is not reported within `deadlines.commit` is asked for again.

use super::commitments::{Commitments, ReportError};
use super::config::PeerConfig;
use super::depot::{Depot, Destination, Event};
use super::ending::Ending;
use super::schedule::{self, HoldReason};
use super::verdict::Absence;
use crate::dicom::{TransferSyntax, uids};
use crate::net::{
    EventReport, ProposedContext, Requestor, RequestorError, RequestorOptions, STORAGE_COMMITMENT, Status,
    StoreAnswer,
};
use crate::queue::{Delivery, Queue, Settlement};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One committer, in a thread of its own.
pub(super) struct Committer {
    pub(super) config: PeerConfig,
    pub(super) options: RequestorOptions,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) depot: Arc<dyn Depot>,
    pub(super) commitments: Arc<Commitments>,
    pub(super) ending: Arc<Ending>,
}

/// A peer is asked for so many instances at a time.
const MOST: usize = 256;
/// So often there is a look at what was sent.
const POLL: Duration = Duration::from_secs(1);
/// So long a report is awaited over the association on which it was asked for; a peer that has not reported so the last time
/// is waited for less.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_IN_VAIN: Duration = Duration::from_millis(500);

/// Why a peer was not asked.
#[derive(Debug, thiserror::Error)]
enum NotAsked {
    #[error("{0}")]
    NoAssociation(#[from] RequestorError),
    #[error("the peer does not offer Storage Commitment")]
    NotOffered,
    #[error("the peer refuses the request: {}", .0.status)]
    Refused(StoreAnswer),
    #[error("no transaction can be begun: {0}")]
    Random(#[from] io::Error),
}

impl Committer {
    /// Works until the end is asked for.
    pub(super) fn run(self) {
        let (mut failures, mut wait) = (0_u32, WAIT);
        while !self.ending.is_asked_for() {
            let batch = match self.queue.claim_sent(&self.config.name, MOST, self.config.deadlines.commit) {
                Ok(batch) => self.without_old(batch),
                Err(error) => {
                    self.tell(Event::QueueFailed { error: &error.to_string() });
                    Vec::new()
                }
            };
            if batch.is_empty() {
                self.ending.wait(POLL);
                continue;
            }
            match self.ask(&batch, wait) {
                Ok(reported) => {
                    failures = 0;
                    wait = if reported { WAIT } else { WAIT_IN_VAIN };
                }
                Err(error) => {
                    self.give_back(&batch);
                    failures = failures.saturating_add(1);
                    let absence = match &error {
                        NotAsked::NoAssociation(error) => Absence::of(error),
                        NotAsked::NotOffered => Absence::Misconfigured,
                        NotAsked::Refused(_) | NotAsked::Random(_) => Absence::Passing,
                    };
                    let after = schedule::absence(absence, failures, &self.config.retry);
                    self.tell(Event::NotCommitting { after, failures, error: &error.to_string() });
                    self.ending.wait(after);
                }
            }
        }
    }

    /// Asks the peer to commit; whether it has reported at once.
    fn ask(&self, batch: &[Delivery], wait: Duration) -> Result<bool, NotAsked> {
        let syntax = TransferSyntax::of_uid(uids::IMPLICIT_VR_LITTLE_ENDIAN).ok_or(NotAsked::NotOffered)?;
        let abstract_syntax = STORAGE_COMMITMENT.to_owned();
        let proposed = [ProposedContext { abstract_syntax, transfer_syntaxes: vec![syntax] }];
        let address = (self.config.address.host.as_str(), self.config.address.port);
        let mut requestor = Requestor::connect(address, self.options.clone(), &proposed)?;
        let context = requestor.context(STORAGE_COMMITMENT, syntax).ok_or(NotAsked::NotOffered)?;
        let (transaction, data_set) = self.commitments.ask(&self.config.name, batch.to_vec())?;
        let asked = requestor.request_commitment(context, &data_set).map_err(NotAsked::from);
        let refused = |answer: StoreAnswer| match answer.status.is_performed() {
            true => Ok(()),
            false => Err(NotAsked::Refused(answer)),
        };
        if let Err(error) = asked.and_then(refused) {
            self.commitments.forget(&transaction);
            return Err(error);
        }
        self.tell(Event::CommitmentAsked { transaction: &transaction, instances: batch.len() });
        // No report here is no failure: it may come over another association.
        Ok(requestor.await_report(context, wait, |report| self.judge(report)).is_ok())
    }

    fn judge(&self, report: &EventReport) -> Status {
        let reported = self.commitments.reported(report, self.queue.as_ref(), self.depot.as_ref());
        reported.map_or_else(|error| answer_to(&error), |()| Status::SUCCESS)
    }

    /// Puts what could not be asked for back to what is to be asked for.
    fn give_back(&self, batch: &[Delivery]) {
        let sent = |delivery: &Delivery| {
            (delivery.id, Settlement::Sent { status: delivery.status.unwrap_or_default() })
        };
        if let Err(error) = self.queue.settle(&batch.iter().map(sent).collect::<Vec<_>>()) {
            self.tell(Event::QueueFailed { error: &error.to_string() });
        }
    }

    /// Holds what was not committed within the peer's window, and gives what is left.
    fn without_old(&self, batch: Vec<Delivery>) -> Vec<Delivery> {
        let is_old = |delivery: &Delivery| {
            SystemTime::now().duration_since(delivery.queued).unwrap_or_default() >= self.config.retry.window
        };
        let (old, young): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_old);
        let error = "the peer has not committed it";
        let held = |delivery: &Delivery| {
            let error = format!("{}: {error}", HoldReason::WindowOver.explanation());
            (delivery.id, Settlement::Held { status: delivery.status, error })
        };
        match self.queue.settle(&old.iter().map(held).collect::<Vec<_>>()) {
            Ok(()) => old.iter().for_each(|delivery| {
                self.tell(Event::Held { delivery, reason: HoldReason::WindowOver, error });
            }),
            Err(error) => self.tell(Event::QueueFailed { error: &error.to_string() }),
        }
        young
    }

    fn tell(&self, event: Event<'_>) {
        let config = &self.config;
        let at = Destination::of(config);
        self.depot.happened(&at, event);
    }
}

/// What a peer is told whose report comes to nothing (PS3.7 10.1.1.1.8).
pub fn answer_to(error: &ReportError) -> Status {
    match error {
        ReportError::UnknownTransaction => Status::NO_SUCH_SOP_INSTANCE,
        ReportError::DataSet(_) | ReportError::NoTransaction | ReportError::Queue(_) => {
            Status::PROCESSING_FAILURE
        }
    }
}
