//! The decoding procedures of a scan: line after line, regular mode and run mode (ISO/IEC 14495-1 A.3 to A.7, B).
//!
//! # How it is arranged
//!
//! A decoder knows its left neighbour only when it has decoded it, but the line above it knows in whole. So what depends on
//! the line above alone, two of the three gradients, is quantised for the whole line at once, in a loop that the compiler
//! turns into SIMD code; per sample there remain one gradient (a table), one context, one Golomb code. The neighbours move
//! through registers: what was Rd becomes Rb, then Rc.
//!
//! Nothing a codestream says can make it index outside or run on: codes are read from an endless supply of zeros behind
//! the end, mapped errors are cut at RANGE, and after each line both are looked at.

use super::bits::BitReader;
use super::coding::Coding;
use super::contexts::{Context, RunContext};
use super::header::Interleave;

/// Decodes the lines of one scan.
pub(super) struct Scan<'c> {
    bits: BitReader<'c>,
    coding: Coding,
    columns: usize,
    quantised: Box<Quantisation>,
    contexts: Box<Contexts>,
    /// The lines of each component of the scan.
    lines: Vec<Lines>,
    /// Whether a code stood for an error or a run that cannot be.
    damaged: bool,
}

/// The line that is being decoded and the one above, of one component.
struct Lines {
    /// Sample x of a line stands at x + 1: at 0 stands what counts as its left neighbour, behind its end its last again.
    above: Vec<u16>,
    current: Vec<u16>,
    /// RUNindex, where the line before has left it.
    run_index: usize,
    /// 81 Q1 + 9 Q2 for every sample of the current line.
    above_gradients: Vec<i16>,
}

impl<'c> Scan<'c> {
    /// A scan of `components` components whose entropy-coded data begins at `start`.
    pub(super) fn new(
        codestream: &'c [u8],
        start: usize,
        coding: Coding,
        columns: usize,
        components: usize,
    ) -> Scan<'c> {
        Scan {
            bits: BitReader::new(codestream, start),
            coding,
            columns,
            quantised: Box::new(Quantisation::new(&coding)),
            contexts: Box::new(Contexts::new(&coding)),
            lines: (0..components).map(|_| Lines::new(columns)).collect(),
            damaged: false,
        }
    }

    /// Forgets everything, as at a restart marker, and goes on at `start`.
    pub(super) fn restart(&mut self, codestream: &'c [u8], start: usize) {
        self.bits = BitReader::new(codestream, start);
        *self.contexts = Contexts::new(&self.coding);
        self.lines.iter_mut().for_each(Lines::clear);
    }

    /// Where the marker behind the data read so far stands.
    pub(super) fn marker(&self) -> Option<usize> {
        self.bits.marker()
    }

    /// Decodes the next line of every component.
    pub(super) fn next_line(&mut self, interleave: Interleave) -> Result<(), String> {
        for lines in &mut self.lines {
            lines.begin(&self.quantised);
        }
        let mut samples = Samples {
            bits: self.bits,
            coding: self.coding,
            contexts: &mut self.contexts,
            quantised: &self.quantised,
            damaged: false,
        };
        match interleave {
            Interleave::Sample => samples.mixed_line(&mut self.lines, self.columns),
            Interleave::None | Interleave::Line => {
                for lines in &mut self.lines {
                    match self.coding.near {
                        0 => samples.line::<true>(lines, self.columns),
                        _ => samples.line::<false>(lines, self.columns),
                    }
                }
            }
        }
        self.damaged = samples.damaged;
        self.bits = samples.bits;
        if self.damaged {
            return Err("a code stands for an error that is larger than any".to_owned());
        }
        if self.bits.is_overrun() {
            return Err("the samples run out".to_owned());
        }
        Ok(())
    }

    /// The samples of the line that was decoded last, of the component at this place in the scan.
    pub(super) fn line(&self, component: usize) -> &[u16] {
        self.lines.get(component).and_then(|lines| lines.current.get(1..=self.columns)).unwrap_or_default()
    }
}

/// What decoding a line works with, held together so that the bits stay in registers.
struct Samples<'c, 's> {
    bits: BitReader<'c>,
    coding: Coding,
    contexts: &'s mut Contexts,
    quantised: &'s Quantisation,
    damaged: bool,
}

impl Samples<'_, '_> {
    /// One line of one component (A.3 to A.7).
    fn line<const LOSSLESS: bool>(&mut self, lines: &mut Lines, columns: usize) {
        // Slices of one length: the compiler then knows that an index that fits one fits all.
        let above = &lines.above[1..columns + 2];
        let gradients = &lines.above_gradients[..columns + 1];
        let current = &mut lines.current[1..columns + 2];
        let mut ra = i32::from(lines.above[1]);
        let mut rc = i32::from(lines.above[0]);
        let mut rb = ra;
        let mut x = 0;
        while x < columns {
            let rd = i32::from(above[x + 1]);
            let q = i32::from(gradients[x]) + self.quantised.of(rc - ra);
            if q != 0 {
                ra = self.regular_sample::<LOSSLESS>(q, ra, rb, rc);
                current[x] = ra as u16;
                (rc, rb) = (rb, rd);
                x += 1;
                continue;
            }
            let length = self.run_length(&mut lines.run_index, columns - x);
            current[x..x + length].fill(ra as u16);
            x += length;
            if x == columns {
                break;
            }
            rb = i32::from(above[x]);
            let alike = (ra - rb).abs() <= self.coding.near;
            let index = lines.run_index;
            ra = self.run_end(alike, index, ra, rb);
            lines.run_index = index.saturating_sub(1);
            current[x] = ra as u16;
            rc = rb;
            rb = i32::from(above[x + 1]);
            x += 1;
        }
    }

    /// One line of every component, sample by sample: a run is one of all of them, and ends for all of them (B).
    fn mixed_line(&mut self, all: &mut [Lines], columns: usize) {
        let mut x = 0;
        while x < columns {
            let mut q = [0; 4];
            for (q, lines) in q.iter_mut().zip(all.iter()) {
                let (ra, _, rc) = lines.neighbours(x);
                *q = i32::from(lines.above_gradients[x]) + self.quantised.of(rc - ra);
            }
            if q != [0; 4] {
                for (q, lines) in q.iter().zip(all.iter_mut()) {
                    let (ra, rb, rc) = lines.neighbours(x);
                    lines.current[x + 1] = self.regular_sample::<false>(*q, ra, rb, rc) as u16;
                }
                x += 1;
                continue;
            }
            let Some(first) = all.first_mut() else { break };
            let length = self.run_length(&mut first.run_index, columns - x);
            let index = first.run_index;
            for lines in all.iter_mut() {
                let ra = lines.current[x];
                lines.current[x + 1..=x + length].fill(ra);
            }
            x += length;
            if x == columns {
                break;
            }
            for lines in all.iter_mut() {
                let (ra, rb, _) = lines.neighbours(x);
                lines.current[x + 1] = self.run_end(false, index, ra, rb) as u16;
            }
            if let Some(first) = all.first_mut() {
                first.run_index = index.saturating_sub(1);
            }
            x += 1;
        }
    }

    /// One sample in regular mode (A.4 to A.6).
    #[inline(always)]
    fn regular_sample<const LOSSLESS: bool>(&mut self, q: i32, ra: i32, rb: i32, rc: i32) -> i32 {
        // −1 where the context is the mirror image of the one that is kept, else 0.
        let mirror = q >> 31;
        let context = &mut self.contexts.regular[((q ^ mirror) - mirror) as usize & 511];
        let bias = (context.bias() ^ mirror) - mirror;
        let predicted = (predict(ra, rb, rc) + bias).clamp(0, self.coding.maximum);
        let k = context.k();
        let escape = self.coding.limit - self.coding.error_bits - 1;
        let mapped = self.bits.read_golomb(k, escape, self.coding.error_bits);
        self.damaged |= mapped > self.coding.range as u32;
        let mapped = mapped.min(self.coding.range as u32) as i32;
        let mut error = (mapped >> 1) ^ -(mapped & 1);
        if k == 0 && (LOSSLESS || self.coding.near == 0) && context.is_inverted() {
            error = !error;
        }
        let step = if LOSSLESS { 1 } else { self.coding.step() };
        context.update(error, step, self.coding.reset);
        let signed = (error ^ mirror) - mirror;
        self.reconstruct(predicted + signed * step)
    }

    /// How many samples the run has (A.7.1); the index moves on with every full stretch.
    fn run_length(&mut self, run_index: &mut usize, most: usize) -> usize {
        let mut length = 0;
        loop {
            let order = RUN_ORDERS[(*run_index).min(31)];
            if !self.bits.read_bit() {
                length += self.bits.read(order) as usize;
                // A run that ends before the end of the line ends at a sample of it.
                self.damaged |= length >= most;
                return length.min(most);
            }
            let stretch = 1 << order;
            if length + stretch <= most {
                *run_index = (*run_index + 1).min(31);
            }
            length += stretch;
            if length >= most {
                return most;
            }
        }
    }

    /// The sample that ends a run (A.7.2).
    fn run_end(&mut self, alike: bool, run_index: usize, ra: i32, rb: i32) -> i32 {
        let context = &mut self.contexts.run[usize::from(alike)];
        let k = context.k();
        let order = RUN_ORDERS[run_index.min(31)];
        let escape = self.coding.limit - order - 1 - self.coding.error_bits - 1;
        let mapped = self.bits.read_golomb(k, escape, self.coding.error_bits);
        self.damaged |= mapped > self.coding.range as u32;
        let mapped = mapped.min(self.coding.range as u32) as i32;
        let error = context.error(mapped, k, self.coding.reset);
        let step = self.coding.step();
        let (predicted, sign) = if alike { (ra, 1) } else { (rb, if ra > rb { -1 } else { 1 }) };
        self.reconstruct(predicted + sign * error * step)
    }

    /// Errors count modulo RANGE, and samples end at 0 and MAXVAL (A.4.5).
    #[inline(always)]
    fn reconstruct(&self, value: i32) -> i32 {
        let Coding { maximum, near, range, .. } = self.coding;
        let round = range * (2 * near + 1);
        let value = if value < -near {
            value + round
        } else if value > maximum + near {
            value - round
        } else {
            value
        };
        value.clamp(0, maximum)
    }
}

/// All that has been learnt.
struct Contexts {
    /// 365 of them are used; the rest makes every index of nine bits one of the array.
    regular: [Context; 512],
    run: [RunContext; 2],
}

impl Contexts {
    fn new(coding: &Coding) -> Contexts {
        Contexts {
            regular: [Context::new(coding); 512],
            run: [false, true].map(|alike| RunContext::new(coding, alike)),
        }
    }
}

impl Lines {
    fn new(columns: usize) -> Lines {
        Lines {
            above: vec![0; columns + 2],
            current: vec![0; columns + 2],
            run_index: 0,
            above_gradients: vec![0; columns + 1],
        }
    }

    fn clear(&mut self) {
        self.current.fill(0);
        self.run_index = 0;
    }

    /// Turns the current line into the one above, and quantises what depends on it alone.
    fn begin(&mut self, quantised: &Quantisation) {
        std::mem::swap(&mut self.above, &mut self.current);
        let columns = self.above.len() - 2;
        // Behind the last sample it stands again (A.2.1); left of the first stands the one above it.
        self.above[columns + 1] = self.above[columns];
        self.current[0] = self.above[1];
        let neighbours = self.above.windows(3);
        for (gradient, neighbours) in self.above_gradients.iter_mut().zip(neighbours) {
            let [rc, rb, rd] = [neighbours[0], neighbours[1], neighbours[2]].map(i32::from);
            *gradient = (quantised.steps(rd - rb) * 81 + quantised.steps(rb - rc) * 9) as i16;
        }
    }

    /// Ra, Rb and Rc of sample x.
    fn neighbours(&self, x: usize) -> (i32, i32, i32) {
        (i32::from(self.current[x]), i32::from(self.above[x + 1]), i32::from(self.above[x]))
    }
}

/// Gradients in nine steps, −4 to 4 (A.3.3).
struct Quantisation {
    near: i32,
    thresholds: [i32; 3],
    /// The steps of the gradients −`HALF` to `HALF` − 1, which are most of them.
    table: [i8; 2 * HALF as usize],
}

const HALF: i32 = 512;

impl Quantisation {
    fn new(coding: &Coding) -> Quantisation {
        let mut quantisation =
            Quantisation { near: coding.near, thresholds: coding.thresholds, table: [0; 2 * HALF as usize] };
        for gradient in -HALF..HALF {
            quantisation.table[(gradient + HALF) as usize] = quantisation.steps(gradient) as i8;
        }
        quantisation
    }

    /// By comparing: the form that becomes SIMD code.
    #[inline(always)]
    fn steps(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = gradient.abs();
        let steps = i32::from(size > self.near)
            + i32::from(size >= t1)
            + i32::from(size >= t2)
            + i32::from(size >= t3);
        if gradient < 0 { -steps } else { steps }
    }

    /// By the table: the form for one gradient.
    #[inline(always)]
    fn of(&self, gradient: i32) -> i32 {
        match self.table.get((gradient + HALF) as usize) {
            Some(steps) => i32::from(*steps),
            None => self.steps(gradient),
        }
    }
}

/// The median of Ra, Rb and Ra + Rb − Rc (A.4.1).
#[inline(always)]
fn predict(ra: i32, rb: i32, rc: i32) -> i32 {
    let (low, high) = (ra.min(rb), ra.max(rb));
    (ra + rb - rc).clamp(low, high)
}

/// J: a run of RUNindex i is coded in stretches of 2^J samples (A.2.1).
pub(super) const RUN_ORDERS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
