//! The walk through a data set, from its first byte to its last, that finds the elements of its outermost level.

use super::content::Content;
use super::dataset::{DataSet, Element};
use super::dataset_error::{DataSetError, DataSetErrorKind};
use super::element::{Header, Limits, MAX_HEADER_LENGTH, UNDEFINED_LENGTH, guess_encoding};
use super::source::Source;
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::traversal::{Step, Traversal, What};

/// Where the elements of the data set in `source` lie.
///
/// Sequences are entered wherever they can be known: by their VR, by an undefined length, and in implicit VR by the
/// data dictionary. A value of undefined length under UN is a sequence in implicit VR little endian, whatever is
/// around it (PS3.5 section 6.2.2, CP-246). Order, duplicates, odd lengths and group lengths are accepted as they are.
///
/// A data set that was cut exactly between two of its outermost elements looks whole from here; whoever needs
/// certain elements, or a certain length of Pixel Data, has to look for them.
///
/// # Errors
/// The structure does not hold up to the last byte, a limit is reached, the encoding has no headers (inflate a
/// deflated data set first and walk it as explicit little endian), or the source cannot be read.
pub fn walk(source: &dyn Source, vr_encoding: VrEncoding, limits: &Limits) -> Result<DataSet, DataSetError> {
    let mut data_set = DataSet { vr_encoding, elements: Vec::new(), len: source.len(), fragments: 0 };
    let mut traversal = Traversal::new(source, 0..source.len(), vr_encoding, limits.depth);
    while let Some(step) = traversal.next()? {
        match (&step.what, traversal.depth()) {
            (What::Value(header), 0) | (What::Open(header, _), 1) => {
                add_element(&mut data_set, header, &step, limits.top_level_elements)
                    .map_err(|kind| DataSetError { offset: step.start, kind })?;
            }
            (What::Close(content), 0) => close_element(&mut data_set, *content, &step),
            (What::Fragment, 1) if is_in_pixel_data(&data_set) => data_set.fragments += 1,
            _ => {}
        }
    }
    Ok(data_set)
}

/// As [`walk`], for a data set whose encoding is not known, or not known for sure: some equipment sends another than
/// it negotiated. [`DataSet::vr_encoding`] tells which one it is.
///
/// # Errors
/// As [`walk`] in the declared encoding; without one, in the one that the first header seems to be in.
pub fn walk_as_found(
    source: &dyn Source,
    declared: Option<VrEncoding>,
    limits: &Limits,
) -> Result<DataSet, DataSetError> {
    let error = match declared.map(|encoding| walk(source, encoding, limits)) {
        Some(Ok(data_set)) => return Ok(data_set),
        Some(Err(error)) => Some(error),
        None => None,
    };
    let first = source.bytes(0..source.len().min(MAX_HEADER_LENGTH as u64));
    let first = first.map_err(|error| DataSetError { offset: 0, kind: error.into() })?;
    let seems = guess_encoding(&first).unwrap_or(VrEncoding::ImplicitLittle);
    match error {
        Some(error) if declared == Some(seems) => Err(error),
        Some(error) => walk(source, seems, limits).or(Err(error)),
        None => walk(source, seems, limits),
    }
}

/// An element of the outermost level begins here; one that was opened ends only where it is closed.
fn add_element(
    data_set: &mut DataSet,
    header: &Header,
    step: &Step,
    limit: usize,
) -> Result<(), DataSetErrorKind> {
    let tag = header.tag;
    if matches!(tag.group, 0x0000 | 0x0002) {
        return Err(DataSetErrorKind::ForeignGroup { tag });
    }
    if data_set.elements.len() >= limit {
        return Err(DataSetErrorKind::TooManyElements { limit });
    }
    data_set.elements.push(Element {
        tag,
        vr: header.vr,
        start: step.start,
        value: step.start + u64::from(header.header_length)..step.next,
        end: step.next,
        undefined_length: header.length == UNDEFINED_LENGTH,
    });
    Ok(())
}

/// The element of the outermost level that was opened last ends here.
fn close_element(data_set: &mut DataSet, content: Content, step: &Step) {
    if content == Content::Fragments && is_in_pixel_data(data_set) {
        // The first item is the Basic Offset Table, even when it is empty.
        data_set.fragments = data_set.fragments.saturating_sub(1);
    }
    if let Some(element) = data_set.elements.last_mut() {
        element.value.end = step.start;
        element.end = step.next;
    }
}

fn is_in_pixel_data(data_set: &DataSet) -> bool {
    data_set.elements.last().is_some_and(|element| element.tag == Tag::PIXEL_DATA)
}

#[cfg(test)]
mod tests {
    use super::DataSetErrorKind::*;
    use super::VrEncoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};
    use super::*;
    use crate::dicom::element::HeaderError;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::vr::Vr;
    use proptest::prelude::*;
    use std::borrow::Cow;
    use std::io;
    use std::ops::Range;

    const SEQUENCE: Tag = Tag::SOURCE_IMAGE_SEQUENCE;
    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);

    fn new(encoding: VrEncoding) -> DataSetBuilder {
        DataSetBuilder::new(encoding)
    }

    fn fails(encoding: VrEncoding, builder: DataSetBuilder) -> DataSetError {
        let bytes = builder.build();
        walk(&bytes, encoding, &Limits::default()).expect_err("this is no data set")
    }

    /// Every kind of element that there is, closed in every way; and the tags of its outermost level.
    fn everything(encoding: VrEncoding) -> (DataSetBuilder, Vec<Tag>) {
        let name = new(encoding).text(Tag::PATIENT_NAME, Vr::PN, "A^B").build();
        let nested = new(encoding).sequence(SEQUENCE, new(encoding).item(&name).item(b"")).build();
        let icon = new(encoding)
            .undefined(Tag::PIXEL_DATA, Vr::OB)
            .item(b"")
            .item(b"JPEG")
            .end_sequence()
            .us(Tag::new(0x7FE1, 0x0001), 1)
            .build();
        // Within UN it is implicit little endian in every encoding, and the items are too.
        let unknown = new(ImplicitLittle)
            .undefined_item()
            .text(Tag::PATIENT_ID, Vr::LO, "1")
            .undefined(PRIVATE, Vr::UN)
            .item(b"")
            .end_sequence()
            .end_item()
            .item(b"")
            .end_sequence()
            .build();
        let builder = new(encoding)
            .text(Tag::SOP_INSTANCE_UID, Vr::UI, "1.2.3")
            .sequence(SEQUENCE, new(encoding).item(&nested).undefined_item().raw(&name).end_item())
            .undefined(Tag::new(0x0008, 0x1140), Vr::SQ)
            .undefined_item()
            .raw(&nested)
            .raw(&icon)
            .end_item()
            .item(&name)
            .end_sequence()
            .us(Tag::ROWS, 2)
            .undefined(PRIVATE, Vr::UN)
            .raw(&unknown)
            .undefined(Tag::PIXEL_DATA, Vr::OB)
            .item(&[0; 8])
            .item(b"JPEG")
            .item(b"odd")
            .end_sequence()
            .element(Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 6]);
        let tags = vec![
            Tag::SOP_INSTANCE_UID,
            SEQUENCE,
            Tag::new(0x0008, 0x1140),
            Tag::ROWS,
            PRIVATE,
            Tag::PIXEL_DATA,
            Tag::DATA_SET_TRAILING_PADDING,
        ];
        (builder, tags)
    }

    fn tags(data_set: &DataSet) -> Vec<Tag> {
        data_set.elements.iter().map(|element| element.tag).collect()
    }

    #[test]
    fn d20_every_structure_is_walked_in_every_encoding() {
        for encoding in ENCODINGS {
            let (builder, expected) = everything(encoding);
            let bytes = builder.build();
            let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
            assert_eq!(tags(&data_set), expected);
            assert_eq!(data_set.fragments, 2);
            assert_eq!(data_set.len, bytes.len() as u64);
            assert_eq!(data_set.u16(&bytes, Tag::ROWS).unwrap(), Some(2));
            assert_eq!(data_set.uid(&bytes, Tag::SOP_INSTANCE_UID).unwrap().unwrap(), "1.2.3");
            let mut end = 0;
            for element in &data_set.elements {
                assert_eq!(element.start, end, "elements lie end to end");
                end = element.end;
            }
            assert_eq!(end, data_set.len);
            let pixel_data = data_set.pixel_data().unwrap();
            assert!(pixel_data.undefined_length);
            assert_eq!(pixel_data.value_length(), 16 + 12 + 11, "the items without the delimiter");
            assert_eq!(pixel_data.end - pixel_data.value.end, 8, "the delimiter");
        }
    }

    /// A cut is an error, but exactly between two elements of the outermost level, where nothing can be seen.
    #[test]
    fn a_cut_is_an_error_at_every_byte_but_between_elements() {
        for encoding in ENCODINGS {
            let bytes = everything(encoding).0.build();
            let whole = walk(&bytes, encoding, &Limits::default()).unwrap();
            let boundaries: Vec<_> = whole.elements.iter().map(|element| element.start).collect();
            for cut in 0..bytes.len() {
                let result = walk(&&bytes[..cut], encoding, &Limits::default());
                assert_eq!(
                    result.is_ok(),
                    boundaries.contains(&(cut as u64)),
                    "{encoding:?}, {cut}: {result:?}"
                );
            }
        }
    }

    #[test]
    fn only_fragments_of_pixel_data_are_counted() {
        let builder = new(ExplicitLittle).undefined(PRIVATE, Vr::OW).item(b"..").item(b"..").end_sequence();
        let data_set = walk(&builder.build(), ExplicitLittle, &Limits::default()).unwrap();
        assert_eq!(data_set.elements[0].value_length(), 20);
        assert_eq!(data_set.fragments, 0);
    }

    #[test]
    fn d03_d19_odd_lengths_order_duplicates_and_unknown_representations_are_kept() {
        let builder = new(ExplicitLittle)
            .element(Tag::PATIENT_ID, Vr::LO, b"odd")
            .element(Tag::new(0x0008, 0x0000), Vr::UL, &[1, 0, 0, 0])
            .element(Tag::PATIENT_ID, Vr::LO, b"even")
            .element(PRIVATE, Vr(*b"??"), b"short")
            .element(PRIVATE, Vr(*b"XX"), b"long form")
            .element(Tag::new(0xFFFF, 0xFFFF), Vr::UN, b"");
        let bytes = builder.build();
        let data_set = walk(&bytes, ExplicitLittle, &Limits::default()).unwrap();
        assert_eq!(data_set.elements.len(), 6);
        assert_eq!(data_set.occurrences(Tag::PATIENT_ID).count(), 2);
        assert_eq!(data_set.text(&bytes, Tag::PATIENT_ID).unwrap().as_deref(), Some("odd"));
        let values: Vec<_> = data_set.occurrences(PRIVATE).map(|e| &bytes[range(&e.value)]).collect();
        assert_eq!(values, [&b"short"[..], b"long form"]);
    }

    #[test]
    fn command_elements_and_file_meta_information_do_not_belong_in_a_data_set() {
        for tag in [Tag::STATUS, Tag::TRANSFER_SYNTAX_UID] {
            for encoding in ENCODINGS {
                let error = fails(encoding, new(encoding).us(tag, 0));
                assert!(matches!(error.kind, ForeignGroup { tag: found } if found == tag), "{error}");
            }
        }
    }

    #[test]
    fn elements_are_accepted_up_to_the_limit() {
        let elements = |count: usize| (0..count).fold(new(ImplicitLittle), |b, _| b.us(Tag::ROWS, 1)).build();
        let limits = Limits { top_level_elements: 3, ..Limits::default() };
        assert!(walk(&elements(3), ImplicitLittle, &limits).is_ok());
        let error = walk(&elements(4), ImplicitLittle, &limits).unwrap_err();
        assert!(matches!(error.kind, TooManyElements { limit: 3 }));
        assert_eq!(error.offset, 30);
    }

    #[test]
    fn another_encoding_than_the_declared_one_is_found() {
        let all = [Some(ImplicitLittle), Some(ExplicitLittle), Some(ExplicitBig), None];
        for encoding in ENCODINGS {
            let (builder, expected) = everything(encoding);
            let bytes = builder.build();
            for declared in all {
                let data_set = walk_as_found(&bytes, declared, &Limits::default()).unwrap();
                assert_eq!((data_set.vr_encoding, tags(&data_set)), (encoding, expected.clone()));
            }
        }
        // What is wrong in the declared encoding is what is told, even when the guess is another.
        let broken = new(ImplicitLittle).us(Tag::ROWS, 1).raw(b"stray").build();
        let error = walk_as_found(&broken, Some(ExplicitLittle), &Limits::default()).unwrap_err();
        assert!(matches!(error.kind, Header(HeaderError::NotExplicit { .. })), "{error}");
        let error = walk_as_found(&broken, None, &Limits::default()).unwrap_err();
        assert!(matches!(error.kind, Header(HeaderError::Truncated { present: 5 })), "{error}");
    }

    #[test]
    fn errors_say_where_they_were_seen() {
        let error = fails(ExplicitLittle, new(ExplicitLittle).us(Tag::ROWS, 1).header(PRIVATE, Vr::OB, 100));
        assert_eq!(error.to_string(), "(0029,1010) declares 100 bytes and 0 are left at offset 10");
    }

    #[test]
    fn a_source_that_fails_is_an_error_of_its_own() {
        struct Broken;
        impl Source for Broken {
            fn len(&self) -> u64 {
                100
            }
            fn bytes(&self, _: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let error = walk(&Broken, ImplicitLittle, &Limits::default()).unwrap_err();
        assert!(matches!(error.kind, Io(error) if error.kind() == io::ErrorKind::StorageFull));
        assert!(walk_as_found(&Broken, None, &Limits::default()).is_err());
    }

    fn range(range: &Range<u64>) -> Range<usize> {
        range.start as usize..range.end as usize
    }

    proptest! {
        /// Whatever the bytes are, the walk ends, and what it finds lies end to end within them.
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0..3usize) {
            check(&bytes, ENCODINGS[which]);
        }

        /// The same for what is nearly a data set: it gets deeper.
        #[test]
        fn no_damage_is_too_strange(
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
            which in 0..3usize,
        ) {
            let mut bytes = everything(ENCODINGS[which]).0.build();
            for (index, byte) in damage {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            for encoding in ENCODINGS {
                check(&bytes, encoding);
            }
        }
    }

    fn check(bytes: &[u8], encoding: VrEncoding) {
        let Ok(data_set) = walk(&bytes, encoding, &Limits::default()) else { return };
        let mut end = 0;
        for element in &data_set.elements {
            assert_eq!(element.start, end);
            assert!(element.start < element.value.start && element.value.start <= element.value.end);
            assert!(element.value.end <= element.end);
            end = element.end;
        }
        assert_eq!(end, bytes.len() as u64);
    }
}
