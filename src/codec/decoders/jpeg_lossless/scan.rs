//! One scan of a lossless frame (ISO/IEC 10918-1 B.2.3, H.2): its header, its rows, its restart intervals.

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::ScanHeader;
use super::super::jpeg::{BitReader, HuffmanCode, Restarts, Surroundings};
use super::huffman_table::HuffmanTable;
use super::prediction::{Selection, undo};

/// Decodes a scan whose bits begin at byte `start`. Gives each row, from 0, with its samples pixel by pixel, and then
/// where the marker behind the scan begins.
///
/// # Errors
/// When the bits end before the frame does, when they are no codes of their tables, or when a sample has more bits than
/// the precision.
pub(super) fn decode(
    scan: &ScanHeader,
    around: &Surroundings<'_>,
    start: usize,
    mut take: impl FnMut(usize, &[u16]),
) -> Result<usize, DecodeError> {
    let frame = &around.frame;
    let Parameters { selection, point_transform } = Parameters::of(scan, frame.precision)?;
    let tables = Tables::of(scan, &around.tables.dc)?;
    let columns = usize::from(frame.columns);
    let rows_between_restarts = rows_between_restarts(around.tables.restart_interval, columns)?;
    let components = scan.components.len();
    let bits = u32::from(frame.precision - point_transform);
    let first = 1u16 << (bits - 1);
    let unused = !(u16::MAX >> (16 - bits));
    let (mut row, mut above) = (vec![0u16; columns * components], vec![0u16; columns * components]);
    let mut reader = BitReader::new(around.codestream, start);
    let mut restarts = Restarts::default();
    let mut restarted = true;
    for y in 0..usize::from(frame.rows) {
        if y > 0 && rows_between_restarts.is_some_and(|rows| y % rows == 0) {
            restarts.pass(around.codestream, &mut reader)?;
            restarted = true;
        }
        let damaged = |what: &str| DecodeError::Damaged(format!("in row {}, {what}", y + 1));
        tables.read(&mut reader, &mut row).ok_or_else(|| damaged("there is no code of the table"))?;
        if reader.is_exhausted() {
            return Err(damaged("the samples end early"));
        }
        undo(&mut row, (!restarted).then_some(above.as_slice()), first, selection, components);
        if row.iter().fold(0, |seen, sample| seen | sample) & unused != 0 {
            return Err(damaged("a sample has more bits than the precision"));
        }
        std::mem::swap(&mut row, &mut above);
        restarted = false;
        if point_transform == 0 {
            take(y, &above);
        } else {
            for (shifted, sample) in row.iter_mut().zip(&above) {
                *shifted = sample << point_transform;
            }
            take(y, &row);
        }
    }
    Ok(reader.next_marker())
}

/// What the parameters of a lossless scan say.
struct Parameters {
    selection: Selection,
    /// Low-order bits that were cut off before coding: Pt.
    point_transform: u8,
}

impl Parameters {
    fn of(scan: &ScanHeader, precision: u8) -> Result<Parameters, DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("its scan header {what}"));
        let [selection, end, approximation] = scan.parameters;
        let selection = Selection::new(selection).ok_or_else(|| damaged("has no predictor of 1 to 7"))?;
        let point_transform = approximation & 15;
        if end != 0 || approximation >> 4 != 0 || point_transform >= precision {
            return Err(damaged("is not that of a lossless scan"));
        }
        Ok(Parameters { selection, point_transform })
    }
}

/// The tables of a scan: each once, and which each component has.
struct Tables<'t> {
    tables: Vec<HuffmanTable<'t>>,
    of_component: Vec<usize>,
}

impl<'t> Tables<'t> {
    fn of(scan: &ScanHeader, defined: &'t [Option<HuffmanCode>; 4]) -> Result<Tables<'t>, DecodeError> {
        let (mut tables, mut places, mut of_component) = (Vec::new(), Vec::new(), Vec::new());
        for place in scan.components.iter().map(|component| component.dc_table) {
            if let Some(known) = places.iter().position(|other| *other == place) {
                of_component.push(known);
                continue;
            }
            let missing = || DecodeError::Damaged(format!("Huffman table {place} is not defined"));
            let code = defined.get(place).and_then(Option::as_ref).ok_or_else(missing)?;
            of_component.push(tables.len());
            places.push(place);
            tables.push(HuffmanTable::new(code)?);
        }
        Ok(Tables { tables, of_component })
    }

    /// Reads the differences of a row; `None` at bits that are no code.
    fn read(&self, reader: &mut BitReader<'_>, row: &mut [u16]) -> Option<()> {
        if let [table] = self.tables.as_slice() {
            for difference in row {
                *difference = table.read(reader)?;
            }
            return Some(());
        }
        for pixel in row.chunks_exact_mut(self.of_component.len()) {
            for (difference, table) in pixel.iter_mut().zip(&self.of_component) {
                *difference = self.tables.get(*table)?.read(reader)?;
            }
        }
        Some(())
    }
}

/// A restart interval is a whole number of rows (H.1.1).
fn rows_between_restarts(interval: usize, columns: usize) -> Result<Option<usize>, DecodeError> {
    match interval {
        0 => Ok(None),
        _ if interval.is_multiple_of(columns) => Ok(Some(interval / columns)),
        _ => Err(DecodeError::Damaged("its restart interval is not a whole number of rows".to_owned())),
    }
}
