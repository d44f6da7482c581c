//! Finds which fragments make each frame of encapsulated Pixel Data: by a table, by their number, or by their markers
//! (PS3.5 section A.4, PS3.3 section C.7.6.3.1.8).

use super::dataset::DataSet;
use super::fragments::{Fragments, FragmentsError, joined};
use super::source::Source;
use super::tag::Tag;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

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
        count(&fragments, frames)?;
        match (extended, lengths) {
            (Some(offsets), Some(lengths)) => by_extended_table(fragments, frames, &offsets, &lengths),
            _ if !fragments.offset_table.is_empty() => by_basic_table(fragments, frames),
            _ => EncapsulatedFrames::without_table(source, fragments, frames),
        }
    }

    /// Finds the frames by the number of fragments, or by the markers of their codestreams; tables are not looked at.
    pub(super) fn without_table(
        source: &dyn Source,
        fragments: Fragments,
        frames: usize,
    ) -> Result<EncapsulatedFrames, FragmentsError> {
        count(&fragments, frames)?;
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
            ranges => joined(source, ranges),
        }
    }
}

pub(super) const BASIC: &str = "Basic Offset Table";
pub(super) const EXTENDED: &str = "Extended Offset Table";

/// One fragment a frame, all of them in their order, at 64-bit offsets, perhaps shorter than its item by the padding. A table
/// that names a fragment twice would have another image made of it, and one that passes a fragment over would lose it.
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
    if fragments.ranges.len() != frames {
        return Err(FragmentsError::FrameCount { frames, fragments: fragments.ranges.len() });
    }
    let mut ranges = Vec::new();
    for (frame, (offset, length)) in offsets.as_chunks().0.iter().zip(lengths.as_chunks().0).enumerate() {
        let offset = u64::from_le_bytes(*offset);
        let wrong = FragmentsError::TableEntry { table: EXTENDED, frame, offset };
        let fragment = fragments.at(offset).filter(|fragment| *fragment == frame);
        let Some(range) = fragment.and_then(|index| fragments.ranges.get(index)) else { return Err(wrong) };
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
            _ => {
                let offset = u64::from(*offset);
                return Err(FragmentsError::TableEntry { table: BASIC, frame, offset });
            }
        }
    }
    first.push(fragments.ranges.len());
    Ok(EncapsulatedFrames { ranges: fragments.ranges, first })
}

/// Every frame has a fragment: a Number of Frames that has none sizes nothing here.
fn count(fragments: &Fragments, frames: usize) -> Result<(), FragmentsError> {
    if frames == 0 || frames > fragments.ranges.len() {
        return Err(FragmentsError::FrameCount { frames, fragments: fragments.ranges.len() });
    }
    Ok(())
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
    use crate::dicom::encapsulated_value::encapsulate;
    use crate::dicom::offset_table::OffsetTable;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{Limits, Vr, VrEncoding, walk};

    const FRAMES: [&[u8]; 3] = [b"abc", b"de", b"f"];

    fn walked(bytes: &Vec<u8>) -> DataSet {
        walk(bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap()
    }

    fn new() -> DataSetBuilder {
        DataSetBuilder::new(VrEncoding::ExplicitLittle)
    }

    fn item(value: &[u8]) -> Vec<u8> {
        new().item(value).build()
    }

    /// The codestreams of an image of these items.
    fn streams(items: &[Vec<u8>], frames: u32) -> Result<Vec<Vec<u8>>, FragmentsError> {
        let bytes = new().undefined(Tag::PIXEL_DATA, Vr::OB).raw(&items.concat()).end_sequence().build();
        let found = EncapsulatedFrames::of(&bytes, &walked(&bytes), frames)?;
        assert!(found.codestream(&bytes, found.len()).is_err());
        Ok((0..found.len()).map(|frame| found.codestream(&bytes, frame).unwrap().into_owned()).collect())
    }

    fn table(offsets: &[u32]) -> Vec<u8> {
        item(&offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_encapsulated_is_found_again() {
        let bytes = encapsulate(&FRAMES, OffsetTable::Basic).unwrap();
        let found = EncapsulatedFrames::of(&bytes, &walked(&bytes), 3).unwrap();
        assert_eq!(found.ranges(1).len(), 1);
        assert_eq!(*found.codestream(&bytes, 0).unwrap(), *b"abc\0");
        assert_eq!(*found.codestream(&bytes, 2).unwrap(), *b"f\0");

        let bytes = encapsulate(&FRAMES, OffsetTable::Extended).unwrap();
        let data_set = walked(&bytes);
        let found = EncapsulatedFrames::of(&bytes, &data_set, 3).unwrap();
        assert_eq!(*found.codestream(&bytes, 1).unwrap(), *b"de");
        // A length without the padding, as some write it, is taken at its word.
        let mut unpadded = bytes.clone();
        unpadded[48] = 3;
        let found = EncapsulatedFrames::of(&unpadded, &data_set, 3).unwrap();
        assert_eq!(*found.codestream(&unpadded, 0).unwrap(), *b"abc");
        // A length beyond the item, offsets where no item begins, and the first frame's instead of the second's.
        for (byte, wrong) in [(48, 5), (12, 1), (20, 0x0D), (20, 0)] {
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
    fn a_native_image_has_no_fragments() {
        let bytes = new().element(Tag::PIXEL_DATA, Vr::OB, &item(b"ab")).build();
        let found = EncapsulatedFrames::of(&bytes, &walked(&bytes), 1);
        assert!(matches!(found, Err(FragmentsError::NotEncapsulated)));
    }
}
