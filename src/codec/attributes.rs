//! The elements that another encoding of the pixels obliges us to change, and no others (PS3.5 8.2 and A.4).

use super::instance::Instance;
use crate::dicom::{DataSet, Edit, ImagePixel, Source, Tag, Vr, uids};
use std::collections::BTreeMap;
use std::io;

/// The edits that make the attributes of an image those of `after`; none where they are the same.
pub(super) fn image_edits(before: &ImagePixel, after: &ImagePixel) -> io::Result<BTreeMap<Tag, Edit>> {
    let mut edits = BTreeMap::new();
    if after.planar != before.planar {
        edits.insert(Tag::PLANAR_CONFIGURATION, Edit::replace(Vr::US, &after.planar.to_le_bytes())?);
    }
    if after.photometric != before.photometric {
        let term = after.photometric.as_str().as_bytes();
        edits.insert(Tag::PHOTOMETRIC_INTERPRETATION, Edit::replace(Vr::CS, term)?);
    }
    Ok(edits)
}

/// Says how the samples of native pixels follow each other where there are several and the data set does not tell
/// (PS3.3 C.7.6.3.1.3): those of a codestream can do without.
pub(super) fn say_planar(
    data_set: &DataSet,
    image: &ImagePixel,
    edits: &mut BTreeMap<Tag, Edit>,
) -> io::Result<()> {
    let told = data_set.elements.iter().any(|element| element.tag == Tag::PLANAR_CONFIGURATION);
    if image.samples > 1 && !told {
        edits.insert(Tag::PLANAR_CONFIGURATION, Edit::replace(Vr::US, &image.planar.to_le_bytes())?);
    }
    Ok(())
}

/// Removes what describes fragments that are not there any more.
pub(super) fn without_fragments(edits: &mut BTreeMap<Tag, Edit>) {
    edits.extend(ENCAPSULATED_ONLY.iter().map(|tag| (*tag, Edit::Remove)));
}

/// Says that an image is lossy where its transfer syntax proves it and its data set does not tell (PS3.3 C.7.6.1.1.5): once
/// it is decoded, nothing else would.
pub(super) fn mark_lossy(instance: &Instance<'_>, edits: &mut BTreeMap<Tag, Edit>) -> io::Result<()> {
    if instance.received.is_some_and(|syntax| ALWAYS_LOSSY.contains(&syntax.uid)) {
        say_lossy(instance.source, instance.data_set, edits)?;
    }
    Ok(())
}

/// Says that an image is lossy where its data set does not.
pub(super) fn say_lossy(
    source: &dyn Source,
    data_set: &DataSet,
    edits: &mut BTreeMap<Tag, Edit>,
) -> io::Result<()> {
    let said = data_set.text(source, Tag::LOSSY_IMAGE_COMPRESSION);
    if !said.is_ok_and(|said| said.as_deref() == Some("01")) {
        edits.insert(Tag::LOSSY_IMAGE_COMPRESSION, Edit::replace(Vr::CS, b"01")?);
    }
    Ok(())
}

/// Syntaxes whose every image has lost something; the others that count as lossy may carry a reversible one.
const ALWAYS_LOSSY: &[&str] = &[uids::JPEG_BASELINE, uids::JPEG_EXTENDED, uids::JPEG_XL_RECOMPRESSION];

/// Elements that describe fragments; with native pixels they contradict themselves, and with ours they would be wrong.
pub(super) const ENCAPSULATED_ONLY: &[Tag] = &[
    Tag::EXTENDED_OFFSET_TABLE,
    Tag::EXTENDED_OFFSET_TABLE_LENGTHS,
    Tag::ENCAPSULATED_PIXEL_DATA_VALUE_TOTAL_LENGTH,
];
