//! The queue in an SQLite database of this machine: one thread writes, others read beside it (write-ahead log).
//!
//! Several processes may have it open, so that an operator's command works beside a running node.

use super::delivery::{Count, Delivery, DeliveryId, Instance, PassedOn, Selection, Settlement, State};
use super::error::QueueError;
use super::interface::Queue;
use super::rows::{self, Moment};
use super::schema::{self, Absent};
use super::statements::{self, LONGEST_WAIT};
use super::writer::Writer;
use crate::net::Priority;
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// An opened SQLite queue.
pub struct Sqlite {
    path: PathBuf,
    identity: String,
    writer: Writer,
    reader: Mutex<Connection>,
    arrivals: Mutex<u64>,
    arrived: Condvar,
}

/// What an operator asks for is done in pieces of this size, between which the node can go on.
const PIECE: usize = 500;

impl Sqlite {
    /// Opens a queue, and makes it when there is none.
    ///
    /// `durable`: what was committed survives a loss of power.
    ///
    /// # Errors
    /// [`QueueError`]; each one says what to do.
    pub fn open(path: &Path, durable: bool) -> Result<Self, QueueError> {
        Self::over(path, schema::open_writer(path, &schema::DELIVERIES, Absent::Create, durable)?)
    }

    /// Opens a queue that must be there.
    ///
    /// # Errors
    /// [`QueueError::Missing`] where it is not, and as [`Sqlite::open`].
    pub fn open_existing(path: &Path, durable: bool) -> Result<Self, QueueError> {
        Self::over(path, schema::open_writer(path, &schema::DELIVERIES, Absent::Refuse, durable)?)
    }

    fn over(path: &Path, connection: Connection) -> Result<Self, QueueError> {
        let identity = schema::identity(&connection).map_err(|error| QueueError::of(path, &error))?;
        let reader = Mutex::new(schema::open_reader(path)?);
        let writer = Writer::start(path, connection)?;
        let (arrivals, arrived) = (Mutex::new(0), Condvar::new());
        Ok(Self { path: path.to_owned(), identity, writer, reader, arrivals, arrived })
    }

    /// What no other queue has: by it a store knows its own queue again.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Makes everything that is claimed ready to be sent again, and has peers asked anew to commit what was sent: for the
    /// one process that does both, when it starts, since nobody is sending or waiting for a report then. A claim that was
    /// never settled still counts as unanswered. Returns how many claims there were.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn recover(&self) -> Result<usize, QueueError> {
        self.writer.write(statements::ask_again)?;
        let claimed = Selection { states: vec![State::Claimed], ..Selection::default() };
        self.in_pieces(&claimed, &[State::Claimed], statements::lapse)
    }

    /// As [`Queue::enqueue`], of many instances in one transaction.
    ///
    /// # Errors
    /// [`QueueError`]; none is enqueued then.
    pub fn enqueue_all(
        &self,
        instances: Vec<(Instance, Vec<String>, Priority)>,
    ) -> Result<usize, QueueError> {
        let added = self.writer.write(move |connection| {
            let each = |(instance, peers, priority): &(Instance, Vec<String>, Priority)| {
                statements::enqueue(connection, instance, peers, *priority)
            };
            instances.iter().map(each).sum()
        })?;
        self.announce();
        Ok(added)
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T, QueueError> {
        // A panic while reading leaves a connection that can still read.
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        read(&connection).map_err(|error| QueueError::of(&self.path, &error))
    }

    /// Does something to all deliveries of a selection that are in one of the states `from`; the sum of what it returns.
    fn in_pieces(
        &self,
        selection: &Selection,
        from: &[State],
        work: impl Fn(&Connection, &[DeliveryId]) -> Result<usize, rusqlite::Error> + Clone + Send + 'static,
    ) -> Result<usize, QueueError> {
        let asked = |state: &State| selection.states.is_empty() || selection.states.contains(state);
        let states: Vec<State> = from.iter().copied().filter(asked).collect();
        if states.is_empty() {
            return Ok(0);
        }
        let selection = Selection { states, ..selection.clone() };
        let (mut after, mut total) = (None, 0);
        loop {
            let found = self.list(&selection, after, PIECE)?;
            let ids: Vec<DeliveryId> = found.iter().map(|delivery| delivery.id).collect();
            let Some(last) = ids.last().copied() else { return Ok(total) };
            let work = work.clone();
            total += self.writer.write(move |connection| work(connection, &ids))?;
            after = Some(last);
        }
    }

    fn announce(&self) {
        *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.arrived.notify_all();
    }
}

impl Queue for Sqlite {
    fn enqueue(
        &self,
        instance: &Instance,
        peers: &[String],
        priority: Priority,
    ) -> Result<usize, QueueError> {
        let (instance, peers) = (instance.clone(), peers.to_vec());
        let added = self
            .writer
            .write(move |connection| statements::enqueue(connection, &instance, &peers, priority))?;
        if added > 0 {
            self.announce();
        }
        Ok(added)
    }

    fn claim(&self, peer: &str, most: usize, lease: Duration) -> Result<Vec<Delivery>, QueueError> {
        let peer = peer.to_owned();
        self.writer.write(move |connection| statements::claim(connection, &peer, most, lease))
    }

    fn renew(&self, claimed: &[DeliveryId], lease: Duration) -> Result<(), QueueError> {
        let claimed = claimed.to_vec();
        self.writer.write(move |connection| statements::renew(connection, &claimed, lease))
    }

    fn settle(&self, settled: &[(DeliveryId, Settlement)]) -> Result<(), QueueError> {
        let settled = settled.to_vec();
        self.writer.write(move |connection| statements::settle(connection, &settled))
    }

    fn claim_sent(
        &self,
        peer: &str,
        most: usize,
        answer_within: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        let peer = peer.to_owned();
        self.writer.write(move |connection| statements::claim_sent(connection, &peer, most, answer_within))
    }

    fn next_due(&self, peer: &str) -> Result<Option<Duration>, QueueError> {
        let next = self.read(|connection| rows::next_due(connection, peer))?;
        let now = Moment::now();
        Ok(next.map(|due| {
            let wait = Duration::from_millis(u64::try_from(due.0.saturating_sub(now.0)).unwrap_or(0));
            // Farther ahead is a clock that was set back: it is due now.
            if wait > LONGEST_WAIT { Duration::ZERO } else { wait }
        }))
    }

    fn arrivals(&self) -> u64 {
        *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, seen: u64, at_most: Duration) {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.arrived.wait_timeout_while(arrivals, at_most, |arrivals| *arrivals == seen));
    }

    fn hold(&self, selection: &Selection) -> Result<usize, QueueError> {
        const FROM: &[State] = &[State::Queued, State::Deferred];
        self.in_pieces(selection, FROM, |connection, ids| {
            statements::move_to(connection, ids, FROM, State::Held)
        })
    }

    fn release(&self, selection: &Selection) -> Result<usize, QueueError> {
        const FROM: &[State] = &[State::Held];
        let released = self.in_pieces(selection, FROM, |connection, ids| {
            statements::move_to(connection, ids, FROM, State::Queued)
        })?;
        self.announce();
        Ok(released)
    }

    fn retry(&self, selection: &Selection) -> Result<usize, QueueError> {
        const FROM: &[State] = &[State::Deferred, State::Sent, State::Held, State::Delivered];
        let retried = self.in_pieces(selection, FROM, |connection, ids| {
            statements::move_to(connection, ids, FROM, State::Queued)
        })?;
        self.announce();
        Ok(retried)
    }

    fn purge(&self, selection: &Selection, who: &str) -> Result<usize, QueueError> {
        const FROM: &[State] = &[State::Queued, State::Deferred, State::Sent, State::Held, State::Delivered];
        let (who, what) = (who.to_owned(), selection.to_string());
        self.in_pieces(selection, FROM, move |connection, ids| {
            let purged = statements::purge(connection, ids)?;
            // In the same transaction: nothing is gone of which nobody knows who wanted it.
            statements::write_audit(connection, &who, "purge", &what, purged)?;
            Ok(purged)
        })
    }

    fn list(
        &self,
        selection: &Selection,
        after: Option<DeliveryId>,
        most: usize,
    ) -> Result<Vec<Delivery>, QueueError> {
        self.read(|connection| rows::list(connection, selection, after, most))
    }

    fn counts(&self) -> Result<Vec<Count>, QueueError> {
        self.read(rows::counts)
    }

    fn removable(&self, age: Duration, most: usize) -> Result<Vec<Instance>, QueueError> {
        self.read(|connection| rows::removable(connection, Moment::now().before(age), most))
    }

    fn keep(&self, instance: &Instance) -> Result<(), QueueError> {
        let (sop_instance, digest) = (instance.sop_instance.clone(), instance.digest);
        self.writer.write(move |connection| statements::keep(connection, &sop_instance, &digest))
    }

    fn forget(&self, instance: &Instance) -> Result<(), QueueError> {
        let (sop_instance, digest) = (instance.sop_instance.clone(), instance.digest);
        self.writer.write(move |connection| statements::forget(connection, &sop_instance, &digest))
    }

    fn passed_on(&self, sop_instance: &str) -> Result<Option<PassedOn>, QueueError> {
        self.read(|connection| rows::passed_on(connection, sop_instance))
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqlite({})", self.path.display())
    }
}
