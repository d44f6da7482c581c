//! How many of something each of many may hold at a time: connections of an address, associations of an AE title.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Who holds how many. There are never more entries than things that are held.
#[derive(Debug)]
pub(super) struct Shares<K> {
    most: AtomicUsize,
    held: Mutex<HashMap<K, usize>>,
}

/// One of what is held; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share<K: Eq + Hash> {
    shares: Arc<Shares<K>>,
    holder: K,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// Of which each holder may have `most` at a time.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: AtomicUsize::new(most), held: Mutex::default() })
    }

    /// Of which each holder may have `most` from now on; what is held more stays held.
    pub(super) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// One more for a holder, unless it has all that it may have.
    pub(super) fn take(self: &Arc<Self>, holder: &K) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(holder.clone()).or_insert(0);
        if *count >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        Some(Share { shares: Arc::clone(self), holder: holder.clone() })
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_its_own_share_and_nothing_is_kept_of_those_who_hold_none() {
        let shares = Shares::new(2);
        let first = [shares.take(&"a"), shares.take(&"a")];
        assert!(first.iter().all(Option::is_some));
        assert!(shares.take(&"a").is_none());
        shares.set_most(1);
        assert!(shares.take(&"a").is_none(), "what is held more stays held");
        shares.set_most(2);
        let other = shares.take(&"b");
        assert!(other.is_some());
        drop(first);
        assert!(shares.take(&"a").is_some());
        drop(other);
        assert!(shares.held.lock().unwrap().is_empty());
    }
}
