//! A courier: takes what is due to one peer from the queue, brings it there over one association, and settles each delivery
//! by what the peer said.
//!
//! Couriers of one peer share its [`Gate`] and nothing else with those of other peers: a peer that is down or slow costs
//! the others nothing.

use super::config::PeerConfig;
use super::depot::{Depot, Destination, Event};
use super::ending::Ending;
use super::gate::{Closed, Gate};
use super::instance::{Instance, StoredInstance};
use super::peer::{Answered, Kind, NotSent, Peer};
use super::schedule::{self, HoldReason, Next, Past};
use super::verdict::{Absence, Verdict};
use crate::dicom::TransferSyntax;
use crate::net::{RequestorOptions, Status, StoreAnswer};
use crate::queue::{Delivery, DeliveryId, Queue, QueueError, Settlement};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// One courier, in a thread of its own.
pub(super) struct Courier {
    pub(super) config: PeerConfig,
    pub(super) options: RequestorOptions,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) depot: Arc<dyn Depot>,
    pub(super) gate: Arc<Gate>,
    pub(super) ending: Arc<Ending>,
    pub(super) settled: Vec<(DeliveryId, Settlement)>,
}

/// So many deliveries are claimed at a time.
const BATCH: usize = 64;
/// So many answers are written down at once.
const SETTLED_AT_ONCE: usize = 32;
/// No answer waits longer for that.
const SETTLED_WITHIN: Duration = Duration::from_millis(250);
/// What another process does to the queue is noticed within this time.
const POLL: Duration = Duration::from_secs(1);
/// An association with nothing to do is released after this time.
const LINGER: Duration = Duration::from_secs(2);
/// Claims are renewed when so much of the lease has passed.
const RENEW: Duration = Duration::from_secs(30);

/// What one attempt has come to.
enum Outcome {
    Answered(Answered, Duration),
    /// Not delivered, and the association may go on.
    Failed(Verdict, String),
    /// It cannot be delivered to this peer.
    Undeliverable(String),
    Broken(Verdict, String),
    NoAssociation(Absence, String),
}

impl Courier {
    /// Works until the end is asked for.
    pub(super) fn run(mut self) {
        let mut peer = self.peer();
        let mut idle_since = Instant::now();
        while !self.ending.is_asked_for() {
            if let Some(left) = self.gate.closed_for() {
                peer.release();
                self.ending.wait(left.min(POLL));
                continue;
            }
            let seen = self.queue.arrivals();
            let most = if self.gate.is_doubtful() { 1 } else { BATCH };
            match self.queue.claim(&self.config.name, most, self.lease()) {
                Ok(batch) if batch.is_empty() => {
                    if idle_since.elapsed() >= LINGER {
                        peer.release();
                    }
                    self.rest(seen);
                }
                Ok(batch) => {
                    peer = self.deliver(&batch, peer);
                    idle_since = Instant::now();
                }
                Err(error) => self.queue_failed(&error),
            }
        }
        peer.release();
    }

    fn peer(&self) -> Peer {
        let depot = Arc::clone(&self.depot);
        Peer::new(self.config.address.clone(), self.options.clone(), Arc::new(move || depot.spool()))
    }

    /// Nobody else gets a claim while its instance may still be on its way.
    fn lease(&self) -> Duration {
        let options = &self.options;
        RENEW
            + options.connect
            + options.associate
            + options.response
            + 2 * options.send
            + Duration::from_secs(600)
    }

    /// Waits until there is something to do.
    fn rest(&self, seen: u64) {
        let due = self.queue.next_due(&self.config.name).ok().flatten().unwrap_or(POLL);
        let until = Instant::now() + due.clamp(Duration::from_millis(10), POLL);
        while self.queue.arrivals() == seen && !self.ending.is_asked_for() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            self.queue.wait(seen, left.min(Duration::from_millis(100)));
        }
    }

    /// Brings a batch to the peer; every delivery of it is settled on return.
    fn deliver(&mut self, batch: &[Delivery], mut peer: Peer) -> Peer {
        for delivery in batch {
            if let Some(kind) = kind(delivery) {
                peer.expect(kind);
            }
        }
        let (mut renewed, mut flushed) = (Instant::now(), Instant::now());
        let mut rest = batch;
        while let Some((delivery, after)) = rest.split_first() {
            if self.ending.is_asked_for() {
                break;
            }
            if renewed.elapsed() >= RENEW {
                let ids: Vec<_> = rest.iter().map(|delivery| delivery.id).collect();
                if let Err(error) = self.queue.renew(&ids, self.lease()) {
                    self.queue_failed(&error);
                }
                renewed = Instant::now();
            }
            // A panic must not take the other deliveries with it; it counts as a try without an answer.
            let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(delivery, &mut peer)));
            let outcome = attempt.unwrap_or_else(|_| {
                peer = self.peer();
                Outcome::Broken(Verdict::Broken, "an internal error (a panic) while it was sent".to_owned())
            });
            if let Outcome::NoAssociation(absence, error) = outcome {
                self.absent(self.gate.absent(absence), absence, &error);
                break;
            }
            self.settle(delivery, outcome);
            rest = after;
            if self.settled.len() >= SETTLED_AT_ONCE || flushed.elapsed() >= SETTLED_WITHIN {
                self.flush();
                flushed = Instant::now();
            }
            if self.gate.closed_for().is_some() {
                break;
            }
        }
        for delivery in rest {
            self.not_tried(delivery);
        }
        self.flush();
        peer
    }

    fn attempt(&self, delivery: &Delivery, peer: &mut Peer) -> Outcome {
        let file = match self.depot.open(&delivery.instance.file) {
            Ok(Some(file)) => file,
            Ok(None) => return Outcome::Undeliverable("the file is not there any more".to_owned()),
            Err(error) => return Outcome::Failed(Verdict::Permanent, error.to_string()),
        };
        let stored = match StoredInstance::read(file) {
            Ok(stored) => stored,
            Err(error) => return Outcome::Failed(Verdict::Permanent, error.to_string()),
        };
        let data_set = match stored.data_set() {
            Ok(data_set) => data_set,
            Err(error) => return Outcome::Failed(Verdict::Permanent, error.to_string()),
        };
        self.depot.begins(&Destination::of(&self.config), delivery);
        let started = Instant::now();
        let decoding = if stored.is_as_received() { self.depot.decoding() } else { None };
        match peer.send(&Instance { decoding: decoding.as_ref(), ..stored.instance(&data_set) }) {
            Ok(answered) => Outcome::Answered(answered, started.elapsed()),
            Err(NotSent::NoAssociation(error)) => {
                Outcome::NoAssociation(Absence::of(&error), error.to_string())
            }
            Err(NotSent::Broken(error)) => Outcome::Broken(Verdict::of_broken(&error), error.to_string()),
            Err(error @ (NotSent::NotAccepted { .. } | NotSent::NotConverted { .. })) => {
                Outcome::Undeliverable(error.to_string())
            }
        }
    }

    /// Decides what becomes of a delivery that was tried, and says so.
    fn settle(&mut self, delivery: &Delivery, outcome: Outcome) {
        let (verdict, status, error) = match outcome {
            Outcome::Answered(answered, duration) => {
                if self.gate.answered() {
                    self.tell(Event::Available);
                }
                let status = answered.answer.status;
                let verdict = Verdict::of_status(status);
                if verdict == Verdict::Delivered {
                    if self.config.strict_warnings
                        && status != Status::SUCCESS
                        && let Err(error) = self.queue.keep(&delivery.instance)
                    {
                        // It is sent once more rather than removed.
                        self.queue_failed(&error);
                        return self.settled.push((delivery.id, Settlement::Untried));
                    }
                    let settlement = match self.config.commit {
                        true => Settlement::Sent { status: status.0 },
                        false => Settlement::Delivered { status: status.0 },
                    };
                    self.settled.push((delivery.id, settlement));
                    let Answered { transfer_syntax, bytes, .. } = answered;
                    return self.tell(Event::Delivered {
                        delivery,
                        status,
                        transfer_syntax,
                        bytes,
                        duration,
                    });
                }
                (verdict, Some(status.0), in_words(&answered.answer))
            }
            Outcome::Undeliverable(error) => {
                return self.hold(delivery, None, HoldReason::Undeliverable, error);
            }
            Outcome::Broken(verdict, error) => {
                self.absent(self.gate.broke(), Absence::Passing, &error);
                (verdict, None, error)
            }
            Outcome::Failed(verdict, error) => (verdict, None, error),
            Outcome::NoAssociation(_, error) => (Verdict::PeerUnavailable, None, error),
        };
        match schedule::next(verdict, past(delivery), &self.config.retry) {
            Some(Next::After(after)) => {
                self.tell(Event::Deferred { delivery, after, error: &error });
                self.settled.push((delivery.id, Settlement::Deferred { after, status, error }));
            }
            Some(Next::Hold(reason)) => self.hold(delivery, status, reason, error),
            None => self.settled.push((delivery.id, Settlement::Untried)),
        }
    }

    /// A delivery that was claimed and not begun goes back, unless its time is over.
    fn not_tried(&mut self, delivery: &Delivery) {
        if past(delivery).age >= self.config.retry.window && self.gate.closed_for().is_some() {
            let error = "the peer was not available".to_owned();
            self.hold(delivery, None, HoldReason::WindowOver, error);
        } else {
            self.settled.push((delivery.id, Settlement::Untried));
        }
    }

    fn hold(&mut self, delivery: &Delivery, status: Option<u16>, reason: HoldReason, error: String) {
        self.tell(Event::Held { delivery, reason, error: &error });
        let error = format!("{}: {error}", reason.explanation());
        self.settled.push((delivery.id, Settlement::Held { status, error }));
    }

    fn absent(&self, closed: Option<Closed>, absence: Absence, error: &str) {
        if let Some(Closed { after, failures }) = closed {
            let misconfigured = absence == Absence::Misconfigured;
            self.tell(Event::Unavailable { after, failures, misconfigured, error });
        }
    }

    /// Writes down what became of deliveries. While the queue fails nothing else is done: the answers must not get lost.
    fn flush(&mut self) {
        while !self.settled.is_empty() {
            match self.queue.settle(&self.settled) {
                Ok(()) => self.settled.clear(),
                Err(error) => {
                    self.queue_failed(&error);
                    if self.ending.is_asked_for() {
                        return;
                    }
                }
            }
        }
    }

    fn queue_failed(&self, error: &QueueError) {
        self.tell(Event::QueueFailed { error: &error.to_string() });
        self.ending.wait(POLL);
    }

    fn tell(&self, event: Event<'_>) {
        let config = &self.config;
        let at = Destination::of(config);
        self.depot.happened(&at, event);
    }
}

fn kind(delivery: &Delivery) -> Option<Kind> {
    let transfer_syntax = TransferSyntax::of_uid(&delivery.instance.transfer_syntax)?;
    Some(Kind { sop_class: delivery.instance.sop_class.clone(), transfer_syntax })
}

fn past(delivery: &Delivery) -> Past {
    let age = SystemTime::now().duration_since(delivery.queued).unwrap_or_default();
    Past { attempts: delivery.attempts, unanswered: delivery.unanswered, age }
}

fn in_words(answer: &StoreAnswer) -> String {
    let comment = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
    format!("{}{comment}", answer.status)
}
