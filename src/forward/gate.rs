//! The breaker of one peer: closed to its couriers while the peer is not available.

use super::config::Retry;
use super::schedule;
use super::verdict::Absence;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all couriers of a peer.
#[derive(Debug)]
pub(super) struct Gate {
    retry: Retry,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many times in a row there was no association.
    failures: u32,
    /// How many associations in a row broke without an answer.
    broken: u32,
    /// When the peer is tried again.
    until: Option<Instant>,
}

/// What closing the gate has come to, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) after: Duration,
    pub(super) failures: u32,
}

/// When so many associations in a row broke without one answer, the peer is not available, whatever the instances.
const BROKEN: u32 = 3;

impl Gate {
    /// Open.
    pub(super) fn new(retry: Retry) -> Self {
        Self { retry, state: Mutex::default() }
    }

    /// How long the peer is to be left alone yet.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        self.lock()
            .until
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|left| !left.is_zero())
    }

    /// Whether the peer was not available when it was tried last: one delivery is enough to find out whether it is now.
    pub(super) fn is_doubtful(&self) -> bool {
        let state = self.lock();
        state.failures > 0 || state.broken > 0
    }

    /// There was no association. `None` when another courier has found that out meanwhile.
    pub(super) fn absent(&self, absence: Absence) -> Option<Closed> {
        let mut state = self.lock();
        if state.until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        state.failures = state.failures.saturating_add(1);
        let failures = state.failures;
        let after = schedule::absence(absence, failures, &self.retry);
        state.until = Some(Instant::now() + after);
        Some(Closed { after, failures })
    }

    /// An association broke with an instance in flight.
    pub(super) fn broke(&self) -> Option<Closed> {
        let mut state = self.lock();
        state.broken = state.broken.saturating_add(1);
        if state.broken < BROKEN {
            return None;
        }
        drop(state);
        self.absent(Absence::Passing)
    }

    /// The peer has answered. Whether that is news.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.lock();
        let news = state.failures > 0;
        *state = State::default();
        news
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain numbers: no panic can leave them half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let seconds = Duration::from_secs;
        Gate::new(Retry { first: seconds(4), longest: seconds(600), window: seconds(60) })
    }

    #[test]
    fn f01_it_closes_for_longer_each_time_and_opens_with_an_answer() {
        let gate = gate();
        assert_eq!(gate.closed_for(), None);
        let closed = gate.absent(Absence::Passing).unwrap();
        assert_eq!((closed.failures, gate.is_doubtful()), (1, true));
        assert!(gate.closed_for().is_some_and(|left| left <= closed.after));
        assert_eq!(gate.absent(Absence::Passing), None, "another courier was quicker");
        gate.lock().until = Some(Instant::now());
        assert_eq!(gate.closed_for(), None);
        assert!(gate.absent(Absence::Passing).unwrap().after > Duration::from_secs(5));
        assert!(gate.answered() && gate.closed_for().is_none() && !gate.is_doubtful());
        assert!(!gate.answered(), "no news");
    }

    #[test]
    fn a_peer_that_breaks_every_association_is_not_available() {
        let gate = gate();
        assert_eq!((gate.broke(), gate.broke()), (None, None));
        assert!(gate.broke().is_some());
        gate.answered();
        assert_eq!(gate.broke(), None);
    }
}
