//! The look-up that turns bits into lossless differences (ISO/IEC 10918-1 F.2.2, H.2).

use super::super::super::encoder::DecodeError;
use super::super::jpeg::{BitReader, HuffmanCode, difference};

/// Bits that are looked up at once.
const LOOK_UP: u32 = 12;

/// A table that is ready for decoding.
pub(super) struct HuffmanTable<'t> {
    /// By the next bits: what they begin with.
    entries: Vec<Entry>,
    code: &'t HuffmanCode,
}

/// What the next bits begin with.
#[derive(Debug, Clone, Copy)]
enum Entry {
    /// A code and its low-order bits: so many bits together, and this difference.
    Difference { length: u8, difference: i16 },
    /// A code of such a length and category, whose low-order bits lie further on.
    Code { length: u8, category: u8 },
    /// A longer code, or none.
    Long,
}

impl<'t> HuffmanTable<'t> {
    /// Makes the table ready.
    ///
    /// # Errors
    /// When it has a category that there is not.
    pub(super) fn new(code: &'t HuffmanCode) -> Result<HuffmanTable<'t>, DecodeError> {
        if let Some(category) = code.symbols().iter().find(|category| **category > 16) {
            return Err(DecodeError::Damaged(format!(
                "a Huffman table has category {category}, and 16 is the highest"
            )));
        }
        let mut entries = vec![Entry::Long; 1 << LOOK_UP];
        for (length, code, category) in code.up_to(LOOK_UP) {
            let span = 1usize << (LOOK_UP - length);
            for (low, entry) in entries.iter_mut().skip(code as usize * span).take(span).enumerate() {
                *entry = Entry::of(length, category, low as u32);
            }
        }
        Ok(HuffmanTable { entries, code })
    }

    /// Reads one difference modulo 2^16; `None` when no code begins with the next bits.
    #[inline]
    pub(super) fn read(&self, reader: &mut BitReader<'_>) -> Option<u16> {
        // A code has 16 bits at most and is followed by 15 at most, or by none behind category 16.
        reader.fill();
        match *self.entries.get(reader.peek(LOOK_UP) as usize)? {
            Entry::Difference { length, difference } => {
                reader.skip(u32::from(length));
                Some(difference as u16)
            }
            Entry::Code { length, category } => Some(read_low_bits(reader, length, category)),
            Entry::Long => self.read_long(reader),
        }
    }

    #[cold]
    #[inline(never)]
    fn read_long(&self, reader: &mut BitReader<'_>) -> Option<u16> {
        let (length, category) = self.code.find_longer(LOOK_UP, reader.peek(16))?;
        Some(read_low_bits(reader, length as u8, category))
    }
}

impl Entry {
    /// What bits are that begin with a code of `length` bits and go on with `low`, `LOOK_UP` together.
    fn of(length: u32, category: u8, low: u32) -> Entry {
        let extra = if category == 16 { 0 } else { u32::from(category) };
        if length + extra > LOOK_UP {
            return Entry::Code { length: length as u8, category };
        }
        let low = low >> (LOOK_UP - length - extra);
        Entry::Difference { length: (length + extra) as u8, difference: difference(category, low) as i16 }
    }
}

#[inline]
fn read_low_bits(reader: &mut BitReader<'_>, length: u8, category: u8) -> u16 {
    reader.skip(u32::from(length));
    let extra = u32::from(category);
    if extra == 0 || extra == 16 {
        return difference(category, 0);
    }
    let low = reader.peek(extra);
    reader.skip(extra);
    difference(category, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of 1 to 16 bits, one of each: 0, 10, 110 and so on, for categories 0, 1 … 14 and 16.
    fn staircase() -> HuffmanCode {
        HuffmanCode::new(&[1; 16], &(0..15).chain([16]).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn codes_of_every_length_are_read() {
        let code = staircase();
        let table = HuffmanTable::new(&code).unwrap();
        for (category, length) in (0..15u32).chain([16]).zip(1u32..) {
            let extra = if category == 16 { 0 } else { category };
            for low in
                [0, 1, (1u32 << extra) / 2, (1 << extra) - 1].into_iter().filter(|low| *low < 1 << extra)
            {
                // The code, its low-order bits, and ones behind them.
                let code = ((1u64 << length) - 2) << extra | u64::from(low);
                let word = ((code + 1) << (64 - length - extra)) - 1;
                let mut bytes = Vec::new();
                for byte in word.to_be_bytes() {
                    bytes.extend([byte].iter().chain((byte == 0xFF).then_some(&0)));
                }
                let mut reader = BitReader::new(&bytes, 0);
                let expected = match (category, low) {
                    (0, _) => 0,
                    (16, _) => 32768,
                    (category, low) if low >> (category - 1) == 0 => {
                        i32::try_from(low).unwrap() - (1 << category) + 1
                    }
                    (_, low) => low as i32,
                };
                assert_eq!(table.read(&mut reader), Some(expected as u16), "category {category}, bits {low}");
                let mut behind = BitReader::new(&bytes, 0);
                behind.fill();
                behind.skip(length + extra);
                assert_eq!(reader.peek(1), behind.peek(1));
            }
        }
    }

    #[test]
    fn what_no_code_begins_with_is_none() {
        let mut reader = BitReader::new(&[0xFF, 0, 0xFF, 0, 0, 0], 0);
        assert_eq!(HuffmanTable::new(&staircase()).unwrap().read(&mut reader), None);
        let empty = HuffmanCode::new(&[0; 16], &[]).unwrap();
        assert_eq!(HuffmanTable::new(&empty).unwrap().read(&mut reader), None);
    }

    #[test]
    fn categories_beyond_sixteen_are_errors() {
        let mut counts = [0; 16];
        counts[1] = 2;
        assert!(HuffmanTable::new(&HuffmanCode::new(&counts, &[3, 16]).unwrap()).is_ok());
        assert!(HuffmanTable::new(&HuffmanCode::new(&counts, &[3, 17]).unwrap()).is_err());
    }
}
