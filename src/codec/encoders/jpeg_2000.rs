//! JPEG 2000 encoders (PS3.5 8.2.4 and A.4.4) over OpenJPEG: one raw codestream a frame, without JP2 boxes.

use super::super::encoder::{EncodeError, Encoder, Frame, describe};
use super::super::jpeg_2000_header::FrameHeader;
use super::super::openjpeg::{self, Settings};
use super::super::parameters::{Exactness, Layers, Parameters};
use super::super::samples::read_component;
use crate::dicom::{ImagePixel, Photometric, uids};

/// JPEG 2000 Lossless by OpenJPEG: the reversible wavelet, RGB through the reversible colour transform.
pub(super) struct Jpeg2000Lossless;

const NAME: &str = "openjpeg";

impl Encoder for Jpeg2000Lossless {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::JPEG_2000_LOSSLESS
    }

    fn encode(
        &self,
        frame: &Frame<'_>,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let colour_transform = transforms_colour(frame.image, parameters);
        encode(frame, &Settings { layers: &Layers::Everything, colour_transform }, out)
    }

    fn image_after(&self, image: &ImagePixel, parameters: &Parameters) -> ImagePixel {
        image_after(image, parameters, Photometric::YbrRct)
    }

    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
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

fn image_after(image: &ImagePixel, parameters: &Parameters, transformed: Photometric) -> ImagePixel {
    let photometric =
        if transforms_colour(image, parameters) { transformed } else { image.photometric.clone() };
    // A codestream has components, not an order of them; decoders give pixels (PS3.5 8.2.4).
    ImagePixel { planar: 0, photometric, ..image.clone() }
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
