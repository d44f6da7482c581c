//! The walk through a data set, from its first byte to its last (PS3.5 sections 7.1, 7.5 and A.4).
//!
//! Its stack is a list of the sequences and items that are open, bounded by [`Limits::depth`]; it allocates for
//! elements that it has met, never for a length that is declared; it reads headers, and never a value.

use super::dataset::{DataSet, DataSetError, DataSetErrorKind, Element};
use super::dictionary::is_sequence;
use super::element::{Header, Limits, MAX_HEADER_LENGTH, UNDEFINED_LENGTH, guess_encoding, read_header};
use super::source::Source;
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;
use super::window::Window;

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
    let mut walker = Walker {
        window: Window::new(source),
        limits,
        levels: Vec::new(),
        data_set: DataSet { vr_encoding, elements: Vec::new(), len: source.len(), fragments: 0 },
    };
    let mut offset = 0;
    let mut level = Level {
        kind: Kind::DataSet,
        tag: Tag::ITEM,
        encoding: vr_encoding,
        end: source.len(),
        delimited: false,
    };
    loop {
        let step = walker.step(&level, offset).map_err(|kind| DataSetError { offset, kind })?;
        match step {
            Step::Over { next } => offset = next,
            Step::Into { inner, next } => {
                walker.levels.push(std::mem::replace(&mut level, inner));
                offset = next;
            }
            Step::Out { next } => {
                let Some(outer) = walker.levels.pop() else { return Ok(walker.data_set) };
                if walker.levels.is_empty() {
                    walker.close_element(&level, offset, next);
                }
                level = outer;
                offset = next;
            }
        }
    }
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

struct Walker<'s> {
    window: Window<'s>,
    limits: &'s Limits,
    /// What is open around the current level, the outermost first.
    levels: Vec<Level>,
    data_set: DataSet,
}

/// A stretch of bytes that consists of headers and their values.
#[derive(Clone, Copy)]
struct Level {
    kind: Kind,
    /// What opened it.
    tag: Tag,
    /// How its headers are encoded.
    encoding: VrEncoding,
    /// Where it ends; when it is delimited, where what is around it ends.
    end: u64,
    /// Whether it has a delimiter instead of a length.
    delimited: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The outermost level: elements.
    DataSet,
    /// Elements.
    Item,
    /// Items.
    Sequence,
    /// Items that hold codestreams, the first an offset table.
    Fragments,
}

/// What one header leads to.
enum Step {
    /// Past a header and its value.
    Over { next: u64 },
    /// Into what a header opens.
    Into { inner: Level, next: u64 },
    /// Past the end of the level.
    Out { next: u64 },
}

impl Walker<'_> {
    fn step(&mut self, level: &Level, offset: u64) -> Result<Step, DataSetErrorKind> {
        if offset == level.end {
            return if level.delimited {
                Err(DataSetErrorKind::NotDelimited { tag: level.tag })
            } else {
                Ok(Step::Out { next: offset })
            };
        }
        let header = read_header(self.window.at(offset, level.end)?, level.encoding)?;
        let body = offset + u64::from(header.header_length);
        match level.kind {
            Kind::DataSet | Kind::Item => self.element(level, &header, offset, body),
            Kind::Sequence | Kind::Fragments => self.item(level, &header, body),
        }
    }

    /// A header where elements are.
    fn element(
        &mut self,
        level: &Level,
        header: &Header,
        start: u64,
        body: u64,
    ) -> Result<Step, DataSetErrorKind> {
        let tag = header.tag;
        if tag == Tag::ITEM_DELIMITATION_ITEM && level.kind == Kind::Item && level.delimited {
            return end(header, body);
        }
        if tag.group == Tag::ITEM.group {
            return Err(DataSetErrorKind::StrayDelimiter { tag });
        }
        let next = end_of_value(level, header, body)?;
        let content = content(header, level.encoding)?;
        if level.kind == Kind::DataSet {
            self.add_element(header, start, body, next)?;
        }
        let Some((kind, encoding)) = content else { return Ok(Step::Over { next }) };
        // Levels are the data set, then a sequence and an item in turn.
        let depth = self.levels.len() / 2 + 1;
        if kind == Kind::Sequence && depth > usize::from(self.limits.depth) {
            return Err(DataSetErrorKind::TooDeep { limit: self.limits.depth });
        }
        let delimited = header.length == UNDEFINED_LENGTH;
        Ok(Step::Into { inner: Level { kind, tag, encoding, end: next, delimited }, next: body })
    }

    /// A header where items or fragments are.
    fn item(&mut self, level: &Level, header: &Header, body: u64) -> Result<Step, DataSetErrorKind> {
        match header.tag {
            Tag::ITEM => {}
            Tag::SEQUENCE_DELIMITATION_ITEM if level.delimited => return end(header, body),
            tag if tag.group == Tag::ITEM.group => return Err(DataSetErrorKind::StrayDelimiter { tag }),
            tag => return Err(DataSetErrorKind::NotAnItem { tag }),
        }
        let next = end_of_value(level, header, body)?;
        let delimited = header.length == UNDEFINED_LENGTH;
        if level.kind == Kind::Sequence {
            let inner =
                Level { kind: Kind::Item, tag: Tag::ITEM, encoding: level.encoding, end: next, delimited };
            return Ok(Step::Into { inner, next: body });
        }
        if delimited {
            return Err(DataSetErrorKind::UndefinedLength { tag: Tag::ITEM });
        }
        if self.levels.len() == 1 && level.tag == Tag::PIXEL_DATA {
            self.data_set.fragments += 1;
        }
        Ok(Step::Over { next })
    }

    fn add_element(
        &mut self,
        header: &Header,
        start: u64,
        body: u64,
        next: u64,
    ) -> Result<(), DataSetErrorKind> {
        let tag = header.tag;
        if matches!(tag.group, 0x0000 | 0x0002) {
            return Err(DataSetErrorKind::ForeignGroup { tag });
        }
        let limit = self.limits.top_level_elements;
        if self.data_set.elements.len() >= limit {
            return Err(DataSetErrorKind::TooManyElements { limit });
        }
        self.data_set.elements.push(Element {
            tag,
            vr: header.vr,
            start,
            value: body..next,
            end: next,
            undefined_length: header.length == UNDEFINED_LENGTH,
        });
        Ok(())
    }

    /// The element of the outermost level that `inner` is the value of ends here.
    fn close_element(&mut self, inner: &Level, value_end: u64, next: u64) {
        if let Some(element) = self.data_set.elements.last_mut() {
            element.value.end = value_end;
            element.end = next;
        }
        if inner.kind == Kind::Fragments && inner.tag == Tag::PIXEL_DATA {
            // The first item is the Basic Offset Table, even when it is empty.
            self.data_set.fragments = self.data_set.fragments.saturating_sub(1);
        }
    }
}

/// A delimiter that belongs where it stands.
fn end(header: &Header, body: u64) -> Result<Step, DataSetErrorKind> {
    match header.length {
        0 => Ok(Step::Out { next: body }),
        length => Err(DataSetErrorKind::DelimiterLength { tag: header.tag, length }),
    }
}

/// Where the value ends; of an undefined length, where it must have ended.
fn end_of_value(level: &Level, header: &Header, body: u64) -> Result<u64, DataSetErrorKind> {
    if header.length == UNDEFINED_LENGTH {
        return Ok(level.end);
    }
    let available = level.end - body;
    if u64::from(header.length) > available {
        return Err(DataSetErrorKind::Overrun { tag: header.tag, length: header.length, available });
    }
    Ok(body + u64::from(header.length))
}

/// What the value of an element consists of, and in which encoding, if it is not just bytes.
fn content(header: &Header, encoding: VrEncoding) -> Result<Option<(Kind, VrEncoding)>, DataSetErrorKind> {
    let tag = header.tag;
    let undefined = header.length == UNDEFINED_LENGTH;
    Ok(match header.vr {
        Some(Vr::SQ) => Some((Kind::Sequence, encoding)),
        None | Some(Vr::UN) if undefined && tag == Tag::PIXEL_DATA => Some((Kind::Fragments, encoding)),
        None | Some(Vr::UN) if undefined => Some((Kind::Sequence, VrEncoding::ImplicitLittle)),
        None if header.length > 0 && is_sequence(tag) => Some((Kind::Sequence, encoding)),
        Some(vr) if undefined && vr.may_be_encapsulated() => Some((Kind::Fragments, encoding)),
        Some(_) if undefined => return Err(DataSetErrorKind::UndefinedLength { tag }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::DataSetErrorKind::*;
    use super::VrEncoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};
    use super::*;
    use crate::dicom::element::HeaderError;
    use crate::dicom::testing::DataSetBuilder;
    use proptest::prelude::*;
    use std::borrow::Cow;
    use std::io;
    use std::ops::Range;

    const ENCODINGS: [VrEncoding; 3] = [ImplicitLittle, ExplicitLittle, ExplicitBig];
    const SEQUENCE: Tag = Tag::SOURCE_IMAGE_SEQUENCE;
    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);

    fn new(encoding: VrEncoding) -> DataSetBuilder {
        DataSetBuilder::new(encoding)
    }

    fn walked(encoding: VrEncoding, builder: DataSetBuilder) -> DataSet {
        let bytes = builder.build();
        walk(&bytes, encoding, &Limits::default()).unwrap_or_else(|error| panic!("{encoding:?}: {error}"))
    }

    fn fails(encoding: VrEncoding, builder: DataSetBuilder) -> DataSetError {
        let bytes = builder.build();
        walk(&bytes, encoding, &Limits::default()).expect_err("this is no data set")
    }

    /// The same error in every encoding.
    fn all_fail(
        builder: impl Fn(DataSetBuilder) -> DataSetBuilder,
        expected: impl Fn(&DataSetErrorKind) -> bool,
    ) {
        for encoding in ENCODINGS {
            let error = fails(encoding, builder(new(encoding)));
            assert!(expected(&error.kind), "{encoding:?}: {error}");
        }
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
    fn every_structure_is_walked_in_every_encoding() {
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
    fn every_stray_byte_at_the_end_is_an_error() {
        for encoding in ENCODINGS {
            for stray in 1..8 {
                let error = fails(encoding, new(encoding).us(Tag::ROWS, 1).raw(&vec![0; stray]));
                assert!(matches!(error.kind, Header(HeaderError::Truncated { present }) if present == stray));
                let length_of_rows = 10;
                assert_eq!(error.offset, length_of_rows);
            }
        }
    }

    #[test]
    fn a_declared_length_beyond_the_end_is_an_error_wherever_it_stands() {
        for length in [0xFFFF_FFFE, 0xFFFF_FFF0, 1 << 30, 301] {
            let tail = [0u8; 300];
            for vr in [Vr::OB, Vr::OW, Vr::UN, Vr::SQ, Vr::UT] {
                all_fail(
                    |b| b.header(PRIVATE, vr, length).raw(&tail),
                    |kind| matches!(kind, Overrun { tag: PRIVATE, length: l, available: 300 } if *l == length),
                );
            }
            for opened in [Tag::PIXEL_DATA, SEQUENCE] {
                let vr = if opened == SEQUENCE { Vr::SQ } else { Vr::OB };
                all_fail(
                    |b| b.undefined(opened, vr).delimiter(Tag::ITEM, length).raw(&tail),
                    |kind| matches!(kind, Overrun { tag: Tag::ITEM, available: 300, .. }),
                );
            }
        }
    }

    #[test]
    fn content_may_not_overrun_what_is_around_it() {
        for encoding in ENCODINGS {
            // An element that ends behind its item, an item that ends behind its sequence.
            let element = new(encoding).header(PRIVATE, Vr::OB, 5).raw(&[0; 4]).build();
            let error =
                fails(encoding, new(encoding).sequence(SEQUENCE, new(encoding).item(&element)).raw(b"...."));
            assert!(matches!(error.kind, Overrun { tag: PRIVATE, length: 5, available: 4 }), "{error}");
            let item = new(encoding).delimiter(Tag::ITEM, 4);
            let error = fails(encoding, new(encoding).sequence(SEQUENCE, item).raw(b"...."));
            assert!(matches!(error.kind, Overrun { tag: Tag::ITEM, length: 4, available: 0 }), "{error}");
            // Bytes too few for a header at the end of an item and of a sequence.
            let error =
                fails(encoding, new(encoding).sequence(SEQUENCE, new(encoding).item(b"...")).raw(&[0; 99]));
            assert!(matches!(error.kind, Header(HeaderError::Truncated { present: 3 })), "{error}");
            let error =
                fails(encoding, new(encoding).sequence(SEQUENCE, new(encoding).raw(b"...")).raw(&[0; 99]));
            assert!(matches!(error.kind, Header(HeaderError::Truncated { present: 3 })), "{error}");
        }
    }

    #[test]
    fn what_is_opened_has_to_be_delimited() {
        all_fail(|b| b.undefined(SEQUENCE, Vr::SQ), |kind| matches!(kind, NotDelimited { tag: SEQUENCE }));
        all_fail(|b| b.undefined(PRIVATE, Vr::UN), |kind| matches!(kind, NotDelimited { tag: PRIVATE }));
        all_fail(
            |b| b.undefined(SEQUENCE, Vr::SQ).undefined_item(),
            |kind| matches!(kind, NotDelimited { tag: Tag::ITEM }),
        );
        all_fail(
            |b| b.undefined(SEQUENCE, Vr::SQ).undefined_item().end_sequence(),
            |kind| matches!(kind, StrayDelimiter { tag: Tag::SEQUENCE_DELIMITATION_ITEM }),
        );
        all_fail(
            |b| b.undefined(Tag::PIXEL_DATA, Vr::OB).item(b"").item(b"JPEG"),
            |kind| matches!(kind, NotDelimited { tag: Tag::PIXEL_DATA }),
        );
        for encoding in ENCODINGS {
            // The end of a sequence of defined length does not close an open item.
            let item = new(encoding).undefined_item();
            let error = fails(encoding, new(encoding).sequence(SEQUENCE, item).end_item());
            assert!(matches!(error.kind, NotDelimited { tag: Tag::ITEM }), "{error}");
        }
    }

    #[test]
    fn a_delimiter_belongs_only_where_something_is_open() {
        for tag in
            [Tag::ITEM, Tag::ITEM_DELIMITATION_ITEM, Tag::SEQUENCE_DELIMITATION_ITEM, Tag::new(0xFFFE, 0)]
        {
            all_fail(
                |b| b.us(Tag::ROWS, 1).delimiter(tag, 0),
                |kind| matches!(kind, StrayDelimiter { tag: found } if *found == tag),
            );
        }
        all_fail(
            |b| b.undefined(SEQUENCE, Vr::SQ).end_item(),
            |kind| matches!(kind, StrayDelimiter { tag: Tag::ITEM_DELIMITATION_ITEM }),
        );
        for encoding in ENCODINGS {
            // Neither an item nor a sequence of defined length has a delimiter.
            let item = new(encoding).item(&new(encoding).end_item().build());
            let error = fails(encoding, new(encoding).sequence(SEQUENCE, item));
            assert!(matches!(error.kind, StrayDelimiter { tag: Tag::ITEM_DELIMITATION_ITEM }), "{error}");
            let error = fails(encoding, new(encoding).sequence(SEQUENCE, new(encoding).end_sequence()));
            assert!(matches!(error.kind, StrayDelimiter { tag: Tag::SEQUENCE_DELIMITATION_ITEM }), "{error}");
        }
    }

    #[test]
    fn a_delimiter_has_no_length() {
        all_fail(
            |b| b.undefined(SEQUENCE, Vr::SQ).delimiter(Tag::SEQUENCE_DELIMITATION_ITEM, 2).raw(&[0; 8]),
            |kind| matches!(kind, DelimiterLength { tag: Tag::SEQUENCE_DELIMITATION_ITEM, length: 2 }),
        );
        all_fail(
            |b| b.undefined(SEQUENCE, Vr::SQ).undefined_item().delimiter(Tag::ITEM_DELIMITATION_ITEM, 4),
            |kind| matches!(kind, DelimiterLength { tag: Tag::ITEM_DELIMITATION_ITEM, length: 4 }),
        );
    }

    #[test]
    fn only_items_stand_in_sequences_and_fragments() {
        for (tag, vr) in [(SEQUENCE, Vr::SQ), (Tag::PIXEL_DATA, Vr::OB)] {
            all_fail(
                |b| b.undefined(tag, vr).us(Tag::ROWS, 1),
                |kind| matches!(kind, NotAnItem { tag: Tag::ROWS }),
            );
        }
        all_fail(
            |b| b.undefined(Tag::PIXEL_DATA, Vr::OB).undefined_item().end_item().end_sequence(),
            |kind| matches!(kind, UndefinedLength { tag: Tag::ITEM }),
        );
    }

    #[test]
    fn only_some_value_representations_may_be_of_undefined_length() {
        for vr in [Vr::UT, Vr::UC, Vr::UR, Vr::SV, Vr(*b"XX")] {
            let error = fails(ExplicitLittle, new(ExplicitLittle).undefined(PRIVATE, vr).end_sequence());
            assert!(matches!(error.kind, UndefinedLength { tag: PRIVATE }), "{error}");
        }
        let data_set =
            walked(ExplicitLittle, new(ExplicitLittle).undefined(PRIVATE, Vr::OW).item(b"..").end_sequence());
        assert_eq!(data_set.elements[0].value_length(), 10);
        assert_eq!(data_set.fragments, 0, "these are not those of Pixel Data");
    }

    #[test]
    fn odd_lengths_order_duplicates_and_unknown_representations_are_kept() {
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
            all_fail(|b| b.us(tag, 0), |kind| matches!(kind, ForeignGroup { tag: found } if *found == tag));
        }
    }

    #[test]
    fn nesting_is_accepted_up_to_the_limit() {
        for encoding in ENCODINGS {
            let nested = |levels: usize| {
                let opened =
                    (0..levels).fold(new(encoding), |b, _| b.undefined(SEQUENCE, Vr::SQ).undefined_item());
                (0..levels).fold(opened, |b, _| b.end_item().end_sequence())
            };
            walked(encoding, nested(64));
            for levels in [65, 1_000_000] {
                assert!(matches!(fails(encoding, nested(levels)).kind, TooDeep { limit: 64 }));
            }
            let defined = |levels: usize| {
                (0..levels).fold(new(encoding), |b, _| {
                    new(encoding).sequence(SEQUENCE, new(encoding).item(&b.build()))
                })
            };
            walked(encoding, defined(64));
            assert!(matches!(fails(encoding, defined(65)).kind, TooDeep { limit: 64 }));
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
    fn an_encoding_that_has_to_be_undone_first_is_refused() {
        for encoding in [VrEncoding::DeflatedExplicitLittle, VrEncoding::NotElements] {
            assert!(matches!(fails(encoding, new(ExplicitLittle).us(Tag::ROWS, 1)).kind, Header(_)));
        }
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
