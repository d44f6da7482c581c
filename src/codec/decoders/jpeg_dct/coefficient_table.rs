//! Huffman codes of coefficients, ready for decoding (ISO/IEC 10918-1 F.2.2.3).

use super::super::super::encoder::DecodeError;
use super::super::jpeg::{BitReader, HuffmanCode};

/// Bits that are looked up at once.
const LOOK_UP: u32 = 10;

/// One table.
pub(super) struct CoefficientTable<'t> {
    /// By the next bits: the length of the code that they begin with, 0 when it is longer or none, and its symbol.
    entries: Vec<(u8, u8)>,
    code: &'t HuffmanCode,
}

impl<'t> CoefficientTable<'t> {
    /// For differences of DC coefficients: their category is 15 at most.
    ///
    /// # Errors
    /// When there is no such table, or it has a higher category.
    pub(super) fn dc(code: Option<&'t HuffmanCode>) -> Result<CoefficientTable<'t>, DecodeError> {
        let table = CoefficientTable::ac(code)?;
        match table.code.symbols().iter().find(|category| **category > 15) {
            Some(category) => Err(DecodeError::Damaged(format!(
                "a Huffman table has category {category}, and 15 is the highest"
            ))),
            None => Ok(table),
        }
    }

    /// For AC coefficients.
    ///
    /// # Errors
    /// When there is no such table.
    pub(super) fn ac(code: Option<&'t HuffmanCode>) -> Result<CoefficientTable<'t>, DecodeError> {
        let missing = || DecodeError::Damaged("a Huffman table of a scan is not defined".to_owned());
        let code = code.ok_or_else(missing)?;
        let mut entries = vec![(0, 0); 1 << LOOK_UP];
        for (length, code, symbol) in code.up_to(LOOK_UP) {
            let span = 1 << (LOOK_UP - length);
            entries.iter_mut().skip(code as usize * span).take(span).for_each(|entry| {
                *entry = (length as u8, symbol);
            });
        }
        Ok(CoefficientTable { entries, code })
    }

    /// Reads a symbol; `None` when no code begins with the next bits. At least 16 bits must be ready.
    #[inline]
    pub(super) fn read(&self, reader: &mut BitReader<'_>) -> Option<u8> {
        let (length, symbol) = *self.entries.get(reader.peek(LOOK_UP) as usize)?;
        if length > 0 {
            reader.skip(u32::from(length));
            return Some(symbol);
        }
        let (length, symbol) = self.code.find_longer(LOOK_UP, reader.peek(16))?;
        reader.skip(length);
        Some(symbol)
    }
}
