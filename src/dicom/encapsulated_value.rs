//! Encapsulates frames that lie in memory, to whole elements or to the values of them (PS3.5 section A.4).

use super::encapsulation::{EncapsulatedWriter, EncapsulationError};
use super::header_writer::{ITEM_HEADER, LONG_HEADER};
use super::offset_table::OffsetTable;
use std::io::Cursor;

/// Encapsulates frames in memory: the whole elements, headers and delimiter included.
///
/// ```
/// use condenser::dicom::{OffsetTable, encapsulate};
///
/// let elements = encapsulate(&[&b"first"[..], b"2nd."], OffsetTable::Basic)?;
/// assert_eq!(elements[..8], [0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0]);
/// // The Basic Offset Table: the second frame begins behind the first one's item header, its 5 bytes and their padding.
/// assert_eq!(elements[12..28], [0xFE, 0xFF, 0x00, 0xE0, 8, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0]);
/// # Ok::<(), condenser::dicom::EncapsulationError>(())
/// ```
///
/// # Errors
/// As the writer's: no frames or an empty one, or one that the table cannot point at.
pub fn encapsulate<F: AsRef<[u8]>>(frames: &[F], table: OffsetTable) -> Result<Vec<u8>, EncapsulationError> {
    elements(frames, 1, table)
}

/// Encapsulates frames in memory: the value of Pixel Data alone, from the Basic Offset Table to the last fragment. The
/// delimiter belongs to the element and not to its value, and so it is left to whoever writes the element.
///
/// Each frame is split into `fragments_per_frame`; where that is more than one, a table other than
/// [`OffsetTable::Basic`] leaves readers in doubt which fragments make a frame.
///
/// ```
/// use condenser::dicom::{OffsetTable, encapsulate_value};
///
/// let value = encapsulate_value(&["abcdef"], 3, OffsetTable::Empty)?;
/// assert_eq!(value[..18], *b"\xFE\xFF\0\xE0\0\0\0\0\xFE\xFF\0\xE0\x02\0\0\0ab");
/// # Ok::<(), condenser::dicom::EncapsulationError>(())
/// ```
///
/// # Errors
/// As the writer's; [`EncapsulationError::Fragments`] for more fragments than a frame has pairs of bytes;
/// [`EncapsulationError::ExtendedValue`] for the Extended Offset Table, which is another element:
/// [`encapsulate_extended`] gives it.
pub fn encapsulate_value<F: AsRef<[u8]>>(
    frames: &[F],
    fragments_per_frame: u32,
    table: OffsetTable,
) -> Result<Vec<u8>, EncapsulationError> {
    if table == OffsetTable::Extended {
        return Err(EncapsulationError::ExtendedValue);
    }
    let mut value = elements(frames, fragments_per_frame, table)?;
    value.truncate(value.len().saturating_sub(DELIMITER));
    value.drain(..HEADER.min(value.len()));
    Ok(value)
}

/// The values of the three elements of an image with an Extended Offset Table (PS3.3 section C.7.6.3.1.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtendedEncapsulation {
    /// Pixel Data (7FE0,0010), with an empty Basic Offset Table and without the delimiter.
    pub pixel_data: Vec<u8>,
    /// Extended Offset Table (7FE0,0001): a 64-bit little-endian number a frame.
    pub offsets: Vec<u8>,
    /// Extended Offset Table Lengths (7FE0,0002), likewise; padding is counted.
    pub lengths: Vec<u8>,
}

/// Encapsulates frames in memory, one fragment each, with 64-bit offsets: for images beyond what the 32 bits of a Basic
/// Offset Table can say, or for readers that are to find frames by their lengths.
///
/// ```
/// use condenser::dicom::encapsulate_extended;
///
/// let values = encapsulate_extended(&["first", "2nd."])?;
/// assert_eq!(values.offsets, [[0; 8], [14, 0, 0, 0, 0, 0, 0, 0]].concat());
/// assert_eq!(values.lengths, [[6, 0, 0, 0, 0, 0, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0]].concat());
/// # Ok::<(), condenser::dicom::EncapsulationError>(())
/// ```
///
/// # Errors
/// As the writer's.
pub fn encapsulate_extended<F: AsRef<[u8]>>(
    frames: &[F],
) -> Result<ExtendedEncapsulation, EncapsulationError> {
    let elements = elements(frames, 1, OffsetTable::Extended)?;
    let table = 8 * frames.len();
    let value = |from: usize, to: usize| elements.get(from..to).unwrap_or_default().to_vec();
    let lengths = 2 * HEADER + table;
    Ok(ExtendedEncapsulation {
        offsets: value(HEADER, HEADER + table),
        lengths: value(lengths, lengths + table),
        pixel_data: value(lengths + table + HEADER, elements.len().saturating_sub(DELIMITER)),
    })
}

const HEADER: usize = LONG_HEADER as usize;
const DELIMITER: usize = ITEM_HEADER as usize;

fn elements<F: AsRef<[u8]>>(
    frames: &[F],
    fragments_per_frame: u32,
    table: OffsetTable,
) -> Result<Vec<u8>, EncapsulationError> {
    let count = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let mut out = Cursor::new(Vec::new());
    let mut writer = EncapsulatedWriter::begin(&mut out, count, table)?;
    for frame in frames {
        writer.frame_in_fragments(frame.as_ref(), fragments_per_frame)?;
    }
    writer.finish()?;
    Ok(out.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [&[u8]; 2] = [b"abc", b"defg"];

    #[test]
    fn values_are_those_of_the_elements() {
        let value = encapsulate_value(&FRAMES, 1, OffsetTable::Basic).unwrap();
        let elements = encapsulate(&FRAMES, OffsetTable::Basic).unwrap();
        let header = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF".as_slice();
        assert_eq!(elements, [header, &value, b"\xFE\xFF\xDD\xE0\0\0\0\0"].concat());

        let values = encapsulate_extended(&FRAMES).unwrap();
        assert_eq!(values.pixel_data, encapsulate_value(&FRAMES, 1, OffsetTable::Empty).unwrap());
        assert_eq!(values.offsets, [0_u64, 12].map(u64::to_le_bytes).concat());
        assert_eq!(values.lengths, [4_u64, 4].map(u64::to_le_bytes).concat());
    }

    #[test]
    fn offsets_count_the_headers_of_every_fragment() {
        let value = encapsulate_value(&FRAMES, 2, OffsetTable::Basic).unwrap();
        let fragment = |value: &[u8]| [b"\xFE\xFF\0\xE0\x02\0\0\0".as_slice(), value].concat();
        let table = b"\xFE\xFF\0\xE0\x08\0\0\0\0\0\0\0\x14\0\0\0".to_vec();
        let expected = [table, fragment(b"ab"), fragment(b"c\0"), fragment(b"de"), fragment(b"fg")];
        assert_eq!(value, expected.concat());
    }

    #[test]
    fn frames_that_are_none_are_refused_and_named() {
        let message = |error: EncapsulationError| error.to_string();
        let none: [&[u8]; 0] = [];
        assert_eq!(message(encapsulate_extended(&none).unwrap_err()), "0 frames cannot be encapsulated");
        let empty = encapsulate_value(&[b"ab".as_slice(), b""], 1, OffsetTable::Empty);
        assert_eq!(message(empty.unwrap_err()), "frame 1 has 0 bytes");
        let many = encapsulate_value(&FRAMES, 3, OffsetTable::Basic);
        assert_eq!(
            message(many.unwrap_err()),
            "frame 0 of 3 bytes cannot be split into 3 fragments of 2 bytes or more"
        );
        let extended = encapsulate_value(&FRAMES, 1, OffsetTable::Extended);
        assert!(matches!(extended, Err(EncapsulationError::ExtendedValue)));
    }
}
