//! Storage Commitment as its user (PS3.4 Annex J): what each peer was asked to commit, and what its reports come to.
//!
//! What was asked for is known to this process alone. After a restart the deliveries are in the queue still, and the peer is
//! asked anew; a report on a transaction that nobody knows changes nothing.

use super::commitment_data_set::{Report, Request};
use super::config::PeerConfig;
use super::depot::{Depot, Destination, Event};
use super::schedule::{self, HoldReason, Next, Past};
use super::verdict::Verdict;
use crate::dicom::DataSetError;
use crate::net::{EventReport, Status};
use crate::queue::{Delivery, DeliveryId, Queue, QueueError, Reference, Settlement};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// What was asked for and not reported yet, by Transaction UID.
#[derive(Debug)]
pub struct Commitments {
    peers: RwLock<Vec<PeerConfig>>,
    asked: Mutex<Vec<Asked>>,
}

#[derive(Debug)]
struct Asked {
    transaction: String,
    peer: String,
    deliveries: Vec<Delivery>,
}

/// Why a report comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Its data set cannot be read.
    #[error("the report cannot be read: {0}")]
    DataSet(#[from] DataSetError),
    /// It has no Transaction UID.
    #[error("the report has no Transaction UID")]
    NoTransaction,
    /// Nobody asked, or it was reported before.
    #[error("nobody waits for a report on this transaction")]
    UnknownTransaction,
    /// It cannot be written down; the peer may report once more.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Transactions beyond this number are forgotten, the oldest first; their deliveries are asked for again.
const MOST_ASKED: usize = 1000;

impl Commitments {
    /// Nothing asked for yet.
    pub fn new(peers: &[PeerConfig]) -> Self {
        Self { peers: RwLock::new(peers.to_vec()), asked: Mutex::default() }
    }

    /// The settings of peers from now on.
    pub fn exchange(&self, peers: &[PeerConfig]) {
        *self.peers.write().unwrap_or_else(PoisonError::into_inner) = peers.to_vec();
    }

    /// A new transaction for these deliveries to one peer: its UID, and the data set of the request in Implicit VR Little
    /// Endian (PS3.4 Table J.3-1).
    pub(super) fn ask(&self, peer: &str, deliveries: Vec<Delivery>) -> io::Result<(String, Vec<u8>)> {
        let transaction = new_uid()?;
        let reference = |delivery: &Delivery| Reference {
            sop_class: delivery.instance.sop_class.clone(),
            sop_instance: delivery.instance.sop_instance.clone(),
        };
        let references = deliveries.iter().map(reference).collect();
        let request = Request { transaction: transaction.clone(), references };
        let mut asked = self.lock();
        if asked.len() >= MOST_ASKED {
            asked.remove(0);
        }
        asked.push(Asked { transaction: transaction.clone(), peer: peer.to_owned(), deliveries });
        Ok((transaction, request.data_set()))
    }

    /// Nobody waits for a report any more.
    pub(super) fn forget(&self, transaction: &str) {
        self.lock().retain(|asked| asked.transaction != transaction);
    }

    /// Settles deliveries by a report: what is committed is delivered; what is not is sent again, a few times.
    ///
    /// # Errors
    /// [`ReportError`]; nothing has changed then.
    pub fn reported(
        &self,
        report: &EventReport,
        queue: &dyn Queue,
        depot: &dyn Depot,
    ) -> Result<(), ReportError> {
        let read = Report::read(&report.data_set, report.transfer_syntax)?;
        let Report { transaction, outcomes } = read.ok_or(ReportError::NoTransaction)?;
        let asked = {
            let mut all = self.lock();
            let place = all.iter().position(|asked| asked.transaction == transaction);
            all.remove(place.ok_or(ReportError::UnknownTransaction)?)
        };
        let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
        let Some(config) = peers.iter().find(|config| config.name == asked.peer) else {
            return Err(ReportError::UnknownTransaction);
        };
        // What the report does not mention is asked for again when it is due.
        let mentioned = |delivery: &Delivery| outcomes.get(&delivery.instance.sop_instance).copied();
        let settled: Vec<(&Delivery, Outcome)> = asked
            .deliveries
            .iter()
            .filter_map(|delivery| Some((delivery, Outcome::of(delivery, mentioned(delivery)?, config))))
            .collect();
        let settlements: Vec<_> =
            settled.iter().map(|(delivery, outcome)| outcome.settlement(delivery)).collect();
        if let Err(error) = queue.settle(&settlements) {
            self.lock().push(asked);
            return Err(error.into());
        }
        let at = Destination::of(config);
        for (delivery, outcome) in &settled {
            depot.happened(&at, outcome.event(delivery));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        // An entry is in the list or not: no panic can leave it half written.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of one delivery by a report.
enum Outcome {
    Committed,
    Again { after: Duration, reason: u16 },
    Held { reason: u16, why: HoldReason },
}

impl Outcome {
    fn of(delivery: &Delivery, failure: Option<u16>, config: &PeerConfig) -> Self {
        let Some(reason) = failure else { return Self::Committed };
        let age = SystemTime::now().duration_since(delivery.queued).unwrap_or_default();
        let past = Past { attempts: delivery.attempts, unanswered: delivery.unanswered, age };
        match schedule::next(Verdict::Permanent, past, &config.retry) {
            Some(Next::After(after)) => Self::Again { after, reason },
            Some(Next::Hold(why)) => Self::Held { reason, why },
            None => Self::Held { reason, why: HoldReason::Refused },
        }
    }

    fn settlement(&self, delivery: &Delivery) -> (DeliveryId, Settlement) {
        let error = |reason: u16| format!("the peer does not commit it: {}", Status(reason));
        let settlement = match self {
            Self::Committed => Settlement::Delivered { status: delivery.status.unwrap_or_default() },
            Self::Again { after, reason } => {
                Settlement::Deferred { after: *after, status: Some(*reason), error: error(*reason) }
            }
            Self::Held { reason, why } => {
                let error = format!("{}: {}", why.explanation(), error(*reason));
                Settlement::Held { status: Some(*reason), error }
            }
        };
        (delivery.id, settlement)
    }

    fn event<'e>(&self, delivery: &'e Delivery) -> Event<'e> {
        const ERROR: &str = "the peer does not commit it";
        match self {
            Self::Committed => Event::Committed { delivery },
            Self::Again { after, .. } => Event::Deferred { delivery, after: *after, error: ERROR },
            Self::Held { why, .. } => Event::Held { delivery, reason: *why, error: ERROR },
        }
    }
}

/// A UID that nobody else has, made of 128 random bits (PS3.5 B.2).
fn new_uid() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    if filled != bytes.len() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the system gave too few random bytes"));
    }
    Ok(format!("2.25.{}", u128::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::super::commitment_data_set;
    use super::*;
    use crate::dicom::{TransferSyntax, uids};
    use crate::net::Priority;
    use crate::queue::{Instance, Selection, Sqlite, State};
    use crate::store::{FileSource, StoreError};
    use std::fs::File;

    struct Nobody;

    impl Depot for Nobody {
        fn open(&self, _: &str) -> Result<Option<FileSource>, StoreError> {
            Ok(None)
        }

        fn spool(&self) -> io::Result<File> {
            tempfile::tempfile()
        }

        fn happened(&self, _: &Destination<'_>, _: Event<'_>) {}
    }

    /// A queue with sent deliveries of so many instances, and these.
    fn sent(count: u8) -> (tempfile::TempDir, Sqlite, Vec<Delivery>) {
        let folder = tempfile::tempdir().unwrap();
        let queue = Sqlite::open(&folder.path().join("queue.db"), false).unwrap();
        for number in 1..=count {
            let instance = Instance {
                sop_instance: format!("1.2.{number}"),
                digest: [number; 32],
                sop_class: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
                transfer_syntax: uids::JPEG_LS_LOSSLESS.to_owned(),
                study: "1.3".to_owned(),
                file: "x".to_owned(),
                bytes: 1,
                checksum: None,
            };
            queue.enqueue(&instance, &["archive".to_owned()], Priority::Medium).unwrap();
        }
        let claimed = queue.claim("archive", 10, Duration::from_secs(60)).unwrap();
        let settled: Vec<_> = claimed.iter().map(|d| (d.id, Settlement::Sent { status: 0 })).collect();
        queue.settle(&settled).unwrap();
        let deliveries = queue.claim_sent("archive", 10, Duration::from_secs(60)).unwrap();
        (folder, queue, deliveries)
    }

    fn commitments() -> Commitments {
        Commitments::new(&[PeerConfig::new("archive", "ARCHIVE", "localhost:104".parse().unwrap())])
    }

    fn report(transaction: &str, good: &[&str], bad: &[(&str, u16)]) -> EventReport {
        let reference =
            |uid: &str| Reference { sop_class: "1.2.840".to_owned(), sop_instance: uid.to_owned() };
        let committed = good.iter().map(|uid| (reference(uid), None));
        let failed = bad.iter().map(|(uid, reason)| (reference(uid), Some(*reason)));
        let transfer_syntax = TransferSyntax::of_uid(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let outcomes: Vec<_> = committed.chain(failed).collect();
        let (_, data_set) = commitment_data_set::report(transaction, &outcomes, transfer_syntax);
        EventReport { event_type: 2, transfer_syntax, data_set }
    }

    fn states(queue: &Sqlite) -> Vec<State> {
        queue.list(&Selection::default(), None, 10).unwrap().iter().map(|delivery| delivery.state).collect()
    }

    #[test]
    fn f16_delivered_is_what_the_report_says_and_the_rest_is_asked_for_again() {
        let (_folder, queue, deliveries) = sent(3);
        let commitments = commitments();
        let (transaction, request) = commitments.ask("archive", deliveries).unwrap();
        let implicit = TransferSyntax::of_uid(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let read = Request::read(&request, implicit).unwrap();
        assert_eq!((&read.transaction, read.references.len()), (&transaction, 3));
        let report = report(&transaction, &["1.2.1", "1.2.2", "1.9"], &[("1.2.2", 0x0112)]);
        commitments.reported(&report, &queue, &Nobody).unwrap();
        assert_eq!(states(&queue), [State::Delivered, State::Deferred, State::Sent]);
        let again = commitments.reported(&report, &queue, &Nobody);
        assert!(matches!(again, Err(ReportError::UnknownTransaction)), "reported before");
    }

    #[test]
    fn f16_a_report_on_another_transaction_or_none_changes_nothing() {
        let (_folder, queue, deliveries) = sent(1);
        let commitments = commitments();
        let (transaction, _) = commitments.ask("archive", deliveries).unwrap();
        let wrong = commitments.reported(&report("1.2.3", &["1.2.1"], &[]), &queue, &Nobody);
        assert!(matches!(wrong, Err(ReportError::UnknownTransaction)));
        let nameless = commitments.reported(&report("", &["1.2.1"], &[]), &queue, &Nobody);
        assert!(matches!(nameless, Err(ReportError::NoTransaction)));
        let mut cut = report(&transaction, &["1.2.1"], &[]);
        cut.data_set.truncate(cut.data_set.len() - 1);
        assert!(matches!(commitments.reported(&cut, &queue, &Nobody), Err(ReportError::DataSet(_))));
        assert_eq!(states(&queue), [State::Sent]);
        commitments.forget(&transaction);
        let late = commitments.reported(&report(&transaction, &["1.2.1"], &[]), &queue, &Nobody);
        assert!(matches!(late, Err(ReportError::UnknownTransaction)));
    }
}
