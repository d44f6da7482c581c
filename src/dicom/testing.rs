//! Data sets for tests, written byte by byte: also the ones that no writer should write.

use super::element::UNDEFINED_LENGTH;
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;

/// Every encoding of a data set that is not deflated.
pub(crate) const ENCODINGS: [VrEncoding; 3] =
    [VrEncoding::ImplicitLittle, VrEncoding::ExplicitLittle, VrEncoding::ExplicitBig];

/// Appends elements as they are told, in the encoding it was made for; nothing is padded, checked or sorted.
#[derive(Clone)]
pub(crate) struct DataSetBuilder {
    encoding: VrEncoding,
    bytes: Vec<u8>,
}

impl DataSetBuilder {
    pub(crate) fn new(encoding: VrEncoding) -> DataSetBuilder {
        DataSetBuilder { encoding, bytes: Vec::new() }
    }

    /// A header; `vr` is not written in implicit VR.
    pub(crate) fn header(mut self, tag: Tag, vr: Vr, length: u32) -> DataSetBuilder {
        self.put_tag(tag);
        if self.encoding.is_implicit() {
            self.put_u32(length);
        } else if vr.is_long_form() {
            self.bytes.extend(vr.0);
            self.bytes.extend([0, 0]);
            self.put_u32(length);
        } else {
            self.bytes.extend(vr.0);
            self.put_u16(u16::try_from(length).expect("this value representation has a 16-bit length"));
        }
        self
    }

    /// An element with this value, as it is.
    pub(crate) fn element(self, tag: Tag, vr: Vr, value: &[u8]) -> DataSetBuilder {
        self.header(tag, vr, value.len() as u32).raw(value)
    }

    /// A text or UID, padded to an even length with a space or a NUL.
    pub(crate) fn text(self, tag: Tag, vr: Vr, text: &str) -> DataSetBuilder {
        let mut value = text.as_bytes().to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == Vr::UI { 0 } else { b' ' });
        }
        self.element(tag, vr, &value)
    }

    /// An unsigned short.
    pub(crate) fn us(self, tag: Tag, number: u16) -> DataSetBuilder {
        let mut this = self.header(tag, Vr::US, 2);
        this.put_u16(number);
        this
    }

    /// A sequence of defined length around these items.
    pub(crate) fn sequence(self, tag: Tag, items: DataSetBuilder) -> DataSetBuilder {
        self.element(tag, Vr::SQ, &items.bytes)
    }

    /// The start of an element of undefined length; [`DataSetBuilder::end_sequence`] ends it.
    pub(crate) fn undefined(self, tag: Tag, vr: Vr) -> DataSetBuilder {
        self.header(tag, vr, UNDEFINED_LENGTH)
    }

    /// An item or fragment of defined length.
    pub(crate) fn item(self, content: &[u8]) -> DataSetBuilder {
        self.delimiter(Tag::ITEM, content.len() as u32).raw(content)
    }

    /// The start of an item of undefined length; [`DataSetBuilder::end_item`] ends it.
    pub(crate) fn undefined_item(self) -> DataSetBuilder {
        self.delimiter(Tag::ITEM, UNDEFINED_LENGTH)
    }

    pub(crate) fn end_item(self) -> DataSetBuilder {
        self.delimiter(Tag::ITEM_DELIMITATION_ITEM, 0)
    }

    pub(crate) fn end_sequence(self) -> DataSetBuilder {
        self.delimiter(Tag::SEQUENCE_DELIMITATION_ITEM, 0)
    }

    /// A tag of the group FFFE and a length: what has no value representation in any encoding.
    pub(crate) fn delimiter(mut self, tag: Tag, length: u32) -> DataSetBuilder {
        self.put_tag(tag);
        self.put_u32(length);
        self
    }

    /// Any bytes.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> DataSetBuilder {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn build(self) -> Vec<u8> {
        self.bytes
    }

    fn put_tag(&mut self, tag: Tag) {
        self.put_u16(tag.group);
        self.put_u16(tag.element);
    }

    fn put_u16(&mut self, number: u16) {
        let big = self.encoding.is_big_endian();
        self.bytes.extend(if big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn put_u32(&mut self, number: u32) {
        let big = self.encoding.is_big_endian();
        self.bytes.extend(if big { number.to_be_bytes() } else { number.to_le_bytes() });
    }
}
