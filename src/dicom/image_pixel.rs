//! What the Image Pixel Module says about an image: its shape and its cells (PS3.3 section C.7.6.3).

use super::dataset::{DataSet, Element};
use super::source::Source;
use super::tag::Tag;
use super::vr::Vr;
use std::borrow::Cow;
use std::{fmt, io};

/// The shape of an image and of its cells, exactly as the data set states them.
///
/// The numbers are possible ones (nothing is zero that counts something, no cell is wider than 64 bits), but they
/// need not suit each other: whether a transfer syntax can take them is for the codec to decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImagePixel {
    /// Rows, 1 to 65535.
    pub rows: u16,
    /// Columns, 1 to 65535.
    pub columns: u16,
    /// Number of Frames, 1 to 2³¹ − 1; 1 when the data set does not say.
    pub frames: u32,
    /// Samples per Pixel, 1 or more.
    pub samples: u16,
    /// Photometric Interpretation.
    pub photometric: Photometric,
    /// Planar Configuration: 0 by pixel, 1 by plane; 0 when there is one sample per pixel.
    pub planar: u16,
    /// Bits Allocated, 1 to 64.
    pub bits_allocated: u16,
    /// Bits Stored, 1 to 64; may exceed Bits Allocated in what is received.
    pub bits_stored: u16,
    /// High Bit, 0 to 63.
    pub high_bit: u16,
    /// Whether Pixel Representation is 1, two's complement.
    pub signed: bool,
}

impl ImagePixel {
    /// Reads the module from the top level of a data set, in any encoding.
    ///
    /// Nothing is guessed: a number must have its own value representation (or none, in an implicit encoding) and
    /// exactly two bytes, and an attribute must not be there twice. Only Number of Frames may be absent or empty.
    ///
    /// # Errors
    /// The attribute that is missing, repeated, or not what PS3.3 section C.7.6.3 says it is; or the source's own.
    pub fn from_data_set(source: &dyn Source, data_set: &DataSet) -> Result<ImagePixel, ImagePixelError> {
        let module = Module { source, data_set };
        let samples = module.number(SAMPLES_PER_PIXEL, 1..=u16::MAX)?;
        Ok(ImagePixel {
            samples,
            photometric: Photometric::of(&module.text(PHOTOMETRIC_INTERPRETATION, Vr::CS)?),
            rows: module.number(ROWS, 1..=u16::MAX)?,
            columns: module.number(COLUMNS, 1..=u16::MAX)?,
            frames: module.frames()?,
            bits_allocated: module.number(BITS_ALLOCATED, 1..=MAX_BITS)?,
            bits_stored: module.number(BITS_STORED, 1..=MAX_BITS)?,
            high_bit: module.number(HIGH_BIT, 0..=MAX_BITS - 1)?,
            signed: module.number(PIXEL_REPRESENTATION, 0..=1)? == 1,
            planar: if samples == 1 { 0 } else { module.number(PLANAR_CONFIGURATION, 0..=1)? },
        })
    }

    /// The bytes of one cell. Cells narrower than a byte share bytes; they too give 1.
    pub fn bytes_per_cell(&self) -> usize {
        usize::from(self.bits_allocated.div_ceil(8))
    }

    /// How many cells one native frame holds: rows × columns × samples, less where chrominance is subsampled
    /// (YBR_FULL_422 stores two samples for a pixel, YBR_PARTIAL_420 one and a half: PS3.3 section C.7.6.3.1.2).
    pub fn frame_cells(&self) -> u64 {
        let pixels = u64::from(self.rows) * u64::from(self.columns);
        match (self.samples, &self.photometric) {
            (3, Photometric::YbrFull422 | Photometric::YbrPartial422) => pixels * 2,
            (3, Photometric::YbrPartial420) => (pixels * 3).div_ceil(2),
            (samples, _) => pixels * u64::from(samples),
        }
    }

    /// The bytes of one native frame.
    ///
    /// # Errors
    /// [`ImagePixelError::NotWholeBytes`] when Bits Allocated is not a multiple of 8: such frames need not begin on
    /// a byte (PS3.5 section 8.1.1). [`ImagePixelError::TooLarge`] beyond 2⁶⁴ bytes.
    pub fn frame_bytes(&self) -> Result<u64, ImagePixelError> {
        if !self.bits_allocated.is_multiple_of(8) {
            return Err(ImagePixelError::NotWholeBytes { bits: self.bits_allocated });
        }
        self.frame_cells().checked_mul(self.bytes_per_cell() as u64).ok_or(ImagePixelError::TooLarge)
    }

    /// The bytes of all native frames, without the pad byte that makes the value even.
    ///
    /// # Errors
    /// [`ImagePixelError::TooLarge`] beyond 2⁶⁴ bytes.
    pub fn native_bytes(&self) -> Result<u64, ImagePixelError> {
        let cells =
            self.frame_cells().checked_mul(u64::from(self.frames)).ok_or(ImagePixelError::TooLarge)?;
        let bits = u128::from(cells) * u128::from(self.bits_allocated);
        u64::try_from(bits.div_ceil(8)).map_err(|_| ImagePixelError::TooLarge)
    }
}

/// Photometric Interpretation (PS3.3 section C.7.6.3.1.2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Photometric {
    /// `MONOCHROME1`: the lowest value is white.
    Monochrome1,
    /// `MONOCHROME2`: the lowest value is black.
    Monochrome2,
    /// `PALETTE COLOR`: cells are indices.
    PaletteColor,
    /// `RGB`.
    Rgb,
    /// `YBR_FULL`.
    YbrFull,
    /// `YBR_FULL_422`: Cb and Cr for every other column.
    YbrFull422,
    /// `YBR_PARTIAL_422` (retired).
    YbrPartial422,
    /// `YBR_PARTIAL_420`: Cb and Cr for every other column of every other row.
    YbrPartial420,
    /// `YBR_ICT`, the irreversible transform of JPEG 2000.
    YbrIct,
    /// `YBR_RCT`, the reversible transform of JPEG 2000.
    YbrRct,
    /// `XYB`, of JPEG XL.
    Xyb,
    /// Anything else, as it stands in the data set without padding.
    Other(String),
}

/// The defined terms, each with its variant.
const TERMS: &[(&str, Photometric)] = &[
    ("MONOCHROME1", Photometric::Monochrome1),
    ("MONOCHROME2", Photometric::Monochrome2),
    ("PALETTE COLOR", Photometric::PaletteColor),
    ("RGB", Photometric::Rgb),
    ("YBR_FULL", Photometric::YbrFull),
    ("YBR_FULL_422", Photometric::YbrFull422),
    ("YBR_PARTIAL_422", Photometric::YbrPartial422),
    ("YBR_PARTIAL_420", Photometric::YbrPartial420),
    ("YBR_ICT", Photometric::YbrIct),
    ("YBR_RCT", Photometric::YbrRct),
    ("XYB", Photometric::Xyb),
];

impl Photometric {
    /// The interpretation of this defined term, written as in the standard and without padding.
    pub fn of(term: &str) -> Photometric {
        let known = TERMS.iter().find(|(name, _)| *name == term);
        known.map_or_else(|| Photometric::Other(term.to_owned()), |(_, photometric)| photometric.clone())
    }

    /// The term.
    pub fn as_str(&self) -> &str {
        match self {
            Photometric::Other(term) => term,
            known => TERMS.iter().find(|(_, photometric)| photometric == known).map_or("", |(name, _)| name),
        }
    }
}

impl fmt::Display for Photometric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

/// An attribute, for the eye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its tag.
    pub tag: Tag,
    /// Its name in PS3.6.
    pub name: &'static str,
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.tag)
    }
}

const MAX_BITS: u16 = 64;
/// IS has at most 12 characters; equipment pads generously.
const LONGEST_TEXT: u64 = 64;

const fn attribute(tag: Tag, name: &'static str) -> Attribute {
    Attribute { tag, name }
}

const SAMPLES_PER_PIXEL: Attribute = attribute(Tag::SAMPLES_PER_PIXEL, "Samples per Pixel");
const PHOTOMETRIC_INTERPRETATION: Attribute =
    attribute(Tag::PHOTOMETRIC_INTERPRETATION, "Photometric Interpretation");
const PLANAR_CONFIGURATION: Attribute = attribute(Tag::PLANAR_CONFIGURATION, "Planar Configuration");
const NUMBER_OF_FRAMES: Attribute = attribute(Tag::NUMBER_OF_FRAMES, "Number of Frames");
const ROWS: Attribute = attribute(Tag::ROWS, "Rows");
const COLUMNS: Attribute = attribute(Tag::COLUMNS, "Columns");
const BITS_ALLOCATED: Attribute = attribute(Tag::BITS_ALLOCATED, "Bits Allocated");
const BITS_STORED: Attribute = attribute(Tag::BITS_STORED, "Bits Stored");
const HIGH_BIT: Attribute = attribute(Tag::HIGH_BIT, "High Bit");
const PIXEL_REPRESENTATION: Attribute = attribute(Tag::PIXEL_REPRESENTATION, "Pixel Representation");

/// The data set, seen as the module.
struct Module<'a> {
    source: &'a dyn Source,
    data_set: &'a DataSet,
}

impl<'a> Module<'a> {
    fn number(
        &self,
        attribute: Attribute,
        possible: std::ops::RangeInclusive<u16>,
    ) -> Result<u16, ImagePixelError> {
        let element = self.element(attribute, Vr::US)?.ok_or(ImagePixelError::Missing(attribute))?;
        let length = element.value.end.saturating_sub(element.value.start);
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

    fn frames(&self) -> Result<u32, ImagePixelError> {
        let text = match self.text(NUMBER_OF_FRAMES, Vr::IS) {
            Err(ImagePixelError::Missing(_)) => return Ok(1),
            text => text?,
        };
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>());
        match number {
            Some(Ok(frames)) if frames >= 1 && frames <= i32::MAX.unsigned_abs() => Ok(frames),
            _ => Err(impossible(NUMBER_OF_FRAMES, &text)),
        }
    }

    /// The text without its padding; an empty one counts as missing.
    fn text(&self, attribute: Attribute, vr: Vr) -> Result<String, ImagePixelError> {
        let element = self.element(attribute, vr)?.ok_or(ImagePixelError::Missing(attribute))?;
        let length = element.value.end.saturating_sub(element.value.start);
        if length > LONGEST_TEXT {
            return Err(ImagePixelError::WrongLength { attribute, length });
        }
        let value = self.value(element)?;
        let text = String::from_utf8_lossy(&value);
        let text = text.trim_matches([' ', '\0']);
        if text.is_empty() { Err(ImagePixelError::Missing(attribute)) } else { Ok(text.to_owned()) }
    }

    fn element(&self, attribute: Attribute, vr: Vr) -> Result<Option<&'a Element>, ImagePixelError> {
        let mut found = self.data_set.elements.iter().filter(|element| element.tag == attribute.tag);
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

fn impossible(attribute: Attribute, value: &str) -> ImagePixelError {
    let value = format!("«{}»", value.escape_debug());
    ImagePixelError::Impossible { attribute, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::VrEncoding;

    type Row<'a> = (Tag, Option<Vr>, &'a [u8]);

    const CT: [Row<'static>; 9] = [
        (Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[1, 0]),
        (Tag::PHOTOMETRIC_INTERPRETATION, Some(Vr::CS), b"MONOCHROME2 "),
        (Tag::NUMBER_OF_FRAMES, Some(Vr::IS), b"3 "),
        (Tag::ROWS, Some(Vr::US), &[0, 2]),
        (Tag::COLUMNS, Some(Vr::US), &[1, 0]),
        (Tag::BITS_ALLOCATED, Some(Vr::US), &[16, 0]),
        (Tag::BITS_STORED, Some(Vr::US), &[12, 0]),
        (Tag::HIGH_BIT, Some(Vr::US), &[11, 0]),
        (Tag::PIXEL_REPRESENTATION, Some(Vr::US), &[1, 0]),
    ];

    /// Values only, without headers: where elements begin does not matter here.
    fn parse(encoding: VrEncoding, rows: &[Row]) -> Result<ImagePixel, ImagePixelError> {
        let mut bytes = Vec::new();
        let mut elements = Vec::new();
        for (tag, vr, value) in rows {
            let start = bytes.len() as u64;
            bytes.extend_from_slice(value);
            let end = bytes.len() as u64;
            elements.push(Element {
                tag: *tag,
                vr: *vr,
                start,
                value: start..end,
                end,
                undefined_length: false,
            });
        }
        let len = bytes.len() as u64;
        ImagePixel::from_data_set(&bytes, &DataSet { vr_encoding: encoding, elements, len, fragments: 0 })
    }

    /// The CT, with the row of `tag` replaced by others (none removes it).
    fn with(tag: Tag, rows: &[Row]) -> Result<ImagePixel, ImagePixelError> {
        let kept = CT.into_iter().filter(|row| row.0 != tag);
        parse(VrEncoding::ExplicitLittle, &kept.chain(rows.iter().copied()).collect::<Vec<_>>())
    }

    fn ct() -> ImagePixel {
        ImagePixel {
            rows: 512,
            columns: 1,
            frames: 3,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: 0,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: true,
        }
    }

    #[test]
    fn the_module_is_read_in_every_encoding() {
        assert_eq!(parse(VrEncoding::ExplicitLittle, &CT).unwrap(), ct());
        let implicit = CT.map(|(tag, _, value)| (tag, None, value));
        assert_eq!(parse(VrEncoding::ImplicitLittle, &implicit).unwrap(), ct());
        let mut big = CT.map(|(tag, vr, value)| (tag, vr, value.to_vec()));
        for (_, vr, value) in &mut big {
            if *vr == Some(Vr::US) {
                value.reverse();
            }
        }
        let big: Vec<Row> = big.iter().map(|(tag, vr, value)| (*tag, *vr, value.as_slice())).collect();
        assert_eq!(parse(VrEncoding::ExplicitBig, &big).unwrap(), ct());
    }

    #[test]
    fn number_of_frames_is_text_that_is_checked() {
        for (text, frames) in
            [("", 1), ("  ", 1), ("1", 1), (" 07 ", 7), ("+12", 12), ("2147483647", 2147483647)]
        {
            let image =
                with(Tag::NUMBER_OF_FRAMES, &[(Tag::NUMBER_OF_FRAMES, Some(Vr::IS), text.as_bytes())]);
            assert_eq!(image.unwrap().frames, frames, "{text:?}");
        }
        assert_eq!(with(Tag::NUMBER_OF_FRAMES, &[]).unwrap().frames, 1);
        for text in ["0", "-1", "1e9", "1.0", "2147483648", "99999999999", "1\\2", "++1", "+", "0x1", "١"] {
            let image =
                with(Tag::NUMBER_OF_FRAMES, &[(Tag::NUMBER_OF_FRAMES, Some(Vr::IS), text.as_bytes())]);
            assert!(matches!(image, Err(ImagePixelError::Impossible { .. })), "{text:?}: {image:?}");
        }
    }

    #[test]
    fn every_fault_names_its_attribute() {
        let cases: [(Tag, &[Row], &str); 12] = [
            (Tag::ROWS, &[], "Rows (0028,0010) is missing"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[])], "Rows (0028,0010) is missing"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::UL), &[1, 0, 0, 0])], "Rows (0028,0010) has VR UL"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[1, 0, 1, 0])], "Rows (0028,0010) is 4 bytes long"),
            (Tag::ROWS, &[(Tag::ROWS, None, &[1; 100])], "Rows (0028,0010) is 100 bytes long"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[0, 0])], "Rows (0028,0010) is «0»"),
            (
                Tag::NUMBER_OF_FRAMES,
                &[(Tag::NUMBER_OF_FRAMES, Some(Vr::US), &[1, 0])],
                "Number of Frames (0028,0008) has VR US",
            ),
            (
                Tag::SAMPLES_PER_PIXEL,
                &[(Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[0, 0])],
                "Samples per Pixel (0028,0002) is «0»",
            ),
            (
                Tag::SAMPLES_PER_PIXEL,
                &[(Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[3, 0])],
                "Planar Configuration (0028,0006) is missing",
            ),
            (
                Tag::BITS_ALLOCATED,
                &[(Tag::BITS_ALLOCATED, Some(Vr::US), &[0, 1])],
                "Bits Allocated (0028,0100) is «256»",
            ),
            (
                Tag::PIXEL_REPRESENTATION,
                &[(Tag::PIXEL_REPRESENTATION, Some(Vr::US), &[2, 0])],
                "Pixel Representation (0028,0103) is «2»",
            ),
            (
                Tag::PHOTOMETRIC_INTERPRETATION,
                &[(Tag::PHOTOMETRIC_INTERPRETATION, Some(Vr::CS), b"  ")],
                "Photometric Interpretation (0028,0004) is missing",
            ),
        ];
        for (tag, rows, message) in cases {
            assert_eq!(with(tag, rows).unwrap_err().to_string(), message);
        }
        let twice = [CT.as_slice(), &CT[3..4]].concat();
        let error = parse(VrEncoding::ExplicitLittle, &twice).unwrap_err();
        assert_eq!(error.to_string(), "Rows (0028,0010) is there more than once");
    }

    #[test]
    fn sizes_do_not_overflow() {
        let largest = ImagePixel {
            rows: u16::MAX,
            columns: u16::MAX,
            samples: u16::MAX,
            frames: i32::MAX.unsigned_abs(),
            bits_allocated: 64,
            ..ct()
        };
        assert_eq!(largest.frame_bytes().unwrap(), 65535u64.pow(3) * 8);
        assert!(matches!(largest.native_bytes(), Err(ImagePixelError::TooLarge)));
        assert_eq!(ct().frame_bytes().unwrap(), 1024);
        assert_eq!(ct().native_bytes().unwrap(), 3072);
    }

    #[test]
    fn cells_that_share_bytes_are_counted_in_bits() {
        let bits = ImagePixel { rows: 3, columns: 3, frames: 3, bits_allocated: 1, ..ct() };
        assert!(matches!(bits.frame_bytes(), Err(ImagePixelError::NotWholeBytes { bits: 1 })));
        assert_eq!(bits.native_bytes().unwrap(), 4);
        assert_eq!(bits.bytes_per_cell(), 1);
    }

    #[test]
    fn subsampled_chrominance_takes_less_room() {
        let colour = ImagePixel { rows: 4, columns: 6, samples: 3, bits_allocated: 8, ..ct() };
        for (photometric, bytes) in [
            (Photometric::YbrFull, 72),
            (Photometric::YbrFull422, 48),
            (Photometric::YbrPartial422, 48),
            (Photometric::YbrPartial420, 36),
        ] {
            assert_eq!(ImagePixel { photometric, ..colour.clone() }.frame_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn photometric_terms_go_both_ways() {
        for (term, photometric) in TERMS {
            assert_eq!(photometric.as_str(), *term);
            assert_eq!(&Photometric::of(term), photometric);
        }
        assert_eq!(Photometric::of("CMYK"), Photometric::Other("CMYK".into()));
        assert_eq!(Photometric::of("rgb").as_str(), "rgb");
    }
}
