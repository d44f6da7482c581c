//! Work on stored cells that several codecs share: planar order, unused bits, sign extension (PS3.3 C.7.6.3.1.3, PS3.5 8.1.1).

use crate::dicom::ImagePixel;

/// Reorders the cells of one frame from Planar Configuration 1 (RRR…GGG…BBB) to 0 (RGBRGB…).
///
/// `planar` must hold a whole number of pixels; `out` is replaced.
pub(super) fn interleave(planar: &[u8], samples: usize, bytes_per_cell: usize, out: &mut Vec<u8>) {
    out.clear();
    out.resize(planar.len(), 0);
    reorder(planar, out, samples, bytes_per_cell, Order::ToPixels);
}

/// Reorders the cells of one frame from Planar Configuration 0 to 1; the inverse of [`interleave`].
pub(super) fn deinterleave(pixels: &[u8], samples: usize, bytes_per_cell: usize, out: &mut Vec<u8>) {
    out.clear();
    out.resize(pixels.len(), 0);
    reorder(pixels, out, samples, bytes_per_cell, Order::ToPlanes);
}

/// Whether every bit above Bits Stored is what a decoder restores there: zero when unsigned, the sign when signed.
///
/// Overlays in the unused bits (retired in 2004 and still met) and garbage make this false.
/// Cells are little endian; images whose cells have no unused bits are always true.
pub(super) fn unused_bits_are_canonical(cells: &[u8], image: &ImagePixel) -> bool {
    let (stored, allocated) = (u32::from(image.bits_stored), u32::from(image.bits_allocated));
    if stored >= allocated || stored == 0 {
        return true;
    }
    // A sum over blocks rather than `all`: without an exit for each cell the loop becomes SIMD code.
    const BLOCK: usize = 1 << 14;
    match (allocated, image.signed) {
        (8, false) => {
            let unused = u8::MAX << stored;
            cells.chunks(BLOCK).all(|block| block.iter().fold(0, |seen, cell| seen | (cell & unused)) == 0)
        }
        (8, true) => {
            let shift = 8 - stored;
            let differs = |cell: &u8| (((*cell << shift) as i8) >> shift) as u8 ^ *cell;
            cells.chunks(BLOCK).all(|block| block.iter().fold(0, |seen, cell| seen | differs(cell)) == 0)
        }
        (16, false) => {
            let unused = u16::MAX << stored;
            words(cells, BLOCK, |cell| cell & unused)
        }
        (16, true) => {
            let shift = 16 - stored;
            words(cells, BLOCK, |cell| (((cell << shift) as i16) >> shift) as u16 ^ cell)
        }
        (32, signed) => cells.as_chunks::<4>().0.iter().all(|cell| {
            let cell = u32::from_le_bytes(*cell);
            let shift = 32 - stored;
            let restored =
                if signed { (((cell << shift) as i32) >> shift) as u32 } else { (cell << shift) >> shift };
            restored == cell
        }),
        // Cells of other widths have no codec that drops unused bits.
        _ => false,
    }
}

/// Whether every cell lies no nearer than `near` to the ends of what Bits Stored can hold: the upper one, and the lower one too
/// where there is a sign. Nothing lies below 0.
///
/// Codecs that know no sign take the pattern of a sample for its value, and there the two ends lie side by side. Cells are
/// canonical (see [`unused_bits_are_canonical`]) and of 8 or 16 bits; those of other widths give false.
pub(super) fn keep_away_from_the_ends(cells: &[u8], image: &ImagePixel, near: u8) -> bool {
    let (near, range) = (i32::from(near), 1_i32 << image.bits_stored.clamp(1, 16));
    let inner = if image.signed { near - range / 2..range / 2 - near } else { 0..range - near };
    match (image.bits_allocated, image.signed) {
        (8, true) => cells.iter().all(|cell| inner.contains(&i32::from(cell.cast_signed()))),
        (8, false) => cells.iter().all(|cell| inner.contains(&i32::from(*cell))),
        (16, true) => {
            cells.as_chunks().0.iter().all(|cell| inner.contains(&i32::from(i16::from_le_bytes(*cell))))
        }
        (16, false) => {
            cells.as_chunks().0.iter().all(|cell| inner.contains(&i32::from(u16::from_le_bytes(*cell))))
        }
        _ => false,
    }
}

/// Extends the sign of every 8-bit, 16-bit or 32-bit little-endian cell from its highest stored bit.
pub(super) fn extend_sign(cells: &mut [u8], image: &ImagePixel) {
    let (stored, allocated) = (u32::from(image.bits_stored), u32::from(image.bits_allocated));
    if !image.signed || stored >= allocated || stored == 0 {
        return;
    }
    let shift = allocated - stored;
    match allocated {
        8 => cells.iter_mut().for_each(|cell| *cell = (((*cell << shift) as i8) >> shift) as u8),
        16 => cells.as_chunks_mut::<2>().0.iter_mut().for_each(|cell| {
            let value = ((u16::from_le_bytes(*cell) << shift) as i16) >> shift;
            *cell = value.to_le_bytes();
        }),
        32 => cells.as_chunks_mut::<4>().0.iter_mut().for_each(|cell| {
            let value = ((u32::from_le_bytes(*cell) << shift) as i32) >> shift;
            *cell = value.to_le_bytes();
        }),
        _ => {}
    }
}

/// Replaces `bits` by the lowest bit of each cell of one byte, eight in a byte, the first in the lowest bit (PS3.5 8.1.1).
pub(super) fn pack(cells: &[u8], bits: &mut Vec<u8>) {
    bits.clear();
    bits.extend(cells.chunks(8).map(|cells| cells.iter().rev().fold(0, |byte, cell| byte << 1 | (cell & 1))));
}

/// Turns cells of one byte into little-endian cells of two bytes, in place.
pub(super) fn widen(cells: &mut Vec<u8>) {
    let count = cells.len();
    cells.resize(count * 2, 0);
    // From the end, so that no cell is overwritten before it is read.
    for at in (0..count).rev() {
        let cell = cells[at];
        cells[2 * at] = cell;
        cells[2 * at + 1] = 0;
    }
}

fn words(cells: &[u8], block: usize, differs: impl Fn(u16) -> u16) -> bool {
    cells
        .as_chunks::<2>()
        .0
        .chunks(block)
        .all(|block| block.iter().fold(0, |seen, cell| seen | differs(u16::from_le_bytes(*cell))) == 0)
}

#[derive(Clone, Copy)]
enum Order {
    ToPixels,
    ToPlanes,
}

fn reorder(from: &[u8], to: &mut [u8], samples: usize, bytes_per_cell: usize, order: Order) {
    match bytes_per_cell {
        1 => reorder_cells::<1>(from, to, samples, order),
        2 => reorder_cells::<2>(from, to, samples, order),
        4 => reorder_cells::<4>(from, to, samples, order),
        8 => reorder_cells::<8>(from, to, samples, order),
        _ => {}
    }
}

fn reorder_cells<const BYTES: usize>(from: &[u8], to: &mut [u8], samples: usize, order: Order) {
    let (from, to) = (from.as_chunks::<BYTES>().0, to.as_chunks_mut::<BYTES>().0);
    let plane = from.len().checked_div(samples).unwrap_or(0);
    if plane == 0 {
        return;
    }
    for sample in 0..samples {
        match order {
            Order::ToPixels => {
                let cells = &from[sample * plane..(sample + 1) * plane];
                for (pixel, cell) in to.chunks_exact_mut(samples).zip(cells) {
                    pixel[sample] = *cell;
                }
            }
            Order::ToPlanes => {
                let cells = &mut to[sample * plane..(sample + 1) * plane];
                for (cell, pixel) in cells.iter_mut().zip(from.chunks_exact(samples)) {
                    *cell = pixel[sample];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, stored};
    use super::*;

    /// Two cells.
    fn image(allocated: u16, bits_stored: u16, signed: bool) -> ImagePixel {
        stored(bits_stored, signed, testing::image(1, 2, allocated, 1, 0))
    }

    #[test]
    fn planes_become_pixels_and_planes_again() {
        let planar = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6];
        let (mut pixels, mut planes) = (vec![9; 40], Vec::new());
        interleave(&planar, 3, 2, &mut pixels);
        assert_eq!(pixels, [1, 1, 3, 3, 5, 5, 2, 2, 4, 4, 6, 6]);
        deinterleave(&pixels, 3, 2, &mut planes);
        assert_eq!(planes, planar);
        interleave(&[1, 2, 3, 4, 5, 6], 3, 1, &mut pixels);
        assert_eq!(pixels, [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn unused_bits_must_be_the_extension() {
        for (cell, image, canonical) in [
            (0x0FFF_u16, image(16, 12, false), true),
            (0x1FFF, image(16, 12, false), false),
            (0x07FF, image(16, 12, true), true),
            (0xF800, image(16, 12, true), true),
            // The sign bit is set, but not extended.
            (0x0800, image(16, 12, true), false),
            (0x1000, image(16, 12, true), false),
            (0xFFFF, image(16, 16, false), true),
            (0x7F3F, image(8, 7, false), true),
            (0x8000, image(8, 7, false), false),
            (0xC03F, image(8, 7, true), true),
            (0x4000, image(8, 7, true), false),
        ] {
            assert_eq!(
                unused_bits_are_canonical(&cell.to_le_bytes(), &image),
                canonical,
                "{cell:#06x} {image:?}"
            );
        }
        for (cell, stored, signed, canonical) in [
            (0x00FF_FFFF_u32, 24, false, true),
            (0x01FF_FFFF, 24, false, false),
            (0xFF80_0000, 24, true, true),
            (0x0080_0000, 24, true, false),
        ] {
            let image = image(32, stored, signed);
            assert_eq!(
                unused_bits_are_canonical(&cell.to_le_bytes(), &image),
                canonical,
                "{cell:#x} {image:?}"
            );
        }
    }

    #[test]
    fn the_ends_of_a_range_are_known() {
        let twelve = image(16, 12, true);
        for (value, near, away) in [
            (0_i16, 255, true),
            (2045, 2, true),
            (2046, 2, false),
            (2047, 1, false),
            (2046, 1, true),
            (-2046, 2, true),
            (-2047, 2, false),
            (-2048, 0, true),
            (-2048, 1, false),
        ] {
            assert_eq!(keep_away_from_the_ends(&value.to_le_bytes(), &twelve, near), away, "{value} {near}");
        }
        assert!(keep_away_from_the_ends(&[0x7D], &image(8, 8, true), 2));
        assert!(!keep_away_from_the_ends(&[0x7E], &image(8, 8, true), 2));
        for (value, away) in [(0_u16, true), (253, true), (254, false), (255, false)] {
            assert_eq!(
                keep_away_from_the_ends(&value.to_le_bytes(), &image(16, 8, false), 2),
                away,
                "{value}"
            );
            assert_eq!(keep_away_from_the_ends(&[value as u8], &image(8, 8, false), 2), away, "{value}");
        }
    }

    #[test]
    fn a_single_bit_far_inside_is_seen() {
        let mut cells = vec![0; 200_000];
        let image = image(16, 12, false);
        assert!(unused_bits_are_canonical(&cells, &image));
        cells[150_001] = 0x10;
        assert!(!unused_bits_are_canonical(&cells, &image));
    }

    #[test]
    fn the_sign_comes_back_and_bytes_become_words() {
        let mut cells = vec![0x00, 0x08, 0xFF, 0x07];
        extend_sign(&mut cells, &image(16, 12, true));
        assert_eq!(cells, [0x00, 0xF8, 0xFF, 0x07]);
        let mut cells = vec![0x40, 0x3F];
        extend_sign(&mut cells, &image(8, 7, true));
        assert_eq!(cells, [0xC0, 0x3F]);
        let mut cells = vec![0x40];
        extend_sign(&mut cells, &image(8, 7, false));
        assert_eq!(cells, [0x40]);
        let mut bits = vec![9];
        pack(&[1, 0, 1, 1, 0, 0, 0, 0, 0xFF, 0xFE], &mut bits);
        assert_eq!(bits, [0b0000_1101, 0b0000_0001]);
        let mut cells = vec![1, 2, 3];
        widen(&mut cells);
        assert_eq!(cells, [1, 0, 2, 0, 3, 0]);
    }
}
