//! The tables that say where the frames of encapsulated Pixel Data begin, as they are written (PS3.5 section A.4,
//! PS3.3 section C.7.6.3.1.8).

use super::element::UNDEFINED_LENGTH;
use super::header_writer::{ITEM_HEADER, LONG_HEADER, put_header, put_item};
use super::tag::Tag;
use super::vr::Vr;
use std::io::{self, Seek, SeekFrom, Write};

/// Which table says where the frames are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetTable {
    /// The Basic Offset Table: 32-bit offsets in the first item (PS3.5 section A.4).
    Basic,
    /// The Extended Offset Table and its lengths: 64-bit, in elements of their own before Pixel Data, with an empty
    /// Basic Offset Table (PS3.3 section C.7.6.3.1.8).
    Extended,
    /// None: the Basic Offset Table is there, as it must be, but empty. Who looks for a frame has to walk the fragments,
    /// and where a frame has several there may be no telling them apart.
    Empty,
}

impl OffsetTable {
    /// The Basic Offset Table when `frames` frames of together at most `encoded_bytes` bytes can have it, else the
    /// Extended.
    pub fn choose(encoded_bytes: u64, frames: u32) -> OffsetTable {
        // Each frame adds the header of its item and a pad byte.
        let furthest = encoded_bytes.saturating_add(u64::from(frames) * (ITEM_HEADER + 1));
        if furthest <= u64::from(u32::MAX) { OffsetTable::Basic } else { OffsetTable::Extended }
    }

    /// Whether a table can have so many entries; it has one at least.
    pub(super) fn lists(self, frames: u32) -> bool {
        frames > 0 && self.length(frames) < u64::from(UNDEFINED_LENGTH)
    }

    /// How many bytes [`reserve`](OffsetTable::reserve) writes.
    pub(super) fn reserved_bytes(self, frames: u32) -> u64 {
        match self {
            OffsetTable::Basic | OffsetTable::Empty => LONG_HEADER + ITEM_HEADER + self.length(frames),
            OffsetTable::Extended => 2 * (LONG_HEADER + self.length(frames)) + LONG_HEADER + ITEM_HEADER,
        }
    }

    /// Writes all that stands before the first frame, the header of Pixel Data included, with zeros for entries.
    ///
    /// # Errors
    /// The writer's; [`io::ErrorKind::InvalidInput`] for more frames than the table [`lists`](OffsetTable::lists).
    pub(super) fn reserve<W: Write + ?Sized>(self, out: &mut W, frames: u32) -> io::Result<()> {
        let length = u32::try_from(self.length(frames)).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut header = Vec::new();
        if self == OffsetTable::Extended {
            for tag in [Tag::EXTENDED_OFFSET_TABLE, Tag::EXTENDED_OFFSET_TABLE_LENGTHS] {
                header.clear();
                put_header(&mut header, tag, Vr::OV, length)?;
                out.write_all(&header)?;
                zeros(out, length)?;
            }
        }
        let basic_length = if self == OffsetTable::Basic { length } else { 0 };
        header.clear();
        put_header(&mut header, Tag::PIXEL_DATA, Vr::OB, UNDEFINED_LENGTH)?;
        put_item(&mut header, Tag::ITEM, basic_length);
        out.write_all(&header)?;
        zeros(out, basic_length)
    }

    /// Writes the entries in their place, of frames whose items have these `lengths`: the value of the last and, where
    /// there are several, all of those before it with their headers. `out` stands where
    /// [`reserve`](OffsetTable::reserve) has begun. No offset in a Basic Offset Table may be beyond 32 bits.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn fill_in<W: Write + Seek + ?Sized>(self, out: &mut W, lengths: &[u64]) -> io::Result<()> {
        let offsets = lengths.iter().scan(0, |next, length| {
            let offset = *next;
            *next += ITEM_HEADER + *length;
            Some(offset)
        });
        match self {
            OffsetTable::Empty => Ok(()),
            OffsetTable::Basic => {
                out.seek(SeekFrom::Current((LONG_HEADER + ITEM_HEADER) as i64))?;
                entries(out, offsets.map(|offset| (offset as u32).to_le_bytes()))
            }
            OffsetTable::Extended => {
                out.seek(SeekFrom::Current(LONG_HEADER as i64))?;
                entries(out, offsets.map(u64::to_le_bytes))?;
                out.seek(SeekFrom::Current(LONG_HEADER as i64))?;
                // The length of the item: what PS3.3 leaves open, pydicom and others read and write with the padding.
                entries(out, lengths.iter().map(|length| length.to_le_bytes()))
            }
        }
    }

    /// Whether the entries are the zeros that [`reserve`](OffsetTable::reserve) wrote: the first offset always is 0.
    pub(super) fn is_zero(self, frames: u32) -> bool {
        self == OffsetTable::Basic && frames == 1
    }

    /// The bytes of the entries.
    fn length(self, frames: u32) -> u64 {
        let entry = match self {
            OffsetTable::Basic => 4,
            OffsetTable::Extended => 8,
            OffsetTable::Empty => 0,
        };
        entry * u64::from(frames)
    }
}

/// Tables are written in pieces of about this size.
const PIECE: usize = 64 * 1024;

fn zeros<W: Write + ?Sized>(out: &mut W, count: u32) -> io::Result<()> {
    let piece = [0; 4096];
    let mut left = count as usize;
    while left > 0 {
        let now = left.min(piece.len());
        out.write_all(piece.get(..now).unwrap_or_default())?;
        left -= now;
    }
    Ok(())
}

fn entries<W, const N: usize>(out: &mut W, entries: impl Iterator<Item = [u8; N]>) -> io::Result<()>
where
    W: Write + ?Sized,
{
    let mut piece = Vec::new();
    for entry in entries {
        piece.extend_from_slice(&entry);
        if piece.len() >= PIECE {
            out.write_all(&piece)?;
            piece.clear();
        }
    }
    out.write_all(&piece)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn the_table_is_chosen_by_what_32_bits_can_say() {
        let limit = u64::from(u32::MAX);
        assert_eq!(OffsetTable::choose(limit - 9, 1), OffsetTable::Basic);
        assert_eq!(OffsetTable::choose(limit - 8, 1), OffsetTable::Extended);
        assert_eq!(OffsetTable::choose(limit - 9_000, 1_000), OffsetTable::Basic);
        assert_eq!(OffsetTable::choose(limit - 8_999, 1_000), OffsetTable::Extended);
        assert_eq!(OffsetTable::choose(u64::MAX, u32::MAX), OffsetTable::Extended);
    }

    #[test]
    fn as_many_frames_as_a_length_can_count_are_listed() {
        for (table, most) in [(OffsetTable::Basic, (1 << 30) - 1), (OffsetTable::Extended, (1 << 29) - 1)] {
            assert!(table.lists(1) && table.lists(most), "{table:?}");
            assert!(!table.lists(0) && !table.lists(most + 1) && !table.lists(u32::MAX), "{table:?}");
        }
    }

    #[test]
    fn what_is_reserved_is_filled_in_and_no_longer() {
        for (table, entries) in [
            (OffsetTable::Empty, b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0".as_slice()),
            (OffsetTable::Basic, b"\0\0\0\0\x0A\0\0\0".as_slice()),
            (
                OffsetTable::Extended,
                b"\x04\0\0\0\0\0\0\0\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0",
            ),
        ] {
            let mut out = Cursor::new(Vec::new());
            table.reserve(&mut out, 2).unwrap();
            assert_eq!(out.position(), table.reserved_bytes(2));
            out.set_position(0);
            table.fill_in(&mut out, &[2, 4]).unwrap();
            let written = out.into_inner();
            assert_eq!(written.len() as u64, table.reserved_bytes(2));
            assert!(written.ends_with(entries), "{table:?}: {}", written.escape_ascii());
        }
    }
}
