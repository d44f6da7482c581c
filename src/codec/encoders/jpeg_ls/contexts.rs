//! What a scan learns: the contexts of regular mode and of run interruptions (ISO/IEC 14495-1 A.2.1, A.5, A.6, A.7.2).
//!
//! The arithmetic wraps where plain operators would check for overflow: this is the innermost loop of all, and every number
//! is bounded by the standard. |B| and N stay below 64 + 1 errors' worth, A below 65 × 2^16.

use super::coding::{Coding, RESET};

/// A context of regular mode.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub(super) struct Context {
    /// A, the sum of the sizes of errors.
    a: i32,
    /// B, the sum of the errors, with the bias taken out.
    b: i32,
    /// C, the correction of the prediction: −128 to 127.
    c: i32,
    /// N, how often the context has been met.
    n: i32,
}

impl Context {
    pub(super) fn new(coding: &Coding) -> Context {
        Context { a: coding.first_magnitude(), b: 0, c: 0, n: 1 }
    }

    /// C, the correction of the prediction.
    #[inline(always)]
    pub(super) fn bias(&self) -> i32 {
        self.c
    }

    /// The order k of the Golomb code (A.5.1).
    #[inline(always)]
    pub(super) fn k(&self) -> u32 {
        golomb_order(self.a, self.n)
    }

    /// The error as a number without sign (A.5.2): the smaller in size, the smaller.
    #[inline(always)]
    pub(super) fn map(&self, error: i32, k: u32) -> u32 {
        // Where k is 0 and 2 B <= −N, negative errors are the more likely ones and take the even numbers.
        let mostly_negative = is_negative(self.b.wrapping_mul(2).wrapping_add(self.n).wrapping_sub(1));
        let error = error ^ (mostly_negative & is_negative(k.cast_signed().wrapping_sub(1)));
        (error.wrapping_shl(1) ^ (error >> 31)).cast_unsigned()
    }

    /// Learns from an error (A.6.1 and A.6.2).
    ///
    /// Which way B and C go is as good as random, so that a branch would be foretold wrongly half of the time. Masks of
    /// all ones or none take its place.
    #[inline(always)]
    pub(super) fn update(&mut self, error: i32) {
        let Context { a, b, c, n } = *self;
        let (mut a, mut b, mut less) = (a.wrapping_add(error.wrapping_abs()), b.wrapping_add(error), n);
        // Every 33rd time; the processor soon knows when.
        if n == RESET {
            (a, b, less) = (a >> 1, b >> 1, n >> 1);
        }
        let n = less.wrapping_add(1);
        // B <= −N, and B > 0.
        let low = is_negative(b.wrapping_add(less));
        let high = is_negative(b.wrapping_neg());
        // C moves by one, but stays within −128 to 127.
        let down = low & is_negative((-128_i32).wrapping_sub(c));
        let up = high & is_negative(c.wrapping_sub(127));
        let c = c.wrapping_add(down).wrapping_sub(up);
        // B comes back by N, and no further than to the end of −N + 1 … 0; where it did not move, it lies there already.
        let b = b.wrapping_add(n & low).wrapping_sub(n & high);
        let b = b.min(0).max(less.wrapping_neg());
        *self = Context { a, b, c, n };
    }
}

/// A mask: all ones when the number is negative, else zero.
#[inline(always)]
fn is_negative(number: i32) -> i32 {
    number >> 31
}

/// A context of run interruptions (A.7.2).
#[derive(Clone, Copy)]
pub(super) struct RunContext {
    a: i32,
    n: i32,
    /// Nn, how many errors were negative.
    negative: i32,
    /// RItype: 1 where Ra and Rb are alike.
    alike: i32,
}

impl RunContext {
    pub(super) fn new(coding: &Coding, alike: bool) -> RunContext {
        RunContext { a: coding.first_magnitude(), n: 1, negative: 0, alike: i32::from(alike) }
    }

    /// The order k of the Golomb code (A.7.2.1).
    pub(super) fn k(&self) -> u32 {
        golomb_order(self.a + if self.alike == 1 { self.n >> 1 } else { 0 }, self.n)
    }

    /// The error as a number without sign, and learns from it (A.7.2.2).
    pub(super) fn map(&mut self, error: i32, k: u32) -> u32 {
        let inverted = match error.signum() {
            1 => k == 0 && 2 * self.negative < self.n,
            -1 => k != 0 || 2 * self.negative >= self.n,
            _ => false,
        };
        let mapped = 2 * error.abs() - self.alike - i32::from(inverted);
        self.negative += i32::from(error < 0);
        self.a += (mapped + 1 - self.alike) >> 1;
        if self.n == RESET {
            (self.a, self.n, self.negative) = (self.a >> 1, self.n >> 1, self.negative >> 1);
        }
        self.n += 1;
        mapped.cast_unsigned()
    }
}

/// The least k for which n × 2^k is not below a; n is 1 to 64.
#[inline(always)]
fn golomb_order(a: i32, n: i32) -> u32 {
    let (a, n) = (a.cast_unsigned(), n.cast_unsigned());
    let k = n.leading_zeros().saturating_sub(a.leading_zeros());
    k.wrapping_add(u32::from(n.wrapping_shl(k) < a))
}
