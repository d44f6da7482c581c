//! The samples of one component, as many as it has itself (ISO/IEC 10918-1 A.1.1), in blocks (A.2.4).

use super::super::super::jpeg_stream::{Component, FrameHeader};

/// One component.
#[derive(Debug, Default)]
pub(super) struct Plane {
    /// Samples in a row that belong to the image.
    pub(super) columns: usize,
    /// Rows that belong to the image.
    pub(super) rows: usize,
    /// How many columns and rows of the image share a sample; not whole when the factors are odd to each other.
    pub(super) share: (Share, Share),
    /// Samples in a row, those of the last blocks included.
    stride: usize,
    samples: Vec<u16>,
}

/// The quotient of the largest sampling factor and a component's own.
pub(super) type Share = Option<usize>;

/// Samples of a block's side.
pub(super) const SIDE: usize = 8;

/// The largest sampling factors of a frame.
pub(super) fn largest_sampling(frame: &FrameHeader) -> (usize, usize) {
    let largest = |of: fn(&Component) -> u8| usize::from(frame.components.iter().map(of).max().unwrap_or(1));
    (largest(|component| component.sampling.0), largest(|component| component.sampling.1))
}

impl Plane {
    /// A plane for a component of the frame, without memory for its samples yet.
    pub(super) fn new(frame: &FrameHeader, component: &Component) -> Plane {
        let (across, down) = largest_sampling(frame);
        let (own_across, own_down) = (usize::from(component.sampling.0), usize::from(component.sampling.1));
        let share = |largest: usize, own: usize| largest.is_multiple_of(own).then_some(largest / own);
        let minimum_coded_units = usize::from(frame.columns).div_ceil(SIDE * across);
        Plane {
            columns: (usize::from(frame.columns) * own_across).div_ceil(across),
            rows: (usize::from(frame.rows) * own_down).div_ceil(down),
            share: (share(across, own_across), share(down, own_down)),
            stride: minimum_coded_units * own_across * SIDE,
            samples: Vec::new(),
        }
    }

    /// Takes the memory for so many rows of blocks.
    pub(super) fn make_room(&mut self, block_rows: usize) {
        self.samples.resize(self.stride * block_rows * SIDE, 0);
    }

    /// Puts a block into its place.
    pub(super) fn put(&mut self, block_row: usize, block_column: usize, block: &[[u16; SIDE]; SIDE]) {
        let start = block_row * SIDE * self.stride + block_column * SIDE;
        let rows = self.samples.get_mut(start..).unwrap_or_default().chunks_mut(self.stride.max(1));
        for (row, from) in rows.zip(block) {
            row.iter_mut().zip(from).for_each(|(sample, value)| *sample = *value);
        }
    }

    /// A row; the last one of the image for all that lie below it.
    pub(super) fn row(&self, y: usize) -> &[u16] {
        let start = y.min(self.rows.saturating_sub(1)) * self.stride;
        self.samples.get(start..start + self.columns).unwrap_or_default()
    }
}
