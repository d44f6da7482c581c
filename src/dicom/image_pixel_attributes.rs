//! Reads single attributes of the Image Pixel Module, and guesses nothing (PS3.3 section C.7.6.3).

use super::dataset::{DataSet, Element};
use super::source::Source;
use super::tag::Tag;
use super::vr::Vr;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::{fmt, io};

/// A data set, as the attributes that stand at its top level.
pub(super) struct Attributes<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) data_set: &'a DataSet,
}

impl<'a> Attributes<'a> {
    /// The number, which must be one of the `possible` ones.
    pub(super) fn number(
        &self,
        attribute: Attribute,
        possible: RangeInclusive<u16>,
    ) -> Result<u16, ImagePixelError> {
        let element = self.element(attribute, Vr::US)?.ok_or(ImagePixelError::Missing(attribute))?;
        let length = element.value_length();
        if length == 0 {
            return Err(ImagePixelError::Missing(attribute));
        }
        let bytes: [u8; 2] = (self.value(element)?.as_ref().try_into())
            .map_err(|_| ImagePixelError::WrongLength { attribute, length })?;
        let number = if self.data_set.vr_encoding.is_big_endian() {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        };
        if possible.contains(&number) { Ok(number) } else { Err(impossible(attribute, &number.to_string())) }
    }

    /// Number of Frames; 1 when it is absent or empty.
    pub(super) fn frames(&self) -> Result<u32, ImagePixelError> {
        let text = match self.text(Attribute::NUMBER_OF_FRAMES, Vr::IS) {
            Err(ImagePixelError::Missing(_)) => return Ok(1),
            text => text?,
        };
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>());
        match number {
            Some(Ok(frames)) if frames >= 1 && frames <= i32::MAX.unsigned_abs() => Ok(frames),
            _ => Err(impossible(Attribute::NUMBER_OF_FRAMES, &text)),
        }
    }

    /// The text without its padding; an empty one counts as missing.
    pub(super) fn text(&self, attribute: Attribute, vr: Vr) -> Result<String, ImagePixelError> {
        let element = self.element(attribute, vr)?.ok_or(ImagePixelError::Missing(attribute))?;
        let length = element.value_length();
        if length > LONGEST_TEXT {
            return Err(ImagePixelError::WrongLength { attribute, length });
        }
        let value = self.value(element)?;
        let text = String::from_utf8_lossy(&value);
        let text = text.trim_matches([' ', '\0']);
        if text.is_empty() { Err(ImagePixelError::Missing(attribute)) } else { Ok(text.to_owned()) }
    }

    /// The only element of this attribute, with its own value representation.
    fn element(&self, attribute: Attribute, vr: Vr) -> Result<Option<&'a Element>, ImagePixelError> {
        let mut found = self.data_set.occurrences(attribute.tag);
        let Some(element) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(ImagePixelError::Repeated(attribute));
        }
        match element.vr {
            Some(other) if other != vr => Err(ImagePixelError::WrongVr { attribute, vr: other }),
            _ => Ok(Some(element)),
        }
    }

    /// At most [`LONGEST_TEXT`] bytes of the value: enough to see that a number is too long.
    fn value(&self, element: &Element) -> io::Result<Cow<'a, [u8]>> {
        let end = element.value.end.min(element.value.start.saturating_add(LONGEST_TEXT));
        self.source.bytes(element.value.start..end)
    }
}

/// An attribute, for the eye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its tag.
    pub tag: Tag,
    /// Its name in PS3.6.
    pub name: &'static str,
}

/// Those that describe the image, and the one that says how it is encoded.
impl Attribute {
    /// Transfer Syntax UID.
    pub const TRANSFER_SYNTAX_UID: Attribute =
        Attribute::new(Tag::TRANSFER_SYNTAX_UID, "Transfer Syntax UID");
    /// Samples per Pixel.
    pub const SAMPLES_PER_PIXEL: Attribute = Attribute::new(Tag::SAMPLES_PER_PIXEL, "Samples per Pixel");
    /// Photometric Interpretation.
    pub const PHOTOMETRIC_INTERPRETATION: Attribute =
        Attribute::new(Tag::PHOTOMETRIC_INTERPRETATION, "Photometric Interpretation");
    /// Planar Configuration.
    pub const PLANAR_CONFIGURATION: Attribute =
        Attribute::new(Tag::PLANAR_CONFIGURATION, "Planar Configuration");
    /// Number of Frames.
    pub const NUMBER_OF_FRAMES: Attribute = Attribute::new(Tag::NUMBER_OF_FRAMES, "Number of Frames");
    /// Rows.
    pub const ROWS: Attribute = Attribute::new(Tag::ROWS, "Rows");
    /// Columns.
    pub const COLUMNS: Attribute = Attribute::new(Tag::COLUMNS, "Columns");
    /// Bits Allocated.
    pub const BITS_ALLOCATED: Attribute = Attribute::new(Tag::BITS_ALLOCATED, "Bits Allocated");
    /// Bits Stored.
    pub const BITS_STORED: Attribute = Attribute::new(Tag::BITS_STORED, "Bits Stored");
    /// High Bit.
    pub const HIGH_BIT: Attribute = Attribute::new(Tag::HIGH_BIT, "High Bit");
    /// Pixel Representation.
    pub const PIXEL_REPRESENTATION: Attribute =
        Attribute::new(Tag::PIXEL_REPRESENTATION, "Pixel Representation");

    const fn new(tag: Tag, name: &'static str) -> Attribute {
        Attribute { tag, name }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.tag)
    }
}

/// Why a data set does not describe an image.
#[derive(Debug, thiserror::Error)]
pub enum ImagePixelError {
    /// The attribute is absent, or empty.
    #[error("{0} is missing")]
    Missing(Attribute),
    /// The attribute is there more than once.
    #[error("{0} is there more than once")]
    Repeated(Attribute),
    /// The value representation is not the attribute's own.
    #[error("{attribute} has VR {vr}")]
    WrongVr {
        /// Which.
        attribute: Attribute,
        /// As it was encoded.
        vr: Vr,
    },
    /// The value is not as long as one value is.
    #[error("{attribute} is {length} bytes long")]
    WrongLength {
        /// Which.
        attribute: Attribute,
        /// Of the value, in bytes.
        length: u64,
    },
    /// The value cannot be.
    #[error("{attribute} is {value}")]
    Impossible {
        /// Which.
        attribute: Attribute,
        /// The number or text, shortened and escaped.
        value: String,
    },
    /// Frames of such cells do not begin on bytes.
    #[error("Bits Allocated (0028,0100) is {bits}, not a multiple of 8")]
    NotWholeBytes {
        /// Bits Allocated.
        bits: u16,
    },
    /// More bytes than 64 bits can count.
    #[error("the image is too large")]
    TooLarge,
    /// The source failed.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// IS has at most 12 characters; equipment pads generously.
const LONGEST_TEXT: u64 = 64;

fn impossible(attribute: Attribute, value: &str) -> ImagePixelError {
    let value = format!("«{}»", value.escape_debug());
    ImagePixelError::Impossible { attribute, value }
}
