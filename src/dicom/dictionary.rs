//! The value representation that an element has when its header does not say (PS3.6, PS3.5 sections 6.2.2 and A.1).

use super::tag::Tag;
use super::vr::Vr;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

/// The value representation of `tag` in Implicit VR Little Endian; UN when only its maker knows.
///
/// `signed` is whether Pixel Representation is 1 where the element stands: it decides between US and SS.
pub(super) fn implicit_vr(tag: Tag, signed: bool) -> Vr {
    if tag.is_group_length() {
        return Vr::UL;
    }
    if tag.is_private() {
        // Private Creator (PS3.5 section 7.8.1). The dictionary is not asked: it takes a private 6001 for an overlay.
        return if (0x0010..=0x00FF).contains(&tag.element) { Vr::LO } else { Vr::UN };
    }
    match StandardDataDictionary.by_tag(dicom_core::Tag(tag.group, tag.element)).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => Vr(vr.to_string().as_bytes().try_into().unwrap_or(Vr::UN.0)),
        Some(VirtualVr::Xs) if signed => Vr::SS,
        Some(VirtualVr::Xs) => Vr::US,
        // Pixel, overlay and waveform data are OW in the implicit encoding (PS3.5 section A.1); LUT data may be.
        Some(VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt) => Vr::OW,
        _ => Vr::UN,
    }
}

/// The keyword of an element, where the standard knows it.
pub fn keyword_of(tag: Tag) -> Option<&'static str> {
    StandardDataDictionary.by_tag(dicom_core::Tag(tag.group, tag.element)).map(|entry| entry.alias())
}

/// Whether an element of this tag is a sequence, as far as the standard knows it.
pub(super) fn is_sequence(tag: Tag) -> bool {
    implicit_vr(tag, false) == Vr::SQ
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_has_its_value_representation() {
        for (group, element, vr) in [
            (0x0008, 0x0016, Vr::UI),
            (0x0008, 0x0000, Vr::UL),
            (0x0008, 0x1140, Vr::SQ),
            (0x0010, 0x0010, Vr::PN),
            (0x0020, 0x3105, Vr::CS),
            (0x0028, 0x0010, Vr::US),
            (0x0028, 0x3006, Vr::OW),
            (0x0009, 0x0010, Vr::LO),
            (0x0009, 0x00FF, Vr::LO),
            (0x0009, 0x0000, Vr::UL),
            (0x0009, 0x0001, Vr::UN),
            (0x0009, 0x1010, Vr::UN),
            (0x5000, 0x3000, Vr::OW),
            (0x5012, 0x2600, Vr::SQ),
            (0x5001, 0x2600, Vr::UN),
            (0x6000, 0x3000, Vr::OW),
            (0x601E, 0x0010, Vr::US),
            (0x6001, 0x3000, Vr::UN),
            (0x7FE0, 0x0010, Vr::OW),
            (0x7FE0, 0x0001, Vr::OV),
            (0xFFFC, 0xFFFC, Vr::OB),
            (0x0008, 0x9999, Vr::UN),
        ] {
            let tag = Tag::new(group, element);
            assert_eq!(implicit_vr(tag, false), vr, "{tag}");
            assert_eq!(is_sequence(tag), vr == Vr::SQ, "{tag}");
        }
    }

    #[test]
    fn pixel_representation_decides_between_us_and_ss() {
        for element in [0x0106, 0x0120, 0x1101, 0x3002] {
            let tag = Tag::new(0x0028, element);
            assert_eq!(implicit_vr(tag, false), Vr::US, "{tag}");
            assert_eq!(implicit_vr(tag, true), Vr::SS, "{tag}");
        }
        assert_eq!(implicit_vr(Tag::ROWS, true), Vr::US);
    }

    /// Every row of the dictionary gives a value representation of the standard.
    #[test]
    fn every_tag_has_one() {
        for group in (0x0008..=0x0088).chain([0x3006, 0x300A, 0x5400, 0x7FE0]) {
            for element in 0..=0xFFFF {
                let vr = implicit_vr(Tag::new(group, element), false);
                assert!(vr.is_standard(), "({group:04X},{element:04X}) has {vr}");
            }
        }
    }
}
