//! The bytes around the header that is being read, so that a spooled data set is walked with few reads.

use std::borrow::Cow;
use std::io;

use super::element::MAX_HEADER_LENGTH;
use super::source::Source;

/// The part of a source that headers are being read from. It grows while headers follow each other closely, and is
/// small again behind a long value, so that neither many elements nor many fragments cost much reading.
pub(super) struct Window<'s> {
    source: &'s dyn Source,
    start: u64,
    bytes: Cow<'s, [u8]>,
    size: u64,
}

const SMALLEST_WINDOW: u64 = 512;
const LARGEST_WINDOW: u64 = 64 * 1024;

impl<'s> Window<'s> {
    pub(super) fn new(source: &'s dyn Source) -> Window<'s> {
        Window { source, start: 0, bytes: Cow::Borrowed(&[]), size: SMALLEST_WINDOW }
    }

    /// The bytes from `offset`, as many as the longest header has, but none from `limit` on.
    pub(super) fn at(&mut self, offset: u64, limit: u64) -> io::Result<&[u8]> {
        let end = limit.min(offset + MAX_HEADER_LENGTH as u64);
        let window_end = self.start + self.bytes.len() as u64;
        if offset < self.start || end > window_end {
            let follows = offset <= window_end;
            self.size = if follows { LARGEST_WINDOW.min(self.size * 2) } else { SMALLEST_WINDOW };
            self.bytes = self.source.bytes(offset..self.source.len().min(offset + self.size))?;
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = (end - self.start) as usize;
        self.bytes.get(from..to).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
