//! One cell of the matrix: the attributes of an image, its size and what it holds. All of them, by multiplication.

use crate::native::instance;
use condenser::dicom::{ImagePixel, Photometric};
use std::fmt;

/// What the frames of a cell hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Zeros,
    Maximum,
    Gradient,
    Noise,
    Checkerboard,
    /// Something in the bits above Bits Stored, as embedded overlays are.
    OverlayBits,
}

use Content::{Checkerboard, Gradient, Maximum, Noise, OverlayBits, Zeros};

const CONTENTS: [Content; 6] = [Zeros, Maximum, Gradient, Noise, Checkerboard, OverlayBits];
/// Rows and columns.
const SIZES: [(u16, u16); 5] = [(1, 1), (1, 301), (303, 1), (13, 17), (1, 65535)];
const FRAMES: [u32; 2] = [1, 3];
/// Bits Allocated, and Bits Stored.
const BITS: &[(u16, &[u16])] = &[
    (1, &[1]),
    (8, &[1, 2, 5, 7, 8]),
    (16, &[1, 4, 8, 9, 10, 12, 15, 16]),
    (32, &[8, 16, 17, 22, 23, 24, 32]),
];
/// Photometric Interpretation, samples, planes.
const LAYOUTS: &[(Photometric, u16, u16)] = &[
    (Photometric::Monochrome1, 1, 0),
    (Photometric::Monochrome2, 1, 0),
    (Photometric::PaletteColor, 1, 0),
    (Photometric::Rgb, 3, 0),
    (Photometric::Rgb, 3, 1),
    (Photometric::YbrFull, 3, 0),
    (Photometric::YbrFull, 3, 1),
    (Photometric::YbrFull422, 3, 0),
];
/// Of how many cells the thinned matrix has one: a prime that divides no axis, so that all values of each axis are met.
const THINNED: usize = 89;

/// One cell.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) image: ImagePixel,
    pub(crate) content: Content,
}

/// Every cell, or one of [`THINNED`]. Cells of the same image follow each other.
pub(crate) fn cells(full: bool) -> impl Iterator<Item = Cell> {
    let images = BITS.iter().flat_map(|(bits_allocated, stored)| {
        stored.iter().flat_map(move |bits_stored| {
            [false, true].into_iter().flat_map(move |signed| {
                LAYOUTS.iter().flat_map(move |(photometric, samples, planar)| {
                    SIZES.into_iter().flat_map(move |(rows, columns)| {
                        FRAMES.into_iter().map(move |frames| ImagePixel {
                            rows,
                            columns,
                            frames,
                            samples: *samples,
                            photometric: photometric.clone(),
                            planar: *planar,
                            bits_allocated: *bits_allocated,
                            bits_stored: *bits_stored,
                            high_bit: bits_stored - 1,
                            signed,
                        })
                    })
                })
            })
        })
    });
    let all = images.flat_map(|image| CONTENTS.map(|content| Cell { image: image.clone(), content }));
    all.step_by(if full { 1 } else { THINNED })
}

impl Cell {
    /// Whether it is cheap.
    pub(crate) fn is_small(&self) -> bool {
        self.image.columns == 1 && self.image.rows == 1
    }

    /// Whether anything stands above Bits Stored that is not the sign.
    pub(crate) fn has_unused_bits(&self) -> bool {
        self.content == OverlayBits && self.image.bits_stored < self.image.bits_allocated
    }

    /// The native instance.
    pub(crate) fn data_set(&self) -> Vec<u8> {
        instance(&self.image, &self.cells(), &[])
    }

    /// The stored cells of all frames.
    fn cells(&self) -> Vec<u8> {
        let image = &self.image;
        let values = self.values();
        let width = image.bytes_per_cell();
        if image.bits_allocated == 1 {
            return values
                .chunks(8)
                .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (*bit as u8 & 1)))
                .collect();
        }
        let ordered: Vec<i64> = if image.planar == 0 {
            values
        } else {
            let samples = usize::from(image.samples);
            let frame = image.frame_cells() as usize;
            let plane =
                |values: &[i64], sample| values.iter().skip(sample).step_by(samples).copied().collect();
            values
                .chunks(frame)
                .flat_map(|frame| (0..samples).flat_map(|sample| -> Vec<i64> { plane(frame, sample) }))
                .collect()
        };
        ordered.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect()
    }

    /// The cells as a decoder lays them out: by pixel, a bit in a byte.
    pub(crate) fn by_pixel(&self) -> Vec<u8> {
        let width = self.image.bytes_per_cell();
        self.values().iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect()
    }

    /// The samples of all frames by pixel.
    fn values(&self) -> Vec<i64> {
        let image = &self.image;
        let bits = u32::from(image.bits_stored);
        let (low, high) = if image.signed {
            (-(1_i64 << (bits - 1)), (1_i64 << (bits - 1)) - 1)
        } else {
            (0, (1_i64 << bits) - 1)
        };
        let each = image.frame_cells() as i64;
        let mut state = u64::from(bits) << 32 | u64::from(image.columns) | 1;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64
        };
        let overlay = if image.bits_stored < image.bits_allocated { 1_i64 << bits } else { 0 };
        let span = high - low + 1;
        (0..each * i64::from(image.frames))
            .map(|at| {
                let (frame, at) = (at / each, at % each);
                let slope = low + (at / 3 + frame * 7) % span;
                match self.content {
                    Zeros => 0,
                    Maximum => high,
                    Gradient => slope,
                    Noise => low + noise() % span,
                    Checkerboard => [low, high][(at + frame) as usize % 2],
                    // Every fifth sample has the bit, and the last of a frame, so that each frame has one.
                    OverlayBits if at % 5 == 0 || at == each - 1 => slope ^ overlay,
                    OverlayBits => slope,
                }
            })
            .collect()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { image, content } = self;
        write!(
            f,
            "{}x{}x{} {} planar {}, {} of {} bits, {}, {} frames, {content:?}",
            image.rows,
            image.columns,
            image.samples,
            image.photometric.as_str(),
            image.planar,
            image.bits_stored,
            image.bits_allocated,
            if image.signed { "signed" } else { "unsigned" },
            image.frames
        )
    }
}
