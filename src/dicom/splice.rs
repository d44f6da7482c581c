//! Writes a data set again in a little endian encoding with a few elements changed, and all others as they came.

use super::dataset::{DataSet, Element};
use super::header_writer::{Headers, put_element_header, put_value};
use super::rewrite::{RewriteError, Rewriter};
use super::source::{Source, in_pieces};
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;

/// What becomes of the elements of one tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// An element with this value stands in their place, or where it belongs if there were none. The value is little
    /// endian, and even in length.
    Replace {
        /// Its value representation.
        vr: Vr,
        /// Its value; the items of a sequence are encoded like the data set that is written.
        value: Vec<u8>,
    },
    /// They are left out.
    Remove,
}

impl Edit {
    /// Replaces by one element with this value, which is little endian and is padded, as its VR asks, when its length is
    /// odd.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when the value is too long for its VR.
    pub fn replace(vr: Vr, value: &[u8]) -> io::Result<Edit> {
        let mut padded = Vec::new();
        put_value(&mut padded, vr, value)?;
        Ok(Edit::Replace { vr, value: padded })
    }
}

/// Where the values of replaced elements begin, counted from the first byte that was written.
pub type Places = BTreeMap<Tag, u64>;

/// Writes the elements `indexes` of the outermost level, with `edits`, in Explicit VR Little Endian. Gives where the values
/// of those that were replaced lie.
///
/// # Errors
/// As [`write_elements`].
pub fn write_as_explicit(
    source: &dyn Source,
    data_set: &DataSet,
    indexes: Range<usize>,
    edits: &BTreeMap<Tag, Edit>,
    out: &mut dyn Write,
) -> Result<Places, RewriteError> {
    write_elements(source, data_set, indexes, edits, Headers::Explicit, out)
}

/// Writes the elements `indexes` of the outermost level, with `edits`, in little endian with such headers.
///
/// Input that is encoded so already is copied byte for byte, order, duplicates, odd lengths and all; other input keeps its
/// values, see `rewrite`. Every edit is carried out within this range, so that each part of a data
/// set that is written in parts must be given its own: a new element goes before the first with a higher tag, or to the
/// end of the range; of several elements with an edited tag the first is replaced, the others are left out.
///
/// A group length (retired, PS3.5 section 7.2) that would become wrong is left out: where a tag of its group is edited,
/// or where part of the group lies outside `indexes`, to be written by someone else. Rewritten input loses all of them.
///
/// # Errors
/// The source or the writer fails, or what is explained at [`RewriteError`]. Part of the output is then written.
pub fn write_elements(
    source: &dyn Source,
    data_set: &DataSet,
    indexes: Range<usize>,
    edits: &BTreeMap<Tag, Edit>,
    headers: Headers,
    out: &mut dyn Write,
) -> Result<Places, RewriteError> {
    let elements = data_set.elements.get(indexes.clone()).unwrap_or_default();
    let stale = stale_groups(data_set, &indexes, edits);
    let written = match headers {
        Headers::Explicit => VrEncoding::ExplicitLittle,
        Headers::Implicit => VrEncoding::ImplicitLittle,
    };
    let rewriter = (data_set.vr_encoding != written).then(|| Rewriter::new(source, data_set, headers));
    let out = Counted { out, written: 0 };
    let mut output = Output { source, rewriter, headers, out, run: 0..0, places: Places::new() };

    let present: BTreeSet<Tag> =
        elements.iter().map(|element| element.tag).filter(|tag| edits.contains_key(tag)).collect();
    let mut added = edits.iter().filter(|(tag, _)| !present.contains(tag)).peekable();
    let mut replaced = BTreeSet::new();
    for element in elements {
        while let Some((tag, edit)) = added.next_if(|(tag, _)| **tag < element.tag) {
            output.edit(*tag, edit)?;
        }
        if element.tag.is_group_length() && stale.contains(&element.tag.group) {
            continue;
        }
        match edits.get(&element.tag) {
            None => output.element(element)?,
            Some(edit) if replaced.insert(element.tag) => output.edit(element.tag, edit)?,
            Some(_) => {}
        }
    }
    for (tag, edit) in added {
        output.edit(*tag, edit)?;
    }
    output.flush()?;
    Ok(output.places)
}

/// The groups whose length is not what it was.
fn stale_groups(data_set: &DataSet, indexes: &Range<usize>, edits: &BTreeMap<Tag, Edit>) -> BTreeSet<u16> {
    let outside = data_set.elements.iter().enumerate().filter(|(index, _)| !indexes.contains(index));
    edits.keys().map(|tag| tag.group).chain(outside.map(|(_, element)| element.tag.group)).collect()
}

struct Output<'a> {
    source: &'a dyn Source,
    /// None when elements are copied as they are.
    rewriter: Option<Rewriter<'a>>,
    headers: Headers,
    out: Counted<'a>,
    /// Bytes of the source that are due, so that neighbours are copied in one go.
    run: Range<u64>,
    places: Places,
}

/// A writer that knows how much went through it.
struct Counted<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Output<'_> {
    fn element(&mut self, element: &Element) -> Result<(), RewriteError> {
        if let Some(rewriter) = &self.rewriter {
            return rewriter.element(element, &mut self.out);
        }
        if self.run.end != element.start {
            self.flush()?;
            self.run = element.start..element.start;
        }
        self.run.end = element.end;
        Ok(())
    }

    fn edit(&mut self, tag: Tag, edit: &Edit) -> Result<(), RewriteError> {
        if let Edit::Replace { vr, value } = edit {
            self.flush()?;
            let length =
                u32::try_from(value.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            put_element_header(self.headers, tag, *vr, length, &mut self.out)?;
            self.places.insert(tag, self.out.written);
            self.out.write_all(value)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RewriteError> {
        let run = std::mem::replace(&mut self.run, 0..0);
        Ok(in_pieces(self.source, run, |bytes| self.out.write_all(&bytes))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::element::Limits;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::walk::walk;
    use VrEncoding::{ExplicitBig, ExplicitLittle, ImplicitLittle};

    fn new() -> DataSetBuilder {
        DataSetBuilder::new(ExplicitLittle)
    }

    fn written(
        encoding: VrEncoding,
        bytes: &[u8],
        indexes: Range<usize>,
        edits: &[(Tag, Option<u16>)],
    ) -> Vec<u8> {
        let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
        let edits = edits.iter().map(|(tag, number)| match number {
            Some(number) => (*tag, Edit::replace(Vr::US, &number.to_le_bytes()).unwrap()),
            None => (*tag, Edit::Remove),
        });
        let mut out = Vec::new();
        write_as_explicit(&bytes, &data_set, indexes, &edits.collect(), &mut out).unwrap();
        out
    }

    #[test]
    fn without_edits_every_byte_is_the_same() {
        let odd = new()
            .us(Tag::ROWS, 1)
            .element(Tag::new(0x0008, 0x0000), Vr::UL, &[1; 4])
            .element(Tag::PATIENT_ID, Vr(*b"??"), b"odd")
            .us(Tag::ROWS, 2)
            .undefined(Tag::new(0x0029, 0x1010), Vr::UN)
            .item(b"")
            .end_sequence()
            .element(Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 6])
            .build();
        assert_eq!(written(ExplicitLittle, &odd, 0..6, &[]), odd);
    }

    #[test]
    fn elements_are_replaced_removed_and_added_where_they_belong() {
        let bytes = new().us(Tag::ROWS, 1).us(Tag::BITS_STORED, 2).us(Tag::PIXEL_REPRESENTATION, 3).build();
        let edits = [
            (Tag::SAMPLES_PER_PIXEL, Some(4)),
            (Tag::ROWS, Some(5)),
            (Tag::COLUMNS, Some(6)),
            (Tag::BITS_STORED, None),
            (Tag::HIGH_BIT, None),
            (Tag::PIXEL_PADDING_VALUE, Some(7)),
        ];
        let expected = new()
            .us(Tag::SAMPLES_PER_PIXEL, 4)
            .us(Tag::ROWS, 5)
            .us(Tag::COLUMNS, 6)
            .us(Tag::PIXEL_REPRESENTATION, 3)
            .us(Tag::PIXEL_PADDING_VALUE, 7)
            .build();
        assert_eq!(written(ExplicitLittle, &bytes, 0..3, &edits), expected);
        let big = DataSetBuilder::new(ExplicitBig)
            .us(Tag::ROWS, 1)
            .us(Tag::BITS_STORED, 2)
            .us(Tag::PIXEL_REPRESENTATION, 3)
            .build();
        assert_eq!(written(ExplicitBig, &big, 0..3, &edits), expected);
    }

    #[test]
    fn of_duplicates_one_is_replaced_and_all_are_removed() {
        let bytes = new().us(Tag::ROWS, 1).us(Tag::COLUMNS, 2).us(Tag::ROWS, 3).build();
        let one = new().us(Tag::ROWS, 9).us(Tag::COLUMNS, 2).build();
        assert_eq!(written(ExplicitLittle, &bytes, 0..3, &[(Tag::ROWS, Some(9))]), one);
        let none = new().us(Tag::COLUMNS, 2).build();
        assert_eq!(written(ExplicitLittle, &bytes, 0..3, &[(Tag::ROWS, None)]), none);
    }

    #[test]
    fn only_group_lengths_that_become_wrong_are_left_out() {
        let length = |builder: DataSetBuilder, group| builder.element(Tag::new(group, 0), Vr::UL, &[0; 4]);
        let name = |builder: DataSetBuilder| builder.text(Tag::PATIENT_NAME, Vr::PN, "A^B");
        let start = length(name(length(new(), 0x0010)), 0x0028).us(Tag::ROWS, 1);
        let bytes = length(start, 0x7FE0).element(Tag::PIXEL_DATA, Vr::OB, &[1, 2]).build();
        // All but Pixel Data, as when it is written in another form.
        let kept = name(length(new(), 0x0010));
        let expected = length(kept.clone(), 0x0028).us(Tag::ROWS, 1).build();
        assert_eq!(written(ExplicitLittle, &bytes, 0..5, &[]), expected);
        let expected = kept.us(Tag::ROWS, 2).build();
        assert_eq!(written(ExplicitLittle, &bytes, 0..5, &[(Tag::ROWS, Some(2))]), expected);
    }

    #[test]
    fn a_range_is_written_alone_and_one_that_is_not_there_is_empty() {
        let bytes = new().us(Tag::ROWS, 1).us(Tag::COLUMNS, 2).us(Tag::BITS_STORED, 3).build();
        assert_eq!(written(ExplicitLittle, &bytes, 1..2, &[]), new().us(Tag::COLUMNS, 2).build());
        assert_eq!(written(ExplicitLittle, &bytes, 3..3, &[]), b"");
        assert_eq!(written(ExplicitLittle, &bytes, 4..9, &[]), b"");
        let added = [(Tag::ROWS, Some(1))];
        assert_eq!(written(ExplicitLittle, &bytes, 3..3, &added), new().us(Tag::ROWS, 1).build());
    }

    #[test]
    fn implicit_input_is_rewritten_and_implicit_output_written() {
        let implicit = DataSetBuilder::new(ImplicitLittle).us(Tag::ROWS, 1).us(Tag::COLUMNS, 2).build();
        let expected = new().us(Tag::ROWS, 1).us(Tag::COLUMNS, 3).build();
        assert_eq!(written(ImplicitLittle, &implicit, 0..2, &[(Tag::COLUMNS, Some(3))]), expected);
        let edits = BTreeMap::from([(Tag::COLUMNS, Edit::replace(Vr::US, &[2, 0]).unwrap())]);
        for (encoding, bytes) in [(ExplicitLittle, &expected), (ImplicitLittle, &implicit)] {
            let data_set = walk(bytes, encoding, &Limits::default()).unwrap();
            let mut out = Vec::new();
            write_elements(bytes, &data_set, 0..2, &edits, Headers::Implicit, &mut out).unwrap();
            assert_eq!(out, implicit, "{encoding:?}");
        }
    }

    #[test]
    fn an_edit_too_long_for_its_vr_is_refused() {
        let error = Edit::replace(Vr::LO, &[b' '; 65536]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
