//! Stored cells as the 32-bit samples of one component, as libraries want them, and back (PS3.5 8.1.1, PS3.3 C.7.6.3.1.3).

use crate::dicom::ImagePixel;

/// Reads the samples of one component out of the little-endian cells of a frame, each by its whole cell and the sign of
/// the image. `samples` has one place for each pixel; what is not there stays as it is.
pub(super) fn read_component(cells: &[u8], image: &ImagePixel, component: usize, samples: &mut [i32]) {
    match image.bits_allocated {
        8 => read::<1>(cells, image, component, samples),
        16 => read::<2>(cells, image, component, samples),
        32 => read::<4>(cells, image, component, samples),
        _ => {}
    }
}

/// Writes the samples of one component into the little-endian cells of a frame.
///
/// `precision` is how many bits of a sample count: above them the cell has zeros, or the sign when the image is signed,
/// whatever sign the samples had. So a codestream whose sign contradicts Pixel Representation gives its bit patterns.
pub(super) fn write_component(
    samples: &[i32],
    precision: u32,
    image: &ImagePixel,
    component: usize,
    cells: &mut [u8],
) {
    match image.bits_allocated {
        8 => write::<1>(samples, precision, image, component, cells),
        16 => write::<2>(samples, precision, image, component, cells),
        32 => write::<4>(samples, precision, image, component, cells),
        _ => {}
    }
}

/// The first cell of a component and the distance to its next one, in cells.
fn place(image: &ImagePixel, component: usize) -> (usize, usize) {
    if image.planar == 1 {
        (component * usize::from(image.rows) * usize::from(image.columns), 1)
    } else {
        (component, usize::from(image.samples.max(1)))
    }
}

fn read<const BYTES: usize>(cells: &[u8], image: &ImagePixel, component: usize, samples: &mut [i32]) {
    let (first, step) = place(image, component);
    let cells = cells.as_chunks::<BYTES>().0.get(first..).unwrap_or_default();
    // A cell shifted to the top of a word; shifted down again it is itself, with its sign where it has one.
    let unused = 32 - 8 * BYTES as u32;
    for (sample, cell) in samples.iter_mut().zip(cells.iter().step_by(step)) {
        let top = from_cell(*cell) << unused;
        *sample = if image.signed { top.cast_signed() >> unused } else { (top >> unused).cast_signed() };
    }
}

fn write<const BYTES: usize>(
    samples: &[i32],
    precision: u32,
    image: &ImagePixel,
    component: usize,
    cells: &mut [u8],
) {
    let (first, step) = place(image, component);
    let cells = cells.as_chunks_mut::<BYTES>().0.get_mut(first..).unwrap_or_default();
    let unused = 32 - precision.clamp(1, 32);
    for (cell, sample) in cells.iter_mut().step_by(step).zip(samples) {
        let top = sample.cast_unsigned() << unused;
        let value = if image.signed { (top.cast_signed() >> unused).cast_unsigned() } else { top >> unused };
        for (to, from) in cell.iter_mut().zip(value.to_le_bytes()) {
            *to = from;
        }
    }
}

fn from_cell<const BYTES: usize>(cell: [u8; BYTES]) -> u32 {
    let mut bytes = [0; 4];
    for (to, from) in bytes.iter_mut().zip(cell) {
        *to = from;
    }
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, stored};
    use super::*;

    #[test]
    fn a_component_is_read_and_written_where_it_lies() {
        for planar in [0, 1] {
            let image = testing::image(1, 2, 16, 3, planar);
            let cells: Vec<u8> = (0..12).collect();
            let mut samples = [0; 2];
            read_component(&cells, &image, 1, &mut samples);
            let expected = if planar == 1 { [0x0504, 0x0706] } else { [0x0302, 0x0908] };
            assert_eq!(samples, expected);
            let mut written = [0; 12];
            write_component(&samples, 16, &image, 1, &mut written);
            let places = if planar == 1 { [4..6, 6..8] } else { [2..4, 8..10] };
            for place in places {
                assert_eq!(written[place.clone()], cells[place]);
            }
            assert_eq!(written.iter().filter(|byte| **byte != 0).count(), 4);
        }
    }

    #[test]
    fn the_sign_is_that_of_the_image_whatever_the_samples_had() {
        let of = |bits, signed| stored(bits, signed, testing::image(1, 1, 16, 1, 0));
        for (sample, precision, image, cell) in [
            (-2000, 13, of(13, true), 0xF830_u16),
            // The same pattern out of a codestream without a sign.
            (6192, 13, of(13, true), 0xF830),
            (-2000, 13, of(13, false), 0x1830),
            (-1, 16, of(16, false), 0xFFFF),
            (0xFFFF, 16, of(16, true), 0xFFFF),
        ] {
            let mut cells = [0; 2];
            write_component(&[sample], precision, &image, 0, &mut cells);
            assert_eq!(u16::from_le_bytes(cells), cell, "{sample} {image:?}");
        }
        let mut samples = [0];
        read_component(&[0x30, 0xF8], &of(13, true), 0, &mut samples);
        assert_eq!(samples, [-2000]);
        read_component(&[0x30, 0xF8], &of(16, false), 0, &mut samples);
        assert_eq!(samples, [0xF830]);
    }

    #[test]
    fn every_width_comes_back() {
        for bits in [8, 16, 32] {
            for signed in [false, true] {
                let image = stored(bits, signed, testing::image(1, 1, bits, 1, 0));
                let cells: Vec<u8> = (0..bits / 8).map(|byte| 0xF1 - byte as u8).collect();
                let (mut samples, mut back) = ([0], vec![0; cells.len()]);
                read_component(&cells, &image, 0, &mut samples);
                write_component(&samples, u32::from(bits), &image, 0, &mut back);
                assert_eq!(back, cells);
            }
        }
    }
}
