//! The bytes of an instance whose pixel data is an array in memory: elements, the array as it would be stored, elements.

use super::samples_in_memory::Samples;
use crate::dicom::Source;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// The bytes of an instance whose pixel data is an array: little endian, made as they are asked for.
pub struct ArraySource<'a> {
    head: Vec<u8>,
    samples: Samples<'a>,
    tail: Vec<u8>,
}

impl<'a> ArraySource<'a> {
    /// The array between `head`, which ends with the header of Pixel Data, and `tail`; padded to even length.
    pub(super) fn new(head: Vec<u8>, samples: Samples<'a>, tail: Vec<u8>) -> ArraySource<'a> {
        ArraySource { head, samples, tail }
    }

    /// Where the padded cells lie.
    fn cells(&self) -> Range<u64> {
        let start = self.head.len() as u64;
        start..start + self.samples.bytes().next_multiple_of(2)
    }
}

impl Source for ArraySource<'_> {
    fn len(&self) -> u64 {
        self.cells().end + self.tail.len() as u64
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let cells = self.cells();
        if range.start > range.end || range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if range.end <= cells.start {
            return self.head.bytes(range);
        }
        if range.start >= cells.end {
            return self.tail.bytes(range.start - cells.end..range.end - cells.end);
        }
        let within = range.start.max(cells.start) - cells.start..range.end.min(cells.end) - cells.start;
        if let (Samples::U8(bytes), true) = (self.samples, within.end <= self.samples.bytes())
            && within.end - within.start == range.end - range.start
        {
            return Ok(Cow::Borrowed(
                bytes.get(within.start as usize..within.end as usize).unwrap_or_default(),
            ));
        }
        let mut out = self.head.bytes(range.start.min(cells.start)..cells.start)?.into_owned();
        self.samples.put(within, &mut out);
        let behind = range.end.max(cells.end) - cells.end;
        out.extend_from_slice(&self.tail.bytes(0..behind)?);
        Ok(Cow::Owned(out))
    }
}
