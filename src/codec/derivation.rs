//! What an image says of itself once it is encoded with loss: that it is, how, and of which instance it derives.
//!
//! PS3.3 C.7.6.1.1.5 (Lossy Image Compression, Ratio, Method), C.7.6.1.1.2 (Image Type), C.8.16.1 (Frame Type), C.7.6.1.1.3
//! (Derivation Description), C.7.6.1.1.4 (Source Image Sequence); PS3.5 B.2 (UIDs of UUIDs).

use super::code_sequence::{
    Code, LOSSY_COMPRESSION, SOURCE_OF_PROCESSING, UNCOMPRESSED_PREDECESSOR, appended,
};
use super::derived_type::{frame_types, image_type};
use super::derived_uid::derived_uid;
use super::encoder::Encoder;
use super::instance::Instance;
use super::lossy_steps::lossy_steps;
use super::parameters::{Exactness, Parameters};
use super::reason::Reason;
use super::report::CompressError;
use crate::dicom::{Edit, Patched, Source, Tag, TransferSyntax, Uid, Vr};
use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

/// What has to be said of an instance that is encoded with loss.
pub(super) struct Derivation {
    /// The SOP Instance UID of the instance that is written: another than that of the one it derives from.
    pub(super) sop_instance: Uid,
    /// All that changes at the outermost level, but for what the encoding itself asks for.
    pub(super) edits: BTreeMap<Tag, Edit>,
    /// The bytes that change within sequences, by where they stand.
    patches: BTreeMap<u64, Vec<u8>>,
    /// How far into the value of Lossy Image Compression Ratio (0028,2112) the place for the measured one lies.
    ratio_offset: u64,
}

impl Derivation {
    /// What has to be said of `instance`, once `encoder` has encoded it as `target`.
    ///
    /// The new UID is made of the old one, of every byte of the data set and of what is done to it: the same instance
    /// gives the same derived one, and another never does.
    ///
    /// # Errors
    /// [`Reason::Unidentified`], or that an element which has to be amended cannot be read; or the source's own.
    pub(super) fn of(
        instance: &Instance<'_>,
        target: &TransferSyntax,
        encoder: &dyn Encoder,
        parameters: &Parameters,
    ) -> Result<Derivation, CompressError> {
        let (Some(sop_class), Some(predecessor)) =
            (instance.uid(Tag::SOP_CLASS_UID)?, instance.uid(Tag::SOP_INSTANCE_UID)?)
        else {
            return Err(CompressError::Kept(Reason::Unidentified));
        };
        let description = description(target, encoder, parameters);
        let sop_instance = derived_uid(instance, &predecessor, encoder, &description)?;
        let (ratios, methods) = lossy_steps(instance, target)?;
        let ratio_offset = ratios.len() as u64;
        let image_type = image_type(&instance.text(Tag::IMAGE_TYPE)?);
        let mut edits = BTreeMap::new();
        let mut replace = |tag, vr, value: &[u8]| {
            Edit::replace(vr, value).map(|edit| {
                edits.insert(tag, edit);
            })
        };
        replace(Tag::IMAGE_TYPE, Vr::CS, image_type.as_bytes())?;
        replace(Tag::SOP_INSTANCE_UID, Vr::UI, sop_instance.as_str().as_bytes())?;
        if let Some(description) = with_earlier(description, instance)? {
            replace(Tag::DERIVATION_DESCRIPTION, Vr::ST, &description)?;
        }
        let codes = appended(instance, Tag::DERIVATION_CODE_SEQUENCE, &LOSSY_COMPRESSION.elements())?;
        replace(Tag::DERIVATION_CODE_SEQUENCE, Vr::SQ, &codes)?;
        let sources = appended(
            instance,
            Tag::SOURCE_IMAGE_SEQUENCE,
            &[
                (Tag::REFERENCED_SOP_CLASS_UID, Vr::UI, sop_class.as_str().as_bytes()),
                (Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, predecessor.as_str().as_bytes()),
                (Tag::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, Vr::SQ, &purpose(instance).item()?),
            ],
        )?;
        replace(Tag::SOURCE_IMAGE_SEQUENCE, Vr::SQ, &sources)?;
        replace(Tag::LOSSY_IMAGE_COMPRESSION, Vr::CS, b"01")?;
        let ratios = format!("{ratios}{:RATIO_WIDTH$}", "");
        replace(Tag::LOSSY_IMAGE_COMPRESSION_RATIO, Vr::DS, ratios.as_bytes())?;
        replace(Tag::LOSSY_IMAGE_COMPRESSION_METHOD, Vr::CS, methods.as_bytes())?;
        edits.extend(OF_THE_OLD_SAMPLES.iter().map(|tag| (*tag, Edit::Remove)));
        Ok(Derivation { sop_instance, edits, patches: frame_types(instance)?, ratio_offset })
    }

    /// The data set with what changes within sequences.
    pub(super) fn patched<'s>(&self, source: &'s dyn Source) -> Patched<'s> {
        Patched::new(source, self.patches.clone())
    }

    /// Puts the measured ratio into its place in the value that begins at `value`, when all frames are written and it is known.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn write_ratio<W: Write + Seek>(&self, out: &mut W, value: u64, ratio: f64) -> io::Result<()> {
        let end = out.stream_position()?;
        // The place is as wide as a ratio of seven digits, more than any image has.
        let text = format!("{:<RATIO_WIDTH$.2}", ratio.min(MOST_RATIO));
        out.seek(SeekFrom::Start(value + self.ratio_offset))?;
        out.write_all(text.as_bytes())?;
        out.seek(SeekFrom::Start(end))?;
        Ok(())
    }
}

/// Characters that are kept for the measured ratio; DS has at most 16.
const RATIO_WIDTH: usize = 10;
const MOST_RATIO: f64 = 9_999_999.99;

fn purpose(instance: &Instance<'_>) -> &'static Code {
    if instance.is_encapsulated() { &SOURCE_OF_PROCESSING } else { &UNCOMPRESSED_PREDECESSOR }
}

/// What is true of the samples as they were, and perhaps of no sample now.
const OF_THE_OLD_SAMPLES: &[Tag] = &[
    Tag::SMALLEST_IMAGE_PIXEL_VALUE,
    Tag::LARGEST_IMAGE_PIXEL_VALUE,
    Tag::SMALLEST_PIXEL_VALUE_IN_SERIES,
    Tag::LARGEST_PIXEL_VALUE_IN_SERIES,
];

/// In words, what is done.
fn description(target: &TransferSyntax, encoder: &dyn Encoder, parameters: &Parameters) -> String {
    let settings = encoder.settings(parameters);
    let within = match encoder.exactness(parameters) {
        Exactness::Within(largest) => format!("no sample changed by more than {largest}"),
        Exactness::Exact | Exactness::Close => String::new(),
    };
    let parts = [target.name.to_owned(), settings, within];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("Lossy compression: {}", parts.join(", "))
}

/// The description with the earlier one in brackets, whatever its character set. `None` keeps an earlier one that would not
/// find room: Derivation Code Sequence (0008,9215) says what is done too.
fn with_earlier(description: String, instance: &Instance<'_>) -> Result<Option<Vec<u8>>, CompressError> {
    let earlier = instance.data_set.value(instance.source, Tag::DERIVATION_DESCRIPTION)?.unwrap_or_default();
    let earlier = earlier.trim_ascii_end();
    let mut whole = description.into_bytes();
    if !earlier.is_empty() {
        whole.extend_from_slice(b" [");
        whole.extend_from_slice(earlier);
        whole.push(b']');
    }
    Ok((whole.len() <= LONGEST_SHORT_TEXT).then_some(whole))
}

/// ST has at most so many characters (PS3.5 6.2).
const LONGEST_SHORT_TEXT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::code_sequence::SEQUENCE_HEADER;
    use super::super::compress::compress;
    use super::super::lossy::Lossy;
    use super::super::report::{Options, Report};
    use super::super::testing::{self, cells};
    use super::*;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::{
        DataSet, FileMeta, ImagePixel, Limits, VrEncoding, nested_values, put_sequence_item, walk,
    };
    use std::io::Cursor;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const PREDECESSOR: &str = "1.2.3.4";

    fn image() -> ImagePixel {
        ImagePixel { frames: 2, ..testing::image(40, 30, 8, 1, 0) }
    }

    /// A CT of which `head` tells more, in front of the image pixels.
    fn ct(encoding: VrEncoding, head: impl FnOnce(DataSetBuilder) -> DataSetBuilder) -> Vec<u8> {
        let image = image();
        head(DataSetBuilder::new(encoding))
            .us(Tag::SAMPLES_PER_PIXEL, 1)
            .text(Tag::PHOTOMETRIC_INTERPRETATION, Vr::CS, "MONOCHROME2")
            .text(Tag::NUMBER_OF_FRAMES, Vr::IS, "2")
            .us(Tag::ROWS, image.rows)
            .us(Tag::COLUMNS, image.columns)
            .us(Tag::BITS_ALLOCATED, 8)
            .us(Tag::BITS_STORED, 8)
            .us(Tag::HIGH_BIT, 7)
            .us(Tag::PIXEL_REPRESENTATION, 0)
            .us(Tag::LARGEST_IMAGE_PIXEL_VALUE, 255)
            .element(Tag::PIXEL_DATA, Vr::OB, &cells(&image))
            .build()
    }

    fn identified(head: DataSetBuilder) -> DataSetBuilder {
        head.text(Tag::SOP_CLASS_UID, Vr::UI, CT).text(Tag::SOP_INSTANCE_UID, Vr::UI, PREDECESSOR)
    }

    struct Written {
        report: Report,
        meta: FileMeta,
        body: Vec<u8>,
        data_set: DataSet,
    }

    impl Written {
        fn text(&self, tag: Tag) -> String {
            self.data_set.text(&self.body, tag).unwrap().unwrap_or_default()
        }

        fn value(&self, tag: Tag) -> Vec<u8> {
            self.data_set.value(&self.body, tag).unwrap().unwrap_or_default().into_owned()
        }
    }

    fn near_lossless(encoding: VrEncoding, bytes: &Vec<u8>, near: u8) -> Result<Written, CompressError> {
        let data_set = walk(bytes, encoding, &Limits::default()).unwrap();
        let target = TransferSyntax::of_name("JPEGLSNearLossless").unwrap();
        let parameters = Parameters { near, ..Parameters::default() };
        let options = Options { lossy: Lossy::Allowed, parameters, ..Options::default() };
        let meta = FileMeta { sop_instance: PREDECESSOR.to_owned(), ..FileMeta::default() };
        // A file that does not begin at 0 shows whether the ratio is put into the right place.
        let mut out = Cursor::new(b"before".to_vec());
        out.set_position(6);
        let report = compress(bytes, &data_set, target, &meta, &options, &mut out)?;
        let file = out.into_inner().split_off(6);
        assert_eq!(report.file_bytes, file.len() as u64);
        let (meta, start) = FileMeta::parse(&file).unwrap();
        let body = file[start as usize..].to_vec();
        let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        Ok(Written { report, meta, body, data_set })
    }

    fn item(elements: &[(Tag, Vr, &[u8])]) -> Vec<u8> {
        let mut item = Vec::new();
        put_sequence_item(&mut item, elements).unwrap();
        item
    }

    fn code(value: &[u8], meaning: &[u8]) -> Vec<u8> {
        item(&[
            (Tag::CODE_VALUE, Vr::SH, value),
            (Tag::CODING_SCHEME_DESIGNATOR, Vr::SH, b"DCM"),
            (Tag::CODE_MEANING, Vr::LO, meaning),
        ])
    }

    fn source(instance: &[u8], purpose: &[u8]) -> Vec<u8> {
        item(&[
            (Tag::REFERENCED_SOP_CLASS_UID, Vr::UI, CT.as_bytes()),
            (Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, instance),
            (Tag::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, Vr::SQ, purpose),
        ])
    }

    #[test]
    fn what_lost_something_says_so_in_every_attribute() {
        for encoding in ENCODINGS {
            let written = near_lossless(encoding, &ct(encoding, identified), 3).unwrap();
            let derived = written.report.derived.as_ref().unwrap();
            assert_ne!(derived.sop_instance, PREDECESSOR);
            assert_eq!(written.meta.sop_instance, derived.sop_instance.as_str());
            assert_eq!(written.text(Tag::SOP_INSTANCE_UID), derived.sop_instance.as_str());
            assert_eq!(written.text(Tag::IMAGE_TYPE), "DERIVED\\SECONDARY");
            assert_eq!(written.text(Tag::LOSSY_IMAGE_COMPRESSION), "01");
            assert_eq!(written.text(Tag::LOSSY_IMAGE_COMPRESSION_METHOD), "ISO_14495_1");
            let ratio = written.report.native_bytes as f64 / written.report.encoded_bytes as f64;
            assert_eq!(written.text(Tag::LOSSY_IMAGE_COMPRESSION_RATIO), format!("{ratio:.2}"));
            assert!((derived.ratio - ratio).abs() < 1e-9);
            assert_eq!(
                written.text(Tag::DERIVATION_DESCRIPTION),
                "Lossy compression: JPEG-LS Lossy (Near-Lossless) Image Compression, NEAR 3, no sample changed by more \
                 than 3"
            );
            let code_of = code(b"113040", b"Lossy Compression");
            assert_eq!(written.value(Tag::DERIVATION_CODE_SEQUENCE), code_of);
            let purpose = code(b"121320", b"Uncompressed predecessor");
            assert_eq!(written.value(Tag::SOURCE_IMAGE_SEQUENCE), source(PREDECESSOR.as_bytes(), &purpose));
            assert_eq!(written.data_set.element(Tag::LARGEST_IMAGE_PIXEL_VALUE), None);
            let deviation = written.report.deviation.unwrap();
            assert!((1..=3).contains(&deviation.largest), "{deviation:?}");
            assert!(derived.psnr.is_some_and(|psnr| psnr > 35.0 && psnr.is_finite()));
        }
    }

    #[test]
    fn what_was_said_of_earlier_steps_is_kept() {
        for encoding in ENCODINGS {
            let earlier_code = DataSetBuilder::new(encoding).text(Tag::CODE_VALUE, Vr::SH, "113072").build();
            let earlier_source =
                DataSetBuilder::new(encoding).text(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, "1.2.9").build();
            let items = |item: &[u8]| DataSetBuilder::new(encoding).item(item);
            let bytes = ct(encoding, |head| {
                let head = head.text(Tag::IMAGE_TYPE, Vr::CS, "ORIGINAL\\PRIMARY\\AXIAL");
                identified(head)
                    .text(Tag::DERIVATION_DESCRIPTION, Vr::ST, "Planar reformat")
                    .undefined(Tag::SOURCE_IMAGE_SEQUENCE, Vr::SQ)
                    .item(&earlier_source)
                    .end_sequence()
                    .sequence(Tag::DERIVATION_CODE_SEQUENCE, items(&earlier_code))
            });
            let written = near_lossless(encoding, &bytes, 2).unwrap();
            assert_eq!(written.text(Tag::IMAGE_TYPE), "DERIVED\\PRIMARY\\AXIAL");
            assert!(written.text(Tag::DERIVATION_DESCRIPTION).ends_with("by more than 2 [Planar reformat]"));
            let new = code(b"113040", b"Lossy Compression");
            let codes = [item(&[(Tag::CODE_VALUE, Vr::SH, b"113072")]), new].concat();
            assert_eq!(written.value(Tag::DERIVATION_CODE_SEQUENCE), codes);
            let first = item(&[(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, b"1.2.9")]);
            let second = source(PREDECESSOR.as_bytes(), &code(b"121320", b"Uncompressed predecessor"));
            assert_eq!(written.value(Tag::SOURCE_IMAGE_SEQUENCE), [first, second].concat());
        }
    }

    #[test]
    fn the_frames_of_a_multi_frame_image_are_derived_too() {
        for encoding in ENCODINGS {
            let group = |value: &str| {
                let item = DataSetBuilder::new(encoding).text(Tag::FRAME_TYPE, Vr::CS, value).build();
                let types = DataSetBuilder::new(encoding).item(&item);
                DataSetBuilder::new(encoding).sequence(Tag::new(0x0018, 0x9329), types).build()
            };
            let groups = |values: [&str; 2]| {
                DataSetBuilder::new(encoding).item(&group(values[0])).item(&group(values[1]))
            };
            let tag = Tag::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
            let bytes = ct(encoding, |head| {
                identified(head).sequence(tag, groups(["ORIGINAL\\PRIMARY", "DERIVED\\PRIMARY"]))
            });
            let written = near_lossless(encoding, &bytes, 2).unwrap();
            let element = written.data_set.element(tag).unwrap();
            let found = nested_values(&written.body, &written.data_set, element, Tag::FRAME_TYPE).unwrap();
            let values =
                found.into_iter().map(|range| &written.body[range.start as usize..range.end as usize]);
            assert_eq!(values.collect::<Vec<_>>(), [b"DERIVED\\PRIMARY "; 2], "{encoding:?}");
        }
    }

    #[test]
    fn ratios_and_methods_stay_paired() {
        for (ratios, methods, expected, expected_methods) in [
            ("", "", "", "ISO_14495_1"),
            ("10", "ISO_10918_1", "10\\", "ISO_10918_1\\ISO_14495_1"),
            ("10", "", "10\\", "\\ISO_14495_1"),
            ("", "ISO_10918_1", "\\", "ISO_10918_1\\ISO_14495_1"),
            ("10\\7.5", "ISO_10918_1", "10\\7.5\\", "ISO_10918_1\\\\ISO_14495_1"),
        ] {
            let encoding = VrEncoding::ExplicitLittle;
            let bytes = ct(encoding, |head| {
                identified(head).text(Tag::LOSSY_IMAGE_COMPRESSION_RATIO, Vr::DS, ratios).text(
                    Tag::LOSSY_IMAGE_COMPRESSION_METHOD,
                    Vr::CS,
                    methods,
                )
            });
            let written = near_lossless(encoding, &bytes, 2).unwrap();
            let ratio = written.report.derived.as_ref().unwrap().ratio;
            assert_eq!(written.text(Tag::LOSSY_IMAGE_COMPRESSION_RATIO), format!("{expected}{ratio:.2}"));
            assert_eq!(written.text(Tag::LOSSY_IMAGE_COMPRESSION_METHOD), expected_methods);
        }
    }

    #[test]
    fn the_same_instance_gives_the_same_derived_one_and_another_never_does() {
        let encoding = VrEncoding::ExplicitLittle;
        let bytes = ct(encoding, identified);
        let uid = |bytes: &Vec<u8>, near| {
            near_lossless(encoding, bytes, near).unwrap().report.derived.unwrap().sop_instance
        };
        assert_eq!(uid(&bytes, 2), uid(&bytes, 2));
        assert_ne!(uid(&bytes, 2), uid(&bytes, 3));
        let mut other = bytes.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_ne!(uid(&other, 2), uid(&bytes, 2));
    }

    #[test]
    fn what_lost_nothing_is_still_the_same_instance() {
        let encoding = VrEncoding::ExplicitLittle;
        let bytes = ct(encoding, identified);
        let written = near_lossless(encoding, &bytes, 0).unwrap();
        assert_eq!((written.report.derived, written.report.exactness), (None, Exactness::Exact));
        assert_eq!(written.meta.sop_instance, PREDECESSOR);
        let head = bytes.len() - cells(&image()).len() - SEQUENCE_HEADER;
        assert_eq!(written.body[..head], bytes[..head]);
    }

    #[test]
    fn what_cannot_be_referred_to_or_amended_is_kept() {
        let encoding = VrEncoding::ExplicitLittle;
        let reason = |bytes: &Vec<u8>| match near_lossless(encoding, bytes, 2) {
            Err(CompressError::Kept(reason)) => reason.name(),
            other => panic!("not kept: {:?}", other.map(|written| written.report)),
        };
        let nameless = |head: DataSetBuilder| head.text(Tag::SOP_CLASS_UID, Vr::UI, CT);
        assert_eq!(reason(&ct(encoding, nameless)), "unidentified");
        let text = |head| identified(head).text(Tag::SOURCE_IMAGE_SEQUENCE, Vr::LO, "1.2.3");
        assert_eq!(reason(&ct(encoding, text)), "header_not_rewritable");
    }

    #[test]
    fn a_description_that_finds_no_room_leaves_the_earlier_one() {
        let encoding = VrEncoding::ExplicitLittle;
        let long = "a".repeat(1000);
        let bytes = ct(encoding, |head| identified(head).text(Tag::DERIVATION_DESCRIPTION, Vr::ST, &long));
        let written = near_lossless(encoding, &bytes, 2).unwrap();
        assert_eq!(written.text(Tag::DERIVATION_DESCRIPTION), long);
    }
}
