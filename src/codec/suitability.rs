//! What can be said for and against compressing an instance before a single cell is looked at.

use super::profile::allows;
use super::reason::Reason;
use crate::dicom::{
    DataSet, ImagePixel, NativePixels, NativePixelsError, PixelCoding, Source, Tag, TransferSyntax,
};

/// An instance whose frames may be encoded, as far as its attributes tell.
pub struct Suitable<'s> {
    /// The image.
    pub image: ImagePixel,
    /// Its cells.
    pub pixels: NativePixels<'s>,
}

/// Whether an instance may be encoded as `target`, by its attributes (PS3.5 8.2 and A.4) and the length of its pixel data.
///
/// The data set must be walked as it was received (a deflated one as Explicit VR Little Endian, inflated).
/// Bits above Bits Stored are not looked at: that is done frame by frame while encoding.
///
/// # Errors
/// The reason to keep the instance as received.
pub fn suitable<'s>(
    source: &'s dyn Source,
    data_set: &DataSet,
    target: &TransferSyntax,
) -> Result<Suitable<'s>, Reason> {
    if target.pixel_coding != PixelCoding::Encapsulated {
        return Err(Reason::NoEncoder(target.keyword.to_owned()));
    }
    for (tag, name) in FLOAT_PIXELS {
        if data_set.element(*tag).is_some() {
            return Err(Reason::FloatPixelData(name));
        }
    }
    let Some(element) = data_set.pixel_data() else { return Err(Reason::NoPixelData) };
    if element.undefined_length {
        return Err(Reason::AlreadyCompressed);
    }
    for (tag, name) in SIGNATURES {
        if data_set.element(*tag).is_some() {
            return Err(Reason::DigitalSignature(name));
        }
    }
    for tag in ENCAPSULATED_ONLY {
        if data_set.element(*tag).is_some() {
            return Err(Reason::ImagePixelUnusable(format!("{tag} stands beside native pixel data")));
        }
    }
    let image = ImagePixel::from_data_set(source, data_set)
        .map_err(|error| Reason::ImagePixelUnusable(error.to_string()))?;
    allows(target, &image)?;
    let pixels = NativePixels::of(source, data_set, &image).map_err(|error| match error {
        NativePixelsError::Short { expected, actual } => Reason::PixelDataShort { expected, found: actual },
        NativePixelsError::Long { expected, actual } => Reason::PixelDataLong { expected, found: actual },
        other => Reason::ImagePixelUnusable(other.to_string()),
    })?;
    Ok(Suitable { image, pixels })
}

const FLOAT_PIXELS: &[(Tag, &str)] = &[
    (Tag::FLOAT_PIXEL_DATA, "Float Pixel Data (7FE0,0008)"),
    (Tag::DOUBLE_FLOAT_PIXEL_DATA, "Double Float Pixel Data (7FE0,0009)"),
];

/// A signature covers encoded bytes, Pixel Data among them (PS3.15 C.1).
const SIGNATURES: &[(Tag, &str)] = &[
    (Tag::DIGITAL_SIGNATURES_SEQUENCE, "(FFFA,FFFA)"),
    (Tag::MAC_PARAMETERS_SEQUENCE, "with MAC parameters (4FFE,0001)"),
];

/// Elements that describe fragments; with native pixels they contradict themselves, and with ours they would be wrong.
const ENCAPSULATED_ONLY: &[Tag] = &[
    Tag::EXTENDED_OFFSET_TABLE,
    Tag::EXTENDED_OFFSET_TABLE_LENGTHS,
    Tag::ENCAPSULATED_PIXEL_DATA_VALUE_TOTAL_LENGTH,
];
