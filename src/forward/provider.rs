//! Storage Commitment as its provider (Storage Commitment Push Model, PS3.4 Annex J): what a peer asks to be committed is
//! written down before the request is answered, and from then on the peer is owed a report.
//!
//! What the report says is for the [`Evidence`] to tell. It goes over the association by which the request came while that
//! lasts, or over a new one to the `[[peer]]` that has the AE title of whoever asked, and is tried until it is taken or the
//! window of `commitment.retry` is over. A peer that does not listen costs the others nothing: each has a thread of its own.

use super::commitment_config::CommitmentConfig;
use super::commitment_data_set::{Request, report};
use super::config::PeerConfig;
use super::ending::Ending;
use super::evidence::{CommitmentEvent, Evidence};
use super::promise::{NotPromised, Promised};
use super::report_link::{NotTaken, ReportLink, outcomes};
use super::schedule;
use super::verdict::Absence;
use crate::net::{CommitmentRequest, Reporter, Status};
use crate::queue::{Begun, QueueError, Transaction, Transactions};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The provider of a node.
#[derive(Debug)]
pub struct Provider {
    settings: RwLock<Arc<Settings>>,
    /// Where transactions are written down, and whether that survives a loss of power.
    database: (PathBuf, bool),
    transactions: Mutex<Option<Arc<Transactions>>>,
    /// The ways back to peers whose associations may last still, by Transaction UID.
    ways_back: Mutex<HashMap<String, (Reporter, Instant)>>,
    /// The AE titles that are being reported to.
    busy: Mutex<HashSet<String>>,
    ending: Ending,
}

/// What may be exchanged while the provider works.
#[derive(Debug)]
struct Settings {
    config: CommitmentConfig,
    peers: Vec<PeerConfig>,
}

impl Settings {
    fn new(config: &CommitmentConfig, peers: &[PeerConfig]) -> Arc<Self> {
        Arc::new(Self { config: config.clone(), peers: peers.to_vec() })
    }

    /// Where an AE title is reached.
    fn peer(&self, ae_title: &str) -> Option<&PeerConfig> {
        self.peers.iter().find(|peer| peer.ae_title.trim() == ae_title.trim())
    }
}

/// So often there is a look at what is to be done.
const POLL: Duration = Duration::from_secs(1);
/// The same while a report is under way, and after a failure of ours.
const SHORT: Duration = Duration::from_millis(50);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// So often it is asked how far peers have come.
const PEERS: Duration = Duration::from_secs(2);
/// A peer that releases its association as soon as its request is answered gets this time for it.
const GRACE: Duration = Duration::from_millis(250);
/// For the answer to a report over the association by which the request came.
const ANSWER: Duration = Duration::from_secs(30);
/// Whoever reports has a transaction for so long.
const LEASE: Duration = Duration::from_secs(60 * 60);
/// Transactions in one look, and peers that are reported to at a time.
const MOST: usize = 64;
const MOST_PEERS: usize = 16;

impl Provider {
    /// Nothing owed yet that is not in `database`. `durable`: what is promised survives a loss of power.
    ///
    /// # Errors
    /// [`QueueError`], where there is a database that cannot be used.
    pub fn new(
        config: &CommitmentConfig,
        peers: &[PeerConfig],
        database: PathBuf,
        durable: bool,
    ) -> Result<Self, QueueError> {
        let known = database.exists().then(|| Transactions::open(&database, durable)).transpose()?;
        if let Some(transactions) = &known {
            transactions.recover()?;
        }
        Ok(Self {
            settings: RwLock::new(Settings::new(config, peers)),
            database: (database, durable),
            transactions: Mutex::new(known.map(Arc::new)),
            ways_back: Mutex::default(),
            busy: Mutex::default(),
            ending: Ending::default(),
        })
    }

    /// The settings from now on; of what was promised before as well.
    pub fn exchange(&self, config: &CommitmentConfig, peers: &[PeerConfig]) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Settings::new(config, peers);
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes a request down, durably: from now on its peer is owed a report. `calling` is its AE title, and `called` the one
    /// that it called.
    ///
    /// # Errors
    /// [`NotPromised`]; nothing is owed then.
    pub fn promise(
        &self,
        calling: &str,
        called: &str,
        request: CommitmentRequest,
    ) -> Result<Promised, NotPromised> {
        let Request { transaction, references } = Request::read(&request.data_set, request.transfer_syntax)?;
        let promised = Promised { transaction: transaction.clone(), instances: references.len() };
        let owed = Transaction {
            uid: transaction.clone(),
            calling: calling.to_owned(),
            called: called.to_owned(),
            references,
            outcome: None,
            received: SystemTime::now(),
            attempts: 0,
        };
        let may_use_the_same = !self.settings().config.same_association.is_zero();
        let grace = if may_use_the_same { GRACE } else { Duration::ZERO };
        match self.opened()?.begin(&owed, grace)? {
            Begun::Yes => {}
            Begun::Duplicate => return Err(NotPromised::Duplicate),
            Begun::TooMany => return Err(NotPromised::TooMany),
        }
        if may_use_the_same {
            let mut ways_back = lock(&self.ways_back);
            ways_back.retain(|_, (reporter, _)| reporter.is_open());
            ways_back.insert(transaction, (request.reporter, Instant::now()));
        }
        Ok(promised)
    }

    /// Begins to work off what is owed.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(self: &Arc<Self>, evidence: &Arc<dyn Evidence>) -> io::Result<Providing> {
        let (alive, running) = channel();
        let (provider, worker) = (Arc::clone(self), Worker { evidence: Arc::clone(evidence), _alive: alive });
        thread::Builder::new().name("commitment".to_owned()).spawn(move || provider.run(&worker))?;
        Ok(Providing { provider: Arc::clone(self), running })
    }

    fn run(self: &Arc<Self>, worker: &Worker) {
        let evidence = &worker.evidence;
        while !self.ending.is_asked_for() {
            let pause = match self.look(worker) {
                Ok(pause) => pause,
                Err(error) => {
                    evidence.happened(CommitmentEvent::Failed { error: &error.to_string() });
                    AFTER_FAILURE
                }
            };
            self.ending.wait(pause);
        }
    }

    /// Judges and reports what is due; how long until it is worth looking again.
    fn look(self: &Arc<Self>, worker: &Worker) -> Result<Duration, QueueError> {
        let Some(transactions) = lock(&self.transactions).clone() else { return Ok(POLL) };
        let mut of_peers: HashMap<String, Vec<Transaction>> = HashMap::new();
        for transaction in transactions.due(MOST)? {
            if self.ending.is_asked_for() {
                break;
            }
            if let Some(judged) = self.judged(transaction, &transactions, worker.evidence.as_ref())? {
                of_peers.entry(judged.calling.clone()).or_default().push(judged);
            }
        }
        for (calling, owed) in of_peers {
            {
                let mut busy = lock(&self.busy);
                if busy.len() >= MOST_PEERS || !busy.insert(calling.clone()) {
                    continue;
                }
            }
            for transaction in &owed {
                transactions.wait(&transaction.uid, LEASE)?;
            }
            let (provider, worker) = (Arc::clone(self), worker.clone());
            let (transactions, at) = (Arc::clone(&transactions), calling.clone());
            let started = thread::Builder::new().name("commitment-report".to_owned()).spawn(move || {
                let _busy = Busy { provider: &provider, calling: &at };
                if let Err(error) = provider.report_all(&owed, &transactions, worker.evidence.as_ref()) {
                    worker.evidence.happened(CommitmentEvent::Failed { error: &error.to_string() });
                }
            });
            if started.is_err() {
                lock(&self.busy).remove(&calling);
            }
        }
        let next = transactions.next_due()?.unwrap_or(POLL);
        Ok(next.clamp(SHORT, POLL))
    }

    /// The transaction with what is to be reported; `None` while peers are waited for, or nothing can be said.
    fn judged(
        &self,
        mut transaction: Transaction,
        transactions: &Transactions,
        evidence: &dyn Evidence,
    ) -> Result<Option<Transaction>, QueueError> {
        if transaction.outcome.is_some() {
            return Ok(Some(transaction));
        }
        let patient = age(&transaction) < self.settings().config.within;
        match evidence.judge(&transaction.references, patient) {
            Ok(Some(outcome)) => {
                let outcome: Vec<_> = outcome.iter().map(|reason| reason.map(|status| status.0)).collect();
                transactions.judged(&transaction.uid, &outcome)?;
                evidence.happened(CommitmentEvent::Judged { transaction: &transaction, outcome: &outcome });
                transaction.outcome = Some(outcome);
                Ok(Some(transaction))
            }
            Ok(None) => transactions.wait(&transaction.uid, PEERS).map(|()| None),
            Err(error) => {
                evidence.happened(CommitmentEvent::Failed { error: &error });
                transactions.wait(&transaction.uid, AFTER_FAILURE).map(|()| None)
            }
        }
    }

    /// Reports what one peer is owed.
    fn report_all(
        &self,
        owed: &[Transaction],
        transactions: &Transactions,
        evidence: &dyn Evidence,
    ) -> Result<(), QueueError> {
        let settle = |transaction: &Transaction, taken: Result<Status, NotTaken>, same_association| {
            self.settle(transaction, taken, same_association, transactions, evidence)
        };
        let mut rest = Vec::new();
        for transaction in owed {
            match self.report_back(transaction) {
                Some(status) => settle(transaction, Ok(status), true)?,
                None => rest.push(transaction),
            }
        }
        let Some(first) = rest.first() else { return Ok(()) };
        let settings = self.settings();
        let Some(peer) = settings.peer(&first.calling) else {
            let nowhere = |transaction: &Transaction| Err(NotTaken::Nowhere(transaction.calling.clone()));
            return rest.iter().try_for_each(|transaction| settle(transaction, nowhere(transaction), false));
        };
        // What the peer does not take of one, nobody else of the same round needs to try.
        let mut link = Some(ReportLink::open(peer, &first.called));
        for transaction in rest {
            let taken = match link.take() {
                Some(Ok(mut open)) => {
                    let taken = open.report(transaction);
                    if taken.is_ok() {
                        link = Some(Ok(open));
                    }
                    taken
                }
                Some(Err(error)) => Err(error),
                None => Err(NotTaken::Gone),
            };
            settle(transaction, taken, false)?;
        }
        if let Some(Ok(open)) = link {
            open.close();
        }
        Ok(())
    }

    /// Reports over the association by which the request came, where that is to be used and lasts; what the peer answers.
    fn report_back(&self, transaction: &Transaction) -> Option<Status> {
        let (reporter, since) = lock(&self.ways_back).get(&transaction.uid).cloned()?;
        let settings = self.settings();
        let in_time = since.elapsed() <= settings.config.same_association;
        if !reporter.is_open() || !in_time && settings.peer(&transaction.calling).is_some() {
            return None;
        }
        let (event_type, data_set) =
            report(&transaction.uid, &outcomes(transaction), reporter.transfer_syntax());
        reporter.report(event_type, data_set, ANSWER).ok()
    }

    /// Writes down what came of a report.
    fn settle(
        &self,
        transaction: &Transaction,
        taken: Result<Status, NotTaken>,
        same_association: bool,
        transactions: &Transactions,
        evidence: &dyn Evidence,
    ) -> Result<(), QueueError> {
        let error = match taken {
            Ok(status) if status.is_performed() => {
                transactions.finish(&transaction.uid, None)?;
                lock(&self.ways_back).remove(&transaction.uid);
                evidence.happened(CommitmentEvent::Reported { transaction, same_association });
                return Ok(());
            }
            Ok(status) => NotTaken::Refused(status),
            Err(error) => error,
        };
        let settings = self.settings();
        let retry = &settings.config.retry;
        if age(transaction) >= retry.window {
            let error = error.to_string();
            transactions.finish(&transaction.uid, Some(&error))?;
            lock(&self.ways_back).remove(&transaction.uid);
            evidence.happened(CommitmentEvent::GivenUp { transaction, error: &error });
            return Ok(());
        }
        let absence = match &error {
            NotTaken::NoAssociation(error) => Absence::of(error),
            NotTaken::NotOffered | NotTaken::Nowhere(_) => Absence::Misconfigured,
            NotTaken::Refused(_) | NotTaken::Gone => Absence::Passing,
        };
        let after = schedule::absence(absence, transaction.attempts.saturating_add(1), retry);
        let error = error.to_string();
        transactions.put_off(&transaction.uid, after, &error)?;
        evidence.happened(CommitmentEvent::Deferred { transaction, after, error: &error });
        Ok(())
    }

    /// The database, made by the first who needs it.
    fn opened(&self) -> Result<Arc<Transactions>, QueueError> {
        let mut known = lock(&self.transactions);
        if let Some(transactions) = &*known {
            return Ok(Arc::clone(transactions));
        }
        let (path, durable) = &self.database;
        let opened = Arc::new(Transactions::open(path, *durable)?);
        *known = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// What each thread of a provider has.
#[derive(Clone)]
struct Worker {
    // In this order: when nobody is alive any more, the node is nobody's any more either.
    evidence: Arc<dyn Evidence>,
    _alive: Sender<()>,
}

/// A provider at work.
#[derive(Debug)]
pub struct Providing {
    provider: Arc<Provider>,
    /// Closed when the last thread has dropped its end.
    running: Receiver<()>,
}

impl Providing {
    /// Asks for the end, without waiting for it.
    pub fn ask_to_stop(&self) {
        self.provider.ending.ask();
    }

    /// Asks for the end and waits for it. Whether it was in time. What is owed then is owed by the next process.
    pub fn stop(self, at_most: Duration) -> bool {
        self.ask_to_stop();
        matches!(self.running.recv_timeout(at_most), Err(RecvTimeoutError::Disconnected))
    }
}

/// Says that a peer is not reported to any more, whatever ended the report.
struct Busy<'b> {
    provider: &'b Provider,
    calling: &'b str,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.provider.busy).remove(self.calling);
    }
}

fn age(transaction: &Transaction) -> Duration {
    SystemTime::now().duration_since(transaction.received).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds whole values at any time: no panic can leave one half written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
