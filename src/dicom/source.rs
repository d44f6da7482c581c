//! Random access to the bytes of a data set, whether they lie in memory or in a spool file.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Bytes that can be read at any place, by several threads at once.
///
/// In memory nothing is copied; a source over a file reads (not maps) what is asked for. Callers ask for what they
/// need and no more: a range is held in memory as long as its answer lives.
pub trait Source: Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, counted from 0.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the range does not lie within `0..len()` (an inverted range does not);
    /// any other error is one of the device.
    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>>;

    /// The bytes of `range` for one who asks often: those of a file are read into `scratch`, which keeps its memory from
    /// one time to the next; those in memory are borrowed as ever.
    ///
    /// # Errors
    /// As of [`Source::bytes`].
    fn bytes_in<'b>(&'b self, range: Range<u64>, scratch: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        Ok(match self.bytes(range)? {
            Cow::Borrowed(bytes) => bytes,
            Cow::Owned(bytes) => {
                *scratch = bytes;
                scratch
            }
        })
    }
}

/// A source in a file is gone through in pieces of this size, a multiple of every number's.
const PIECE: u64 = 1 << 20;

/// Hands the bytes of `range` to `take`, piece by piece, so that much in a file needs little memory.
///
/// # Errors
/// The source's, and those of `take`.
pub fn in_pieces(
    source: &dyn Source,
    range: Range<u64>,
    mut take: impl FnMut(Cow<'_, [u8]>) -> io::Result<()>,
) -> io::Result<()> {
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start.saturating_add(PIECE));
        take(source.bytes(start..end)?)?;
        start = end;
    }
    Ok(())
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        slice(self, range)
    }
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        (**self).len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        slice(self, range)
    }
}

/// A part of another source, counted from 0: the data set that follows the file meta information of a file, say.
#[derive(Clone)]
pub struct Section<'s> {
    source: &'s dyn Source,
    range: Range<u64>,
}

impl<'s> Section<'s> {
    /// The bytes `range` of `source`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the range does not lie within the source.
    pub fn new(source: &'s dyn Source, range: Range<u64>) -> io::Result<Section<'s>> {
        if range.start <= range.end && range.end <= source.len() {
            Ok(Section { source, range })
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// The bytes of `source` from `start` to its end.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when `start` lies beyond the end.
    pub fn from(source: &'s dyn Source, start: u64) -> io::Result<Section<'s>> {
        Section::new(source, start..source.len())
    }
}

impl Source for Section<'_> {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source.bytes(self.range.start + range.start..self.range.start + range.end)
    }

    fn bytes_in<'b>(&'b self, range: Range<u64>, scratch: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        if range.start > range.end || range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source.bytes_in(self.range.start + range.start..self.range.start + range.end, scratch)
    }
}

fn slice(bytes: &[u8], range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    let end = usize::try_from(range.end).unwrap_or(usize::MAX);
    bytes.get(start..end).map(Cow::Borrowed).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_borrowed_not_copied() {
        let bytes = vec![1u8, 2, 3];
        assert!(matches!(Source::bytes(&bytes, 1..3), Ok(Cow::Borrowed([2, 3]))));
        assert!(matches!((&bytes[..]).bytes(0..0), Ok(Cow::Borrowed([]))));
    }

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "an inverted range is what is tested")]
    fn a_range_outside_is_an_end_of_file() {
        let bytes = vec![1u8, 2, 3];
        let section = Section::new(&bytes, 1..3).unwrap();
        for range in [2..4, 4..4, 3..2, 0..u64::MAX, u64::MAX..u64::MAX] {
            assert_eq!(
                Source::bytes(&bytes, range.clone()).unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
            assert_eq!(section.bytes(range).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(Section::new(&bytes, 1..4).is_err());
        assert!(Section::from(&bytes, 4).is_err());
    }

    #[test]
    fn who_asks_often_gets_the_same_bytes() {
        let (bytes, mut scratch) = (vec![1u8, 2, 3, 4], Vec::new());
        let section = Section::from(&bytes, 1).unwrap();
        assert_eq!(section.bytes_in(1..3, &mut scratch).unwrap(), [3, 4]);
        assert!(scratch.is_empty(), "what is in memory is not copied");
        assert!(section.bytes_in(1..4, &mut scratch).is_err());
    }

    #[test]
    fn a_section_counts_from_zero() {
        let bytes = vec![1u8, 2, 3, 4];
        let section = Section::from(&bytes, 1).unwrap();
        assert_eq!(section.len(), 3);
        assert_eq!(&*section.bytes(0..2).unwrap(), [2, 3]);
        assert!(section.bytes(2..4).is_err());
        let inner = Section::new(&section, 1..2).unwrap();
        assert_eq!(&*inner.bytes(0..1).unwrap(), [3]);
    }
}
