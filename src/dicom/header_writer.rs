//! Element headers in little endian, explicit and implicit, as they are written (PS3.5 sections 7.1.2, 7.1.3 and 7.5).

use super::element::UNDEFINED_LENGTH;
use super::tag::Tag;
use super::vr::Vr;
use std::io::{self, Write};

/// Bytes of the header of an element with a 32-bit length.
pub(super) const LONG_HEADER: u64 = 12;
/// Bytes of the header of an item, and of a delimiter.
pub(super) const ITEM_HEADER: u64 = 8;

/// Whether the headers of elements that are written carry a value representation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Headers {
    /// They do: Explicit VR Little Endian.
    Explicit,
    /// They do not: Implicit VR Little Endian.
    Implicit,
}

impl Headers {
    /// Bytes of the header of an element of this VR.
    pub(super) fn length(self, vr: Vr) -> u64 {
        match self {
            Headers::Explicit => header_length(vr),
            Headers::Implicit => ITEM_HEADER,
        }
    }

    /// Appends the header of an element.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when the VR has a 16-bit length and `length` does not fit it.
    pub(super) fn put(self, out: &mut Vec<u8>, tag: Tag, vr: Vr, length: u32) -> io::Result<()> {
        match self {
            Headers::Explicit => put_header(out, tag, vr, length),
            Headers::Implicit => {
                put_item(out, tag, length);
                Ok(())
            }
        }
    }
}

/// Writes the header of an element whose value the caller writes.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when the VR has a 16-bit length and `length` does not fit it; else the writer's own.
pub fn put_element_header(
    headers: Headers,
    tag: Tag,
    vr: Vr,
    length: u32,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut header = Vec::new();
    headers.put(&mut header, tag, vr, length)?;
    out.write_all(&header)
}

/// Appends an item with these elements, in Explicit VR Little Endian, to the value of a sequence; the values are padded.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when a value is too long for its VR, or the item for its length.
pub fn put_sequence_item(out: &mut Vec<u8>, elements: &[(Tag, Vr, &[u8])]) -> io::Result<()> {
    let mut item = Vec::new();
    for (tag, vr, value) in elements {
        put_element(&mut item, *tag, *vr, value)?;
    }
    let length = u32::try_from(item.len()).ok().filter(|length| *length != UNDEFINED_LENGTH);
    put_item(out, Tag::ITEM, length.ok_or(io::ErrorKind::InvalidInput)?);
    out.append(&mut item);
    Ok(())
}

/// Bytes of the header of an element of this VR.
pub(super) fn header_length(vr: Vr) -> u64 {
    if vr.is_long_form() { LONG_HEADER } else { 8 }
}

/// Appends the header of an element.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when the VR has a 16-bit length and `length` does not fit it.
pub(super) fn put_header(out: &mut Vec<u8>, tag: Tag, vr: Vr, length: u32) -> io::Result<()> {
    if vr.is_long_form() {
        put_tag(out, tag);
        out.extend_from_slice(&[vr.0[0], vr.0[1], 0, 0]);
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        let length = u16::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        put_tag(out, tag);
        out.extend_from_slice(&vr.0);
        out.extend_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// Appends the header of an item, or a delimiter with length 0.
pub(super) fn put_item(out: &mut Vec<u8>, tag: Tag, length: u32) {
    put_tag(out, tag);
    out.extend_from_slice(&length.to_le_bytes());
}

/// Appends a whole element, its value padded to even length as its VR asks (PS3.5 section 6.2).
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when the value is too long for its VR.
pub(super) fn put_element(out: &mut Vec<u8>, tag: Tag, vr: Vr, value: &[u8]) -> io::Result<()> {
    put_header(out, tag, vr, padded_length(vr, value)?)?;
    put_value(out, vr, value)
}

/// Appends a value, padded to even length as its VR asks.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when it is too long for its VR.
pub(super) fn put_value(out: &mut Vec<u8>, vr: Vr, value: &[u8]) -> io::Result<()> {
    padded_length(vr, value)?;
    out.extend_from_slice(value);
    if !value.len().is_multiple_of(2) {
        out.push(if is_padded_with_space(vr) { b' ' } else { 0 });
    }
    Ok(())
}

/// The even length that a value will have.
fn padded_length(vr: Vr, value: &[u8]) -> io::Result<u32> {
    let most = if vr.is_long_form() { UNDEFINED_LENGTH - 1 } else { u32::from(u16::MAX) };
    let length = u32::try_from(value.len().next_multiple_of(2)).ok();
    Ok(length.filter(|length| *length <= most).ok_or(io::ErrorKind::InvalidInput)?)
}

/// Text is padded with a space, but for UI.
fn is_padded_with_space(vr: Vr) -> bool {
    matches!(
        vr,
        Vr::AE
            | Vr::AS
            | Vr::CS
            | Vr::DA
            | Vr::DS
            | Vr::DT
            | Vr::IS
            | Vr::LO
            | Vr::LT
            | Vr::PN
            | Vr::SH
            | Vr::ST
    ) || matches!(vr, Vr::TM | Vr::UC | Vr::UR | Vr::UT)
}

fn put_tag(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.group.to_le_bytes());
    out.extend_from_slice(&tag.element.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(vr: Vr, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_element(&mut out, Tag::ROWS, vr, value).unwrap();
        out
    }

    #[test]
    fn headers_have_the_form_of_their_value_representation() {
        assert_eq!(element(Vr::US, &[1, 2]), *b"\x28\0\x10\0US\x02\0\x01\x02");
        assert_eq!(element(Vr::OW, &[1, 2]), *b"\x28\0\x10\0OW\0\0\x02\0\0\0\x01\x02");
        let mut out = Vec::new();
        put_item(&mut out, Tag::SEQUENCE_DELIMITATION_ITEM, 0);
        assert_eq!(out, *b"\xFE\xFF\xDD\xE0\0\0\0\0");
    }

    #[test]
    fn values_are_padded_as_their_value_representation_asks() {
        assert_eq!(element(Vr::UI, b"1.2"), *b"\x28\0\x10\0UI\x04\x001.2\0");
        assert_eq!(element(Vr::AE, b"ABC"), *b"\x28\0\x10\0AE\x04\0ABC ");
        assert_eq!(element(Vr::UT, b"a"), *b"\x28\0\x10\0UT\0\0\x02\0\0\0a ");
        assert_eq!(element(Vr::OB, b"a"), *b"\x28\0\x10\0OB\0\0\x02\0\0\0a\0");
    }

    #[test]
    fn items_have_the_length_of_their_elements() {
        let mut out = vec![9];
        put_sequence_item(&mut out, &[(Tag::ROWS, Vr::UI, b"1.2"), (Tag::COLUMNS, Vr::US, &[1, 2])]).unwrap();
        let expected = b"\x09\xFE\xFF\0\xE0\x16\0\0\0\x28\0\x10\0UI\x04\x001.2\0\x28\0\x11\0US\x02\0\x01\x02";
        assert_eq!(out, *expected);
    }

    #[test]
    fn a_value_too_long_for_16_bits_is_refused_and_nothing_written() {
        let mut out = Vec::new();
        for length in [65534, 65535, 65536] {
            let result = put_element(&mut out, Tag::ROWS, Vr::LO, &vec![b' '; length]);
            assert_eq!(result.is_ok(), length == 65534, "{length}");
        }
        assert_eq!(out.len(), 8 + 65534);
        put_element(&mut out, Tag::ROWS, Vr::UN, &[0; 65536]).unwrap();
    }
}
