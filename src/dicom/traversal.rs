//! Goes through a data set header by header, into every sequence, item and fragment (PS3.5 sections 7.1, 7.5 and A.4).
//!
//! Its stack is a list of what is open, bounded by a limit; it reads headers, never a value, and allocates nothing for
//! a length that is declared.

use super::content::Content;
use super::dataset_error::{DataSetError, DataSetErrorKind};
use super::element::{Header, UNDEFINED_LENGTH, read_header};
use super::source::Source;
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::window::Window;
use std::ops::Range;

/// The headers of a stretch of elements, in the order in which they stand.
pub(super) struct Traversal<'s> {
    window: Window<'s>,
    /// How many sequences may be open within each other.
    most_nested: u16,
    offset: u64,
    level: Level,
    /// What is open around the current level, the outermost first.
    outer: Vec<Level>,
}

/// What stands at one place.
pub(super) struct Step {
    pub(super) what: What,
    /// Where its header begins; of what was closed, where its content ended.
    pub(super) start: u64,
    /// Where the next step begins.
    pub(super) next: u64,
}

pub(super) enum What {
    /// An element whose value is just bytes.
    Value(Header),
    /// A whole item of an element that consists of [`Content::Fragments`].
    Fragment,
    /// An element or item is entered that consists of something.
    Open(Header, Content),
    /// What was opened last is left, with its delimiter if it has one.
    Close(Content),
}

impl<'s> Traversal<'s> {
    /// Begins before the first of the elements that lie end to end in `range`.
    pub(super) fn new(
        source: &'s dyn Source,
        range: Range<u64>,
        encoding: VrEncoding,
        most_nested: u16,
    ) -> Traversal<'s> {
        let (offset, end) = (range.start, range.end);
        let level = Level { content: Content::Elements, tag: Tag::ITEM, encoding, end, delimited: false };
        Traversal { window: Window::new(source), most_nested, offset, level, outer: Vec::new() }
    }

    /// What stands next; none behind the last element of the outermost level.
    ///
    /// # Errors
    /// What was opened is not closed, or closed by what does not belong to it; a header is none, or declares more
    /// than what it stands in has left; the nesting is too deep; the source's own.
    pub(super) fn next(&mut self) -> Result<Option<Step>, DataSetError> {
        let start = self.offset;
        let what = self.step().map_err(|kind| DataSetError { offset: start, kind })?;
        Ok(what.map(|what| Step { what, start, next: self.offset }))
    }

    /// How many elements and items are open.
    pub(super) fn depth(&self) -> usize {
        self.outer.len()
    }

    /// How the headers and values of what was opened last are encoded.
    pub(super) fn encoding(&self) -> VrEncoding {
        self.level.encoding
    }

    fn step(&mut self) -> Result<Option<What>, DataSetErrorKind> {
        if self.offset == self.level.end {
            return if self.level.delimited {
                Err(DataSetErrorKind::NotDelimited { tag: self.level.tag })
            } else {
                Ok(self.close())
            };
        }
        let header = read_header(self.window.at(self.offset, self.level.end)?, self.level.encoding)?;
        let body = self.offset + u64::from(header.header_length);
        match self.level.content {
            Content::Elements => self.element(header, body),
            Content::Items | Content::Fragments => self.item(header, body),
        }
    }

    /// A header where elements are.
    fn element(&mut self, header: Header, body: u64) -> Result<Option<What>, DataSetErrorKind> {
        let tag = header.tag;
        if tag == Tag::ITEM_DELIMITATION_ITEM && self.level.delimited {
            return self.delimiter(&header, body);
        }
        if tag.group == Tag::ITEM.group {
            return Err(DataSetErrorKind::StrayDelimiter { tag });
        }
        let end = self.end_of_value(&header, body)?;
        let Some((content, encoding)) = Content::of(&header, self.level.encoding)? else {
            self.offset = end;
            return Ok(Some(What::Value(header)));
        };
        // Levels are the data set, then a sequence and an item in turn.
        let nested = self.outer.len() / 2 + 1;
        if content == Content::Items && nested > usize::from(self.most_nested) {
            return Err(DataSetErrorKind::TooDeep { limit: self.most_nested });
        }
        Ok(self.open(header, content, encoding, body, end))
    }

    /// A header where items or fragments are.
    fn item(&mut self, header: Header, body: u64) -> Result<Option<What>, DataSetErrorKind> {
        match header.tag {
            Tag::ITEM => {}
            Tag::SEQUENCE_DELIMITATION_ITEM if self.level.delimited => return self.delimiter(&header, body),
            tag if tag.group == Tag::ITEM.group => return Err(DataSetErrorKind::StrayDelimiter { tag }),
            tag => return Err(DataSetErrorKind::NotAnItem { tag }),
        }
        let end = self.end_of_value(&header, body)?;
        if self.level.content == Content::Items {
            return Ok(self.open(header, Content::Elements, self.level.encoding, body, end));
        }
        if header.length == UNDEFINED_LENGTH {
            return Err(DataSetErrorKind::UndefinedLength { tag: Tag::ITEM });
        }
        self.offset = end;
        Ok(Some(What::Fragment))
    }

    /// A delimiter that belongs where it stands.
    fn delimiter(&mut self, header: &Header, body: u64) -> Result<Option<What>, DataSetErrorKind> {
        match header.length {
            0 => {
                self.offset = body;
                Ok(self.close())
            }
            length => Err(DataSetErrorKind::DelimiterLength { tag: header.tag, length }),
        }
    }

    /// Where the value ends; of an undefined length, where it must have ended.
    fn end_of_value(&self, header: &Header, body: u64) -> Result<u64, DataSetErrorKind> {
        if header.length == UNDEFINED_LENGTH {
            return Ok(self.level.end);
        }
        let available = self.level.end - body;
        if u64::from(header.length) > available {
            return Err(DataSetErrorKind::Overrun { tag: header.tag, length: header.length, available });
        }
        Ok(body + u64::from(header.length))
    }

    fn open(
        &mut self,
        header: Header,
        content: Content,
        encoding: VrEncoding,
        body: u64,
        end: u64,
    ) -> Option<What> {
        let delimited = header.length == UNDEFINED_LENGTH;
        let inner = Level { content, tag: header.tag, encoding, end, delimited };
        self.outer.push(std::mem::replace(&mut self.level, inner));
        self.offset = body;
        Some(What::Open(header, content))
    }

    fn close(&mut self) -> Option<What> {
        let outer = self.outer.pop()?;
        Some(What::Close(std::mem::replace(&mut self.level, outer).content))
    }
}

/// A stretch of bytes that consists of headers and their values.
struct Level {
    content: Content,
    /// What opened it.
    tag: Tag,
    /// How its headers are encoded.
    encoding: VrEncoding,
    /// Where it ends; when it is delimited, where what is around it ends.
    end: u64,
    /// Whether it has a delimiter instead of a length.
    delimited: bool,
}

#[cfg(test)]
mod tests {
    use super::DataSetErrorKind::*;
    use super::VrEncoding::{ExplicitLittle, ImplicitLittle};
    use super::*;
    use crate::dicom::element::HeaderError;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::vr::Vr;

    const SEQUENCE: Tag = Tag::SOURCE_IMAGE_SEQUENCE;
    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);

    fn new(encoding: VrEncoding) -> DataSetBuilder {
        DataSetBuilder::new(encoding)
    }

    /// How many steps it takes to the end.
    fn steps(encoding: VrEncoding, builder: DataSetBuilder) -> Result<usize, DataSetError> {
        let bytes = builder.build();
        let mut traversal = Traversal::new(&bytes, 0..bytes.len() as u64, encoding, 64);
        let mut steps = 0;
        while let Some(step) = traversal.next()? {
            assert!(step.start <= step.next && step.next <= bytes.len() as u64);
            steps += 1;
        }
        assert_eq!((traversal.depth(), traversal.encoding()), (0, encoding));
        Ok(steps)
    }

    fn fails(encoding: VrEncoding, builder: DataSetBuilder) -> DataSetError {
        steps(encoding, builder).expect_err("these are no elements")
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

    #[test]
    fn what_stands_in_a_data_set_is_told_in_order() {
        let item = new(ImplicitLittle).us(Tag::ROWS, 1).build();
        let bytes = new(ImplicitLittle)
            .sequence(SEQUENCE, new(ImplicitLittle).item(&item))
            .undefined(Tag::PIXEL_DATA, Vr::OB)
            .item(b"JPEG")
            .end_sequence()
            .build();
        let mut traversal = Traversal::new(&bytes, 0..bytes.len() as u64, ImplicitLittle, 1);
        let mut told = Vec::new();
        while let Some(step) = traversal.next().unwrap() {
            let what = match step.what {
                What::Value(header) => format!("value {}", header.tag),
                What::Fragment => "fragment".to_owned(),
                What::Open(header, _) => format!("open {}", header.tag),
                What::Close(_) => "close".to_owned(),
            };
            told.push(format!("{}: {what}, {}..{}", traversal.depth(), step.start, step.next));
        }
        let expected = [
            "1: open (0008,2112), 0..8",
            "2: open (FFFE,E000), 8..16",
            "2: value (0028,0010), 16..26",
            "1: close, 26..26",
            "0: close, 26..26",
            "1: open (7FE0,0010), 26..34",
            "1: fragment, 34..46",
            "0: close, 46..54",
        ];
        assert_eq!(told, expected);
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
    fn nesting_is_accepted_up_to_the_limit() {
        for encoding in ENCODINGS {
            let nested = |levels: usize| {
                let opened =
                    (0..levels).fold(new(encoding), |b, _| b.undefined(SEQUENCE, Vr::SQ).undefined_item());
                (0..levels).fold(opened, |b, _| b.end_item().end_sequence())
            };
            assert_eq!(steps(encoding, nested(64)).unwrap(), 4 * 64);
            for levels in [65, 1_000_000] {
                assert!(matches!(fails(encoding, nested(levels)).kind, TooDeep { limit: 64 }));
            }
            let defined = |levels: usize| {
                (0..levels).fold(new(encoding), |b, _| {
                    new(encoding).sequence(SEQUENCE, new(encoding).item(&b.build()))
                })
            };
            assert_eq!(steps(encoding, defined(64)).unwrap(), 4 * 64);
            assert!(matches!(fails(encoding, defined(65)).kind, TooDeep { limit: 64 }));
        }
    }

    #[test]
    fn an_encoding_that_has_to_be_undone_first_is_refused() {
        for encoding in [VrEncoding::DeflatedExplicitLittle, VrEncoding::NotElements] {
            assert!(matches!(fails(encoding, new(ExplicitLittle).us(Tag::ROWS, 1)).kind, Header(_)));
        }
    }
}
