//! Turns a row of differences into samples (ISO/IEC 10918-1 H.1.2.1, table H.1).

/// The selection value of a scan, 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selection(u8);

impl Selection {
    /// From Ss of the scan header; `None` beyond 1 to 7 (0 is for differential frames).
    pub(super) fn new(value: u8) -> Option<Selection> {
        (1..=7).contains(&value).then_some(Selection(value))
    }
}

/// Replaces the differences in `row` by samples modulo 2^16, `components` of them in a pixel.
///
/// `above` is the row before, and `None` in the first row and after a restart: then `first` predicts the first pixel, and
/// the left neighbour all others.
pub(super) fn undo(
    row: &mut [u16],
    above: Option<&[u16]>,
    first: u16,
    selection: Selection,
    components: usize,
) {
    let Some(above) = above else {
        for difference in row.iter_mut().take(components) {
            *difference = difference.wrapping_add(first);
        }
        return from_left(row, components);
    };
    for (difference, above) in row.iter_mut().zip(above).take(components) {
        *difference = difference.wrapping_add(*above);
    }
    match selection.0 {
        2 => from_neighbours(row, above, components, |_, b, _| b),
        3 => from_neighbours(row, above, components, |_, _, c| c),
        4 => from_neighbours(row, above, components, |a, b, c| a + b - c),
        5 => from_neighbours(row, above, components, |a, b, c| a + ((b - c) >> 1)),
        6 => from_neighbours(row, above, components, |a, b, c| b + ((a - c) >> 1)),
        7 => from_neighbours(row, above, components, |a, b, _| (a + b) >> 1),
        _ => from_left(row, components),
    }
}

fn from_left(row: &mut [u16], components: usize) {
    if components == 1 {
        let mut left = 0;
        for sample in row {
            left = sample.wrapping_add(left);
            *sample = left;
        }
        return;
    }
    for at in components..row.len() {
        row[at] = row[at].wrapping_add(row[at - components]);
    }
}

/// `predict` is given the left neighbour, the one above and the one above to the left.
fn from_neighbours(
    row: &mut [u16],
    above: &[u16],
    components: usize,
    predict: impl Fn(i32, i32, i32) -> i32,
) {
    let length = row.len().min(above.len());
    let (row, above) = (&mut row[..length], &above[..length]);
    for at in components..length {
        let (a, b, c) = (row[at - components], above[at], above[at - components]);
        let prediction = predict(i32::from(a), i32::from(b), i32::from(c));
        row[at] = row[at].wrapping_add(prediction as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table H.1 on one neighbourhood: Rc is 10, Rb 25, Ra 17, and the difference 3.
    #[test]
    fn every_selection_value_is_the_one_of_the_table() {
        for (selection, prediction) in (1..).zip([17, 25, 10, 32, 17 + 7, 25 + 3, 21]) {
            let mut row = [7, 3];
            undo(&mut row, Some(&[10, 25]), 128, Selection::new(selection).unwrap(), 1);
            assert_eq!(row, [17, prediction + 3], "{selection}");
        }
        assert_eq!((Selection::new(0), Selection::new(8)), (None, None));
    }

    #[test]
    fn the_first_row_knows_its_left_neighbours_alone() {
        let mut row = [1, 2, 3, 10, 20, 30, 65535, 0, 1];
        undo(&mut row, None, 128, Selection::new(4).unwrap(), 3);
        assert_eq!(row, [129, 130, 131, 139, 150, 161, 138, 150, 162]);
        let mut row = [65535, 65535];
        undo(&mut row, None, 0, Selection::new(1).unwrap(), 1);
        assert_eq!(row, [65535, 65534]);
    }
}
