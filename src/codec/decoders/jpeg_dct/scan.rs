//! One scan of a sequential frame (ISO/IEC 10918-1 A.2, F.2.1.3): blocks into the planes of its components.

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::ScanHeader;
use super::super::super::jpeg_transform::{inverse, inverse_of_first};
use super::super::jpeg::{BitReader, Restarts, Surroundings};
use super::block::{self, Block};
use super::coefficient_table::CoefficientTable;
use super::plane::{Plane, SIDE, largest_sampling};

/// A component of a scan.
struct Part<'t> {
    place: usize,
    dc: CoefficientTable<'t>,
    ac: CoefficientTable<'t>,
    steps: &'t [u16; 64],
    /// Blocks in a minimum coded unit, across and down.
    blocks: (usize, usize),
    predicted: i32,
}

/// Decodes a scan whose bits begin at byte `start`; gives where the marker behind it begins.
///
/// Whatever its header says of spectral selection, a sequential scan has all coefficients: 12-bit files exist that say 0 to 0.
///
/// # Errors
/// When the bits end before the scan does or are no codes of its tables, or when a table is missing.
pub(super) fn decode(
    around: &Surroundings<'_>,
    scan: &ScanHeader,
    start: usize,
    planes: &mut [Plane],
) -> Result<usize, DecodeError> {
    let damaged = |what: &str| DecodeError::Damaged(what.to_owned());
    let frame = &around.frame;
    let mut parts = parts(around, scan)?;
    let (across, down) = match parts.as_slice() {
        // A scan of one component has only blocks that belong to the image (A.2.2).
        [part] => planes
            .get(part.place)
            .map(|plane| (plane.columns.div_ceil(SIDE), plane.rows.div_ceil(SIDE)))
            .unwrap_or_default(),
        _ => {
            let (across, down) = largest_sampling(frame);
            (
                usize::from(frame.columns).div_ceil(SIDE * across),
                usize::from(frame.rows).div_ceil(SIDE * down),
            )
        }
    };
    let blocks: usize = parts.iter().map(|part| part.blocks.0 * part.blocks.1).sum();
    // A block has two codes at least, so that no more memory is taken than there are samples.
    let bits = 8 * around.codestream.len().saturating_sub(start);
    if across.saturating_mul(down).saturating_mul(2 * blocks) > bits {
        return Err(damaged("it is too short for its samples"));
    }
    for part in &parts {
        if let Some(plane) = planes.get_mut(part.place) {
            plane.make_room(down * part.blocks.1);
        }
    }
    let half = 1 << (frame.precision - 1);
    let most = (1 << frame.precision) - 1;
    let sample = |value: i32| value.wrapping_add(half).clamp(0, most) as u16;
    let mut reader = BitReader::new(around.codestream, start);
    let (mut restarts, mut until_restart) = (Restarts::default(), around.tables.restart_interval);
    for y in 0..down {
        for x in 0..across {
            if around.tables.restart_interval > 0 {
                if until_restart == 0 {
                    restarts.pass(around.codestream, &mut reader)?;
                    parts.iter_mut().for_each(|part| part.predicted = 0);
                    until_restart = around.tables.restart_interval;
                }
                until_restart -= 1;
            }
            for part in &mut parts {
                for at in 0..part.blocks.0 * part.blocks.1 {
                    let block = block::read(&mut reader, &part.dc, &part.ac, part.steps, &mut part.predicted)
                        .ok_or_else(|| damaged("there is no code of the table"))?;
                    let samples = match block {
                        Block::Flat(first) => [[sample(inverse_of_first(first)); SIDE]; SIDE],
                        Block::Coefficients(all) => inverse(&all, frame.precision).map(|row| row.map(sample)),
                    };
                    if let Some(plane) = planes.get_mut(part.place) {
                        let row = y * part.blocks.1 + at / part.blocks.0;
                        plane.put(row, x * part.blocks.0 + at % part.blocks.0, &samples);
                    }
                }
            }
        }
        if reader.is_exhausted() {
            return Err(damaged("the samples end early"));
        }
    }
    Ok(reader.next_marker())
}

fn parts<'t>(around: &'t Surroundings<'_>, scan: &ScanHeader) -> Result<Vec<Part<'t>>, DecodeError> {
    let alone = scan.components.len() == 1;
    let each = scan.components.iter().map(|one| {
        let missing = || DecodeError::Damaged("a quantisation table is not defined".to_owned());
        let tables = &around.tables;
        let component = around.frame.components.get(one.place).ok_or_else(missing)?;
        let steps = tables.quantisation.get(usize::from(component.quantisation_table));
        let (across, down) = component.sampling;
        Ok(Part {
            place: one.place,
            dc: CoefficientTable::dc(tables.dc.get(one.dc_table).and_then(Option::as_ref))?,
            ac: CoefficientTable::ac(tables.ac.get(one.ac_table).and_then(Option::as_ref))?,
            steps: steps.and_then(Option::as_ref).ok_or_else(missing)?,
            blocks: if alone { (1, 1) } else { (usize::from(across), usize::from(down)) },
            predicted: 0,
        })
    });
    each.collect()
}
