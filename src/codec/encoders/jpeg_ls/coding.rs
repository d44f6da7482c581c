//! The coding parameters of a lossless scan: what follows from the precision alone (ISO/IEC 14495-1 A.2.1, C.2.4.1.1.1).
//!
//! The decoder's room has its own derivation of these numbers, for NEAR and presets too. They are kept apart on purpose:
//! one proves the work of the other.

/// Everything that the encoding procedures of Annex A ask for, with NEAR 0, MAXVAL 2^P − 1 and the default thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// P, the bits of a sample: 2 to 16. Since NEAR is 0 it is qbpp too, the bits of a prediction error.
    pub(super) precision: u32,
    /// MAXVAL, the largest sample.
    pub(super) maximum: u16,
    /// T1, T2, T3, where the quantisation of gradients changes.
    pub(super) thresholds: [u16; 3],
    /// LIMIT, the longest code of a sample in bits: 20 to 64.
    pub(super) limit: u32,
}

/// RESET, the count at which a context forgets half of what it knows (C.2.4.1.1.1).
pub(super) const RESET: i32 = 64;

impl Coding {
    /// The parameters for samples of `precision` bits, 2 to 16.
    pub(super) fn of(precision: u32) -> Coding {
        let maximum: u16 = u16::MAX >> (16 - precision);
        Coding {
            precision,
            maximum,
            thresholds: thresholds(u32::from(maximum)),
            limit: 2 * (precision + precision.max(8)),
        }
    }

    /// What A of each context begins with (A.2.1): RANGE / 64, rounded, and at least 2.
    pub(super) fn first_magnitude(&self) -> i32 {
        (((1 << self.precision) + 32) / 64).max(2)
    }
}

/// C.2.4.1.1.1 with NEAR 0: FACTOR stretches the thresholds of eight bits, up to twelve bits.
fn thresholds(maximum: u32) -> [u16; 3] {
    let values = if maximum >= 128 {
        let factor = (maximum.min(4095) + 128) / 256;
        [factor + 2, 4 * factor + 3, 17 * factor + 4]
    } else {
        let factor = 256 / (maximum + 1);
        [(3 / factor).max(2), (7 / factor).max(3), (21 / factor).max(4)]
    };
    let bound = |value: u32, least: u32| if value > maximum { least } else { value.max(least) };
    let first = bound(values[0], 1);
    let second = bound(values[1], first);
    let third = bound(values[2], second);
    [first, second, third].map(|threshold| threshold as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C.2.4.1.1.1, and what DCMTK and CharLS compute for other precisions.
    #[test]
    fn defaults_are_those_of_the_standard() {
        for (precision, maximum, thresholds, limit, first) in [
            (2, 3, [2, 3, 3], 20, 2),
            (3, 7, [2, 3, 4], 22, 2),
            (8, 255, [3, 7, 21], 32, 4),
            (12, 4095, [18, 67, 276], 48, 64),
            (16, 65535, [18, 67, 276], 64, 1024),
        ] {
            let coding = Coding::of(precision);
            assert_eq!(coding, Coding { precision, maximum, thresholds, limit });
            assert_eq!(coding.first_magnitude(), first);
        }
    }
}
