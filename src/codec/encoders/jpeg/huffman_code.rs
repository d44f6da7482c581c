//! An optimal Huffman code for the symbols of one image (ISO/IEC 10918-1 Annex C and K.2).
//!
//! Lengths come from package-merge, which gives the least total under the limit of 16 bits of a DHT segment: exactly what
//! Huffman's own procedure gives where that stays within the limit, and better than cutting its tree where it does not.
//! One symbol more, of no weight, takes part, so that it gets the last of the longest codes: the code of all ones, which
//! must stay unused (C.2).

use super::super::package_merge;

/// The longest code that a DHT segment can describe (B.2.4.2).
const LONGEST: usize = 16;

/// How often each symbol occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Histogram<const SYMBOLS: usize> {
    /// By symbol; there are 2^34 samples at most.
    pub(crate) counts: [u64; SYMBOLS],
}

impl<const SYMBOLS: usize> Default for Histogram<SYMBOLS> {
    fn default() -> Self {
        Histogram { counts: [0; SYMBOLS] }
    }
}

/// A canonical Huffman code for the symbols that occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HuffmanCode<const SYMBOLS: usize> {
    /// Bits of each code; 0 for a symbol that does not occur.
    lengths: [u8; SYMBOLS],
    codes: [u16; SYMBOLS],
}

impl<const SYMBOLS: usize> HuffmanCode<SYMBOLS> {
    /// The code with which a histogram's symbols take the fewest bits.
    pub(crate) fn best_for(histogram: &Histogram<SYMBOLS>) -> Self {
        let lengths = lengths(histogram);
        let mut codes = [0; SYMBOLS];
        // Annex C.2: codes of one length follow each other, and the first of the next length is twice as large.
        let mut next = 0u32;
        for length in 1..=LONGEST {
            for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, own)| usize::from(*own) == length) {
                *code = next as u16;
                next += 1;
            }
            next <<= 1;
        }
        HuffmanCode { lengths, codes }
    }

    /// The code of a symbol and its length in bits.
    #[inline]
    pub(crate) fn code(&self, symbol: usize) -> (u16, u8) {
        (self.codes[symbol], self.lengths[symbol])
    }

    /// Bits that the symbols of a histogram take, and what follows each of them.
    pub(crate) fn bits(&self, histogram: &Histogram<SYMBOLS>, behind: impl Fn(usize) -> usize) -> u64 {
        let each = self.lengths.iter().zip(histogram.counts).enumerate();
        each.map(|(symbol, (length, count))| count * (u64::from(*length) + behind(symbol) as u64)).sum()
    }

    /// The DHT segment's list of code counts by length, and its list of symbols in the order of their codes (B.2.4.2).
    pub(super) fn specification(&self) -> ([u8; LONGEST], Vec<u8>) {
        let mut counts = [0; LONGEST];
        let mut symbols = Vec::with_capacity(SYMBOLS);
        for (count, length) in counts.iter_mut().zip(1u8..) {
            let own = (0u8..=255).zip(self.lengths).filter(|(_, own)| *own == length);
            let before = symbols.len();
            symbols.extend(own.map(|(symbol, _)| symbol));
            *count = (symbols.len() - before) as u8;
        }
        (counts, symbols)
    }
}

fn lengths<const SYMBOLS: usize>(histogram: &Histogram<SYMBOLS>) -> [u8; SYMBOLS] {
    // Rare symbols are mostly the large ones: of equals the larger gets the longer code. The symbol without weight comes first.
    let occurring = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let (symbols, counts): (Vec<usize>, Vec<u64>) = occurring.rev().unzip();
    let weights: Vec<u64> = [0].into_iter().chain(counts).collect();
    let mut lengths = [0; SYMBOLS];
    for (symbol, length) in
        symbols.into_iter().zip(package_merge::lengths(&weights, LONGEST).into_iter().skip(1))
    {
        lengths[symbol] = length;
    }
    lengths
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// As many as there are categories of lossless differences.
    const SYMBOLS: usize = 17;
    type Histogram = super::Histogram<SYMBOLS>;
    type HuffmanCode = super::HuffmanCode<SYMBOLS>;

    fn of(counts: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.counts[..counts.len()].copy_from_slice(counts);
        histogram
    }

    #[test]
    fn a_single_symbol_has_a_code_of_one_zero_bit() {
        let table = HuffmanCode::best_for(&of(&[0, 0, 77]));
        assert_eq!(table.code(2), (0, 1));
        assert_eq!(table.bits(&of(&[0, 0, 77]), |symbol| symbol), 77 * 3);
        let (counts, categories) = table.specification();
        assert_eq!((counts[0], counts[1..].iter().sum::<u8>(), categories), (1, 0, vec![2]));
    }

    /// Fibonacci's weights make the deepest tree: without the limit it would be 17 deep.
    #[test]
    fn no_code_is_longer_than_sixteen_bits() {
        let mut counts = [1u64; SYMBOLS];
        for at in 2..SYMBOLS {
            counts[at] = counts[at - 1] + counts[at - 2];
        }
        let histogram = of(&counts);
        check(&HuffmanCode::best_for(&histogram), &histogram);
        assert_eq!(HuffmanCode::best_for(&histogram).lengths.iter().max(), Some(&16));
    }

    #[test]
    fn as_many_symbols_as_a_byte_has_get_their_codes() {
        let histogram = super::Histogram { counts: std::array::from_fn::<u64, 256, _>(|at| 1 + at as u64) };
        let code = super::HuffmanCode::best_for(&histogram);
        let (counts, symbols) = code.specification();
        assert_eq!(counts.iter().map(|count| usize::from(*count)).sum::<usize>(), 256);
        assert_eq!(symbols.len(), 256);
        assert!(code.code(255).1 < code.code(0).1);
    }

    proptest! {
        #[test]
        fn the_code_is_sound_and_as_short_as_huffmans(
            counts in prop::collection::vec(prop_oneof![Just(0u64), 1u64..10, 1u64..1_000_000_000], SYMBOLS),
        ) {
            prop_assume!(counts.iter().any(|count| *count > 0));
            let histogram = of(&counts);
            let table = HuffmanCode::best_for(&histogram);
            check(&table, &histogram);
            if let Some(bits) = huffman_bits(&counts) {
                prop_assert_eq!(table.bits(&histogram, |_| 0), bits);
            }
        }
    }

    /// Every category that occurs has a code, no code begins another, and none is all ones.
    fn check(table: &HuffmanCode, histogram: &Histogram) {
        let codes: Vec<(u16, u8)> =
            (0..SYMBOLS).filter(|at| histogram.counts[*at] > 0).map(|at| table.code(at)).collect();
        for (at, (code, length)) in codes.iter().enumerate() {
            assert!((1..=16).contains(length), "{table:?}");
            assert!(u32::from(*code) < (1 << length) - 1, "all ones: {table:?}");
            for (other, longer) in
                codes.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, own)| own)
            {
                assert!(longer < length || other >> (longer - length) != *code, "{table:?}");
            }
        }
        let (counts, categories) = table.specification();
        assert_eq!(counts.iter().map(|count| usize::from(*count)).sum::<usize>(), codes.len());
        assert_eq!(categories.len(), codes.len());
    }

    /// Huffman's procedure, step by step, with the reserved symbol; `None` when its tree is deeper than 16.
    fn huffman_bits(counts: &[u64]) -> Option<u64> {
        let mut trees: Vec<(u64, usize)> =
            counts.iter().filter(|count| **count > 0).map(|count| (*count, 0)).collect();
        trees.push((0, 0));
        let (mut bits, mut depth) = (0, 0);
        while trees.len() > 1 {
            // Of equals the shallowest first, which keeps the tree shallow.
            trees.sort_by(|one, other| other.cmp(one));
            let (one, other) = (trees.pop()?, trees.pop()?);
            let both = (one.0 + other.0, one.1.max(other.1) + 1);
            bits += both.0;
            depth = depth.max(both.1);
            trees.push(both);
        }
        (depth <= 16).then_some(bits)
    }
}
