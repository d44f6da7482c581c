//! JPEG Baseline and Extended (ISO/IEC 10918-1 Annex F, Processes 1, 2 and 4; PS3.5 8.2.1): 8 bits, or 12 in .51; lossy.
//!
//! # The algorithm
//!
//! Blocks of 8 x 8 samples go through a cosine transform (`jpeg_transform`); its coefficients are divided by the steps of a
//! quantisation table (`quantisation`), which is what loses; and the quotients, most of them zero, are coded by Huffman
//! codes (`block`, `entropy`).
//!
//! # What is chosen
//!
//! * **Quantisation** is that of Annex K, scaled by `quality` as the Independent JPEG Group scales it, so that the number
//!   means what it means in DCMTK and elsewhere.
//! * **Huffman codes are the best ones for each frame**, by a first pass over the coefficients: a tenth less than with the
//!   codes of Annex K. Luminance has its own, and the two chrominances share theirs.
//! * **RGB becomes YBR_FULL_422**, the one YCbCr of PS3.5 table 8.2.1-1: half as many chrominances across. Without the
//!   colour transform it stays RGB in full, with components named R, G and B and Adobe's segment, by which all decoders
//!   know it.
//! * No JFIF segment: PS3.5 wants none, and the attributes say the colours.

use super::super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::super::jpeg_stream::marker;
use super::super::super::jpeg_transform::forward;
use super::super::super::parameters::{Exactness, Parameters};
use super::super::jpeg::{define_huffman_code, segment};
use super::component::{Colours, Component, components};
use super::entropy::{self, codes_of};
use super::quantisation::Steps;
use crate::dicom::{ImagePixel, Photometric, uids};

/// The project's own encoder of sequential JPEG.
pub(crate) struct JpegDct {
    transfer_syntax: &'static str,
    /// The marker of its frame header.
    process: u8,
    /// The pairs of Bits Allocated and Bits Stored that the syntax has.
    depths: &'static [(u16, u16)],
    /// Whether it has colour.
    colour: bool,
}

const NAME: &str = "condenser";

impl JpegDct {
    /// Process 1.
    pub(crate) const BASELINE: JpegDct = JpegDct {
        transfer_syntax: uids::JPEG_BASELINE,
        process: marker::BASELINE,
        depths: &[(8, 8)],
        colour: true,
    };
    /// Processes 2 and 4.
    pub(crate) const EXTENDED: JpegDct = JpegDct {
        transfer_syntax: uids::JPEG_EXTENDED,
        process: marker::EXTENDED,
        depths: &[(8, 8), (16, 12)],
        colour: false,
    };

    fn takes(&self, image: &ImagePixel) -> bool {
        let samples = image.samples == 1 || (image.samples == 3 && self.colour);
        self.depths.contains(&(image.bits_allocated, image.bits_stored))
            && samples
            && !image.signed
            && image.has_whole_pixels()
            && image.rows > 0
            && image.columns > 0
    }
}

impl Encoder for JpegDct {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn encode(
        &self,
        frame: &Frame<'_>,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let image = frame.image;
        if !self.takes(image) {
            return Err(EncodeError::Unsupported { encoder: NAME, image: describe(image) });
        }
        let expected = image.frame_cells() * image.bytes_per_cell() as u64;
        if frame.cells.len() as u64 != expected {
            return Err(EncodeError::FrameLength { expected, found: frame.cells.len() as u64 });
        }
        let precision = image.bits_stored as u8;
        let colours = colours(image, parameters);
        let components = components(frame.cells, image, colours, precision);
        let mut steps = vec![Steps::luminance(parameters.quality)];
        if colours != Colours::Keep {
            steps.push(Steps::chrominance(parameters.quality));
        }
        // Components of which all are as coarse as each other share the first table.
        let steps_of = |component: usize| component.min(1).min(steps.len() - 1);
        let blocks = blocks(&components, precision, |component| &steps[steps_of(component)]);
        let codes = entropy::best_codes(&blocks, components.len() as u8);
        out.clear();
        out.extend([0xFF, marker::START_OF_IMAGE]);
        let by_letters = components.len() == 3 && colours == Colours::Keep;
        let identifiers: &[u8] = if by_letters { b"RGB" } else { &[1, 2, 3] };
        if by_letters {
            // Version 100, no flags, no transform.
            segment(marker::ADOBE, b"Adobe\0\x64\0\0\0\0\0", out);
        }
        for (place, steps) in (0u8..).zip(&steps) {
            segment(marker::DEFINE_QUANTISATION_TABLES, &steps.segment(place), out);
        }
        let mut header = vec![precision];
        header.extend(image.rows.to_be_bytes());
        header.extend(image.columns.to_be_bytes());
        header.push(components.len() as u8);
        for ((at, component), identifier) in components.iter().enumerate().zip(identifiers) {
            header.extend([*identifier, (component.blocks as u8) << 4 | 1, steps_of(at) as u8]);
        }
        segment(self.process, &header, out);
        for (place, codes) in (0u8..).zip(&codes) {
            define_huffman_code(place, &codes.dc, out);
            define_huffman_code(0x10 | place, &codes.ac, out);
        }
        let mut scan = vec![components.len() as u8];
        for (at, identifier) in (0u8..).zip(identifiers).take(components.len()) {
            scan.extend([*identifier, codes_of(at) as u8 * 0x11]);
        }
        scan.extend([0, 63, 0]);
        segment(marker::START_OF_SCAN, &scan, out);
        entropy::write(&blocks, &codes, out);
        out.extend([0xFF, marker::END_OF_IMAGE]);
        Ok(())
    }

    fn image_after(&self, image: &ImagePixel, parameters: &Parameters) -> ImagePixel {
        let photometric = match colours(image, parameters) {
            Colours::Keep => image.photometric.clone(),
            Colours::Halve | Colours::ConvertAndHalve => Photometric::YbrFull422,
        };
        ImagePixel { planar: 0, photometric, ..image.clone() }
    }

    fn options(&self) -> &'static [&'static str] {
        if self.colour { &["--quality", "--no-colour-transform"] } else { &["--quality"] }
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Close
    }

    fn settings(&self, parameters: &Parameters) -> String {
        format!("quality {}", parameters.quality.clamp(1, 100))
    }

    fn keeps_unused_bits(&self) -> bool {
        false
    }
}

fn colours(image: &ImagePixel, parameters: &Parameters) -> Colours {
    match image.photometric {
        Photometric::Rgb if image.samples == 3 && parameters.colour_transform => Colours::ConvertAndHalve,
        Photometric::YbrFull if image.samples == 3 => Colours::Halve,
        _ => Colours::Keep,
    }
}

/// The quantised blocks of a scan with all components, in their order: minimum coded unit by unit (A.2.3).
fn blocks<'s>(
    components: &[Component],
    precision: u8,
    steps: impl Fn(usize) -> &'s Steps,
) -> Vec<(u8, [i16; 64])> {
    let (across, down) = components.first().map(Component::units).unwrap_or_default();
    let mut blocks = Vec::with_capacity(across * down * (components.len() + 1));
    for row in 0..down {
        for unit in 0..across {
            for (at, component) in components.iter().enumerate() {
                for column in unit * component.blocks..(unit + 1) * component.blocks {
                    let coefficients = forward(&component.block(row, column), precision);
                    blocks.push((at as u8, steps(at).quantise(&coefficients)));
                }
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::super::super::super::decoders::DECODERS;
    use super::super::super::super::deviation::Deviation;
    use super::super::super::super::encoder::{Coded, DecodeError, Decoder};
    use super::super::super::super::testing::{self, canonical_noise, image, stored};
    use super::*;

    fn encode(encoder: &JpegDct, cells: &[u8], image: &ImagePixel, parameters: &Parameters) -> Vec<u8> {
        let mut out = vec![0xEE; 5];
        encoder.encode(&Frame { cells, image }, parameters, &mut out).unwrap();
        out
    }

    fn decode(
        encoder: &JpegDct,
        codestream: &[u8],
        image: &ImagePixel,
        parameters: &Parameters,
    ) -> Result<Vec<u8>, DecodeError> {
        let of_syntax = |decoder: &&&dyn Decoder| decoder.transfer_syntax() == encoder.transfer_syntax;
        let decoder = DECODERS.iter().find(of_syntax).unwrap();
        let encoded = encoder.image_after(image, parameters);
        let mut cells = Vec::new();
        decoder.decode(&Coded { codestream, encoded: &encoded, native: image }, &mut cells).map(|()| cells)
    }

    /// A smooth image, with an edge for each size of blocks.
    fn slope(image: &ImagePixel) -> Vec<u8> {
        let (columns, samples) = (u32::from(image.columns), u32::from(image.samples));
        let most = (1u32 << image.bits_stored) - 1;
        (0..u32::from(image.rows) * columns * samples)
            .flat_map(|at| {
                let (x, y) = (at / samples % columns, at / samples / columns);
                let value = (x * (3 + at % samples) + y * 2) * most / 800;
                (value.min(most)).to_le_bytes().into_iter().take(image.bytes_per_cell())
            })
            .collect()
    }

    #[test]
    fn smooth_images_come_back_nearly() {
        let with =
            |quality, colour_transform| Parameters { quality, colour_transform, ..Parameters::default() };
        let deep = stored(12, false, image(50, 77, 16, 1, 0));
        for (encoder, image, parameters, bound) in [
            (&JpegDct::BASELINE, image(50, 77, 8, 1, 0), with(100, true), 2),
            (&JpegDct::BASELINE, image(50, 77, 8, 1, 0), with(90, true), 6),
            (&JpegDct::BASELINE, image(50, 77, 8, 3, 0), with(100, true), 8),
            (&JpegDct::BASELINE, image(50, 77, 8, 3, 0), with(100, false), 2),
            (&JpegDct::EXTENDED, image(50, 77, 8, 1, 0), with(100, true), 2),
            (&JpegDct::EXTENDED, deep, with(100, true), 2),
        ] {
            let cells = slope(&image);
            let codestream = encode(encoder, &cells, &image, &parameters);
            let decoded = decode(encoder, &codestream, &image, &parameters).unwrap();
            let deviation = Deviation::between(&decoded, &cells, &image).unwrap();
            assert!(deviation.largest <= bound, "{} {image:?} {parameters:?}", deviation.largest);
            assert!(codestream.len() < cells.len());
        }
    }

    #[test]
    fn every_size_comes_back_whole() {
        for rows in 1..20 {
            for columns in 1..20 {
                let image = image(rows, columns, 8, 3, rows & 1);
                let cells = canonical_noise(&image, 2);
                let codestream = encode(&JpegDct::BASELINE, &cells, &image, &Parameters::default());
                assert_eq!(
                    decode(&JpegDct::BASELINE, &codestream, &image, &Parameters::default()).unwrap().len(),
                    cells.len()
                );
            }
        }
    }

    #[test]
    fn the_colours_are_in_the_attributes_and_in_the_codestream() {
        let rgb = image(16, 16, 8, 3, 1);
        let keep = Parameters { colour_transform: false, ..Parameters::default() };
        let after =
            |image: &ImagePixel, parameters: &Parameters| JpegDct::BASELINE.image_after(image, parameters);
        let ybr = ImagePixel { photometric: Photometric::YbrFull, ..rgb.clone() };
        for image in [&rgb, &ybr] {
            let encoded = after(image, &Parameters::default());
            assert_eq!((encoded.photometric, encoded.planar), (Photometric::YbrFull422, 0));
        }
        assert_eq!(after(&rgb, &keep).photometric, Photometric::Rgb);
        let cells = testing::cells(&rgb);
        let kept = encode(&JpegDct::BASELINE, &cells, &rgb, &keep);
        assert_eq!(kept[6..18], *b"Adobe\0\x64\0\0\0\0\0");
        // Whoever takes it for YCbCr is told that it is not.
        let wrong = Coded { codestream: &kept, encoded: &ybr, native: &ybr };
        let decoder =
            DECODERS.iter().find(|decoder| decoder.transfer_syntax() == uids::JPEG_BASELINE).unwrap();
        let error = decoder.decode(&wrong, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("red, green and blue"), "{error}");
    }

    #[test]
    fn images_of_other_kinds_are_refused() {
        let refused = |encoder: &JpegDct, image: &ImagePixel| {
            let cells = vec![0; image.frame_bytes().unwrap() as usize];
            let error =
                encoder.encode(&Frame { cells: &cells, image }, &Parameters::default(), &mut Vec::new());
            assert!(matches!(error, Err(EncodeError::Unsupported { .. })), "{image:?}");
        };
        let deep = stored(12, false, image(8, 8, 16, 1, 0));
        refused(&JpegDct::BASELINE, &deep);
        refused(&JpegDct::EXTENDED, &stored(10, false, deep.clone()));
        refused(&JpegDct::EXTENDED, &stored(12, true, deep));
        refused(&JpegDct::EXTENDED, &image(8, 8, 8, 3, 0));
        refused(&JpegDct::BASELINE, &stored(8, true, image(8, 8, 8, 1, 0)));
    }

    /// Whatever is damaged, the decoder fails or gives a frame of the right size; no cut codestream passes.
    #[test]
    fn damage_anywhere_ends() {
        let deep = stored(12, false, image(20, 20, 16, 1, 0));
        for (encoder, image) in [(&JpegDct::BASELINE, image(18, 20, 8, 3, 0)), (&JpegDct::EXTENDED, deep)] {
            let cells = canonical_noise(&image, 5);
            let parameters = Parameters { quality: 30, ..Parameters::default() };
            let codestream = encode(encoder, &cells, &image, &parameters);
            for bit in 0..codestream.len() * 8 {
                let mut damaged = codestream.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let decoded = decode(encoder, &damaged, &image, &parameters);
                assert!(decoded.is_err() || decoded.is_ok_and(|found| found.len() == cells.len()), "{bit}");
            }
            for cut in 0..codestream.len() - 2 {
                assert!(decode(encoder, &codestream[..cut], &image, &parameters).is_err(), "cut at {cut}");
            }
        }
    }
}
