//! What a queue of deliveries does, whatever keeps it.
//!
//! All methods block, and have committed what they did when they return. Any number of threads may call them at once.

use super::delivery::{Count, Delivery, DeliveryId, Instance, PassedOn, Selection, Settlement};
use super::error::QueueError;
use crate::net::Priority;
use std::fmt;
use std::time::Duration;

/// The queue of deliveries.
pub trait Queue: Send + Sync + fmt::Debug {
    /// Adds a delivery of `instance` to each of `peers`, durably. A delivery that is known already stays as it is, also
    /// when it is held or delivered, so that a resend does no harm and two nodes that forward to each other come to rest.
    /// Returns how many are new.
    fn enqueue(&self, instance: &Instance, peers: &[String], priority: Priority)
    -> Result<usize, QueueError>;

    /// Takes deliveries to `peer` that can be sent now: at most `most`, all of one study; of the highest priority that
    /// there is, and of the oldest study in it. The attempt is counted before it is made. A delivery whose latest tries
    /// were not answered comes alone, so that it cannot take others down with it.
    ///
    /// The claim lapses after `lease`, unless it is settled or renewed before.
    fn claim(&self, peer: &str, most: usize, lease: Duration) -> Result<Vec<Delivery>, QueueError>;

    /// Prolongs claims from now on by `lease`.
    fn renew(&self, claimed: &[DeliveryId], lease: Duration) -> Result<(), QueueError>;

    /// Says what became of claimed deliveries. What is not claimed or sent (an operator was quicker) stays as it is.
    fn settle(&self, settled: &[(DeliveryId, Settlement)]) -> Result<(), QueueError>;

    /// Deliveries to `peer` that were sent and that it is to be asked now to commit, at most `most`. They come again after
    /// `answer_within`, unless they are settled before.
    fn claim_sent(
        &self,
        peer: &str,
        most: usize,
        answer_within: Duration,
    ) -> Result<Vec<Delivery>, QueueError>;

    /// How long it takes until a deferred or sent delivery to `peer` is due, or a claim lapses; `None` where nothing waits.
    fn next_due(&self, peer: &str) -> Result<Option<Duration>, QueueError>;

    /// Changes whenever something can be sent that could not be sent before: something was enqueued or released.
    fn arrivals(&self) -> u64;

    /// Waits until [`Queue::arrivals`] is no longer `seen`, at most so long. What another process changed does not wake.
    fn wait(&self, seen: u64, at_most: Duration);

    /// Operator: deliveries that are queued or deferred wait from now on. Returns how many.
    fn hold(&self, selection: &Selection) -> Result<usize, QueueError>;

    /// Operator: held deliveries can be sent again, and count as never tried. Returns how many.
    fn release(&self, selection: &Selection) -> Result<usize, QueueError>;

    /// Operator: whatever is not being sent is sent again now, delivered ones too. Returns how many.
    fn retry(&self, selection: &Selection) -> Result<usize, QueueError>;

    /// Operator: forgets deliveries that are not being sent; who did it is written down. Their files stay in the store for
    /// good. Returns how many.
    fn purge(&self, selection: &Selection, who: &str) -> Result<usize, QueueError>;

    /// Deliveries in the order of their numbers, at most `most`, beginning behind `after`.
    fn list(
        &self,
        selection: &Selection,
        after: Option<DeliveryId>,
        most: usize,
    ) -> Result<Vec<Delivery>, QueueError>;

    /// How many deliveries there are, by peer and state; empty ones are left out. Costs the same however many there are.
    fn counts(&self) -> Result<Vec<Count>, QueueError>;

    /// Instances that every one of their peers has, received at least `age` ago, at most `most`: what retention may remove.
    /// Those of which a delivery was purged are never among them.
    fn removable(&self, age: Duration, most: usize) -> Result<Vec<Instance>, QueueError>;

    /// The file of an instance stays for good, whatever becomes of its deliveries.
    fn keep(&self, instance: &Instance) -> Result<(), QueueError>;

    /// Forgets an instance whose file is gone, unless a delivery of it has become due again meanwhile. Who has it now is
    /// remembered for ninety days.
    fn forget(&self, instance: &Instance) -> Result<(), QueueError>;

    /// What is remembered of an instance that was forgotten.
    fn passed_on(&self, sop_instance: &str) -> Result<Option<PassedOn>, QueueError>;
}
