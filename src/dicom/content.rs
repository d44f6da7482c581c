//! What the value of an element consists of when it is not just bytes (PS3.5 sections 6.2.2, 7.5 and A.4).

use super::dataset_error::DataSetErrorKind;
use super::dictionary::is_sequence;
use super::element::{Header, UNDEFINED_LENGTH};
use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;

/// What elements and items consist of that are not just bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The data set and each item of a sequence.
    Elements,
    /// A sequence.
    Items,
    /// Encapsulated pixel data: items that hold codestreams, the first an offset table.
    Fragments,
}

impl Content {
    /// What the value of an element consists of, and in which encoding, if it is not just bytes.
    ///
    /// A value of undefined length under UN is a sequence in implicit VR little endian, whatever is around it (PS3.5
    /// section 6.2.2, CP-246).
    ///
    /// # Errors
    /// [`DataSetErrorKind::UndefinedLength`] under a VR that has none.
    pub(super) fn of(
        header: &Header,
        encoding: VrEncoding,
    ) -> Result<Option<(Content, VrEncoding)>, DataSetErrorKind> {
        let tag = header.tag;
        let undefined = header.length == UNDEFINED_LENGTH;
        Ok(match header.vr {
            Some(Vr::SQ) => Some((Content::Items, encoding)),
            None | Some(Vr::UN) if undefined && tag == Tag::PIXEL_DATA => {
                Some((Content::Fragments, encoding))
            }
            None | Some(Vr::UN) if undefined => Some((Content::Items, VrEncoding::ImplicitLittle)),
            None if header.length > 0 && is_sequence(tag) => Some((Content::Items, encoding)),
            Some(vr) if undefined && vr.may_be_encapsulated() => Some((Content::Fragments, encoding)),
            Some(_) if undefined => return Err(DataSetErrorKind::UndefinedLength { tag }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use VrEncoding::{ExplicitBig, ImplicitLittle};

    const PRIVATE: Tag = Tag::new(0x0029, 0x1010);

    /// In a data set that is big endian where it has value representations.
    fn of(tag: Tag, vr: Option<Vr>, length: u32) -> Result<Option<(Content, VrEncoding)>, DataSetErrorKind> {
        let encoding = if vr.is_some() { ExplicitBig } else { ImplicitLittle };
        Content::of(&Header { tag, vr, length, header_length: 8 }, encoding)
    }

    #[test]
    fn sequences_are_known_by_vr_dictionary_and_undefined_length() {
        let known = Tag::SOURCE_IMAGE_SEQUENCE;
        for (tag, vr, length, encoding) in [
            (PRIVATE, Some(Vr::SQ), 0, ExplicitBig),
            (PRIVATE, Some(Vr::SQ), UNDEFINED_LENGTH, ExplicitBig),
            (PRIVATE, Some(Vr::UN), UNDEFINED_LENGTH, ImplicitLittle),
            (PRIVATE, None, UNDEFINED_LENGTH, ImplicitLittle),
            (known, None, UNDEFINED_LENGTH, ImplicitLittle),
            (known, None, 8, ImplicitLittle),
        ] {
            let content = of(tag, vr, length).unwrap();
            assert!(content == Some((Content::Items, encoding)), "{tag} {vr:?} {length}");
        }
        for (tag, vr, length) in
            [(known, None, 0), (known, Some(Vr::UN), 8), (PRIVATE, None, 8), (Tag::PIXEL_DATA, None, 8)]
        {
            assert!(of(tag, vr, length).unwrap().is_none(), "{tag} {vr:?} {length}");
        }
    }

    #[test]
    fn fragments_are_known_by_undefined_length() {
        for (tag, vr, encoding) in [
            (PRIVATE, Some(Vr::OW), ExplicitBig),
            (Tag::PIXEL_DATA, Some(Vr::OB), ExplicitBig),
            (Tag::PIXEL_DATA, Some(Vr::UN), ExplicitBig),
            (Tag::PIXEL_DATA, None, ImplicitLittle),
        ] {
            let content = of(tag, vr, UNDEFINED_LENGTH).unwrap();
            assert!(content == Some((Content::Fragments, encoding)), "{tag} {vr:?}");
        }
    }

    #[test]
    fn only_some_value_representations_may_be_of_undefined_length() {
        for vr in [Vr::UT, Vr::UC, Vr::UR, Vr::SV, Vr(*b"XX")] {
            let content = of(PRIVATE, Some(vr), UNDEFINED_LENGTH);
            assert!(matches!(content, Err(DataSetErrorKind::UndefinedLength { tag: PRIVATE })), "{vr}");
        }
    }
}
