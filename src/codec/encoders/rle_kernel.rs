//! The encoding loops of RLE as they are compiled: once for any processor, and once for those with AVX2 (PS3.5 Annex G).

use super::super::encoder::EncodeError;
use super::super::scratch::{self, Buffer};
#[cfg(target_arch = "x86_64")]
use super::pack_bits::Avx2;
use super::pack_bits::{self, Lanes, MARGIN, Portable, bound};
use super::rle_planes::Planes;

/// The loops as compiled for some processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// For any processor: the reference.
    Portable,
    /// For x86-64 with AVX2, BMI1, BMI2 and LZCNT.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

thread_local! {
    /// One row of one plane.
    static ROW: Buffer = const { Buffer::new(Vec::new()) };
}

impl Kernel {
    /// The fastest one that this processor can run.
    pub(super) fn best() -> Kernel {
        #[cfg(target_arch = "x86_64")]
        if super::super::processor::has_avx2() {
            return Kernel::Avx2;
        }
        Kernel::Portable
    }

    /// Appends the segments of a frame to `out`, which holds the header; it gets their offsets.
    ///
    /// # Errors
    /// When they lie further off than 32 bits tell.
    pub(super) fn encode(self, cells: &[u8], planes: &Planes, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        scratch::with(&ROW, |row| {
            row.clear();
            row.resize(planes.columns + MARGIN, 0);
            #[cfg(target_arch = "x86_64")]
            if self == Kernel::Avx2 && Kernel::best() == Kernel::Avx2 {
                // SAFETY: `best` has found the processor to have what the function is compiled for; it asks for nothing else.
                return unsafe { encode_with_avx2(cells, planes, row, out) };
            }
            encode::<Portable>(cells, planes, row, out)
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn encode_with_avx2(
    cells: &[u8],
    planes: &Planes,
    row: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    encode::<Avx2>(cells, planes, row, out)
}

#[inline(always)]
fn encode<L: Lanes>(
    cells: &[u8],
    planes: &Planes,
    row_buffer: &mut [u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut equal = Vec::new();
    let row_bound = bound(planes.columns) + MARGIN;
    for segment in 0..planes.segments() {
        let offset = u32::try_from(out.len()).map_err(|_| EncodeError::TooLarge)?;
        out[4 + 4 * segment..8 + 4 * segment].copy_from_slice(&offset.to_le_bytes());
        let mut end = out.len();
        for row in 0..planes.rows {
            planes.read_row(cells, segment, row, &mut row_buffer[..planes.columns]);
            if out.len() < end + row_bound {
                // Room for as much again as there is: rows then find it ready.
                out.resize((2 * end).max(end + 16 * row_bound), 0);
            }
            end += pack_bits::pack::<L>(row_buffer, planes.columns, &mut equal, &mut out[end..]);
        }
        // Every segment has an even length (G.3.1); segments start on even offsets, so the end tells.
        if end % 2 == 1 {
            out[end] = 0;
            end += 1;
        }
        out.truncate(end);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::testing::image;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_kernel_writes_the_same_segments(
            allocated in prop::sample::select(vec![8_u16, 16, 32]),
            (samples, planar) in prop::sample::select(vec![(1_u16, 0_u16), (3, 0), (3, 1)]),
            columns in 1..200_u16,
            rows in 1..5_u16,
            parts in prop::collection::vec((any::<u8>(), any::<bool>(), 1..100_usize), 1..30),
        ) {
            let image = image(rows, columns, allocated, samples, planar);
            let values: Vec<u8> = parts
                .iter()
                .flat_map(|(value, flat, length)| {
                    (0..*length).map(move |at| if *flat { *value } else { value.wrapping_mul(at as u8) })
                })
                .collect();
            let cells: Vec<u8> = values.into_iter().cycle().take(image.frame_bytes().unwrap() as usize).collect();
            let planes = Planes::of(&image).unwrap();
            let encode = |kernel: Kernel| {
                let mut out = vec![0; 64];
                kernel.encode(&cells, &planes, &mut out).unwrap();
                out
            };
            prop_assert_eq!(encode(Kernel::Portable), encode(Kernel::best()));
        }
    }
}
