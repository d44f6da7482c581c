//! The components of a frame as they are encoded: level-shifted samples, whole blocks of them (ISO/IEC 10918-1 A.1, A.3.1).
//!
//! RGB becomes Y, Cb and Cr by ITU-T T.871 section 7. Two pixels of a row then share one sample of Cb and of Cr
//! (YBR_FULL_422). At the right and below, the last sample is repeated until the minimum coded unit is full.

use super::super::super::samples::read_component;
use crate::dicom::ImagePixel;

/// Samples of a block's side.
pub(super) const SIDE: usize = 8;

/// One component.
pub(super) struct Component {
    /// Blocks of a minimum coded unit, side by side.
    pub(super) blocks: usize,
    /// Samples in a row, a multiple of a block's.
    stride: usize,
    samples: Vec<i16>,
}

/// What is done to the colours of three samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// They stay.
    Keep,
    /// Y, Cb and Cr, of which the latter are halved across.
    Halve,
    /// R, G and B become Y, Cb and Cr, of which the latter are halved across.
    ConvertAndHalve,
}

/// The components of a frame whose samples have `precision` bits.
pub(super) fn components(
    cells: &[u8],
    image: &ImagePixel,
    colours: Colours,
    precision: u8,
) -> Vec<Component> {
    let pixels = usize::from(image.rows) * usize::from(image.columns);
    let mut planes: Vec<Vec<i32>> = (0..usize::from(image.samples))
        .map(|component| {
            let mut samples = vec![0; pixels];
            read_component(cells, image, component, &mut samples);
            samples
        })
        .collect();
    if let ([red, green, blue], Colours::ConvertAndHalve) = (planes.as_mut_slice(), colours) {
        convert(red, green, blue, 1 << (precision - 1));
    }
    let halves = colours != Colours::Keep && planes.len() == 3;
    let unit = if halves { 2 } else { 1 };
    let units = usize::from(image.columns).div_ceil(unit * SIDE);
    let of = |(at, plane): (usize, Vec<i32>)| {
        let blocks = if at == 0 { unit } else { 1 };
        let half = halves && at > 0;
        Component::new(&plane, image, units * blocks * SIDE, half, 1 << (precision - 1), blocks)
    };
    planes.into_iter().enumerate().map(of).collect()
}

impl Component {
    fn new(
        plane: &[i32],
        image: &ImagePixel,
        stride: usize,
        half: bool,
        middle: i32,
        blocks: usize,
    ) -> Component {
        let rows = usize::from(image.rows);
        let mut samples = Vec::with_capacity(stride * rows.next_multiple_of(SIDE));
        for row in plane.chunks_exact(usize::from(image.columns)) {
            let start = samples.len();
            if half {
                // Halves are rounded down and up in turn.
                samples.extend(row.chunks(2).enumerate().map(|(at, two)| {
                    let (left, right) = (two[0], two[two.len() - 1]);
                    (((left + right + (at & 1) as i32) >> 1) - middle) as i16
                }));
            } else {
                samples.extend(row.iter().map(|sample| (sample - middle) as i16));
            }
            let last = samples.last().copied().unwrap_or_default();
            samples.resize(start + stride, last);
        }
        while !(samples.len() / stride).is_multiple_of(SIDE) {
            samples.extend_from_within(samples.len() - stride..);
        }
        Component { blocks, stride, samples }
    }

    /// The minimum coded units of the frame, across and down.
    pub(super) fn units(&self) -> (usize, usize) {
        (self.stride / (self.blocks * SIDE), self.samples.len() / (self.stride * SIDE))
    }

    /// One block.
    pub(super) fn block(&self, row: usize, column: usize) -> [[i32; SIDE]; SIDE] {
        let start = row * SIDE * self.stride + column * SIDE;
        std::array::from_fn(|y| {
            let from = start + y * self.stride;
            std::array::from_fn(|x| i32::from(self.samples[from + x]))
        })
    }
}

/// R, G and B into Y, Cb and Cr, in place, with 16 bits behind the point.
fn convert(red: &mut [i32], green: &mut [i32], blue: &mut [i32], middle: i32) {
    const ONE: f64 = 65536.0;
    let fixed = |factor: f64| (factor * ONE + 0.5) as i32;
    let luma = [fixed(0.299), fixed(0.587), fixed(0.114)];
    let (small, large, half) = (fixed(0.168_735_892), fixed(0.331_264_108), fixed(0.5));
    let (green_part, blue_part) = (fixed(0.418_687_589), fixed(0.081_312_411));
    let round = 1 << 15;
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let (y, cb, cr) = (
            (luma[0] * *r + luma[1] * *g + luma[2] * *b + round) >> 16,
            (half * *b - small * *r - large * *g + round - 1) >> 16,
            (half * *r - green_part * *g - blue_part * *b + round - 1) >> 16,
        );
        (*r, *g, *b) = (y, cb + middle, cr + middle);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::testing::image;
    use super::*;

    #[test]
    fn edges_are_repeated_and_colours_halved() {
        let image = image(1, 3, 8, 3, 0);
        let cells = [10, 100, 200, 20, 101, 210, 30, 103, 220];
        let all = components(&cells, &image, Colours::Halve, 8);
        assert_eq!(
            all.iter().map(|one| (one.blocks, one.stride)).collect::<Vec<_>>(),
            [(2, 16), (1, 8), (1, 8)]
        );
        let rows = all.iter().map(|one| one.block(0, 0)[7].map(|sample| sample + 128)).collect::<Vec<_>>();
        assert_eq!(rows[0], [10, 20, 30, 30, 30, 30, 30, 30]);
        assert_eq!(rows[1], [100, 103, 103, 103, 103, 103, 103, 103]);
        assert_eq!(rows[2][..2], [205, 220]);
        let kept = components(&cells, &image, Colours::Keep, 8);
        assert_eq!(kept[1].block(0, 0)[0][..3], [100 - 128, 101 - 128, 103 - 128]);
        assert_eq!(kept[0].units(), (1, 1));
    }

    #[test]
    fn colours_are_those_of_the_standard() {
        for (rgb, ybr) in [
            ([255, 255, 255], [255, 128, 128]),
            ([0, 0, 0], [0, 128, 128]),
            ([255, 0, 0], [76, 85, 255]),
            ([0, 255, 0], [150, 44, 21]),
            ([0, 0, 255], [29, 255, 107]),
        ] {
            let [mut r, mut g, mut b] = rgb.map(|sample| [sample]);
            convert(&mut r, &mut g, &mut b, 128);
            assert_eq!([r[0], g[0], b[0]], ybr);
        }
    }
}
