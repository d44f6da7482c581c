//! What says of an image and of each of its frames that they derive from others: Image Type (PS3.3 C.7.6.1.1.2) and Frame Type
//! (C.8.16.1).

use super::instance::Instance;
use super::report::CompressError;
use crate::dicom::{Tag, nested_values};
use std::collections::BTreeMap;

/// Value 1 says that the samples derive from others; the rest stays. Without any, value 2 says that it was made later.
pub(super) fn image_type(received: &str) -> String {
    let rest = received.split_once('\\').map_or("SECONDARY", |(_, rest)| rest);
    format!("DERIVED\\{rest}")
}

/// Frame Type (0008,9007) of the functional groups, which says of each frame what Image Type says of the image. What is no
/// original keeps its place and its length.
pub(super) fn frame_types(instance: &Instance<'_>) -> Result<BTreeMap<u64, Vec<u8>>, CompressError> {
    let mut patches = BTreeMap::new();
    for tag in FUNCTIONAL_GROUPS {
        let Some(groups) = instance.data_set.element(*tag) else { continue };
        let found = nested_values(instance.source, instance.data_set, groups, Tag::FRAME_TYPE);
        for range in found?.into_iter().filter(|range| range.end - range.start <= LONGEST_FRAME_TYPE) {
            let value = instance.source.bytes(range.clone())?;
            if let Some(rest) = value.strip_prefix(ORIGINAL) {
                // One character less, and a space more behind the last value, where it does not count.
                patches.insert(range.start, [DERIVED, rest, b" "].concat());
            }
        }
    }
    Ok(patches)
}

const ORIGINAL: &[u8] = b"ORIGINAL";
const DERIVED: &[u8] = b"DERIVED";
const FUNCTIONAL_GROUPS: &[Tag] =
    &[Tag::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, Tag::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE];
/// It has four values of at most 16 characters; what is much longer is none.
const LONGEST_FRAME_TYPE: u64 = 1024;
