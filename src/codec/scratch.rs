//! Buffers that a thread keeps from one frame to the next, so that a series of frames allocates nothing.

use std::cell::Cell;
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
