//! Quantisation tables (ISO/IEC 10918-1 Annex K.1) and their scale.

use super::super::super::jpeg_transform::ZIG_ZAG;

/// Table K.1, in the order of rows.
#[rustfmt::skip]
const LUMINANCE: [u8; 64] = [
    16, 11, 10, 16,  24,  40,  51,  61,
    12, 12, 14, 19,  26,  58,  60,  55,
    14, 13, 16, 24,  40,  57,  69,  56,
    14, 17, 22, 29,  51,  87,  80,  62,
    18, 22, 37, 56,  68, 109, 103,  77,
    24, 35, 55, 64,  81, 104, 113,  92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103,  99,
];
/// Table K.2.
#[rustfmt::skip]
const CHROMINANCE: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

/// The steps of one table, in the order of rows.
#[derive(Debug, Clone)]
pub(super) struct Steps([u8; 64]);

impl Steps {
    /// Table K.1 at a quality of 1 to 100: 50 is the table as it stands, 100 steps of one. The scale is that of the
    /// Independent JPEG Group, which others follow.
    pub(super) fn luminance(quality: u8) -> Steps {
        Steps::scaled(&LUMINANCE, quality)
    }

    /// Table K.2 likewise.
    pub(super) fn chrominance(quality: u8) -> Steps {
        Steps::scaled(&CHROMINANCE, quality)
    }

    fn scaled(table: &[u8; 64], quality: u8) -> Steps {
        let quality = u32::from(quality.clamp(1, 100));
        let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
        Steps(table.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8))
    }

    /// The content of a DQT segment for destination `place` (B.2.4.1): one byte a step, in zig-zag order.
    pub(super) fn segment(&self, place: u8) -> Vec<u8> {
        std::iter::once(place).chain(ZIG_ZAG.iter().map(|at| self.0[usize::from(*at)])).collect()
    }

    /// Divides eight times the coefficients of a block by the steps, rounded to the nearest; in zig-zag order.
    pub(super) fn quantise(&self, coefficients: &[[i32; 8]; 8]) -> [i16; 64] {
        ZIG_ZAG.map(|at| {
            let (row, column) = (usize::from(at >> 3), usize::from(at & 7));
            let (value, step) = (coefficients[row][column], 8 * i32::from(self.0[usize::from(at)]));
            let steps = (value.unsigned_abs() as i32 + step / 2) / step;
            (if value < 0 { -steps } else { steps }) as i16
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_scales_the_tables() {
        assert_eq!(Steps::luminance(50).0, LUMINANCE);
        assert_eq!(Steps::chrominance(100).0, [1; 64]);
        assert_eq!(Steps::luminance(0).0, Steps::luminance(1).0);
        assert_eq!(
            (Steps::luminance(90).0[0], Steps::luminance(25).0[0], Steps::luminance(1).0[0]),
            (3, 32, 255)
        );
    }

    #[test]
    fn steps_are_counted_to_the_nearest() {
        let mut coefficients = [[0; 8]; 8];
        (coefficients[0][0], coefficients[0][1], coefficients[1][0]) = (8 * 24, -8 * 17, 8 * 5);
        // Steps 16, 11 and 12: 1.5, -1.54 and 0.42.
        assert_eq!(Steps::luminance(50).quantise(&coefficients)[..4], [2, -2, 0, 0]);
    }
}
