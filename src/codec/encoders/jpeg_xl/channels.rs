//! The samples of a frame as the channels of a modular image (ISO/IEC 18181-1 H.1 and H.6.3).
//!
//! Grey samples are read from the cells when they are wanted. Red, green and blue become a luma and two differences of colour by
//! the reversible YCoCg transform, which adds one bit to the differences and loses nothing.

/// The most columns and rows of a group: what is coded by itself when a frame is larger.
pub(super) const GROUP_DIM: usize = 1024;

/// A frame of native cells, colour by pixel.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) bytes: &'a [u8],
    /// 1 or 2.
    pub(super) bytes_per_cell: usize,
    /// 1 or 3.
    pub(super) samples: usize,
    /// Of each cell only so many bits count, 1 to 16.
    pub(super) precision: u32,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// The channels of a frame.
pub(super) struct Channels<'a> {
    pub(super) cells: Cells<'a>,
    /// Of a colour image: each channel's samples, row by row.
    planes: &'a [i32],
}

impl<'a> Channels<'a> {
    /// Those of `cells`; `planes` is memory that is used again.
    #[inline(always)]
    pub(super) fn new(cells: Cells<'a>, planes: &'a mut Vec<i32>) -> Channels<'a> {
        if cells.samples == 3 {
            transform(&cells, planes);
        }
        Channels { cells, planes }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.cells.samples
    }

    /// Bits of the largest difference between a sample and its prediction, when the sign is the lowest of them.
    pub(super) fn residual_bits(&self) -> u32 {
        self.cells.precision + if self.count() == 3 { 2 } else { 1 }
    }

    /// Copies a part of row `y`, from column `x` on.
    #[inline(always)]
    pub(super) fn load(&self, channel: usize, y: usize, x: usize, row: &mut [i32]) {
        let Cells { bytes, bytes_per_cell, columns, rows, precision, .. } = self.cells;
        let start = y * columns + x;
        if self.count() == 3 {
            let start = channel * rows * columns + start;
            if let Some(plane) = self.planes.get(start..start + row.len()) {
                row.copy_from_slice(plane);
            }
            return;
        }
        let mask = (1 << precision) - 1;
        let cells =
            bytes.get(start * bytes_per_cell..(start + row.len()) * bytes_per_cell).unwrap_or_default();
        if bytes_per_cell == 1 {
            row.iter_mut().zip(cells).for_each(|(sample, cell)| *sample = i32::from(*cell) & mask);
        } else {
            let cells = cells.as_chunks::<2>().0;
            row.iter_mut()
                .zip(cells)
                .for_each(|(sample, cell)| *sample = i32::from(u16::from_le_bytes(*cell)) & mask);
        }
    }
}

/// Red, green and blue into Y, Co and Cg, plane by plane.
#[inline(always)]
fn transform(cells: &Cells<'_>, planes: &mut Vec<i32>) {
    let pixels = cells.columns * cells.rows;
    planes.clear();
    planes.resize(3 * pixels, 0);
    let (luma, chroma) = planes.split_at_mut(pixels);
    let (orange, green) = chroma.split_at_mut(pixels);
    let places = luma.iter_mut().zip(orange).zip(green);
    let mask = (1 << cells.precision) - 1;
    if cells.bytes_per_cell == 1 {
        for (((y, co), cg), pixel) in places.zip(cells.bytes.as_chunks::<3>().0) {
            (*y, *co, *cg) = ycocg(pixel.map(|cell| i32::from(cell) & mask));
        }
    } else {
        let words = cells.bytes.as_chunks::<2>().0.as_chunks::<3>().0;
        for (((y, co), cg), pixel) in places.zip(words) {
            (*y, *co, *cg) = ycocg(pixel.map(|cell| i32::from(u16::from_le_bytes(cell)) & mask));
        }
    }
}

#[inline(always)]
fn ycocg([red, green, blue]: [i32; 3]) -> (i32, i32, i32) {
    // Sums that wrap, so that the loop becomes vector code: samples of 16 bits are far from it.
    let orange = red.wrapping_sub(blue);
    let between = blue.wrapping_add(orange >> 1);
    let greenness = green.wrapping_sub(between);
    (between.wrapping_add(greenness >> 1), orange, greenness)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way back, as H.6.3 has it.
    #[test]
    fn a_decoder_finds_the_colours() {
        for pixel in [[0, 0, 0], [255, 0, 255], [1, 2, 3], [0, 65535, 0], [65535, 0, 0], [7, 65535, 65535]] {
            let (y, co, cg) = ycocg(pixel);
            let between = y - (cg >> 1);
            let green = cg + between;
            let blue = between - (co >> 1);
            assert_eq!([blue + co, green, blue], pixel);
        }
    }

    #[test]
    fn parts_of_rows_are_loaded() {
        let bytes: Vec<u8> = (0..24).collect();
        let cells =
            Cells { bytes: &bytes, bytes_per_cell: 2, samples: 1, precision: 12, columns: 4, rows: 3 };
        let mut planes = Vec::new();
        let channels = Channels::new(cells, &mut planes);
        let mut row = [0; 2];
        channels.load(0, 1, 2, &mut row);
        assert_eq!(row, [0xD0C, 0xF0E]);
        let colour = Cells { bytes_per_cell: 1, samples: 3, precision: 8, columns: 4, rows: 2, ..cells };
        let channels = Channels::new(colour, &mut planes);
        channels.load(1, 1, 2, &mut row);
        assert_eq!(row, [-2, -2]);
        assert_eq!((channels.count(), channels.residual_bits()), (3, 10));
    }
}
