//! The image of an instance and where its native cells come from, whether it came native or encapsulated.

use super::attributes::ENCAPSULATED_ONLY;
use super::decoded_pixels::DecodedPixels;
use super::frame_source::FrameSource;
use super::instance::Instance;
use super::reason::Reason;
use super::report::{CompressError, Options, Recompress};
use crate::dicom::{Fidelity, ImagePixel, NativePixels, NativePixelsError, Tag};

/// The image of an instance.
pub(super) struct Pixels<'s> {
    /// As its data set describes it.
    pub(super) received: ImagePixel,
    /// As its native cells are.
    pub(super) image: ImagePixel,
    /// Gives the native cells.
    pub(super) source: Box<dyn FrameSource + 's>,
    /// Bytes of the native cells of all frames, without a pad byte.
    pub(super) native_bytes: u64,
    /// The decoder's name, where the image came encapsulated.
    pub(super) decoded_by: Option<&'static str>,
    /// The name of a decoder of another make that has to agree.
    pub(super) witness: Option<&'static str>,
}

impl<'s> Pixels<'s> {
    /// The pixels of `instance`, if they may be encoded anew; `fits` judges the native image before its cells are sought.
    ///
    /// # Errors
    /// The reason why not; or the source's own.
    pub(super) fn of(
        instance: &Instance<'s>,
        options: &Options,
        fits: impl FnOnce(&ImagePixel) -> Result<(), Reason>,
    ) -> Result<Pixels<'s>, CompressError> {
        let kept = CompressError::Kept;
        may_be_touched(instance, options).map_err(kept)?;
        let received = ImagePixel::from_data_set(instance.source, instance.data_set)
            .map_err(|error| kept(Reason::ImagePixelUnusable(error.to_string())))?;
        let unusable = |error: &dyn std::fmt::Display| kept(Reason::ImagePixelUnusable(error.to_string()));
        if instance.is_encapsulated() {
            let pixels = DecodedPixels::of(instance, received.clone(), options)?;
            fits(pixels.native()).map_err(kept)?;
            return Ok(Pixels {
                received,
                image: pixels.native().clone(),
                native_bytes: pixels.native().native_bytes().map_err(|error| unusable(&error))?,
                decoded_by: Some(pixels.decoder()),
                witness: pixels.witness(),
                source: Box::new(pixels),
            });
        }
        fits(&received).map_err(kept)?;
        let pixels = NativePixels::of(instance.source, instance.data_set, &received).map_err(|error| {
            kept(match error {
                NativePixelsError::Short { expected, actual } => {
                    Reason::PixelDataShort { expected, found: actual }
                }
                NativePixelsError::Long { expected, actual } => {
                    Reason::PixelDataLong { expected, found: actual }
                }
                other => Reason::ImagePixelUnusable(other.to_string()),
            })
        })?;
        Ok(Pixels {
            image: received.clone(),
            native_bytes: received.native_bytes().map_err(|error| unusable(&error))?,
            decoded_by: None,
            witness: None,
            source: Box::new(pixels),
            received,
        })
    }
}

/// Whether there is pixel data that may be encoded anew, as far as the data set alone tells.
fn may_be_touched(instance: &Instance<'_>, options: &Options) -> Result<(), Reason> {
    let has = |tag: Tag| instance.data_set.element(tag).is_some();
    for (tag, name) in FLOAT_PIXELS {
        if has(*tag) {
            return Err(Reason::FloatPixelData(name));
        }
    }
    let Some(element) = instance.data_set.pixel_data() else { return Err(Reason::NoPixelData) };
    if element.undefined_length {
        let lossless = instance.received.is_some_and(|syntax| syntax.fidelity == Fidelity::Lossless);
        match options.recompress {
            Recompress::Never => return Err(Reason::AlreadyCompressed),
            Recompress::LosslessOnly if !lossless => return Err(Reason::LossyCompressed),
            Recompress::LosslessOnly | Recompress::Always => {}
        }
    }
    for (tag, name) in SIGNATURES {
        if has(*tag) {
            return Err(Reason::DigitalSignature(name));
        }
    }
    if !element.undefined_length
        && let Some(tag) = ENCAPSULATED_ONLY.iter().find(|tag| has(**tag))
    {
        return Err(Reason::ImagePixelUnusable(format!("{tag} stands beside native pixel data")));
    }
    Ok(())
}

pub(super) const FLOAT_PIXELS: &[(Tag, &str)] = &[
    (Tag::FLOAT_PIXEL_DATA, "Float Pixel Data (7FE0,0008)"),
    (Tag::DOUBLE_FLOAT_PIXEL_DATA, "Double Float Pixel Data (7FE0,0009)"),
];

/// A signature covers encoded bytes, Pixel Data among them (PS3.15 C.1).
pub(super) const SIGNATURES: &[(Tag, &str)] = &[
    (Tag::DIGITAL_SIGNATURES_SEQUENCE, "(FFFA,FFFA)"),
    (Tag::MAC_PARAMETERS_SEQUENCE, "with MAC parameters (4FFE,0001)"),
];
