//! Rows of byte planes and their maps with AVX2: what the form for any processor does, 32 bytes in a register (PS3.5 G.2).
//!
//! The forms for bytes that lie by themselves, for cells of 16 bits and for pixels of three bytes are written out; they take 32 bytes of
//! the plane out of 32, 64 or 96. What lies further apart is gathered as on any processor.

use super::rle_planes::{Plane, gather};
use super::rle_rows::{BLOCK, Lanes, map};
use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_alignr_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_packus_epi16,
    _mm256_permute2x128_si256, _mm256_set_m128i, _mm256_set1_epi16, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
};

/// For x86-64 with AVX2. Only code that runs on such a processor may name it.
pub(super) struct Avx2;

impl Lanes for Avx2 {
    #[inline(always)]
    fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64 {
        // SAFETY: whoever names this type has found the processor to have AVX2, which is all that the function asks for.
        unsafe { equal(some, others) }
    }

    #[inline(always)]
    fn read(cells: &[u8], plane: &Plane, bytes: &mut [u8], alike: &mut [u64]) {
        if matches!(plane.stride, 1..=3) {
            // SAFETY: whoever names this type has found the processor to have AVX2, which is all that the function asks for.
            return unsafe { read(cells, plane, bytes, alike) };
        }
        gather(cells, plane.stride, plane.byte, &mut bytes[..cells.len() / plane.stride]);
        map::<Self>(bytes, alike);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal(some: &[u8; BLOCK], others: &[u8; BLOCK]) -> u64 {
    let halves = some.as_chunks().0.iter().zip(others.as_chunks().0).rev();
    halves.fold(0, |mask, (some, other)| mask << 32 | u64::from(equal_bytes(load(some), load(other))))
}

/// Of a plane whose bytes lie by themselves, in words, or in pixels of three bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn read(cells: &[u8], plane: &Plane, bytes: &mut [u8], alike: &mut [u64]) {
    match (plane.stride, plane.byte) {
        (1, _) => read_each::<32>(cells, bytes, alike, |cells| load(cells)),
        (2, 0) => read_each::<64>(cells, bytes, alike, |cells| {
            pack(cells, |words| _mm256_and_si256(words, _mm256_set1_epi16(0xFF)))
        }),
        (2, _) => {
            read_each::<64>(cells, bytes, alike, |cells| pack(cells, |words| _mm256_srli_epi16::<8>(words)))
        }
        (_, byte) => {
            let places = PLACES[byte.min(2)].map(|places| _mm256_broadcastsi128_si256(load_half(&places)));
            read_each::<96>(cells, bytes, alike, |cells| choose(cells, places));
        }
    }
}

/// Takes 32 bytes of the plane out of each `BYTES` bytes of the cells, and compares each with the one before.
#[inline]
#[target_feature(enable = "avx2")]
fn read_each<const BYTES: usize>(
    cells: &[u8],
    bytes: &mut [u8],
    alike: &mut [u64],
    take: impl Fn(&[u8; BYTES]) -> __m256i,
) {
    let mut before = _mm256_setzero_si256();
    let mut block = |pair: &[[u8; BYTES]; 2], place: &mut [u8; BLOCK], word: &mut u64| {
        let (one, other) = (take(&pair[0]), take(&pair[1]));
        if let [low, high] = place.as_chunks_mut().0 {
            store(low, one);
            store(high, other);
        }
        let (equal, others) = (equal_to_before(one, before), equal_to_before(other, one));
        *word = u64::from(others) << 32 | u64::from(equal);
        before = other;
    };
    let pairs = cells.as_chunks::<BYTES>().0.as_chunks::<2>().0;
    let rest = &cells[pairs.len() * 2 * BYTES..];
    let mut places = bytes.as_chunks_mut::<BLOCK>().0.iter_mut().zip(alike);
    for (pair, (place, word)) in pairs.iter().zip(&mut places) {
        block(pair, place, word);
    }
    if let Some((place, word)) = places.next().filter(|_| !rest.is_empty()) {
        let mut pair = [[0; BYTES]; 2];
        pair.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
        block(&pair, place, word);
    }
}

/// One byte of each word, which `narrow` leaves alone in the word.
#[inline]
#[target_feature(enable = "avx2")]
fn pack(cells: &[u8; 64], narrow: impl Fn(__m256i) -> __m256i) -> __m256i {
    let [first, second, third, fourth] = cells.as_chunks().0 else { return _mm256_setzero_si256() };
    // Each half of a register is packed by itself: so the first and the third sixteen bytes go together.
    let [some, others] = [(first, third), (second, fourth)]
        .map(|(low, high)| narrow(_mm256_set_m128i(load_half(high), load_half(low))));
    _mm256_packus_epi16(some, others)
}

/// Of each byte of a pixel, and each third of 48 bytes: where in it the 16 bytes of the plane are that it has.
const PLACES: [[[u8; 16]; 3]; 3] = {
    let mut places = [[[0x80; 16]; 3]; 3];
    let mut at = 0;
    while at < 48 {
        places[at % 3][at / 16][at / 3] = (at % 16) as u8;
        at += 1;
    }
    places
};

/// One byte of each pixel of three: 16 of the first 48 bytes in the lower half, and of the others in the upper one.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(cells: &[u8; 96], places: [__m256i; 3]) -> __m256i {
    let [one, two, three, four, five, six] = cells.as_chunks().0 else { return _mm256_setzero_si256() };
    let third =
        |low, high, places| _mm256_shuffle_epi8(_mm256_set_m128i(load_half(high), load_half(low)), places);
    let [first, second, last] = places;
    let most = _mm256_or_si256(third(one, four, first), third(two, five, second));
    _mm256_or_si256(most, third(three, six, last))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: a reference to 16 bytes, and the load asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_to_before(bytes: __m256i, before: __m256i) -> u32 {
    // The last 16 bytes from before and the first 16; out of them each byte's neighbour.
    let across = _mm256_permute2x128_si256::<0x21>(before, bytes);
    equal_bytes(bytes, _mm256_alignr_epi8::<15>(bytes, across))
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(place: &mut [u8; 32], bytes: __m256i) {
    // SAFETY: a reference to 32 bytes, and the store asks for no alignment.
    unsafe { _mm256_storeu_si256(place.as_mut_ptr().cast(), bytes) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: a reference to 32 bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_bytes(some: __m256i, others: __m256i) -> u32 {
    _mm256_movemask_epi8(_mm256_cmpeq_epi8(some, others)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::super::rle_planes::Planes;
    use super::super::rle_rows::{Portable, Rows};
    use super::*;
    use crate::codec::testing::image;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_form_reads_the_rows(
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
                let expected = Rows::of_plane::<Portable>(&cells, &planes, segment);
                if is_x86_feature_detected!("avx2") {
                    prop_assert!(Rows::of_plane::<Avx2>(&cells, &planes, segment) == expected, "{segment}");
                }
            }
        }

        #[test]
        fn every_form_compares_alike(some: [u8; 32], others: [u8; 32], same: u64) {
            let some: [u8; BLOCK] = std::array::from_fn(|at| some[at % 32]);
            let others =
                std::array::from_fn(|at| if same >> at & 1 == 1 { some[at] } else { others[at % 32] });
            if is_x86_feature_detected!("avx2") {
                prop_assert_eq!(Avx2::equal(&some, &others), Portable::equal(&some, &others));
            }
        }
    }
}
