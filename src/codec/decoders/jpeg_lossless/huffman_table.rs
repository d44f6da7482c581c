//! Huffman tables of difference categories, and the look-up that turns bits into differences (ISO/IEC 10918-1 Annex C, F.2.2, H.2).

use super::super::super::encoder::DecodeError;
use super::bit_reader::BitReader;

/// What a DHT segment says of one table (B.2.4.2): how many codes of each length, and their categories in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Specification {
    counts: [u8; 16],
    categories: Vec<u8>,
}

impl Specification {
    /// Reads all tables of a DHT segment into their places, 0 to 3. Those for AC coefficients, which lossless scans do
    /// not have, are passed over.
    ///
    /// # Errors
    /// When the segment is cut short, or names a table or a category that there is not.
    pub(super) fn read_all(
        mut content: &[u8],
        tables: &mut [Option<Specification>; 4],
    ) -> Result<(), DecodeError> {
        let damaged = |what: &str| DecodeError::Damaged(format!("a Huffman table {what}"));
        while let [place, rest @ ..] = content {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or_else(|| damaged("is cut short"))?;
            let codes = counts.iter().map(|count| usize::from(*count)).sum();
            let (categories, rest) = rest.split_at_checked(codes).ok_or_else(|| damaged("is cut short"))?;
            content = rest;
            if place >> 4 == 1 {
                continue;
            }
            let table = tables.get_mut(usize::from(*place)).ok_or_else(|| damaged("has an unknown place"))?;
            if let Some(category) = categories.iter().find(|category| **category > 16) {
                return Err(damaged(&format!("has category {category}, and 16 is the highest")));
            }
            *table = Some(Specification { counts: *counts, categories: categories.to_vec() });
        }
        Ok(())
    }
}

/// Bits that are looked up at once.
const LOOK_UP: u32 = 12;

/// A table that is ready for decoding.
pub(super) struct HuffmanTable {
    /// By the next bits: what they begin with.
    entries: Vec<Entry>,
    /// For the lengths above `LOOK_UP`, rising: one behind the last code of that length, at the top of 16 bits; and what,
    /// subtracted from a code, gives the place of its category.
    long: Vec<LongCodes>,
    categories: Vec<u8>,
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

#[derive(Debug, Clone, Copy)]
struct LongCodes {
    length: u8,
    /// The code behind the last one of this length, shifted to 16 bits.
    end: u32,
    /// The first code of this length.
    first: u32,
    /// Where its category is.
    place: usize,
}

impl HuffmanTable {
    /// Makes the table ready.
    ///
    /// # Errors
    /// When there are more codes than their lengths leave room for.
    pub(super) fn new(specification: &Specification) -> Result<HuffmanTable, DecodeError> {
        let mut entries = vec![Entry::Long; 1 << LOOK_UP];
        let mut long = Vec::new();
        let (mut code, mut place) = (0u32, 0usize);
        for (length, count) in (1u32..).zip(specification.counts) {
            let first = code;
            code += u32::from(count);
            if code > 1 << length {
                return Err(DecodeError::Damaged("a Huffman table has more codes than there are".to_owned()));
            }
            let categories = specification.categories.iter().skip(place).take(usize::from(count));
            if length <= LOOK_UP {
                for (code, category) in (first..code).zip(categories) {
                    let from = (code << (LOOK_UP - length)) as usize;
                    let span = 1usize << (LOOK_UP - length);
                    for (low, entry) in entries.iter_mut().skip(from).take(span).enumerate() {
                        *entry = Entry::of(length, *category, low as u32);
                    }
                }
            } else if count > 0 {
                long.push(LongCodes { length: length as u8, end: code << (16 - length), first, place });
            }
            place += usize::from(count);
            code <<= 1;
        }
        Ok(HuffmanTable { entries, long, categories: specification.categories.clone() })
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
        let next = reader.peek(16);
        let codes = self.long.iter().find(|codes| next < codes.end)?;
        let code = next >> (16 - u32::from(codes.length));
        // Bits below the first code of a length are a shorter code, and were found in the entries.
        let place = codes.place + code.checked_sub(codes.first)? as usize;
        Some(read_low_bits(reader, codes.length, *self.categories.get(place)?))
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

/// EXTEND of F.2.2.1: low-order bits that begin with a zero are those of a negative difference, less one. Category 16 is
/// 32768 alone (H.1.2.2).
fn difference(category: u8, low: u32) -> u16 {
    match category {
        0 => 0,
        16 => 32768,
        _ if low >> (category - 1) == 0 => (low as u16).wrapping_sub(((1u32 << category) - 1) as u16),
        _ => low as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &[u8]) -> Result<[Option<Specification>; 4], DecodeError> {
        let mut tables = [const { None }; 4];
        Specification::read_all(content, &mut tables).map(|()| tables)
    }

    /// Codes of 1 to 16 bits, one of each: 0, 10, 110 and so on, for categories 0, 1 … 14 and 16.
    fn staircase() -> HuffmanTable {
        let mut content = vec![2];
        content.extend([1; 16]);
        content.extend((0..15).chain([16]));
        let tables = read_all(&content).unwrap();
        assert!(tables[0].is_none());
        HuffmanTable::new(tables[2].as_ref().unwrap()).unwrap()
    }

    #[test]
    fn codes_of_every_length_are_read() {
        let table = staircase();
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
        assert_eq!(staircase().read(&mut reader), None);
        let empty = HuffmanTable::new(&Specification::default()).unwrap();
        assert_eq!(empty.read(&mut reader), None);
    }

    #[test]
    fn damaged_tables_are_errors() {
        let mut sound = vec![0, 2];
        sound.extend([0; 15]);
        sound.extend([3, 4]);
        assert!(read_all(&sound).unwrap()[0].is_some());
        for cut in 1..sound.len() {
            assert!(read_all(&sound[..cut]).is_err(), "{cut}");
        }
        for (at, value) in [(0, 4), (0, 0x21), (17, 17)] {
            let mut damaged = sound.clone();
            damaged[at] = value;
            assert!(read_all(&damaged).is_err(), "{at}");
        }
        let crowded = Specification {
            counts: [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            categories: vec![1, 2, 3],
        };
        assert!(HuffmanTable::new(&crowded).is_err());
    }
}
