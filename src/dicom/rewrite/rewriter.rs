//! Goes through elements, and decides for each what it is in the encoding that is written.

use super::super::byte_order::{pixel_unit, unit};
use super::super::content::Content;
use super::super::dataset::{DataSet, Element};
use super::super::dataset_error::{DataSetError, DataSetErrorKind};
use super::super::dictionary::implicit_vr;
use super::super::element::UNDEFINED_LENGTH;
use super::super::header_writer::Headers;
use super::super::source::Source;
use super::super::tag::Tag;
use super::super::transfer_syntax::VrEncoding;
use super::super::traversal::{Traversal, What};
use super::super::vr::Vr;
use super::lengths::Lengths;
use super::output::Output;
use super::sink::{RewriteError, Sink};
use std::io::{self, Write};
use std::ops::Range;

/// Writes elements of one data set, one after the other.
pub(crate) struct Rewriter<'a> {
    source: &'a dyn Source,
    encoding: VrEncoding,
    /// What is written.
    headers: Headers,
    /// What holds at the outermost level.
    context: Context,
}

impl<'a> Rewriter<'a> {
    /// For elements of `data_set`, which was found in `source`, written with such headers.
    pub(crate) fn new(source: &'a dyn Source, data_set: &DataSet, headers: Headers) -> Rewriter<'a> {
        // What cannot be read decides nothing: US and SS differ in the name only.
        let number = |tag| data_set.u16(source, tag).ok().flatten().unwrap_or(0);
        let signed = number(Tag::PIXEL_REPRESENTATION) == 1;
        let context = Context { signed, bits_allocated: number(Tag::BITS_ALLOCATED) };
        Rewriter { source, encoding: data_set.vr_encoding, headers, context }
    }

    /// Writes one element of the outermost level.
    ///
    /// # Errors
    /// See [`RewriteError`]; part of the element may then be written.
    pub(crate) fn element(&self, element: &Element, out: &mut dyn Write) -> Result<(), RewriteError> {
        let mut lengths = Lengths::new(self.headers, element.tag);
        self.pass(element, &mut lengths)?;
        self.pass(element, &mut Output::new(self.source, self.headers, lengths.into_inner(), out))
    }

    fn pass(&self, element: &Element, sink: &mut impl Sink) -> Result<(), RewriteError> {
        // The walk has accepted how deep it is.
        let mut traversal = Traversal::new(self.source, element.start..element.end, self.encoding, u16::MAX);
        let mut context = self.context;
        let mut outer = Vec::new();
        while let Some(step) = traversal.next().map_err(changed)? {
            let encoding = traversal.encoding();
            match step.what {
                What::Value(header) if header.tag.is_group_length() => {}
                What::Value(header) => {
                    let tag = header.tag;
                    let value = step.start + u64::from(header.header_length)..step.next;
                    let vr = header.vr.unwrap_or_else(|| implicit_vr(tag, context.signed));
                    context.notice(self.source, encoding, tag, value.clone())?;
                    let swapped = context.swapped(encoding, tag, vr);
                    sink.element(tag, written_vr(vr, header.length), value, swapped)?;
                }
                What::Fragment => sink.verbatim(step.start..step.next)?,
                What::Open(header, content) => {
                    let vr = match content {
                        Content::Elements => None,
                        // UN of undefined length is a sequence that an explicit data set can name as one.
                        Content::Items => Some(Vr::SQ),
                        Content::Fragments if self.headers == Headers::Implicit => {
                            return Err(RewriteError::NativeFragments { tag: header.tag });
                        }
                        Content::Fragments if encoding.is_big_endian() => {
                            return Err(RewriteError::BigEndianFragments { tag: header.tag });
                        }
                        Content::Fragments => Some(Vr::OB),
                    };
                    sink.open(header.tag, vr, header.length == UNDEFINED_LENGTH)?;
                    outer.push(context);
                    if content == Content::Elements {
                        context.bits_allocated = 0;
                    }
                }
                What::Close(content) => {
                    sink.close(content)?;
                    context = outer.pop().unwrap_or(context);
                }
            }
        }
        Ok(())
    }
}

/// The attributes of a data set or item that decide about elements after them.
#[derive(Clone, Copy)]
struct Context {
    /// Whether Pixel Representation is 1 here, or else around.
    signed: bool,
    /// Bits Allocated of this data set or item; 0 when not met.
    bits_allocated: u16,
}

impl Context {
    fn notice(
        &mut self,
        source: &dyn Source,
        encoding: VrEncoding,
        tag: Tag,
        value: Range<u64>,
    ) -> io::Result<()> {
        if matches!(tag, Tag::PIXEL_REPRESENTATION | Tag::BITS_ALLOCATED) && value.end - value.start == 2 {
            let &[a, b] = source.bytes(value)?.as_ref() else { return Ok(()) };
            let number = if encoding.is_big_endian() { [b, a] } else { [a, b] };
            match u16::from_le_bytes(number) {
                number if tag == Tag::BITS_ALLOCATED => self.bits_allocated = number,
                number => self.signed = number == 1,
            }
        }
        Ok(())
    }

    /// Of how many bytes each number is that has to be turned round; 1 when nothing has.
    fn swapped(&self, encoding: VrEncoding, tag: Tag, vr: Vr) -> usize {
        match encoding.is_big_endian() {
            false => 1,
            true if tag == Tag::PIXEL_DATA => pixel_unit(vr, self.bits_allocated),
            true => unit(vr),
        }
    }
}

/// The VR in whose header this length fits (PS3.5 section 6.2.2, note 4): a value longer than 65534 bytes under a VR
/// with a 16-bit length becomes UN.
fn written_vr(vr: Vr, length: u32) -> Vr {
    if vr.is_long_form() || length <= 65534 { vr } else { Vr::UN }
}

/// What the walk has accepted and does not hold any more.
fn changed(error: DataSetError) -> RewriteError {
    match error.kind {
        DataSetErrorKind::Io(error) => RewriteError::Io(error),
        _ => RewriteError::Changed { offset: error.offset },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::element::Limits;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::walk::walk;
    use VrEncoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};

    const SEQUENCE: Tag = Tag::SOURCE_IMAGE_SEQUENCE;
    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);
    const CREATOR: Tag = Tag::new(0x0029, 0x0010);
    const GROUP_LENGTH: Tag = Tag::new(0x0008, 0x0000);

    fn new(encoding: VrEncoding) -> DataSetBuilder {
        DataSetBuilder::new(encoding)
    }

    fn rewritten(encoding: VrEncoding, bytes: &Vec<u8>) -> Result<Vec<u8>, RewriteError> {
        rewritten_with(Headers::Explicit, encoding, bytes)
    }

    fn rewritten_with(
        headers: Headers,
        encoding: VrEncoding,
        bytes: &Vec<u8>,
    ) -> Result<Vec<u8>, RewriteError> {
        let data_set = walk(bytes, encoding, &Limits::default()).unwrap();
        let rewriter = Rewriter::new(bytes, &data_set, headers);
        let mut out = Vec::new();
        for element in &data_set.elements {
            rewriter.element(element, &mut out)?;
        }
        let written = if headers == Headers::Explicit { ExplicitLittle } else { ImplicitLittle };
        walk(&out, written, &Limits::default()).expect("what is written can be walked");
        Ok(out)
    }

    /// The same builder calls in `encoding` and in Explicit VR Little Endian: the one is rewritten to the other, and both
    /// to Implicit VR Little Endian.
    fn same(encoding: VrEncoding, build: impl Fn(VrEncoding) -> DataSetBuilder) {
        let out = rewritten(encoding, &build(encoding).build()).unwrap();
        assert_eq!(out.escape_ascii().to_string(), build(ExplicitLittle).build().escape_ascii().to_string());
        for encoding in [ExplicitLittle, encoding] {
            let out = rewritten_with(Headers::Implicit, encoding, &build(encoding).build()).unwrap();
            let expected = build(ImplicitLittle).build().escape_ascii().to_string();
            assert_eq!(out.escape_ascii().to_string(), expected, "{encoding:?}");
        }
    }

    #[test]
    fn the_dictionary_and_the_data_set_give_value_representations() {
        for (signed, vr) in [(0, Vr::US), (1, Vr::SS)] {
            same(ImplicitLittle, |encoding| {
                let item = new(encoding).element(Tag::SMALLEST_IMAGE_PIXEL_VALUE, vr, &[1, 2]).build();
                let own = new(encoding)
                    .us(Tag::PIXEL_REPRESENTATION, 0)
                    .element(Tag::SMALLEST_IMAGE_PIXEL_VALUE, Vr::US, &[1, 2])
                    .build();
                new(encoding)
                    .text(Tag::SOP_INSTANCE_UID, Vr::UI, "1.2.3")
                    .sequence(SEQUENCE, new(encoding).item(&item).item(&own).item(&item))
                    // Before Pixel Representation and still by it.
                    .element(Tag::new(0x0018, 0x9810), vr, &[0x34, 0x12])
                    .text(CREATOR, Vr::LO, "MAKER")
                    .element(PRIVATE, Vr::UN, b"12")
                    .us(Tag::PIXEL_REPRESENTATION, signed)
                    .element(Tag::SMALLEST_IMAGE_PIXEL_VALUE, vr, &[1, 2])
                    .element(Tag::LUT_DATA, Vr::OW, &[1, 2])
                    .element(Tag::new(0x6002, 0x3000), Vr::OW, &[1, 2])
                    .element(Tag::PIXEL_DATA, Vr::OW, &[1, 2, 3])
            });
        }
    }

    #[test]
    fn lengths_are_made_anew_and_delimiters_kept() {
        for encoding in [ImplicitLittle, ExplicitBig] {
            same(encoding, |encoding| {
                let name = new(encoding).text(Tag::PATIENT_NAME, Vr::PN, "A^B").build();
                let inner = new(encoding).sequence(SEQUENCE, new(encoding).item(&name).item(b"")).build();
                new(encoding)
                    .sequence(SEQUENCE, new(encoding).item(&inner).undefined_item().raw(&name).end_item())
                    .sequence(SEQUENCE, new(encoding))
                    .undefined(Tag::new(0x0008, 0x1140), Vr::SQ)
                    .undefined_item()
                    .raw(&inner)
                    .end_item()
                    .item(&name)
                    .end_sequence()
                    .us(Tag::ROWS, 0x1234)
            });
        }
    }

    #[test]
    fn group_lengths_are_left_out_everywhere() {
        for encoding in [ImplicitLittle, ExplicitBig] {
            let build = |group_length: &[u8]| {
                let name = new(encoding).raw(group_length).text(Tag::PATIENT_NAME, Vr::PN, "A^B").build();
                new(encoding).raw(group_length).sequence(SEQUENCE, new(encoding).item(&name)).build()
            };
            let length = new(encoding).element(GROUP_LENGTH, Vr::UL, &[9; 4]).build();
            assert_eq!(
                rewritten(encoding, &build(&length)).unwrap(),
                rewritten(encoding, &build(b"")).unwrap()
            );
        }
    }

    #[test]
    fn big_endian_numbers_are_turned_round_at_every_depth() {
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8];
        let (words, longs, longest) =
            ([2, 1, 4, 3, 6, 5, 8, 7], [4, 3, 2, 1, 8, 7, 6, 5], [8, 7, 6, 5, 4, 3, 2, 1]);
        same(ExplicitBig, |encoding| {
            let turned = |other: [u8; 8]| if encoding == ExplicitBig { numbers } else { other };
            let values = [Vr::AT, Vr::OW, Vr::SS, Vr::US].map(|vr| (vr, words)).into_iter();
            let values = values.chain([Vr::FL, Vr::OF, Vr::OL, Vr::SL, Vr::UL].map(|vr| (vr, longs)));
            let values = values.chain([Vr::FD, Vr::OD, Vr::OV, Vr::SV, Vr::UV].map(|vr| (vr, longest)));
            let values = values.chain([Vr::LO, Vr::OB, Vr::UN, Vr::UT].map(|vr| (vr, numbers)));
            let all = values
                .fold(new(encoding), |builder, (vr, other)| builder.element(PRIVATE, vr, &turned(other)));
            new(encoding).sequence(SEQUENCE, new(encoding).item(&all.clone().build())).raw(&all.build())
        });
    }

    #[test]
    fn pixel_data_is_turned_round_by_its_own_bits_allocated() {
        same(ExplicitBig, |encoding| {
            let big = encoding == ExplicitBig;
            let icon = new(encoding)
                .us(Tag::BITS_ALLOCATED, 8)
                .element(Tag::PIXEL_DATA, Vr::OW, if big { &[2, 1, 4, 3] } else { &[1, 2, 3, 4] })
                .build();
            let plain = new(encoding)
                .element(Tag::PIXEL_DATA, Vr::OW, if big { &[2, 1, 4, 3] } else { &[1, 2, 3, 4] })
                .build();
            new(encoding)
                .us(Tag::BITS_ALLOCATED, 32)
                .sequence(Tag::new(0x0088, 0x0200), new(encoding).item(&icon).item(&plain))
                .element(Tag::PIXEL_DATA, Vr::OW, if big { &[4, 3, 2, 1] } else { &[1, 2, 3, 4] })
        });
    }

    #[test]
    fn a_value_too_long_for_its_header_becomes_un() {
        for (length, vr) in [(65534, Vr::LO), (65536, Vr::UN)] {
            let value = vec![b'x'; length];
            let bytes = new(ImplicitLittle).element(CREATOR, Vr::LO, &value).build();
            let expected = new(ExplicitLittle).element(CREATOR, vr, &value).build();
            assert!(rewritten(ImplicitLittle, &bytes).unwrap() == expected, "{length}");
            assert!(
                rewritten_with(Headers::Implicit, ExplicitLittle, &expected).unwrap() == bytes,
                "{length}"
            );
        }
    }

    #[test]
    fn an_unknown_sequence_of_undefined_length_becomes_one() {
        let content = |encoding| {
            let creator = new(encoding).text(CREATOR, Vr::LO, "M").element(PRIVATE, Vr::UN, b"").build();
            new(encoding).item(&creator).undefined_item().raw(&creator).end_item().end_sequence().build()
        };
        let expected = new(ExplicitLittle).undefined(PRIVATE, Vr::SQ).raw(&content(ExplicitLittle)).build();
        // In big endian too, the content under UN is implicit little endian.
        for encoding in [ImplicitLittle, ExplicitBig] {
            let bytes = new(encoding).undefined(PRIVATE, Vr::UN).raw(&content(ImplicitLittle)).build();
            assert_eq!(rewritten(encoding, &bytes).unwrap(), expected, "{encoding:?}");
            let implicit = rewritten_with(Headers::Implicit, encoding, &bytes).unwrap();
            let same = new(ImplicitLittle).undefined(PRIVATE, Vr::SQ).raw(&content(ImplicitLittle)).build();
            assert_eq!(implicit, same, "{encoding:?}");
        }
    }

    #[test]
    fn fragments_are_copied_and_only_from_little_endian() {
        let icon = |encoding| {
            let pixels =
                new(encoding).undefined(Tag::PIXEL_DATA, Vr::OB).item(b"").item(b"JPEG").end_sequence();
            new(encoding).sequence(SEQUENCE, new(encoding).item(&pixels.clone().build())).raw(&pixels.build())
        };
        let implicit = icon(ImplicitLittle).build();
        assert_eq!(rewritten(ImplicitLittle, &implicit).unwrap(), icon(ExplicitLittle).build());
        let error =
            rewritten_with(Headers::Implicit, ExplicitLittle, &icon(ExplicitLittle).build()).unwrap_err();
        assert!(matches!(error, RewriteError::NativeFragments { tag: Tag::PIXEL_DATA }));
        let error = rewritten(ExplicitBig, &icon(ExplicitBig).build()).unwrap_err();
        assert!(matches!(error, RewriteError::BigEndianFragments { tag: Tag::PIXEL_DATA }));
    }

    #[test]
    fn nesting_to_the_limit_takes_no_recursion() {
        same(ImplicitLittle, |encoding| {
            (0..64).fold(new(encoding).us(Tag::ROWS, 1), |inner, _| {
                new(encoding).sequence(SEQUENCE, new(encoding).item(&inner.build()))
            })
        });
    }

    #[test]
    fn values_longer_than_a_piece_are_turned_round_without_a_seam() {
        let count = (1 << 20) + 6;
        same(ExplicitBig, |encoding| {
            let value: Vec<u8> = (0..count)
                .map(|index| if encoding == ExplicitBig { index ^ 1 } else { index })
                .map(|index| (index % 251) as u8)
                .collect();
            new(encoding).element(PRIVATE, Vr::OW, &value)
        });
    }

    #[test]
    fn a_source_that_has_changed_is_an_error() {
        let name = new(ImplicitLittle).text(Tag::PATIENT_NAME, Vr::PN, "A^B").build();
        let mut bytes = new(ImplicitLittle).sequence(SEQUENCE, new(ImplicitLittle).item(&name)).build();
        let data_set = walk(&bytes, ImplicitLittle, &Limits::default()).unwrap();
        bytes[20] = 0xFF;
        let result = Rewriter::new(&bytes, &data_set, Headers::Explicit)
            .element(&data_set.elements[0], &mut Vec::new());
        assert!(matches!(result, Err(RewriteError::Changed { offset: 16 })), "{result:?}");
    }
}
