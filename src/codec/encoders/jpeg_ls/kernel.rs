//! The encoding loops as they are compiled: once for any processor, and once for those with AVX2.
//!
//! Both are the same text. [`encode_lines`] and all that it calls in its loops are inlined into each of the functions below, and the
//! compiler makes of them what the processor at hand can do: the loop that looks ahead becomes SIMD code of sixteen samples a
//! step with AVX2 (eight with SSE2 or NEON), and the serial loop gets single instructions for leading zeros and for shifts by
//! a variable. The portable one is the reference; tests compare them.

use super::coding::Coding;
use super::frame::Samples;
use super::scan::Scan;
use crate::codec::kernel::Kernel;

/// Appends the entropy-coded segment of a frame to `out`. A kernel that the processor cannot run gives way to the
/// portable one.
pub(super) fn encode(kernel: Kernel, samples: &Samples<'_>, out: &mut Vec<u8>) {
    #[cfg(target_arch = "x86_64")]
    if kernel.runs_avx2() {
        // SAFETY: the processor was found to have what the function is compiled for; it asks for nothing else.
        return unsafe { encode_with_avx2(samples, out) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let Kernel::Portable = kernel;
    encode_components(samples, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn encode_with_avx2(samples: &Samples<'_>, out: &mut Vec<u8>) {
    encode_components(samples, out);
}

#[inline(always)]
fn encode_components(samples: &Samples<'_>, out: &mut Vec<u8>) {
    match samples.components {
        1 => encode_lines::<1>(samples, out),
        _ => encode_lines::<3>(samples, out),
    }
}

#[inline(always)]
fn encode_lines<const COMPONENTS: usize>(samples: &Samples<'_>, out: &mut Vec<u8>) {
    let mut scan = Scan::<COMPONENTS>::new(Coding::of(samples.precision), samples.columns);
    for row in 0..samples.rows {
        samples.read_row(row, scan.next_line());
        scan.encode_line(out);
    }
    scan.finish(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Frames with everything that frames have: flat parts, slopes, noise, and jumps over the whole range.
        #[test]
        fn every_kernel_writes_the_same_segment(
            precision in 2..=16_u32,
            components in prop::sample::select(vec![1_usize, 3]),
            columns in 1..70_usize,
            parts in prop::collection::vec((any::<u16>(), 0..4_u8, 1..200_usize), 1..40),
        ) {
            let mut cells = Vec::new();
            let mut state = 1_u32;
            for (start, kind, length) in parts {
                for at in 0..length {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let noise = (state >> 16) as u16;
                    let value = match kind {
                        0 => start,
                        1 => start.wrapping_add(at as u16),
                        2 => start.wrapping_add(noise & 7),
                        _ => noise,
                    };
                    cells.extend_from_slice(&value.to_le_bytes());
                }
            }
            let rows = cells.len() / (2 * columns * components);
            let samples = Samples {
                cells: &cells[..rows * 2 * columns * components],
                rows,
                columns,
                components,
                bytes_per_cell: 2,
                by_plane: false,
                precision,
            };
            let (mut reference, mut fast) = (Vec::new(), Vec::new());
            encode(Kernel::Portable, &samples, &mut reference);
            encode(Kernel::best(), &samples, &mut fast);
            prop_assert_eq!(reference, fast);
        }
    }
}
