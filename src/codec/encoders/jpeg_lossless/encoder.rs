//! JPEG Lossless (ISO/IEC 10918-1 Annex H; PS3.5 8.2.1 and A.4.1): Process 14, and Process 14 with Selection Value 1.
//!
//! # The algorithm
//!
//! Each sample is predicted from neighbours that a decoder knows already (H.1.2.1): from the one to the left, or by one
//! of six other rules of table H.1. The difference to the prediction, modulo 2^16, is written in two parts (H.1.2.2): how
//! many bits its absolute value has (its category, 0 to 16), by a Huffman code; and then those bits themselves, which
//! look random and are written as they are. The format is that of all JPEG: markers with their segments, among them the
//! table of codes (DHT) and the frame header (SOF3), then the bits, in which every byte of 0xFF is followed by a zero so
//! that it is no marker.
//!
//! # What is chosen
//!
//! * **The table is the best one for each image.** A first pass over the samples counts categories, an optimal code is
//!   made for these counts (`huffman_table`), a second pass writes. Annex K gives no table for lossless images, and the
//!   one that several encoders always use costs a fifth of the size. All components share it: tables of their own would
//!   save less than one per cent of colour images.
//! * **The predictor.** Transfer syntax .70 is the left neighbour by definition. For .57, every eighth row is predicted in
//!   all seven ways, and the way whose differences take the fewest bits serves the whole image.
//! * **Colour is one interleaved scan**, sample by sample, as Planar Configuration 0 describes it; so every decoder
//!   expects it. There is no point transform, no restart marker, no JFIF segment (which would say that colour is YCbCr).
//! * **The precision** is Bits Stored (or 9, of cells of two bytes that use fewer). When a frame uses bits above it (overlays, dirt), it is Bits Allocated for that
//!   frame, and these bits are kept. As arithmetic is modulo 2^16 the precision changes nothing but the first prediction.
//! * **The sign.** JPEG has none, so that two's complement is written, and of signed images the whole cell, with the sign
//!   in all its upper bits: modulo 2^16 the neighbours -1 and 0 then differ by one. Cut to 12 bits they would differ by
//!   4095, and a CT image is full of water.
//!
//! # Why it is fast
//!
//! * Nothing a decoder would have to wait for has to be waited for: all samples are there, so differences of a whole row
//!   are vector code (`prediction`), and computing them twice is cheaper than keeping them.
//! * Counting categories is one logarithm and one increment, in four counters in turn.
//! * Writing is one table look-up a sample and one unconditional store for two samples (`bit_writer`).

use super::super::super::cells::{self, unused_bits_are_canonical};
use super::super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::super::jpeg_stream::marker;
use super::super::super::parameters::{Exactness, Parameters};
use super::super::super::scratch::{self, Buffer};
use super::super::jpeg::{define_huffman_code, segment};
use super::bit_writer::BitWriter;
use super::categories::{Histogram, HuffmanCode, count, extra_bits};
use super::prediction::{Predictor, Rows};
use super::samples::Samples;
use crate::dicom::{ImagePixel, uids};

/// The project's own JPEG Lossless encoder.
pub(crate) struct JpegLossless {
    transfer_syntax: &'static str,
    /// Whether another predictor than the left neighbour may be used.
    any_predictor: bool,
}

const NAME: &str = "condenser";

/// Of so many rows one is looked at to choose a predictor.
const ROWS_FOR_A_CHOICE: usize = 8;

impl JpegLossless {
    /// Process 14, Selection Value 1.
    pub(crate) const SV1: JpegLossless =
        JpegLossless { transfer_syntax: uids::JPEG_LOSSLESS_SV1, any_predictor: false };
    /// Process 14.
    pub(crate) const PROCESS_14: JpegLossless =
        JpegLossless { transfer_syntax: uids::JPEG_LOSSLESS, any_predictor: true };
}

impl Encoder for JpegLossless {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn encode(&self, frame: &Frame<'_>, _: &Parameters, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let image = frame.image;
        let shape = Shape::of(image)
            .ok_or_else(|| EncodeError::Unsupported { encoder: NAME, image: describe(image) })?;
        let (expected, found) = (shape.frame_bytes(), frame.cells.len() as u64);
        if expected != found {
            return Err(EncodeError::FrameLength { expected, found });
        }
        let precision = if !image.signed && unused_bits_are_canonical(frame.cells, image) {
            precision_of(image)
        } else {
            8 * shape.bytes_per_cell as u8
        };
        if image.planar == 1 && shape.components > 1 {
            scratch::with(&PIXELS, |pixels| {
                cells::interleave(frame.cells, shape.components, shape.bytes_per_cell, pixels);
                self.encode_pixels(pixels, &shape, precision, out);
            });
        } else {
            self.encode_pixels(frame.cells, &shape, precision, out);
        }
        Ok(())
    }

    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        ImagePixel { planar: 0, ..image.clone() }
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }

    fn keeps_unused_bits(&self) -> bool {
        true
    }
}

thread_local! {
    /// The pixels of a frame that came plane by plane.
    static PIXELS: Buffer = const { Buffer::new(Vec::new()) };
}

impl JpegLossless {
    fn encode_pixels(&self, cells: &[u8], shape: &Shape, precision: u8, out: &mut Vec<u8>) {
        let row_cells = usize::from(shape.columns) * shape.components;
        let samples = Samples::new(cells, shape.bytes_per_cell, row_cells, precision);
        let mut rows = Rows::new(samples, shape.components, precision);
        let predictor = if self.any_predictor { best_predictor(&mut rows) } else { Predictor::LEFT };
        let mut histogram = Histogram::default();
        rows.each(predictor, |differences| count(differences, &mut histogram));
        let table = HuffmanCode::best_for(&histogram);
        out.clear();
        write_headers(shape, precision, predictor, &table, out);
        let mut writer = BitWriter::new(table);
        rows.each(predictor, |differences| writer.write(differences, out));
        writer.finish(out);
        out.extend([0xFF, marker::END_OF_IMAGE]);
    }
}

/// What the frame header says, beside the precision.
struct Shape {
    columns: u16,
    rows: u16,
    components: usize,
    bytes_per_cell: usize,
}

impl Shape {
    fn of(image: &ImagePixel) -> Option<Shape> {
        let bytes_per_cell = match image.bits_allocated {
            8 => 1,
            16 => 2,
            _ => return None,
        };
        let fits = (1..=image.bits_allocated).contains(&image.bits_stored)
            && matches!(image.samples, 1 | 3 | 4)
            && image.rows > 0
            && image.columns > 0;
        let (columns, rows, components) = (image.columns, image.rows, usize::from(image.samples));
        fits.then_some(Shape { columns, rows, components, bytes_per_cell })
    }

    fn frame_bytes(&self) -> u64 {
        let row_bytes = (usize::from(self.columns) * self.components * self.bytes_per_cell) as u64;
        u64::from(self.rows) * row_bytes
    }
}

/// The precision of an unsigned frame whose unused bits hold nothing: Bits Stored, but at least 2, which is the least that
/// there is (table B.2); and of cells of two bytes at least 9, since many decoders give single bytes for 8 and less.
fn precision_of(image: &ImagePixel) -> u8 {
    (image.bits_stored as u8).max(if image.bits_allocated == 16 { 9 } else { 2 })
}

fn best_predictor(rows: &mut Rows<'_>) -> Predictor {
    let mut histograms: [Histogram; Predictor::ALL.len()] = std::array::from_fn(|_| Histogram::default());
    rows.compare(ROWS_FOR_A_CHOICE, |predictor, differences| {
        count(differences, &mut histograms[usize::from(predictor.selection_value()) - 1]);
    });
    let bits = |histogram: &Histogram| HuffmanCode::best_for(histogram).bits(histogram, extra_bits);
    let sizes = Predictor::ALL.into_iter().zip(histograms.iter().map(bits));
    sizes.min_by_key(|(_, bits)| *bits).map_or(Predictor::LEFT, |(predictor, _)| predictor)
}

/// Everything before the entropy-coded segment (B.2).
fn write_headers(shape: &Shape, precision: u8, predictor: Predictor, table: &HuffmanCode, out: &mut Vec<u8>) {
    out.extend([0xFF, marker::START_OF_IMAGE]);
    // Components are numbered; letters would say that they are R, G and B, which only some colour images are.
    let components = 1..=shape.components as u8;
    let mut frame = vec![precision];
    frame.extend(shape.rows.to_be_bytes());
    frame.extend(shape.columns.to_be_bytes());
    frame.push(shape.components as u8);
    frame.extend(components.clone().flat_map(|component| [component, 0x11, 0]));
    segment(marker::LOSSLESS, &frame, out);
    define_huffman_code(0, table, out);
    let mut scan = vec![shape.components as u8];
    scan.extend(components.flat_map(|component| [component, 0]));
    scan.extend([predictor.selection_value(), 0, 0]);
    segment(marker::START_OF_SCAN, &scan, out);
}

#[cfg(test)]
mod tests {
    use super::super::super::super::testing::{image, noise, stored};
    use super::*;

    fn encode(encoder: &JpegLossless, cells: &[u8], image: &ImagePixel) -> Vec<u8> {
        let mut out = vec![0xEE; 5];
        encoder.encode(&Frame { cells, image }, &Parameters::default(), &mut out).unwrap();
        out
    }

    /// Written by hand from Annexes B, F and H: two rows of two 8-bit samples.
    #[test]
    fn four_samples() {
        let codestream = encode(&JpegLossless::SV1, &[128, 129, 128, 129], &image(2, 2, 8, 1, 0));
        let mut expected = vec![0xFF, 0xD8];
        expected.extend([0xFF, 0xC3, 0, 11, 8, 0, 2, 0, 2, 1, 1, 0x11, 0]);
        // Differences 0, 1, 0, 1. The categories 0 and 1 have codes of one and two bits, 11 stays unused.
        let mut counts = [0; 16];
        counts[..2].copy_from_slice(&[1, 1]);
        expected.extend([0xFF, 0xC4, 0, 21, 0]);
        expected.extend(counts);
        let (short, long) = (codestream[2 + 13 + 5 + 16], codestream[2 + 13 + 5 + 17]);
        assert_eq!([short, long].iter().sum::<u8>(), 1);
        expected.extend([short, long]);
        expected.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0]);
        // Whichever got the short code: 0 10|1 0 10|1 1, or 10 0|1 10 0|1 and ones behind.
        let bits: &[u8] = if short == 0 { &[0b0101_0101] } else { &[0b1001_1001] };
        expected.extend(bits);
        expected.extend([0xFF, 0xD9]);
        assert_eq!(codestream, expected);
    }

    #[test]
    fn the_best_predictor_of_process_14_is_found() {
        let image = image(64, 64, 8, 1, 0);
        let of = |value: &dyn Fn(usize, usize) -> usize| {
            let cells: Vec<u8> = (0..64 * 64).map(|at| value(at / 64, at % 64) as u8).collect();
            let codestream = encode(&JpegLossless::PROCESS_14, &cells, &image);
            assert!(codestream.len() <= encode(&JpegLossless::SV1, &cells, &image).len());
            let scan =
                codestream.windows(2).position(|marker| marker == [0xFF, marker::START_OF_SCAN]).unwrap();
            codestream[scan + 7]
        };
        let random = noise(64, 3);
        let row = |x: usize| usize::from(random[x]);
        assert_eq!(of(&|y, _| row(y)), 1);
        assert_eq!(of(&|_, x| row(x)), 2);
        assert_eq!(of(&|y, x| row((x + 64 - y) % 64)), 3);
        assert_eq!(of(&|y, x| row(y) + row(x)), 4);
    }

    #[test]
    fn bits_above_bits_stored_raise_the_precision_of_their_frame() {
        let image = stored(12, false, image(1, 2, 16, 1, 0));
        assert_eq!(encode(&JpegLossless::SV1, &[1, 0x0F, 2, 0x01], &image)[6], 12);
        assert_eq!(encode(&JpegLossless::SV1, &[1, 0x1F, 2, 0x01], &image)[6], 16);
        let shallow = stored(6, false, image.clone());
        assert_eq!(encode(&JpegLossless::SV1, &[1, 0, 2, 0], &shallow)[6], 9);
        let signed = ImagePixel { signed: true, ..image };
        assert_eq!(encode(&JpegLossless::SV1, &[1, 0xFF, 2, 0x01], &signed)[6], 16);
    }

    /// A step from -1 to 0 costs what a step from 0 to 1 costs.
    #[test]
    fn the_sign_costs_nothing() {
        let image = stored(12, true, image(40, 40, 16, 1, 0));
        let around = |middle: i16| -> Vec<u8> {
            let steps = noise(1600, 5).into_iter().map(|byte| middle + i16::from(byte % 4));
            steps.flat_map(i16::to_le_bytes).collect()
        };
        let [zero, other] = [-2, 100].map(|middle| encode(&JpegLossless::SV1, &around(middle), &image).len());
        assert!(zero <= other + 4, "{zero} {other}");
    }

    #[test]
    fn frames_of_other_kinds_are_refused() {
        let encode = |cells: &[u8], image: &ImagePixel| {
            JpegLossless::SV1.encode(&Frame { cells, image }, &Parameters::default(), &mut Vec::new())
        };
        let error = encode(&[0; 16], &image(2, 2, 32, 1, 0)).unwrap_err();
        assert!(matches!(error, EncodeError::Unsupported { .. }));
        let error = encode(&[0; 8], &image(2, 2, 8, 2, 0)).unwrap_err();
        assert!(matches!(error, EncodeError::Unsupported { .. }));
        let error = encode(&[0; 3], &image(2, 2, 8, 1, 0)).unwrap_err();
        assert_eq!(error, EncodeError::FrameLength { expected: 4, found: 3 });
    }
}
