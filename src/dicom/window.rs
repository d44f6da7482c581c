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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::VrEncoding::ExplicitLittle;
    use crate::dicom::element::Limits;
    use crate::dicom::tag::Tag;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::vr::Vr;
    use crate::dicom::walk::walk;
    use std::ops::Range;
    use std::sync::atomic::{AtomicU64, Ordering};

    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);

    /// A source that is not in memory: it counts how often, and how much of it, is read.
    struct Spool {
        bytes: Vec<u8>,
        reads: AtomicU64,
        read: AtomicU64,
    }

    impl Source for Spool {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
            Ok(Cow::Owned(self.bytes.bytes(range)?.into_owned()))
        }
    }

    impl Spool {
        fn walked(builder: DataSetBuilder) -> (u64, u64) {
            let spool = Spool { bytes: builder.build(), reads: 0.into(), read: 0.into() };
            walk(&spool, ExplicitLittle, &Limits::default()).unwrap();
            (spool.reads.into_inner(), spool.read.into_inner())
        }
    }

    #[test]
    fn a_spooled_data_set_needs_few_reads() {
        let many =
            (0..100_000).fold(DataSetBuilder::new(ExplicitLittle), |b, _| b.element(PRIVATE, Vr::LO, b"x"));
        let (reads, read) = Spool::walked(many);
        assert!(reads < 30, "{reads} reads for 900,000 bytes of elements");
        assert!(read < 1_000_000, "{read} bytes were read");

        let frame = vec![0; 100_000];
        let opened = DataSetBuilder::new(ExplicitLittle).undefined(Tag::PIXEL_DATA, Vr::OB).item(b"");
        let large = (0..100).fold(opened, |b, _| b.item(&frame)).end_sequence();
        let (reads, read) = Spool::walked(large);
        assert!(reads <= 102, "{reads} reads for 100 fragments");
        assert!(read < 60_000, "{read} bytes were read of 10 million");
    }

    #[test]
    fn a_limit_holds_even_where_more_has_been_read() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut window = Window::new(&bytes);
        assert_eq!(window.at(0, 100).unwrap(), &bytes[..12]);
        assert_eq!(window.at(10, 15).unwrap(), &bytes[10..15]);
        assert_eq!(window.at(95, 100).unwrap(), &bytes[95..]);
        assert_eq!(window.at(3, 100).unwrap(), &bytes[3..15], "going back is slow but right");
    }
}
