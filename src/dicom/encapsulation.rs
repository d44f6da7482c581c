//! Writes encapsulated Pixel Data, one fragment a frame, as the frames come (PS3.5 section A.4).
//!
//! The offset tables stand before the frames but depend on their lengths: their place is reserved and filled in at
//! the end, so that a large multi-frame image never lies in memory.

use super::element::UNDEFINED_LENGTH;
use super::header_writer::{ITEM_HEADER, put_item};
use super::offset_table::OffsetTable;
use super::tag::Tag;
use std::io::{self, Cursor, Seek, SeekFrom, Write};

/// Writes the elements of one encapsulated image: offset tables, Pixel Data, delimiter.
///
/// A writer that is dropped before [`finish`](EncapsulatedWriter::finish) leaves the element open and the table zero.
pub struct EncapsulatedWriter<'w, W: Write + Seek + ?Sized> {
    out: &'w mut W,
    table: OffsetTable,
    frames: u32,
    /// Where the first element begins, in `out`.
    start: u64,
    /// The length of each frame's item so far, padding included.
    lengths: Vec<u32>,
    /// Where the next item begins, counted from the first item after the Basic Offset Table.
    offset: u64,
}

/// What [`EncapsulatedWriter::finish`] has written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Encapsulated {
    /// All bytes, from the first header to the end of the delimiter.
    pub bytes: u64,
    /// The bytes of the frames alone, with their padding.
    pub frame_bytes: u64,
}

impl<'w, W: Write + Seek + ?Sized> EncapsulatedWriter<'w, W> {
    /// Writes what stands before the first frame, at the present position of `out`.
    ///
    /// # Errors
    /// [`EncapsulationError::TooManyFrames`] when there are none, or more than a table can list; else the writer's.
    pub fn begin(out: &'w mut W, frames: u32, table: OffsetTable) -> Result<Self, EncapsulationError> {
        if !table.lists(frames) {
            return Err(EncapsulationError::TooManyFrames { frames });
        }
        let start = out.stream_position()?;
        table.reserve(out, frames)?;
        Ok(EncapsulatedWriter { out, table, frames, start, lengths: Vec::new(), offset: 0 })
    }

    /// Writes the next frame as one fragment, padded with a 0 byte when its length is odd.
    ///
    /// # Errors
    /// An empty frame or one beyond 2³² − 2 bytes; one frame more than was announced; an offset that does not fit
    /// the Basic Offset Table; else the writer's own.
    pub fn frame(&mut self, codestream: &[u8]) -> Result<(), EncapsulationError> {
        let frame = self.lengths.len() as u64;
        if frame >= u64::from(self.frames) {
            return Err(EncapsulationError::FrameCount { announced: self.frames, written: frame + 1 });
        }
        let length = u32::try_from(codestream.len().next_multiple_of(2)).unwrap_or(UNDEFINED_LENGTH);
        if !(1..UNDEFINED_LENGTH).contains(&length) {
            return Err(EncapsulationError::FrameLength { frame, length: codestream.len() as u64 });
        }
        if self.table == OffsetTable::Basic && self.offset > u64::from(u32::MAX) {
            return Err(EncapsulationError::Offset { frame, offset: self.offset });
        }
        self.item_header(Tag::ITEM, length)?;
        self.out.write_all(codestream)?;
        if !codestream.len().is_multiple_of(2) {
            self.out.write_all(&[0])?;
        }
        self.lengths.push(length);
        self.offset += ITEM_HEADER + u64::from(length);
        Ok(())
    }

    /// Writes the delimiter, fills in the tables, and leaves `out` behind the delimiter.
    ///
    /// # Errors
    /// [`EncapsulationError::FrameCount`] when frames are missing; else the writer's own.
    pub fn finish(mut self) -> Result<Encapsulated, EncapsulationError> {
        let written = self.lengths.len() as u64;
        if written != u64::from(self.frames) {
            return Err(EncapsulationError::FrameCount { announced: self.frames, written });
        }
        self.item_header(Tag::SEQUENCE_DELIMITATION_ITEM, 0)?;
        let bytes = self.table.reserved_bytes(self.frames) + self.offset + ITEM_HEADER;
        if !self.table.is_zero(self.frames) {
            self.out.seek(SeekFrom::Start(self.start))?;
            self.table.fill_in(self.out, &self.lengths)?;
            self.out.seek(SeekFrom::Start(self.start + bytes))?;
        }
        Ok(Encapsulated { bytes, frame_bytes: self.offset - ITEM_HEADER * written })
    }

    fn item_header(&mut self, tag: Tag, length: u32) -> io::Result<()> {
        let mut header = Vec::new();
        put_item(&mut header, tag, length);
        self.out.write_all(&header)
    }
}

/// Encapsulates frames in memory: the whole elements, headers included.
///
/// ```
/// use condenser::dicom::{OffsetTable, encapsulate};
///
/// let elements = encapsulate(&[&b"first"[..], b"2nd."], OffsetTable::Basic)?;
/// assert_eq!(elements[..8], [0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0]);
/// // The Basic Offset Table: the second frame begins behind the first one's item header, its 5 bytes and their padding.
/// assert_eq!(elements[12..28], [0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0]);
/// # Ok::<(), condenser::dicom::EncapsulationError>(())
/// ```
///
/// # Errors
/// As the writer's.
pub fn encapsulate<F: AsRef<[u8]>>(frames: &[F], table: OffsetTable) -> Result<Vec<u8>, EncapsulationError> {
    let count = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let mut out = Cursor::new(Vec::new());
    let mut writer = EncapsulatedWriter::begin(&mut out, count, table)?;
    for frame in frames {
        writer.frame(frame.as_ref())?;
    }
    writer.finish()?;
    Ok(out.into_inner())
}

/// Why frames cannot be encapsulated.
#[derive(Debug, thiserror::Error)]
pub enum EncapsulationError {
    /// None, or more than an offset table can list.
    #[error("{frames} frames cannot be encapsulated")]
    TooManyFrames {
        /// How many were announced.
        frames: u32,
    },
    /// Not as many frames as were announced.
    #[error("{announced} frames were announced and {written} written")]
    FrameCount {
        /// To [`EncapsulatedWriter::begin`].
        announced: u32,
        /// To [`EncapsulatedWriter::frame`].
        written: u64,
    },
    /// A fragment has 1 to 2³² − 2 bytes.
    #[error("frame {frame} has {length} bytes")]
    FrameLength {
        /// Which, from 0.
        frame: u64,
        /// In bytes.
        length: u64,
    },
    /// The frame begins beyond what the Basic Offset Table can say.
    #[error("frame {frame} begins at {offset}, beyond a 32-bit offset")]
    Offset {
        /// Which, from 0.
        frame: u64,
        /// From the first item after the Basic Offset Table.
        offset: u64,
    },
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basic_offset_table_counts_padding() {
        let frames: [&[u8]; 3] = [b"abc", b"de", b"f"];
        let expected = [
            b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF".as_slice(),
            b"\xFE\xFF\0\xE0\x0C\0\0\0\0\0\0\0\x0C\0\0\0\x16\0\0\0",
            b"\xFE\xFF\0\xE0\x04\0\0\0abc\0",
            b"\xFE\xFF\0\xE0\x02\0\0\0de",
            b"\xFE\xFF\0\xE0\x02\0\0\0f\0",
            b"\xFE\xFF\xDD\xE0\0\0\0\0",
        ]
        .concat();
        assert_eq!(encapsulate(&frames, OffsetTable::Basic).unwrap(), expected);
    }

    #[test]
    fn the_extended_offset_table_stands_before_pixel_data() {
        let frames: [&[u8]; 2] = [b"abc", b"de"];
        let expected = [
            b"\xE0\x7F\x01\0OV\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\x0C\0\0\0\0\0\0\0".as_slice(),
            b"\xE0\x7F\x02\0OV\0\0\x10\0\0\0\x04\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0",
            b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0",
            b"\xFE\xFF\0\xE0\x04\0\0\0abc\0",
            b"\xFE\xFF\0\xE0\x02\0\0\0de",
            b"\xFE\xFF\xDD\xE0\0\0\0\0",
        ]
        .concat();
        assert_eq!(encapsulate(&frames, OffsetTable::Extended).unwrap(), expected);
    }

    #[test]
    fn the_writer_begins_where_its_output_is_and_ends_behind_the_delimiter() {
        for table in [OffsetTable::Basic, OffsetTable::Extended] {
            let mut out = Cursor::new(b"head".to_vec());
            out.set_position(4);
            let mut writer = EncapsulatedWriter::begin(&mut out, 2, table).unwrap();
            writer.frame(b"abc").unwrap();
            writer.frame(b"de").unwrap();
            let encapsulated = writer.finish().unwrap();
            out.write_all(b"tail").unwrap();
            let whole = encapsulate(&[b"abc".as_slice(), b"de"], table).unwrap();
            assert_eq!(out.into_inner(), [b"head", whole.as_slice(), b"tail"].concat());
            assert_eq!(encapsulated, Encapsulated { bytes: whole.len() as u64, frame_bytes: 6 });
        }
    }

    #[test]
    fn frames_are_counted_and_never_empty() {
        let mut out = Cursor::new(Vec::new());
        assert!(matches!(
            EncapsulatedWriter::begin(&mut out, 0, OffsetTable::Basic).map(drop),
            Err(EncapsulationError::TooManyFrames { frames: 0 })
        ));
        assert!(matches!(
            EncapsulatedWriter::begin(&mut out, 1 << 30, OffsetTable::Basic).map(drop),
            Err(EncapsulationError::TooManyFrames { .. })
        ));
        let mut writer = EncapsulatedWriter::begin(&mut out, 1, OffsetTable::Basic).unwrap();
        assert!(matches!(writer.frame(b""), Err(EncapsulationError::FrameLength { frame: 0, length: 0 })));
        writer.frame(b"a").unwrap();
        assert!(matches!(
            writer.frame(b"b"),
            Err(EncapsulationError::FrameCount { announced: 1, written: 2 })
        ));
        let mut writer = EncapsulatedWriter::begin(&mut out, 2, OffsetTable::Basic).unwrap();
        writer.frame(b"a").unwrap();
        assert!(matches!(writer.finish(), Err(EncapsulationError::FrameCount { announced: 2, written: 1 })));
    }

    /// Keeps only what is written in small pieces, so that 4 GiB of frames cost nothing.
    #[derive(Default)]
    struct Sparse {
        position: u64,
        end: u64,
        small: Vec<(u64, Vec<u8>)>,
    }

    impl Write for Sparse {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() < 1000 {
                self.small.push((self.position, bytes.to_vec()));
            }
            self.position += bytes.len() as u64;
            self.end = self.end.max(self.position);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Sparse {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.position = match to {
                SeekFrom::Start(position) => position,
                SeekFrom::Current(by) => self.position.checked_add_signed(by).unwrap(),
                SeekFrom::End(by) => self.end.checked_add_signed(by).unwrap(),
            };
            Ok(self.position)
        }
    }

    impl Sparse {
        /// The last small piece written at `position`, as 64-bit numbers.
        fn numbers(&self, position: u64) -> Vec<u64> {
            let (_, bytes) = self.small.iter().rev().find(|(at, _)| *at == position).unwrap();
            bytes.chunks_exact(8).map(|entry| u64::from_le_bytes(entry.try_into().unwrap())).collect()
        }
    }

    #[test]
    fn beyond_4_gib_the_basic_table_refuses_and_the_extended_is_right() {
        let frame = vec![0; (1 << 28) + 1];
        let item = (1 << 28) + 2 + 8;
        let mut out = Sparse::default();
        let mut basic = EncapsulatedWriter::begin(&mut out, 20, OffsetTable::Basic).unwrap();
        for _ in 0..16 {
            basic.frame(&frame).unwrap();
        }
        let error = basic.frame(&frame).unwrap_err();
        assert!(matches!(error, EncapsulationError::Offset { frame: 16, offset } if offset == 16 * item));

        let mut out = Sparse::default();
        let mut extended = EncapsulatedWriter::begin(&mut out, 20, OffsetTable::Extended).unwrap();
        for _ in 0..20 {
            extended.frame(&frame).unwrap();
        }
        let bytes = extended.finish().unwrap().bytes;
        assert_eq!((out.position, out.end), (bytes, bytes));
        assert_eq!(bytes, 2 * (12 + 160) + 12 + 8 + 20 * item + 8);
        assert_eq!(out.numbers(12), (0..20).map(|frame| frame * item).collect::<Vec<_>>());
        assert_eq!(out.numbers(12 + 160 + 12), vec![item - 8; 20]);
    }
}
