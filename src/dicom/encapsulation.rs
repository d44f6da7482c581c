//! Writes encapsulated Pixel Data as the frames come, one fragment a frame or several (PS3.5 section A.4).
//!
//! The offset tables stand before the frames but depend on their lengths: their place is reserved and filled in at
//! the end, so that a large multi-frame image never lies in memory.

use super::element::UNDEFINED_LENGTH;
use super::header_writer::{ITEM_HEADER, put_item};
use super::offset_table::OffsetTable;
use super::tag::Tag;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes the elements of one encapsulated image: offset tables, Pixel Data, delimiter.
///
/// A writer that is dropped before [`finish`](EncapsulatedWriter::finish) leaves the element open and the table zero.
pub struct EncapsulatedWriter<'w, W: Write + Seek + ?Sized> {
    out: &'w mut W,
    table: OffsetTable,
    frames: u32,
    /// Where the first element begins, in `out`.
    start: u64,
    /// The length of each frame so far, from the value of its first fragment to its end, padding included.
    lengths: Vec<u64>,
    /// Where the next item begins, counted from the first item after the Basic Offset Table.
    offset: u64,
    /// How many items have been written.
    fragments: u64,
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
        Ok(EncapsulatedWriter { out, table, frames, start, lengths: Vec::new(), offset: 0, fragments: 0 })
    }

    /// Writes the next frame as one fragment, padded with a 0 byte when its length is odd.
    ///
    /// # Errors
    /// An empty frame or one beyond 2³² − 2 bytes; one frame more than was announced; an offset that does not fit
    /// the Basic Offset Table; else the writer's own.
    pub fn frame(&mut self, codestream: &[u8]) -> Result<(), EncapsulationError> {
        self.frame_in_fragments(codestream, 1)
    }

    /// Writes the next frame as so many fragments of about the same even length, the last padded with a 0 byte when the
    /// frame's length is odd. Which transfer syntaxes allow more than one says
    /// [`TransferSyntax::allows_several_fragments`](super::TransferSyntax::allows_several_fragments).
    ///
    /// # Errors
    /// As [`frame`](EncapsulatedWriter::frame); [`EncapsulationError::Fragments`] when there are none, or so many that one
    /// would be empty; [`EncapsulationError::ExtendedFragments`] for several under an Extended Offset Table.
    pub fn frame_in_fragments(
        &mut self,
        codestream: &[u8],
        fragments: u32,
    ) -> Result<(), EncapsulationError> {
        let (frame, length) = (self.lengths.len() as u64, codestream.len() as u64);
        if frame >= u64::from(self.frames) {
            return Err(EncapsulationError::FrameCount { announced: self.frames, written: frame + 1 });
        }
        if length == 0 {
            return Err(EncapsulationError::FrameLength { frame, length });
        }
        if self.table == OffsetTable::Extended && fragments > 1 {
            return Err(EncapsulationError::ExtendedFragments { frame, fragments });
        }
        let each = fragment_length(length, fragments).ok_or(EncapsulationError::Fragments {
            frame,
            length,
            fragments,
        })?;
        let last = (length - each * (u64::from(fragments) - 1)).next_multiple_of(2);
        if last >= u64::from(UNDEFINED_LENGTH) {
            return Err(EncapsulationError::FrameLength { frame, length });
        }
        if self.table == OffsetTable::Basic && self.offset > u64::from(u32::MAX) {
            return Err(EncapsulationError::Offset { frame, offset: self.offset });
        }
        let start = self.offset + ITEM_HEADER;
        let mut rest = codestream;
        for at in 1..=fragments {
            let cut = if at == fragments { rest.len() } else { rest.len().min(each as usize) };
            let (fragment, behind) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
            self.fragment(fragment)?;
            rest = behind;
        }
        self.lengths.push(self.offset - start);
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
        Ok(Encapsulated { bytes, frame_bytes: self.offset - ITEM_HEADER * self.fragments })
    }

    /// Writes one item. Its length has been checked to fit.
    fn fragment(&mut self, fragment: &[u8]) -> io::Result<()> {
        let length = fragment.len().next_multiple_of(2) as u32;
        self.item_header(Tag::ITEM, length)?;
        self.out.write_all(fragment)?;
        if !fragment.len().is_multiple_of(2) {
            self.out.write_all(&[0])?;
        }
        self.offset += ITEM_HEADER + u64::from(length);
        self.fragments += 1;
        Ok(())
    }

    fn item_header(&mut self, tag: Tag, length: u32) -> io::Result<()> {
        let mut header = Vec::new();
        put_item(&mut header, tag, length);
        self.out.write_all(&header)
    }
}

/// The even length of every fragment but the last, when a frame is split into so many; 0 when there is but one. `None`
/// when there is none, or when one of them would have less than the two bytes of PS3.5 A.4 (padding counts).
fn fragment_length(length: u64, fragments: u32) -> Option<u64> {
    let fragments = u64::from(fragments);
    if fragments <= 1 {
        return (fragments == 1).then_some(0);
    }
    if fragments > length.div_ceil(2) {
        return None;
    }
    let even = (length / fragments).next_multiple_of(2);
    // Rounded up, as pydicom does, the others may leave nothing for the last.
    Some(if even * (fragments - 1) < length { even } else { even - 2 })
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
    /// A fragment has 2 bytes at least.
    #[error("frame {frame} of {length} bytes cannot be split into {fragments} fragments of 2 bytes or more")]
    Fragments {
        /// Which, from 0.
        frame: u64,
        /// In bytes.
        length: u64,
        /// How many were asked for.
        fragments: u32,
    },
    /// The Extended Offset Table is for frames of one fragment (PS3.3 C.7.6.3.1.8).
    #[error("frame {frame} is in {fragments} fragments, and the Extended Offset Table lists frames of one")]
    ExtendedFragments {
        /// Which, from 0.
        frame: u64,
        /// How many were asked for.
        fragments: u32,
    },
    /// A value alone cannot have an Extended Offset Table.
    #[error("the Extended Offset Table is an element of its own, not part of Pixel Data's value")]
    ExtendedValue,
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
    use super::super::encapsulated_value::encapsulate;
    use super::*;
    use std::io::Cursor;

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

    /// The lengths of the fragments of a frame of so many bytes.
    fn split(length: usize, fragments: u32) -> Option<Vec<usize>> {
        let frame = vec![1; length];
        let mut out = Cursor::new(Vec::new());
        let mut writer = EncapsulatedWriter::begin(&mut out, 2, OffsetTable::Basic).unwrap();
        match writer.frame_in_fragments(&frame, fragments) {
            Err(EncapsulationError::Fragments { frame: 0, .. }) => return None,
            written => written.unwrap(),
        }
        writer.frame(b"next").unwrap();
        let encapsulated = writer.finish().unwrap();
        let value = &out.get_ref()[12..];
        let found = crate::dicom::FragmentRanges::of(&value, 0..value.len() as u64).unwrap();
        let offset = value[12..16].try_into().map(u32::from_le_bytes).unwrap();
        let mut lengths: Vec<_> =
            found.map(|range| range.unwrap()).map(|range| range.end - range.start).collect();
        assert_eq!(lengths.iter().sum::<u64>(), encapsulated.frame_bytes);
        assert_eq!(lengths.pop(), Some(4));
        assert_eq!(u64::from(offset), lengths.iter().map(|length| length + 8).sum::<u64>());
        Some(lengths.into_iter().map(|length| length as usize).collect())
    }

    #[test]
    fn a_frame_is_split_into_fragments_of_which_none_is_empty() {
        assert_eq!(split(9, 4).unwrap(), [2, 2, 2, 4]);
        assert_eq!(split(7, 4).unwrap(), [2, 2, 2, 2]);
        assert_eq!(split(10, 3).unwrap(), [4, 4, 2]);
        // Rounded up there would be 4, 4, 4 and nothing.
        assert_eq!(split(12, 4).unwrap(), [2, 2, 2, 6]);
        for length in 1..60 {
            assert_eq!(split(length, 0), None);
            assert_eq!(split(length, 1).unwrap(), [length.next_multiple_of(2)]);
            for fragments in 2..35 {
                let lengths = split(length, fragments);
                assert_eq!(
                    lengths.is_some(),
                    fragments as usize <= length.div_ceil(2),
                    "{length} in {fragments}"
                );
                if let Some(lengths) = lengths {
                    assert_eq!(lengths.len(), fragments as usize);
                    assert_eq!(lengths.iter().sum::<usize>(), length.next_multiple_of(2));
                    assert!(lengths.iter().all(|length| *length >= 2 && length % 2 == 0), "{lengths:?}");
                }
            }
        }
    }

    #[test]
    fn the_extended_offset_table_is_for_whole_frames() {
        let mut out = Cursor::new(Vec::new());
        let mut writer = EncapsulatedWriter::begin(&mut out, 1, OffsetTable::Extended).unwrap();
        let error = writer.frame_in_fragments(b"abcd", 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "frame 0 is in 2 fragments, and the Extended Offset Table lists frames of one"
        );
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
