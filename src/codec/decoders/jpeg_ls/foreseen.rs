//! What the decoder will have before it when it decodes a line of the source: contexts and predictions (ISO/IEC 14495-1 A.3, A.4).
//!
//! Written from the standard's own words in plain 32-bit arithmetic, and on purpose otherwise than the encoder does it.

use super::coding::Coding;

/// A sample of the source and what is predicted for it. Where the context is mirrored both carry a minus sign (A.4.2), so that
/// C is always added.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Foreseen {
    /// 81 Q1 + 9 Q2 + Q3: −364 to 364. Below zero the context is the mirror image of the one that is kept.
    pub(super) context: i32,
    /// The least prediction: 0, or −MAXVAL when mirrored; the largest lies MAXVAL above it.
    pub(super) least: i32,
    /// The median prediction, before C corrects it.
    pub(super) predicted: i32,
    /// The sample itself.
    pub(super) sample: i32,
}

/// A line of the source, the one above, and what is foreseen.
pub(super) struct Line<const COMPONENTS: usize> {
    samples: usize,
    /// One pixel before the first stands what counts as its left neighbour, and one behind the last (A.2.1).
    above: Vec<u16>,
    current: Vec<u16>,
    foreseen: Vec<Foreseen>,
}

impl<const COMPONENTS: usize> Line<COMPONENTS> {
    /// Lines of `columns` pixels.
    pub(super) fn new(columns: usize) -> Self {
        let samples = columns * COMPONENTS;
        let line = vec![0; samples + 2 * COMPONENTS];
        Line { samples, above: line.clone(), current: line, foreseen: vec![Foreseen::default(); samples] }
    }

    /// Goes one line down; gives the place of its samples, pixel by pixel.
    pub(super) fn next(&mut self) -> &mut [u16] {
        std::mem::swap(&mut self.above, &mut self.current);
        for component in 0..COMPONENTS {
            self.above[self.samples + COMPONENTS + component] = self.above[self.samples + component];
            self.current[component] = self.above[COMPONENTS + component];
        }
        &mut self.current[COMPONENTS..COMPONENTS + self.samples]
    }

    /// Foresees the whole line.
    #[inline(always)]
    pub(super) fn foresee(&mut self, coding: &Coding) {
        let samples = self.samples;
        let maximum = coding.maximum;
        let [t1, t2, t3] = coding.thresholds;
        let quantise = |gradient: i32| {
            let size = gradient.wrapping_abs();
            let level =
                i32::from(size > 0) + i32::from(size >= t1) + i32::from(size >= t2) + i32::from(size >= t3);
            // By a choice rather than by the sign as a number: the compiler makes vector code of the one, and not of the other.
            if gradient < 0 { level.wrapping_neg() } else { level }
        };
        let lefts = &self.current[..samples];
        let currents = &self.current[COMPONENTS..COMPONENTS + samples];
        let above_lefts = &self.above[..samples];
        let aboves = &self.above[COMPONENTS..COMPONENTS + samples];
        let above_rights = &self.above[2 * COMPONENTS..2 * COMPONENTS + samples];
        let foreseen = &mut self.foreseen[..samples];
        for at in 0..samples {
            let ix = i32::from(currents[at]);
            let [ra, rb] = [lefts[at], aboves[at]].map(i32::from);
            let [rc, rd] = [above_lefts[at], above_rights[at]].map(i32::from);
            let context = quantise(rd.wrapping_sub(rb))
                .wrapping_mul(81)
                .wrapping_add(quantise(rb.wrapping_sub(rc)).wrapping_mul(9))
                .wrapping_add(quantise(rc.wrapping_sub(ra)));
            let median = ra.wrapping_add(rb).wrapping_sub(rc).max(ra.min(rb)).min(ra.max(rb));
            // −1 where mirrored: (x ^ −1) + 1 = −x.
            let mirror = context >> 31;
            foreseen[at] = Foreseen {
                context,
                least: mirror & maximum.wrapping_neg(),
                predicted: (median ^ mirror).wrapping_sub(mirror),
                sample: (ix ^ mirror).wrapping_sub(mirror),
            };
        }
    }

    /// What is foreseen of each pixel.
    #[inline(always)]
    pub(super) fn pixels(&self) -> &[[Foreseen; COMPONENTS]] {
        self.foreseen.as_chunks().0
    }

    /// How many pixels from `column` on are like the one before them.
    pub(super) fn alike(&self, column: usize) -> usize {
        let from = column * COMPONENTS;
        let pixels =
            self.current[from..COMPONENTS + self.samples].windows(2 * COMPONENTS).step_by(COMPONENTS);
        pixels.take_while(|pair| pair[..COMPONENTS] == pair[COMPONENTS..]).count()
    }

    /// Ra, Rb and Ix of a sample.
    pub(super) fn neighbours(&self, column: usize, component: usize) -> (i32, i32, i32) {
        let at = column * COMPONENTS + component;
        let [ra, rb, ix] = [self.current[at], self.above[at + COMPONENTS], self.current[at + COMPONENTS]];
        (i32::from(ra), i32::from(rb), i32::from(ix))
    }
}
