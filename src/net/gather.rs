//! Gathers the fragments of one data set: in memory while the budget allows, then in a spool file.

use super::handler::{Failure, StoreHandler};
use super::received::{Budget, ReceivedBytes, Share};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// The first allocation when nothing is known, and the step in which the memory budget is asked.
const FIRST: usize = 64 * 1024;

/// What is collected in memory between two writes to the spool file. Each association that spools holds one such
/// piece beyond the memory budget.
const PIECE: usize = 1024 * 1024;

/// What bounds a data set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The largest data set.
    pub(super) data_set: u64,
    /// What may lie in memory of one data set.
    pub(super) memory: u64,
}

/// A data set that is being received.
pub(super) struct Gather {
    bounds: Bounds,
    handler: Arc<dyn StoreHandler>,
    share: Share,
    /// All of it, or what the spool file lacks, or what is to be thrown away.
    bytes: Vec<u8>,
    /// Bytes before those in `bytes`.
    before: u64,
    place: Place,
}

enum Place {
    Memory,
    Spool(Arc<File>),
    /// The rest is read only to keep the association in step; the reason is what the sender will be told.
    Nowhere(Failure),
}

impl Gather {
    /// An empty data set; `hint` is how large it is likely to be.
    pub(super) fn new(
        bounds: Bounds,
        hint: u64,
        budget: &Arc<Budget>,
        handler: Arc<dyn StoreHandler>,
    ) -> Gather {
        let mut gather = Gather {
            bounds,
            handler,
            share: budget.share(),
            bytes: Vec::new(),
            before: 0,
            place: Place::Memory,
        };
        gather.reserve(usize::try_from(hint.min(bounds.memory)).unwrap_or(0));
        gather
    }

    /// A data set that nobody wants, and that must be read all the same.
    pub(super) fn discard(budget: &Arc<Budget>, handler: Arc<dyn StoreHandler>) -> Gather {
        let bounds = Bounds { data_set: 0, memory: 0 };
        Gather {
            place: Place::Nowhere(Failure::TooLarge { limit: 0 }),
            ..Gather::new(bounds, 0, budget, handler)
        }
    }

    /// Where to append up to `wanted` bytes: the buffer has capacity for at least one of them, and what is beyond its
    /// capacity is to be asked for again.
    pub(super) async fn room(&mut self, wanted: usize) -> &mut Vec<u8> {
        if matches!(self.place, Place::Nowhere(_)) {
            self.throw_away();
            return &mut self.bytes;
        }
        if self.len() + wanted as u64 > self.bounds.data_set {
            self.give_up(Failure::TooLarge { limit: self.bounds.data_set });
        } else if matches!(self.place, Place::Memory) && !self.has_room_in_memory(wanted) {
            if let Err(error) = self.spill().await {
                self.give_up(Failure::Spool(error));
            }
        } else if matches!(self.place, Place::Spool(_))
            && self.bytes.len() == self.bytes.capacity()
            && let Err(error) = self.flush().await
        {
            self.give_up(Failure::Spool(error));
        }
        &mut self.bytes
    }

    /// How many bytes were appended so far.
    pub(super) fn len(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }

    /// The whole data set, or why there is none.
    pub(super) async fn finish(mut self) -> Result<ReceivedBytes, Failure> {
        let len = self.len();
        if let Place::Spool(_) = self.place
            && let Err(error) = self.flush().await
        {
            self.give_up(Failure::Spool(error));
        }
        match self.place {
            Place::Memory => {
                if self.bytes.capacity() > 2 * self.bytes.len() {
                    self.bytes.shrink_to_fit();
                    self.share.shrink(self.bytes.capacity() as u64);
                }
                Ok(ReceivedBytes::in_memory(self.bytes, self.share))
            }
            Place::Spool(file) => match Arc::try_unwrap(file) {
                Ok(file) => Ok(ReceivedBytes::spooled(file, len)),
                // The last write has ended and with it its hold on the file; a second handle does as well.
                Err(file) => {
                    file.try_clone().map(|file| ReceivedBytes::spooled(file, len)).map_err(Failure::Spool)
                }
            },
            Place::Nowhere(failure) => Err(failure),
        }
    }

    /// Whether `wanted` more bytes fit into memory, after growing if need be.
    fn has_room_in_memory(&mut self, wanted: usize) -> bool {
        let needed = self.bytes.len() + wanted;
        if needed <= self.bytes.capacity() {
            return true;
        }
        let most = usize::try_from(self.bounds.memory).unwrap_or(usize::MAX);
        if needed > most {
            return false;
        }
        let generous = (2 * self.bytes.capacity()).max(needed).max(FIRST).min(most);
        self.reserve(generous) || self.reserve(needed)
    }

    /// Grows the buffer to this capacity, if the budget has it.
    fn reserve(&mut self, capacity: usize) -> bool {
        let more = capacity.saturating_sub(self.bytes.capacity());
        if !self.share.grow(more as u64) {
            return false;
        }
        let reserved = self.bytes.try_reserve_exact(capacity - self.bytes.len()).is_ok();
        self.share.shrink(self.bytes.capacity() as u64);
        reserved
    }

    /// Moves what is in memory to a new spool file.
    async fn spill(&mut self) -> io::Result<()> {
        let handler = Arc::clone(&self.handler);
        let bytes = std::mem::take(&mut self.bytes);
        self.before = bytes.len() as u64;
        let file = blocking(move || {
            let file = handler.spool()?;
            file.write_all_at(&bytes, 0)?;
            Ok(file)
        })
        .await?;
        self.share.shrink(0);
        self.bytes.try_reserve_exact(PIECE).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.place = Place::Spool(Arc::new(file));
        Ok(())
    }

    /// Writes what is in memory to the spool file.
    async fn flush(&mut self) -> io::Result<()> {
        let Place::Spool(file) = &self.place else { return Ok(()) };
        let (file, offset, bytes) = (Arc::clone(file), self.before, std::mem::take(&mut self.bytes));
        self.before += bytes.len() as u64;
        self.bytes = blocking(move || {
            file.write_all_at(&bytes, offset)?;
            Ok(bytes)
        })
        .await?;
        self.bytes.clear();
        Ok(())
    }

    fn give_up(&mut self, failure: Failure) {
        self.place = Place::Nowhere(failure);
        self.throw_away();
        self.share.shrink(0);
    }

    fn throw_away(&mut self) {
        self.before += self.bytes.len() as u64;
        self.bytes.clear();
        if self.bytes.capacity() != FIRST {
            self.bytes = Vec::with_capacity(FIRST);
        }
    }
}

/// Runs file operations where they may block. A panic there becomes an error.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::Source;
    use crate::net::handler::{Association, Connection, Received, Refusal, StoreAnswer};
    use crate::net::status::Status;

    /// Gives spool files, or an error when there is no room.
    struct Spools(bool);

    impl StoreHandler for Spools {
        fn spool(&self) -> io::Result<File> {
            if self.0 { tempfile::tempfile() } else { Err(io::ErrorKind::StorageFull.into()) }
        }
        fn store(&self, _: Received) -> StoreAnswer {
            StoreAnswer::from(Status::SUCCESS)
        }
        fn failed(&self, _: &Association, _: &Failure) -> StoreAnswer {
            StoreAnswer::from(Status::STORAGE_ERROR)
        }
        fn refused(&self, _: &Association, _: &Refusal) {}
        fn opened(&self, _: &Association) {}
        fn closed(&self, _: &Connection) {}
        fn accept_failed(&self, _: &io::Error) {}
    }

    /// Feeds a data set in fragments of this size, as the acceptor does.
    async fn feed(gather: &mut Gather, content: &[u8], fragment: usize) {
        for mut fragment in content.chunks(fragment) {
            while !fragment.is_empty() {
                let room = gather.room(fragment.len()).await;
                let (now, later) = fragment.split_at(fragment.len().min(room.capacity() - room.len()));
                assert!(!now.is_empty(), "there is always room for something");
                room.extend_from_slice(now);
                fragment = later;
            }
        }
    }

    fn content(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    async fn gathered(
        content: &[u8],
        bounds: Bounds,
        budget: u64,
        hint: u64,
    ) -> (Result<ReceivedBytes, Failure>, Arc<Budget>) {
        let budget = Budget::new(budget);
        let mut gather = Gather::new(bounds, hint, &budget, Arc::new(Spools(true)));
        feed(&mut gather, content, 100_000).await;
        assert_eq!(gather.len(), content.len() as u64);
        (gather.finish().await, budget)
    }

    const ROOMY: Bounds = Bounds { data_set: 1 << 30, memory: 16 << 20 };

    #[tokio::test]
    async fn what_fits_stays_in_memory_and_holds_its_share_of_the_budget() {
        let content = content(3_000_000);
        for hint in [0, 100, 3_000_000, 1 << 40] {
            let (received, budget) = gathered(&content, ROOMY, 32 << 20, hint).await;
            let received = received.unwrap();
            assert!(!received.is_spooled());
            assert_eq!(*received.bytes(0..3_000_000).unwrap(), content[..]);
            let held = (32 << 20) - budget.free();
            assert!((3_000_000..=6_000_000).contains(&held), "hint {hint}: {held} bytes are held");
            drop(received);
            assert_eq!(budget.free(), 32 << 20);
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_goes_to_a_file_and_the_memory_is_free_again() {
        let content = content(5_000_000);
        let small = Bounds { memory: 1 << 20, ..ROOMY };
        for (bounds, budget_bytes) in [(small, 32 << 20), (ROOMY, 1 << 20), (ROOMY, 0)] {
            let budget = Budget::new(budget_bytes);
            let mut gather = Gather::new(bounds, 0, &budget, Arc::new(Spools(true)));
            feed(&mut gather, &content, 100_000).await;
            assert_eq!(budget.free(), budget_bytes, "others may have the memory as soon as it is not needed");
            let received = gather.finish().await.unwrap();
            assert!(received.is_spooled());
            assert_eq!(received.len(), 5_000_000);
            assert_eq!(*received.bytes(0..5_000_000).unwrap(), content[..]);
        }
    }

    #[tokio::test]
    async fn an_empty_data_set_is_one() {
        let (received, _) = gathered(&[], ROOMY, 1 << 20, 0).await;
        assert_eq!(received.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn too_large_data_sets_are_read_to_their_end_and_lost() {
        for memory in [1 << 20, 64 << 20] {
            let bounds = Bounds { data_set: 4_000_000, memory };
            let (received, budget) = gathered(&content(4_000_001), bounds, 64 << 20, 0).await;
            assert!(matches!(received, Err(Failure::TooLarge { limit: 4_000_000 })), "{received:?}");
            assert_eq!(budget.free(), 64 << 20);
        }
        let bounds = Bounds { data_set: 4_000_000, memory: 64 << 20 };
        assert!(
            gathered(&content(4_000_000), bounds, 64 << 20, 0).await.0.is_ok(),
            "the limit itself is allowed"
        );
    }

    #[tokio::test]
    async fn a_spool_that_cannot_be_had_is_a_failure_not_the_end() {
        let budget = Budget::new(0);
        let mut gather = Gather::new(ROOMY, 0, &budget, Arc::new(Spools(false)));
        feed(&mut gather, &content(3_000_000), 131_072).await;
        let failure = gather.finish().await.unwrap_err();
        assert!(matches!(&failure, Failure::Spool(e) if e.kind() == io::ErrorKind::StorageFull), "{failure}");
    }

    #[tokio::test]
    async fn what_nobody_wants_leaves_nothing() {
        let budget = Budget::new(1 << 20);
        let mut gather = Gather::discard(&budget, Arc::new(Spools(false)));
        feed(&mut gather, &content(3_000_000), 131_072).await;
        assert!(gather.bytes.capacity() <= FIRST);
        assert!(gather.finish().await.is_err());
        assert_eq!(budget.free(), 1 << 20);
    }
}
