//! Difference categories of lossless images (ISO/IEC 10918-1 H.1.2.2): the symbols of their Huffman codes.

use super::super::jpeg;

/// The number of bits of a difference, 0 to 16 (table H.2).
pub(super) const CATEGORIES: usize = 17;

/// How often each category occurs.
pub(super) type Histogram = jpeg::Histogram<CATEGORIES>;
/// A code for them.
pub(super) type HuffmanCode = jpeg::HuffmanCode<CATEGORIES>;

/// Counts the categories of some differences.
pub(super) fn count(differences: &[i16], histogram: &mut Histogram) {
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
        for (count, more) in histogram.counts.iter_mut().zip(counter) {
            *count += u64::from(more);
        }
    }
}

/// The category of a difference, 0 to 16: how many bits its absolute value has.
#[inline]
pub(super) fn category(difference: i16) -> usize {
    // Of twice the value and one the logarithm is never that of zero; the mask only tells the compiler so.
    (2 * u32::from(difference.unsigned_abs()) + 1).ilog2() as usize & 31
}

/// Bits that follow the code of a category. The only difference of category 16 is 32768, and it needs none (H.1.2.2).
pub(super) fn extra_bits(category: usize) -> usize {
    if category == 16 { 0 } else { category }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_the_number_of_bits() {
        for (difference, expected) in [(0, 0), (1, 1), (-1, 1), (2, 2), (-3, 2), (4, 3), (255, 8), (-256, 9)]
        {
            assert_eq!(category(difference), expected, "{difference}");
        }
        assert_eq!((category(i16::MAX), category(-i16::MAX), category(i16::MIN)), (15, 15, 16));
        let differences: Vec<i16> = (-1000..1000).collect();
        let mut histogram = Histogram::default();
        count(&differences, &mut histogram);
        assert_eq!(histogram.counts[..4], [1, 2, 4, 8]);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 2000);
    }
}
