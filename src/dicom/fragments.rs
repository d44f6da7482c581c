//! Finds the fragments of an encapsulated element, item by item (PS3.5 section A.4).

use super::dataset::Element;
use super::header_writer::ITEM_HEADER;
use super::source::Source;
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
        Fragments::of_value(source, element.value.clone())
    }

    /// The same of an encapsulated value, which may end with its delimiter or without.
    ///
    /// # Errors
    /// As [`of`](Fragments::of).
    pub fn of_value(source: &dyn Source, value: Range<u64>) -> Result<Fragments, FragmentsError> {
        let items = FragmentRanges::of(source, value)?;
        let offset_table = source.bytes(items.offset_table())?;
        let offset_table =
            offset_table.as_chunks().0.iter().map(|entry| u32::from_le_bytes(*entry)).collect();
        let start = items.offset;
        let mut ranges = Vec::new();
        for range in items {
            if ranges.len() == MOST_FRAGMENTS {
                return Err(FragmentsError::TooMany);
            }
            ranges.push(range?);
        }
        Ok(Fragments { offset_table, ranges, start })
    }

    /// The index of the fragment whose item begins `offset` bytes after the Basic Offset Table item.
    pub(super) fn at(&self, offset: u64) -> Option<usize> {
        let value = self.start.checked_add(offset)?.checked_add(ITEM_HEADER)?;
        self.ranges.binary_search_by_key(&value, |range| range.start).ok()
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
    #[error("the {table} is wrong for frame {frame}, which it says begins at {offset}")]
    TableEntry {
        /// Its name.
        table: &'static str,
        /// Which, from 0.
        frame: usize,
        /// What the table says, counted from the first item after the Basic Offset Table.
        offset: u64,
    },
    /// A frame was asked for that is not there.
    #[error("there is no frame {frame} among {frames}")]
    NoFrame {
        /// Which, from 0.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
    /// The source failed.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// Each costs 16 bytes of memory; a real image of so many frames has hours.
const MOST_FRAGMENTS: usize = 1 << 22;

/// The fragments of an encapsulated value, found one after the other: nothing is read but the headers of their items.
///
/// ```
/// use condenser::dicom::{FragmentRanges, OffsetTable, encapsulate_value};
///
/// let value = encapsulate_value(&[&b"first"[..], b"2nd."], 1, OffsetTable::Basic)?;
/// let fragments = FragmentRanges::of(&value, 0..value.len() as u64)?;
/// assert_eq!(fragments.collect::<Result<Vec<_>, _>>()?, [24..30, 38..42]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FragmentRanges<'s> {
    source: &'s dyn Source,
    offset: u64,
    end: u64,
    table: Range<u64>,
}

impl<'s> FragmentRanges<'s> {
    /// Begins behind the Basic Offset Table of the encapsulated `value`, which may end with its delimiter or without.
    ///
    /// # Errors
    /// [`FragmentsError::NoOffsetTable`] of an empty value; [`FragmentsError::OffsetTableLength`] when the first item is
    /// no list of at most 2²² numbers of 32 bits; [`FragmentsError::Damaged`]; or the source's own.
    pub fn of(source: &'s dyn Source, value: Range<u64>) -> Result<FragmentRanges<'s>, FragmentsError> {
        let end = value.end.min(source.len());
        let mut items = FragmentRanges { source, offset: value.start, end, table: 0..0 };
        items.table = items.read()?.ok_or(FragmentsError::NoOffsetTable)?;
        let length = items.table.end - items.table.start;
        if !length.is_multiple_of(4) || length / 4 > MOST_FRAGMENTS as u64 {
            return Err(FragmentsError::OffsetTableLength { length });
        }
        Ok(items)
    }

    /// Where the entries of the Basic Offset Table lie; an empty range when there are none.
    pub fn offset_table(&self) -> Range<u64> {
        self.table.clone()
    }

    /// The fragments that lie between two offsets, counted from the first item after the Basic Offset Table; all to the
    /// end without a second one. `None` where no item can begin.
    pub(super) fn between(&self, from: u64, to: Option<u64>) -> Option<FragmentRanges<'s>> {
        let start = self.table.end;
        let offset = start.checked_add(from).filter(|offset| *offset < self.end)?;
        let end = to.map_or(Some(self.end), |to| start.checked_add(to));
        let end = end.filter(|end| *end > offset && *end <= self.end)?;
        Some(FragmentRanges { source: self.source, offset, end, table: self.table.clone() })
    }

    /// The value of the next item.
    fn read(&mut self) -> Result<Option<Range<u64>>, FragmentsError> {
        if self.offset == self.end {
            return Ok(None);
        }
        let damaged = FragmentsError::Damaged { offset: self.offset };
        let Some(start) = self.offset.checked_add(ITEM_HEADER).filter(|start| *start <= self.end) else {
            return Err(damaged);
        };
        let header = self.source.bytes(self.offset..start)?;
        if *header == DELIMITER {
            self.offset = self.end;
            return Ok(None);
        }
        let &[0xFE, 0xFF, 0x00, 0xE0, a, b, c, d] = header.as_ref() else { return Err(damaged) };
        let end = start.saturating_add(u64::from(u32::from_le_bytes([a, b, c, d])));
        if end > self.end {
            return Err(damaged);
        }
        self.offset = end;
        Ok(Some(start..end))
    }
}

impl Iterator for FragmentRanges<'_> {
    type Item = Result<Range<u64>, FragmentsError>;

    /// The value of the next fragment; an error is the last that comes.
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read();
        if next.is_err() {
            self.offset = self.end;
        }
        next.transpose()
    }
}

/// The bytes of these ranges, one after the other; copied only when there are several.
pub(super) fn joined<'s>(source: &'s dyn Source, ranges: &[Range<u64>]) -> io::Result<Cow<'s, [u8]>> {
    if let [range] = ranges {
        return source.bytes(range.clone());
    }
    let mut bytes = Vec::new();
    for range in ranges {
        bytes.extend_from_slice(&source.bytes(range.clone())?);
    }
    Ok(Cow::Owned(bytes))
}

/// A Sequence Delimitation Item, little endian.
const DELIMITER: [u8; 8] = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{Tag, Vr, VrEncoding};

    /// The fragments of an element whose value has these items.
    fn of(items: DataSetBuilder) -> Result<Fragments, FragmentsError> {
        of_bytes(&items.build())
    }

    fn of_bytes(value: &[u8]) -> Result<Fragments, FragmentsError> {
        let end = value.len() as u64;
        let (tag, vr) = (Tag::PIXEL_DATA, Some(Vr::OB));
        let element = Element { tag, vr, start: 0, value: 0..end, end, undefined_length: true };
        Fragments::of(&value, &element)
    }

    fn items() -> DataSetBuilder {
        DataSetBuilder::new(VrEncoding::ExplicitLittle)
    }

    #[test]
    fn every_fragment_is_found_by_its_place_and_by_its_offset() {
        let fragments = of(items().item(&[0, 0, 0, 0, 0x0A, 0, 0, 0]).item(b"ab").item(b"").item(b"cdef"));
        let fragments = fragments.unwrap();
        assert_eq!(fragments.offset_table, [0, 10]);
        assert_eq!(fragments.ranges, [24..26, 34..34, 42..46]);
        let found: Vec<_> = [0, 10, 18, 8, 22, u64::MAX].map(|offset| fragments.at(offset)).into();
        assert_eq!(found, [Some(0), Some(1), Some(2), None, None, None]);
    }

    #[test]
    fn damaged_items_are_errors_with_their_place() {
        assert!(matches!(of(items()), Err(FragmentsError::NoOffsetTable)));
        let odd = of(items().item(b"abc"));
        assert!(matches!(odd, Err(FragmentsError::OffsetTableLength { length: 3 })));
        let whole = items().item(b"").item(b"abcd").build();
        for end in (1..8).chain(9..whole.len()) {
            let found = of_bytes(&whole[..end]);
            let at = if end < 8 { 0 } else { 8 };
            assert!(
                matches!(found, Err(FragmentsError::Damaged { offset }) if offset == at),
                "{end}: {found:?}"
            );
        }
        let mut stranger = whole;
        stranger[8] = 0xE0;
        assert!(matches!(of_bytes(&stranger), Err(FragmentsError::Damaged { offset: 8 })));
        let value = stranger.as_slice();
        let mut ranges = FragmentRanges::of(&value, 0..20).unwrap();
        assert!(matches!(ranges.next(), Some(Err(FragmentsError::Damaged { offset: 8 }))));
        assert!(ranges.next().is_none(), "an error is the last");
    }

    #[test]
    fn a_value_may_end_with_its_delimiter() {
        let value = items().item(b"").item(b"ab").end_sequence().raw(b"behind it").build();
        for value in [value.as_slice(), &value[..18]] {
            let fragments = of_bytes(value).unwrap();
            assert_eq!((fragments.ranges.len(), &fragments.ranges[0]), (1, &(16..18)));
        }
    }
}
