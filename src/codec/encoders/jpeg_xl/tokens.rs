//! Hybrid integers (ISO/IEC 18181-1 C.2.3): a number is a token, which a prefix code writes, and bits that are written as they are.
//!
//! Numbers below 16 are tokens themselves. Of a larger one the token tells the length and the two bits after the leading one; the
//! others, which look random in a prediction error, follow.

/// Numbers below 2^`SPLIT_EXPONENT` are their own tokens.
pub(super) const SPLIT_EXPONENT: u32 = 4;
/// Of the bits behind the leading one the token holds so many.
pub(super) const BITS_IN_TOKEN: u32 = 2;

/// The token of a number, and how many of its lowest bits follow.
#[inline(always)]
pub(super) fn token_of(number: u32) -> (u32, u32) {
    if number < 1 << SPLIT_EXPONENT {
        return (number, 0);
    }
    let leading = 31 - number.leading_zeros();
    let rest = leading - BITS_IN_TOKEN;
    let token = (1 << SPLIT_EXPONENT) + ((leading - SPLIT_EXPONENT) << BITS_IN_TOKEN) + (number >> rest)
        - (1 << BITS_IN_TOKEN);
    (token, rest)
}

/// How many tokens there are for numbers of `bits` bits.
pub(super) fn tokens_of_bits(bits: u32) -> u32 {
    token_of(u32::MAX >> (32 - bits.clamp(1, 32))).0 + 1
}

/// The token of a run's length, counted from zero: 0 for zero, and otherwise the number of its bits; and how many of its lowest bits
/// follow (a hybrid integer with nothing split and no bits in the token).
#[inline(always)]
pub(super) fn run_token_of(length: u32) -> (u32, u32) {
    let bits = 32 - length.leading_zeros();
    (bits, bits.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a decoder makes of a token and the bits behind it (C.2.3), and how many of these it reads.
    fn decoded(token: u32, rest: u32, (split_exponent, bits_in_token): (u32, u32)) -> (u32, u32) {
        if token < 1 << split_exponent {
            return (token, 0);
        }
        let count = split_exponent - bits_in_token + ((token - (1 << split_exponent)) >> bits_in_token);
        let leading = (token & ((1 << bits_in_token) - 1)) | (1 << bits_in_token);
        ((leading << count) | rest, count)
    }

    #[test]
    fn a_decoder_finds_the_number() {
        let numbers =
            (0..70_000).chain((17..=31).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 12_345]));
        let mut last = 0;
        for number in numbers {
            let rest = |bits: u32| number & ((1 << bits) - 1);
            let (token, bits) = token_of(number);
            assert_eq!(decoded(token, rest(bits), (SPLIT_EXPONENT, BITS_IN_TOKEN)), (number, bits));
            assert!(token >= last);
            last = token;
            let (token, bits) = run_token_of(number);
            assert_eq!(decoded(token, rest(bits), (0, 0)), (number, bits));
        }
    }

    #[test]
    fn tokens_are_counted() {
        for (bits, tokens) in [(1, 2), (4, 16), (5, 20), (9, 36), (17, 68)] {
            assert_eq!(tokens_of_bits(bits), tokens);
        }
    }
}
