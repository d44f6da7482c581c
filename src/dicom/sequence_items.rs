//! Single short values in the items of a sequence, such as the UIDs of a list of references (PS3.5 section 7.5).

use super::dataset::DataSet;
use super::dataset_error::{DataSetError, DataSetErrorKind};
use super::source::Source;
use super::tag::Tag;
use super::traversal::{Traversal, What};

/// A longer value counts as missing.
const LONGEST: u32 = 1024;

/// For each item of a sequence at the outermost level, the values of the elements `wanted` as they are encoded; `None`
/// where an item has no such element. Where there is no such sequence there are no items.
///
/// # Errors
/// The source is not what was walked, or cannot be read.
pub fn item_values<const N: usize>(
    source: &dyn Source,
    data_set: &DataSet,
    sequence: Tag,
    wanted: [Tag; N],
) -> Result<Vec<[Option<Vec<u8>>; N]>, DataSetError> {
    let mut items: Vec<[Option<Vec<u8>>; N]> = Vec::new();
    let Some(element) = data_set.element(sequence) else { return Ok(items) };
    // The walk has accepted how deep it is.
    let range = element.start..element.end;
    let mut traversal = Traversal::new(source, range, data_set.vr_encoding, u16::MAX);
    while let Some(step) = traversal.next()? {
        // Within the sequence one thing is open, within an item two.
        match step.what {
            What::Open(header, _) if header.tag == Tag::ITEM && traversal.depth() == 2 => {
                items.push([const { None }; N]);
            }
            What::Value(header) if traversal.depth() == 2 && header.length <= LONGEST => {
                let place = wanted.iter().position(|tag| *tag == header.tag);
                let slot = place.and_then(|place| items.last_mut()?.get_mut(place));
                if let Some(slot) = slot {
                    let start = step.next - u64::from(header.length);
                    let failed = |error| DataSetError { offset: start, kind: DataSetErrorKind::Io(error) };
                    let value = source.bytes(start..step.next).map_err(failed)?;
                    *slot = Some(value.into_owned());
                }
            }
            _ => {}
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::{Limits, Vr, walk};

    #[test]
    fn each_item_gives_what_it_has_and_nothing_from_deeper_within() {
        for encoding in ENCODINGS {
            let new = || DataSetBuilder::new(encoding);
            let reference = |uid: &[u8]| new().element(Tag::REFERENCED_SOP_INSTANCE_UID, Vr::UI, uid).build();
            let nested = new().sequence(Tag::SOURCE_IMAGE_SEQUENCE, new().item(&reference(b"9.9\0"))).build();
            let items = new().item(&reference(b"1.2\0")).item(&nested).item(&reference(b"1.23")).item(b"");
            let bytes = new().sequence(Tag::REFERENCED_SOP_SEQUENCE, items).build();
            let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
            let wanted = [Tag::REFERENCED_SOP_INSTANCE_UID];
            let found = item_values(&bytes, &data_set, Tag::REFERENCED_SOP_SEQUENCE, wanted).unwrap();
            let found: Vec<_> = found.iter().map(|[uid]| uid.as_deref()).collect();
            assert_eq!(found, [Some(&b"1.2\0"[..]), None, Some(b"1.23"), None], "{encoding:?}");
            assert!(item_values(&bytes, &data_set, Tag::FAILED_SOP_SEQUENCE, wanted).unwrap().is_empty());
        }
    }
}
