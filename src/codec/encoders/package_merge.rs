//! Lengths of an optimal prefix code of limited depth, by package-merge (Larmore and Hirschberg 1990).
//!
//! To pay for a code of `n` symbols is to collect coins: each symbol has one of each denomination 2^-1 to 2^-longest, all of its
//! weight, and `n` − 1 in all are to be bought for the least weight. So the cheapest coins of the smallest denomination are packed in
//! pairs, the pairs compete with the coins of the next one, and so on; how many coins of a symbol are in what is bought in the end is the
//! length of its code.

/// The length of the code of each weight, 1 to `longest`; of equal weights the earlier ones get the longer codes.
///
/// There must be two weights at least and 2^`longest` at most. Their sum must fit into 64 bits.
pub(super) fn lengths(weights: &[u64], longest: usize) -> Vec<u8> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|place| weights[*place]);
    let coins: Vec<u64> = order.iter().map(|place| weights[*place]).collect();
    // Of each denomination, which of its things are coins, from the cheapest on.
    let mut denominations = vec![vec![true; coins.len()]];
    let mut things = coins.clone();
    for _ in 1..longest {
        let pairs: Vec<u64> = things.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
        let (merged, are_coins) = merge(&coins, &pairs);
        denominations.push(are_coins);
        things = merged;
    }
    let mut lengths = vec![0; weights.len()];
    let mut bought = 2 * coins.len().saturating_sub(1);
    for are_coins in denominations.iter().rev() {
        let own = are_coins.iter().take(bought).filter(|is_coin| **is_coin).count();
        order[..own].iter().for_each(|place| lengths[*place] += 1);
        bought = 2 * (bought - own);
    }
    lengths
}

/// Both in the order of their weights, of equals the coin first, and which of them are coins.
fn merge(coins: &[u64], pairs: &[u64]) -> (Vec<u64>, Vec<bool>) {
    let (mut coins, mut pairs) = (coins.iter().peekable(), pairs.iter().peekable());
    let mut merged = Vec::with_capacity(coins.len() + pairs.len());
    loop {
        let takes_coin = match (coins.peek(), pairs.peek()) {
            (Some(coin), Some(pair)) => coin <= pair,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return merged.into_iter().unzip(),
        };
        let next = if takes_coin { coins.next() } else { pairs.next() };
        merged.extend(next.map(|weight| (*weight, takes_coin)));
    }
}

#[cfg(test)]
mod tests {
    use super::lengths;
    use proptest::prelude::*;

    fn cost(weights: &[u64], lengths: &[u8]) -> u64 {
        weights.iter().zip(lengths).map(|(weight, length)| weight * u64::from(*length)).sum()
    }

    /// Huffman's own procedure: the cost of a tree is the sum of the weights of its inner nodes.
    fn least_cost(weights: &[u64]) -> u64 {
        let mut roots = weights.to_vec();
        let mut cost = 0;
        while roots.len() > 1 {
            roots.sort_by(|one, other| other.cmp(one));
            let node = roots.pop().unwrap() + roots.pop().unwrap();
            cost += node;
            roots.push(node);
        }
        cost
    }

    #[test]
    fn fibonacci_grows_deep_and_is_cut() {
        let weights = [1, 1, 2, 3, 5, 8, 13, 21];
        assert_eq!(lengths(&weights, 15), [7, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(lengths(&weights, 4).iter().max(), Some(&4));
        assert_eq!(lengths(&[7, 7], 1), [1, 1]);
        assert_eq!(lengths(&[0, 0, 9, 9], 2), [2; 4]);
    }

    proptest! {
        #[test]
        fn codes_are_complete_and_cheapest(weights in proptest::collection::vec(0_u64..10_000, 2..120), limit in 7_usize..16) {
            let lengths = lengths(&weights, limit);
            let full: u32 = lengths.iter().map(|length| 1 << (16 - u32::from(*length))).sum();
            prop_assert_eq!(full, 1 << 16);
            prop_assert!(lengths.iter().all(|length| (1..=limit).contains(&usize::from(*length))));
            prop_assert!(cost(&weights, &lengths) >= least_cost(&weights));
            if limit == 15 {
                // Weights below 10 000 need no deeper tree than this allows, but for a few.
                prop_assert!(cost(&weights, &lengths) <= least_cost(&weights) + 8);
            }
        }
    }
}
