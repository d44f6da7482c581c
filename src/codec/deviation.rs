//! How far decoded samples lie from the ones that were encoded: largest error and peak signal-to-noise ratio.

use crate::dicom::ImagePixel;

/// The measured difference of samples, summed over any number of frames.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deviation {
    /// The largest difference of two samples, in grey levels.
    pub largest: u64,
    /// The sum of the squares of all differences.
    pub squares: f64,
    /// How many samples were compared.
    pub samples: u64,
}

impl Deviation {
    /// Compares the little-endian cells of one frame with what they were, both of the layout of `image`: sample by
    /// sample, each read from its Bits Stored with its sign. `None` when the lengths differ, or when the cells have no
    /// whole bytes or more than four.
    pub fn between(decoded: &[u8], original: &[u8], image: &ImagePixel) -> Option<Deviation> {
        if decoded.len() != original.len() {
            return None;
        }
        match image.bits_allocated {
            8 => Some(sum::<1>(decoded, original, image)),
            16 => Some(sum::<2>(decoded, original, image)),
            32 => Some(sum::<4>(decoded, original, image)),
            _ => None,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Deviation) -> Deviation {
        Deviation {
            largest: self.largest.max(other.largest),
            squares: self.squares + other.squares,
            samples: self.samples + other.samples,
        }
    }

    /// Peak signal-to-noise ratio in dB for samples of so many Bits Stored; infinite when nothing differs.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn psnr(&self, bits_stored: u16) -> f64 {
        let peak = 2f64.powi(i32::from(bits_stored)) - 1.0;
        let mean = self.squares / self.samples.max(1) as f64;
        10.0 * (peak * peak / mean).log10()
    }
}

#[expect(clippy::cast_precision_loss, reason = "differences are of at most 32 bits")]
fn sum<const BYTES: usize>(decoded: &[u8], original: &[u8], image: &ImagePixel) -> Deviation {
    let bits = u32::from(image.bits_stored.clamp(1, image.bits_allocated));
    let shift = 64 - bits;
    let value = |cell: &[u8; BYTES]| {
        let mut bytes = [0; 8];
        bytes[..BYTES].copy_from_slice(cell);
        let pattern = u64::from_le_bytes(bytes) << shift;
        if image.signed { (pattern.cast_signed()) >> shift } else { (pattern >> shift).cast_signed() }
    };
    let (decoded, original) = (decoded.as_chunks::<BYTES>().0, original.as_chunks::<BYTES>().0);
    let mut deviation = Deviation { samples: decoded.len() as u64, ..Deviation::default() };
    for (a, b) in decoded.iter().zip(original) {
        let difference = value(a).abs_diff(value(b));
        deviation.largest = deviation.largest.max(difference);
        deviation.squares += (difference * difference) as f64;
    }
    deviation
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, stored};
    use super::*;

    #[test]
    fn samples_are_compared_by_value_and_sign() {
        let image = stored(12, true, testing::image(1, 3, 16, 1, 0));
        let cells = |values: [i16; 3]| values.map(i16::to_le_bytes).concat();
        let deviation = Deviation::between(&cells([-1, 5, 100]), &cells([1, 5, 96]), &image).unwrap();
        assert_eq!((deviation.largest, deviation.squares, deviation.samples), (4, 20.0, 3));
        let both = deviation.and(Deviation { largest: 1, squares: 1.0, samples: 3 });
        assert_eq!((both.largest, both.squares, both.samples), (4, 21.0, 6));
        let unsigned = ImagePixel { signed: false, ..image.clone() };
        let far = Deviation::between(&cells([-1, 0, 0]), &cells([0, 0, 0]), &unsigned).unwrap();
        assert_eq!(far.largest, 4095, "a pattern without a sign");
        assert_eq!(Deviation::between(&[0; 4], &[0; 6], &image), None);
    }

    #[test]
    fn the_ratio_is_that_of_the_textbook() {
        let image = testing::image(1, 4, 8, 1, 0);
        let deviation = Deviation::between(&[10, 20, 30, 40], &[11, 19, 31, 39], &image).unwrap();
        assert!((deviation.psnr(8) - 48.130_8).abs() < 0.001, "{}", deviation.psnr(8));
        let equal = Deviation::between(&[1; 4], &[1; 4], &image).unwrap();
        assert!(equal.psnr(8).is_infinite());
    }
}
