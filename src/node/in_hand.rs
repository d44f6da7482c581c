//! Instances that somebody has in hand, so that nobody removes one while it arrives once more.

use crate::store::Digest;
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The digests of what is being worked on.
#[derive(Debug, Default)]
pub(super) struct InHand {
    digests: Mutex<HashSet<[u8; 32]>>,
    freed: Condvar,
}

/// One instance, in the hand of whoever has this.
#[derive(Debug)]
pub(super) struct Held<'h> {
    of: &'h InHand,
    digest: [u8; 32],
}

impl InHand {
    /// Takes an instance in hand, as soon as nobody else has it.
    pub(super) fn take(&self, digest: &Digest) -> Held<'_> {
        let digest = digest.bytes();
        let taken = |digests: &mut HashSet<_>| digests.contains(&digest);
        let waited = self.freed.wait_while(self.lock(), taken);
        waited.unwrap_or_else(PoisonError::into_inner).insert(digest);
        Held { of: self, digest }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        // Inserting and removing are done or not done: no panic can leave the set half written.
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.of.lock().remove(&self.digest);
        self.of.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn one_has_it_at_a_time_and_others_are_free() {
        let (hand, [first, second]) = (InHand::default(), [1, 2].map(|byte| Digest::from_bytes([byte; 32])));
        let given_back = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let held = hand.take(&first);
            drop(hand.take(&second));
            scope.spawn(|| {
                let _held = hand.take(&first);
                assert!(given_back.load(Ordering::SeqCst));
            });
            given_back.store(true, Ordering::SeqCst);
            drop(held);
        });
        assert!(hand.lock().is_empty());
    }
}
