//! RLE Lossless encoder (PS3.5 Annex G): byte planes, each row packed on its own with PackBits.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::parameters::{Exactness, Parameters};
use super::super::rle_header::{HEADER, MOST_SEGMENTS};
use super::super::scratch::{self, Buffer};
use crate::dicom::{ImagePixel, uids};

/// The project's own RLE Lossless encoder.
pub(super) struct Rle;

/// The most bytes that one PackBits run stands for (G.3.1).
const LONGEST_RUN: usize = 128;
/// A shorter run inside literals costs as much as it saves.
const SHORTEST_RUN: usize = 3;

impl Encoder for Rle {
    fn name(&self) -> &'static str {
        "rle"
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::RLE_LOSSLESS
    }

    fn encode(&self, frame: &Frame<'_>, _: &Parameters, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let image = frame.image;
        let planes = Planes::of(image)
            .ok_or_else(|| EncodeError::Unsupported { encoder: "rle", image: describe(image) })?;
        let expected = planes.frame_bytes();
        if frame.cells.len() as u64 != expected {
            return Err(EncodeError::FrameLength { expected, found: frame.cells.len() as u64 });
        }
        out.clear();
        out.resize(HEADER, 0);
        out[..4].copy_from_slice(&(planes.segments() as u32).to_le_bytes());
        scratch::with(&ROW, |row_buffer| {
            row_buffer.clear();
            row_buffer.resize(planes.columns, 0);
            for segment in 0..planes.segments() {
                let offset = u32::try_from(out.len()).map_err(|_| EncodeError::TooLarge)?;
                out[4 + 4 * segment..8 + 4 * segment].copy_from_slice(&offset.to_le_bytes());
                encode_segment(frame.cells, &planes, segment, row_buffer, out);
            }
            Ok(())
        })
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        // The segments are planes whatever Planar Configuration says; it tells a reader how to lay the decoded pixels out.
        image.clone()
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }

    fn keeps_unused_bits(&self) -> bool {
        true
    }
}

thread_local! {
    /// One row of one plane.
    static ROW: Buffer = const { Buffer::new(Vec::new()) };
}

/// Where the bytes of each segment's plane lie in a native frame.
struct Planes {
    rows: usize,
    columns: usize,
    samples: usize,
    bytes_per_cell: usize,
    planar: bool,
}

impl Planes {
    fn of(image: &ImagePixel) -> Option<Planes> {
        let bytes_per_cell = match image.bits_allocated {
            8 => 1,
            16 => 2,
            32 => 4,
            64 => 8,
            _ => return None,
        };
        let planes = Planes {
            rows: usize::from(image.rows),
            columns: usize::from(image.columns),
            samples: usize::from(image.samples),
            bytes_per_cell,
            planar: image.planar == 1,
        };
        let fits = (1..=MOST_SEGMENTS).contains(&planes.segments()) && planes.rows > 0 && planes.columns > 0;
        fits.then_some(planes)
    }

    fn segments(&self) -> usize {
        self.samples * self.bytes_per_cell
    }

    /// Bytes of one frame; cannot overflow: 65535 × 65535 × 15.
    fn frame_bytes(&self) -> u64 {
        self.rows as u64 * self.columns as u64 * self.segments() as u64
    }

    /// Bytes between one cell of a plane and the next.
    fn stride(&self) -> usize {
        if self.planar { self.bytes_per_cell } else { self.segments() }
    }

    /// Bytes from the start of one row of a plane to the start of the next.
    fn row_stride(&self) -> usize {
        self.columns * self.stride()
    }

    /// The first byte of the plane of `segment`: sample by sample, in each the most significant byte first (G.2).
    fn start(&self, segment: usize) -> usize {
        let (sample, plane) = (segment / self.bytes_per_cell, segment % self.bytes_per_cell);
        let byte = self.bytes_per_cell - 1 - plane;
        let sample_start = if self.planar {
            sample * self.rows * self.columns * self.bytes_per_cell
        } else {
            sample * self.bytes_per_cell
        };
        sample_start + byte
    }
}

fn encode_segment(cells: &[u8], planes: &Planes, segment: usize, row_buffer: &mut [u8], out: &mut Vec<u8>) {
    let (start, stride) = (planes.start(segment), planes.stride());
    let segment_start = out.len();
    // The worst case is a length byte for each 128 literals of each row.
    let row_bound = planes.columns + planes.columns.div_ceil(LONGEST_RUN);
    for row in 0..planes.rows {
        let from = row * planes.row_stride();
        out.reserve(row_bound);
        if stride == 1 {
            pack(&cells[start + from..start + from + planes.columns], out);
        } else {
            // `start` lies below `stride` within a pixel (or within a cell, by plane), the rest is whole pixels.
            let (pixels, byte) = (start / stride * stride + from, start % stride);
            gather(&cells[pixels..pixels + planes.row_stride()], stride, byte, row_buffer);
            pack(row_buffer, out);
        }
    }
    // Every segment has an even length (G.3.1); segments start on even offsets, so the total tells.
    if (out.len() - segment_start) % 2 == 1 {
        out.push(0);
    }
}

/// Collects one byte of every `stride` bytes; widths that DICOM has are compiled for themselves.
fn gather(row: &[u8], stride: usize, byte: usize, plane: &mut [u8]) {
    match stride {
        2 => gather_each::<2>(row, byte, plane),
        3 => gather_each::<3>(row, byte, plane),
        4 => gather_each::<4>(row, byte, plane),
        6 => gather_each::<6>(row, byte, plane),
        8 => gather_each::<8>(row, byte, plane),
        _ => {
            for (to, from) in plane.iter_mut().zip(row.iter().skip(byte).step_by(stride)) {
                *to = *from;
            }
        }
    }
}

fn gather_each<const STRIDE: usize>(row: &[u8], byte: usize, plane: &mut [u8]) {
    let byte = byte.min(STRIDE - 1);
    for (to, from) in plane.iter_mut().zip(row.as_chunks::<STRIDE>().0) {
        *to = from[byte];
    }
}

/// Packs one row of one plane (G.3.1, PackBits): runs of three and more are replicated, the rest is literal.
fn pack(row: &[u8], out: &mut Vec<u8>) {
    let mut literal = 0;
    let mut at = 0;
    while let Some(start) = next_run(row, at) {
        let end = run_end(row, start);
        literals(&row[literal..start], out);
        let mut left = end - start;
        while left >= SHORTEST_RUN {
            let run = left.min(LONGEST_RUN);
            // −(n − 1) as a signed byte.
            out.extend_from_slice(&[(257 - run) as u8, row[start]]);
            left -= run;
        }
        // One or two bytes behind full runs go with the literals that follow.
        literal = end - left;
        at = end;
    }
    literals(&row[literal..], out);
}

fn literals(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(LONGEST_RUN) {
        out.push((chunk.len() - 1) as u8);
        out.extend_from_slice(chunk);
    }
}

/// The first index from `at` on where three equal bytes begin.
fn next_run(row: &[u8], mut at: usize) -> Option<usize> {
    // Eight starting points at a time: a byte of `differs` is zero where row[i] == row[i + 1] == row[i + 2].
    while let (Some(a), Some(b), Some(c)) = (word(row, at), word(row, at + 1), word(row, at + 2)) {
        let differs = (a ^ b) | (b ^ c);
        let zeros = differs.wrapping_sub(LOW_BITS) & !differs & HIGH_BITS;
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = row.get(at..)?;
    let found = rest.windows(SHORTEST_RUN).position(|run| run[0] == run[1] && run[1] == run[2])?;
    Some(at + found)
}

/// One behind the last of the equal bytes that begin at `start`.
fn run_end(row: &[u8], start: usize) -> usize {
    let value = row[start];
    let all = u64::from(value) * LOW_BITS;
    let mut at = start + SHORTEST_RUN;
    while let Some(next) = word(row, at) {
        let differs = next ^ all;
        if differs != 0 {
            return at + differs.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = row.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| **byte == value).count()
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes from `at` on; the byte at `at` is the lowest.
fn word(row: &[u8], at: usize) -> Option<u64> {
    row.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::image;
    use super::*;
    use proptest::prelude::*;

    fn encode(cells: &[u8], image: &ImagePixel) -> Vec<u8> {
        let mut out = vec![0xEE; 5];
        Rle.encode(&Frame { cells, image }, &Parameters::default(), &mut out).unwrap();
        out
    }

    fn header(words: &[u32]) -> Vec<u8> {
        let mut header: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        header.resize(HEADER, 0);
        header
    }

    /// Written by hand from Annex G: two rows of five 16-bit cells, most significant plane first, row by row.
    #[test]
    fn two_rows_of_sixteen_bits() {
        let cells: Vec<u8> = [[0x0102; 5], [0x0A01, 0x0A02, 0x0A03, 0x0A04, 0x0A05]]
            .concat()
            .iter()
            .flat_map(|cell: &u16| cell.to_le_bytes())
            .collect();
        let mut expected = header(&[2, 64, 68]);
        expected.extend([0xFC, 0x01, 0xFC, 0x0A]);
        expected.extend([0xFC, 0x02, 0x04, 0x01, 0x02, 0x03, 0x04, 0x05]);
        assert_eq!(encode(&cells, &image(2, 5, 16, 1, 0)), expected);
    }

    /// One pixel of RGB in 16 bits: six segments, sample by sample; by plane or by pixel is the same for one pixel.
    #[test]
    fn one_pixel_of_colour() {
        let cells = [0x02, 0x01, 0x04, 0x03, 0x06, 0x05];
        let mut expected = header(&[6, 64, 66, 68, 70, 72, 74]);
        for byte in 1..=6 {
            expected.extend([0, byte]);
        }
        assert_eq!(encode(&cells, &image(1, 1, 16, 3, 0)), expected);
        assert_eq!(encode(&cells, &image(1, 1, 16, 3, 1)), expected);
    }

    #[test]
    fn an_odd_segment_is_padded() {
        let mut expected = header(&[1, 64]);
        expected.extend([0x01, 0x07, 0x08, 0x00]);
        assert_eq!(encode(&[7, 8], &image(1, 2, 8, 1, 0)), expected);
    }

    #[test]
    fn long_runs_are_cut_at_128_and_a_short_rest_is_literal() {
        let packed = |length: usize| {
            let mut out = Vec::new();
            pack(&vec![9; length], &mut out);
            out
        };
        assert_eq!(packed(3), [0xFE, 9]);
        assert_eq!(packed(128), [0x81, 9]);
        assert_eq!(packed(129), [0x81, 9, 0x00, 9]);
        assert_eq!(packed(130), [0x81, 9, 0x01, 9, 9]);
        assert_eq!(packed(300), [0x81, 9, 0x81, 9, 0xD5, 9]);
        assert_eq!(packed(2), [0x01, 9, 9]);
    }

    #[test]
    fn frames_that_the_header_cannot_name_are_refused() {
        let encode_with = |cells: &[u8], image: &ImagePixel| {
            Rle.encode(&Frame { cells, image }, &Parameters::default(), &mut Vec::new())
        };
        let too_many = image(1, 1, 64, 2, 0);
        let error = encode_with(&[0; 16], &too_many).unwrap_err();
        assert!(matches!(error, EncodeError::Unsupported { .. }));
        let short = image(2, 2, 8, 1, 0);
        let error = encode_with(&[0; 3], &short).unwrap_err();
        assert_eq!(error, EncodeError::FrameLength { expected: 4, found: 3 });
    }

    proptest! {
        /// No run crosses a row (G.3.1), the bound holds, and unpacking gives the rows back.
        #[test]
        fn every_row_is_packed_on_its_own(
            columns in 1usize..200,
            runs in prop::collection::vec((0u8..4, 1usize..300), 1..40),
        ) {
            let bytes: Vec<u8> = runs.iter().flat_map(|(value, count)| vec![*value; *count]).collect();
            for row in bytes.chunks(columns) {
                let mut packed = Vec::new();
                pack(row, &mut packed);
                prop_assert!(packed.len() <= row.len() + row.len().div_ceil(LONGEST_RUN));
                prop_assert_eq!(unpack_naively(&packed), row);
            }
        }
    }

    /// PackBits as G.3.2 says it, one step after the other.
    fn unpack_naively(mut packed: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        while let Some((length, rest)) = packed.split_first() {
            let length = *length as i8;
            if length >= 0 {
                let (bytes, rest) = rest.split_at(length as usize + 1);
                row.extend_from_slice(bytes);
                packed = rest;
            } else {
                assert_ne!(length, -128, "the encoder writes no empty runs");
                row.extend(std::iter::repeat_n(rest[0], 1 + usize::from(length.unsigned_abs())));
                packed = &rest[1..];
            }
        }
        row
    }
}
