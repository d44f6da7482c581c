//! What the decoder has learnt so far: the contexts of the regular mode and of the run mode (ISO/IEC 14495-1 A.2, A.6, A.7.2).

use super::coding::Coding;

/// The statistics of a context of the regular mode.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// A, the sum of the sizes of prediction errors.
    a: i32,
    /// B, the sum of prediction errors.
    b: i32,
    /// C, what is added to the prediction.
    c: i32,
    /// N, how often the context has been met.
    n: i32,
}

impl Context {
    /// As a scan begins (A.2.1).
    pub(super) fn new(coding: &Coding) -> Context {
        Context { a: first_a(coding), b: 0, c: 0, n: 1 }
    }

    /// C, the bias of the prediction.
    #[inline(always)]
    pub(super) fn bias(&self) -> i32 {
        self.c
    }

    /// The Golomb parameter k (A.5.1): the least for which N × 2^k is not below A.
    #[inline(always)]
    pub(super) fn k(&self) -> u32 {
        golomb_k(self.a, self.n)
    }

    /// Whether errors are mapped the other way round (A.5.2); with NEAR 0 and k 0 only.
    #[inline(always)]
    pub(super) fn is_inverted(&self) -> bool {
        self.b.wrapping_mul(2) <= self.n.wrapping_neg()
    }

    /// Takes one more prediction error into account (A.6).
    ///
    /// Which of the two conditions holds nobody can foretell, so neither is a branch: each is a number, 1 or 0. (That N has come to
    /// RESET is seldom, and a branch is cheaper.) No sum leaves
    /// 32 bits, since errors are below 2^16 and |B| and N with them.
    #[inline(always)]
    pub(super) fn update(&mut self, error: i32, step: i32, reset: i32) {
        let mut a = self.a.wrapping_add(error.wrapping_abs());
        let mut b = self.b.wrapping_add(error.wrapping_mul(step));
        let mut n = self.n;
        if n == reset {
            (a, b, n) = (a >> 1, b >> 1, n >> 1);
        }
        n = n.wrapping_add(1);
        let below = i32::from(b <= n.wrapping_neg());
        let above = i32::from(b > 0);
        let back = (n & below.wrapping_neg()).wrapping_sub(n & above.wrapping_neg());
        let b = b.wrapping_add(back).max(1_i32.wrapping_sub(n)).min(0);
        let c = self.c.wrapping_add(above).wrapping_sub(below).clamp(-128, 127);
        *self = Context { a, b, c, n };
    }
}

/// The statistics of a context of the run mode: one where a run ends at a sample like the one above, one where not.
#[derive(Clone, Copy)]
pub(super) struct RunContext {
    a: i32,
    n: i32,
    /// Nn, how often the error was negative.
    negative: i32,
    /// RItype: 1 where the samples to the left and above are alike.
    alike: i32,
}

impl RunContext {
    /// As a scan begins (A.2.1).
    pub(super) fn new(coding: &Coding, alike: bool) -> RunContext {
        RunContext { a: first_a(coding), n: 1, negative: 0, alike: i32::from(alike) }
    }

    /// The Golomb parameter k (A.7.2.1).
    pub(super) fn k(&self) -> u32 {
        golomb_k(if self.alike == 1 { self.a + (self.n >> 1) } else { self.a }, self.n)
    }

    /// The prediction error behind a mapped one, and takes it into account (A.7.2.2).
    pub(super) fn error(&mut self, mapped: i32, k: u32, reset: i32) -> i32 {
        let doubled = mapped + self.alike;
        let odd = doubled & 1;
        let size = (doubled + odd) / 2;
        let is_negative = (k != 0 || 2 * self.negative >= self.n) == (odd == 1);
        self.negative += i32::from(is_negative && size != 0);
        self.a += (mapped + 1 - self.alike) >> 1;
        if self.n == reset {
            (self.a, self.n, self.negative) = (self.a >> 1, self.n >> 1, self.negative >> 1);
        }
        self.n += 1;
        if is_negative { -size } else { size }
    }
}

fn first_a(coding: &Coding) -> i32 {
    ((coding.range + 32) / 64).max(2)
}

/// The least k for which n × 2^k is not below a. At most 17: errors are bounded by RANGE, and A by N times as much.
#[inline(always)]
fn golomb_k(a: i32, n: i32) -> u32 {
    let (a, n) = (a.unsigned_abs(), n.unsigned_abs());
    let k = n.leading_zeros().saturating_sub(a.leading_zeros()).min(16);
    k + u32::from(n.wrapping_shl(k) < a)
}
