//! Some rows of one byte plane, and a map of their bytes that are equal to the one before (PS3.5 G.2, for G.3.1).
//!
//! Two things are wanted of each row before it is packed: its bytes, side by side, and where equal ones stand. Both are the same for
//! every byte, with no decision in between, so that this is where a processor's vectors pay. The map has one bit for each byte,
//! 64 to a word, so that all the questions of the packer are a few operations on words. A few rows are taken at once, as
//! many as stay in the first cache until they are packed: a row of a CT is so short that calls would cost a quarter of it.
//!
//! The portable form, which is the reference, gathers the bytes in a loop that the compiler turns into SIMD code, and compares the
//! row with itself shifted by one byte, eight in a word. With AVX2 a register compares 32. For cells of 16 bits, which are most
//! images, the form for AVX2 is written out: 64 cells are masked or shifted, packed into 64 bytes, and compared with those of one
//! place before *in registers*. To store them first and load them again a byte further on would cost more than all the rest:
//! a load that lies across two stores waits until both have reached the cache.

use super::rle_planes::{Plane, gather};

/// Bytes behind a row that may be read, but never count.
pub(super) const MARGIN: usize = 2 * BLOCK;

/// Bytes of one step, and bits of a word of the map.
pub(super) const BLOCK: usize = 64;

/// Bytes of rows that are taken at once, unless a single one is longer.
const AT_ONCE: usize = 1 << 12;

/// Some rows of one plane.
#[derive(Default)]
pub(super) struct Rows {
    /// Each row from a whole block on, and [`MARGIN`] more behind the last one.
    bytes: Vec<u8>,
    /// A bit for each byte of a row: whether it is equal to the one before. None is set for the first byte, nor behind the last
    /// one; a word without bits stands behind each row.
    alike: Vec<u64>,
    columns: usize,
    count: usize,
}

impl Rows {
    /// Makes room for rows of `columns` bytes, 1 or more. Gives how many rows there is room for.
    pub(super) fn fit(&mut self, columns: usize) -> usize {
        let most = (AT_ONCE / columns).max(1);
        let words = columns.div_ceil(BLOCK);
        (self.columns, self.count) = (columns, 0);
        self.bytes.resize(most * words * BLOCK + MARGIN, 0);
        self.alike.clear();
        self.alike.resize(most * (words + 1), 0);
        most
    }

    /// Takes rows of a plane out of all cells of these rows.
    #[inline(always)]
    pub(super) fn read<L: Lanes>(&mut self, cells: &[u8], plane: &Plane) {
        let columns = self.columns;
        let words = columns.div_ceil(BLOCK);
        let rows = cells.chunks_exact(columns * plane.stride);
        self.count = rows.len();
        let starts = (0..).step_by(words * BLOCK);
        for ((cells, start), alike) in rows.zip(starts).zip(self.alike.chunks_exact_mut(words + 1)) {
            let bytes = self.bytes.get_mut(start..).unwrap_or_default();
            let alike = &mut alike[..words];
            L::read(cells, plane, bytes, alike);
            // Nothing stands before the first byte, and what stands behind the last one is none.
            if let Some(first) = alike.first_mut() {
                *first &= !1;
            }
            let bits = columns % BLOCK;
            if let Some(last) = alike.last_mut()
                && bits > 0
            {
                *last &= !(u64::MAX << bits);
            }
        }
    }

    /// The bytes and the map of each row of a plane.
    #[cfg(test)]
    pub(super) fn of_plane<L: Lanes>(
        cells: &[u8],
        planes: &super::rle_planes::Planes,
        segment: usize,
    ) -> Vec<(Vec<u8>, Vec<u64>)> {
        let plane = planes.plane(segment);
        let mut rows = Rows::default();
        let most = rows.fit(planes.columns);
        let mut read = Vec::new();
        for first in (0..planes.rows).step_by(most) {
            rows.read::<L>(planes.rows(cells, &plane, first..planes.rows.min(first + most)), &plane);
            read.extend(rows.each().map(|row| (row.bytes[..row.columns].to_vec(), row.alike.to_vec())));
        }
        read
    }

    /// Each row that was taken.
    #[inline(always)]
    pub(super) fn each(&self) -> impl Iterator<Item = Row<'_>> {
        let words = self.columns.div_ceil(BLOCK);
        let starts = (0..).step_by(words * BLOCK).take(self.count);
        starts.zip(self.alike.chunks_exact(words + 1)).map(|(start, alike)| Row {
            bytes: self.bytes.get(start..).unwrap_or_default(),
            alike,
            columns: self.columns,
        })
    }
}

/// One of them.
pub(super) struct Row<'r> {
    /// The bytes, and [`MARGIN`] more at least.
    pub(super) bytes: &'r [u8],
    /// The map, and a word without bits.
    pub(super) alike: &'r [u64],
    /// How many bytes count.
    pub(super) columns: usize,
}

/// What differs between processors.
pub(super) trait Lanes {
    /// A bit for each byte that is the same in both, the first one at the bottom.
    fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64;

    /// The bytes of a row of a plane, out of the cells of the row, and their map but for its ends.
    #[inline(always)]
    fn read(cells: &[u8], plane: &Plane, bytes: &mut [u8], alike: &mut [u64])
    where
        Self: Sized,
    {
        gather(cells, plane.stride, plane.byte, &mut bytes[..cells.len() / plane.stride]);
        map::<Self>(bytes, alike);
    }
}

/// Fills the map of a row, but for its ends.
#[inline(always)]
pub(super) fn map<L: Lanes>(bytes: &[u8], alike: &mut [u64]) {
    let mut carry = 0;
    for (word, at) in alike.iter_mut().zip((0..).step_by(BLOCK)) {
        let block = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<{ BLOCK + 1 }>());
        let pair = block.and_then(|block| Some((block.first_chunk()?, block.last_chunk()?)));
        // Whether the next one is equal is, a place further on, whether the one before is.
        let equal = pair.map_or(0, |(some, others)| L::equal(some, others));
        *word = equal << 1 | carry;
        carry = equal >> 63;
    }
}

/// For any processor.
pub(super) struct Portable;

impl Lanes for Portable {
    #[inline(always)]
    fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64 {
        let words = some.as_chunks::<8>().0.iter().zip(others.as_chunks::<8>().0);
        words.rev().fold(0, |mask, (some, other)| {
            let differs = u64::from_le_bytes(*some) ^ u64::from_le_bytes(*other);
            // The top bit of each byte: set where any bit differs. Turned round, and collected in the top byte.
            let any = (differs & LOW_SEVEN).wrapping_add(LOW_SEVEN) | differs;
            let same = !any >> 7 & LOW_BITS;
            mask << 8 | same.wrapping_mul(COLLECT) >> 56
        })
    }
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const LOW_SEVEN: u64 = 0x7F7F_7F7F_7F7F_7F7F;
/// Moves the low bit of byte i to bit 56 + i.
const COLLECT: u64 = 0x0102_0408_1020_4080;

#[cfg(test)]
mod tests {
    use super::super::rle_planes::Planes;
    use super::*;
    use crate::codec::testing::image;
    use proptest::prelude::*;

    fn read_naively(cells: &[u8], planes: &Planes, segment: usize) -> Vec<(Vec<u8>, Vec<u64>)> {
        let plane = planes.plane(segment);
        let rows = (0..planes.rows).map(|row| {
            let cells = planes.rows(cells, &plane, row..row + 1);
            let bytes: Vec<u8> = cells.iter().skip(plane.byte).step_by(plane.stride).copied().collect();
            let mut alike = vec![0; bytes.len().div_ceil(BLOCK) + 1];
            for (at, pair) in bytes.windows(2).enumerate() {
                alike[(at + 1) / BLOCK] |= u64::from(pair[0] == pair[1]) << ((at + 1) % BLOCK);
            }
            (bytes, alike)
        });
        rows.collect()
    }

    proptest! {
        #[test]
        fn the_rows_are_those_of_the_plane(
            allocated in prop::sample::select(vec![8_u16, 16, 32]),
            (samples, planar) in prop::sample::select(vec![(1_u16, 0_u16), (3, 0), (3, 1)]),
            columns in prop_oneof![1..300_u16, 4000..4200_u16],
            rows in 1..20_u16,
            values in prop::collection::vec(0..3_u8, 1..500),
        ) {
            let image = image(rows, columns, allocated, samples, planar);
            let cells: Vec<u8> = values.into_iter().cycle().take(image.frame_bytes().unwrap() as usize).collect();
            let planes = Planes::of(&image).unwrap();
            for segment in 0..planes.segments() {
                let expected = read_naively(&cells, &planes, segment);
                prop_assert!(Rows::of_plane::<Portable>(&cells, &planes, segment) == expected, "{segment}");
            }
        }

        #[test]
        fn equal_bytes_are_found(some: [u8; 32], others: [u8; 32], same: u64) {
            let some: [u8; BLOCK] = std::array::from_fn(|at| some[at % 32]);
            let others =
                std::array::from_fn(|at| if same >> at & 1 == 1 { some[at] } else { others[at % 32] });
            let expected = (0..BLOCK).fold(0, |mask, at| mask | u64::from(some[at] == others[at]) << at);
            prop_assert_eq!(Portable::equal(&some, &others), expected);
        }
    }
}
