//! Where the byte planes of a native frame lie, and one row of one of them (PS3.5 G.2).

use super::super::rle_header::MOST_SEGMENTS;
use crate::dicom::ImagePixel;

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

    /// Bytes between one cell of a plane and the next.
    fn stride(&self) -> usize {
        if self.planar { self.bytes_per_cell } else { self.segments() }
    }

    /// Bytes from the start of one row of a plane to the start of the next.
    fn row_stride(&self) -> usize {
        self.columns * self.stride()
    }

    /// The first byte of the plane of `segment`: sample by sample, in each the most significant byte first (G.2).
    fn start(&self, segment: usize) -> usize {
        let (sample, plane) = (segment / self.bytes_per_cell, segment % self.bytes_per_cell);
        let byte = self.bytes_per_cell - 1 - plane;
        let sample_start = if self.planar {
            sample * self.rows * self.columns * self.bytes_per_cell
        } else {
            sample * self.bytes_per_cell
        };
        sample_start + byte
    }

    /// Puts a row of the plane of `segment` into `to`.
    #[inline(always)]
    pub(super) fn read_row(&self, cells: &[u8], segment: usize, row: usize, to: &mut [u8]) {
        let (start, stride) = (self.start(segment), self.stride());
        // `start` lies below `stride` within a pixel (or within a cell, by plane), the rest is whole pixels.
        let from = start / stride * stride + row * self.row_stride();
        gather(&cells[from..from + self.row_stride()], stride, start % stride, to);
    }
}

/// Collects one byte of every `stride` bytes; widths that DICOM has are compiled for themselves.
#[inline(always)]
fn gather(row: &[u8], stride: usize, byte: usize, plane: &mut [u8]) {
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
