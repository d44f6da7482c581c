//! JPEG 2000 encoders (PS3.5 8.2.4 and A.4.4) over OpenJPEG: one raw codestream a frame, without JP2 boxes.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::jpeg_2000_header::FrameHeader;
use super::super::openjpeg::{self, Settings};
use super::super::parameters::{Exactness, Layers, Parameters};
use super::super::samples::read_component;
use crate::dicom::{ImagePixel, Photometric, uids};
use std::borrow::Cow;

/// JPEG 2000 by OpenJPEG, for one of the two transfer syntaxes. With one layer of everything the wavelet is the reversible
/// one and RGB goes through the reversible colour transform; with layers that aim at something both are irreversible.
pub(super) struct Jpeg2000 {
    transfer_syntax: &'static str,
}

const NAME: &str = "openjpeg";

impl Jpeg2000 {
    /// JPEG 2000 Image Compression (Lossless Only): everything, whatever the parameters say.
    pub(super) const LOSSLESS: Jpeg2000 = Jpeg2000 { transfer_syntax: uids::JPEG_2000_LOSSLESS };
    /// JPEG 2000 Image Compression: what the parameters say, which may be everything.
    pub(super) const ANY: Jpeg2000 = Jpeg2000 { transfer_syntax: uids::JPEG_2000 };

    fn layers<'p>(&self, parameters: &'p Parameters) -> &'p Layers {
        if self.transfer_syntax == uids::JPEG_2000_LOSSLESS {
            &Layers::Everything
        } else {
            &parameters.layers
        }
    }
}

impl Encoder for Jpeg2000 {
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
        let colour_transform = transforms_colour(frame.image, parameters);
        let layers = self.layers(parameters);
        layers.check().map_err(|message| EncodeError::Library { library: "OpenJPEG", code: -1, message })?;
        let layers = per_stored_bit(layers, frame.image);
        encode(frame, &Settings { layers: &layers, colour_transform }, out)
    }

    fn image_after(&self, image: &ImagePixel, parameters: &Parameters) -> ImagePixel {
        let transformed = match self.layers(parameters) {
            Layers::Everything => Photometric::YbrRct,
            Layers::Ratios(_) | Layers::Psnrs(_) => Photometric::YbrIct,
        };
        let photometric =
            if transforms_colour(image, parameters) { transformed } else { image.photometric.clone() };
        // A codestream has components, not an order of them; decoders give pixels (PS3.5 8.2.4).
        ImagePixel { planar: 0, photometric, ..image.clone() }
    }

    fn options(&self) -> &'static [&'static str] {
        match self.transfer_syntax() {
            uids::JPEG_2000_LOSSLESS => &["--no-colour-transform"],
            _ => &["--ratios", "--psnrs", "--no-colour-transform"],
        }
    }

    fn exactness(&self, parameters: &Parameters) -> Exactness {
        match self.layers(parameters) {
            Layers::Everything => Exactness::Exact,
            Layers::Ratios(_) | Layers::Psnrs(_) => Exactness::Close,
        }
    }

    fn settings(&self, parameters: &Parameters) -> String {
        let list = |numbers: &[f32]| numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(", ");
        let layers = match self.layers(parameters) {
            Layers::Everything => String::new(),
            Layers::Ratios(ratios) => format!("ratio {}", list(ratios)),
            Layers::Psnrs(psnrs) => format!("PSNR {} dB", list(psnrs)),
        };
        let plain = if parameters.colour_transform { "" } else { "no colour transform" };
        [&layers, plain].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    fn keeps_unused_bits(&self) -> bool {
        false
    }
}

/// Whether the samples go through the colour transform: it is for three samples of RGB (PS3.5 8.2.4). Samples of one bit only
/// grow by it.
fn transforms_colour(image: &ImagePixel, parameters: &Parameters) -> bool {
    let rgb = image.samples == 3 && image.photometric == Photometric::Rgb;
    parameters.colour_transform && rgb && image.bits_stored > 1
}

/// Ratios are those of native cells to the codestream, and the library's those of samples at their precision.
fn per_stored_bit<'l>(layers: &'l Layers, image: &ImagePixel) -> Cow<'l, Layers> {
    match layers {
        Layers::Everything | Layers::Psnrs(_) => Cow::Borrowed(layers),
        Layers::Ratios(ratios) => {
            let used = f32::from(image.bits_stored) / f32::from(image.bits_allocated);
            Cow::Owned(Layers::Ratios(ratios.iter().map(|ratio| ratio * used).collect()))
        }
    }
}

fn encode(frame: &Frame<'_>, settings: &Settings<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let image = frame.image;
    let most = if settings.colour_transform {
        openjpeg::MOST_TRANSFORMED_PRECISION
    } else {
        openjpeg::MOST_PRECISION
    };
    let header = frame_header(image)
        .filter(|header| header.precision <= most)
        .ok_or_else(|| EncodeError::Unsupported { encoder: NAME, image: describe(image) })?;
    let expected = image.frame_cells() * image.bytes_per_cell() as u64;
    if frame.cells.len() as u64 != expected {
        return Err(EncodeError::FrameLength { expected, found: frame.cells.len() as u64 });
    }
    let fill = |component, samples: &mut [i32]| read_component(frame.cells, image, component, samples);
    openjpeg::encode(&header, settings, fill, out).map_err(|error| EncodeError::Library {
        library: "OpenJPEG",
        code: -1,
        message: error.to_string(),
    })
}

/// The frame header for an image, or `None` when this encoder has no form for it.
fn frame_header(image: &ImagePixel) -> Option<FrameHeader> {
    let header = FrameHeader {
        columns: u32::from(image.columns),
        rows: u32::from(image.rows),
        components: image.samples,
        precision: u8::try_from(image.bits_stored).ok()?,
        signed: image.signed,
    };
    let fits = matches!(image.bits_allocated, 8 | 16 | 32)
        && (1..=image.bits_allocated).contains(&image.bits_stored)
        && matches!(image.samples, 1 | 3 | 4)
        && image.rows > 0
        && image.columns > 0
        && image.frame_cells() <= openjpeg::MOST_SAMPLES;
    fits.then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::deviation::Deviation;
    use crate::codec::encoder::Coded;
    use crate::codec::testing::{self, decoder_for, noise, stored};

    /// A slope with some noise, as images have it.
    fn cells(image: &ImagePixel) -> Vec<u8> {
        let count = image.frame_cells() as usize;
        let (top, low) =
            (1_i64 << image.bits_stored, if image.signed { 1_i64 << (image.bits_stored - 1) } else { 0 });
        let random = noise(count, 11);
        (0..count)
            .flat_map(|at| {
                let value = (at as i64 * 7 / 5 + i64::from(random[at] % 16)) % top - low;
                value.to_le_bytes().into_iter().take(image.bytes_per_cell())
            })
            .collect()
    }

    fn images() -> Vec<ImagePixel> {
        vec![
            testing::image(300, 260, 8, 1, 0),
            stored(12, false, testing::image(300, 260, 16, 1, 0)),
            stored(12, true, testing::image(300, 260, 16, 1, 0)),
            testing::image(300, 260, 16, 1, 0),
            testing::image(300, 260, 8, 3, 0),
            testing::image(300, 260, 8, 3, 1),
        ]
    }

    /// The codestream of one image, and how far what it decodes to lies from it.
    fn encoded(image: &ImagePixel, layers: Layers, colour_transform: bool) -> (Vec<u8>, Deviation) {
        let parameters = Parameters { layers, colour_transform, ..Parameters::default() };
        let (original, mut codestream, mut decoded) = (cells(image), Vec::new(), Vec::new());
        let frame = Frame { cells: &original, image };
        Jpeg2000::ANY.encode(&frame, &parameters, &mut codestream).unwrap();
        let after = Jpeg2000::ANY.image_after(image, &parameters);
        let coded = Coded { codestream: &codestream, encoded: &after, native: image };
        decoder_for(uids::JPEG_2000).decode(&coded, &mut decoded).unwrap();
        let deviation = Deviation::between(&decoded, &original, image).unwrap();
        (codestream, deviation)
    }

    #[test]
    fn a_ratio_is_that_of_native_to_encoded_bytes() {
        for image in images() {
            for ratio in [8.0, 20.0] {
                let (codestream, deviation) = encoded(&image, Layers::Ratios(vec![ratio]), true);
                let reached = image.frame_bytes().unwrap() as f32 / codestream.len() as f32;
                assert!(reached >= ratio * 0.97 && reached < ratio * 1.5, "{reached} {image:?}");
                assert!(deviation.largest > 0);
            }
        }
    }

    #[test]
    fn a_signal_to_noise_ratio_is_reached() {
        for image in images() {
            for wanted in [40.0, 50.0] {
                let (_, deviation) = encoded(&image, Layers::Psnrs(vec![wanted]), true);
                let reached = deviation.psnr(image.bits_stored);
                assert!(reached > f64::from(wanted) - 2.0, "{reached} instead of {wanted}: {image:?}");
            }
        }
    }

    #[test]
    fn everything_loses_nothing_in_either_syntax() {
        for image in images() {
            let (codestream, deviation) = encoded(&image, Layers::Everything, true);
            assert_eq!(deviation.largest, 0);
            let mut lossless = Vec::new();
            let cells = cells(&image);
            let parameters = Parameters { layers: Layers::Ratios(vec![20.0]), ..Parameters::default() };
            Jpeg2000::LOSSLESS
                .encode(&Frame { cells: &cells, image: &image }, &parameters, &mut lossless)
                .unwrap();
            assert_eq!(lossless, codestream, "parameters do not make lossless lossy");
        }
    }

    #[test]
    fn colour_says_which_transform_it_went_through() {
        let (grey, colour) = (testing::image(8, 8, 8, 1, 0), testing::image(8, 8, 8, 3, 1));
        let after = |encoder: &Jpeg2000, image: &ImagePixel, layers, colour_transform| {
            let parameters = Parameters { layers, colour_transform, ..Parameters::default() };
            let after = encoder.image_after(image, &parameters);
            assert_eq!(after.planar, 0);
            after.photometric
        };
        let ratios = || Layers::Ratios(vec![5.0]);
        assert_eq!(after(&Jpeg2000::ANY, &colour, ratios(), true), Photometric::YbrIct);
        assert_eq!(after(&Jpeg2000::ANY, &colour, Layers::Psnrs(vec![50.0]), true), Photometric::YbrIct);
        assert_eq!(after(&Jpeg2000::ANY, &colour, ratios(), false), Photometric::Rgb);
        assert_eq!(after(&Jpeg2000::ANY, &colour, Layers::Everything, true), Photometric::YbrRct);
        assert_eq!(after(&Jpeg2000::LOSSLESS, &colour, ratios(), true), Photometric::YbrRct);
        assert_eq!(after(&Jpeg2000::ANY, &grey, ratios(), true), Photometric::Monochrome2);
    }

    /// SGcod (A.6.1) says how many layers there are, and whether components are transformed.
    #[test]
    fn every_layer_is_there() {
        let image = testing::image(64, 64, 8, 3, 0);
        let cod = |layers, colour_transform| {
            let (codestream, _) = encoded(&image, layers, colour_transform);
            let at = codestream.windows(2).position(|two| two == [0xFF, 0x52]).unwrap();
            (u16::from_be_bytes([codestream[at + 6], codestream[at + 7]]), codestream[at + 8])
        };
        assert_eq!(cod(Layers::Ratios(vec![40.0, 20.0, 10.0]), true), (3, 1));
        assert_eq!(cod(Layers::Psnrs(vec![30.0, 40.0]), false), (2, 0));
    }

    #[test]
    fn the_settings_say_what_is_heeded() {
        let settings = |encoder: &Jpeg2000, layers, colour_transform| {
            encoder.settings(&Parameters { layers, colour_transform, ..Parameters::default() })
        };
        let ratios = || Layers::Ratios(vec![20.0, 7.5]);
        assert_eq!(settings(&Jpeg2000::ANY, ratios(), true), "ratio 20, 7.5");
        assert_eq!(
            settings(&Jpeg2000::ANY, Layers::Psnrs(vec![45.0]), false),
            "PSNR 45 dB, no colour transform"
        );
        assert_eq!(settings(&Jpeg2000::LOSSLESS, ratios(), true), "");
    }
}
