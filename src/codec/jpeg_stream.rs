//! The marker segments of a JPEG codestream and its frame header (ISO/IEC 10918-1 Annex B), read without trust.

use super::encoder::{DecodeError, describe};
use crate::dicom::ImagePixel;

/// Marker codes (table B.1).
pub(super) mod marker {
    /// SOF0: baseline.
    pub(crate) const BASELINE: u8 = 0xC0;
    /// SOF1: extended sequential, Huffman coding.
    pub(crate) const EXTENDED: u8 = 0xC1;
    /// SOF2: progressive, Huffman coding.
    pub(crate) const PROGRESSIVE: u8 = 0xC2;
    /// SOF3: lossless, Huffman coding.
    pub(crate) const LOSSLESS: u8 = 0xC3;
    /// DHT.
    pub(crate) const DEFINE_HUFFMAN_TABLES: u8 = 0xC4;
    /// DQT.
    pub(crate) const DEFINE_QUANTISATION_TABLES: u8 = 0xDB;
    /// DNL.
    pub(crate) const DEFINE_NUMBER_OF_LINES: u8 = 0xDC;
    /// DRI.
    pub(crate) const DEFINE_RESTART_INTERVAL: u8 = 0xDD;
    /// RST0, the first of eight.
    pub(crate) const RESTART: u8 = 0xD0;
    /// SOI.
    pub(crate) const START_OF_IMAGE: u8 = 0xD8;
    /// EOI.
    pub(crate) const END_OF_IMAGE: u8 = 0xD9;
    /// SOS.
    pub(crate) const START_OF_SCAN: u8 = 0xDA;
    /// APP0, the first of sixteen.
    pub(crate) const APPLICATION: u8 = 0xE0;
    /// APP14, Adobe's.
    pub(crate) const ADOBE: u8 = 0xEE;
}

/// One marker with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'c> {
    /// The marker's second byte.
    pub(super) marker: u8,
    /// The content behind the length; empty for markers that stand alone.
    pub(super) content: &'c [u8],
    /// One behind the content.
    pub(super) end: usize,
}

impl<'c> Segment<'c> {
    /// Reads the marker segment at `start`.
    ///
    /// # Errors
    /// When there is none, or when it is longer than the codestream.
    pub(super) fn at(codestream: &'c [u8], start: usize) -> Result<Segment<'c>, DecodeError> {
        let ends = || DecodeError::Damaged(format!("it ends in the marker at byte {start}"));
        let rest = codestream.get(start..).ok_or_else(ends)?;
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        let marker = *rest.get(fill).ok_or_else(ends)?;
        if fill == 0 || marker == 0 {
            return Err(DecodeError::Damaged(format!("there is no marker at byte {start}")));
        }
        let behind = start + fill + 1;
        if stands_alone(marker) {
            return Ok(Segment { marker, content: &[], end: behind });
        }
        let length = rest.get(fill + 1..fill + 3).ok_or_else(ends)?;
        let end = behind + usize::from(u16::from_be_bytes([length[0], length[1]]));
        let content = codestream.get(behind + 2..end).ok_or_else(|| {
            DecodeError::Damaged(format!(
                "the segment at byte {start} is longer than the codestream, or shorter than its length"
            ))
        })?;
        Ok(Segment { marker, content, end })
    }
}

/// SOI, EOI, RSTm and TEM have no length (B.1.1.3).
fn stands_alone(marker: u8) -> bool {
    matches!(marker, 0x01 | marker::RESTART..=marker::END_OF_IMAGE)
}

/// The segments from Start of Image to the first Start of Scan, both included.
///
/// # Errors
/// When the codestream does not begin with SOI, or is damaged before its first scan. The number of segments is bounded
/// by the length of the codestream.
pub(super) fn header_segments(codestream: &[u8]) -> Result<Vec<Segment<'_>>, DecodeError> {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let segment = Segment::at(codestream, at)?;
        if (at == 0) != (segment.marker == marker::START_OF_IMAGE) {
            return Err(DecodeError::Damaged(format!(
                "there is no Start of Image, or another one at byte {at}"
            )));
        }
        if segment.marker == marker::END_OF_IMAGE {
            return Err(DecodeError::Damaged("it ends without a scan".to_owned()));
        }
        at = segment.end;
        segments.push(segment);
        if segment.marker == marker::START_OF_SCAN {
            return Ok(segments);
        }
    }
}

/// A frame header (B.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The marker, SOF0 to SOF15: which process it is.
    pub(super) process: u8,
    /// Bits of a sample, 2 to 16.
    pub(super) precision: u8,
    /// Lines, 1 to 65535.
    pub(super) rows: u16,
    /// Samples in a line, 1 to 65535.
    pub(super) columns: u16,
    /// One to four.
    pub(super) components: Vec<Component>,
}

/// A component of a frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    /// Its identifier.
    pub(super) identifier: u8,
    /// Horizontal and vertical sampling factors, 1 to 4.
    pub(super) sampling: (u8, u8),
    /// The destination of its quantisation table.
    pub(super) quantisation_table: u8,
}

impl FrameHeader {
    /// Whether a marker is one of SOF0 to SOF15; DHT, JPG and DAC lie between them.
    pub(super) fn is_one(marker: u8) -> bool {
        matches!(marker, 0xC0..=0xCF) && !matches!(marker, marker::DEFINE_HUFFMAN_TABLES | 0xC8 | 0xCC)
    }

    /// Reads the frame header of a segment.
    ///
    /// # Errors
    /// When it has not the form of B.2.2, or leaves the number of lines to a DNL marker.
    pub(super) fn of(segment: &Segment<'_>) -> Result<FrameHeader, DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("its frame header {what}"));
        let [precision, y, y2, x, x2, count, components @ ..] = segment.content else {
            return Err(damaged("is too short"));
        };
        let (components, rest) = components.as_chunks::<3>();
        if !(1..=4).contains(count) || components.len() != usize::from(*count) || !rest.is_empty() {
            return Err(damaged("has no components, more than four, or another length"));
        }
        let components: Vec<Component> = components
            .iter()
            .map(|[identifier, sampling, table]| Component {
                identifier: *identifier,
                sampling: (sampling >> 4, sampling & 15),
                quantisation_table: *table,
            })
            .collect();
        let factor = 1..=4;
        if components.iter().any(|one| !factor.contains(&one.sampling.0) || !factor.contains(&one.sampling.1))
        {
            return Err(damaged("has a sampling factor beyond 1 to 4"));
        }
        let (rows, columns) = (u16::from_be_bytes([*y, *y2]), u16::from_be_bytes([*x, *x2]));
        if !(2..=16).contains(precision) || columns == 0 {
            return Err(damaged("has an impossible precision, or no columns"));
        }
        if rows == 0 {
            return Err(damaged("leaves the number of lines to a DNL marker, which is not read"));
        }
        Ok(FrameHeader { process: segment.marker, precision: *precision, rows, columns, components })
    }

    /// Compares the header with the attributes of the image, before memory is taken for it: size and components must be
    /// the same, and the precision must fit into Bits Allocated.
    ///
    /// # Errors
    /// [`DecodeError::OtherFrame`], which names both.
    pub(super) fn check(&self, image: &ImagePixel) -> Result<(), DecodeError> {
        let same = self.rows == image.rows
            && self.columns == image.columns
            && self.components.len() == usize::from(image.samples)
            && u16::from(self.precision) <= image.bits_allocated;
        if same {
            return Ok(());
        }
        Err(DecodeError::OtherFrame {
            codestream: format!(
                "{}x{}, {} components of {} bits",
                self.columns,
                self.rows,
                self.components.len(),
                self.precision
            ),
            attributes: describe(image),
        })
    }

    /// The process in words (table B.1).
    pub(super) fn process_name(&self) -> &'static str {
        match self.process {
            marker::BASELINE => "baseline",
            marker::EXTENDED => "extended sequential",
            marker::PROGRESSIVE => "progressive",
            marker::LOSSLESS => "lossless",
            0xC5..=0xC7 => "hierarchical",
            0xC9..=0xCB => "arithmetically coded",
            _ => "hierarchical and arithmetically coded",
        }
    }
}

/// A scan header (B.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScanHeader {
    /// One to four, in the order of their samples.
    pub(super) components: Vec<ScanComponent>,
    /// Ss, Se, and Ah with Al.
    pub(super) parameters: [u8; 3],
}

/// A component of a scan header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanComponent {
    /// Where it is among those of the frame.
    pub(super) place: usize,
    /// The destination of its Huffman table for DC coefficients, or for lossless differences.
    pub(super) dc_table: usize,
    /// The destination of its Huffman table for AC coefficients.
    pub(super) ac_table: usize,
}

impl ScanHeader {
    /// Reads the header of a scan of `frame`.
    ///
    /// # Errors
    /// When it has not the form of B.2.3, or names a component twice or one that is not there.
    pub(super) fn of(segment: &Segment<'_>, frame: &FrameHeader) -> Result<ScanHeader, DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("its scan header {what}"));
        let [count, rest @ ..] = segment.content else { return Err(damaged("is empty")) };
        let (selectors, parameters) =
            rest.split_at_checked(2 * usize::from(*count)).ok_or_else(|| damaged("is cut short"))?;
        let parameters =
            parameters.try_into().map_err(|_| damaged("has another length than its components ask for"))?;
        let mut components: Vec<ScanComponent> = Vec::new();
        for [identifier, tables] in selectors.as_chunks::<2>().0 {
            let same = |component: &Component| component.identifier == *identifier;
            let place = frame.components.iter().position(same);
            let place = place.ok_or_else(|| damaged("names a component that the frame does not have"))?;
            if components.iter().any(|other| other.place == place) {
                return Err(damaged("names a component twice"));
            }
            let (dc_table, ac_table) = (usize::from(tables >> 4), usize::from(tables & 15));
            components.push(ScanComponent { place, dc_table, ac_table });
        }
        if components.is_empty() {
            return Err(damaged("has no component"));
        }
        Ok(ScanHeader { components, parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 13] = [0xFF, 0xC3, 0, 11, 12, 1, 2, 3, 4, 1, 7, 0x21, 0];

    #[test]
    fn a_frame_header_is_read() {
        let segment = Segment::at(&HEADER, 0).unwrap();
        let frame = FrameHeader::of(&segment).unwrap();
        assert_eq!((frame.process, frame.precision, frame.rows, frame.columns), (0xC3, 12, 0x102, 0x304));
        assert_eq!(frame.components, [Component { identifier: 7, sampling: (2, 1), quantisation_table: 0 }]);
        assert_eq!(frame.process_name(), "lossless");
    }

    #[test]
    fn every_cut_and_every_wrong_number_of_a_frame_header_is_an_error() {
        let parse = |bytes: &[u8]| Segment::at(bytes, 0).and_then(|segment| FrameHeader::of(&segment));
        for cut in 0..HEADER.len() {
            assert!(parse(&HEADER[..cut]).is_err(), "{cut}");
        }
        for (at, value) in [(3, 12), (3, 10), (3, 1), (4, 1), (4, 17), (9, 0), (9, 2), (11, 0x51), (11, 0x10)]
        {
            let mut bytes = HEADER.to_vec();
            bytes[at] = value;
            bytes.push(0);
            assert!(parse(&bytes).is_err(), "byte {at} is {value}");
        }
        let mut bytes = HEADER;
        bytes[5..7].fill(0);
        assert!(parse(&bytes).unwrap_err().to_string().contains("DNL"));
    }

    #[test]
    fn segments_are_read_up_to_the_first_scan() {
        let codestream =
            [&[0xFF, 0xD8, 0xFF, 0xFF, 0xE0, 0, 3, 9][..], &HEADER, &[0xFF, 0xDA, 0, 2, 1, 2, 3]].concat();
        let segments = header_segments(&codestream).unwrap();
        let markers: Vec<u8> = segments.iter().map(|segment| segment.marker).collect();
        assert_eq!(markers, [0xD8, 0xE0, 0xC3, 0xDA]);
        assert_eq!(segments[1].content, [9]);
        assert_eq!(segments[3].end, codestream.len() - 3);
        for cut in 0..codestream.len() - 3 {
            assert!(header_segments(&codestream[..cut]).is_err(), "{cut}");
        }
        for wrong in
            [&codestream[2..], &[0xFF, 0xD8, 0xFF, 0xD8], &[0xFF, 0xD8, 0xFF, 0xD9], &[0xFF, 0xD8, 1]]
        {
            assert!(header_segments(wrong).is_err());
        }
    }

    #[test]
    fn a_scan_header_names_components_of_its_frame() {
        let component = |identifier| Component { identifier, sampling: (1, 1), quantisation_table: 0 };
        let frame = FrameHeader {
            process: marker::BASELINE,
            precision: 8,
            rows: 1,
            columns: 1,
            components: vec![component(1), component(2)],
        };
        let read = |content: &[u8]| {
            ScanHeader::of(&Segment { marker: marker::START_OF_SCAN, content, end: 0 }, &frame)
        };
        let header = read(&[2, 2, 0x12, 1, 0x30, 0, 63, 0]).unwrap();
        let found = header.components.iter().map(|one| (one.place, one.dc_table, one.ac_table));
        assert_eq!(found.collect::<Vec<_>>(), [(1, 1, 2), (0, 3, 0)]);
        assert_eq!(header.parameters, [0, 63, 0]);
        let wrong: [&[u8]; 7] = [
            &[],
            &[0, 0, 63, 0],
            &[1, 3, 0, 0, 63, 0],
            &[2, 1, 0, 1, 0, 0, 63, 0],
            &[1, 1, 0, 0, 63],
            &[1, 1, 0, 0, 63, 0, 0],
            &[1, 1],
        ];
        for content in wrong {
            assert!(read(content).is_err(), "{content:?}");
        }
    }
}
