//! PackBits, one row of one byte plane at a time (PS3.5 G.3.1), by a map of equal neighbours.
//!
//! Asked of each byte in turn, «does a run begin here, does it go on?» is a branch for every byte, and nobody can predict it. So
//! [`rle_rows`](super::rle_rows) leaves one bit for each byte: whether it is equal to the one before. Two or more set bits side by side
//! are a run of three or more bytes. Shifts and masks of a whole word find the clear bit behind each such group; those are taken
//! one after the other by counting trailing zeros, and the first bit of the group follows from the leading zeros below. So
//! the only hard decision is how many runs end within 64 bytes. The literals before a run are copied 32 at a time
//! without asking how many there are: what is too much is overwritten by what follows. Longer stretches of literals are copied 128 at
//! a time, which is the most that one length byte stands for.

use super::rle_rows::{BLOCK, MARGIN, Row};

/// Bytes behind what is written that may be written too, but never count.
pub(super) const SLACK: usize = MARGIN;

/// The most bytes that one PackBits run or stretch stands for (G.3.1).
const LONGEST: usize = 128;
/// A shorter run inside literals costs as much as it saves.
const SHORTEST: usize = 3;
/// Literals before a run that are copied without asking how many there are.
const PIECE: usize = 32;

/// The most bytes that a row of `columns` becomes: a length byte for each 128 literals.
pub(super) fn bound(columns: usize) -> usize {
    columns + columns.div_ceil(LONGEST)
}

/// Packs a row to `out`, which has room for its [`bound`] and [`SLACK`] more. Gives how many bytes it became.
#[inline(always)]
pub(super) fn pack(row: &Row<'_>, out: &mut [u8]) -> usize {
    let mut packed = Packed { row: row.bytes, out, length: 0, literal: 0 };
    // Of the word before: whether its last bit is set, and whether its last two are; and where the group begins that reaches up
    // to this word.
    let (mut one, mut two, mut open) = (0, 0, 0);
    for (at, here) in (0..).step_by(BLOCK).zip(row.alike) {
        let here = *here;
        let pairs = here & (here << 1 | one);
        // Clear bits behind two or more set ones: one byte behind a run.
        let mut ends = !here & (pairs << 1 | two);
        while ends != 0 {
            let end = ends.trailing_zeros();
            ends &= ends.wrapping_sub(1);
            // Above the highest bit below that is not set the group begins.
            let clear = !here & !(u64::MAX << end);
            let first = if clear == 0 { open } else { at_bit(at, bits_of(clear)) };
            packed.run(first.wrapping_sub(1), at_bit(at, end));
        }
        if here != u64::MAX {
            open = at_bit(at, bits_of(!here));
        }
        (one, two) = (here >> 63, pairs >> 63);
    }
    packed.literals(row.columns);
    packed.length
}

#[inline(always)]
fn at_bit(at: usize, bit: u32) -> usize {
    at.wrapping_add(bit as usize)
}

/// One more than the number of the highest bit that is set.
#[inline(always)]
fn bits_of(word: u64) -> u32 {
    64_u32.wrapping_sub(word.leading_zeros())
}

/// What has been packed so far.
struct Packed<'r, 'o> {
    row: &'r [u8],
    out: &'o mut [u8],
    length: usize,
    /// The first byte of the row that is not packed.
    literal: usize,
}

impl Packed<'_, '_> {
    /// What is left before `start` as it is, and the equal bytes from there to `end`.
    #[inline(always)]
    fn run(&mut self, start: usize, end: usize) {
        let (count, run) = (start.wrapping_sub(self.literal), end.wrapping_sub(start));
        if count > PIECE || run > LONGEST {
            return self.long_run(start, end);
        }
        let piece = self.row.get(self.literal..).and_then(|row| row.first_chunk::<PIECE>());
        let place = self.out.get_mut(self.length..).and_then(|out| out.first_chunk_mut::<{ PIECE + 3 }>());
        let (Some(piece), Some(place)) = (piece, place) else { return };
        // Whole pieces: what is too much is overwritten by what follows, as is the length of no literals.
        place[0] = (count as u8).wrapping_sub(1);
        place[1..=PIECE].copy_from_slice(piece);
        let at = count + usize::from(count > 0);
        place[at] = length_of_run(run);
        place[at + 1] = self.row.get(start).copied().unwrap_or_default();
        self.length = self.length.wrapping_add(at + 2);
        self.literal = end;
    }

    #[inline(never)]
    fn long_run(&mut self, start: usize, end: usize) {
        self.literals(start);
        let byte = self.row.get(start).copied().unwrap_or_default();
        let mut left = end.wrapping_sub(start);
        while left >= SHORTEST {
            let run = left.min(LONGEST);
            if let Some(place) = self.out.get_mut(self.length..).and_then(|out| out.first_chunk_mut()) {
                *place = [length_of_run(run), byte];
            }
            self.length = self.length.wrapping_add(2);
            left = left.wrapping_sub(run);
        }
        // One or two bytes behind full runs go with the literals that follow.
        self.literal = end.wrapping_sub(left);
    }

    /// What is left before `to` as it is.
    #[inline(always)]
    fn literals(&mut self, to: usize) {
        while self.literal < to {
            let count = to.wrapping_sub(self.literal).min(LONGEST);
            let piece = self.row.get(self.literal..).and_then(|row| row.first_chunk::<LONGEST>());
            let place =
                self.out.get_mut(self.length..).and_then(|out| out.first_chunk_mut::<{ 1 + LONGEST }>());
            if let (Some(piece), Some(place)) = (piece, place) {
                place[0] = (count as u8).wrapping_sub(1);
                place[1..].copy_from_slice(piece);
            }
            self.length = self.length.wrapping_add(1).wrapping_add(count);
            self.literal = self.literal.wrapping_add(count);
        }
    }
}

/// −(n − 1) as a signed byte.
#[inline(always)]
fn length_of_run(count: usize) -> u8 {
    1_u8.wrapping_sub(count as u8)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use super::super::rle_avx2::Avx2;
    use super::super::rle_planes::Planes;
    use super::super::rle_rows::{Lanes, Portable, Rows};
    use super::*;
    use crate::codec::testing::image;
    use proptest::prelude::*;

    fn packed(row: &[u8]) -> Vec<u8> {
        let by_portable = packed_by::<Portable>(row);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            assert_eq!(packed_by::<Avx2>(row), by_portable, "the two forms differ");
        }
        by_portable
    }

    fn packed_by<L: Lanes>(row: &[u8]) -> Vec<u8> {
        // What lies behind the row must not count, even where it continues a run.
        let mut rows = Rows::default();
        for row in [vec![row[row.len() - 1]; row.len() + MARGIN], row.to_vec()] {
            let planes = Planes::of(&image(1, row.len() as u16, 8, 1, 0)).unwrap();
            rows.fit(row.len());
            rows.read::<L>(&row, &planes.plane(0));
        }
        let mut out = vec![0xEE; bound(row.len()) + SLACK];
        let length = pack(&rows.each().next().unwrap(), &mut out);
        assert!(length <= bound(row.len()));
        out.truncate(length);
        out
    }

    #[test]
    fn long_runs_are_cut_at_128_and_a_short_rest_is_literal() {
        let of = |length: usize| packed(&vec![9; length]);
        assert_eq!(of(3), [0xFE, 9]);
        assert_eq!(of(128), [0x81, 9]);
        assert_eq!(of(129), [0x81, 9, 0x00, 9]);
        assert_eq!(of(130), [0x81, 9, 0x01, 9, 9]);
        assert_eq!(of(300), [0x81, 9, 0x81, 9, 0xD5, 9]);
        assert_eq!(of(2), [0x01, 9, 9]);
        assert_eq!(of(1), [0x00, 9]);
    }

    #[test]
    fn a_stretch_of_literals_is_cut_at_128() {
        let row: Vec<u8> = (0..200).collect();
        let mut expected = vec![127];
        expected.extend(0..128);
        expected.push(71);
        expected.extend(128..200);
        assert_eq!(packed(&row), expected);
    }

    proptest! {
        /// The bound holds, and unpacking gives the row back.
        #[test]
        fn every_row_comes_back(
            columns in 1_usize..300,
            runs in prop::collection::vec((0_u8..4, 1_usize..300), 1..40),
        ) {
            let bytes: Vec<u8> = runs.iter().flat_map(|(value, count)| vec![*value; *count]).collect();
            for row in bytes.chunks(columns) {
                prop_assert_eq!(unpack_naively(&packed(row)), row);
            }
        }

        #[test]
        fn noise_comes_back(row in prop::collection::vec(any::<u8>(), 1..700)) {
            prop_assert_eq!(unpack_naively(&packed(&row)), row);
        }
    }

    /// PackBits as G.3.2 says it, one step after the other.
    fn unpack_naively(mut packed: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        while let Some((length, rest)) = packed.split_first() {
            let length = *length as i8;
            if length >= 0 {
                let (bytes, rest) = rest.split_at(length as usize + 1);
                row.extend_from_slice(bytes);
                packed = rest;
            } else {
                assert_ne!(length, -128, "the encoder writes no empty runs");
                row.extend(std::iter::repeat_n(rest[0], 1 + usize::from(length.unsigned_abs())));
                packed = &rest[1..];
            }
        }
        row
    }
}
