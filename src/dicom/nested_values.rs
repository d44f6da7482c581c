//! Finds values within sequences, such as Frame Type in the functional groups of a multi-frame image (PS3.3 C.7.6.16).

use super::dataset::{DataSet, Element};
use super::dataset_error::DataSetError;
use super::source::Source;
use super::tag::Tag;
use super::traversal::{Traversal, What};
use std::ops::Range;

/// Where the values of `tag` lie that stand within a sequence, at any depth, in the order in which they stand.
///
/// # Errors
/// The source is not what was walked, or cannot be read.
pub fn nested_values(
    source: &dyn Source,
    data_set: &DataSet,
    sequence: &Element,
    tag: Tag,
) -> Result<Vec<Range<u64>>, DataSetError> {
    // The walk has accepted how deep it is.
    let range = sequence.start..sequence.end;
    let mut traversal = Traversal::new(source, range, data_set.vr_encoding, u16::MAX);
    let mut found = Vec::new();
    while let Some(step) = traversal.next()? {
        if let What::Value(header) = step.what
            && header.tag == tag
        {
            found.push(step.start + u64::from(header.header_length)..step.next);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::{Limits, Vr, walk};

    const GROUPS: Tag = Tag::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;

    #[test]
    fn values_are_found_in_every_item_and_nowhere_else() {
        for encoding in ENCODINGS {
            let new = || DataSetBuilder::new(encoding);
            let group = |value: &str| {
                let item = new().text(Tag::FRAME_TYPE, Vr::CS, value).build();
                let sequence = new().undefined(Tag::new(0x0018, 0x9226), Vr::SQ).undefined_item().raw(&item);
                sequence.end_item().end_sequence().us(Tag::ROWS, 7).build()
            };
            let items = new().item(&group("ORIGINAL")).item(&group("DERIVED\\PRIMARY"));
            let bytes = new().text(Tag::FRAME_TYPE, Vr::CS, "OUTER").sequence(GROUPS, items).build();
            let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
            let sequence = data_set.element(GROUPS).unwrap();
            let found = nested_values(&bytes, &data_set, sequence, Tag::FRAME_TYPE).unwrap();
            let values: Vec<&[u8]> =
                found.iter().map(|range| &bytes[range.start as usize..range.end as usize]).collect();
            assert_eq!(values, [&b"ORIGINAL"[..], b"DERIVED\\PRIMARY "], "{encoding:?}");
        }
    }
}
