//! Prefix codes as JPEG XL has them from Brotli (ISO/IEC 18181-1 C.2.4, RFC 7932 section 3): made for given counts, and described in the
//! codestream.

use super::super::package_merge;
use super::bit_writer::BitWriter;

/// The longest code.
const LONGEST: usize = 15;
/// The longest code of a code length.
const LONGEST_OF_LENGTHS: usize = 5;
/// The order in which the lengths of the codes of code lengths are described.
const ORDER_OF_LENGTHS: [usize; 18] = [1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// The code length that stands for three to ten zeros.
const ZEROS: usize = 17;

/// A code for the symbols 0, 1, 2 … of which each may occur or not.
pub(super) struct PrefixCode {
    /// By symbol: the bits as they are written, and how many. Zero bits where a symbol does not occur, or no other does.
    codes: Vec<(u32, u32)>,
    lengths: Vec<u8>,
}

impl PrefixCode {
    /// The best code for symbols of which each occurs so often. One at least must.
    pub(super) fn best_for(counts: &[u64]) -> PrefixCode {
        Self::best_within(counts, LONGEST)
    }

    fn best_within(counts: &[u64], longest: usize) -> PrefixCode {
        let symbols = counts.iter().rposition(|count| *count > 0).map_or(1, |last| last + 1);
        let occurring: Vec<usize> = (0..symbols).filter(|symbol| counts[*symbol] > 0).collect();
        let mut lengths = vec![0; symbols];
        if occurring.len() > 1 {
            let weights: Vec<u64> = occurring.iter().map(|symbol| counts[*symbol]).collect();
            for (symbol, length) in occurring.iter().zip(package_merge::lengths(&weights, longest)) {
                lengths[*symbol] = length;
            }
        }
        PrefixCode { codes: canonical(&lengths), lengths }
    }

    /// The code of a symbol: its bits, and how many.
    #[inline(always)]
    pub(super) fn code(&self, symbol: u32) -> (u32, u32) {
        self.codes.get(symbol as usize).copied().unwrap_or_default()
    }

    /// Writes how many symbols there are. Of several codes all counts stand before all descriptions.
    pub(super) fn write_count(&self, writer: &mut BitWriter) {
        let more = self.lengths.len() as u32 - 1;
        writer.flag(more > 0);
        if more > 0 {
            let bits = more.ilog2();
            writer.write(u64::from(bits), 4);
            writer.write(u64::from(more - (1 << bits)), bits);
        }
    }

    /// Writes the description. `only` is the symbol that a code of no bits is for.
    pub(super) fn write(&self, only: u32, writer: &mut BitWriter) {
        let count = self.lengths.len();
        if count == 1 {
            return;
        }
        if self.lengths.iter().all(|length| *length == 0) {
            // A simple code of one symbol.
            writer.write(1, 2);
            writer.write(0, 2);
            writer.write(u64::from(only), count.next_power_of_two().trailing_zeros());
            return;
        }
        let described = described(&self.lengths);
        let mut counts = [0_u64; ORDER_OF_LENGTHS.len()];
        described.iter().for_each(|(length, _)| counts[*length] += 1);
        let code = PrefixCode::best_within(&counts, LONGEST_OF_LENGTHS);
        code.write_as_code_of_lengths(&counts, writer);
        for (length, zeros) in described {
            let (bits, count) = code.code(length as u32);
            writer.write(bits.into(), count);
            if length == ZEROS {
                writer.write(zeros as u64 - 3, 3);
            }
        }
    }

    /// Writes the lengths of the codes of code lengths, until they are complete.
    fn write_as_code_of_lengths(&self, counts: &[u64; ORDER_OF_LENGTHS.len()], writer: &mut BitWriter) {
        // None of them is skipped.
        writer.write(0, 2);
        let single = counts.iter().filter(|count| **count > 0).count() == 1;
        let mut left = 32_u32;
        for length in ORDER_OF_LENGTHS {
            let own = match self.lengths.get(length) {
                // A code of no bits is described by any one length.
                _ if single => u8::from(counts[length] > 0),
                own => own.copied().unwrap_or_default(),
            };
            let (bits, count) =
                [(0, 2), (0b0111, 4), (0b011, 3), (0b10, 2), (0b01, 2), (0b1111, 4)][usize::from(own)];
            writer.write(bits, count);
            if own > 0 {
                left -= 32 >> own;
            }
            if left == 0 {
                return;
            }
        }
    }
}

/// The code lengths up to the last symbol that occurs, three to ten zeros at a time taken together: each with the number of zeros.
fn described(lengths: &[u8]) -> Vec<(usize, usize)> {
    let mut described = Vec::with_capacity(lengths.len());
    let mut rest = lengths;
    while let Some((first, behind)) = rest.split_first() {
        let zeros = rest.iter().take(10).take_while(|length| **length == 0).count();
        // Two such runs side by side would be multiplied.
        let after_run = described.last().is_some_and(|(length, _)| *length == ZEROS);
        if zeros >= 3 && !after_run {
            described.push((ZEROS, zeros));
            rest = &rest[zeros..];
        } else {
            described.push((usize::from(*first), 0));
            rest = behind;
        }
    }
    described
}

/// The codes of these lengths in the order of their symbols (RFC 7932 3.2), with the first bit lowest.
fn canonical(lengths: &[u8]) -> Vec<(u32, u32)> {
    let mut codes = vec![(0, 0); lengths.len()];
    let mut next = 0_u32;
    for length in 1..=LONGEST as u32 {
        for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, own)| u32::from(**own) == length) {
            *code = (next.reverse_bits() >> (32 - length), length);
            next += 1;
        }
        next <<= 1;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_one_length_follow_each_other() {
        let code = PrefixCode::best_for(&[9, 0, 3, 3, 1]);
        let codes: Vec<(u32, u32)> = (0..6).map(|symbol| code.code(symbol)).collect();
        assert_eq!(codes, [(0b0, 1), (0, 0), (0b011, 3), (0b01, 2), (0b111, 3), (0, 0)]);
    }

    #[test]
    fn a_single_symbol_takes_no_bits() {
        let code = PrefixCode::best_for(&[0, 7, 0]);
        assert_eq!(code.code(1), (0, 0));
        let mut writer = BitWriter::default();
        code.write_count(&mut writer);
        code.write(1, &mut writer);
        writer.align();
        // More symbols than one, by one, in no bits; a simple code, of one symbol, which is 1.
        assert_eq!(writer.bytes(), [0b0010_0001, 0b10]);
    }

    #[test]
    fn zeros_are_taken_together_but_not_twice_in_turn() {
        let mut lengths = vec![1];
        lengths.extend([0; 24]);
        lengths.push(1);
        assert_eq!(described(&lengths), [(1, 0), (17, 10), (0, 0), (17, 10), (0, 0), (0, 0), (0, 0), (1, 0)]);
    }
}
