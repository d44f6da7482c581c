//! Writes an element that was measured.

use super::super::byte_order::swap;
use super::super::content::Content;
use super::super::element::UNDEFINED_LENGTH;
use super::super::header_writer::{Headers, put_item};
use super::super::source::{Source, in_pieces};
use super::super::tag::Tag;
use super::super::vr::Vr;
use super::sink::{RewriteError, Sink};
use std::io::{self, Write};
use std::ops::Range;

/// One element on its way to a writer.
pub(super) struct Output<'a> {
    source: &'a dyn Source,
    headers: Headers,
    out: &'a mut dyn Write,
    lengths: std::vec::IntoIter<u32>,
    /// Whether each sequence and item that is open needs a delimiter.
    open: Vec<bool>,
    scratch: Vec<u8>,
}

impl<'a> Output<'a> {
    /// `lengths` are those of the sequences and items, in the order in which they are entered.
    pub(super) fn new(
        source: &'a dyn Source,
        headers: Headers,
        lengths: Vec<u32>,
        out: &'a mut dyn Write,
    ) -> Output<'a> {
        Output { source, headers, out, lengths: lengths.into_iter(), open: Vec::new(), scratch: Vec::new() }
    }

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
        self.headers.put(&mut self.scratch, tag, vr, length)?;
        self.flush()?;
        in_pieces(self.source, value, |bytes| {
            if swapped == 1 {
                return self.out.write_all(&bytes);
            }
            let mut bytes = bytes.into_owned();
            swap(&mut bytes, swapped);
            self.out.write_all(&bytes)
        })?;
        Ok(())
    }

    fn open(&mut self, tag: Tag, vr: Option<Vr>, _: bool) -> Result<(), RewriteError> {
        let length = self.lengths.next().unwrap_or(UNDEFINED_LENGTH);
        match vr {
            Some(vr) => self.headers.put(&mut self.scratch, tag, vr, length)?,
            None => put_item(&mut self.scratch, tag, length),
        }
        self.open.push(length == UNDEFINED_LENGTH);
        Ok(self.flush()?)
    }

    fn close(&mut self, content: Content) -> Result<(), RewriteError> {
        if self.open.pop() == Some(true) {
            let delimiter = match content {
                Content::Elements => Tag::ITEM_DELIMITATION_ITEM,
                Content::Items | Content::Fragments => Tag::SEQUENCE_DELIMITATION_ITEM,
            };
            put_item(&mut self.scratch, delimiter, 0);
            self.flush()?;
        }
        Ok(())
    }

    fn verbatim(&mut self, range: Range<u64>) -> Result<(), RewriteError> {
        Ok(in_pieces(self.source, range, |bytes| self.out.write_all(&bytes))?)
    }
}
