//! Differences between samples and their predictions, whole rows at a time (ISO/IEC 18181-1 H.3, predictor 5), and the runs of zeros
//! among them.
//!
//! The prediction is the sample to the left plus the one above minus the one between them, held within the first two. Without
//! loss a decoder's neighbours are the source's own, so that nothing of a row waits for anything else of it: the compiler makes vector
//! code of the loop. For that its sums wrap rather than be checked; samples have 18 bits at most, so none ever does. A difference gets its
//! sign as the lowest bit, as every number of the format is without one.

use super::channels::Channels;

/// Zeros are looked for in so many samples at a time, which costs nothing; shorter runs do not pay.
const BLOCK: usize = 16;
/// A run is at least as long as this, after the zero that it repeats.
pub(super) const SHORTEST_RUN: u32 = 3;

/// A part of a channel.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) channel: usize,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What takes differences, in their order.
pub(super) trait Sink {
    /// Some of them.
    fn numbers(&mut self, numbers: &[u32]);
    /// The last one so many times again, [`SHORTEST_RUN`] at least.
    fn run(&mut self, length: u32);
}

/// The memory of two rows and their differences.
#[derive(Default)]
pub(super) struct Rows {
    /// One sample more than a row: what stands in for the left neighbour of the first.
    above: Vec<i32>,
    current: Vec<i32>,
    residuals: Vec<u32>,
}

impl Rows {
    /// Gives all differences of an area to `sink`.
    #[inline(always)]
    pub(super) fn each(&mut self, channels: &Channels<'_>, area: Area, sink: &mut impl Sink) {
        self.fit(area.columns);
        let mut zeros = 0;
        for y in 0..area.rows {
            self.next_row(channels, area, y);
            zeros = split(&self.residuals, zeros, sink);
        }
        end_run(zeros, sink);
    }

    /// Gives the differences of every `step`-th row.
    #[inline(always)]
    pub(super) fn some(&mut self, channels: &Channels<'_>, area: Area, step: usize, sink: &mut impl Sink) {
        self.fit(area.columns);
        let mut zeros = 0;
        for y in (0..area.rows).step_by(step) {
            if y > 0 {
                channels.load(area.channel, area.y + y - 1, area.x, &mut self.current[1..]);
            }
            self.next_row(channels, area, y);
            zeros = split(&self.residuals, zeros, sink);
        }
        end_run(zeros, sink);
    }

    fn fit(&mut self, columns: usize) {
        self.above.resize(columns + 1, 0);
        self.current.resize(columns + 1, 0);
        self.residuals.resize(columns, 0);
    }

    #[inline(always)]
    fn next_row(&mut self, channels: &Channels<'_>, area: Area, y: usize) {
        std::mem::swap(&mut self.above, &mut self.current);
        channels.load(area.channel, area.y + y, area.x, &mut self.current[1..]);
        if y == 0 {
            // Nothing is above: the sample to the left is the prediction, and zero that of the first.
            self.current[0] = 0;
            let pairs = self.current.iter().zip(&self.current[1..]);
            self.residuals
                .iter_mut()
                .zip(pairs)
                .for_each(|(residual, (left, sample))| *residual = packed(sample.wrapping_sub(*left)));
            return;
        }
        // The sample above stands in for what is beyond the left edge.
        self.above[0] = self.above[1];
        self.current[0] = self.above[1];
        let (above, current) = (&self.above[..], &self.current[..]);
        // Slices of one length: the compiler then knows that an index that fits one fits all.
        let count = self.residuals.len();
        let (lefts, samples) = (&current[..count], &current[1..=count]);
        let (corners, tops) = (&above[..count], &above[1..=count]);
        for (place, residual) in self.residuals[..count].iter_mut().enumerate() {
            let (left, top, corner) = (lefts[place], tops[place], corners[place]);
            let (least, most) = (left.min(top), left.max(top));
            let prediction = left.wrapping_add(top).wrapping_sub(corner).max(least).min(most);
            *residual = packed(samples[place].wrapping_sub(prediction));
        }
    }
}

/// The sign as the lowest bit.
#[inline(always)]
fn packed(difference: i32) -> u32 {
    ((difference << 1) ^ (difference >> 31)) as u32
}

/// Gives a row's differences to `sink`, but for the zeros at its end, which may go on in the next row. `zeros` stood before.
#[inline(always)]
fn split(residuals: &[u32], mut zeros: u32, sink: &mut impl Sink) -> u32 {
    let (blocks, rest) = residuals.as_chunks::<BLOCK>();
    for block in blocks {
        zeros = split_block(block, zeros, sink);
    }
    split_block(rest, zeros, sink)
}

#[inline(always)]
fn split_block(block: &[u32], zeros: u32, sink: &mut impl Sink) -> u32 {
    if block.iter().fold(0, |all, residual| all | residual) == 0 {
        return zeros + block.len() as u32;
    }
    if zeros > 0 {
        end_run(zeros, sink);
    }
    sink.numbers(block);
    0
}

/// Gives zeros: one as it is, the others as a run when they are enough.
#[inline(always)]
fn end_run(zeros: u32, sink: &mut impl Sink) {
    if zeros > SHORTEST_RUN {
        sink.numbers(&[0]);
        sink.run(zeros - 1);
    } else {
        sink.numbers(&[0; SHORTEST_RUN as usize][..zeros as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::channels::Cells;
    use super::*;

    #[derive(Default)]
    struct List(Vec<u32>);

    impl Sink for List {
        fn numbers(&mut self, numbers: &[u32]) {
            self.0.extend(numbers);
        }

        fn run(&mut self, length: u32) {
            assert!(length >= SHORTEST_RUN);
            let last = *self.0.last().unwrap();
            self.0.extend(std::iter::repeat_n(last, length as usize));
            self.0.push(u32::MAX);
        }
    }

    fn residuals(bytes: &[u8], columns: usize, area: Option<Area>) -> Vec<u32> {
        let rows = bytes.len() / columns;
        let cells = Cells { bytes, bytes_per_cell: 1, samples: 1, precision: 8, columns, rows };
        let mut planes = Vec::new();
        let channels = Channels::new(cells, &mut planes);
        let area = area.unwrap_or(Area { channel: 0, x: 0, y: 0, columns, rows });
        let mut list = List::default();
        Rows::default().each(&channels, area, &mut list);
        list.0
    }

    #[test]
    fn predictions_are_those_of_the_standard() {
        // Left; then above; then the gradient, within its neighbours.
        assert_eq!(residuals(&[10, 12, 9, 11, 20, 9], 3, None), [20, 4, 5, 2, 16, 15]);
    }

    #[test]
    fn an_area_knows_nothing_of_what_lies_around_it() {
        let bytes: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(37)).collect();
        let inner: Vec<u8> = (3..6).flat_map(|y| bytes[8 * y + 2..8 * y + 7].to_vec()).collect();
        let area = Area { channel: 0, x: 2, y: 3, columns: 5, rows: 3 };
        assert_eq!(residuals(&bytes, 8, Some(area)), residuals(&inner, 5, None));
    }

    #[test]
    fn zeros_go_on_over_rows() {
        let run = residuals(&[0; 160], 40, None);
        assert_eq!((run.len(), run.last()), (161, Some(&u32::MAX)));
        assert_eq!(residuals(&[0; 3], 3, None), [0; 3]);
        let mut bytes = [7; 40];
        bytes[39] = 8;
        let expected: Vec<u32> = [14]
            .into_iter()
            .chain([0; 15])
            .chain([0; 16])
            .chain([u32::MAX])
            .chain([0; 7])
            .chain([2])
            .collect();
        assert_eq!(residuals(&bytes, 40, None), expected);
    }
}
