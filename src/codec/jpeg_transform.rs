//! The discrete cosine transform of a JPEG block and its inverse (ISO/IEC 10918-1 A.3.3), in whole numbers.
//!
//! Eight points take twelve multiplications by the factorisation of Loeffler, Ligtenberg and Moschytz (1989). Columns come
//! first and then rows, with 13 bits behind the point in the constants and two in between (one at 12 bits, for room). That
//! is the «slow integer» method of the Independent JPEG Group, which DCMTK, GDCM and libjpeg-turbo use too, so that all
//! give the same samples.
//!
//! A pass works on eight columns at once, a lane for each, and so does the compiler's vector code. Numbers wrap: a sound
//! block needs no more than 32 bits, and of a damaged one no decoder can make sense.

use std::ops::{Add, Mul, Sub};

/// Where each coefficient of the zig-zag is in the order of rows (figure A.6).
#[rustfmt::skip]
pub(super) const ZIG_ZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10,
    17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34,
    27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36,
    29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46,
    53, 60, 61, 54, 47, 55, 62, 63,
];

/// Bits behind the point in the constants.
const CONSTANT_BITS: u32 = 13;

/// One row or eight columns.
#[derive(Clone, Copy)]
struct Lanes([i32; 8]);

impl Lanes {
    #[inline(always)]
    fn with(self, other: Lanes, each: impl Fn(i32, i32) -> i32) -> Lanes {
        Lanes(std::array::from_fn(|at| each(self.0[at], other.0[at])))
    }

    #[inline(always)]
    fn scaled(self, bits: u32) -> Lanes {
        Lanes(self.0.map(|value| value << bits))
    }

    /// Divides by 2 to the power of `bits`, rounded to the nearest.
    #[inline(always)]
    fn descaled(self, bits: u32) -> Lanes {
        Lanes(self.0.map(|value| value.wrapping_add(1 << (bits - 1)) >> bits))
    }
}

impl Add for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn add(self, other: Lanes) -> Lanes {
        self.with(other, i32::wrapping_add)
    }
}

impl Sub for Lanes {
    type Output = Lanes;
    #[inline(always)]
    fn sub(self, other: Lanes) -> Lanes {
        self.with(other, i32::wrapping_sub)
    }
}

impl Mul<f64> for Lanes {
    type Output = Lanes;
    /// By a constant, rounded to [`CONSTANT_BITS`].
    #[inline(always)]
    fn mul(self, constant: f64) -> Lanes {
        let scaled = constant * f64::from(1 << CONSTANT_BITS);
        let factor = if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 } as i32;
        Lanes(self.0.map(|value| value.wrapping_mul(factor)))
    }
}

/// Bits behind the point between the two passes.
fn bits_between(precision: u8) -> u32 {
    if precision > 8 { 1 } else { 2 }
}

/// The samples of a block, before half of the range is added: row by row, from dequantised coefficients in the order of
/// rows (no zig-zag).
pub(super) fn inverse(coefficients: &[[i32; 8]; 8], precision: u8) -> [[i32; 8]; 8] {
    let between = bits_between(precision);
    let columns = inverse_pass(coefficients.map(Lanes), CONSTANT_BITS - between);
    let rows = inverse_pass(transposed(columns), CONSTANT_BITS + between + 3);
    transposed(rows).map(|lanes| lanes.0)
}

/// What a block has in every place when all coefficients but the first are zero.
pub(super) fn inverse_of_first(coefficient: i32) -> i32 {
    coefficient.wrapping_add(4) >> 3
}

/// Eight times the coefficients of a block, in the order of rows, from samples from which half of the range was taken.
pub(super) fn forward(samples: &[[i32; 8]; 8], precision: u8) -> [[i32; 8]; 8] {
    let between = bits_between(precision);
    let rows =
        forward_pass(transposed(samples.map(Lanes)), |sum| sum.scaled(between), CONSTANT_BITS - between);
    let columns = forward_pass(transposed(rows), |sum| sum.descaled(between), CONSTANT_BITS + between);
    columns.map(|lanes| lanes.0)
}

fn transposed(lanes: [Lanes; 8]) -> [Lanes; 8] {
    std::array::from_fn(|row| Lanes(std::array::from_fn(|column| lanes[column].0[row])))
}

/// One dimension of the inverse, eight times side by side; the result is divided by 2 to the power of `descale`.
#[inline(always)]
fn inverse_pass(input: [Lanes; 8], descale: u32) -> [Lanes; 8] {
    let [c0, c1, c2, c3, c4, c5, c6, c7] = input;
    // Even frequencies: two rotations.
    let turned = (c2 + c6) * 0.541_196_100;
    let even3 = turned + c2 * 0.765_366_865;
    let even2 = turned - c6 * 1.847_759_065;
    let (sum, gap) = ((c0 + c4).scaled(CONSTANT_BITS), (c0 - c4).scaled(CONSTANT_BITS));
    let even = [sum + even3, gap + even2, gap - even2, sum - even3];
    // Odd frequencies.
    let (z1, z2, z3, z4) = (c7 + c1, c5 + c3, c7 + c3, c5 + c1);
    let z5 = (z3 + z4) * 1.175_875_602;
    let (z1, z2) = (z1 * -0.899_976_223, z2 * -2.562_915_447);
    let (z3, z4) = (z3 * -1.961_570_560 + z5, z4 * -0.390_180_644 + z5);
    let odd = [
        c1 * 1.501_321_110 + z1 + z4,
        c3 * 3.072_711_026 + z2 + z3,
        c5 * 2.053_119_869 + z2 + z4,
        c7 * 0.298_631_336 + z1 + z3,
    ];
    std::array::from_fn(|at| {
        let value = if at < 4 { even[at] + odd[at] } else { even[7 - at] - odd[7 - at] };
        value.descaled(descale)
    })
}

/// One dimension of the transform, eight times side by side. `plain` scales what has met no constant; all else is divided
/// by 2 to the power of `descale`.
#[inline(always)]
fn forward_pass(input: [Lanes; 8], plain: impl Fn(Lanes) -> Lanes, descale: u32) -> [Lanes; 8] {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = input;
    let (even0, even1, even2, even3) = (s0 + s7, s1 + s6, s2 + s5, s3 + s4);
    let (odd7, odd6, odd5, odd4) = (s0 - s7, s1 - s6, s2 - s5, s3 - s4);
    // Even frequencies.
    let (sum0, gap0, sum1, gap1) = (even0 + even3, even0 - even3, even1 + even2, even1 - even2);
    let turned = (gap0 + gap1) * 0.541_196_100;
    let c2 = turned + gap0 * 0.765_366_865;
    let c6 = turned - gap1 * 1.847_759_065;
    // Odd frequencies: the rotations of the inverse, the other way round.
    let (z1, z2, z3, z4) = (odd4 + odd7, odd5 + odd6, odd4 + odd6, odd5 + odd7);
    let z5 = (z3 + z4) * 1.175_875_602;
    let (z1, z2) = (z1 * -0.899_976_223, z2 * -2.562_915_447);
    let (z3, z4) = (z3 * -1.961_570_560 + z5, z4 * -0.390_180_644 + z5);
    let c7 = odd4 * 0.298_631_336 + z1 + z3;
    let c5 = odd5 * 2.053_119_869 + z2 + z4;
    let c3 = odd6 * 3.072_711_026 + z2 + z3;
    let c1 = odd7 * 1.501_321_110 + z1 + z4;
    let down = |lanes: Lanes| lanes.descaled(descale);
    [plain(sum0 + sum1), down(c1), down(c2), down(c3), plain(sum0 - sum1), down(c5), down(c6), down(c7)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::noise;
    use super::*;
    use std::f64::consts::PI;

    /// A.3.3 as it stands.
    fn by_definition(coefficients: &[[i32; 8]; 8]) -> [[f64; 8]; 8] {
        let scale = |frequency: usize| if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
        let wave = |place: usize, frequency: usize| {
            scale(frequency) * ((2 * place + 1) as f64 * frequency as f64 * PI / 16.0).cos()
        };
        std::array::from_fn(|y| {
            std::array::from_fn(|x| {
                let mut sum = 0.0;
                for (v, row) in coefficients.iter().enumerate() {
                    for (u, coefficient) in row.iter().enumerate() {
                        sum += f64::from(*coefficient) * wave(y, v) * wave(x, u);
                    }
                }
                sum / 4.0
            })
        })
    }

    #[test]
    fn it_is_the_transform_of_the_standard() {
        for (precision, span) in [(8, 200), (12, 3000)] {
            for seed in 0..40 {
                let random = noise(128, seed);
                let coefficients: [[i32; 8]; 8] = std::array::from_fn(|v| {
                    std::array::from_fn(|u| {
                        let at = 2 * (8 * v + u);
                        let value = i32::from(i16::from_le_bytes([random[at], random[at + 1]]));
                        value * span / 32768 / (1 + (u + v) as i32)
                    })
                });
                let (found, expected) = (inverse(&coefficients, precision), by_definition(&coefficients));
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    assert!((f64::from(*found) - expected).abs() < 1.0, "{found} {expected}");
                }
            }
        }
    }

    /// What the inverse makes of coefficients, the transform makes coefficients of again, eight times as large.
    #[test]
    fn forth_is_the_way_back() {
        for (precision, bits) in [(8, 8), (12, 4)] {
            for seed in 0..40 {
                let random = noise(128, seed);
                let samples: [[i32; 8]; 8] = std::array::from_fn(|y| {
                    std::array::from_fn(|x| {
                        let at = 2 * (8 * y + x);
                        i32::from(i16::from_le_bytes([random[at], random[at + 1]])) >> bits
                    })
                });
                let coefficients = forward(&samples, precision).map(|row| row.map(|value| (value + 4) >> 3));
                for (found, expected) in
                    inverse(&coefficients, precision).iter().flatten().zip(samples.iter().flatten())
                {
                    assert!((found - expected).abs() <= 2, "{found} {expected}");
                }
            }
        }
    }

    /// The zig-zag goes up and down the diagonals.
    #[test]
    fn the_zig_zag_is_the_one_of_the_figure() {
        let mut expected = Vec::new();
        for sum in 0..15u8 {
            let in_block = |row: &u8| sum.checked_sub(*row).is_some_and(|column| column < 8);
            let mut diagonal: Vec<u8> = (0..8).filter(in_block).map(|row| row * 8 + sum - row).collect();
            if sum % 2 == 0 {
                diagonal.reverse();
            }
            expected.extend(diagonal);
        }
        assert_eq!(ZIG_ZAG.to_vec(), expected);
    }

    #[test]
    fn a_block_of_one_coefficient_is_flat() {
        for coefficient in (-2100..2100).step_by(7) {
            let mut coefficients = [[0; 8]; 8];
            coefficients[0][0] = coefficient;
            let flat = [[inverse_of_first(coefficient); 8]; 8];
            assert_eq!(inverse(&coefficients, 8), flat);
            assert_eq!(inverse(&coefficients, 12), flat);
        }
    }

    #[test]
    fn numbers_that_no_image_has_end_too() {
        forward(&[[i32::MIN; 8]; 8], 8);
        inverse(&[[i32::MAX; 8]; 8], 8);
        inverse(&[[i32::MIN; 8]; 8], 12);
    }
}
