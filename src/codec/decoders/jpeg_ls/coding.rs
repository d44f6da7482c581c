//! The coding parameters of a scan: what follows from precision, NEAR and the preset parameters (ISO/IEC 14495-1 A.2.1, C.2.4.1.1).

/// LSE preset parameters as they stand in the codestream; 0 is «the default».
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Presets {
    pub(super) maximum: u16,
    pub(super) t1: u16,
    pub(super) t2: u16,
    pub(super) t3: u16,
    pub(super) reset: u16,
}

/// Everything that the decoding procedures of Annex A ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// MAXVAL, the largest sample: 1 to 65535.
    pub(super) maximum: i32,
    /// NEAR, the largest error of a sample: 0 to 255.
    pub(super) near: i32,
    /// T1, T2, T3, where the quantisation of gradients changes.
    pub(super) thresholds: [i32; 3],
    /// RESET, the count at which a context forgets half of what it knows: 3 to 65535.
    pub(super) reset: i32,
    /// RANGE, how many different prediction errors there are after quantisation.
    pub(super) range: i32,
    /// qbpp, the bits of such an error.
    pub(super) error_bits: u32,
    /// LIMIT, the longest code of a sample in bits.
    pub(super) limit: u32,
}

impl Coding {
    /// The parameters of a scan; `None` when the presets or NEAR are not what C.2.4.1.1 and C.2.3 allow.
    pub(super) fn of(precision: u32, near: u8, presets: &Presets) -> Option<Coding> {
        let most = (1 << precision) - 1;
        let or = |value: u16, default: i32| if value == 0 { default } else { i32::from(value) };
        let maximum = or(presets.maximum, most);
        let near = i32::from(near);
        if maximum > most || near > (maximum / 2).min(255) {
            return None;
        }
        let defaults = default_thresholds(maximum, near);
        let t1 = or(presets.t1, defaults[0]);
        let t2 = or(presets.t2, defaults[1]);
        let t3 = or(presets.t3, defaults[2]);
        let reset = or(presets.reset, 64);
        if !(near < t1 && t1 <= t2 && t2 <= t3 && t3 <= maximum.max(near + 1)) || reset < 3 {
            return None;
        }
        let range = (maximum + 2 * near) / (2 * near + 1) + 1;
        let sample_bits = bits_of(maximum + 1).max(2);
        let limit = 2 * (sample_bits + sample_bits.max(8));
        Some(Coding {
            maximum,
            near,
            thresholds: [t1, t2, t3],
            reset,
            range,
            error_bits: bits_of(range),
            limit,
        })
    }

    /// The distance of two reconstruction values, 2 NEAR + 1.
    pub(super) fn step(&self) -> i32 {
        2 * self.near + 1
    }
}

/// The least number of bits that tell `count` things apart: the binary logarithm, rounded up.
fn bits_of(count: i32) -> u32 {
    count.unsigned_abs().next_power_of_two().trailing_zeros()
}

/// C.2.4.1.1.1.
fn default_thresholds(maximum: i32, near: i32) -> [i32; 3] {
    let bound = |value: i32, least: i32| if value > maximum || value < least { least } else { value };
    let values = if maximum >= 128 {
        let factor = (maximum.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, 4 * factor + 3 + 5 * near, 17 * factor + 4 + 7 * near]
    } else {
        let factor = 256 / (maximum + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = bound(values[0], near + 1);
    let t2 = bound(values[1], t1);
    [t1, t2, bound(values[2], t2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C.2.4.1.1.1, and what DCMTK and CharLS compute for other precisions.
    #[test]
    fn defaults_are_those_of_the_standard() {
        let of = |precision, near| Coding::of(precision, near, &Presets::default()).unwrap();
        for (precision, near, thresholds, range, bits, limit) in [
            (8, 0, [3, 7, 21], 256, 8, 32),
            (8, 3, [12, 22, 42], 38, 6, 32),
            (12, 0, [18, 67, 276], 4096, 12, 48),
            (16, 0, [18, 67, 276], 65536, 16, 64),
            (2, 0, [2, 3, 3], 4, 2, 20),
        ] {
            let coding = of(precision, near);
            let found = (coding.thresholds, coding.range, coding.error_bits, coding.limit);
            assert_eq!(found, (thresholds, range, bits, limit), "{precision} bits, NEAR {near}");
            assert_eq!(coding.reset, 64);
        }
    }

    #[test]
    fn presets_that_contradict_themselves_are_refused() {
        let of =
            |maximum, t1, t2, t3, reset| Coding::of(8, 0, &Presets { maximum, t1, t2, t3, reset }).is_some();
        assert!(of(0, 0, 0, 0, 0) && of(255, 3, 7, 21, 64) && of(200, 1, 1, 1, 3));
        assert!(!of(256, 0, 0, 0, 0) && !of(0, 9, 8, 21, 0) && !of(0, 3, 7, 300, 0) && !of(0, 0, 0, 0, 2));
        assert!(Coding::of(8, 127, &Presets::default()).is_some());
        assert!(Coding::of(8, 128, &Presets::default()).is_none());
    }
}
