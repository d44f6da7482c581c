//! Writes elements of an implicit or big endian data set as Explicit VR Little Endian (PS3.5 sections 7.1.2 and A).
//!
//! Headers are made anew, values are copied: little endian ones byte for byte, big endian ones with their numbers
//! turned round. Group lengths (retired) are left out, since no header keeps its length. A sequence of defined length
//! keeps one, which has to be known before its items are written: every element is gone through twice, first to
//! measure, then to write, and only lengths are kept in between.

use super::byte_order::{pixel_unit, swap, unit};
use super::dataset::{DataSet, Element};
use super::dictionary::implicit_vr;
use super::element::{Header, UNDEFINED_LENGTH, read_header};
use super::header_writer::{put_header, put_item};
use super::source::{Source, in_pieces};
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;
use super::window::Window;
use std::io::{self, Write};
use std::ops::Range;

/// Why elements cannot be written in Explicit VR Little Endian.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The source is not what was walked.
    #[error("the data set has changed at offset {offset}")]
    Changed {
        /// Of the header that is not there.
        offset: u64,
    },
    /// Encapsulated fragments, which exist in little endian only.
    #[error("{tag} is encapsulated in a big endian data set")]
    BigEndianFragments {
        /// The element.
        tag: Tag,
    },
    /// More sequences and items in one element than can be measured.
    #[error("{tag} holds too many items")]
    TooManyItems {
        /// The element of the outermost level.
        tag: Tag,
    },
    /// The source or the writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes elements of one data set, one after the other.
pub(super) struct Rewriter<'a> {
    source: &'a dyn Source,
    encoding: VrEncoding,
    signed: bool,
    bits_allocated: u16,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(source: &'a dyn Source, data_set: &DataSet) -> Rewriter<'a> {
        // What cannot be read decides nothing: US and SS differ in the name only.
        let number = |tag| data_set.u16(source, tag).ok().flatten().unwrap_or(0);
        Rewriter {
            source,
            encoding: data_set.vr_encoding,
            signed: number(Tag::PIXEL_REPRESENTATION) == 1,
            bits_allocated: number(Tag::BITS_ALLOCATED),
        }
    }

    /// Writes one element of the outermost level.
    pub(super) fn element(&self, element: &Element, out: &mut dyn Write) -> Result<(), RewriteError> {
        let mut measure = Measure { tag: element.tag, lengths: Vec::new(), open: Vec::new() };
        self.pass(element, &mut measure)?;
        let lengths = measure.lengths.into_iter();
        self.pass(
            element,
            &mut Output { source: self.source, out, lengths, open: Vec::new(), scratch: Vec::new() },
        )
    }

    /// Goes through an element that the walk has accepted, iteratively.
    fn pass(&self, element: &Element, sink: &mut impl Sink) -> Result<(), RewriteError> {
        let mut window = Window::new(self.source);
        let mut offset = element.start;
        let mut level = Level {
            kind: Kind::Elements,
            encoding: self.encoding,
            end: element.end,
            delimited: false,
            signed: self.signed,
            bits_allocated: self.bits_allocated,
        };
        let mut outer: Vec<Level> = Vec::new();
        loop {
            if offset == level.end && !level.delimited {
                let Some(around) = outer.pop() else { return Ok(()) };
                sink.close(level.kind)?;
                level = around;
                continue;
            }
            let header = read_header(window.at(offset, level.end)?, level.encoding)
                .map_err(|_| RewriteError::Changed { offset })?;
            let value = offset + u64::from(header.header_length);
            let undefined = header.length == UNDEFINED_LENGTH;
            let end = if undefined { level.end } else { value + u64::from(header.length) };
            if end > level.end {
                return Err(RewriteError::Changed { offset });
            }
            match (level.kind, header.tag) {
                (_, Tag::ITEM_DELIMITATION_ITEM | Tag::SEQUENCE_DELIMITATION_ITEM) => {
                    let Some(around) = outer.pop() else { return Ok(()) };
                    sink.close(level.kind)?;
                    level = around;
                    offset = value;
                }
                (Kind::Fragments, _) => {
                    sink.verbatim(offset..end)?;
                    offset = end;
                }
                (Kind::Items, _) => {
                    sink.open(header.tag, None, undefined)?;
                    let inner =
                        Level { kind: Kind::Elements, end, delimited: undefined, bits_allocated: 0, ..level };
                    outer.push(std::mem::replace(&mut level, inner));
                    offset = value;
                }
                (Kind::Elements, tag) if tag.is_group_length() && !undefined => offset = end,
                (Kind::Elements, tag) => {
                    let vr = level.vr(&header);
                    let Some((kind, encoding)) = level.content(&header, vr)? else {
                        level.notice(self.source, tag, value..end)?;
                        sink.element(tag, written_vr(vr, header.length), value..end, level.swapped(tag, vr))?;
                        offset = end;
                        continue;
                    };
                    // UN of undefined length is a sequence that an explicit data set can name as one.
                    let vr = if kind == Kind::Items { Vr::SQ } else { Vr::OB };
                    sink.open(tag, Some(vr), undefined)?;
                    let inner = Level { kind, encoding, end, delimited: undefined, ..level };
                    outer.push(std::mem::replace(&mut level, inner));
                    offset = value;
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elements,
    Items,
    Fragments,
}

/// A stretch of the source, as in the walk, and what decides about values in it.
#[derive(Clone, Copy)]
struct Level {
    kind: Kind,
    encoding: VrEncoding,
    /// Where it ends; when it is delimited, where what is around it ends.
    end: u64,
    delimited: bool,
    /// Whether Pixel Representation is 1 here, or else around.
    signed: bool,
    /// Bits Allocated of this data set or item; 0 when not met.
    bits_allocated: u16,
}

impl Level {
    fn vr(&self, header: &Header) -> Vr {
        header.vr.unwrap_or_else(|| implicit_vr(header.tag, self.signed))
    }

    /// What the value consists of, if it is not just bytes, and in which encoding; the walk decides alike.
    fn content(&self, header: &Header, vr: Vr) -> Result<Option<(Kind, VrEncoding)>, RewriteError> {
        let tag = header.tag;
        if header.length != UNDEFINED_LENGTH {
            return Ok((vr == Vr::SQ && header.length > 0).then_some((Kind::Items, self.encoding)));
        }
        let known = header.vr.filter(|vr| *vr != Vr::UN);
        let fragments = known.map_or(tag == Tag::PIXEL_DATA, |vr| vr != Vr::SQ);
        match (fragments, known) {
            (true, _) if self.encoding.is_big_endian() => Err(RewriteError::BigEndianFragments { tag }),
            (true, _) => Ok(Some((Kind::Fragments, self.encoding))),
            (false, Some(_)) => Ok(Some((Kind::Items, self.encoding))),
            (false, None) => Ok(Some((Kind::Items, VrEncoding::ImplicitLittle))),
        }
    }

    /// Keeps the attributes that decide about elements after them.
    fn notice(&mut self, source: &dyn Source, tag: Tag, value: Range<u64>) -> io::Result<()> {
        if matches!(tag, Tag::PIXEL_REPRESENTATION | Tag::BITS_ALLOCATED) && value.end - value.start == 2 {
            let &[a, b] = source.bytes(value)?.as_ref() else { return Ok(()) };
            let number = if self.encoding.is_big_endian() { [b, a] } else { [a, b] };
            match u16::from_le_bytes(number) {
                number if tag == Tag::BITS_ALLOCATED => self.bits_allocated = number,
                number => self.signed = number == 1,
            }
        }
        Ok(())
    }

    /// Of how many bytes each number is that has to be turned round; 1 when nothing has.
    fn swapped(&self, tag: Tag, vr: Vr) -> usize {
        match self.encoding.is_big_endian() {
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

/// What a pass through an element is for.
trait Sink {
    /// An element whose value lies at `value`, with numbers of `swapped` bytes to turn round.
    fn element(&mut self, tag: Tag, vr: Vr, value: Range<u64>, swapped: usize) -> Result<(), RewriteError>;
    /// An element or, without a VR, an item is entered.
    fn open(&mut self, tag: Tag, vr: Option<Vr>, undefined: bool) -> Result<(), RewriteError>;
    /// What was entered last is left. `kind` is of what it contains.
    fn close(&mut self, kind: Kind) -> Result<(), RewriteError>;
    /// Bytes that are the same in the output.
    fn verbatim(&mut self, range: Range<u64>) -> Result<(), RewriteError>;
}

const ITEM_HEADER: u64 = 8;
const DELIMITER: u64 = 8;
/// The lengths of one element's sequences and items cost 4 bytes each.
const MOST_CONTAINERS: usize = 1 << 22;

/// The length to write for each sequence and item, in the order in which they are entered.
struct Measure {
    tag: Tag,
    lengths: Vec<u32>,
    open: Vec<Open>,
}

struct Open {
    index: usize,
    header: u64,
    undefined: bool,
    content: u64,
}

impl Measure {
    fn add(&mut self, bytes: u64) {
        if let Some(open) = self.open.last_mut() {
            open.content += bytes;
        }
    }
}

impl Sink for Measure {
    fn element(&mut self, _: Tag, vr: Vr, value: Range<u64>, _: usize) -> Result<(), RewriteError> {
        self.add(header_length(vr) + (value.end - value.start));
        Ok(())
    }

    fn open(&mut self, _: Tag, vr: Option<Vr>, undefined: bool) -> Result<(), RewriteError> {
        let index = self.lengths.len();
        if index == MOST_CONTAINERS {
            return Err(RewriteError::TooManyItems { tag: self.tag });
        }
        self.lengths.push(UNDEFINED_LENGTH);
        self.open.push(Open { index, header: vr.map_or(ITEM_HEADER, header_length), undefined, content: 0 });
        Ok(())
    }

    fn close(&mut self, _: Kind) -> Result<(), RewriteError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // What has outgrown its length is delimited instead.
        let length = u32::try_from(open.content).ok().filter(|_| !open.undefined).unwrap_or(UNDEFINED_LENGTH);
        let delimiter = if length == UNDEFINED_LENGTH { DELIMITER } else { 0 };
        if let Some(slot) = self.lengths.get_mut(open.index) {
            *slot = length;
        }
        self.add(open.header + open.content + delimiter);
        Ok(())
    }

    fn verbatim(&mut self, range: Range<u64>) -> Result<(), RewriteError> {
        self.add(range.end - range.start);
        Ok(())
    }
}

struct Output<'a> {
    source: &'a dyn Source,
    out: &'a mut dyn Write,
    lengths: std::vec::IntoIter<u32>,
    /// Whether each sequence and item that is open needs a delimiter.
    open: Vec<bool>,
    scratch: Vec<u8>,
}

impl Output<'_> {
    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.scratch)?;
        self.scratch.clear();
        Ok(())
    }
}

impl Sink for Output<'_> {
    fn element(&mut self, tag: Tag, vr: Vr, value: Range<u64>, swapped: usize) -> Result<(), RewriteError> {
        // The walk has read this length from a header of 32 bits at most.
        let length = u32::try_from(value.end - value.start)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        put_header(&mut self.scratch, tag, vr, length)?;
        self.flush()?;
        copy(self.source, value, swapped, self.out)?;
        Ok(())
    }

    fn open(&mut self, tag: Tag, vr: Option<Vr>, _: bool) -> Result<(), RewriteError> {
        let length = self.lengths.next().unwrap_or(UNDEFINED_LENGTH);
        match vr {
            Some(vr) => put_header(&mut self.scratch, tag, vr, length)?,
            None => put_item(&mut self.scratch, tag, length),
        }
        self.open.push(length == UNDEFINED_LENGTH);
        Ok(self.flush()?)
    }

    fn close(&mut self, kind: Kind) -> Result<(), RewriteError> {
        if self.open.pop() == Some(true) {
            let delimiter = match kind {
                Kind::Elements => Tag::ITEM_DELIMITATION_ITEM,
                Kind::Items | Kind::Fragments => Tag::SEQUENCE_DELIMITATION_ITEM,
            };
            put_item(&mut self.scratch, delimiter, 0);
            self.flush()?;
        }
        Ok(())
    }

    fn verbatim(&mut self, range: Range<u64>) -> Result<(), RewriteError> {
        Ok(copy(self.source, range, 1, self.out)?)
    }
}

fn header_length(vr: Vr) -> u64 {
    if vr.is_long_form() { 12 } else { 8 }
}

/// Copies a range of the source, its numbers of `swapped` bytes turned round, in pieces.
pub(super) fn copy(
    source: &dyn Source,
    range: Range<u64>,
    swapped: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    in_pieces(source, range, |bytes| {
        if swapped == 1 {
            return out.write_all(&bytes);
        }
        let mut bytes = bytes.into_owned();
        swap(&mut bytes, swapped);
        out.write_all(&bytes)
    })
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
        let data_set = walk(bytes, encoding, &Limits::default()).unwrap();
        let rewriter = Rewriter::new(bytes, &data_set);
        let mut out = Vec::new();
        for element in &data_set.elements {
            rewriter.element(element, &mut out)?;
        }
        walk(&out, ExplicitLittle, &Limits::default()).expect("what is written can be walked");
        Ok(out)
    }

    /// The same builder calls in `encoding` and in Explicit VR Little Endian: the one is rewritten to the other.
    fn same(encoding: VrEncoding, build: impl Fn(VrEncoding) -> DataSetBuilder) {
        let out = rewritten(encoding, &build(encoding).build()).unwrap();
        assert_eq!(out.escape_ascii().to_string(), build(ExplicitLittle).build().escape_ascii().to_string());
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
        }
    }

    #[test]
    fn fragments_are_copied_and_only_from_little_endian() {
        let icon = |encoding| {
            let pixels =
                new(encoding).undefined(Tag::PIXEL_DATA, Vr::OB).item(b"").item(b"JPEG").end_sequence();
            new(encoding).sequence(SEQUENCE, new(encoding).item(&pixels.clone().build())).raw(&pixels.build())
        };
        same(ImplicitLittle, icon);
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
        let result = Rewriter::new(&bytes, &data_set).element(&data_set.elements[0], &mut Vec::new());
        assert!(matches!(result, Err(RewriteError::Changed { offset: 16 })), "{result:?}");
    }
}
