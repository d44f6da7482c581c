//! The samples of a frame, row by row, as the encoder wants them: 16 bits wide and cut to the precision.

/// The cells of one frame, colour by pixel, and how they become samples.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    cells: &'a [u8],
    bytes_per_cell: usize,
    row_cells: usize,
    mask: u16,
}

impl<'a> Samples<'a> {
    /// Cells of one or two bytes, `row_cells` (at least one) in a row; of each only the lowest `precision` bits count.
    pub(super) fn new(
        cells: &'a [u8],
        bytes_per_cell: usize,
        row_cells: usize,
        precision: u8,
    ) -> Samples<'a> {
        // Two's complement needs no more than this: the pattern of a negative value, cut to the precision, is what a
        // reader extends the sign of.
        let mask = u16::MAX >> 16u32.saturating_sub(u32::from(precision));
        Samples { cells, bytes_per_cell, row_cells, mask }
    }

    /// Samples in a row, all components together.
    pub(super) fn row_cells(&self) -> usize {
        self.row_cells
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.cells.len() / (self.row_cells * self.bytes_per_cell)
    }

    /// Copies row `y` into `row`, which is as long as a row is. A row that is not there leaves it as it was.
    pub(super) fn load(&self, y: usize, row: &mut [u16]) {
        let row_bytes = self.row_cells * self.bytes_per_cell;
        let Some(cells) = self.cells.get(y * row_bytes..(y + 1) * row_bytes) else { return };
        if self.bytes_per_cell == 1 {
            for (sample, cell) in row.iter_mut().zip(cells) {
                *sample = u16::from(*cell) & self.mask;
            }
        } else {
            for (sample, cell) in row.iter_mut().zip(cells.as_chunks::<2>().0) {
                *sample = u16::from_le_bytes(*cell) & self.mask;
            }
        }
    }
}
