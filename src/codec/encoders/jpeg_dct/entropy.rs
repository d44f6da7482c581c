//! The entropy-coded segment of a sequential scan (ISO/IEC 10918-1 F.1.2), with the Huffman codes that suit it best.

use super::super::jpeg::{Histogram, HuffmanCode, PendingBits};
use super::block::{self, Symbol};

/// A code for every symbol of a byte.
pub(super) type Code = HuffmanCode<256>;

/// The codes of the components that share them: for DC coefficients and for AC.
pub(super) struct Codes {
    /// Of differences.
    pub(super) dc: Code,
    /// Of all others.
    pub(super) ac: Code,
}

/// Blocks of a scan in their order, each with its component.
pub(super) type Blocks = [(u8, [i16; 64])];

/// Components have codes of their own up to this; those above share one with the last.
const LAST: usize = 1;

/// Which codes a component has.
pub(super) fn codes_of(component: u8) -> usize {
    usize::from(component).min(LAST)
}

/// The best codes for a scan: those of the first component, and those of the others where there are some.
pub(super) fn best_codes(blocks: &Blocks, components: u8) -> Vec<Codes> {
    let mut histograms: Vec<[Histogram<256>; 2]> =
        (0..=codes_of(components.saturating_sub(1))).map(|_| Default::default()).collect();
    each(blocks, |component, is_dc, symbol| {
        if let Some([dc, ac]) = histograms.get_mut(codes_of(component)) {
            let histogram = if is_dc { dc } else { ac };
            histogram.counts[usize::from(symbol.symbol)] += 1;
        }
    });
    histograms.iter().map(|[dc, ac]| Codes { dc: Code::best_for(dc), ac: Code::best_for(ac) }).collect()
}

/// Bytes that are gathered before they go out, and room for one symbol more.
const ROOM: usize = 4096 + PendingBits::ROOM;

/// Appends the segment.
pub(super) fn write(blocks: &Blocks, codes: &[Codes], out: &mut Vec<u8>) {
    let mut buffer = [0; ROOM];
    let mut pending = PendingBits::default();
    each(blocks, |component, is_dc, symbol| {
        let Some(codes) = codes.get(codes_of(component)) else { return };
        let (code, length) = if is_dc { &codes.dc } else { &codes.ac }.code(usize::from(symbol.symbol));
        let bits = u64::from(code) << symbol.count | u64::from(symbol.bits);
        pending.put(bits, u32::from(length) + u32::from(symbol.count), &mut buffer);
        if pending.written() > ROOM - PendingBits::ROOM {
            pending.flush(&buffer, out);
        }
    });
    pending.flush(&buffer, out);
    pending.finish(&mut buffer);
    pending.flush(&buffer, out);
}

/// Calls `take` with each symbol, its component, and whether it is a difference of DC coefficients.
fn each(blocks: &Blocks, mut take: impl FnMut(u8, bool, Symbol)) {
    let mut before = [0; 4];
    for (component, block) in blocks {
        let first = i32::from(block[0]);
        if let Some(before) = before.get_mut(usize::from(*component)) {
            take(*component, true, block::difference(first - *before));
            *before = first;
        }
        block::coefficients(block, |symbol| take(*component, false, symbol));
    }
}
