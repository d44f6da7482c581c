//! Codes of PS3.16, and sequences that get one item more (PS3.3 8.8, PS3.5 7.5).

use super::instance::Instance;
use super::reason::Reason;
use super::report::CompressError;
use crate::dicom::{Tag, Vr, put_sequence_item, write_as_explicit};
use std::collections::BTreeMap;

/// A code of PS3.16, as a Code Sequence has it (PS3.3 table 8.8-1).
pub(super) struct Code {
    value: &'static str,
    meaning: &'static str,
}

impl Code {
    pub(super) fn elements(&self) -> [(Tag, Vr, &'static [u8]); 3] {
        [
            (Tag::CODE_VALUE, Vr::SH, self.value.as_bytes()),
            (Tag::CODING_SCHEME_DESIGNATOR, Vr::SH, b"DCM"),
            (Tag::CODE_MEANING, Vr::LO, self.meaning.as_bytes()),
        ]
    }

    pub(super) fn item(&self) -> std::io::Result<Vec<u8>> {
        let mut item = Vec::new();
        put_sequence_item(&mut item, &self.elements())?;
        Ok(item)
    }
}

/// CID 7203, Image Derivation.
pub(super) const LOSSY_COMPRESSION: Code = Code { value: "113040", meaning: "Lossy Compression" };
/// CID 7202, Source Image Purposes of Reference.
pub(super) const UNCOMPRESSED_PREDECESSOR: Code =
    Code { value: "121320", meaning: "Uncompressed predecessor" };
pub(super) const SOURCE_OF_PROCESSING: Code =
    Code { value: "121322", meaning: "Source image for image processing operation" };

/// The items of a sequence with one more behind them, in Explicit VR Little Endian.
pub(super) fn appended(
    instance: &Instance<'_>,
    tag: Tag,
    elements: &[(Tag, Vr, &[u8])],
) -> Result<Vec<u8>, CompressError> {
    let mut items = items(instance, tag)?;
    put_sequence_item(&mut items, elements)?;
    Ok(items)
}

/// The items of a sequence as they are written in Explicit VR Little Endian; none when there is no such sequence.
fn items(instance: &Instance<'_>, tag: Tag) -> Result<Vec<u8>, CompressError> {
    let Some(at) = instance.data_set.elements.iter().position(|element| element.tag == tag) else {
        return Ok(Vec::new());
    };
    let mut element = Vec::new();
    write_as_explicit(instance.source, instance.data_set, at..at + 1, &BTreeMap::new(), &mut element)?;
    let sequence =
        element.split_first_chunk::<SEQUENCE_HEADER>().filter(|(header, _)| header[4..6] == Vr::SQ.0);
    let Some((header, items)) = sequence else {
        let said = format!("{tag} is to be a sequence and is none");
        return Err(CompressError::Kept(Reason::HeaderNotRewritable(said)));
    };
    let delimiter = if header.ends_with(&[0xFF; 4]) { DELIMITER } else { 0 };
    Ok(items[..items.len().saturating_sub(delimiter)].to_vec())
}

/// Bytes of the header of a sequence in Explicit VR (PS3.5 7.1.2), and of the delimiter behind one of undefined length.
pub(super) const SEQUENCE_HEADER: usize = 12;
const DELIMITER: usize = 8;
