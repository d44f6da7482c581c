//! One scan of a lossless frame (ISO/IEC 10918-1 B.2.3, H.2): its header, its rows, its restart intervals.

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::{Component, FrameHeader, Segment, marker};
use super::bit_reader::BitReader;
use super::huffman_table::{HuffmanTable, Specification};
use super::prediction::{Selection, undo};

/// The header of a scan.
#[derive(Debug)]
pub(super) struct ScanHeader {
    /// Of each component of the scan, in its order: its place in the frame and its Huffman table.
    components: Vec<(usize, usize)>,
    selection: Selection,
    /// Low-order bits that were cut off before coding: Pt.
    point_transform: u8,
}

impl ScanHeader {
    /// Reads the header of a scan of `frame`.
    ///
    /// # Errors
    /// When it has not the form of B.2.3, or names what is not there.
    pub(super) fn of(segment: &Segment<'_>, frame: &FrameHeader) -> Result<ScanHeader, DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("its scan header {what}"));
        let [count, rest @ ..] = segment.content else { return Err(damaged("is empty")) };
        let (components, parameters) =
            rest.split_at_checked(2 * usize::from(*count)).ok_or_else(|| damaged("is cut short"))?;
        let [selection, end, approximation] = parameters else {
            return Err(damaged("has another length than its components ask for"));
        };
        let selection = Selection::new(*selection).ok_or_else(|| damaged("has no predictor of 1 to 7"))?;
        let point_transform = approximation & 15;
        if *end != 0 || approximation >> 4 != 0 || point_transform >= frame.precision {
            return Err(damaged("is not that of a lossless scan"));
        }
        let mut found: Vec<(usize, usize)> = Vec::new();
        for [identifier, tables] in components.as_chunks::<2>().0 {
            let same = |component: &Component| component.identifier == *identifier;
            let place = frame.components.iter().position(same);
            let place = place.ok_or_else(|| damaged("names a component that the frame does not have"))?;
            if found.iter().any(|(other, _)| *other == place) {
                return Err(damaged("names a component twice"));
            }
            found.push((place, usize::from(tables >> 4)));
        }
        if found.is_empty() {
            return Err(damaged("has no component"));
        }
        Ok(ScanHeader { components: found, selection, point_transform })
    }

    /// The places of the scan's components in the frame, in the order of their samples.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        self.components.iter().map(|(place, _)| *place)
    }
}

/// What stands around a scan.
pub(super) struct Surroundings<'a> {
    /// The frame.
    pub(super) frame: &'a FrameHeader,
    /// The Huffman tables that have been defined so far.
    pub(super) tables: &'a [Option<Specification>; 4],
    /// Pixels between two restart markers, 0 for none (B.2.4.4).
    pub(super) restart_interval: u16,
}

/// Decodes a scan whose bits begin at byte `start`. Gives each row, from 0, with its samples pixel by pixel, and then
/// where the marker behind the scan begins.
///
/// # Errors
/// When the bits end before the frame does, when they are no codes of their tables, or when a sample has more bits than
/// the precision.
pub(super) fn decode(
    scan: &ScanHeader,
    around: &Surroundings<'_>,
    codestream: &[u8],
    start: usize,
    mut take: impl FnMut(usize, &[u16]),
) -> Result<usize, DecodeError> {
    let frame = around.frame;
    let tables = Tables::of(scan, around.tables)?;
    let columns = usize::from(frame.columns);
    let rows_between_restarts = rows_between_restarts(around.restart_interval, columns)?;
    let components = scan.components.len();
    let bits = u32::from(frame.precision - scan.point_transform);
    let first = 1u16 << (bits - 1);
    let unused = !(u16::MAX >> (16 - bits));
    let (mut row, mut above) = (vec![0u16; columns * components], vec![0u16; columns * components]);
    let mut reader = BitReader::new(codestream, start);
    let mut restarted = true;
    for y in 0..usize::from(frame.rows) {
        if y > 0 && rows_between_restarts.is_some_and(|rows| y % rows == 0) {
            let at = restart(codestream, reader.next_marker(), y / rows_between_restarts.unwrap_or(1))?;
            reader = BitReader::new(codestream, at);
            restarted = true;
        }
        let damaged = |what: &str| DecodeError::Damaged(format!("in row {}, {what}", y + 1));
        tables.read(&mut reader, &mut row).ok_or_else(|| damaged("there is no code of the table"))?;
        if reader.is_exhausted() {
            return Err(damaged("the samples end early"));
        }
        undo(&mut row, (!restarted).then_some(above.as_slice()), first, scan.selection, components);
        if row.iter().fold(0, |seen, sample| seen | sample) & unused != 0 {
            return Err(damaged("a sample has more bits than the precision"));
        }
        std::mem::swap(&mut row, &mut above);
        restarted = false;
        if scan.point_transform == 0 {
            take(y, &above);
        } else {
            for (shifted, sample) in row.iter_mut().zip(&above) {
                *shifted = sample << scan.point_transform;
            }
            take(y, &row);
        }
    }
    Ok(reader.next_marker())
}

/// The tables of a scan: each once, and which each component has.
struct Tables {
    tables: Vec<HuffmanTable>,
    of_component: Vec<usize>,
}

impl Tables {
    fn of(scan: &ScanHeader, defined: &[Option<Specification>; 4]) -> Result<Tables, DecodeError> {
        let (mut tables, mut places, mut of_component) = (Vec::new(), Vec::new(), Vec::new());
        for (_, place) in &scan.components {
            if let Some(known) = places.iter().position(|other| other == place) {
                of_component.push(known);
                continue;
            }
            let missing = || DecodeError::Damaged(format!("Huffman table {place} is not defined"));
            let specification = defined.get(*place).and_then(Option::as_ref).ok_or_else(missing)?;
            of_component.push(tables.len());
            places.push(*place);
            tables.push(HuffmanTable::new(specification)?);
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
fn rows_between_restarts(interval: u16, columns: usize) -> Result<Option<usize>, DecodeError> {
    let interval = usize::from(interval);
    match interval {
        0 => Ok(None),
        _ if interval.is_multiple_of(columns) => Ok(Some(interval / columns)),
        _ => Err(DecodeError::Damaged("its restart interval is not a whole number of rows".to_owned())),
    }
}

/// Reads the restart marker before interval number `interval`, which is the first when 1. Gives where its bits begin.
fn restart(codestream: &[u8], at: usize, interval: usize) -> Result<usize, DecodeError> {
    let segment = Segment::at(codestream, at)?;
    let expected = marker::RESTART + ((interval - 1) % 8) as u8;
    if segment.marker != expected {
        let (found, expected) = (segment.marker, expected & 7);
        return Err(DecodeError::Damaged(format!("marker {found:02X} stands where RST{expected} is due")));
    }
    Ok(segment.end)
}
