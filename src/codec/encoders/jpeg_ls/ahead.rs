//! What can be known of a line before its first sample is coded (ISO/IEC 14495-1 A.3 and A.4.1): contexts and predictions.
//!
//! Without loss the neighbours that a decoder will have are the source's own samples. So the gradients, the context, the sign and
//! the median prediction of every sample of a line depend on nothing that coding decides, and one loop without branches computes
//! them for a whole line: the compiler makes SIMD code of it, sixteen samples at a time with AVX2. Only the bias C of the
//! context is missing, since it is learnt from sample to sample; what remains of A.4.2 and A.4.3 is prepared so that a
//! subtraction settles it:
//!
//! * the difference Ix − Px is given with the sign of the context (A.4.2: errors of mirrored contexts change theirs);
//! * the correction of the prediction by C, clamped to 0…MAXVAL (A.4.2, figure A.7), becomes C clamped between two bounds
//!   that say how far the prediction may move. Both fit C's own range of −128 to 127.
//!
//! So the prediction error is `difference − clamp(C, lowest, highest)`, modulo RANGE.

use super::coding::Coding;

/// A line and the one above, with the samples that stand in for neighbours beyond the edges (A.2.1).
///
/// Samples of several components lie side by side, as in the pixels of Planar Configuration 0: the left neighbour of a
/// sample stands `COMPONENTS` places before it.
pub(super) struct Lines<const COMPONENTS: usize> {
    samples: usize,
    above: Vec<u16>,
    current: Vec<u16>,
}

impl<const COMPONENTS: usize> Lines<COMPONENTS> {
    /// Lines of `samples` samples in all; the line above the first is zero (A.2.1).
    pub(super) fn new(samples: usize) -> Self {
        let line = vec![0; samples + 2 * COMPONENTS];
        Lines { samples, above: line.clone(), current: line }
    }

    /// Makes the current line the one above, and gives the place of the next one's samples.
    pub(super) fn advance(&mut self) -> &mut [u16] {
        let samples = self.samples;
        std::mem::swap(&mut self.above, &mut self.current);
        // Behind the last sample of a line it stands again, as Rd of the last sample below.
        self.above.copy_within(samples..samples + COMPONENTS, samples + COMPONENTS);
        // Before the first stands the one above it, as Ra and later, one line further down, as Rc.
        self.current[..COMPONENTS].copy_from_slice(&self.above[COMPONENTS..2 * COMPONENTS]);
        &mut self.current[COMPONENTS..COMPONENTS + samples]
    }

    /// The samples of the current line, after those that stand before the first.
    pub(super) fn current(&self) -> &[u16] {
        &self.current[..COMPONENTS + self.samples]
    }

    /// The samples of the line above, from the first on.
    pub(super) fn above(&self) -> &[u16] {
        &self.above[COMPONENTS..]
    }
}

/// What is known of one sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The number of the context, 0 to 364; 0 where all gradients are zero.
    pub(super) context: u16,
    /// Ix − Px with the sign of the context, modulo 2^16.
    pub(super) difference: i16,
    /// The least value of C that is not clamped.
    pub(super) lowest: i16,
    /// The largest one.
    pub(super) highest: i16,
}

/// What is known of each sample of a line.
pub(super) struct Ahead {
    known: Vec<Known>,
}

impl Ahead {
    pub(super) fn new(samples: usize) -> Ahead {
        Ahead { known: vec![Known::default(); samples] }
    }

    /// Of each pixel.
    #[inline(always)]
    pub(super) fn pixels<const COMPONENTS: usize>(&self) -> &[[Known; COMPONENTS]] {
        self.known.as_chunks().0
    }

    /// Looks ahead over the current line.
    #[inline(always)]
    pub(super) fn look<const COMPONENTS: usize>(&mut self, lines: &Lines<COMPONENTS>, coding: &Coding) {
        let (samples, left) = (lines.samples, COMPONENTS);
        let [t1, t2, t3] = coding.thresholds;
        let level = |from: u16, to: u16| {
            // One of both is zero; so 17 bits of difference fit into 16 and a sign.
            let (up, down) = (to.saturating_sub(from), from.saturating_sub(to));
            let size = up | down;
            let level =
                i16::from(size >= 1) + i16::from(size >= t1) + i16::from(size >= t2) + i16::from(size >= t3);
            let mirror = -i16::from(down > 0);
            (level ^ mirror).wrapping_sub(mirror)
        };
        // Slices of one length: the compiler then knows that an index that fits one fits all.
        let ra = &lines.current[..samples];
        let ix = &lines.current[left..left + samples];
        let rc = &lines.above[..samples];
        let rb = &lines.above[left..left + samples];
        let rd = &lines.above[2 * left..2 * left + samples];
        let known = &mut self.known[..samples];
        for at in 0..samples {
            let (ra, rb, rc, rd) = (ra[at], rb[at], rc[at], rd[at]);
            // A.3.4: Q = 81 Q1 + 9 Q2 + Q3, and its mirror image is the same context.
            let q = level(rb, rd)
                .wrapping_mul(81)
                .wrapping_add(level(rc, rb).wrapping_mul(9))
                .wrapping_add(level(ra, rc));
            let mirror = q >> 15;
            let context = (q ^ mirror).wrapping_sub(mirror) as u16;
            // A.4.1: the median of Ra, Rb and Ra + Rb − Rc, in 16 bits.
            let (low, high) = (ra.min(rb), ra.max(rb));
            let predicted = high.wrapping_sub(rc.clamp(low, high).wrapping_sub(low));
            let error = ix[at].wrapping_sub(predicted) as i16;
            let difference = (error ^ mirror).wrapping_sub(mirror);
            let (down, up) =
                (predicted.min(128) as i16, (coding.maximum.wrapping_sub(predicted)).min(128) as i16);
            let swap = (down ^ up) & mirror;
            let (lowest, highest) = ((down ^ swap).wrapping_neg(), up ^ swap);
            known[at] = Known { context, difference, lowest, highest };
        }
    }
}
