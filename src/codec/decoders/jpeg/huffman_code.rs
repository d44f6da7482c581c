//! Huffman codes as a DHT segment defines them (ISO/IEC 10918-1 B.2.4.2, Annex C), and the bits behind them (F.2.2.1).

use super::super::super::encoder::DecodeError;

/// The codes of one table: canonical, so that the number of codes of each length says which they are.
#[derive(Debug, Clone)]
pub(crate) struct HuffmanCode {
    /// By length, 1 to 16.
    lengths: [Codes; 16],
    /// In the order of the codes.
    symbols: Vec<u8>,
}

/// The codes of one length.
#[derive(Debug, Clone, Copy, Default)]
struct Codes {
    /// The first of them.
    first: u32,
    count: u32,
    /// Where the symbol of the first one is.
    place: usize,
}

impl HuffmanCode {
    /// From the number of codes of each length, and the symbols in their order.
    ///
    /// # Errors
    /// When there are more codes than their lengths leave room for.
    pub(crate) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<HuffmanCode, DecodeError> {
        let mut lengths = [Codes::default(); 16];
        let (mut first, mut place) = (0u32, 0);
        for ((codes, count), length) in lengths.iter_mut().zip(counts).zip(1u32..) {
            first <<= 1;
            *codes = Codes { first, count: u32::from(*count), place };
            first += u32::from(*count);
            place += usize::from(*count);
            if first > 1 << length {
                return Err(DecodeError::Damaged("a Huffman table has more codes than there are".to_owned()));
            }
        }
        Ok(HuffmanCode { lengths, symbols: symbols.to_vec() })
    }

    /// All symbols in the order of their codes.
    pub(crate) fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// Every code of at most `longest` bits: its length, itself and its symbol.
    pub(crate) fn up_to(&self, longest: u32) -> impl Iterator<Item = (u32, u32, u8)> {
        self.lengths.iter().zip(1u32..=longest).flat_map(|(codes, length)| {
            let symbols = self.symbols.iter().skip(codes.place);
            (codes.first..codes.first + codes.count)
                .zip(symbols)
                .map(move |(code, symbol)| (length, code, *symbol))
        })
    }

    /// The code with which 16 bits begin, when it is longer than `shorter`: its length and its symbol.
    pub(crate) fn find_longer(&self, shorter: u32, bits: u32) -> Option<(u32, u8)> {
        for (codes, length) in self.lengths.iter().zip(1u32..).skip(shorter as usize) {
            // What lies below the first code of a length begins with a shorter one.
            let at = (bits >> (16 - length)).checked_sub(codes.first)?;
            if at < codes.count {
                return self.symbols.get(codes.place + at as usize).map(|symbol| (length, *symbol));
            }
        }
        None
    }
}

/// EXTEND (F.2.2.1): `count` bits, 1 to 15, as a number; those that begin with a zero are negative, less one.
#[inline]
pub(crate) fn extend(bits: u32, count: u32) -> i32 {
    let bits = bits.cast_signed();
    if bits >> (count - 1) == 0 { bits - (1 << count) + 1 } else { bits }
}

/// A lossless difference modulo 2^16 out of its category and its low-order bits. Category 16 is 32768 alone (H.1.2.2).
#[inline]
pub(crate) fn difference(category: u8, low: u32) -> u16 {
    match category {
        0 => 0,
        16 => 32768,
        _ => extend(low, u32::from(category)) as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_annex_c() {
        // One code of one bit, none of two, three of three: 0, 100, 101, 110.
        let mut counts = [0; 16];
        counts[..3].copy_from_slice(&[1, 0, 3]);
        let code = HuffmanCode::new(&counts, &[9, 8, 7, 6]).unwrap();
        let all: Vec<_> = code.up_to(16).collect();
        assert_eq!(all, [(1, 0, 9), (3, 0b100, 8), (3, 0b101, 7), (3, 0b110, 6)]);
        assert_eq!(code.up_to(2).count(), 1);
        assert_eq!(code.find_longer(0, 0x7FFF), Some((1, 9)));
        assert_eq!(code.find_longer(2, 0b101 << 13), Some((3, 7)));
        assert_eq!(code.find_longer(2, 0b111 << 13), None);
        assert_eq!(code.find_longer(3, 0b101 << 13), None);
    }

    #[test]
    fn more_codes_than_there_are_is_an_error() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanCode::new(&counts, &[1, 2, 3]).is_err());
        counts[..2].copy_from_slice(&[1, 3]);
        assert!(HuffmanCode::new(&counts, &[1, 2, 3, 4]).is_err());
    }

    #[test]
    fn bits_are_extended_to_numbers() {
        for (bits, count, number) in
            [(0, 1, -1), (1, 1, 1), (0, 2, -3), (1, 2, -2), (2, 2, 2), (0, 15, -32767)]
        {
            assert_eq!(extend(bits, count), number);
            assert_eq!(difference(count as u8, bits), number as u16);
        }
        assert_eq!((difference(0, 0), difference(16, 0)), (0, 32768));
    }
}
