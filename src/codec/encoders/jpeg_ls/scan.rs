//! The one scan of a lossless codestream: regular mode and run mode, line by line (ISO/IEC 14495-1 A.3 to A.7, Annex B).

use super::ahead::{Ahead, Lines};
use super::bits::{Bits, End, Writer};
use super::coding::Coding;
use super::contexts::{Context, RunContext};

/// Encodes the lines of a scan of one component, or of several in sample interleave.
pub(super) struct Scan<const COMPONENTS: usize> {
    coding: Coding,
    lines: Lines<COMPONENTS>,
    ahead: Ahead,
    learnt: Box<Learnt>,
    bits: Bits,
    /// No line has more bits.
    line_bits: usize,
}

/// All that is learnt from sample to sample.
struct Learnt {
    /// 365 of them are used; the rest makes every index of nine bits one of the array.
    regular: [Context; 512],
    /// By RItype.
    run: [RunContext; 2],
    /// RUNindex.
    run_index: usize,
}

impl<const COMPONENTS: usize> Scan<COMPONENTS> {
    /// A scan of lines of `columns` pixels.
    pub(super) fn new(coding: Coding, columns: usize) -> Self {
        let samples = columns * COMPONENTS;
        Scan {
            coding,
            lines: Lines::new(samples),
            ahead: Ahead::new(samples),
            learnt: Box::new(Learnt {
                regular: [Context::new(&coding); 512],
                run: [false, true].map(|alike| RunContext::new(&coding, alike)),
                run_index: 0,
            }),
            bits: Bits::new(),
            // A code has at most LIMIT bits, a run's own bits and those of the sample that ends it together; a run has at least
            // one sample or is followed by one.
            line_bits: (samples + 1) * coding.limit as usize,
        }
    }

    /// The place of the next line's samples, pixel by pixel; to be filled before [`Scan::encode_line`].
    pub(super) fn next_line(&mut self) -> &mut [u16] {
        self.lines.advance()
    }

    /// Encodes the line that has been filled, and appends to `segment` what is complete.
    #[inline(always)]
    pub(super) fn encode_line(&mut self, segment: &mut Vec<u8>) {
        self.ahead.look(&self.lines, &self.coding);
        let writer = self.bits.writer(self.line_bits);
        let end = encode_line(&self.coding, &self.lines, &self.ahead, &mut self.learnt, writer);
        self.bits.keep(end);
        self.bits.stuff(segment);
    }

    /// Ends the segment.
    pub(super) fn finish(self, segment: &mut Vec<u8>) {
        self.bits.finish(segment);
    }
}

#[inline(always)]
fn encode_line<const COMPONENTS: usize>(
    coding: &Coding,
    lines: &Lines<COMPONENTS>,
    ahead: &Ahead,
    learnt: &mut Learnt,
    mut bits: Writer<'_>,
) -> End {
    let reduce = 32 - coding.precision;
    let escape = coding.limit - coding.precision - 1;
    let pixels = ahead.pixels::<COMPONENTS>();
    let mut column = 0;
    while let Some(pixel) = pixels.get(column) {
        if pixel.iter().fold(0, |any, known| any | known.context) == 0 {
            let mut aside = bits.aside();
            column = encode_run(coding, column, lines, learnt, &mut aside);
            let end = aside.end();
            bits.resume(end);
            continue;
        }
        for known in pixel {
            let learnt = &mut learnt.regular[usize::from(known.context & 511)];
            // A.4.2: C corrects the prediction, as far as that stays a sample.
            let correction = learnt.bias().min(i32::from(known.highest)).max(i32::from(known.lowest));
            // A.4.5: modulo RANGE, which is a power of two, by the sign of the highest bit that counts.
            let error = i32::from(known.difference)
                .wrapping_sub(correction)
                .wrapping_shl(reduce)
                .wrapping_shr(reduce);
            let k = learnt.k();
            let mapped = learnt.map(error, k);
            learnt.update(error);
            bits.put_golomb(mapped, k, escape, coding.precision);
        }
        column += 1;
    }
    bits.end()
}

/// A run of samples like their left neighbours, and the samples that end it (A.7). Gives where coding goes on.
#[inline(never)]
fn encode_run<const COMPONENTS: usize>(
    coding: &Coding,
    column: usize,
    lines: &Lines<COMPONENTS>,
    learnt: &mut Learnt,
    bits: &mut Writer<'_>,
) -> usize {
    let first = column * COMPONENTS;
    let current = &lines.current()[first..];
    let same = alike(current, &current[COMPONENTS..]) / COMPONENTS;
    let is_whole_line = (same + 1) * COMPONENTS == current.len();
    // A.7.1.2: stretches of 2^J pixels, ever longer, each a one; then what is left.
    let mut length = same;
    while length >= 1 << RUN_ORDERS[learnt.run_index] {
        bits.put(1, 1);
        length -= 1 << RUN_ORDERS[learnt.run_index];
        learnt.run_index = (learnt.run_index + 1).min(31);
    }
    let order = RUN_ORDERS[learnt.run_index];
    if is_whole_line {
        if length > 0 {
            bits.put(1, 1);
        }
        return column + same;
    }
    bits.put(length as u64, order + 1);
    // A.7.2: the pixel that ends the run.
    let at = first + same * COMPONENTS;
    let reduce = 32 - coding.precision;
    let escape = coding.limit - order - 1 - coding.precision - 1;
    for sample in at..at + COMPONENTS {
        let ra = i32::from(lines.current()[sample]);
        let ix = i32::from(lines.current()[sample + COMPONENTS]);
        let rb = i32::from(lines.above()[sample]);
        // Of several samples one may well be like its neighbour; yet RItype is 0 for them all.
        let is_alike = COMPONENTS == 1 && ra == rb;
        let error = if is_alike || ra <= rb { ix - rb } else { rb - ix };
        let error = error << reduce >> reduce;
        let context = &mut learnt.run[usize::from(is_alike)];
        let k = context.k();
        let mapped = context.map(error, k);
        bits.put_golomb(mapped, k, escape, coding.precision);
    }
    learnt.run_index = learnt.run_index.saturating_sub(1);
    column + same + 1
}

/// How many leading elements of two slices are equal.
#[inline(always)]
fn alike(some: &[u16], others: &[u16]) -> usize {
    const BLOCK: usize = 16;
    let blocks = some.as_chunks::<BLOCK>().0.iter().zip(others.as_chunks::<BLOCK>().0);
    let whole = blocks.take_while(|(some, others)| some == others).count() * BLOCK;
    let rest = some[whole..].iter().zip(&others[whole..]);
    whole + rest.take_while(|(some, other)| some == other).count()
}

/// J: a run of RUNindex i is coded in stretches of 2^J pixels (A.2.1).
const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
