//! Measures an element: the length that each of its sequences and items will have when it is written.

use super::super::content::Content;
use super::super::element::UNDEFINED_LENGTH;
use super::super::header_writer::{Headers, ITEM_HEADER};
use super::super::tag::Tag;
use super::super::vr::Vr;
use super::sink::{RewriteError, Sink};
use std::ops::Range;

/// The length to write for each sequence and item of one element, in the order in which they are entered.
pub(super) struct Lengths {
    headers: Headers,
    tag: Tag,
    lengths: Vec<u32>,
    open: Vec<Open>,
}

impl Lengths {
    /// For the element `tag` of the outermost level.
    pub(super) fn new(headers: Headers, tag: Tag) -> Lengths {
        Lengths { headers, tag, lengths: Vec::new(), open: Vec::new() }
    }

    /// What was measured.
    pub(super) fn into_inner(self) -> Vec<u32> {
        self.lengths
    }

    fn add(&mut self, bytes: u64) {
        if let Some(open) = self.open.last_mut() {
            open.content += bytes;
        }
    }
}

impl Sink for Lengths {
    fn element(&mut self, _: Tag, vr: Vr, value: Range<u64>, _: usize) -> Result<(), RewriteError> {
        self.add(self.headers.length(vr) + (value.end - value.start));
        Ok(())
    }

    fn open(&mut self, _: Tag, vr: Option<Vr>, undefined: bool) -> Result<(), RewriteError> {
        let index = self.lengths.len();
        if index == MOST_CONTAINERS {
            return Err(RewriteError::TooManyItems { tag: self.tag });
        }
        self.lengths.push(UNDEFINED_LENGTH);
        let header = vr.map_or(ITEM_HEADER, |vr| self.headers.length(vr));
        self.open.push(Open { index, header, undefined, content: 0 });
        Ok(())
    }

    fn close(&mut self, _: Content) -> Result<(), RewriteError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // What has outgrown its length is delimited instead.
        let length = u32::try_from(open.content).ok().filter(|_| !open.undefined).unwrap_or(UNDEFINED_LENGTH);
        let delimiter = if length == UNDEFINED_LENGTH { ITEM_HEADER } else { 0 };
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

/// The lengths of one element's sequences and items cost 4 bytes each.
const MOST_CONTAINERS: usize = 1 << 22;

/// A sequence or item that is being measured.
struct Open {
    index: usize,
    header: u64,
    undefined: bool,
    content: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_include_headers_and_delimiters_of_what_is_within() {
        let mut lengths = Lengths::new(Headers::Explicit, Tag::SOURCE_IMAGE_SEQUENCE);
        lengths.open(Tag::SOURCE_IMAGE_SEQUENCE, Some(Vr::SQ), false).unwrap();
        lengths.open(Tag::ITEM, None, false).unwrap();
        lengths.element(Tag::ROWS, Vr::US, 50..52, 1).unwrap();
        lengths.element(Tag::PIXEL_DATA, Vr::OW, 60..64, 1).unwrap();
        lengths.close(Content::Elements).unwrap();
        lengths.open(Tag::ITEM, None, true).unwrap();
        lengths.verbatim(10..30).unwrap();
        lengths.close(Content::Elements).unwrap();
        lengths.close(Content::Items).unwrap();
        let first = (8 + 2) + (12 + 4);
        let second = 20 + 8;
        assert_eq!(lengths.into_inner(), [8 + first + 8 + second, first, UNDEFINED_LENGTH]);
    }

    #[test]
    fn what_outgrows_its_length_is_delimited() {
        for (bytes, length) in
            [(0xFFFF_FFFE, 0xFFFF_FFFE), (0xFFFF_FFFF, UNDEFINED_LENGTH), (1 << 32, UNDEFINED_LENGTH)]
        {
            let mut lengths = Lengths::new(Headers::Explicit, Tag::SOURCE_IMAGE_SEQUENCE);
            lengths.open(Tag::SOURCE_IMAGE_SEQUENCE, Some(Vr::SQ), false).unwrap();
            lengths.verbatim(0..bytes).unwrap();
            lengths.close(Content::Items).unwrap();
            assert_eq!(lengths.into_inner(), [length], "{bytes}");
        }
    }

    #[test]
    fn the_number_of_lengths_is_bounded() {
        let mut lengths = Lengths::new(Headers::Explicit, Tag::SOURCE_IMAGE_SEQUENCE);
        for _ in 0..MOST_CONTAINERS {
            lengths.open(Tag::ITEM, None, false).unwrap();
            lengths.close(Content::Elements).unwrap();
        }
        let error = lengths.open(Tag::ITEM, None, false).unwrap_err();
        assert!(matches!(error, RewriteError::TooManyItems { tag: Tag::SOURCE_IMAGE_SEQUENCE }), "{error}");
    }
}
