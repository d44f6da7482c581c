//! The coefficients of one block (ISO/IEC 10918-1 F.2.2), dequantised and out of their zig-zag.

use super::super::super::jpeg_transform::ZIG_ZAG;
use super::super::jpeg::{BitReader, extend};
use super::coefficient_table::CoefficientTable;

/// A block as it is read.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time lives on the stack, and a box for each would cost more"
)]
pub(super) enum Block {
    /// All coefficients but the first are zero.
    Flat(i32),
    /// Row by row.
    Coefficients([[i32; 8]; 8]),
}

/// Reads a block. `predicted` is the DC coefficient of the block before, and then that of this one. `None` when the bits
/// are no codes, or name coefficients behind the last.
pub(super) fn read(
    reader: &mut BitReader<'_>,
    dc: &CoefficientTable<'_>,
    ac: &CoefficientTable<'_>,
    steps: &[u16; 64],
    predicted: &mut i32,
) -> Option<Block> {
    reader.fill();
    let category = u32::from(dc.read(reader)?);
    *predicted = predicted.wrapping_add(value(reader, category));
    let dequantised = |value: i32, at: usize| value.wrapping_mul(i32::from(steps[at]));
    let first = dequantised(*predicted, 0);
    let mut coefficients = [0; 64];
    let mut at = 1;
    loop {
        reader.fill();
        let symbol = ac.read(reader)?;
        let (zeros, category) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if category == 0 {
            if zeros < 15 {
                // The end of the block.
                break;
            }
            at += 16;
        } else {
            at += zeros;
            let place = coefficients.get_mut(usize::from(*ZIG_ZAG.get(at)?))?;
            *place = dequantised(value(reader, category), at);
            at += 1;
        }
        if at > 63 {
            break;
        }
    }
    if at == 1 {
        return Some(Block::Flat(first));
    }
    coefficients[0] = first;
    Some(Block::Coefficients(std::array::from_fn(|v| std::array::from_fn(|u| coefficients[8 * v + u]))))
}

/// The bits behind a category as a number.
#[inline]
fn value(reader: &mut BitReader<'_>, category: u32) -> i32 {
    if category == 0 {
        return 0;
    }
    let bits = reader.peek(category);
    reader.skip(category);
    extend(bits, category)
}
