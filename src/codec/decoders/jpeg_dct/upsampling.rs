//! Gives every pixel a sample of a component that has fewer (ISO/IEC 10918-1 A.1.1).
//!
//! The standard leaves open how. Where one sample is shared by two columns, two rows, or both, this is the triangle filter
//! of the Independent JPEG Group («fancy upsampling»): three quarters of the nearer sample and one of the next, rounded
//! up and down in turn. DCMTK, GDCM and libjpeg-turbo do the same. Other shares are repeated.

use super::plane::Plane;

/// Writes row `y` of the image, `out.len()` pixels of it.
pub(super) fn row(plane: &Plane, y: usize, out: &mut [u16]) {
    let wide = plane.columns > 2;
    match plane.share {
        (Some(1), Some(1)) => out.iter_mut().zip(plane.row(y)).for_each(|(pixel, sample)| *pixel = *sample),
        (Some(2), Some(1)) if wide => {
            let own = plane.row(y);
            spread(|x| u32::from(own[x]), own.len(), 2, [1, 2], out);
        }
        (Some(2), Some(2)) if wide => {
            let (near, far) = (plane.row(y / 2), other_row(plane, y));
            let sum = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
            spread(sum, near.len().min(far.len()), 4, [8, 7], out);
        }
        (Some(1), Some(2)) => {
            let (near, far) = (plane.row(y / 2), other_row(plane, y));
            let rounding = if y.is_multiple_of(2) { 1 } else { 2 };
            for (pixel, (near, far)) in out.iter_mut().zip(near.iter().zip(far)) {
                *pixel = ((3 * u32::from(*near) + u32::from(*far) + rounding) >> 2) as u16;
            }
        }
        (across, down) => {
            let own = plane.row(y / down.unwrap_or(1));
            for (pixels, sample) in out.chunks_mut(across.unwrap_or(1)).zip(own) {
                pixels.fill(*sample);
            }
        }
    }
}

/// The next row of samples: the one above for an upper row of two, the one below for a lower.
fn other_row(plane: &Plane, y: usize) -> &[u16] {
    plane.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 })
}

/// Two pixels for each of `count` samples, left and right, each three parts of its own and one of its neighbour, divided by
/// 2 to the power of `bits`. At the ends a sample is its own neighbour.
fn spread(sample: impl Fn(usize) -> u32, count: usize, bits: u32, rounding: [u32; 2], out: &mut [u16]) {
    for (x, pixels) in (0..count).zip(out.chunks_mut(2)) {
        let own = sample(x);
        let neighbours = [sample(x.saturating_sub(1)), sample((x + 1).min(count - 1))];
        for ((pixel, neighbour), rounding) in pixels.iter_mut().zip(neighbours).zip(rounding) {
            *pixel = ((3 * own + neighbour + rounding) >> bits) as u16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::jpeg_stream::{Component, FrameHeader, marker};
    use super::*;

    /// A plane of 6 columns and 4 rows in a frame in which `across` columns and `down` rows share a sample.
    fn plane(across: u8, down: u8) -> Plane {
        let component = |sampling| Component { identifier: 1, sampling, quantisation_table: 0 };
        let frame = FrameHeader {
            process: marker::BASELINE,
            precision: 8,
            rows: 4 * u16::from(down),
            columns: 6 * u16::from(across),
            components: vec![component((across, down)), component((1, 1))],
        };
        let mut plane = Plane::new(&frame, &component((1, 1)));
        plane.make_room(1);
        let block = std::array::from_fn(|y| std::array::from_fn(|x| (10 * x + 100 * y) as u16));
        plane.put(0, 0, &block);
        plane
    }

    fn rows<const COLUMNS: usize>(plane: &Plane, count: usize) -> Vec<[u16; COLUMNS]> {
        let one = |y| {
            let mut out = [0; COLUMNS];
            row(plane, y, &mut out);
            out
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn what_is_not_shared_stays() {
        assert_eq!(rows(&plane(1, 1), 2), [[0, 10, 20, 30, 40, 50], [100, 110, 120, 130, 140, 150]]);
    }

    #[test]
    fn two_columns_lean_to_their_neighbours() {
        let expected = [0, 3, 7, 13, 17, 23, 27, 33, 37, 43, 47, 50];
        assert_eq!(rows(&plane(2, 1), 1), [expected]);
    }

    #[test]
    fn two_rows_lean_to_their_neighbours() {
        let first: Vec<u16> = rows::<6>(&plane(1, 2), 8).iter().map(|row| row[0]).collect();
        assert_eq!(first, [0, 25, 75, 125, 175, 225, 275, 300]);
    }

    #[test]
    fn four_pixels_lean_both_ways() {
        let all = rows::<12>(&plane(2, 2), 8);
        assert_eq!(all[0], [0, 2, 8, 12, 18, 22, 28, 32, 38, 42, 48, 50]);
        assert_eq!(all[1][..3], [25, 27, 33]);
        assert_eq!(all[7][..3], [300, 302, 308]);
    }

    #[test]
    fn other_shares_are_repeated() {
        assert_eq!(rows(&plane(3, 1), 1), [[0, 0, 0, 10, 10, 10, 20, 20]]);
        assert_eq!(rows(&plane(4, 2), 3)[2], [100, 100, 100, 100, 110]);
    }
}
