//! The symbols of one quantised block (ISO/IEC 10918-1 F.1.2): how many bits numbers have, and the zeros between them.

/// A symbol of a Huffman code and the bits behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    /// For the difference of a DC coefficient its category; else the zeros before a coefficient, and its category.
    pub(super) symbol: u8,
    /// The low-order bits.
    pub(super) bits: u16,
    /// How many.
    pub(super) count: u8,
}

/// Fifteen zeros and another one.
const SIXTEEN_ZEROS: u8 = 0xF0;
const END_OF_BLOCK: u8 = 0;

/// The symbol for a difference of DC coefficients.
pub(super) fn difference(value: i32) -> Symbol {
    symbol(0, value)
}

/// Calls `take` with the symbols of all coefficients but the first, in zig-zag order.
pub(super) fn coefficients(block: &[i16; 64], mut take: impl FnMut(Symbol)) {
    let mut zeros = 0u8;
    for value in &block[1..] {
        if *value == 0 {
            zeros += 1;
            continue;
        }
        while zeros > 15 {
            take(Symbol { symbol: SIXTEEN_ZEROS, bits: 0, count: 0 });
            zeros -= 16;
        }
        take(symbol(zeros << 4, i32::from(*value)));
        zeros = 0;
    }
    if zeros > 0 {
        take(Symbol { symbol: END_OF_BLOCK, bits: 0, count: 0 });
    }
}

fn symbol(zeros: u8, value: i32) -> Symbol {
    let count = (32 - value.unsigned_abs().leading_zeros()) as u8;
    // Of a negative number the bits of the number one less: its first bit is then zero.
    let low = if value < 0 { value - 1 } else { value };
    Symbol { symbol: zeros | count, bits: (low & ((1 << count) - 1)) as u16, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_categories_and_bits() {
        let of = |value| {
            let Symbol { symbol, bits, count } = difference(value);
            (symbol, bits, count)
        };
        assert_eq!(
            [0, 1, -1, 2, -3, 255].map(of),
            [(0, 0, 0), (1, 1, 1), (1, 0, 1), (2, 2, 2), (2, 0, 2), (8, 255, 8)]
        );
    }

    #[test]
    fn zeros_are_counted() {
        let mut block = [0; 64];
        (block[0], block[2], block[40]) = (9, -1, 5);
        let mut all = Vec::new();
        coefficients(&block, |symbol| all.push((symbol.symbol, symbol.bits)));
        assert_eq!(all, [(0x11, 0), (0xF0, 0), (0xF0, 0), (0x53, 5), (0, 0)]);
        block[63] = 1;
        all.clear();
        coefficients(&block, |symbol| all.push((symbol.symbol, symbol.bits)));
        assert_eq!(all.last(), Some(&(0x61, 1)));
    }
}
