//! The bytes of a received data set, in memory or in a spool file, and the budget that bounds the former.

use crate::dicom::Source;
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A whole data set as it came over the wire.
#[derive(Debug)]
pub struct ReceivedBytes(Held);

#[derive(Debug)]
enum Held {
    Memory {
        bytes: Vec<u8>,
        /// Gives the memory back to the budget when the bytes go.
        _share: Option<Share>,
    },
    Spooled {
        file: File,
        len: u64,
    },
}

impl ReceivedBytes {
    /// A data set in memory that is counted against a budget as long as it lives.
    pub(super) fn in_memory(bytes: Vec<u8>, share: Share) -> ReceivedBytes {
        ReceivedBytes(Held::Memory { bytes, _share: Some(share) })
    }

    /// A data set that fills the first `len` bytes of a file.
    pub fn spooled(file: File, len: u64) -> ReceivedBytes {
        ReceivedBytes(Held::Spooled { file, len })
    }

    /// Whether the data set lies in a file rather than in memory.
    pub fn is_spooled(&self) -> bool {
        matches!(self.0, Held::Spooled { .. })
    }
}

impl From<Vec<u8>> for ReceivedBytes {
    fn from(bytes: Vec<u8>) -> ReceivedBytes {
        ReceivedBytes(Held::Memory { bytes, _share: None })
    }
}

impl Source for ReceivedBytes {
    fn len(&self) -> u64 {
        match &self.0 {
            Held::Memory { bytes, .. } => Source::len(bytes),
            Held::Spooled { len, .. } => *len,
        }
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        match &self.0 {
            Held::Memory { bytes, .. } => Source::bytes(bytes, range),
            Held::Spooled { file, len } => {
                if range.start > range.end || range.end > *len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let wanted =
                    usize::try_from(range.end - range.start).map_err(|_| io::ErrorKind::OutOfMemory)?;
                let mut bytes = vec![0; wanted];
                file.read_exact_at(&mut bytes, range.start)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

/// How much memory all received data sets together may still take.
#[derive(Debug)]
pub(super) struct Budget {
    most: AtomicU64,
    used: AtomicU64,
}

/// A part of a budget that is in use until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    /// A budget of so many bytes, all of them free.
    pub(super) fn new(bytes: u64) -> Arc<Budget> {
        Arc::new(Budget { most: AtomicU64::new(bytes), used: AtomicU64::new(0) })
    }

    /// Of so many bytes from now on; what is used beyond that stays used until it is given back.
    pub(super) fn set_most(&self, bytes: u64) {
        self.most.store(bytes, Ordering::Relaxed);
    }

    /// How many bytes nobody holds.
    #[cfg(test)]
    pub(super) fn free(&self) -> u64 {
        self.most.load(Ordering::Relaxed).saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// A share of nothing, that can grow.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    /// Takes `more` bytes from the budget, or nothing and `false` when they are not free.
    #[must_use]
    pub(super) fn grow(&mut self, more: u64) -> bool {
        let Budget { most, used } = &*self.budget;
        let most = most.load(Ordering::Relaxed);
        let with_more = |used: u64| used.checked_add(more).filter(|used| *used <= most);
        let taken = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_more).is_ok();
        if taken {
            self.bytes += more;
        }
        taken
    }

    /// Gives back what goes beyond `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        self.budget.used.fetch_sub(spare, Ordering::Relaxed);
        self.bytes -= spare;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_and_comes_back() {
        let budget = Budget::new(10);
        let mut first = budget.share();
        let mut second = budget.share();
        assert!(first.grow(6));
        assert!(!second.grow(5), "only four are free");
        assert!(second.grow(4));
        assert_eq!(budget.free(), 0);
        drop(first);
        assert!(second.grow(6));
        second.shrink(3);
        second.shrink(3);
        assert_eq!(budget.free(), 7);
        second.shrink(0);
        assert_eq!(budget.free(), 10);
    }

    #[test]
    fn bytes_are_the_same_in_memory_and_in_a_file() {
        let content: Vec<u8> = (0..=255).collect();
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&content, 0).unwrap();
        let share = Budget::new(0).share();
        let held = [
            ReceivedBytes::in_memory(content.clone(), share),
            ReceivedBytes::from(content.clone()),
            ReceivedBytes::spooled(file, 256),
        ];
        for received in &held {
            assert_eq!(received.len(), 256);
            assert_eq!(&*received.bytes(10..13).unwrap(), [10, 11, 12]);
            assert_eq!(received.bytes(256..256).unwrap().len(), 0);
            assert_eq!(received.bytes(250..257).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(held[2].is_spooled() && !held[0].is_spooled());
    }
}
