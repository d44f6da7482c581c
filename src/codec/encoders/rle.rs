//! RLE Lossless encoder (PS3.5 Annex G): byte planes, each row packed on its own with PackBits.
//!
//! # The algorithm
//!
//! A segment is one plane of the frame: a byte of each sample, the most significant first (G.2). Each row of a plane is packed by
//! itself (G.3.1): three or more equal bytes become a length and the byte, and what lies between such runs becomes a length and
//! the bytes as they are; neither is longer than 128. A header of 64 bytes says where the segments lie (G.5).
//!
//! # Why it is fast
//!
//! The most significant bytes of neighbours are nearly always equal, the least significant ones hardly ever; so what counts is what
//! a *byte* costs where nothing is to be decided, and what a *run* costs where it is.
//!
//! 1. [`rle_rows`](super::rle_rows) takes a few rows of a plane out of the cells, whose layout
//!    [`rle_planes`](super::rle_planes) knows, and makes a map of one bit for each byte: whether it is equal to the one before. No
//!    decision is in that, and with AVX2 it is 64 bytes a step.
//! 2. [`pack_bits`](super::pack_bits) finds the runs of 64 bytes in their word of the map by shifts and masks, and packs them: one
//!    hard decision for how many there are, none for each byte.
//! 3. The packed rows are written to where they stay. `out` keeps its length from one frame to the next, so that its bytes need not
//!    be zeroed first; only what a frame is longer than the one before has to be.
//!
//! All that is in flight, some rows of cells, of plane and of packed bytes, fits into the first cache. So a frame is read once for
//! each plane and written once. [`rle_kernel`] compiles it for the processor at hand.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::kernel::Kernel;
use super::super::parameters::{Exactness, Parameters};
use super::rle_kernel;
use super::rle_planes::Planes;
use crate::dicom::{ImagePixel, uids};

/// The project's own RLE Lossless encoder.
pub(super) struct Rle;

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
        rle_kernel::encode(Kernel::best(), frame.cells, &planes, out)
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

#[cfg(test)]
mod tests {
    use super::super::super::rle_header::HEADER;
    use super::super::super::testing::image;
    use super::*;

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
}
