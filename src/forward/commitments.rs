//! Storage Commitment as its user (PS3.4 Annex J): what each peer was asked to commit, and what its reports come to.
//!
//! What was asked for is known to this process alone. After a restart the deliveries are in the queue still, and the peer is
//! asked anew; a report on a transaction that nobody knows changes nothing.

use super::config::PeerConfig;
use super::depot::{Depot, Destination, Event};
use super::schedule::{self, HoldReason, Next, Past};
use super::verdict::Verdict;
use crate::dicom::{DataSet, DataSetError, Limits, Tag, item_values, walk};
use crate::net::{EventReport, Status};
use crate::queue::{Delivery, DeliveryId, Queue, QueueError, Settlement};
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What was asked for and not reported yet, by Transaction UID.
#[derive(Debug)]
pub struct Commitments {
    peers: Vec<PeerConfig>,
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
        Self { peers: peers.to_vec(), asked: Mutex::default() }
    }

    /// A new transaction for these deliveries to one peer: its UID, and the data set of the request in Implicit VR Little
    /// Endian (PS3.4 Table J.3-1).
    pub(super) fn ask(&self, peer: &str, deliveries: Vec<Delivery>) -> io::Result<(String, Vec<u8>)> {
        let transaction = new_uid()?;
        let mut items = Vec::new();
        for delivery in &deliveries {
            let mut item = Vec::new();
            put_uid(&mut item, Tag::REFERENCED_SOP_CLASS_UID, &delivery.instance.sop_class);
            put_uid(&mut item, Tag::REFERENCED_SOP_INSTANCE_UID, &delivery.instance.sop_instance);
            put(&mut items, Tag::ITEM, &item);
        }
        let mut data_set = Vec::new();
        put_uid(&mut data_set, Tag::TRANSACTION_UID, &transaction);
        put(&mut data_set, Tag::REFERENCED_SOP_SEQUENCE, &items);
        let mut asked = self.lock();
        if asked.len() >= MOST_ASKED {
            asked.remove(0);
        }
        asked.push(Asked { transaction: transaction.clone(), peer: peer.to_owned(), deliveries });
        Ok((transaction, data_set))
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
        let Report { transaction, outcomes } = Report::read(report)?;
        let asked = {
            let mut all = self.lock();
            let place = all.iter().position(|asked| asked.transaction == transaction);
            all.remove(place.ok_or(ReportError::UnknownTransaction)?)
        };
        let Some(config) = self.peers.iter().find(|config| config.name == asked.peer) else {
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
        let at = Destination { peer: &config.name, ae_title: &config.ae_title, address: &config.address };
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

/// What a report says: for each instance nothing, or why it is not committed (PS3.4 Table J.3-2).
struct Report {
    transaction: String,
    outcomes: HashMap<String, Option<u16>>,
}

impl Report {
    fn read(report: &EventReport) -> Result<Self, ReportError> {
        let source = &report.data_set;
        let data_set = walk(source, report.transfer_syntax.vr_encoding, &Limits::default())?;
        let transaction = match data_set.text(source, Tag::TRANSACTION_UID) {
            Ok(Some(uid)) if !uid.is_empty() => uid,
            _ => return Err(ReportError::NoTransaction),
        };
        let mut outcomes = HashMap::new();
        let wanted = [Tag::REFERENCED_SOP_INSTANCE_UID];
        for [uid] in item_values(source, &data_set, Tag::REFERENCED_SOP_SEQUENCE, wanted)? {
            outcomes.extend(uid.map(|uid| (text(&uid), None)));
        }
        // One that is in both lists is not committed.
        for (uid, reason) in failed(source, &data_set)? {
            outcomes.insert(uid, Some(reason));
        }
        Ok(Self { transaction, outcomes })
    }
}

/// The instances that are not committed, and their Failure Reasons.
fn failed(source: &Vec<u8>, data_set: &DataSet) -> Result<Vec<(String, u16)>, ReportError> {
    let wanted = [Tag::REFERENCED_SOP_INSTANCE_UID, Tag::FAILURE_REASON];
    let items = item_values(source, data_set, Tag::FAILED_SOP_SEQUENCE, wanted)?;
    let reason =
        |value: Option<Vec<u8>>| value.and_then(|value| value.try_into().ok()).map(u16::from_le_bytes);
    let failure =
        |[uid, why]: [Option<Vec<u8>>; 2]| Some((text(&uid?), reason(why).unwrap_or(PROCESSING_FAILURE)));
    Ok(items.into_iter().filter_map(failure).collect())
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned()
}

/// Stands where a report gives no reason.
const PROCESSING_FAILURE: u16 = 0x0110;

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

fn put_uid(out: &mut Vec<u8>, tag: Tag, uid: &str) {
    let mut value = uid.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    put(out, tag, &value);
}

/// An element or an item in Implicit VR Little Endian.
fn put(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    out.extend_from_slice(&tag.group.to_le_bytes());
    out.extend_from_slice(&tag.element.to_le_bytes());
    // A request lists at most some hundred instances.
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
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
        let (mut data_set, mut committed, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for uid in good {
            let mut item = Vec::new();
            put_uid(&mut item, Tag::REFERENCED_SOP_INSTANCE_UID, uid);
            put(&mut committed, Tag::ITEM, &item);
        }
        for (uid, reason) in bad {
            let mut item = Vec::new();
            put_uid(&mut item, Tag::REFERENCED_SOP_INSTANCE_UID, uid);
            put(&mut item, Tag::FAILURE_REASON, &reason.to_le_bytes());
            put(&mut failed, Tag::ITEM, &item);
        }
        put_uid(&mut data_set, Tag::TRANSACTION_UID, transaction);
        put(&mut data_set, Tag::FAILED_SOP_SEQUENCE, &failed);
        put(&mut data_set, Tag::REFERENCED_SOP_SEQUENCE, &committed);
        let transfer_syntax = TransferSyntax::of_uid(uids::IMPLICIT_VR_LITTLE_ENDIAN).unwrap();
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
        let walked = walk(&request, implicit.vr_encoding, &Limits::default()).unwrap();
        assert_eq!(walked.text(&request, Tag::TRANSACTION_UID).unwrap().as_ref(), Some(&transaction));
        let wanted = [Tag::REFERENCED_SOP_CLASS_UID, Tag::REFERENCED_SOP_INSTANCE_UID];
        let items = item_values(&request, &walked, Tag::REFERENCED_SOP_SEQUENCE, wanted).unwrap();
        assert_eq!(items.len(), 3);
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
