//! What became of the instances, counted: the facts that metrics are made of.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What became of one received instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Stored in the target syntax, every frame proven.
    Condensed,
    /// Stored as received; the reason's stable name.
    Kept(&'static str),
    /// The same content was there already.
    Duplicate,
    /// Put into quarantine and answered with a failure; the reason's stable name.
    Quarantined(&'static str),
    /// Answered with a failure, nothing kept; the reason's stable name.
    Failed(&'static str),
}

impl Outcome {
    /// A stable word for logs and metric labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Condensed => "condensed",
            Self::Kept(_) => "kept",
            Self::Duplicate => "duplicate",
            Self::Quarantined(_) => "quarantined",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it was not condensed; empty where there is nothing to explain.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Condensed | Self::Duplicate => "",
            Self::Kept(reason) | Self::Quarantined(reason) | Self::Failed(reason) => reason,
        }
    }
}

/// Counts outcomes and bytes; shared by all associations.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Snapshot>);

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Instances by what became of them. Labels are ours alone, so a peer cannot make the table grow.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Bytes of the data sets as received.
    pub received_bytes: u64,
    /// Bytes of the files written for them.
    pub stored_bytes: u64,
}

impl Counters {
    /// Adds one instance.
    pub fn add(&self, outcome: Outcome, received_bytes: u64, stored_bytes: u64) {
        let mut counts = self.lock();
        *counts.outcomes.entry(outcome).or_default() += 1;
        counts.received_bytes += received_bytes;
        counts.stored_bytes += stored_bytes;
    }

    /// The counts as they stand.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // A panic elsewhere cannot leave the counts half written in a way that matters: they are plain additions.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// All instances that were received.
    pub fn instances(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Instances with this outcome, whatever the reason.
    pub fn count(&self, name: &str) -> u64 {
        self.outcomes.iter().filter(|(outcome, _)| outcome.name() == name).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_and_bytes_add_up() {
        let counters = Counters::default();
        counters.add(Outcome::Condensed, 100, 40);
        counters.add(Outcome::Kept("one_bit"), 10, 10);
        counters.add(Outcome::Kept("no_pixel_data"), 5, 5);
        let snapshot = counters.snapshot();
        assert_eq!((snapshot.instances(), snapshot.count("kept"), snapshot.count("condensed")), (3, 2, 1));
        assert_eq!((snapshot.received_bytes, snapshot.stored_bytes), (115, 55));
    }
}
