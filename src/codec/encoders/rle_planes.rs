//! Where the byte planes of a native frame lie (PS3.5 G.2).

use super::super::rle_header::MOST_SEGMENTS;
use crate::dicom::ImagePixel;
use std::ops::Range;

/// Where the bytes of each segment's plane lie in a native frame.
pub(super) struct Planes {
    /// Rows of each plane.
    pub(super) rows: usize,
    /// Bytes of a row of a plane.
    pub(super) columns: usize,
    samples: usize,
    bytes_per_cell: usize,
    planar: bool,
}

impl Planes {
    /// The planes of an image, or `None` when RLE has no form for it.
    pub(super) fn of(image: &ImagePixel) -> Option<Planes> {
        let bytes_per_cell = match image.bits_allocated {
            8 => 1,
            16 => 2,
            32 => 4,
            64 => 8,
            _ => return None,
        };
        let planes = Planes {
            rows: usize::from(image.rows),
            columns: usize::from(image.columns),
            samples: usize::from(image.samples),
            bytes_per_cell,
            planar: image.planar == 1,
        };
        let fits = (1..=MOST_SEGMENTS).contains(&planes.segments()) && planes.rows > 0 && planes.columns > 0;
        fits.then_some(planes)
    }

    /// How many planes there are, and segments.
    pub(super) fn segments(&self) -> usize {
        self.samples * self.bytes_per_cell
    }

    /// Bytes of one frame; cannot overflow: 65535 × 65535 × 15.
    pub(super) fn frame_bytes(&self) -> u64 {
        self.rows as u64 * self.columns as u64 * self.segments() as u64
    }

    /// The plane of `segment`: sample by sample, in each the most significant byte first (G.2).
    pub(super) fn plane(&self, segment: usize) -> Plane {
        let (sample, plane) = (segment / self.bytes_per_cell, segment % self.bytes_per_cell);
        let byte = self.bytes_per_cell - 1 - plane;
        let (stride, first, byte) = if self.planar {
            (self.bytes_per_cell, sample * self.rows * self.columns * self.bytes_per_cell, byte)
        } else {
            (self.segments(), 0, sample * self.bytes_per_cell + byte)
        };
        Plane { first, stride, byte }
    }

    /// The cells of some rows of a plane, with whatever lies between them.
    pub(super) fn rows<'c>(&self, cells: &'c [u8], plane: &Plane, rows: Range<usize>) -> &'c [u8] {
        let length = self.columns * plane.stride;
        &cells[plane.first + rows.start * length..plane.first + rows.end * length]
    }
}

/// Where the bytes of one plane lie.
pub(super) struct Plane {
    /// The first pixel, or the first cell where cells lie by plane.
    first: usize,
    /// Bytes between one byte of the plane and the next.
    pub(super) stride: usize,
    /// Which of these bytes it is: 0 to `stride` − 1.
    pub(super) byte: usize,
}

/// Collects one byte of every `stride` bytes; widths that DICOM has are compiled for themselves.
#[inline(always)]
pub(super) fn gather(row: &[u8], stride: usize, byte: usize, plane: &mut [u8]) {
    match stride {
        1 => gather_each::<1>(row, byte, plane),
        2 => gather_each::<2>(row, byte, plane),
        3 => gather_each::<3>(row, byte, plane),
        4 => gather_each::<4>(row, byte, plane),
        6 => gather_each::<6>(row, byte, plane),
        8 => gather_each::<8>(row, byte, plane),
        _ => {
            for (to, from) in plane.iter_mut().zip(row.iter().skip(byte).step_by(stride)) {
                *to = *from;
            }
        }
    }
}

#[inline(always)]
fn gather_each<const STRIDE: usize>(row: &[u8], byte: usize, plane: &mut [u8]) {
    let byte = byte.min(STRIDE - 1);
    for (to, from) in plane.iter_mut().zip(row.as_chunks::<STRIDE>().0) {
        *to = from[byte];
    }
}
