//! The encoding loops of RLE as they are compiled: once for any processor, and once for those with AVX2 (PS3.5 Annex G).

use super::super::encoder::EncodeError;
use super::super::kernel::Kernel;
use super::super::rle_header::HEADER;
use super::pack_bits::{self, SLACK, bound};
#[cfg(target_arch = "x86_64")]
use super::rle_avx2::Avx2;
use super::rle_planes::{Plane, Planes};
use super::rle_rows::{Portable, Rows};
use std::cell::RefCell;

thread_local! {
    static ROWS: RefCell<Rows> = RefCell::default();
}

/// Replaces the content of `out` by a frame.
///
/// # Errors
/// When its segments lie further off than 32 bits tell.
pub(super) fn encode(
    kernel: Kernel,
    cells: &[u8],
    planes: &Planes,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    ROWS.with_borrow_mut(|rows| {
        #[cfg(target_arch = "x86_64")]
        if kernel.runs_avx2() {
            return encode_with::<Avx2>(cells, planes, rows, out);
        }
        #[cfg(not(target_arch = "x86_64"))]
        let Kernel::Portable = kernel;
        encode_with::<Portable>(cells, planes, rows, out)
    })
}

/// The loops, as compiled for some processor.
trait Loops {
    /// [`Rows::read`].
    fn read(rows: &mut Rows, cells: &[u8], plane: &Plane);
    /// [`pack_bits::pack`] of each row; gives how many bytes they became.
    fn pack(rows: &Rows, out: &mut [u8]) -> usize;
}

impl Loops for Portable {
    fn read(rows: &mut Rows, cells: &[u8], plane: &Plane) {
        rows.read::<Portable>(cells, plane);
    }

    fn pack(rows: &Rows, out: &mut [u8]) -> usize {
        pack_each(rows, out)
    }
}

#[cfg(target_arch = "x86_64")]
impl Loops for Avx2 {
    fn read(rows: &mut Rows, cells: &[u8], plane: &Plane) {
        // SAFETY: whoever names this type has found the processor to have what the function is compiled for.
        unsafe { read_with_avx2(rows, cells, plane) }
    }

    fn pack(rows: &Rows, out: &mut [u8]) -> usize {
        // SAFETY: whoever names this type has found the processor to have what the function is compiled for.
        unsafe { pack_with_avx2(rows, out) }
    }
}

// Two functions that are not inlined, so that each has the registers to itself.

#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn read_with_avx2(rows: &mut Rows, cells: &[u8], plane: &Plane) {
    rows.read::<Avx2>(cells, plane);
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn pack_with_avx2(rows: &Rows, out: &mut [u8]) -> usize {
    pack_each(rows, out)
}

#[inline(always)]
fn pack_each(rows: &Rows, out: &mut [u8]) -> usize {
    let mut length = 0;
    for row in rows.each() {
        length += pack_bits::pack(&row, out.get_mut(length..).unwrap_or_default());
    }
    length
}

fn encode_with<L: Loops>(
    cells: &[u8],
    planes: &Planes,
    rows: &mut Rows,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let most = rows.fit(planes.columns);
    make_room(out, HEADER);
    out[..HEADER].fill(0);
    out[..4].copy_from_slice(&(planes.segments() as u32).to_le_bytes());
    let mut end = HEADER;
    for segment in 0..planes.segments() {
        let offset = u32::try_from(end).map_err(|_| EncodeError::TooLarge)?;
        out[4 + 4 * segment..8 + 4 * segment].copy_from_slice(&offset.to_le_bytes());
        let plane = planes.plane(segment);
        for first in (0..planes.rows).step_by(most) {
            let behind = planes.rows.min(first + most);
            L::read(rows, planes.rows(cells, &plane, first..behind), &plane);
            make_room(out, end + (behind - first) * bound(planes.columns) + SLACK);
            end += L::pack(rows, &mut out[end..]);
        }
        // Every segment has an even length (G.3.1); segments start on even offsets, so the end tells.
        if end % 2 == 1 {
            out[end] = 0;
            end += 1;
        }
    }
    out.truncate(end);
    Ok(())
}

/// Makes `out` as long as this at least. What it held before, a frame as a rule, need not be cleared first.
fn make_room(out: &mut Vec<u8>, length: usize) {
    if out.len() < length {
        out.resize(length, 0);
    }
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
                let mut out = vec![0xEE; 99];
                super::encode(kernel, &cells, &planes, &mut out).unwrap();
                out
            };
            prop_assert_eq!(encode(Kernel::Portable), encode(Kernel::best()));
        }
    }
}
