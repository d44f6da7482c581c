//! Command sets for the tests of this room.

/// A C-STORE-RQ written by hand from PS3.7 Table 9.3-1.
pub(super) const STORE_RQ: &[u8] = b"\
    \x00\x00\x00\x00\x04\x00\x00\x00\x5E\x00\x00\x00\
    \x00\x00\x02\x00\x08\x00\x00\x001.2.840\0\
    \x00\x00\x00\x01\x02\x00\x00\x00\x01\x00\
    \x00\x00\x10\x01\x02\x00\x00\x00\x07\x00\
    \x00\x00\x00\x07\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x08\x02\x00\x00\x00\x00\x00\
    \x00\x00\x00\x10\x06\x00\x00\x001.2.3\0\
    \x00\x00\x30\x10\x06\x00\x00\x00MOVER \
    \x00\x00\x31\x10\x02\x00\x00\x00\x09\x00";

/// [`STORE_RQ`] without the element (0000,`element`), or with another value in it; the group length stays as it was.
pub(super) fn store_rq_without(element: u16, value: Option<&[u8]>) -> Vec<u8> {
    let (mut rest, mut bytes) = (STORE_RQ, Vec::new());
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        // None of its values is longer than one byte can say.
        let (original, after) = after.split_at(usize::from(header[4]));
        rest = after;
        if let Some(value) = if header[2..4] == element.to_le_bytes() { value } else { Some(original) } {
            bytes.extend_from_slice(&header[..4]);
            bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
            bytes.extend_from_slice(value);
        }
    }
    bytes
}
