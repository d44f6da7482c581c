//! Where the samples of a codestream lie among the cells of its frame.

use crate::dicom::ImagePixel;

/// Where samples lie among the cells of a frame.
pub(crate) struct Layout {
    columns: usize,
    rows: usize,
    components: usize,
    bytes_per_cell: usize,
    by_plane: bool,
}

impl Layout {
    /// The layout of a frame of bytes or words.
    pub(crate) fn of(image: &ImagePixel) -> Layout {
        Layout {
            columns: usize::from(image.columns),
            rows: usize::from(image.rows),
            components: usize::from(image.samples),
            bytes_per_cell: image.bytes_per_cell(),
            by_plane: image.planar == 1,
        }
    }

    /// Cells of one component.
    pub(crate) fn plane_cells(&self) -> usize {
        self.columns * self.rows
    }

    /// Bytes of the frame: at most 65535 x 65535 x 4 x 2: the frame header has no more components.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.plane_cells() * self.components * self.bytes_per_cell
    }

    /// Puts row `y` of a scan, whose components have these places, into its cells.
    pub(crate) fn put(&self, y: usize, places: &[usize], row: &[u16], cells: &mut [u8]) {
        let in_order =
            places.len() == self.components && places.iter().enumerate().all(|(at, place)| at == *place);
        if in_order && (self.components == 1 || !self.by_plane) {
            let start = y * row.len() * self.bytes_per_cell;
            return self.copy(row.iter().copied(), 1, cells.get_mut(start..).unwrap_or_default());
        }
        for (at, place) in places.iter().enumerate() {
            let samples = row.iter().copied().skip(at).step_by(places.len());
            let (start, step) = if self.by_plane {
                (place * self.plane_cells() + y * self.columns, 1)
            } else {
                (y * self.columns * self.components + place, self.components)
            };
            self.copy(samples, step, cells.get_mut(start * self.bytes_per_cell..).unwrap_or_default());
        }
    }

    /// Writes samples into every `step`th cell.
    fn copy(&self, samples: impl Iterator<Item = u16>, step: usize, cells: &mut [u8]) {
        if self.bytes_per_cell == 1 {
            for (cell, sample) in cells.iter_mut().step_by(step).zip(samples) {
                *cell = sample as u8;
            }
        } else {
            for (cell, sample) in cells.as_chunks_mut::<2>().0.iter_mut().step_by(step).zip(samples) {
                *cell = sample.to_le_bytes();
            }
        }
    }
}
