//! Turns big endian values round (PS3.5 section 7.3): what each value representation is made of.

use super::vr::Vr;

/// The bytes of one number in values of this VR: 1 where byte order has no meaning, and for what is not known.
pub(super) fn unit(vr: Vr) -> usize {
    match vr {
        // A tag is two numbers.
        Vr::AT | Vr::OW | Vr::SS | Vr::US => 2,
        Vr::FL | Vr::OF | Vr::OL | Vr::SL | Vr::UL => 4,
        Vr::FD | Vr::OD | Vr::OV | Vr::SV | Vr::UV => 8,
        _ => 1,
    }
}

/// The bytes of one number in native Pixel Data.
///
/// OW is a stream of 16-bit words, whatever the cells are: two 8-bit cells change places. Wider cells are swapped
/// whole, and under OB too if they have more than one byte: the standard forbids that (PS3.5-2016 section A.3), but
/// the data sets that are met so have their cells in the order of the transfer syntax.
pub(super) fn pixel_unit(vr: Vr, bits_allocated: u16) -> usize {
    match (vr, bits_allocated) {
        (Vr::OB | Vr::OW, 16 | 32 | 64) => usize::from(bits_allocated) / 8,
        (vr, _) => unit(vr),
    }
}

/// Reverses every whole `unit` of bytes; what is left at the end stays as it is.
pub(super) fn swap(bytes: &mut [u8], unit: usize) {
    match unit {
        0 | 1 => {}
        // The common case, in a form that compiles to vector instructions.
        2 => bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|word| word.swap(0, 1)),
        unit => bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_turned_round_and_a_rest_stays() {
        let cases: [(usize, &[u8]); 4] = [
            (1, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (2, &[2, 1, 4, 3, 6, 5, 8, 7, 9]),
            (4, &[4, 3, 2, 1, 8, 7, 6, 5, 9]),
            (8, &[8, 7, 6, 5, 4, 3, 2, 1, 9]),
        ];
        for (unit, expected) in cases {
            let mut bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
            swap(&mut bytes, unit);
            assert_eq!(bytes, *expected, "{unit}");
        }
    }

    #[test]
    fn units_follow_the_value_representation_and_for_pixels_the_cells() {
        for (vr, bytes) in
            [(Vr::US, 2), (Vr::AT, 2), (Vr::FL, 4), (Vr::SV, 8), (Vr::LO, 1), (Vr::UN, 1), (Vr::OB, 1)]
        {
            assert_eq!(unit(vr), bytes, "{vr}");
        }
        for (vr, bits, bytes) in [
            (Vr::OW, 1, 2),
            (Vr::OW, 8, 2),
            (Vr::OW, 16, 2),
            (Vr::OW, 32, 4),
            (Vr::OB, 1, 1),
            (Vr::OB, 8, 1),
            (Vr::OB, 16, 2),
            (Vr::UN, 16, 1),
        ] {
            assert_eq!(pixel_unit(vr, bits), bytes, "{vr} {bits}");
        }
    }
}
