//! Where the elements of a data set lie, and the values of those that are asked for.
//!
//! A [`DataSet`] holds no bytes of its own: it describes a [`Source`], and is made by `walk`.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use super::source::Source;
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::uid::{Uid, UidError};
use super::vr::Vr;

/// No value that is read as text or as a number is longer: what is longer is not read.
const MAX_TEXT_LENGTH: u64 = 64 * 1024;

/// One element of the outermost level: where it lies in its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    /// The tag.
    pub tag: Tag,
    /// The value representation as it was encoded; none in implicit VR.
    pub vr: Option<Vr>,
    /// Where the header begins.
    pub start: u64,
    /// Where the value lies. Of an element of undefined length: the items or fragments, without the delimiter.
    pub value: Range<u64>,
    /// Where the element ends: behind its delimiter when its length is undefined, else where the value ends.
    pub end: u64,
    /// Whether the element is delimited instead of having a length.
    pub undefined_length: bool,
}

impl Element {
    /// How many bytes the value has.
    pub fn value_length(&self) -> u64 {
        self.value.end - self.value.start
    }
}

/// A data set that was walked to its last byte, and whose every sequence, item and fragment was closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataSet {
    /// How its headers and numbers are encoded: explicit little endian for one that was inflated.
    pub vr_encoding: VrEncoding,
    /// The elements of the outermost level, in the order in which they were sent; duplicates are kept.
    pub elements: Vec<Element>,
    /// How many bytes it has.
    pub len: u64,
    /// How many fragments its top-level Pixel Data has (the Basic Offset Table is not one); 0 when native or absent.
    pub fragments: u64,
}

/// Why a value is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// The value does not have the length of what it should be.
    #[error("{tag} has a value of {length} bytes")]
    Length {
        /// The element.
        tag: Tag,
        /// The length of its value.
        length: u64,
    },
    /// The element has another value representation.
    #[error("{tag} has the value representation {vr}")]
    Vr {
        /// The element.
        tag: Tag,
        /// What it was encoded with.
        vr: Vr,
    },
    /// The text is no integer (PS3.5 section 6.2, IS).
    #[error("{tag} is not an integer")]
    NotInteger {
        /// The element.
        tag: Tag,
    },
    /// The text is no UID.
    #[error("{tag}: {error}")]
    Uid {
        /// The element.
        tag: Tag,
        /// What is wrong with it.
        error: UidError,
    },
    /// The bytes cannot be read.
    #[error("the data set cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl DataSet {
    /// The element with this tag: the first, should there be several.
    pub fn element(&self, tag: Tag) -> Option<&Element> {
        self.occurrences(tag).next()
    }

    /// Every element with this tag, in the order in which they were sent. A data set has each once (PS3.5 section 7.1).
    pub fn occurrences(&self, tag: Tag) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(move |element| element.tag == tag)
    }

    /// Pixel Data (7FE0,0010).
    pub fn pixel_data(&self) -> Option<&Element> {
        self.element(Tag::PIXEL_DATA)
    }

    /// The value of the element with this tag, whatever it is and however long.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn value<'s>(&self, source: &'s dyn Source, tag: Tag) -> io::Result<Option<Cow<'s, [u8]>>> {
        self.element(tag).map(|element| source.bytes(element.value.clone())).transpose()
    }

    /// A text without the spaces and NULs around it. What is not UTF-8 becomes U+FFFD: for people and logs, not for
    /// writing it again.
    ///
    /// # Errors
    /// The value is a sequence or longer than 64 KiB, or the source cannot be read.
    pub fn text(&self, source: &dyn Source, tag: Tag) -> Result<Option<String>, ValueError> {
        let Some(value) = self.bounded(source, tag)? else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&value).trim_matches([' ', '\0']).to_owned()))
    }

    /// A UID.
    ///
    /// # Errors
    /// The value is no UID (an empty value is none), or the source cannot be read.
    pub fn uid(&self, source: &dyn Source, tag: Tag) -> Result<Option<Uid>, ValueError> {
        let Some(value) = self.bounded(source, tag)? else { return Ok(None) };
        Uid::from_value(&value).map(Some).map_err(|error| ValueError::Uid { tag, error })
    }

    /// An unsigned short (US) with one value.
    ///
    /// # Errors
    /// Another value representation, another length (a missing value is one), or the source cannot be read.
    pub fn u16(&self, source: &dyn Source, tag: Tag) -> Result<Option<u16>, ValueError> {
        let from = if self.vr_encoding.is_big_endian() { u16::from_be_bytes } else { u16::from_le_bytes };
        Ok(self.binary(source, tag, Vr::US)?.map(from))
    }

    /// An unsigned long (UL) with one value.
    ///
    /// # Errors
    /// As [`DataSet::u16`].
    pub fn u32(&self, source: &dyn Source, tag: Tag) -> Result<Option<u32>, ValueError> {
        let from = if self.vr_encoding.is_big_endian() { u32::from_be_bytes } else { u32::from_le_bytes };
        Ok(self.binary(source, tag, Vr::UL)?.map(from))
    }

    /// An integer string (IS) with one value.
    ///
    /// # Errors
    /// Another value representation, no integer or several (an empty value is none), or the source cannot be read.
    pub fn integer(&self, source: &dyn Source, tag: Tag) -> Result<Option<i64>, ValueError> {
        self.expect_vr(tag, Vr::IS)?;
        let Some(text) = self.text(source, tag)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ValueError::NotInteger { tag })
    }

    fn bounded<'s>(&self, source: &'s dyn Source, tag: Tag) -> Result<Option<Cow<'s, [u8]>>, ValueError> {
        let Some(element) = self.element(tag) else { return Ok(None) };
        if element.undefined_length || element.value_length() > MAX_TEXT_LENGTH {
            return Err(ValueError::Length { tag, length: element.value_length() });
        }
        Ok(Some(source.bytes(element.value.clone())?))
    }

    fn binary<const N: usize>(
        &self,
        source: &dyn Source,
        tag: Tag,
        vr: Vr,
    ) -> Result<Option<[u8; N]>, ValueError> {
        self.expect_vr(tag, vr)?;
        let Some(value) = self.bounded(source, tag)? else { return Ok(None) };
        let wrong_length = ValueError::Length { tag, length: value.len() as u64 };
        value.as_ref().try_into().map(Some).map_err(|_| wrong_length)
    }

    fn expect_vr(&self, tag: Tag, vr: Vr) -> Result<(), ValueError> {
        match self.element(tag).and_then(|element| element.vr) {
            Some(other) if other != vr => Err(ValueError::Vr { tag, vr: other }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::VrEncoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};
    use super::*;
    use crate::dicom::element::Limits;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::walk::walk;

    const UL: Tag = Tag::new(0x0008, 0x0001);

    fn data_set(
        encoding: VrEncoding,
        build: impl Fn(DataSetBuilder) -> DataSetBuilder,
    ) -> (Vec<u8>, DataSet) {
        let bytes = build(DataSetBuilder::new(encoding)).build();
        let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
        (bytes, data_set)
    }

    #[test]
    fn numbers_are_read_in_the_byte_order_of_the_data_set() {
        for encoding in [ImplicitLittle, ExplicitLittle, ExplicitBig] {
            let number = if encoding.is_big_endian() { [1, 2, 3, 4] } else { [4, 3, 2, 1] };
            let (bytes, data_set) =
                data_set(encoding, |b| b.us(Tag::ROWS, 0x0102).element(UL, Vr::UL, &number));
            assert_eq!(data_set.u16(&bytes, Tag::ROWS).unwrap(), Some(0x0102));
            assert_eq!(data_set.u32(&bytes, UL).unwrap(), Some(0x0102_0304));
            assert_eq!(data_set.u16(&bytes, Tag::COLUMNS).unwrap(), None);
        }
    }

    #[test]
    fn a_number_of_another_length_or_representation_is_an_error() {
        for length in [0, 1, 3, 4] {
            let (bytes, data_set) =
                data_set(ExplicitLittle, |b| b.element(Tag::ROWS, Vr::US, &vec![1; length]));
            let error = data_set.u16(&bytes, Tag::ROWS).unwrap_err();
            assert!(matches!(error, ValueError::Length { tag: Tag::ROWS, length: l } if l == length as u64));
        }
        let (bytes, data_set) = data_set(ExplicitLittle, |b| b.element(Tag::ROWS, Vr::UL, &[1, 0, 0, 0]));
        let error = data_set.u16(&bytes, Tag::ROWS).unwrap_err();
        assert!(matches!(error, ValueError::Vr { tag: Tag::ROWS, vr: Vr::UL }));
    }

    #[test]
    fn integer_strings_are_integers_or_errors() {
        for (text, number) in [
            ("1", Some(1)),
            (" 12 ", Some(12)),
            ("-1", Some(-1)),
            ("+7", Some(7)),
            ("2147483648", Some(1 << 31)),
        ]
        .into_iter()
        .chain(["", "1e9", "1.0", "1\\2", "x", "0x10", "9223372036854775808"].map(|text| (text, None)))
        {
            let (bytes, data_set) = data_set(ExplicitLittle, |b| b.text(Tag::NUMBER_OF_FRAMES, Vr::IS, text));
            let result = data_set.integer(&bytes, Tag::NUMBER_OF_FRAMES);
            match number {
                Some(number) => assert_eq!(result.unwrap(), Some(number), "{text}"),
                None => assert!(matches!(result, Err(ValueError::NotInteger { .. })), "{text}"),
            }
        }
        let (bytes, data_set) = data_set(ExplicitLittle, |b| b.us(Tag::NUMBER_OF_FRAMES, 1));
        assert!(matches!(data_set.integer(&bytes, Tag::NUMBER_OF_FRAMES), Err(ValueError::Vr { .. })));
        assert_eq!(data_set.integer(&bytes, Tag::ROWS).unwrap(), None);
    }

    #[test]
    fn text_is_trimmed_and_never_fails_for_its_characters() {
        let (bytes, data_set) = data_set(ImplicitLittle, |b| {
            b.element(Tag::PATIENT_NAME, Vr::PN, b" M\xFCller ^A\\B \0").element(
                Tag::PATIENT_ID,
                Vr::LO,
                b"  ",
            )
        });
        assert_eq!(data_set.text(&bytes, Tag::PATIENT_NAME).unwrap().as_deref(), Some("M\u{FFFD}ller ^A\\B"));
        assert_eq!(data_set.text(&bytes, Tag::PATIENT_ID).unwrap().as_deref(), Some(""));
        assert_eq!(data_set.text(&bytes, Tag::STUDY_ID).unwrap(), None);
    }

    #[test]
    fn what_is_too_long_or_a_sequence_is_not_read_as_text() {
        let (bytes, data_set) = data_set(ImplicitLittle, |b| {
            b.element(Tag::SOP_INSTANCE_UID, Vr::UI, &vec![b'1'; 1 << 20])
                .undefined(Tag::SOURCE_IMAGE_SEQUENCE, Vr::SQ)
                .end_sequence()
        });
        for tag in [Tag::SOP_INSTANCE_UID, Tag::SOURCE_IMAGE_SEQUENCE] {
            assert!(matches!(data_set.text(&bytes, tag), Err(ValueError::Length { .. })));
            assert!(matches!(data_set.uid(&bytes, tag), Err(ValueError::Length { .. })));
        }
        assert_eq!(data_set.value(&bytes, Tag::SOP_INSTANCE_UID).unwrap().unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_uid_is_valid_or_an_error_and_the_first_of_several_counts() {
        let (bytes, data_set) = data_set(ExplicitLittle, |b| {
            b.text(Tag::SOP_INSTANCE_UID, Vr::UI, "1.2.3")
                .text(Tag::SOP_INSTANCE_UID, Vr::UI, "4.5.6")
                .text(Tag::STUDY_INSTANCE_UID, Vr::UI, "../../x")
                .text(Tag::SERIES_INSTANCE_UID, Vr::UI, "")
        });
        assert_eq!(data_set.uid(&bytes, Tag::SOP_INSTANCE_UID).unwrap().unwrap(), "1.2.3");
        assert_eq!(data_set.occurrences(Tag::SOP_INSTANCE_UID).count(), 2);
        for tag in [Tag::STUDY_INSTANCE_UID, Tag::SERIES_INSTANCE_UID] {
            assert!(matches!(data_set.uid(&bytes, tag), Err(ValueError::Uid { .. })));
        }
        assert!(data_set.uid(&bytes, Tag::SOP_CLASS_UID).unwrap().is_none());
    }
}
