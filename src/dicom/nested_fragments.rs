//! Finds encapsulated elements within sequences, such as the Pixel Data of an Icon Image Sequence (PS3.5 section A.4):
//! a data set in a native transfer syntax cannot hold them.

use super::content::Content;
use super::dataset::DataSet;
use super::dataset_error::DataSetError;
use super::source::Source;
use super::tag::Tag;
use super::traversal::{Traversal, What};

/// The first encapsulated element of `data_set` other than the Pixel Data of the outermost level.
///
/// # Errors
/// The source is not what was walked, or cannot be read.
pub fn nested_fragments(source: &dyn Source, data_set: &DataSet) -> Result<Option<Tag>, DataSetError> {
    for element in data_set.elements.iter().filter(|element| element.tag != Tag::PIXEL_DATA) {
        // The walk has accepted how deep it is.
        let range = element.start..element.end;
        let mut traversal = Traversal::new(source, range, data_set.vr_encoding, u16::MAX);
        while let Some(step) = traversal.next()? {
            if let What::Open(header, Content::Fragments) = step.what {
                return Ok(Some(header.tag));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::{Limits, Vr, walk};

    #[test]
    fn fragments_are_found_within_sequences_only() {
        for encoding in ENCODINGS {
            let new = || DataSetBuilder::new(encoding);
            let pixels =
                || new().undefined(Tag::PIXEL_DATA, Vr::OB).item(b"").item(b"JPEG").end_sequence().build();
            let icon = new().us(Tag::ROWS, 1).raw(&pixels()).build();
            let cases = [
                (new().us(Tag::ROWS, 1).build(), None),
                (
                    new().sequence(Tag::SOURCE_IMAGE_SEQUENCE, new().item(&icon)).build(),
                    Some(Tag::PIXEL_DATA),
                ),
            ];
            for (before, found) in cases {
                let bytes = [before, pixels()].concat();
                let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
                assert_eq!(nested_fragments(&bytes, &data_set).unwrap(), found, "{encoding:?}");
            }
        }
    }
}
