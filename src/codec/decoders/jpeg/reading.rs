//! Goes through the segments of a codestream (ISO/IEC 10918-1 B.2) and hands on each scan with the tables that are in force.

use super::super::super::encoder::DecodeError;
use super::super::super::jpeg_stream::{FrameHeader, ScanHeader, Segment, marker};
use super::tables::Tables;

/// What stands around a scan.
pub(crate) struct Surroundings<'c> {
    /// The whole codestream.
    pub(crate) codestream: &'c [u8],
    /// The frame.
    pub(crate) frame: FrameHeader,
    /// What has been defined so far.
    pub(crate) tables: Tables,
}

/// Reads a codestream until each component of its frame has been decoded; gives what stood around the last scan.
///
/// `check` sees the frame header first, and may refuse it before anything is done. `decode` is given each scan, with the
/// byte at which its bits begin, and gives the byte behind it. A component is decoded once, so that time is bounded.
///
/// # Errors
/// When the codestream has not the form of B.2, or what `check` and `decode` say.
pub(crate) fn read<'c>(
    codestream: &'c [u8],
    check: impl FnOnce(&FrameHeader) -> Result<(), DecodeError>,
    mut decode: impl FnMut(&Surroundings<'c>, &ScanHeader, usize) -> Result<usize, DecodeError>,
) -> Result<Surroundings<'c>, DecodeError> {
    let damaged = |what: &str| DecodeError::Damaged(what.to_owned());
    let start = Segment::at(codestream, 0)?;
    if start.marker != marker::START_OF_IMAGE {
        return Err(damaged("it does not begin with Start of Image"));
    }
    let mut tables = Tables::default();
    let mut at = start.end;
    let frame = loop {
        let segment = Segment::at(codestream, at)?;
        at = segment.end;
        match segment.marker {
            one if FrameHeader::is_one(one) => break FrameHeader::of(&segment)?,
            marker::START_OF_SCAN => return Err(damaged("a scan stands before the frame header")),
            _ => tables.take(&segment)?,
        }
    };
    check(&frame)?;
    let mut waiting = vec![true; frame.components.len()];
    let mut around = Surroundings { codestream, frame, tables };
    while waiting.contains(&true) {
        let segment = Segment::at(codestream, at)?;
        at = segment.end;
        match segment.marker {
            one if FrameHeader::is_one(one) => return Err(damaged("it has more than one frame header")),
            marker::START_OF_SCAN => {
                let scan = ScanHeader::of(&segment, &around.frame)?;
                for component in &scan.components {
                    match waiting.get_mut(component.place) {
                        Some(waits) if *waits => *waits = false,
                        _ => return Err(damaged("it has two scans of one component")),
                    }
                }
                at = decode(&around, &scan, segment.end)?;
            }
            _ => around.tables.take(&segment)?,
        }
    }
    Ok(around)
}
