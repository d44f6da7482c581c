//! JPEG XL Lossless (ISO/IEC 18181-1; PS3.5 8.2.15 and A.4.12): a modular codestream, written for speed.
//!
//! # The algorithm
//!
//! A modular image is a list of channels of whole numbers. Each sample is predicted from its neighbours to the left, above and
//! between (`residuals`), and the difference is written by an entropy coder (`entropy`). What predictor and which code a sample gets, a
//! decision tree says that stands in the codestream; the one here has a leaf for grey images, and for colour images two, since the
//! luma and the differences of colour that the reversible YCoCg transform makes (`channels`) are not alike. A number is coded as a
//! token, for which there is a prefix code, and the bits that the token leaves open (`tokens`); equal numbers in a row are a run.
//! Images larger than 1024 pixels are cut into groups that know nothing of each other (`kernel`).
//!
//! The format can do much more: learnt trees, an adaptive predictor, arithmetic coding. All of that costs a hundred times
//! the time and saves about a tenth of the size.
//!
//! # What is chosen
//!
//! * **The precision is Bits Stored**, and only unsigned samples are taken: the format knows no negative ones, and PS3.5 does not
//!   say how a codestream would hold them.
//! * **The colours that the header claims** (sRGB, or grey of the same curve) mean nothing here: Photometric Interpretation stays what it
//!   was, and the transform within the codestream is undone by every decoder.
//!
//! # Why it is fast
//!
//! * Predictions wait for nothing: without loss a decoder's neighbours are the source's own, so differences of a row are
//!   vector code. (Their sums wrap: a check for overflow in each would make a serial loop of it.)
//! * The code of nearly every difference, with the bits behind it, is one look into a table of 16 KiB, and two of them are one
//!   store. What is held until bytes are full stays in registers meanwhile. The table is filled token by token, since the
//!   differences of one token lie side by side in it.
//! * Codes are made for the image by a look at some of its rows only: 32 768 samples tell enough.
//! * Backgrounds are runs, which are found 16 samples at a time.

use super::super::super::cells;
use super::super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::super::parameters::{Exactness, Parameters};
use super::channels::Cells;
use super::headers;
use super::kernel::{self, Memory};
use crate::codec::kernel::Kernel;
use crate::dicom::{ImagePixel, uids};
use std::cell::RefCell;

/// The project's own JPEG XL encoder.
pub(crate) struct JpegXl;

const NAME: &str = "condenser";

impl Encoder for JpegXl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::JPEG_XL_LOSSLESS
    }

    fn encode(&self, frame: &Frame<'_>, _: &Parameters, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let image = frame.image;
        let cells = cells_of(frame)
            .ok_or_else(|| EncodeError::Unsupported { encoder: NAME, image: describe(image) })?;
        let expected = (cells.columns * cells.rows * cells.samples * cells.bytes_per_cell) as u64;
        let found = frame.cells.len() as u64;
        if expected != found {
            return Err(EncodeError::FrameLength { expected, found });
        }
        SCRATCH.with_borrow_mut(|Scratch { pixels, memory }| {
            let mut bytes = frame.cells;
            if image.planar == 1 && cells.samples > 1 {
                cells::interleave(frame.cells, cells.samples, cells.bytes_per_cell, pixels);
                bytes = pixels;
            }
            encode(Kernel::best(), Cells { bytes, ..cells }, memory, out);
        });
        Ok(())
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        ImagePixel { planar: 0, ..image.clone() }
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }

    fn keeps_unused_bits(&self) -> bool {
        false
    }
}

/// What a thread uses again for its next frame.
#[derive(Default)]
struct Scratch {
    /// The pixels of a frame that came plane by plane.
    pixels: Vec<u8>,
    memory: Memory,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn cells_of<'a>(frame: &Frame<'a>) -> Option<Cells<'a>> {
    let image = frame.image;
    let bytes_per_cell = match image.bits_allocated {
        8 => 1,
        16 => 2,
        _ => return None,
    };
    let fits = (1..=image.bits_allocated).contains(&image.bits_stored)
        && matches!(image.samples, 1 | 3)
        && !image.signed
        && image.rows > 0
        && image.columns > 0;
    fits.then_some(Cells {
        bytes: frame.cells,
        bytes_per_cell,
        samples: image.samples.into(),
        precision: image.bits_stored.into(),
        columns: image.columns.into(),
        rows: image.rows.into(),
    })
}

fn encode(kernel: Kernel, cells: Cells<'_>, memory: &mut Memory, out: &mut Vec<u8>) {
    let sections = kernel::encode(kernel, cells, memory);
    memory.head.clear();
    headers::write(&cells, &sections, &mut memory.head);
    out.clear();
    out.extend_from_slice(memory.head.bytes());
    out.extend_from_slice(memory.sections.bytes());
}

#[cfg(test)]
mod tests {
    use super::super::super::super::decoders::DECODERS;
    use super::super::super::super::encoder::Coded;
    use super::super::super::super::testing::{image, noise, stored};
    use super::*;
    use proptest::prelude::*;

    fn encoded(cells: &[u8], image: &ImagePixel) -> Result<Vec<u8>, EncodeError> {
        let mut out = vec![0xEE; 5];
        JpegXl.encode(&Frame { cells, image }, &Parameters::default(), &mut out).map(|()| out)
    }

    /// By jxl-oxide.
    fn decoded(codestream: &[u8], image: &ImagePixel) -> Vec<u8> {
        let decoder =
            DECODERS.iter().find(|decoder| decoder.transfer_syntax() == uids::JPEG_XL_LOSSLESS).unwrap();
        let mut cells = Vec::new();
        decoder.decode(&Coded::alike(codestream, image), &mut cells).unwrap();
        cells
    }

    /// Something of everything: smooth, flat, noisy.
    fn made(image: &ImagePixel, seed: u64) -> Vec<u8> {
        let most = u16::MAX >> (16 - image.bits_stored);
        let count = image.frame_cells() as usize;
        let random = noise(count, seed);
        (0..count)
            .flat_map(|at| {
                let value = match at * 3 / count {
                    0 => ((at / 7) as u16).wrapping_add(u16::from(random[at] % 4)),
                    1 => most,
                    _ => u16::from(random[at]) * 257,
                };
                (value & most).to_le_bytes().into_iter().take(image.bytes_per_cell())
            })
            .collect()
    }

    /// Written by hand from the clauses that the other files name.
    #[test]
    fn a_single_pixel() {
        let image = image(1, 1, 8, 1, 0);
        let codestream = encoded(&[7], &image).unwrap();
        assert_eq!(codestream[..2], [0xFF, 0x0A]);
        assert_eq!(decoded(&codestream, &image), [7]);
        assert!(codestream.len() < 40, "{}", codestream.len());
    }

    #[test]
    fn sizes_around_the_edges_of_groups() {
        for (rows, columns) in
            [(1, 2000), (2000, 1), (1024, 1024), (1025, 1024), (1030, 2049), (1, 65535), (3, 8300)]
        {
            for samples in [1, 3] {
                let image = image(rows, columns, 8, samples, 0);
                let cells = made(&image, 1);
                assert!(
                    decoded(&encoded(&cells, &image).unwrap(), &image) == cells,
                    "{rows} {columns} {samples}"
                );
            }
        }
    }

    #[test]
    fn planes_become_pixels() {
        let image = image(2, 2, 8, 3, 1);
        let codestream = encoded(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], &image).unwrap();
        let after = JpegXl.image_after(&image, &Parameters::default());
        assert_eq!(after.planar, 0);
        assert_eq!(decoded(&codestream, &after), [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12]);
    }

    #[test]
    fn what_it_does_not_take_is_refused() {
        let signed = stored(12, true, image(2, 2, 16, 1, 0));
        assert!(matches!(encoded(&[0; 8], &signed), Err(EncodeError::Unsupported { .. })));
        assert!(matches!(encoded(&[0; 16], &image(2, 2, 32, 1, 0)), Err(EncodeError::Unsupported { .. })));
        let error = encoded(&[0; 7], &image(2, 2, 16, 1, 0)).unwrap_err();
        assert_eq!(error, EncodeError::FrameLength { expected: 8, found: 7 });
    }

    proptest! {
        /// Both kernels write the same, and jxl-oxide makes the cells of it.
        #[test]
        fn every_kind_of_image_comes_back(
            rows in 1_u16..80, columns in 1_u16..80, bits_stored in 1_u16..=16, colour: bool, seed: u64,
        ) {
            let allocated = if bits_stored > 8 || seed % 3 == 0 { 16 } else { 8 };
            let image = stored(bits_stored, false, image(rows, columns, allocated, if colour { 3 } else { 1 }, 0));
            let cells = made(&image, seed);
            let codestream = encoded(&cells, &image).unwrap();
            prop_assert!(decoded(&codestream, &image) == cells);
            let mut portable = Vec::new();
            let parts = cells_of(&Frame { cells: &cells, image: &image }).unwrap();
            encode(Kernel::Portable, parts, &mut Memory::default(), &mut portable);
            prop_assert!(portable == codestream);
        }
    }
}
