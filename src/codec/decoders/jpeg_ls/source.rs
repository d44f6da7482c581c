//! The cells of a source as the samples that a decoder must give, row by row (PS3.3 C.7.6.3.1.3, PS3.5 8.1.1).

use crate::dicom::ImagePixel;

/// The cells of one frame, little endian.
pub(super) struct Source<'c> {
    cells: &'c [u8],
    rows: usize,
    columns: usize,
    components: usize,
    bytes_per_cell: usize,
    by_plane: bool,
    /// The bits of a cell that a codestream of the precision at hand carries.
    carried: u16,
    /// The bits of a cell that a decoder keeps before it extends the sign: Bits Stored where there is a sign, else all.
    stored: u16,
    /// The sign bit; zero when the image has none.
    sign: u16,
}

impl<'c> Source<'c> {
    /// The cells of a frame of `image`, to be carried by a codestream of `precision` bits, which is Bits Stored at least. `None` when
    /// they are not as many as the image wants.
    pub(super) fn of(cells: &'c [u8], image: &ImagePixel, precision: u32) -> Option<Source<'c>> {
        let stored = u16::MAX >> 16_u32.saturating_sub(u32::from(image.bits_stored)).min(15);
        let source = Source {
            cells,
            rows: usize::from(image.rows),
            columns: usize::from(image.columns),
            components: usize::from(image.samples),
            bytes_per_cell: image.bytes_per_cell(),
            by_plane: image.planar == 1 && image.samples > 1,
            carried: u16::MAX.checked_shr(16_u32.checked_sub(precision)?)?,
            stored: if image.signed { stored } else { u16::MAX },
            sign: if image.signed { stored ^ (stored >> 1) } else { 0 },
        };
        let wanted = image.frame_cells().checked_mul(source.bytes_per_cell as u64)?;
        (cells.len() as u64 == wanted).then_some(source)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Puts the samples of a row into `line`, pixel by pixel. Gives whether a decoder makes the very cells of these samples: the
    /// bits that are not carried must be zeros, or the sign.
    #[inline(always)]
    pub(super) fn read_row(&self, row: usize, line: &mut [u16]) -> bool {
        let (planes, step) = if self.by_plane { (self.components, self.components) } else { (1, 1) };
        let width = self.columns * self.components / planes * self.bytes_per_cell;
        let mut lost = 0;
        for plane in 0..planes {
            let start = (plane * self.rows + row) * width;
            let cells = self.cells.get(start..start + width).unwrap_or_default();
            let places = line.get_mut(plane..).unwrap_or_default();
            lost |= match (self.bytes_per_cell, step) {
                (1, 1) => self.read(cells.iter().map(|cell| self.of_byte(*cell)), places.iter_mut()),
                (1, _) => {
                    self.read(cells.iter().map(|cell| self.of_byte(*cell)), places.iter_mut().step_by(step))
                }
                (_, 1) => self.read(
                    cells.as_chunks().0.iter().map(|cell| u16::from_le_bytes(*cell)),
                    places.iter_mut(),
                ),
                _ => self.read(
                    cells.as_chunks().0.iter().map(|cell| u16::from_le_bytes(*cell)),
                    places.iter_mut().step_by(step),
                ),
            };
        }
        lost == 0
    }

    /// A cell of a byte as one of a word, its sign extended.
    #[inline(always)]
    fn of_byte(&self, cell: u8) -> u16 {
        if self.sign != 0 { i16::from(cell.cast_signed()).cast_unsigned() } else { u16::from(cell) }
    }

    /// Gives bits that are not zero where a decoder would make another cell.
    #[inline(always)]
    fn read<'l>(&self, cells: impl Iterator<Item = u16>, places: impl Iterator<Item = &'l mut u16>) -> u16 {
        let mut lost = 0;
        for (place, cell) in places.zip(cells) {
            let sample = cell & self.carried;
            // What is kept, with the sign bit taken away from what it counts as and from what it should.
            let made = ((sample & self.stored) ^ self.sign).wrapping_sub(self.sign);
            lost |= made ^ cell;
            *place = sample;
        }
        lost
    }
}
