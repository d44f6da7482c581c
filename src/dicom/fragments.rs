//! Finds the fragments of encapsulated Pixel Data, and which of them make each frame (PS3.5 section A.4).

use super::dataset::{DataSet, Element};
use super::source::Source;
use super::tag::Tag;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Where the fragments of one encapsulated element lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragments {
    /// The Basic Offset Table: offsets from the first item after it; often empty.
    pub offset_table: Vec<u32>,
    /// The value of each fragment, in order.
    pub ranges: Vec<Range<u64>>,
    /// Where the first item after the Basic Offset Table begins.
    start: u64,
}

impl Fragments {
    /// Reads the item headers of an element of undefined length.
    ///
    /// # Errors
    /// No Basic Offset Table item, one that is not a list of 32-bit numbers, an item that reaches beyond the
    /// element, or more than 2²² of them; or the source's own.
    pub fn of(source: &dyn Source, element: &Element) -> Result<Fragments, FragmentsError> {
        let mut items = Items { source, offset: element.value.start, end: element.value.end };
        let table = items.next()?.ok_or(FragmentsError::NoOffsetTable)?;
        let length = table.end - table.start;
        if !length.is_multiple_of(4) || length / 4 > MOST_FRAGMENTS as u64 {
            return Err(FragmentsError::OffsetTableLength { length });
        }
        let offset_table = source.bytes(table)?;
        let offset_table =
            offset_table.as_chunks().0.iter().map(|entry| u32::from_le_bytes(*entry)).collect();
        let start = items.offset;
        let mut ranges = Vec::new();
        while let Some(range) = items.next()? {
            if ranges.len() == MOST_FRAGMENTS {
                return Err(FragmentsError::TooMany);
            }
            ranges.push(range);
        }
        Ok(Fragments { offset_table, ranges, start })
    }

    /// The fragment whose item begins `offset` bytes after the Basic Offset Table item.
    fn at(&self, offset: u64) -> Option<usize> {
        let value = self.start.checked_add(offset)?.checked_add(ITEM_HEADER)?;
        self.ranges.binary_search_by_key(&value, |range| range.start).ok()
    }
}

/// Which fragments make each frame of encapsulated Pixel Data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncapsulatedFrames {
    ranges: Vec<Range<u64>>,
    /// The first fragment of each frame, and one more: the number of fragments.
    first: Vec<usize>,
}

impl EncapsulatedFrames {
    /// Finds the `frames` frames of the data set's encapsulated Pixel Data: by the Extended Offset Table, else by the
    /// Basic, else because there is one fragment a frame or one frame, else by the markers of the JPEG family.
    ///
    /// # Errors
    /// [`FragmentsError::NotEncapsulated`]; tables that contradict the fragments; many fragments without a table.
    pub fn of(source: &dyn Source, data_set: &DataSet, frames: u32) -> Result<Self, FragmentsError> {
        let element = data_set.pixel_data().filter(|element| element.undefined_length);
        let fragments = Fragments::of(source, element.ok_or(FragmentsError::NotEncapsulated)?)?;
        let extended = data_set.value(source, Tag::EXTENDED_OFFSET_TABLE)?;
        let lengths = data_set.value(source, Tag::EXTENDED_OFFSET_TABLE_LENGTHS)?;
        let frames = frames as usize;
        // Every frame has a fragment: a Number of Frames that has none sizes nothing here.
        if frames == 0 || frames > fragments.ranges.len() {
            return Err(FragmentsError::FrameCount { frames, fragments: fragments.ranges.len() });
        }
        match (extended, lengths) {
            (Some(offsets), Some(lengths)) => by_extended_table(fragments, frames, &offsets, &lengths),
            _ if !fragments.offset_table.is_empty() => by_basic_table(fragments, frames),
            _ => without_table(source, fragments, frames),
        }
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// Never: an image has a frame.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the fragments of frame `index` (from 0) lie; none beyond the last frame.
    pub fn ranges(&self, index: usize) -> &[Range<u64>] {
        match self.first.get(index..index.saturating_add(2)) {
            Some(&[first, next]) => self.ranges.get(first..next).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The codestream of frame `index`, from 0; copied only when it has several fragments. Its padding is still there.
    ///
    /// # Errors
    /// The source's own; [`io::ErrorKind::InvalidInput`] beyond the last frame.
    pub fn codestream<'s>(&self, source: &'s dyn Source, index: usize) -> io::Result<Cow<'s, [u8]>> {
        match self.ranges(index) {
            [] => Err(io::ErrorKind::InvalidInput.into()),
            [range] => source.bytes(range.clone()),
            ranges => {
                let mut codestream = Vec::new();
                for range in ranges {
                    codestream.extend_from_slice(&source.bytes(range.clone())?);
                }
                Ok(Cow::Owned(codestream))
            }
        }
    }
}

/// Why the fragments or frames of Pixel Data cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum FragmentsError {
    /// There is no Pixel Data of undefined length.
    #[error("there is no encapsulated Pixel Data")]
    NotEncapsulated,
    /// The element is empty.
    #[error("encapsulated Pixel Data has no Basic Offset Table item")]
    NoOffsetTable,
    /// The Basic Offset Table is no list of 32-bit numbers, or an absurd one.
    #[error("the Basic Offset Table has {length} bytes")]
    OffsetTableLength {
        /// In bytes.
        length: u64,
    },
    /// Not an item, or one that reaches beyond the element.
    #[error("a fragment is damaged at offset {offset}")]
    Damaged {
        /// Of its header, in the source.
        offset: u64,
    },
    /// More than 2²² fragments.
    #[error("there are too many fragments")]
    TooMany,
    /// Fragments and frames do not go together, and no table says how.
    #[error("{fragments} fragments do not make {frames} frames")]
    FrameCount {
        /// Number of Frames.
        frames: usize,
        /// How many there are.
        fragments: usize,
    },
    /// A table does not list the frames.
    #[error("the {table} has {entries} entries for {frames} frames")]
    TableLength {
        /// Its name.
        table: &'static str,
        /// How many it has.
        entries: usize,
        /// Number of Frames.
        frames: usize,
    },
    /// A table names a place where no fragment begins, or goes backwards, or a length that is not there.
    #[error("the {table} is wrong for frame {frame}")]
    TableEntry {
        /// Its name.
        table: &'static str,
        /// Which, from 0.
        frame: usize,
    },
    /// The source failed.
    #[error(transparent)]
    Read(#[from] io::Error),
}

const ITEM_HEADER: u64 = 8;
/// Each costs 16 bytes of memory; a real image of so many frames has hours.
const MOST_FRAGMENTS: usize = 1 << 22;
const BASIC: &str = "Basic Offset Table";
const EXTENDED: &str = "Extended Offset Table";

/// The items of an element, one after the other.
struct Items<'s> {
    source: &'s dyn Source,
    offset: u64,
    end: u64,
}

impl Items<'_> {
    /// The value of the next item.
    fn next(&mut self) -> Result<Option<Range<u64>>, FragmentsError> {
        if self.offset == self.end {
            return Ok(None);
        }
        let damaged = FragmentsError::Damaged { offset: self.offset };
        let start = self.offset + ITEM_HEADER;
        if start > self.end {
            return Err(damaged);
        }
        let header = self.source.bytes(self.offset..start)?;
        let &[0xFE, 0xFF, 0x00, 0xE0, a, b, c, d] = header.as_ref() else { return Err(damaged) };
        let end = start + u64::from(u32::from_le_bytes([a, b, c, d]));
        if end > self.end {
            return Err(damaged);
        }
        self.offset = end;
        Ok(Some(start..end))
    }
}

/// One fragment a frame, at 64-bit offsets, perhaps shorter than its item by the padding.
fn by_extended_table(
    fragments: Fragments,
    frames: usize,
    offsets: &[u8],
    lengths: &[u8],
) -> Result<EncapsulatedFrames, FragmentsError> {
    for table in [offsets, lengths] {
        if table.len() != frames * 8 {
            return Err(FragmentsError::TableLength { table: EXTENDED, entries: table.len() / 8, frames });
        }
    }
    let mut ranges = Vec::new();
    for (frame, (offset, length)) in offsets.as_chunks().0.iter().zip(lengths.as_chunks().0).enumerate() {
        let wrong = FragmentsError::TableEntry { table: EXTENDED, frame };
        let fragment =
            fragments.at(u64::from_le_bytes(*offset)).and_then(|index| fragments.ranges.get(index));
        let Some(range) = fragment else { return Err(wrong) };
        let end = range.start.saturating_add(u64::from_le_bytes(*length));
        if end > range.end {
            return Err(wrong);
        }
        ranges.push(range.start..end);
    }
    Ok(EncapsulatedFrames { first: (0..=ranges.len()).collect(), ranges })
}

fn by_basic_table(fragments: Fragments, frames: usize) -> Result<EncapsulatedFrames, FragmentsError> {
    let entries = fragments.offset_table.len();
    if entries != frames {
        return Err(FragmentsError::TableLength { table: BASIC, entries, frames });
    }
    let mut first = Vec::new();
    for (frame, offset) in fragments.offset_table.iter().enumerate() {
        let fragment = fragments.at(u64::from(*offset));
        let ascends = fragment
            .is_some_and(|fragment| first.last().map_or(fragment == 0, |previous| fragment > *previous));
        match fragment {
            Some(fragment) if ascends => first.push(fragment),
            _ => return Err(FragmentsError::TableEntry { table: BASIC, frame }),
        }
    }
    first.push(fragments.ranges.len());
    Ok(EncapsulatedFrames { ranges: fragments.ranges, first })
}

fn without_table(
    source: &dyn Source,
    fragments: Fragments,
    frames: usize,
) -> Result<EncapsulatedFrames, FragmentsError> {
    let count = fragments.ranges.len();
    let first = match frames {
        1 => vec![0, count],
        frames if frames == count => (0..=count).collect(),
        _ => by_markers(source, &fragments.ranges)?,
    };
    if first.len() != frames + 1 {
        return Err(FragmentsError::FrameCount { frames, fragments: count });
    }
    Ok(EncapsulatedFrames { ranges: fragments.ranges, first })
}

/// The first fragment of each codestream, and the number of fragments: as the JPEG family marks its streams. Neither
/// marker can stand within coded data, where FF is followed by less than 90 hexadecimal.
fn by_markers(source: &dyn Source, ranges: &[Range<u64>]) -> io::Result<Vec<usize>> {
    let mut first = Vec::new();
    let mut ended = true;
    for (index, range) in ranges.iter().enumerate() {
        let head = source.bytes(range.start..range.end.min(range.start + 3))?;
        // SOI and the next marker, or SOC and the high byte of the SIZ marker.
        let begins = matches!(*head, [0xFF, 0xD8 | 0x4F, 0xFF]);
        if begins && ended {
            first.push(index);
        } else if begins || ended {
            return Ok(Vec::new());
        }
        let tail = source.bytes(range.start.max(range.end.saturating_sub(3))..range.end)?;
        // EOI or EOC, and perhaps a pad byte.
        ended = matches!(*tail, [.., 0xFF, 0xD9] | [.., 0xFF, 0xD9, 0x00]);
    }
    first.push(ranges.len());
    Ok(if ended { first } else { Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::encapsulation::{OffsetTable, encapsulate};
    use crate::dicom::{Vr, VrEncoding};

    const FRAMES: [&[u8]; 3] = [b"abc", b"de", b"f"];

    fn item(value: &[u8]) -> Vec<u8> {
        let length = value.len() as u32;
        [b"\xFE\xFF\0\xE0".as_slice(), &length.to_le_bytes(), value].concat()
    }

    /// A data set of Pixel Data alone, of these items.
    fn of_items(items: &[Vec<u8>]) -> (Vec<u8>, DataSet) {
        let bytes = items.concat();
        let len = bytes.len() as u64;
        let element = Element {
            tag: Tag::PIXEL_DATA,
            vr: Some(Vr::OB),
            start: 0,
            value: 0..len,
            end: len,
            undefined_length: true,
        };
        let elements = vec![element];
        (bytes, DataSet { vr_encoding: VrEncoding::ExplicitLittle, elements, len, fragments: 0 })
    }

    fn streams(items: &[Vec<u8>], frames: u32) -> Result<Vec<Vec<u8>>, FragmentsError> {
        let (bytes, data_set) = of_items(items);
        let found = EncapsulatedFrames::of(&bytes, &data_set, frames)?;
        assert!(found.codestream(&bytes, found.len()).is_err());
        Ok((0..found.len()).map(|frame| found.codestream(&bytes, frame).unwrap().into_owned()).collect())
    }

    fn table(offsets: &[u32]) -> Vec<u8> {
        item(&offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_encapsulated_is_found_again() {
        let bytes = encapsulate(&FRAMES, OffsetTable::Basic).unwrap();
        let (_, mut data_set) = of_items(&[]);
        data_set.elements[0].value = 12..bytes.len() as u64 - 8;
        let found = EncapsulatedFrames::of(&bytes, &data_set, 3).unwrap();
        assert_eq!(found.ranges(1).len(), 1);
        assert_eq!(*found.codestream(&bytes, 0).unwrap(), *b"abc\0");
        assert_eq!(*found.codestream(&bytes, 2).unwrap(), *b"f\0");

        let bytes = encapsulate(&FRAMES, OffsetTable::Extended).unwrap();
        let element = |tag, value: Range<u64>| Element {
            tag,
            vr: Some(Vr::OV),
            start: value.start - 12,
            end: value.end,
            value,
            undefined_length: false,
        };
        data_set.elements[0].value = 84..bytes.len() as u64 - 8;
        data_set.elements.push(element(Tag::EXTENDED_OFFSET_TABLE, 12..36));
        data_set.elements.push(element(Tag::EXTENDED_OFFSET_TABLE_LENGTHS, 48..72));
        let found = EncapsulatedFrames::of(&bytes, &data_set, 3).unwrap();
        assert_eq!(*found.codestream(&bytes, 1).unwrap(), *b"de");
        // A length without the padding, as some write it, is taken at its word.
        let mut unpadded = bytes.clone();
        unpadded[48] = 3;
        let found = EncapsulatedFrames::of(&unpadded, &data_set, 3).unwrap();
        assert_eq!(*found.codestream(&unpadded, 0).unwrap(), *b"abc");
        for (byte, wrong) in [(48, 5), (12, 1), (20, 0x0D)] {
            let mut bytes = bytes.clone();
            bytes[byte] = wrong;
            let found = EncapsulatedFrames::of(&bytes, &data_set, 3);
            assert!(matches!(found, Err(FragmentsError::TableEntry { .. })), "byte {byte}: {found:?}");
        }
    }

    #[test]
    fn fragments_are_joined_to_frames_by_the_table() {
        let items = [item(b"ab"), item(b"cd"), item(b"ef"), item(b"gh")];
        let with = |offsets: &[u32]| [&[table(offsets)], items.as_slice()].concat();
        assert_eq!(streams(&with(&[0, 20]), 2).unwrap(), [b"abcd", b"efgh"]);
        assert_eq!(streams(&with(&[]), 1).unwrap(), [b"abcdefgh"]);
        assert_eq!(streams(&with(&[0]), 1).unwrap(), [b"abcdefgh"]);
        assert_eq!(streams(&with(&[]), 4).unwrap(), [b"ab", b"cd", b"ef", b"gh"]);
    }

    #[test]
    fn without_a_table_codestreams_mark_their_frames() {
        let (begin, middle, end) = (item(b"\xFF\xD8\xFF\xF7"), item(b"\xFF\x7F"), item(b"..\xFF\xD9"));
        let whole = item(b"\xFF\x4F\xFF\x51\xFF\xD9\x00");
        let of = |items: &[&Vec<u8>]| {
            let items: Vec<_> =
                std::iter::once(table(&[])).chain(items.iter().map(|item| (*item).clone())).collect();
            streams(&items, 2).map(|streams| streams.iter().map(Vec::len).collect::<Vec<_>>())
        };
        assert_eq!(of(&[&begin, &middle, &end, &whole]).unwrap(), [10, 7]);
        assert_eq!(of(&[&whole, &begin, &end]).unwrap(), [7, 8]);
        for items in [
            vec![&begin, &middle, &end, &begin],
            vec![&middle, &end, &whole],
            vec![&begin, &begin, &end],
            vec![&whole, &end, &whole],
            vec![&whole, &whole, &whole],
            vec![&middle, &middle, &middle],
        ] {
            assert!(matches!(of(&items), Err(FragmentsError::FrameCount { .. })), "{items:?}");
        }
    }

    #[test]
    fn tables_that_contradict_the_fragments_are_refused() {
        let items = [item(b"ab"), item(b"cd"), item(b"ef")];
        let with = |offsets: &[u32]| [&[table(offsets)], items.as_slice()].concat();
        for offsets in [[0, 9], [10, 20], [20, 0], [0, 0], [0, 30], [0, u32::MAX]] {
            let found = streams(&with(&offsets), 2);
            assert!(matches!(found, Err(FragmentsError::TableEntry { .. })), "{offsets:?}: {found:?}");
        }
        assert!(matches!(streams(&with(&[0]), 2), Err(FragmentsError::TableLength { entries: 1, .. })));
        for frames in [0, 2, 4, u32::MAX] {
            assert!(
                matches!(streams(&with(&[]), frames), Err(FragmentsError::FrameCount { .. })),
                "{frames}"
            );
        }
    }

    #[test]
    fn damaged_items_are_errors_with_their_place() {
        assert!(matches!(streams(&[], 1), Err(FragmentsError::NoOffsetTable)));
        assert!(matches!(streams(&[item(b"abc")], 1), Err(FragmentsError::OffsetTableLength { length: 3 })));
        let whole = [table(&[]), item(b"abcd")].concat();
        for end in (1..8).chain(9..whole.len()) {
            let found = streams(&[whole[..end].to_vec()], 1);
            let at = if end < 8 { 0 } else { 8 };
            assert!(
                matches!(found, Err(FragmentsError::Damaged { offset }) if offset == at),
                "{end}: {found:?}"
            );
        }
        let mut stranger = whole;
        stranger[8] = 0xE0;
        assert!(matches!(streams(&[stranger], 1), Err(FragmentsError::Damaged { offset: 8 })));
    }

    #[test]
    fn a_native_image_has_no_fragments() {
        let (bytes, mut data_set) = of_items(&[table(&[]), item(b"ab")]);
        data_set.elements[0].undefined_length = false;
        let found = EncapsulatedFrames::of(&bytes, &data_set, 1);
        assert!(matches!(found, Err(FragmentsError::NotEncapsulated)));
    }
}
