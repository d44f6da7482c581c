//! The differences between samples and their predictions (ISO/IEC 10918-1 H.1.2.1), a row at a time.
//!
//! A decoder has to finish a sample before it can predict the next. An encoder has all samples already, so a whole row
//! is predicted at once, and the compiler makes vector code of it.

use super::samples::Samples;

/// A predictor: its selection value of table H.1, 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Predictor(u8);

impl Predictor {
    /// The neighbour to the left, the only one that transfer syntax .70 allows.
    pub(super) const LEFT: Predictor = Predictor(1);
    /// All of table H.1.
    pub(super) const ALL: [Predictor; 7] =
        [Predictor(1), Predictor(2), Predictor(3), Predictor(4), Predictor(5), Predictor(6), Predictor(7)];

    /// Ss of the scan header (B.2.3).
    pub(super) fn selection_value(self) -> u8 {
        self.0
    }
}

/// Row after row of a frame, and the differences of the last one that was asked for.
pub(super) struct Rows<'a> {
    samples: Samples<'a>,
    components: usize,
    /// What the very first sample is predicted to be: half of the range.
    first: u16,
    current: Vec<u16>,
    previous: Vec<u16>,
    differences: Vec<i16>,
}

impl<'a> Rows<'a> {
    /// For samples of `precision` bits that lie pixel by pixel, `components` of them in a pixel.
    pub(super) fn new(samples: Samples<'a>, components: usize, precision: u8) -> Rows<'a> {
        let length = samples.row_cells();
        Rows {
            samples,
            components,
            first: 1 << precision.saturating_sub(1).min(15),
            current: vec![0; length],
            previous: vec![0; length],
            differences: vec![0; length],
        }
    }

    /// Gives the differences of every row from the top, as `predictor` leaves them.
    pub(super) fn each(&mut self, predictor: Predictor, mut take: impl FnMut(&[i16])) {
        for y in 0..self.samples.rows() {
            std::mem::swap(&mut self.current, &mut self.previous);
            self.samples.load(y, &mut self.current);
            take(self.differences(predictor, y == 0));
        }
    }

    /// Gives the differences that each predictor leaves of every `step`th row; a sample for choosing one of them.
    pub(super) fn compare(&mut self, step: usize, mut take: impl FnMut(Predictor, &[i16])) {
        for y in (1..self.samples.rows()).step_by(step) {
            self.samples.load(y - 1, &mut self.previous);
            self.samples.load(y, &mut self.current);
            for predictor in Predictor::ALL {
                take(predictor, self.differences(predictor, false));
            }
        }
    }

    /// The differences of the current row modulo 2^16. The first row knows only its left neighbours, and the first pixel
    /// of any other row only the one above (H.1.2.1).
    fn differences(&mut self, predictor: Predictor, first_row: bool) -> &[i16] {
        let (start, rest) = self.differences.split_at_mut(self.components);
        let (current, previous) = (self.current.as_slice(), self.previous.as_slice());
        for (at, difference) in start.iter_mut().enumerate() {
            let above = if first_row { self.first } else { previous[at] };
            *difference = current[at].wrapping_sub(above) as i16;
        }
        let left = current;
        let current = &current[self.components..];
        let (above_left, above) = (previous, &previous[self.components..]);
        // In 32 bits nothing overflows; the lowest 16 are the difference.
        let around = left.iter().zip(above).zip(above_left);
        let each = rest.iter_mut().zip(current).zip(around);
        macro_rules! predict {
            (|$a:ident, $b:ident, $c:ident| $prediction:expr) => {
                for ((difference, sample), ((a, b), c)) in each {
                    let ($a, $b, $c) = (i32::from(*a), i32::from(*b), i32::from(*c));
                    *difference = (i32::from(*sample) - $prediction) as i16;
                }
            };
        }
        match if first_row { 1 } else { predictor.0 } {
            2 => predict!(|_a, b, _c| b),
            3 => predict!(|_a, _b, c| c),
            4 => predict!(|a, b, c| a + b - c),
            5 => predict!(|a, b, c| a + ((b - c) >> 1)),
            6 => predict!(|a, b, c| b + ((a - c) >> 1)),
            7 => predict!(|a, b, _c| (a + b) >> 1),
            _ => {
                for ((difference, sample), left) in rest.iter_mut().zip(current).zip(left) {
                    *difference = sample.wrapping_sub(*left) as i16;
                }
            }
        }
        &self.differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table H.1 on one neighbourhood, and the edges of H.1.2.1.
    #[test]
    fn every_predictor_is_the_one_of_the_table() {
        // Two rows of two 8-bit samples: Rc Rb / Ra x.
        let cells = [10, 25, 17, 40];
        for (predictor, prediction) in
            Predictor::ALL.into_iter().zip([17, 25, 10, 32, 17 + 7, 25 + 3, (17 + 25) / 2])
        {
            let mut rows = Rows::new(Samples::new(&cells, 1, 2, 8), 1, 8);
            let mut all = Vec::new();
            rows.each(predictor, |row| all.extend_from_slice(row));
            assert_eq!(all, [10 - 128, 25 - 10, 17 - 10, 40 - prediction], "{predictor:?}");
        }
    }

    /// Halves are rounded down, also of negative numbers; differences wrap at 16 bits.
    #[test]
    fn differences_are_exact_at_the_ends_of_the_range() {
        let cells: Vec<u8> = [65535u16, 0, 0, 65535].iter().flat_map(|cell| cell.to_le_bytes()).collect();
        let difference = |selection: usize| {
            let mut rows = Rows::new(Samples::new(&cells, 2, 2, 16), 1, 16);
            let mut last = 0;
            rows.each(Predictor::ALL[selection - 1], |row| last = row[1]);
            last
        };
        // Ra = 0, Rb = 0, Rc = 65535, x = 65535.
        assert_eq!(difference(1), -1);
        assert_eq!(difference(3), 0);
        assert_eq!(difference(4), (65535 + 65535) as i16);
        assert_eq!(difference(5), (65535 + 32768) as i16);
        assert_eq!(difference(6), (65535 + 32768) as i16);
        assert_eq!(difference(7), -1);
    }

    #[test]
    fn colour_is_predicted_component_by_component() {
        let cells = [1, 2, 3, 11, 22, 33, 5, 5, 5, 6, 7, 8];
        let mut rows = Rows::new(Samples::new(&cells, 1, 6, 8), 3, 8);
        let mut all = Vec::new();
        rows.each(Predictor::LEFT, |row| all.push(row.to_vec()));
        assert_eq!(all, [[1 - 128, 2 - 128, 3 - 128, 10, 20, 30], [4, 3, 2, 1, 2, 3]]);
    }
}
