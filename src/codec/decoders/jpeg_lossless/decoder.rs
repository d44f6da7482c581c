//! JPEG Lossless (ISO/IEC 10918-1 Annex H; PS3.5 8.2.1): any Huffman-coded lossless frame back into the cells of its image.
//!
//! # The algorithm
//!
//! A Huffman code tells how many low-order bits follow it, and both give a difference (H.2, F.2.2.1); the difference is
//! added, modulo 2^16, to a prediction from the samples to the left and above (H.1.2.1, table H.1). All seven predictors,
//! the point transform, restart intervals, one scan for all components or one for each, and every precision from 2 to 16
//! bits are read. Hierarchical and arithmetically coded frames, and components of different sampling, are refused.
//!
//! # How it is done
//!
//! * A row of differences is read first and predicted afterwards, so that each of the two loops is small: in `scan` and
//!   `huffman_table` the bits, in `prediction` the neighbours.
//! * Twelve bits are looked up at once. Where a code and its low-order bits fit into them, as they nearly always do, the
//!   look-up gives the difference itself.
//! * Bits are taken four bytes at a time, unless one of them is 0xFF.
//!
//! # What hostile codestreams can do
//!
//! Nothing is taken for the frame before its header has the size of the attributes and the codestream is long enough for
//! as many samples at a bit each. A component is decoded once, so that time is bounded by frame and codestream together.
//! Bits that end early, codes that are none and samples beyond the precision are errors, never guesses.

use super::super::super::cells;
use super::super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::super::jpeg_stream::{FrameHeader, ScanHeader, marker};
use super::super::jpeg::{Layout, Surroundings, read};
use super::scan;
use crate::dicom::{ImagePixel, uids};

/// The project's own JPEG Lossless decoder.
pub(crate) struct JpegLossless {
    transfer_syntax: &'static str,
}

const NAME: &str = "condenser";

impl JpegLossless {
    /// Process 14, Selection Value 1.
    pub(crate) const SV1: JpegLossless = JpegLossless { transfer_syntax: uids::JPEG_LOSSLESS_SV1 };
    /// Process 14.
    pub(crate) const PROCESS_14: JpegLossless = JpegLossless { transfer_syntax: uids::JPEG_LOSSLESS };
}

impl Decoder for JpegLossless {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Coded { codestream, native: image, .. } = *coded;
        if !matches!(image.bits_allocated, 8 | 16) || !image.has_whole_pixels() {
            return Err(DecodeError::Unsupported { decoder: NAME, image: describe(image) });
        }
        cells.clear();
        let around = read(
            codestream,
            |frame| check(frame, image),
            |around, header, start| decode_scan(around, header, start, image, cells),
        )?;
        // A codestream of the full width has the bits above Bits Stored itself.
        if u16::from(around.frame.precision) < image.bits_allocated {
            cells::extend_sign(cells, image);
        }
        Ok(())
    }
}

/// Decodes a scan and puts its samples into their cells. Gives where the next marker begins.
fn decode_scan(
    around: &Surroundings<'_>,
    header: &ScanHeader,
    start: usize,
    image: &ImagePixel,
    cells: &mut Vec<u8>,
) -> Result<usize, DecodeError> {
    let frame = &around.frame;
    let sampling = frame.components.first().map(|component| component.sampling);
    let interleaved_alike = header.components.len() == 1 || sampling == Some((1, 1));
    if !interleaved_alike || frame.components.iter().any(|other| Some(other.sampling) != sampling) {
        return Err(DecodeError::Unsupported {
            decoder: NAME,
            image: format!("{} with subsampled components", describe(image)),
        });
    }
    let layout = Layout::of(image);
    let places: Vec<usize> = header.components.iter().map(|component| component.place).collect();
    let bits = 8 * around.codestream.len().saturating_sub(start);
    if layout.plane_cells().saturating_mul(places.len()) > bits {
        return Err(DecodeError::Damaged("it is too short for its samples".to_owned()));
    }
    cells.resize(layout.frame_bytes(), 0);
    scan::decode(header, around, start, |y, row| layout.put(y, &places, row, cells))
}

/// The frame must be a lossless one of the size that the attributes say. The precision may lie above Bits Stored, and does
/// so in many files; below it the sign of a sample would not be where the attributes say.
fn check(frame: &FrameHeader, image: &ImagePixel) -> Result<(), DecodeError> {
    if frame.process != marker::LOSSLESS {
        return Err(DecodeError::OtherFrame {
            codestream: format!("{} JPEG", frame.process_name()),
            attributes: "lossless JPEG, Huffman coded".to_owned(),
        });
    }
    frame.check(image)?;
    if image.signed && u16::from(frame.precision) < image.bits_stored {
        return Err(DecodeError::OtherFrame {
            codestream: format!("{} bits", frame.precision),
            attributes: describe(image),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::super::encoder::Frame;
    use super::super::super::super::parameters::Parameters;
    use super::super::super::super::testing::{self, canonical_noise, encoder_for, image, stored};
    use super::*;

    /// Segments as Annex B writes them.
    struct Builder(Vec<u8>);

    impl Builder {
        fn new() -> Builder {
            Builder(vec![0xFF, 0xD8])
        }

        fn segment(mut self, marker: u8, content: &[u8]) -> Builder {
            self.0.extend([0xFF, marker]);
            self.0.extend((content.len() as u16 + 2).to_be_bytes());
            self.0.extend(content);
            self
        }

        fn frame(self, precision: u8, rows: u8, columns: u8, components: u8) -> Builder {
            let mut content = vec![precision, 0, rows, 0, columns, components];
            content.extend((1..=components).flat_map(|component| [component, 0x11, 0]));
            self.segment(marker::LOSSLESS, &content)
        }

        /// Table 0: categories 0 to 3 with codes 00, 01, 10 and 110.
        fn table(self) -> Builder {
            let mut content = vec![0, 0, 3, 1];
            content.extend([0; 13]);
            content.extend([0, 1, 2, 3]);
            self.segment(marker::DEFINE_HUFFMAN_TABLES, &content)
        }

        fn scan(self, components: &[u8], selection: u8, point_transform: u8, bits: &[u8]) -> Builder {
            let mut content = vec![components.len() as u8];
            content.extend(components.iter().flat_map(|component| [*component, 0]));
            content.extend([selection, 0, point_transform]);
            let mut builder = self.segment(marker::START_OF_SCAN, &content);
            builder.0.extend(bits);
            builder
        }

        fn decode(mut self, image: &ImagePixel) -> Result<Vec<u8>, DecodeError> {
            self.0.extend([0xFF, 0xD9]);
            let mut cells = vec![0xEE; 3];
            JpegLossless::PROCESS_14.decode(&Coded::alike(&self.0, image), &mut cells).map(|()| cells)
        }
    }

    /// Differences 0, +1, -1, +2: 00 011 010 1010, and ones.
    const FOUR: [u8; 2] = [0b0001_1010, 0b1010_1111];

    #[test]
    fn the_point_transform_shifts_prediction_and_samples() {
        let four = |point_transform| {
            let built = Builder::new().frame(8, 2, 2, 1).table().scan(&[1], 1, point_transform, &FOUR);
            built.decode(&image(2, 2, 8, 1, 0))
        };
        assert_eq!(four(0).unwrap(), [128, 129, 127, 129]);
        assert_eq!(four(2).unwrap(), [128, 132, 124, 132]);
        assert!(four(8).is_err());
    }

    #[test]
    fn a_restart_begins_like_the_first_row() {
        let with = |interval: u8, bits: &[u8]| {
            let built = Builder::new().frame(8, 2, 2, 1).table();
            built
                .segment(marker::DEFINE_RESTART_INTERVAL, &[0, interval])
                .scan(&[1], 4, 0, bits)
                .decode(&image(2, 2, 8, 1, 0))
        };
        // 0, +1 and ones; then -1, +2 and ones.
        let (first, second) = (0b0001_1111, 0b0101_0101);
        let second = [second, 0b1111_1111 ^ 0x80];
        let bits = [&[first, 0xFF, 0xD0][..], &second].concat();
        assert_eq!(with(2, &bits).unwrap(), [128, 129, 127, 129]);
        assert!(with(3, &bits).unwrap_err().to_string().contains("whole number of rows"));
        let wrong = [&[first, 0xFF, 0xD1][..], &second].concat();
        assert!(with(2, &wrong).unwrap_err().to_string().contains("RST0 is due"));
        assert!(with(2, &[first]).is_err());
    }

    #[test]
    fn components_may_have_a_scan_each_in_any_order() {
        let build = |order: [u8; 3]| {
            let mut built = Builder::new().frame(8, 2, 2, 3).table();
            for component in order {
                built = built.scan(&[component], 1, 0, if component == 2 { &[0, 0xFE] } else { &FOUR });
            }
            built
        };
        let by_pixel = [128, 128, 128, 129, 128, 129, 127, 128, 127, 129, 128, 129];
        let by_plane = [128, 129, 127, 129, 128, 128, 128, 128, 128, 129, 127, 129];
        for order in [[1, 2, 3], [3, 1, 2]] {
            assert_eq!(build(order).decode(&image(2, 2, 8, 3, 0)).unwrap(), by_pixel);
            assert_eq!(build(order).decode(&image(2, 2, 8, 3, 1)).unwrap(), by_plane);
        }
        let error = build([1, 1, 2]).decode(&image(2, 2, 8, 3, 0)).unwrap_err();
        assert!(error.to_string().contains("two scans"), "{error}");
    }

    #[test]
    fn what_is_not_a_lossless_frame_of_this_image_is_named() {
        let image = image(2, 2, 8, 1, 0);
        let said = |built: Builder, image: &ImagePixel| built.decode(image).unwrap_err().to_string();
        let lossless = |rows, columns, precision| {
            Builder::new().frame(precision, rows, columns, 1).table().scan(&[1], 1, 0, &FOUR)
        };
        assert!(lossless(2, 2, 8).decode(&image).is_ok());
        assert!(said(lossless(3, 2, 8), &image).contains("2x3"));
        assert!(said(lossless(2, 2, 9), &image).contains("9 bits"));
        let signed = stored(8, true, self::image(2, 2, 16, 1, 0));
        assert!(said(lossless(2, 2, 7), &signed).contains("7 bits"));
        let content = [8, 0, 2, 0, 2, 1, 1, 0x11, 0];
        for (process, word) in
            [(0xC0, "baseline"), (0xC2, "progressive"), (0xC7, "hierarchical"), (0xCB, "arithmetically")]
        {
            assert!(said(Builder::new().segment(process, &content), &image).contains(word));
        }
        let missing = Builder::new().frame(8, 2, 2, 1).scan(&[1], 1, 0, &FOUR);
        assert!(said(missing, &image).contains("not defined"));
        let no_frame = Builder::new().table().scan(&[1], 1, 0, &FOUR);
        assert!(said(no_frame, &image).contains("before the frame header"));
        let twice = Builder::new().frame(8, 2, 2, 1).frame(8, 2, 2, 1);
        assert!(said(twice, &image).contains("more than one"));
        let unknown = Builder::new().frame(8, 2, 2, 1).table().scan(&[2], 1, 0, &FOUR);
        assert!(said(unknown, &image).contains("does not have"));
        let no_predictor = Builder::new().frame(8, 2, 2, 1).table().scan(&[1], 0, 0, &FOUR);
        assert!(said(no_predictor, &image).contains("predictor"));
    }

    /// Memory is taken neither for a frame that is not the image's nor for one that the codestream cannot hold.
    #[test]
    fn an_enormous_frame_of_few_bytes_is_refused_at_once() {
        let content = [8, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0x11, 0];
        let built = Builder::new().segment(marker::LOSSLESS, &content).table().scan(&[1], 1, 0, &FOUR);
        let error = built.decode(&image(65535, 65535, 8, 1, 0)).unwrap_err();
        assert!(error.to_string().contains("too short"), "{error}");
    }

    #[test]
    fn samples_that_end_early_or_exceed_the_precision_are_errors() {
        let four = |precision, bits: &[u8]| {
            let built = Builder::new().frame(precision, 2, 2, 1).table().scan(&[1], 1, 0, bits);
            built.decode(&image(2, 2, 8, 1, 0)).map_err(|error| error.to_string())
        };
        assert!(four(8, &FOUR[..1]).unwrap_err().contains("end early"));
        assert!(four(8, &[0xFF, 0x00]).unwrap_err().contains("no code"));
        // 2 bits: 2, 3, 1, 3; and from 2 by +2 beyond them.
        assert_eq!(four(2, &FOUR).unwrap(), [2, 3, 1, 3]);
        assert!(four(2, &[0b1010_0000, 0b0000_1111]).unwrap_err().contains("more bits"));
    }

    fn encode(transfer_syntax: &str, cells: &[u8], image: &ImagePixel) -> Vec<u8> {
        let mut codestream = Vec::new();
        let frame = Frame { cells, image };
        encoder_for(transfer_syntax).encode(&frame, &Parameters::default(), &mut codestream).unwrap();
        codestream
    }

    fn decode(codestream: &[u8], image: &ImagePixel) -> Result<Vec<u8>, DecodeError> {
        let mut cells = Vec::new();
        JpegLossless::SV1.decode(&Coded::alike(codestream, image), &mut cells).map(|()| cells)
    }

    #[test]
    fn the_widest_and_the_tallest_images_come_back() {
        for (rows, columns) in [(2, 65535), (65535, 2)] {
            for (allocated, samples) in [(8, 3), (16, 1)] {
                let image = image(rows, columns, allocated, samples, 0);
                let cells = canonical_noise(&image, 1);
                for syntax in [uids::JPEG_LOSSLESS_SV1, uids::JPEG_LOSSLESS] {
                    let decoded = decode(&encode(syntax, &cells, &image), &image);
                    assert!(decoded.is_ok_and(|decoded| decoded == cells), "{syntax} {image:?}");
                }
            }
        }
    }

    /// Whatever is damaged, the decoder fails or gives a frame of the right size; no cut codestream passes.
    #[test]
    fn damage_anywhere_ends() {
        for (allocated, bits_stored, samples) in [(8, 8, 1), (16, 12, 1), (8, 8, 3)] {
            let image = stored(bits_stored, false, image(9, 14, allocated, samples, 0));
            for cells in [testing::cells(&image), canonical_noise(&image, 5)] {
                let codestream = encode(uids::JPEG_LOSSLESS, &cells, &image);
                for bit in 0..codestream.len() * 8 {
                    let mut damaged = codestream.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    let decoded = decode(&damaged, &image);
                    assert!(
                        decoded.is_err() || decoded.is_ok_and(|found| found.len() == cells.len()),
                        "{bit}"
                    );
                }
                // The End of Image is not needed.
                for cut in 0..codestream.len() - 2 {
                    assert!(decode(&codestream[..cut], &image).is_err(), "cut at {cut}");
                }
            }
        }
    }
}
