//! PackBits, one row of one byte plane at a time (PS3.5 G.3.1), by a map of equal neighbours.
//!
//! Asked of each byte in turn, «does a run begin here, does it go on?» is a branch for every byte, and nobody can predict it. So
//! a first pass compares the row with itself shifted by one byte, 64 bytes a step, and leaves one bit for each byte: whether the
//! next one is equal. A run of three begins at the first set bit whose neighbour is set too, and ends at the first bit that
//! is not set; both are found by counting trailing zeros, 64 bytes a step. There is one hard decision for each run and each
//! stretch of literals, and none for each byte.
//!
//! The comparison is the only part that differs between processors: AVX2 compares 32 bytes at once and makes a mask of them; the
//! portable form does eight in a word, and is the reference.

/// Bytes behind a row, and behind what is written, that may be read and written but never count.
pub(super) const MARGIN: usize = 2 * BLOCK;

/// Bytes of one step.
const BLOCK: usize = 64;
/// The most bytes that one PackBits run or stretch stands for (G.3.1).
const LONGEST: usize = 128;
/// A shorter run inside literals costs as much as it saves.
const SHORTEST: usize = 3;

/// How a processor compares bytes.
pub(super) trait Lanes {
    /// A bit for each byte that is the same in both, the first one at the bottom.
    fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64;
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

/// For x86-64 with AVX2. Only code that runs on such a processor may name it.
#[cfg(target_arch = "x86_64")]
pub(super) struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    #[inline(always)]
    fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64 {
        // SAFETY: whoever names this type has found the processor to have AVX2, which is all that the function asks for.
        unsafe { equal_with_avx2(some, others) }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn equal_with_avx2(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_set_epi64x};
    let load = |bytes: &[u8; BLOCK], half: usize| {
        let word = |at: usize| {
            let words = bytes.as_chunks::<8>().0;
            words.get(4 * half + at).map_or(0, |word| i64::from_le_bytes(*word))
        };
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    };
    let half = |half| {
        let equal = _mm256_cmpeq_epi8(load(some, half), load(others, half));
        u64::from(_mm256_movemask_epi8(equal).cast_unsigned())
    };
    half(0) | half(1) << 32
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const LOW_SEVEN: u64 = 0x7F7F_7F7F_7F7F_7F7F;
/// Moves the low bit of byte i to bit 56 + i.
const COLLECT: u64 = 0x0102_0408_1020_4080;

/// The most bytes that a row of `columns` becomes: a length byte for each 128 literals.
pub(super) fn bound(columns: usize) -> usize {
    columns + columns.div_ceil(LONGEST)
}

/// Packs the first `columns` bytes of `row`, behind which [`MARGIN`] more may be read, to `out`, which has room for their
/// [`bound`] and [`MARGIN`] more. Gives how many bytes they became. `equal` is used up.
#[inline(always)]
pub(super) fn pack<L: Lanes>(row: &[u8], columns: usize, equal: &mut Vec<u64>, out: &mut [u8]) -> usize {
    map::<L>(row, columns, equal);
    let mut packed = Packed { row, out, length: 0 };
    let (mut literal, mut at) = (0, 0);
    while let Some(start) = next_run(equal, at) {
        let end = run_end(equal, start);
        packed.literals(literal, start);
        let mut left = end - start;
        while left >= SHORTEST {
            let run = left.min(LONGEST);
            packed.run(start, run);
            left -= run;
        }
        // One or two bytes behind full runs go with the literals that follow.
        literal = end - left;
        at = end;
    }
    packed.literals(literal, columns);
    packed.length
}

/// A bit for each byte of the row: whether the next one is equal. The last has none next to it; a word without bits follows.
#[inline(always)]
fn map<L: Lanes>(row: &[u8], columns: usize, equal: &mut Vec<u64>) {
    let words = columns.div_ceil(BLOCK);
    equal.clear();
    equal.resize(words + 1, 0);
    for (word, at) in equal.iter_mut().take(words).zip((0..).step_by(BLOCK)) {
        let blocks = (
            row.get(at..).and_then(|row| row.first_chunk()),
            row.get(at + 1..).and_then(|row| row.first_chunk()),
        );
        if let (Some(some), Some(others)) = blocks {
            *word = L::equal(some, others);
        }
    }
    if let Some(last) = columns.checked_sub(1) {
        equal[last / BLOCK] &= !(u64::MAX << (last % BLOCK));
    }
}

/// The first byte from `at` on where three equal ones begin.
#[inline(always)]
fn next_run(equal: &[u64], at: usize) -> Option<usize> {
    let mut mask = u64::MAX << (at % BLOCK);
    for (word, pair) in equal.windows(2).enumerate().skip(at / BLOCK) {
        let begins = pair[0] & (pair[0] >> 1 | pair[1] << 63) & mask;
        if begins != 0 {
            return Some(word * BLOCK + begins.trailing_zeros() as usize);
        }
        mask = u64::MAX;
    }
    None
}

/// One behind the last of the equal bytes that begin at `start`.
#[inline(always)]
fn run_end(equal: &[u64], start: usize) -> usize {
    let mut mask = u64::MAX << (start % BLOCK);
    for (word, bits) in equal.iter().enumerate().skip(start / BLOCK) {
        let ends = !bits & mask;
        if ends != 0 {
            return word * BLOCK + ends.trailing_zeros() as usize + 1;
        }
        mask = u64::MAX;
    }
    equal.len() * BLOCK
}

/// What has been packed so far.
struct Packed<'r, 'o> {
    row: &'r [u8],
    out: &'o mut [u8],
    length: usize,
}

impl Packed<'_, '_> {
    /// The bytes from `from` to `to` as they are.
    #[inline(always)]
    fn literals(&mut self, mut from: usize, to: usize) {
        while from < to {
            let count = (to - from).min(LONGEST);
            self.push((count - 1) as u8);
            // Whole pieces: what is too much is overwritten by what follows.
            for at in (0..count).step_by(PIECE) {
                let piece = self.row.get(from + at..).and_then(|row| row.first_chunk::<PIECE>());
                let place =
                    self.out.get_mut(self.length + at..).and_then(|out| out.first_chunk_mut::<PIECE>());
                if let (Some(piece), Some(place)) = (piece, place) {
                    *place = *piece;
                }
            }
            self.length += count;
            from += count;
        }
    }

    /// `count` bytes like the one at `start`.
    #[inline(always)]
    fn run(&mut self, start: usize, count: usize) {
        // −(n − 1) as a signed byte.
        self.push((257 - count) as u8);
        self.push(self.row[start]);
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.out.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }
}

/// Bytes that literals are copied by.
const PIECE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
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
        let mut with_margin = row.to_vec();
        with_margin.resize(row.len() + MARGIN, *row.last().unwrap());
        let mut out = vec![0xEE; bound(row.len()) + MARGIN];
        let length = pack::<L>(&with_margin, row.len(), &mut vec![7; 3], &mut out);
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

        #[test]
        fn every_form_compares_alike(some: [u8; 32], others: [u8; 32], same: u64) {
            let some: [u8; BLOCK] = std::array::from_fn(|at| some[at % 32]);
            let others =
                std::array::from_fn(|at| if same >> at & 1 == 1 { some[at] } else { others[at % 32] });
            let expected = (0..BLOCK).fold(0, |mask, at| mask | u64::from(some[at] == others[at]) << at);
            prop_assert_eq!(Portable::equal(&some, &others), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                prop_assert_eq!(Avx2::equal(&some, &others), expected);
            }
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
