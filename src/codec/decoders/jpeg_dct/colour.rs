//! Y, Cb and Cr into R, G and B (PS3.3 C.7.6.3.1.2, ITU-T T.871 section 7), in whole numbers.

/// 1 with 16 bits behind the point.
const ONE: f64 = 65536.0;
const RED_OF_CR: i32 = (1.402 * ONE + 0.5) as i32;
const GREEN_OF_CB: i32 = (0.344_14 * ONE + 0.5) as i32;
const GREEN_OF_CR: i32 = (0.714_14 * ONE + 0.5) as i32;
const BLUE_OF_CB: i32 = (1.772 * ONE + 0.5) as i32;
const HALF: i32 = 1 << 15;

/// Converts a row of pixels in place. Samples have `precision` bits, 15 at most.
pub(super) fn ybr_to_rgb(rows: &mut [Vec<u16>; 3], precision: u8) {
    let (middle, most) = (1 << (precision - 1), (1 << precision) - 1);
    let [first, second, third] = rows;
    for ((y, cb), cr) in first.iter_mut().zip(second).zip(third) {
        let (luma, blue, red) = (i32::from(*y), i32::from(*cb) - middle, i32::from(*cr) - middle);
        let limited = |value: i32| value.clamp(0, most) as u16;
        *y = limited(luma + ((RED_OF_CR * red + HALF) >> 16));
        *cb = limited(luma + ((HALF - GREEN_OF_CB * blue - GREEN_OF_CR * red) >> 16));
        *cr = limited(luma + ((BLUE_OF_CB * blue + HALF) >> 16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(pixel: [u16; 3], precision: u8) -> [u16; 3] {
        let mut rows = pixel.map(|sample| vec![sample]);
        ybr_to_rgb(&mut rows, precision);
        rows.map(|row| row[0])
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        for (ybr, rgb) in [
            ([0, 128, 128], [0, 0, 0]),
            ([255, 128, 128], [255, 255, 255]),
            ([76, 85, 255], [254, 0, 0]),
            ([150, 44, 21], [0, 255, 1]),
            ([29, 255, 107], [0, 0, 254]),
            ([255, 255, 255], [255, 121, 255]),
        ] {
            assert_eq!(converted(ybr, 8), rgb);
        }
        assert_eq!(converted([4095, 2048, 2048], 12), [4095; 3]);
    }
}
