//! The marker segments of a JPEG-LS codestream (ISO/IEC 14495-1 C.2, ISO/IEC 10918-1 B.2): frame, scans, presets, restarts.

use super::coding::Presets;

/// SOF55: what the frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// P, the bits of a sample, 2 to 16.
    pub(super) precision: u32,
    /// Y, the rows, 1 to 65535.
    pub(super) rows: usize,
    /// X, the columns, 1 to 65535.
    pub(super) columns: usize,
    /// The identifiers of the components, at most 255, no two alike.
    pub(super) components: Vec<u8>,
}

/// SOS: what the scan holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanHeader {
    /// Which components of the frame, by their place in it; one to four.
    pub(super) components: Vec<usize>,
    /// NEAR.
    pub(super) near: u8,
    /// ILV.
    pub(super) interleave: Interleave,
    /// The first byte of entropy-coded data.
    pub(super) start: usize,
}

/// How the components of a scan are mixed (ILV).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interleave {
    /// One component.
    None,
    /// A line of each component in turn.
    Line,
    /// A sample of each component in turn.
    Sample,
}

/// Walks the marker segments of one codestream.
pub(super) struct Markers<'c> {
    codestream: &'c [u8],
    at: usize,
    frame: Option<FrameHeader>,
    presets: Presets,
    restart_interval: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A scan; [`Markers::resume`] goes on behind it.
    Scan(ScanHeader),
    /// The end of the image.
    End,
}

impl<'c> Markers<'c> {
    /// A codestream, which must begin with SOI.
    pub(super) fn new(codestream: &'c [u8]) -> Result<Markers<'c>, String> {
        if !codestream.starts_with(&[0xFF, SOI]) {
            return Err("it does not begin with an SOI marker".to_owned());
        }
        let presets = Presets::default();
        Ok(Markers { codestream, at: 2, frame: None, presets, restart_interval: 0 })
    }

    /// The frame header, once a scan has been met.
    pub(super) fn frame(&self) -> Option<&FrameHeader> {
        self.frame.as_ref()
    }

    /// The presets in force.
    pub(super) fn presets(&self) -> &Presets {
        &self.presets
    }

    /// The lines between two restart markers in force; 0 is none.
    pub(super) fn restart_interval(&self) -> usize {
        self.restart_interval
    }

    /// Goes on at a marker.
    pub(super) fn resume(&mut self, at: usize) {
        self.at = at;
    }

    /// Reads marker segments up to and with the next scan header, or to the end of the image.
    pub(super) fn next(&mut self) -> Result<Next, String> {
        loop {
            match self.marker()? {
                EOI => return Ok(Next::End),
                SOF55 => {
                    let frame = frame_header(self.segment()?)?;
                    if self.frame.replace(frame).is_some() {
                        return Err("it has two frame headers".to_owned());
                    }
                }
                SOS => return self.scan_header().map(Next::Scan),
                LSE => self.preset_parameters()?,
                DRI => self.restart_interval = restart_interval(self.segment()?)?,
                APP8 => {
                    // HP's colour transforms are no part of the standard, but CharLS can write them.
                    if self.segment()?.starts_with(b"mrfx") {
                        return Err("it has a colour transform that the standard does not know".to_owned());
                    }
                }
                APP0..=APP15 | COM => {
                    self.segment()?;
                }
                other => return Err(format!("it has a marker 0xFF{other:02X}, which JPEG-LS does not know")),
            }
        }
    }

    /// The second byte of the next marker; any number of fill bytes 0xFF may stand before it (ISO/IEC 10918-1 B.1.1.2).
    fn marker(&mut self) -> Result<u8, String> {
        let rest = self.codestream.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        match rest.get(fill) {
            Some(code) if fill > 0 => {
                self.at += fill + 1;
                Ok(*code)
            }
            _ => Err(format!("there is no marker at byte {}", self.at)),
        }
    }

    /// The content of the segment behind its length.
    fn segment(&mut self) -> Result<&'c [u8], String> {
        let cut = || "a marker segment is cut off".to_owned();
        let rest = self.codestream.get(self.at..).unwrap_or_default();
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk().ok_or_else(cut)?));
        let content = rest.get(2..length).ok_or_else(cut)?;
        self.at += length;
        Ok(content)
    }

    fn scan_header(&mut self) -> Result<ScanHeader, String> {
        let segment = self.segment()?;
        let frame = self.frame.as_ref().ok_or("a scan stands before the frame header")?;
        let wrong = || "a scan header is not of its own length".to_owned();
        let count = usize::from(*segment.first().ok_or_else(wrong)?);
        let (selectors, tail) = segment[1..].split_at_checked(2 * count).ok_or_else(wrong)?;
        let [near, interleave, point_transform] = *tail else { return Err(wrong()) };
        let mut components = Vec::with_capacity(count.min(MOST_IN_A_SCAN));
        for selector in selectors.as_chunks::<2>().0 {
            let [identifier, table] = *selector;
            let known = frame.components.iter().position(|component| *component == identifier);
            let component = known.ok_or_else(|| format!("a scan names a component {identifier}"))?;
            if table != 0 {
                return Err("a scan uses a mapping table".to_owned());
            }
            if components.contains(&component) {
                return Err(format!("a scan names component {identifier} twice"));
            }
            components.push(component);
        }
        let interleave = match (interleave, count) {
            (0..=2, 1) => Interleave::None,
            (1, 2..=MOST_IN_A_SCAN) => Interleave::Line,
            (2, 2..=MOST_IN_A_SCAN) => Interleave::Sample,
            _ => return Err(format!("a scan of {count} components has the interleave mode {interleave}")),
        };
        if point_transform != 0 {
            return Err("a scan has a point transform".to_owned());
        }
        Ok(ScanHeader { components, near, interleave, start: self.at })
    }

    /// LSE (C.2.4.1): only preset coding parameters. Mapping tables are for scans that name them; larger dimensions than
    /// DICOM knows cannot be those of the image.
    fn preset_parameters(&mut self) -> Result<(), String> {
        let segment = self.segment()?;
        match segment.first() {
            Some(1) => {
                let numbers = segment[1..].as_chunks::<2>().0;
                let [maximum, t1, t2, t3, reset] = *numbers else {
                    return Err("an LSE segment is not of its own length".to_owned());
                };
                let [maximum, t1, t2, t3, reset] = [maximum, t1, t2, t3, reset].map(u16::from_be_bytes);
                self.presets = Presets { maximum, t1, t2, t3, reset };
                Ok(())
            }
            Some(2 | 3) => Ok(()),
            _ => Err("it has an LSE segment of an unknown kind".to_owned()),
        }
    }
}

/// The most components that a scan may have (C.2.3).
const MOST_IN_A_SCAN: usize = 4;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DRI: u8 = 0xDD;
const APP0: u8 = 0xE0;
const APP8: u8 = 0xE8;
const APP15: u8 = 0xEF;
const SOF55: u8 = 0xF7;
const LSE: u8 = 0xF8;
const COM: u8 = 0xFE;

fn frame_header(segment: &[u8]) -> Result<FrameHeader, String> {
    let wrong = || "the frame header is not of its own length".to_owned();
    let ([precision, y1, y0, x1, x0, count], components) = segment.split_first_chunk().ok_or_else(wrong)?;
    let components = match components.as_chunks::<3>() {
        (components, []) if components.len() == usize::from(*count) && !components.is_empty() => components,
        _ => return Err(wrong()),
    };
    if let Some([identifier, sampling, _]) = components.iter().find(|component| component[1] != 0x11) {
        return Err(format!("component {identifier} has the sampling factors {sampling:02x}"));
    }
    let components: Vec<u8> = components.iter().map(|component| component[0]).collect();
    let mut seen = [false; 256];
    if components.iter().any(|component| std::mem::replace(&mut seen[usize::from(*component)], true)) {
        return Err("two components have the same identifier".to_owned());
    }
    let (rows, columns) = (u16::from_be_bytes([*y1, *y0]), u16::from_be_bytes([*x1, *x0]));
    if !(2..=16).contains(precision) || rows == 0 || columns == 0 {
        return Err(format!("it has {columns}x{rows} samples of {precision} bits"));
    }
    let (rows, columns) = (usize::from(rows), usize::from(columns));
    Ok(FrameHeader { precision: u32::from(*precision), rows, columns, components })
}

/// DRI: two to four bytes (C.2.5).
fn restart_interval(segment: &[u8]) -> Result<usize, String> {
    if !(2..=4).contains(&segment.len()) {
        return Err("a DRI segment is not of its own length".to_owned());
    }
    Ok(segment.iter().fold(0, |interval, byte| interval << 8 | usize::from(*byte)))
}
