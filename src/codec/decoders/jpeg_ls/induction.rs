//! Proof that a lossless codestream decodes to a given source, by induction over its samples (ISO/IEC 14495-1 Annex A).
//!
//! A decoder must have a sample before it can look at the next one's neighbours; that makes decoding slow, and decoding again to
//! compare doubles the cost of an encoder. But who has the source need not decode. Suppose that all samples before this one
//! decode to those of the source. Then the neighbours that the decoder has are the source's own, and so are the gradients,
//! the context, the sign and the median prediction: [`foreseen`](super::foreseen) computes them ahead for a whole line, without
//! the codestream. What the contexts have learnt depends on the earlier prediction errors alone, and those are known too. So
//! the prediction error that gives the source's sample is known before the bits are looked at, and what is left to prove is that
//! the bits say this very error: the code is parsed with the order k that the decoder would use, and compared. Then this sample
//! decodes to that of the source as well, and the induction goes on. It begins with the first sample, all of whose neighbours
//! are zero by definition (A.2.1), and ends when the last code is followed by the padding and the marker that a decoder wants.
//!
//! That is decode-and-compare, step for step, but the chain that makes a decoder slow is cut in two: reading bits needs k, which
//! does not wait for them; and the contexts learn from the errors that are expected, and do not wait for the bits either. The
//! processor works on both at once.
//!
//! The induction shares nothing with the encoder: coding parameters, headers and contexts are the decoder's, and the line is
//! foreseen in other arithmetic. It says yes only when everything is as the standard wants it. A no is no verdict: then the
//! decoder decodes, and what comes out is compared.

use super::coding::Coding;
use super::contexts::{Context, RunContext};
use super::foreseen::Line;
use super::scan::RUN_ORDERS;
use super::unstuffed::Unstuffed;

/// The induction over the lines of one scan, of one component or of several in sample interleave.
pub(super) struct Induction<'b, const COMPONENTS: usize> {
    bits: Unstuffed<'b>,
    /// The next bit.
    at: usize,
    coding: Coding,
    /// 365 of them are used; the rest makes every index of nine bits one of the array.
    contexts: Box<[Context; 512]>,
    run_contexts: [RunContext; 2],
    run_index: usize,
}

/// The code of a sample is not the one that is expected.
pub(super) struct Otherwise;

impl<'b, const COMPONENTS: usize> Induction<'b, COMPONENTS> {
    /// Begins before the first sample. RANGE must be a power of two and NEAR 0.
    pub(super) fn new(bits: Unstuffed<'b>, coding: Coding) -> Self {
        Induction {
            bits,
            at: 0,
            coding,
            contexts: Box::new([Context::new(&coding); 512]),
            run_contexts: [false, true].map(|alike| RunContext::new(&coding, alike)),
            run_index: 0,
        }
    }

    /// Whether all bits have been read, but the zeros that fill up the last byte, or those of a byte that is stuffed behind 0xFF.
    pub(super) fn is_complete(&self) -> bool {
        let unread = self.bits.length().checked_sub(self.at);
        unread.is_some_and(|unread| unread < 8 && top(self.bits.window(self.at), unread as u32) == 0)
    }

    /// Proves one line that has been foreseen.
    #[inline(always)]
    pub(super) fn prove(&mut self, line: &Line<COMPONENTS>) -> Result<(), Otherwise> {
        let Coding { maximum, error_bits, limit, reset, .. } = self.coding;
        let escape = limit - error_bits - 1;
        let unused = 32 - error_bits;
        let bits = self.bits;
        let pixels = line.pixels();
        let (mut at, mut column) = (self.at, 0);
        while let Some(pixel) = pixels.get(column) {
            if pixel.iter().fold(0, |any, sample| any | sample.context) == 0 {
                self.at = at;
                column = self.prove_run(line, column)?;
                at = self.at;
                continue;
            }
            for foreseen in pixel {
                let context = &mut self.contexts[foreseen.context.unsigned_abs() as usize & 511];
                let most = foreseen.least.wrapping_add(maximum);
                let predicted = foreseen.predicted.wrapping_add(context.bias()).max(foreseen.least).min(most);
                // A.4.5: the least error in size that gives the sample, modulo RANGE.
                let expected = foreseen.sample.wrapping_sub(predicted).wrapping_shl(unused) >> unused;
                let k = context.k();
                let inverted = (k == 0) & context.is_inverted();
                context.update(expected, 1, reset);
                let window = bits.window(at);
                let zeros = window.leading_zeros();
                let (mapped, length) = if zeros < escape && zeros.wrapping_add(k) < SHORT {
                    let low = top(window.wrapping_shl(zeros) << 1, k);
                    (zeros.wrapping_shl(k) | low, zeros.wrapping_add(1).wrapping_add(k))
                } else {
                    long_golomb(&bits, at, k, escape, error_bits)
                };
                at = at.wrapping_add(length as usize);
                // A.5.2 read backwards.
                let read = (mapped >> 1).cast_signed() ^ (mapped & 1).cast_signed().wrapping_neg();
                if (read ^ i32::from(inverted).wrapping_neg()) != expected {
                    return Err(Otherwise);
                }
            }
            column += 1;
        }
        self.at = at;
        Ok(())
    }

    /// Proves a run and the pixel that ends it (A.7). Gives where the line goes on.
    #[inline(never)]
    fn prove_run(&mut self, line: &Line<COMPONENTS>, column: usize) -> Result<usize, Otherwise> {
        let most = line.pixels().len() - column;
        let expected = line.alike(column);
        let mut length = 0;
        // A.7.1: a one for each whole stretch, and for a last one that the end of the line cuts off.
        while length < most && self.read(1) == 1 {
            let stretch = 1 << RUN_ORDERS[self.run_index & 31];
            length += stretch;
            if length <= most {
                self.run_index = (self.run_index + 1).min(31);
            }
        }
        if length >= most {
            return if expected == most { Ok(column + most) } else { Err(Otherwise) };
        }
        let order = RUN_ORDERS[self.run_index & 31];
        length += self.read(order) as usize;
        if length != expected || length >= most {
            return Err(Otherwise);
        }
        // A.7.2: the pixel that ends the run.
        let Coding { error_bits, limit, reset, .. } = self.coding;
        let escape = limit - order - 1 - error_bits - 1;
        let unused = 32 - error_bits;
        for component in 0..COMPONENTS {
            let (ra, rb, ix) = line.neighbours(column + length, component);
            let alike = COMPONENTS == 1 && ra == rb;
            let difference = if !alike && ra > rb { rb - ix } else { ix - rb };
            let context = &mut self.run_contexts[usize::from(alike)];
            let k = context.k();
            let (mapped, bits) = long_golomb(&self.bits, self.at, k, escape, error_bits);
            self.at += bits as usize;
            if mapped > self.coding.range.unsigned_abs()
                || context.error(mapped.cast_signed(), k, reset) != difference << unused >> unused
            {
                return Err(Otherwise);
            }
        }
        self.run_index = self.run_index.saturating_sub(1);
        Ok(column + length + 1)
    }

    /// The next bits, at most 32.
    fn read(&mut self, count: u32) -> u32 {
        let value = top(self.bits.window(self.at), count);
        self.at += count as usize;
        value
    }
}

/// Zeros and low bits of a code that fits into a window, less one.
const SHORT: u32 = 56;

/// A code of the limited-length Golomb family (A.5.3) of any length, and its length. A run of zeros that is too long gives a value
/// that nothing expects.
#[inline(never)]
fn long_golomb(bits: &Unstuffed<'_>, at: usize, k: u32, escape: u32, wide: u32) -> (u32, u32) {
    let zeros = bits.window(at).leading_zeros();
    let behind = bits.window(at + zeros as usize + 1);
    if zeros < escape {
        ((zeros << k) | top(behind, k), zeros + 1 + k)
    } else if zeros == escape {
        (top(behind, wide) + 1, zeros + 1 + wide)
    } else {
        (u32::MAX, zeros)
    }
}

/// The `count` top bits, as a number; `count` below 64.
#[inline(always)]
fn top(window: u64, count: u32) -> u32 {
    (window >> 1).wrapping_shr(63_u32.wrapping_sub(count)) as u32
}
