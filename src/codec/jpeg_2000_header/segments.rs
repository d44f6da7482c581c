//! Marker segments: numbers one behind the other, each within its segment (ISO/IEC 15444-1 A.1).

use super::error::HeaderError;

// Markers (table A.2).
pub(super) const SOC: u16 = 0xFF4F;
pub(super) const SIZ: u16 = 0xFF51;
pub(super) const COD: u16 = 0xFF52;
pub(super) const COC: u16 = 0xFF53;
pub(super) const SOT: u16 = 0xFF90;
pub(super) const SOD: u16 = 0xFF93;
pub(super) const EOC: u16 = 0xFFD9;
/// Big-endian numbers one behind the other.
pub(super) struct Reader<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: usize,
    /// What an end comes within.
    pub(super) part: &'static str,
}

impl<'b> Reader<'b> {
    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], HeaderError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(HeaderError::Cut(self.part))?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, HeaderError> {
        Ok(self.take(1)?.iter().fold(0, |_, byte| *byte))
    }

    pub(super) fn u16(&mut self) -> Result<u16, HeaderError> {
        Ok(self.take(2)?.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    pub(super) fn u32(&mut self) -> Result<u32, HeaderError> {
        Ok(self.take(4)?.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// The content of a marker's segment, which begins with its length (A.1.1).
    pub(super) fn segment(&mut self) -> Result<Reader<'b>, HeaderError> {
        let length = self.u16()?;
        let Some(content) = length.checked_sub(2) else {
            return Err(HeaderError::Impossible { what: "segment length", value: u64::from(length) });
        };
        Ok(Reader { bytes: self.take(usize::from(content))?, at: 0, part: "a marker segment" })
    }
}
