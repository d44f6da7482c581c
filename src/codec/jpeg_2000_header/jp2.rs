//! The boxes of a JP2 file around a codestream (ISO/IEC 15444-1 Annex I).

use super::error::HeaderError;
use super::segments::Reader;

/// The signature box of a JP2 file (I.5.1).
pub(super) const JP2_SIGNATURE: [u8; 12] = [0, 0, 0, 12, b'j', b'P', b' ', b' ', 0x0D, 0x0A, 0x87, 0x0A];

/// The content of the first Contiguous Codestream box of a JP2 file (I.4, I.5.4); anything else as it is.
pub(super) fn unwrap_jp2(bytes: &[u8]) -> Result<&[u8], HeaderError> {
    let Some(mut rest) = bytes.strip_prefix(&JP2_SIGNATURE) else { return Ok(bytes) };
    loop {
        let mut reader = Reader { bytes: rest, at: 0, part: "the boxes of a JP2 file" };
        let (short, kind) = (reader.u32()?, reader.take(4)?);
        let length = match short {
            0 => rest.len() as u64,
            1 => u64::from(reader.u32()?) << 32 | u64::from(reader.u32()?),
            short => u64::from(short),
        };
        let end = usize::try_from(length).unwrap_or(usize::MAX);
        if kind == b"jp2c" {
            // Of a box that is cut the rest may still be a whole image; the library decides.
            return rest.get(reader.at..end.min(rest.len())).ok_or(HeaderError::NoCodestream);
        }
        if end < reader.at {
            return Err(HeaderError::Impossible { what: "box length", value: length });
        }
        rest = rest.get(end..).ok_or(HeaderError::Cut("the boxes of a JP2 file"))?;
    }
}
