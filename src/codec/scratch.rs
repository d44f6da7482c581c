//! Buffers that are kept from one frame to the next, so that a series of frames allocates nothing.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::thread::LocalKey;

/// A buffer larger than this is given back: one huge frame must not pin its memory for ever.
const KEPT: usize = 64 << 20;

/// A thread's own buffer.
pub(super) type Buffer = Cell<Vec<u8>>;

/// Runs `work` with the thread's buffer, which holds whatever the last use left in it.
///
/// When `work` panics the buffer is dropped and the next use starts with an empty one.
pub(super) fn with<R>(buffer: &'static LocalKey<Buffer>, work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut bytes = buffer.take();
    let result = work(&mut bytes);
    if bytes.capacity() <= KEPT {
        buffer.set(bytes);
    }
    result
}

/// A buffer that leaves the thread that fills it. When it is dropped, its memory waits for the next one.
#[derive(Debug)]
pub(super) struct Lent(Vec<u8>);

/// The memory of buffers that came back. There are never more than frames were under way at once.
static RETURNED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

impl Lent {
    /// A buffer that holds whatever its last use left in it.
    pub(super) fn new() -> Lent {
        Lent(RETURNED.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default())
    }

    /// To be filled.
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Deref for Lent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if (1..=KEPT).contains(&self.0.capacity()) {
            RETURNED.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_lent_again_unless_it_is_huge() {
        let returned = |capacity| {
            let mut lent = Lent::new();
            lent.bytes_mut().clear();
            lent.bytes_mut().reserve_exact(capacity);
            let place = lent.as_ptr();
            drop(lent);
            RETURNED.lock().unwrap().iter().any(|bytes| bytes.as_ptr() == place)
        };
        // Other tests may be lent it in the meantime, but hardly each time.
        assert!((0..100).any(|_| returned(1 << 20)));
        assert!(!returned(KEPT + 1));
    }
}
