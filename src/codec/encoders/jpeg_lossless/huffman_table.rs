//! An optimal Huffman table for the difference categories of one image (ISO/IEC 10918-1 H.1.2.2, Annex C and K.2).
//!
//! Lengths come from package-merge, which gives the least total under the limit of 16 bits of a DHT segment: exactly what
//! Huffman's own procedure gives where that stays within the limit, and better than cutting its tree where it does not.
//! A seventeenth symbol of no weight takes part, so that it gets the last of the longest codes: the code of all ones,
//! which must stay unused (C.2).

/// Difference categories: the number of bits of a difference, 0 to 16 (table H.2).
pub(super) const CATEGORIES: usize = 17;
/// The longest code that a DHT segment can describe (B.2.4.2).
const LONGEST: usize = 16;
/// The place of the symbol that takes the code of all ones.
const RESERVED: usize = CATEGORIES;

/// How often each category occurs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    /// By category; there are 2^34 samples at most.
    pub(super) counts: [u64; CATEGORIES],
}

impl Histogram {
    /// Counts the categories of some differences.
    pub(super) fn add(&mut self, differences: &[i16]) {
        // Four counters in turn: neighbours are often alike, and a counter must not wait for its own last increment.
        let mut counters = [[0u32; 32]; 4];
        let (fours, rest) = differences.as_chunks::<4>();
        for four in fours {
            for (counter, difference) in counters.iter_mut().zip(four) {
                counter[category(*difference)] += 1;
            }
        }
        for difference in rest {
            counters[0][category(*difference)] += 1;
        }
        for counter in counters {
            for (count, more) in self.counts.iter_mut().zip(counter) {
                *count += u64::from(more);
            }
        }
    }
}

/// The category of a difference, 0 to 16: how many bits its absolute value has.
#[inline]
pub(super) fn category(difference: i16) -> usize {
    // Of twice the value and one the logarithm is never that of zero; the mask only tells the compiler so.
    (2 * u32::from(difference.unsigned_abs()) + 1).ilog2() as usize & 31
}

/// A canonical Huffman code for the categories that occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HuffmanTable {
    /// Bits of each code; 0 for a category that does not occur.
    lengths: [u8; CATEGORIES],
    codes: [u16; CATEGORIES],
}

impl HuffmanTable {
    /// The table with which differences of such a histogram take the fewest bits.
    pub(super) fn best_for(histogram: &Histogram) -> HuffmanTable {
        let lengths = lengths(histogram);
        let mut codes = [0; CATEGORIES];
        // Annex C.2: codes of one length follow each other, and the first of the next length is twice as large.
        let mut next = 0u32;
        for length in 1..=LONGEST {
            for (code, _) in codes.iter_mut().zip(lengths).filter(|(_, own)| usize::from(*own) == length) {
                *code = next as u16;
                next += 1;
            }
            next <<= 1;
        }
        HuffmanTable { lengths, codes }
    }

    /// The code of a category and its length in bits.
    pub(super) fn code(&self, category: usize) -> (u16, u8) {
        (self.codes[category], self.lengths[category])
    }

    /// Bits that the differences of a histogram take with this table, their low-order bits included.
    pub(super) fn bits(&self, histogram: &Histogram) -> u64 {
        let each = self.lengths.iter().zip(histogram.counts).enumerate();
        each.map(|(category, (length, count))| count * (u64::from(*length) + extra_bits(category) as u64))
            .sum()
    }

    /// The DHT segment's list of code counts by length, and its list of categories in the order of their codes (B.2.4.2).
    pub(super) fn specification(&self) -> ([u8; LONGEST], Vec<u8>) {
        let mut counts = [0; LONGEST];
        let mut categories = Vec::with_capacity(CATEGORIES);
        for length in 1..=LONGEST {
            let own = (0u8..).zip(self.lengths).filter(|(_, own)| usize::from(*own) == length);
            categories.extend(own.map(|(category, _)| category));
        }
        for length in self.lengths.iter().filter(|length| **length > 0) {
            counts[usize::from(*length) - 1] += 1;
        }
        (counts, categories)
    }
}

/// Bits that follow the code of a category. The only difference of category 16 is 32768, and it needs none (H.1.2.2).
pub(super) fn extra_bits(category: usize) -> usize {
    if category == 16 { 0 } else { category }
}

/// Package-merge (Larmore and Hirschberg 1990): how often a symbol is in the cheapest packages is the length of its code.
fn lengths(histogram: &Histogram) -> [u8; CATEGORIES] {
    type Package = (u64, [u8; CATEGORIES + 1]);
    let mut coins: Vec<Package> = Vec::with_capacity(CATEGORIES + 1);
    let single = |weight, symbol: usize| {
        let mut symbols = [0; CATEGORIES + 1];
        symbols[symbol] = 1;
        (weight, symbols)
    };
    coins.push(single(0, RESERVED));
    let occurs = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0);
    coins.extend(occurs.map(|(category, count)| single(*count, category)));
    // The sort is stable, and rare categories are mostly the large ones: of equals the larger gets the longer code.
    coins[1..].reverse();
    coins.sort_by_key(|coin| coin.0);
    let mut packages = coins.clone();
    for _ in 1..LONGEST {
        let pairs = packages.chunks_exact(2).map(|pair| {
            let mut symbols = pair[0].1;
            symbols.iter_mut().zip(pair[1].1).for_each(|(count, more)| *count += more);
            (pair[0].0 + pair[1].0, symbols)
        });
        let mut merged: Vec<Package> = coins.iter().copied().chain(pairs).collect();
        merged.sort_by_key(|package| package.0);
        packages = merged;
    }
    let mut lengths = [0; CATEGORIES];
    for package in packages.iter().take(2 * coins.len().saturating_sub(1)) {
        lengths.iter_mut().zip(package.1).for_each(|(length, more)| *length += more);
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(counts: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        histogram.counts[..counts.len()].copy_from_slice(counts);
        histogram
    }

    #[test]
    fn a_category_is_the_number_of_bits() {
        for (difference, expected) in [(0, 0), (1, 1), (-1, 1), (2, 2), (-3, 2), (4, 3), (255, 8), (-256, 9)]
        {
            assert_eq!(category(difference), expected, "{difference}");
        }
        assert_eq!((category(i16::MAX), category(-i16::MAX), category(i16::MIN)), (15, 15, 16));
        let differences: Vec<i16> = (-1000..1000).collect();
        let mut histogram = Histogram::default();
        histogram.add(&differences);
        assert_eq!(histogram.counts[..4], [1, 2, 4, 8]);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 2000);
    }

    #[test]
    fn a_single_category_has_a_code_of_one_zero_bit() {
        let table = HuffmanTable::best_for(&of(&[0, 0, 77]));
        assert_eq!(table.code(2), (0, 1));
        assert_eq!(table.bits(&of(&[0, 0, 77])), 77 * 3);
        let (counts, categories) = table.specification();
        assert_eq!((counts[0], counts[1..].iter().sum::<u8>(), categories), (1, 0, vec![2]));
    }

    /// Fibonacci's weights make the deepest tree: without the limit it would be 17 deep.
    #[test]
    fn no_code_is_longer_than_sixteen_bits() {
        let mut counts = [1u64; CATEGORIES];
        for at in 2..CATEGORIES {
            counts[at] = counts[at - 1] + counts[at - 2];
        }
        let histogram = of(&counts);
        check(&HuffmanTable::best_for(&histogram), &histogram);
        assert_eq!(HuffmanTable::best_for(&histogram).lengths.iter().max(), Some(&16));
    }

    proptest! {
        #[test]
        fn the_code_is_sound_and_as_short_as_huffmans(
            counts in prop::collection::vec(prop_oneof![Just(0u64), 1u64..10, 1u64..1_000_000_000], CATEGORIES),
        ) {
            prop_assume!(counts.iter().any(|count| *count > 0));
            let histogram = of(&counts);
            let table = HuffmanTable::best_for(&histogram);
            check(&table, &histogram);
            if let Some(bits) = huffman_bits(&counts) {
                let extra: u64 = counts.iter().enumerate().map(|(at, count)| count * extra_bits(at) as u64).sum();
                prop_assert_eq!(table.bits(&histogram), bits + extra);
            }
        }
    }

    /// Every category that occurs has a code, no code begins another, and none is all ones.
    fn check(table: &HuffmanTable, histogram: &Histogram) {
        let codes: Vec<(u16, u8)> =
            (0..CATEGORIES).filter(|at| histogram.counts[*at] > 0).map(|at| table.code(at)).collect();
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
