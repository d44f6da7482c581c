//! Whether compressing is worth it: encapsulated, the pixel data has to be smaller than it is native.

use super::reason::Reason;
use crate::dicom::OffsetTable;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes of the encapsulated pixel data while its frames are made, in any order and on several threads.
pub(super) struct SizeLimit {
    native_bytes: u64,
    /// What is known of the encapsulated pixel data so far: tables and delimiter at first, then item after item.
    encapsulated_bytes: AtomicU64,
}

impl SizeLimit {
    /// For an image of so many frames and native bytes; nothing but the offset table counted yet.
    pub(super) fn new(native_bytes: u64, table: OffsetTable, frames: u32) -> SizeLimit {
        let table_bytes = match table {
            OffsetTable::Basic => 4 * u64::from(frames),
            OffsetTable::Extended => 16 * u64::from(frames),
            OffsetTable::Empty => 0,
        };
        SizeLimit { native_bytes, encapsulated_bytes: AtomicU64::new(OVERHEAD + table_bytes) }
    }

    /// Counts the item of one more codestream of so many bytes, pad byte included.
    ///
    /// # Errors
    /// [`Reason::Grew`] when the encapsulated pixel data is no longer smaller than the native one.
    pub(super) fn add(&self, codestream_bytes: usize) -> Result<(), Reason> {
        let item = ITEM + codestream_bytes.next_multiple_of(2) as u64;
        if self.encapsulated_bytes.fetch_add(item, Ordering::Relaxed) + item >= self.native_bytes {
            return Err(Reason::Grew { native_bytes: self.native_bytes });
        }
        Ok(())
    }
}

/// Bytes of an item's tag and length (PS3.5 7.5).
const ITEM: u64 = 8;
/// The item of the Basic Offset Table and the Sequence Delimitation Item, which native pixel data does not have.
const OVERHEAD: u64 = 2 * ITEM;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::EncapsulatedWriter;
    use std::io::Cursor;

    /// Headers of the elements that hold the tables and the pixel data; a native image has but one of them.
    const HEADER: u64 = 12;

    /// What is counted is what is written, less the headers of elements.
    #[test]
    fn the_limit_lies_at_the_bytes_that_are_written() {
        let codestreams: [&[u8]; 3] = [&[1; 40], &[2; 33], &[3; 1]];
        for (table, headers) in [(OffsetTable::Basic, 1), (OffsetTable::Extended, 3)] {
            let mut out = Cursor::new(Vec::new());
            let mut writer = EncapsulatedWriter::begin(&mut out, 3, table).unwrap();
            for codestream in codestreams {
                writer.frame(codestream).unwrap();
            }
            let written = writer.finish().unwrap().bytes - headers * HEADER;
            let last_of = |native_bytes| {
                let limit = SizeLimit::new(native_bytes, table, 3);
                codestreams.map(|codestream| limit.add(codestream.len()))
            };
            assert_eq!(last_of(written + 1), [Ok(()), Ok(()), Ok(())]);
            assert_eq!(last_of(written), [Ok(()), Ok(()), Err(Reason::Grew { native_bytes: written })]);
        }
    }
}
