//! The project's own JPEG-LS Lossless encoder (PS3.5 8.2.3 and A.4.3; ISO/IEC 14495-1, which is ITU-T T.87).
//!
//! It writes, byte for byte, what CharLS writes for the same frame, in less than half the time.
//!
//! # What JPEG-LS does to a sample
//!
//! Each sample Ix is predicted from four that came before it: its left neighbour Ra, and of the line above Rc, Rb and Rd,
//! left, above and right of it. Three gradients between those, each quantised to nine levels, choose one of 365 contexts (A.3); the
//! median edge detector predicts from Ra, Rb and Rc (A.4.1); and the context corrects the prediction by C, the bias that it
//! has learnt (A.4.2). What the sample differs from that is the prediction error. It is mapped to a number without sign (A.5.2) and
//! written as a Golomb code whose order k follows from the mean size A/N of the context's errors (A.5.1, A.5.3). Then the
//! context learns from the error (A.6). Where all gradients are zero, a run of equal samples is counted instead (A.7).
//!
//! # Why that is slow, and what is done about it
//!
//! Word for word this is one long chain: the error of one sample changes the context that the next may need, and a decoder even needs
//! the sample itself before it can look at the next one's neighbours. An encoder does not. **Without loss the neighbours that
//! the decoder will have are the source's own samples**, so that everything up to the bias can be computed for a whole line before
//! its first sample is coded:
//!
//! 1. [`ahead`](super::ahead): gradients, context, sign and median prediction of every sample of a line, in one loop without
//!    branches that becomes SIMD code. It leaves eight bytes a sample: context, difference, and how far C may move it.
//! 2. [`scan`](super::scan) and [`contexts`](super::contexts): the serial loop has only the rest to do. A subtraction gives the
//!    error; k, the mapping, and what the context learns are masks and conditional moves, since which way B and C turn is
//!    as good as random. Its only branches are the run and the escape code, and both are rare or come in long stretches.
//!    A context is one aligned piece of sixteen bytes.
//! 3. [`bits`](super::bits): codes are appended without asking for stuffing, eight bytes at a time, each overwriting what the one
//!    before left open; the stuffing of a whole line follows in another pass.
//!
//! What remains is bound by the chain from a context to the next sample that has the same one: a load, some twelve operations, a
//! store.
//!
//! Colour goes into one scan in sample interleave, which every decoder met reads: the pre-pass is the same with the neighbours one
//! pixel apart, and the samples of a pixel follow each other through the contexts that they share.
//!
//! Near-lossless is not for this scheme: its neighbours are reconstructed samples, which coding must give first.

use super::super::jpeg_ls_precision::precision_of;
use super::frame::Samples;
use super::kernel;
use crate::codec::encoder::{EncodeError, Encoder, Frame, describe};
use crate::codec::kernel::Kernel;
use crate::codec::parameters::{Exactness, Parameters};
use crate::dicom::{ImagePixel, uids};

/// JPEG-LS Lossless by this project.
pub(crate) struct JpegLs;

const NAME: &str = "jpeg-ls";

impl Encoder for JpegLs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::JPEG_LS_LOSSLESS
    }

    fn encode(&self, frame: &Frame<'_>, _: &Parameters, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let image = frame.image;
        let precision = precision_of(image)
            .ok_or_else(|| EncodeError::Unsupported { encoder: NAME, image: describe(image) })?;
        let expected = image.frame_cells() * image.bytes_per_cell() as u64;
        let found = frame.cells.len() as u64;
        if found != expected {
            return Err(EncodeError::FrameLength { expected, found });
        }
        let samples = Samples {
            cells: frame.cells,
            rows: usize::from(image.rows),
            columns: usize::from(image.columns),
            components: usize::from(image.samples),
            bytes_per_cell: image.bytes_per_cell(),
            by_plane: image.planar == 1,
            precision,
        };
        out.clear();
        samples.write_head(out);
        kernel::encode(Kernel::best(), &samples, out);
        Samples::write_end(out);
        Ok(())
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        // Sample interleave is what Planar Configuration 0 describes (PS3.5 8.2.3).
        ImagePixel { planar: 0, ..image.clone() }
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }

    fn keeps_unused_bits(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::charls;
    use super::*;
    use crate::codec::testing::{self, noise, stored};
    use proptest::prelude::*;

    fn encode(encoder: &dyn Encoder, image: &ImagePixel, cells: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encoder.encode(&Frame { cells, image }, &Parameters::default(), &mut out).unwrap();
        out
    }

    /// CharLS, an independent implementation, writes the very same codestream.
    fn assert_same_as_charls(image: &ImagePixel, cells: &[u8], what: &str) {
        let ours = encode(&JpegLs, image, cells);
        let theirs = encode(&charls::JpegLs::LOSSLESS, image, cells);
        let differs = ours.iter().zip(&theirs).position(|(our, their)| our != their);
        assert!(ours == theirs, "{image:?} {what}: {} and {}, {differs:?}", ours.len(), theirs.len());
    }

    /// Cells of any content, cut to Bits Stored.
    fn cells(image: &ImagePixel, value: impl Fn(u64) -> u64) -> Vec<u8> {
        let bytes = image.bytes_per_cell();
        let unused = 64 - u32::from(image.bits_stored);
        let cell = |at| {
            let top = value(at) << unused;
            let whole =
                if image.signed { (top.cast_signed() >> unused).cast_unsigned() } else { top >> unused };
            whole.to_le_bytes().into_iter().take(bytes)
        };
        (0..image.frame_cells()).flat_map(cell).collect()
    }

    fn images() -> impl Iterator<Item = ImagePixel> {
        let sizes = [(1, 1), (1, 300), (300, 1), (2, 2), (13, 17), (40, 129)];
        let widths = (1..=8).map(|bits| (8, bits)).chain((1..=16).map(|bits| (16, bits)));
        widths.flat_map(move |(allocated, bits)| {
            [(1, 0), (3, 0), (3, 1)].into_iter().flat_map(move |(samples, planar)| {
                sizes.into_iter().map(move |(rows, columns)| {
                    stored(bits, bits % 2 == 0, testing::image(rows, columns, allocated, samples, planar))
                })
            })
        })
    }

    #[test]
    fn every_kind_of_frame_is_encoded_as_charls_encodes_it() {
        let random = noise(1 << 16, 3);
        let random = |at: u64| u64::from_le_bytes(*random[at as usize * 2..].first_chunk().unwrap());
        for image in images() {
            let columns = u64::from(image.columns) * u64::from(image.samples);
            for (what, value) in [
                ("zeros", &(|_| 0_u64) as &dyn Fn(u64) -> u64),
                ("ones", &|_| u64::MAX),
                ("noise", &random),
                ("slope", &|at| at / columns + at % columns),
                ("binary", &|at| (random(at) & 1).wrapping_neg()),
                ("checker", &|at| ((at / columns + at) & 1).wrapping_neg()),
                ("a few bits of noise", &|at| 100 + (random(at) & 7)),
                ("stripes", &|at| at / 37 * 1000 + at % 2),
                ("flat with sparks", &|at| if random(at) & 63 == 0 { random(at) >> 6 } else { 77 }),
            ] {
                assert_same_as_charls(&image, &cells(&image, value), what);
            }
        }
    }

    /// 65535 samples in a row, and as many rows; codes that are longer than the samples they stand for.
    #[test]
    fn the_largest_dimensions_are_encoded_as_charls_encodes_them() {
        for (rows, columns) in [(1, 65535), (65535, 1), (3, 65535), (65535, 2)] {
            for (bits, samples) in [(8, 1), (16, 1), (8, 3), (12, 3)] {
                let image =
                    stored(bits, false, testing::image(rows, columns, bits.next_multiple_of(8), samples, 0));
                assert_same_as_charls(&image, &cells(&image, |_| 3), "flat");
                let spikes = |at: u64| if at.is_multiple_of(67) { (at / 67 % 2).wrapping_neg() } else { 0 };
                assert_same_as_charls(&image, &cells(&image, spikes), "spikes");
                assert_same_as_charls(&image, &cells(&image, |at| at.wrapping_mul(at) >> 7), "waves");
            }
        }
    }

    proptest! {
        #[test]
        fn any_frame_is_encoded_as_charls_encodes_it(
            allocated in prop::sample::select(vec![8_u16, 16]),
            less in 0..16_u16,
            (samples, planar) in prop::sample::select(vec![(1_u16, 0_u16), (3, 0), (3, 1)]),
            columns in 1..40_u16,
            rows in 1..20_u16,
            parts in prop::collection::vec((any::<u64>(), 0..5_u32, 1..60_usize), 1..60),
        ) {
            let bits = allocated - less.min(allocated - 1);
            let image = stored(bits, false, testing::image(rows, columns, allocated, samples, planar));
            // Stretches of a value with some bits of noise each.
            let values: Vec<u64> = parts
                .iter()
                .flat_map(|(start, noisy, length)| {
                    (0..*length).map(move |at| {
                        let noise = (at as u64 + start).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
                        start.wrapping_add(noise & ((1 << (noisy * 2)) - 1))
                    })
                })
                .collect();
            let cells = cells(&image, |at| values[at as usize % values.len()]);
            prop_assert_eq!(encode(&JpegLs, &image, &cells), encode(&charls::JpegLs::LOSSLESS, &image, &cells));
        }
    }
}
