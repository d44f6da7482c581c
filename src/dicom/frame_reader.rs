//! Fetches single frames of encapsulated Pixel Data without going through the others, where a table says where they are
//! (PS3.5 section A.4, PS3.3 section C.7.6.3.1.8).

use super::dataset::DataSet;
use super::encapsulated_frames::{BASIC, EXTENDED, EncapsulatedFrames};
use super::fragments::{FragmentRanges, Fragments, FragmentsError, joined};
use super::source::Source;
use super::tag::Tag;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Frames of an encapsulated value, each fetched when it is asked for.
///
/// With an offset table a frame costs the reading of its own table entry and its own fragments, wherever it lies.
/// Without one the fragments are walked once, when the reader is made.
///
/// ```
/// use condenser::dicom::{FrameReader, OffsetTable, encapsulate_value};
///
/// let value = encapsulate_value(&[&b"first"[..], b"2nd."], 2, OffsetTable::Basic)?;
/// let reader = FrameReader::of_value(&value, 0..value.len() as u64, None, 2)?;
/// assert_eq!(*reader.frame(1)?, *b"2nd.");
/// // The padding of an odd frame stays: codestreams say themselves where they end.
/// assert_eq!(*reader.frame(0)?, *b"first\0");
/// assert_eq!(reader.iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FrameReader<'s> {
    source: &'s dyn Source,
    frames: usize,
    places: Places<'s>,
}

/// How the place of a frame is found.
enum Places<'s> {
    /// In the Basic Offset Table.
    Basic(FragmentRanges<'s>),
    /// In the Extended Offset Table, whose entries lie there.
    Extended(FragmentRanges<'s>, ExtendedOffsets),
    /// They are known.
    Walked(EncapsulatedFrames),
}

/// Where the values of Extended Offset Table (7FE0,0001) and Extended Offset Table Lengths (7FE0,0002) lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtendedOffsets {
    /// Of the offsets.
    pub offsets: Range<u64>,
    /// Of the lengths.
    pub lengths: Range<u64>,
}

impl ExtendedOffsets {
    /// The two elements of a data set; `None` when it does not have both.
    pub fn of(data_set: &DataSet) -> Option<ExtendedOffsets> {
        let value = |tag| data_set.element(tag).map(|element| element.value.clone());
        let offsets = value(Tag::EXTENDED_OFFSET_TABLE)?;
        Some(ExtendedOffsets { offsets, lengths: value(Tag::EXTENDED_OFFSET_TABLE_LENGTHS)? })
    }

    /// All entries: offset and length of every frame.
    ///
    /// # Errors
    /// [`FragmentsError::TableLength`] when there are not `frames` of both; or the source's own.
    pub fn entries(&self, source: &dyn Source, frames: usize) -> Result<Vec<(u64, u64)>, FragmentsError> {
        self.check(frames)?;
        let (offsets, lengths) = (source.bytes(self.offsets.clone())?, source.bytes(self.lengths.clone())?);
        let numbers =
            |bytes: &[u8]| bytes.as_chunks().0.iter().map(|entry| u64::from_le_bytes(*entry)).collect();
        let (offsets, lengths): (Vec<u64>, Vec<u64>) = (numbers(&offsets), numbers(&lengths));
        Ok(offsets.into_iter().zip(lengths).collect())
    }

    fn check(&self, frames: usize) -> Result<(), FragmentsError> {
        for range in [&self.offsets, &self.lengths] {
            let length = range.end.saturating_sub(range.start);
            if length != 8 * frames as u64 {
                let entries = usize::try_from(length / 8).unwrap_or(usize::MAX);
                return Err(FragmentsError::TableLength { table: EXTENDED, entries, frames });
            }
        }
        Ok(())
    }

    /// Offset and length of one frame.
    fn entry(&self, source: &dyn Source, frame: usize) -> io::Result<(u64, u64)> {
        let number = |table: &Range<u64>| entry(source, table, frame).map(u64::from_le_bytes);
        Ok((number(&self.offsets)?, number(&self.lengths)?))
    }
}

impl<'s> FrameReader<'s> {
    /// A reader of the `frames` frames of the data set's Pixel Data.
    ///
    /// # Errors
    /// [`FragmentsError::NotEncapsulated`]; a table that does not list the frames; without a table, fragments that
    /// cannot be told apart (see [`EncapsulatedFrames::of`]).
    pub fn of(source: &'s dyn Source, data_set: &DataSet, frames: u32) -> Result<Self, FragmentsError> {
        let element = data_set.pixel_data().filter(|element| element.undefined_length);
        let value = element.ok_or(FragmentsError::NotEncapsulated)?.value.clone();
        FrameReader::of_value(source, value, ExtendedOffsets::of(data_set), frames)
    }

    /// A reader of the `frames` frames of an encapsulated value, which need not be part of a data set and may end with
    /// its delimiter or without; `extended` says where the values of the Extended Offset Table lie in the same source.
    ///
    /// # Errors
    /// As [`of`](FrameReader::of).
    pub fn of_value(
        source: &'s dyn Source,
        value: Range<u64>,
        extended: Option<ExtendedOffsets>,
        frames: u32,
    ) -> Result<Self, FragmentsError> {
        let items = FragmentRanges::of(source, value.clone())?;
        let frames = frames as usize;
        let table = items.offset_table();
        let entries = (table.end - table.start) / 4;
        let places = match extended {
            Some(extended) => {
                extended.check(frames)?;
                Places::Extended(items, extended)
            }
            None if entries > 0 => {
                if entries != frames as u64 {
                    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
                    return Err(FragmentsError::TableLength { table: BASIC, entries, frames });
                }
                Places::Basic(items)
            }
            None => Places::Walked(EncapsulatedFrames::without_table(
                source,
                Fragments::of_value(source, value)?,
                frames,
            )?),
        };
        Ok(FrameReader { source, frames, places })
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The codestream of frame `index`, from 0; copied only when it has several fragments. Its padding is still there,
    /// but where an Extended Offset Table gives the length without.
    ///
    /// # Errors
    /// [`FragmentsError::NoFrame`]; [`FragmentsError::TableEntry`] when no fragment begins where the table says, or when
    /// the frame's fragments do not end where the next frame begins; or the source's own.
    pub fn frame(&self, index: usize) -> Result<Cow<'s, [u8]>, FragmentsError> {
        Ok(joined(self.source, &self.ranges(index)?)?)
    }

    /// Where the fragments of frame `index` lie.
    ///
    /// # Errors
    /// As [`frame`](FrameReader::frame).
    pub fn ranges(&self, index: usize) -> Result<Vec<Range<u64>>, FragmentsError> {
        if index >= self.frames {
            return Err(FragmentsError::NoFrame { frame: index, frames: self.frames });
        }
        match &self.places {
            Places::Walked(frames) => Ok(frames.ranges(index).to_vec()),
            Places::Basic(items) => self.by_basic_table(items, index),
            Places::Extended(items, extended) => self.by_extended_table(items, extended, index),
        }
    }

    /// Every frame in order, each as [`frame`](FrameReader::frame) gives it.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cow<'s, [u8]>, FragmentsError>> {
        (0..self.frames).map(|index| self.frame(index))
    }

    fn by_basic_table(
        &self,
        items: &FragmentRanges<'s>,
        frame: usize,
    ) -> Result<Vec<Range<u64>>, FragmentsError> {
        let table = items.offset_table();
        let offset = |frame| entry(self.source, &table, frame).map(u32::from_le_bytes).map(u64::from);
        let (from, next) = (offset(frame)?, frame + 1);
        let to = if next < self.frames { Some(offset(next)?) } else { None };
        let wrong = FragmentsError::TableEntry { table: BASIC, frame, offset: from };
        let Some(fragments) = items.between(from, to) else { return Err(wrong) };
        let ranges: Result<Vec<_>, _> = fragments.collect();
        match ranges {
            Ok(ranges) if !ranges.is_empty() => Ok(ranges),
            Err(FragmentsError::Read(error)) => Err(error.into()),
            _ => Err(wrong),
        }
    }

    fn by_extended_table(
        &self,
        items: &FragmentRanges<'s>,
        extended: &ExtendedOffsets,
        frame: usize,
    ) -> Result<Vec<Range<u64>>, FragmentsError> {
        let (offset, length) = extended.entry(self.source, frame)?;
        let wrong = FragmentsError::TableEntry { table: EXTENDED, frame, offset };
        let first = items.between(offset, None).and_then(|mut fragments| fragments.next());
        match first {
            Some(Ok(range)) if range.end - range.start >= length => {
                Ok(std::iter::once(range.start..range.start + length).collect())
            }
            Some(Err(FragmentsError::Read(error))) => Err(error.into()),
            _ => Err(wrong),
        }
    }
}

/// The entry of `frame` in a table of numbers of `N` bytes.
fn entry<const N: usize>(source: &dyn Source, table: &Range<u64>, frame: usize) -> io::Result<[u8; N]> {
    let end_of_data = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let start = (frame as u64).checked_mul(N as u64).and_then(|at| at.checked_add(table.start));
    let start = start.ok_or_else(end_of_data)?;
    let bytes = source.bytes(start..start.saturating_add(N as u64))?;
    bytes.as_ref().try_into().map_err(|_| end_of_data())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{
        Limits, OffsetTable, VrEncoding, encapsulate, encapsulate_extended, encapsulate_value, walk,
    };
    use std::sync::Mutex;

    const FRAMES: [&[u8]; 3] = [b"abcdefg", b"hi", b"jklm"];
    const PADDED: [&[u8]; 3] = [b"abcdefg\0", b"hi", b"jklm"];

    fn read(value: &[u8], frames: u32) -> Result<Vec<Vec<u8>>, FragmentsError> {
        let reader = FrameReader::of_value(&value, 0..value.len() as u64, None, frames)?;
        reader.iter().map(|frame| frame.map(Cow::into_owned)).collect()
    }

    #[test]
    fn frames_come_back_whatever_the_table() {
        for table in [OffsetTable::Basic, OffsetTable::Empty] {
            assert_eq!(read(&encapsulate_value(&FRAMES, 1, table).unwrap(), 3).unwrap(), PADDED);
        }
        let two = [FRAMES[0], FRAMES[2]];
        let fragmented = encapsulate_value(&two, 2, OffsetTable::Basic).unwrap();
        assert_eq!(read(&fragmented, 2).unwrap(), [PADDED[0], PADDED[2]]);
        for table in [OffsetTable::Basic, OffsetTable::Extended, OffsetTable::Empty] {
            let elements = encapsulate(&FRAMES, table).unwrap();
            let data_set = walk(&elements, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
            let reader = FrameReader::of(&elements, &data_set, 3).unwrap();
            assert_eq!(reader.frames(), 3);
            for (index, expected) in PADDED.iter().enumerate() {
                assert_eq!(*reader.frame(index).unwrap(), **expected, "{table:?}");
            }
            let beyond = reader.frame(3).unwrap_err();
            assert_eq!(beyond.to_string(), "there is no frame 3 among 3");
        }
    }

    /// A source that says what was read of it.
    struct Watched(Vec<u8>, Mutex<Vec<Range<u64>>>);

    impl Source for Watched {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
            self.1.lock().unwrap().push(range.clone());
            self.0.bytes(range)
        }
    }

    #[test]
    fn a_frame_is_fetched_without_the_others() {
        let frames = vec![vec![7; 1000]; 50];
        let value = encapsulate_value(&frames, 1, OffsetTable::Basic).unwrap();
        let length = value.len() as u64;
        let extended = encapsulate_extended(&frames).unwrap();
        let together = [extended.pixel_data, extended.offsets, extended.lengths].concat();
        let tables = ExtendedOffsets {
            offsets: together.len() as u64 - 800..together.len() as u64 - 400,
            lengths: together.len() as u64 - 400..together.len() as u64,
        };
        let value_end = tables.offsets.start;
        for (bytes, end, tables) in [(value, length, None), (together, value_end, Some(tables))] {
            let source = Watched(bytes, Mutex::default());
            let reader = FrameReader::of_value(&source, 0..end, tables, 50).unwrap();
            assert_eq!(*reader.frame(40).unwrap(), *frames[40]);
            let read = source.1.lock().unwrap();
            let bytes: u64 = read.iter().map(|range| range.end - range.start).sum();
            assert!(read.len() <= 5 && bytes < 1050, "{read:?}");
        }
    }

    #[test]
    fn wrong_entries_name_frame_and_offset() {
        let value = encapsulate_value(&FRAMES, 1, OffsetTable::Basic).unwrap();
        let with = |frame: usize, offset: u32| {
            let mut value = value.clone();
            value[8 + 4 * frame..12 + 4 * frame].copy_from_slice(&offset.to_le_bytes());
            read(&value, 3).unwrap_err().to_string()
        };
        let message = |frame: usize, offset: u32| {
            format!("the Basic Offset Table is wrong for frame {frame}, which it says begins at {offset}")
        };
        assert_eq!(with(1, 17), message(0, 0), "the first frame does not end where the second begins");
        assert_eq!(with(0, 2), message(0, 2));
        assert_eq!(with(2, 1000), message(1, 16));
        assert_eq!(with(2, 16), message(1, 16));
        let few = read(&value, 2).unwrap_err();
        assert_eq!(few.to_string(), "the Basic Offset Table has 3 entries for 2 frames");
    }

    #[test]
    fn extended_entries_are_checked_against_the_fragments() {
        let elements = encapsulate(&FRAMES, OffsetTable::Extended).unwrap();
        let data_set = walk(&elements, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let tables = ExtendedOffsets::of(&data_set).unwrap();
        assert_eq!(tables.entries(&elements, 3).unwrap(), [(0, 8), (16, 2), (26, 4)]);
        assert!(matches!(
            tables.entries(&elements, 4),
            Err(FragmentsError::TableLength { entries: 3, frames: 4, .. })
        ));
        for (at, wrong) in [(12 + 8, 15), (12 + 8, 255), (12 + 24 + 12 + 8, 3), (12 + 15, 0xFF)] {
            let mut bytes = elements.clone();
            bytes[at] = wrong;
            let reader = FrameReader::of(&bytes, &data_set, 3).unwrap();
            let found = reader.frame(1);
            assert!(
                matches!(found, Err(FragmentsError::TableEntry { frame: 1, table: EXTENDED, .. })),
                "byte {at}: {found:?}"
            );
            assert_eq!(*reader.frame(2).unwrap(), *FRAMES[2], "the others are still there");
        }
    }

    #[test]
    fn damage_is_never_a_panic() {
        let value = encapsulate_value(&FRAMES, 1, OffsetTable::Basic).unwrap();
        for at in 0..value.len() {
            for byte in [0, 1, 0x7F, 0x80, 0xFE, 0xFF] {
                let mut damaged = value.clone();
                damaged[at] = byte;
                for frames in [0, 1, 3, u32::MAX] {
                    let _ = read(&damaged, frames);
                }
                let _ = read(&damaged[..at], 3);
            }
        }
    }
}
