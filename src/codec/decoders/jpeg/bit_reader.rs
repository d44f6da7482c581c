//! Reads the bits of an entropy-coded segment (ISO/IEC 10918-1 F.2.2.5), up to the marker that ends it.

/// The bits of one segment. Behind its end come zeros, which are counted.
pub(crate) struct BitReader<'c> {
    codestream: &'c [u8],
    /// The next byte that has not been taken.
    at: usize,
    /// Bits that are ready, from the highest on; zeros below them.
    bits: u64,
    /// How many are ready.
    count: u32,
    /// How many of those that were ever ready came from behind the end.
    beyond: u64,
}

impl<'c> BitReader<'c> {
    /// From byte `at` of the codestream on.
    pub(crate) fn new(codestream: &'c [u8], at: usize) -> BitReader<'c> {
        BitReader { codestream, at, bits: 0, count: 0, beyond: 0 }
    }

    /// Makes at least 32 bits ready.
    #[inline]
    pub(crate) fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        let next = self.codestream.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
        if let Some(bytes) = next {
            let word = u32::from_be_bytes(*bytes);
            if (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.bits |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_by_byte();
    }

    #[cold]
    #[inline(never)]
    fn fill_by_byte(&mut self) {
        while self.count <= 56 {
            let rest = self.codestream.get(self.at..).unwrap_or_default();
            let byte = match rest {
                // A zero byte behind 0xFF says that it is no marker (F.1.2.3).
                [0xFF, 0, ..] => {
                    self.at += 2;
                    0xFF
                }
                [0xFF, ..] | [] => {
                    self.beyond += 8;
                    0
                }
                [byte, ..] => {
                    self.at += 1;
                    *byte
                }
            };
            self.bits |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `count` bits, 1 to 32, that are ready.
    #[inline]
    pub(crate) fn peek(&self, count: u32) -> u32 {
        (self.bits >> 32) as u32 >> (32 - count)
    }

    /// Takes `count` bits, 0 to 32, of those that are ready.
    #[inline]
    pub(crate) fn skip(&mut self, count: u32) {
        self.bits <<= count;
        self.count = self.count.saturating_sub(count);
    }

    /// Whether bits were taken that the segment does not have.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.beyond > u64::from(self.count)
    }

    /// Where the marker behind this segment begins; the end of the codestream if there is none.
    pub(crate) fn next_marker(&self) -> usize {
        let mut at = self.at;
        while let Some(two) = self.codestream.get(at..at + 2) {
            // Fill bytes of 0xFF belong to the marker (B.1.1.2).
            if two[0] == 0xFF && two[1] != 0 {
                return at;
            }
            at += 1;
        }
        self.codestream.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_zeros_behind_the_end() {
        let codestream = [0x12, 0xFF, 0x00, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xFF, 0xD9];
        let mut reader = BitReader::new(&codestream, 0);
        let mut taken = Vec::new();
        for _ in 0..7 {
            reader.fill();
            taken.push(reader.peek(8));
            reader.skip(8);
        }
        assert_eq!(taken, [0x12, 0xFF, 0x34, 0x56, 0x78, 0x9A, 0xBC]);
        assert!(!reader.is_exhausted());
        assert_eq!(reader.next_marker(), 8);
        reader.fill();
        assert_eq!(reader.peek(3), 0);
        reader.skip(1);
        assert!(reader.is_exhausted());
    }

    #[test]
    fn a_marker_is_found_behind_fill_bytes_and_stuffing() {
        assert_eq!(BitReader::new(&[1, 0xFF, 0, 0xFF, 0xFF, 0xD0], 0).next_marker(), 3);
        assert_eq!(BitReader::new(&[1, 0xFF], 0).next_marker(), 2);
        assert_eq!(BitReader::new(&[], 0).next_marker(), 0);
    }
}
