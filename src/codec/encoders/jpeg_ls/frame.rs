//! The frame around the entropy-coded segment: its samples in, its marker segments out (ISO/IEC 14495-1 C.2, Annex C).

use super::coding::{Coding, RESET};

/// The samples of a frame as stored cells, little endian.
pub(super) struct Samples<'c> {
    /// `rows * columns * components` cells.
    pub(super) cells: &'c [u8],
    /// 1 to 65535.
    pub(super) rows: usize,
    /// 1 to 65535.
    pub(super) columns: usize,
    /// 1 or 3.
    pub(super) components: usize,
    /// 1 or 2.
    pub(super) bytes_per_cell: usize,
    /// Whether the cells lie by plane rather than by pixel.
    pub(super) by_plane: bool,
    /// 2 to 16; the bits of a cell above it do not count.
    pub(super) precision: u32,
}

impl Samples<'_> {
    /// Puts the samples of a row into `line`, pixel by pixel.
    pub(super) fn read_row(&self, row: usize, line: &mut [u16]) {
        let Samples { rows, columns, components, bytes_per_cell, .. } = *self;
        if !self.by_plane || components == 1 {
            let width = columns * components * bytes_per_cell;
            return self.read(&self.cells[row * width..(row + 1) * width], line, 1);
        }
        let width = columns * bytes_per_cell;
        for component in 0..components {
            let start = (component * rows + row) * width;
            self.read(&self.cells[start..start + width], &mut line[component..], components);
        }
    }

    fn read(&self, cells: &[u8], line: &mut [u16], step: usize) {
        let maximum = Coding::of(self.precision).maximum;
        match (self.bytes_per_cell, step) {
            (1, 1) => line.iter_mut().zip(cells).for_each(|(to, cell)| *to = u16::from(*cell) & maximum),
            (1, _) => {
                let places = line.iter_mut().step_by(step);
                places.zip(cells).for_each(|(to, cell)| *to = u16::from(*cell) & maximum);
            }
            (_, 1) => {
                let cells = cells.as_chunks::<2>().0;
                line.iter_mut().zip(cells).for_each(|(to, cell)| *to = u16::from_le_bytes(*cell) & maximum);
            }
            _ => {
                let places = line.iter_mut().step_by(step);
                let cells = cells.as_chunks::<2>().0;
                places.zip(cells).for_each(|(to, cell)| *to = u16::from_le_bytes(*cell) & maximum);
            }
        }
    }

    /// Appends the markers before the samples: SOI, the frame header, presets beyond twelve bits, and the scan header.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        let components = self.components as u8;
        out.extend_from_slice(&SOI);
        out.extend_from_slice(&SOF55);
        let [y1, y0] = (self.rows as u16).to_be_bytes();
        let [x1, x0] = (self.columns as u16).to_be_bytes();
        out.extend_from_slice(&[0, 8 + 3 * components, self.precision as u8, y1, y0, x1, x0, components]);
        for component in 1..=components {
            out.extend_from_slice(&[component, 0x11, 0]);
        }
        // Beyond twelve bits some decoders (JAI's, says CharLS) compute other thresholds than the standard, so they are said.
        if self.precision > 12 {
            let Coding { maximum, thresholds: [t1, t2, t3], .. } = Coding::of(self.precision);
            out.extend_from_slice(&LSE);
            out.extend_from_slice(&[0, 13, 1]);
            for number in [maximum, t1, t2, t3, RESET as u16] {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out.extend_from_slice(&SOS);
        out.extend_from_slice(&[0, 6 + 2 * components, components]);
        for component in 1..=components {
            out.extend_from_slice(&[component, 0]);
        }
        // NEAR 0; one component is not interleaved, several are by sample; no point transform.
        out.extend_from_slice(&[0, if components == 1 { 0 } else { 2 }, 0]);
    }

    /// Appends the marker behind the samples.
    pub(super) fn write_end(out: &mut Vec<u8>) {
        out.extend_from_slice(&EOI);
    }
}

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];
const SOS: [u8; 2] = [0xFF, 0xDA];
const SOF55: [u8; 2] = [0xFF, 0xF7];
const LSE: [u8; 2] = [0xFF, 0xF8];
