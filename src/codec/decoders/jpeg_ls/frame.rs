//! A whole JPEG-LS codestream: its scans, restart intervals and components, laid out as native cells.

use super::coding::Coding;
use super::header::{Markers, Next, ScanHeader};
use super::scan::Scan;

/// What the codestream is expected to hold, and how the cells are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) components: usize,
    /// The least and the most bits of a sample.
    pub(super) precision: (u32, u32),
    /// 1 or 2.
    pub(super) bytes_per_cell: usize,
    /// Whether cells lie by plane rather than by pixel.
    pub(super) by_plane: bool,
    /// Whether NEAR must be 0.
    pub(super) lossless: bool,
}

/// Why there are no cells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The codestream describes another frame than is wanted: what it says.
    Other(String),
    /// The codestream breaks its format.
    Damaged(String),
}

impl From<String> for FrameError {
    fn from(what: String) -> FrameError {
        FrameError::Damaged(what)
    }
}

/// Replaces the content of `cells` by the cells of the codestream, little endian.
///
/// # Errors
/// When the codestream is damaged or holds another frame. Memory is taken only after the header has been compared.
pub(super) fn decode(codestream: &[u8], wanted: &Wanted, cells: &mut Vec<u8>) -> Result<(), FrameError> {
    let mut markers = Markers::new(codestream)?;
    let mut done = vec![false; wanted.components];
    cells.clear();
    while let Next::Scan(header) = markers.next()? {
        let precision = check(&markers, &header, wanted)?;
        if cells.is_empty() {
            let bytes = wanted.rows * wanted.columns * wanted.components * wanted.bytes_per_cell;
            cells.try_reserve_exact(bytes).map_err(|error| error.to_string())?;
            cells.resize(bytes, 0);
        }
        for component in &header.components {
            match done.get_mut(*component) {
                Some(done) if !*done => *done = true,
                _ => return Err(FrameError::Damaged("a component is in two scans".to_owned())),
            }
        }
        let coding = Coding::of(precision, header.near, markers.presets())
            .ok_or_else(|| "its coding parameters contradict each other".to_owned())?;
        let end = decode_scan(codestream, &header, coding, markers.restart_interval(), wanted, cells)?;
        markers.resume(end);
    }
    if done.contains(&false) {
        return Err(FrameError::Damaged("a component has no scan".to_owned()));
    }
    Ok(())
}

/// Compares the headers with what is wanted, and gives the precision.
fn check(markers: &Markers<'_>, scan: &ScanHeader, wanted: &Wanted) -> Result<u32, FrameError> {
    let frame = markers.frame().ok_or_else(|| "a scan stands before the frame header".to_owned())?;
    let (least, most) = wanted.precision;
    let same = (frame.rows, frame.columns, frame.components.len())
        == (wanted.rows, wanted.columns, wanted.components)
        && (least..=most).contains(&frame.precision);
    if !same {
        return Err(FrameError::Other(format!(
            "{}x{}, {} components of {} bits",
            frame.columns,
            frame.rows,
            frame.components.len(),
            frame.precision
        )));
    }
    if wanted.lossless && scan.near != 0 {
        return Err(FrameError::Other(format!("an error of {} is allowed", scan.near)));
    }
    Ok(frame.precision)
}

/// Decodes one scan into its components' cells, and gives where the marker behind it stands.
fn decode_scan(
    codestream: &[u8],
    header: &ScanHeader,
    coding: Coding,
    restart_interval: usize,
    wanted: &Wanted,
    cells: &mut [u8],
) -> Result<usize, String> {
    let mut scan = Scan::new(codestream, header.start, coding, wanted.columns, header.components.len());
    let mut restarts = 0_u8;
    for row in 0..wanted.rows {
        if restart_interval > 0 && row > 0 && row % restart_interval == 0 {
            let marker = [0xFF, 0xD0 | (restarts % 8)];
            let at = scan.marker().filter(|at| codestream.get(*at..*at + 2) == Some(&marker));
            let at = at.ok_or_else(|| format!("there is no restart marker before row {row}"))?;
            scan.restart(codestream, at + 2);
            restarts = restarts.wrapping_add(1);
        }
        scan.next_line(header.interleave)?;
        for (place, component) in header.components.iter().enumerate() {
            store(scan.line(place), *component, row, wanted, cells);
        }
    }
    scan.marker().ok_or_else(|| "something stands between the last sample and the next marker".to_owned())
}

/// Puts the line of a component where its cells belong.
fn store(line: &[u16], component: usize, row: usize, wanted: &Wanted, cells: &mut [u8]) {
    let (first, stride) = if wanted.by_plane {
        ((component * wanted.rows + row) * wanted.columns, 1)
    } else {
        (row * wanted.columns * wanted.components + component, wanted.components)
    };
    let cells = cells.get_mut(first * wanted.bytes_per_cell..).unwrap_or_default();
    match (wanted.bytes_per_cell, stride) {
        (1, 1) => cells.iter_mut().zip(line).for_each(|(cell, sample)| *cell = *sample as u8),
        (1, _) => cells.iter_mut().step_by(stride).zip(line).for_each(|(cell, sample)| *cell = *sample as u8),
        (_, 1) => {
            let cells = cells.as_chunks_mut::<2>().0.iter_mut();
            cells.zip(line).for_each(|(cell, sample)| *cell = sample.to_le_bytes());
        }
        _ => {
            let cells = cells.as_chunks_mut::<2>().0.iter_mut().step_by(stride);
            cells.zip(line).for_each(|(cell, sample)| *cell = sample.to_le_bytes());
        }
    }
}
