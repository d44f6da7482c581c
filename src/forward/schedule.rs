//! When a delivery is tried again, and when it is held for the operator.

use super::config::Retry;
use super::verdict::{Absence, Verdict};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// What becomes of a delivery that has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is due again after this pause.
    After(Duration),
    /// It waits for the operator.
    Hold(HoldReason),
}

/// Why a delivery waits for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// The peer has refused it again and again.
    Refused,
    /// Each association broke that it was sent over.
    BreaksAssociations,
    /// It was tried for as long as the peer's window is open.
    WindowOver,
    /// The peer accepts neither its SOP class nor any syntax that it can be sent in, or its file cannot be used.
    Undeliverable,
}

impl HoldReason {
    /// A sentence for the log and for the operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Refused => "the peer has refused it again and again",
            Self::BreaksAssociations => "each association broke that it was sent over",
            Self::WindowOver => "it was tried for as long as the peer's retry window is open",
            Self::Undeliverable => "it cannot be sent to this peer as things are",
        }
    }
}

/// So often a refusal is believed to be passing.
const REFUSALS: u32 = 3;
/// So often a broken association is believed to be the peer's fault. A node that was killed counts too: what was in flight
/// then may have been the reason.
const BREAKS: u32 = 8;

/// One delivery's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    /// How often it was tried, this time included.
    pub(super) attempts: u32,
    /// How often in a row a try ended without an answer, this time included.
    pub(super) unanswered: u32,
    /// Since it was queued.
    pub(super) age: Duration,
}

/// What becomes of a delivery by what its latest attempt came to; nothing more once it is delivered.
pub(super) fn next(verdict: Verdict, past: Past, retry: &Retry) -> Option<Next> {
    let (limit, count, reason) = match verdict {
        Verdict::Delivered => return None,
        Verdict::Temporary | Verdict::PeerUnavailable => (u32::MAX, 0, HoldReason::WindowOver),
        Verdict::Permanent => (REFUSALS, past.attempts, HoldReason::Refused),
        Verdict::Broken => (BREAKS, past.unanswered, HoldReason::BreaksAssociations),
    };
    Some(if count >= limit {
        Next::Hold(reason)
    } else if past.age >= retry.window {
        Next::Hold(HoldReason::WindowOver)
    } else {
        Next::After(pause(past.attempts, retry))
    })
}

/// For how long a peer is left alone that was not available so many times in a row.
pub(super) fn absence(absence: Absence, failures: u32, retry: &Retry) -> Duration {
    match absence {
        Absence::Passing => pause(failures, retry),
        Absence::Misconfigured => jittered(retry.longest),
    }
}

/// Twice as long each time, up to the longest, and never quite the same: what failed together shall not come back together.
fn pause(times: u32, retry: &Retry) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).filter(|_| times < 32).unwrap_or(u32::MAX);
    jittered(retry.first.saturating_mul(factor).min(retry.longest))
}

/// Between three quarters of it and all of it.
fn jittered(pause: Duration) -> Duration {
    // Its keys are random, and different each time.
    let random = RandomState::new().hash_one(0) as u32;
    pause.mul_f64(0.75 + 0.25 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        let seconds = Duration::from_secs;
        Retry { first: seconds(4), longest: seconds(600), window: seconds(7 * 86_400) }
    }

    fn past(attempts: u32, unanswered: u32) -> Past {
        Past { attempts, unanswered, age: Duration::from_secs(60) }
    }

    fn seconds(next: Option<Next>) -> f64 {
        match next {
            Some(Next::After(pause)) => pause.as_secs_f64(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        for (attempts, longest) in
            [(1, 4.0), (2, 8.0), (5, 64.0), (8, 512.0), (9, 600.0), (40, 600.0), (u32::MAX, 600.0)]
        {
            let pause = seconds(next(Verdict::Temporary, past(attempts, 0), &retry()));
            assert!((longest * 0.75..=longest).contains(&pause), "{attempts}: {pause}");
        }
        let pauses: Vec<_> = (0..20).map(|_| jittered(Duration::from_secs(600))).collect();
        assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]), "{pauses:?}");
    }

    #[test]
    fn what_is_delivered_needs_nothing_more() {
        assert_eq!(next(Verdict::Delivered, past(1, 0), &retry()), None);
    }

    #[test]
    fn f05_refusals_are_tried_a_few_times_and_then_held() {
        for attempts in [1, 2] {
            seconds(next(Verdict::Permanent, past(attempts, 0), &retry()));
        }
        assert_eq!(next(Verdict::Permanent, past(3, 0), &retry()), Some(Next::Hold(HoldReason::Refused)));
    }

    #[test]
    fn f14_what_breaks_every_association_is_held_and_what_finds_the_peer_busy_is_not() {
        seconds(next(Verdict::Broken, past(100, 7), &retry()));
        let held = Some(Next::Hold(HoldReason::BreaksAssociations));
        assert_eq!(next(Verdict::Broken, past(8, 8), &retry()), held);
        seconds(next(Verdict::Temporary, past(1_000, 0), &retry()));
    }

    #[test]
    fn f01_after_the_window_an_operator_decides() {
        let held = Some(Next::Hold(HoldReason::WindowOver));
        let old = Past { age: retry().window, ..past(3, 0) };
        for verdict in [Verdict::Temporary, Verdict::PeerUnavailable, Verdict::Broken] {
            assert_eq!(next(verdict, old, &retry()), held, "{verdict:?}");
        }
    }

    #[test]
    fn f02_a_peer_that_needs_somebody_is_asked_seldom() {
        assert!(absence(Absence::Misconfigured, 1, &retry()) >= Duration::from_secs(450));
        assert!(absence(Absence::Passing, 1, &retry()) <= Duration::from_secs(4));
    }
}
