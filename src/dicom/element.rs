//! One data element header in any VR encoding (PS3.5 section 7.1), and the limits within which data sets are read.

use super::tag::Tag;
use super::transfer_syntax::VrEncoding;
use super::vr::Vr;

/// The value length of an element that is delimited instead (PS3.5 section 7.1.1).
pub const UNDEFINED_LENGTH: u32 = 0xFFFF_FFFF;

/// The longest header that there is: explicit with a 32-bit length.
pub const MAX_HEADER_LENGTH: usize = 12;

/// What a data set may ask of us. Beyond a limit it is not read: what is legal and real lies far below each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many sequences may lie within each other.
    pub depth: u16,
    /// How many elements the outermost level may have: each costs memory.
    pub top_level_elements: usize,
    /// To how many bytes a deflated data set may grow.
    pub inflated_bytes: u64,
    /// To how many times its own size a deflated data set may grow, once it has passed 32 MiB.
    pub inflate_ratio: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 64, top_level_elements: 262_144, inflated_bytes: 256 << 20, inflate_ratio: 100 }
    }
}

/// One element header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The tag.
    pub tag: Tag,
    /// The value representation as it was encoded: none in implicit VR, and none for items and delimiters.
    pub vr: Option<Vr>,
    /// The value length, or [`UNDEFINED_LENGTH`].
    pub length: u32,
    /// How many bytes the header itself has: 8 or 12.
    pub header_length: u8,
}

/// Why bytes are no element header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// The bytes end within the header.
    #[error("a header is cut off after {present} bytes")]
    Truncated {
        /// How many bytes there are.
        present: usize,
    },
    /// Two bytes that no equipment writes as a value representation: this is not explicit VR.
    #[error("{tag} has no value representation but {vr}")]
    NotExplicit {
        /// The element.
        tag: Tag,
        /// What stands in the place of a value representation.
        vr: Vr,
    },
    /// The encoding has no element headers: deflated, or not DICOM's own.
    #[error("a data set in {0:?} has no headers that can be read")]
    NoHeaders(VrEncoding),
}

/// The element header at the start of `bytes`, which may hold more than the header ([`MAX_HEADER_LENGTH`] bytes
/// always suffice).
///
/// # Errors
/// The bytes end too early, or are no header in this encoding.
pub fn read_header(bytes: &[u8], encoding: VrEncoding) -> Result<Header, HeaderError> {
    let big = match encoding {
        VrEncoding::ImplicitLittle | VrEncoding::ExplicitLittle => false,
        VrEncoding::ExplicitBig => true,
        VrEncoding::DeflatedExplicitLittle | VrEncoding::NotElements => {
            return Err(HeaderError::NoHeaders(encoding));
        }
    };
    let short = |bytes: [u8; 2]| if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let long = |bytes: [u8; 4]| if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    let truncated = HeaderError::Truncated { present: bytes.len() };

    let Some(&[g0, g1, e0, e1, b4, b5, b6, b7]) = bytes.first_chunk() else { return Err(truncated) };
    let tag = Tag::new(short([g0, g1]), short([e0, e1]));
    // Items and delimiters have no VR in any encoding (PS3.5 section 7.5).
    if encoding.is_implicit() || tag.group == Tag::ITEM.group {
        return Ok(Header { tag, vr: None, length: long([b4, b5, b6, b7]), header_length: 8 });
    }
    let vr = Vr([b4, b5]);
    if !vr.is_printable() {
        return Err(HeaderError::NotExplicit { tag, vr });
    }
    if !vr.is_long_form() {
        return Ok(Header { tag, vr: Some(vr), length: u32::from(short([b6, b7])), header_length: 8 });
    }
    let Some(&[_, _, _, _, _, _, _, _, l0, l1, l2, l3]) = bytes.first_chunk() else { return Err(truncated) };
    Ok(Header { tag, vr: Some(vr), length: long([l0, l1, l2, l3]), header_length: 12 })
}

/// The encoding that a data set seems to have which begins with `bytes`; none when there are fewer than six.
///
/// Data sets begin with a low group, and the VRs of the standard are no length that a first element has: for data
/// sets without a transfer syntax, with one of a private definition, or with the wrong one.
pub fn guess_encoding(bytes: &[u8]) -> Option<VrEncoding> {
    let &[g0, g1, _, _, first, second] = bytes.first_chunk()?;
    Some(if !Vr([first, second]).is_standard() {
        VrEncoding::ImplicitLittle
    } else if u16::from_be_bytes([g0, g1]) < u16::from_le_bytes([g0, g1]) {
        VrEncoding::ExplicitBig
    } else {
        VrEncoding::ExplicitLittle
    })
}

#[cfg(test)]
mod tests {
    use super::VrEncoding::*;
    use super::*;

    fn header(tag: Tag, vr: Option<Vr>, length: u32, header_length: u8) -> Result<Header, HeaderError> {
        Ok(Header { tag, vr, length, header_length })
    }

    #[test]
    fn each_encoding_has_its_headers() {
        let rows = Tag::ROWS;
        for (bytes, encoding, expected) in [
            (&b"\x28\x00\x10\x00\x02\x00\x00\x00"[..], ImplicitLittle, header(rows, None, 2, 8)),
            (b"\x28\x00\x10\x00US\x02\x00", ExplicitLittle, header(rows, Some(Vr::US), 2, 8)),
            (b"\x00\x28\x00\x10US\x00\x02", ExplicitBig, header(rows, Some(Vr::US), 2, 8)),
            (b"\x28\x00\x10\x00??\x02\x00", ExplicitLittle, header(rows, Some(Vr(*b"??")), 2, 8)),
            (
                b"\x28\x00\x10\x00XX\0\0\x02\x00\x01\x00....",
                ExplicitLittle,
                header(rows, Some(Vr(*b"XX")), 0x10002, 12),
            ),
            (
                b"\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF",
                ExplicitLittle,
                header(Tag::PIXEL_DATA, Some(Vr::OB), UNDEFINED_LENGTH, 12),
            ),
            (
                b"\x7F\xE0\x00\x10OW\0\0\x00\x00\x00\x04",
                ExplicitBig,
                header(Tag::PIXEL_DATA, Some(Vr::OW), 4, 12),
            ),
            (b"\xFE\xFF\x00\xE0\x04\x00\x00\x00", ExplicitLittle, header(Tag::ITEM, None, 4, 8)),
            (b"\xFF\xFE\xE0\x00\x00\x00\x00\x04", ExplicitBig, header(Tag::ITEM, None, 4, 8)),
        ] {
            assert_eq!(read_header(bytes, encoding), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_cut_header_is_truncated_at_every_byte() {
        let long = b"\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF";
        for present in 0..12 {
            assert_eq!(
                read_header(&long[..present], ExplicitLittle),
                Err(HeaderError::Truncated { present }),
                "{present}"
            );
        }
        assert_eq!(read_header(&long[..7], ImplicitLittle), Err(HeaderError::Truncated { present: 7 }));
    }

    #[test]
    fn what_is_not_explicit_is_said_to_be_so() {
        let implicit = b"\x08\x00\x05\x00\x0A\x00\x00\x00ISO_IR 100";
        assert!(matches!(read_header(implicit, ExplicitLittle), Err(HeaderError::NotExplicit { .. })));
        assert_eq!(
            read_header(implicit, DeflatedExplicitLittle),
            Err(HeaderError::NoHeaders(DeflatedExplicitLittle))
        );
    }

    #[test]
    fn an_encoding_is_guessed_by_the_first_header() {
        assert_eq!(guess_encoding(b"\x08\x00\x05\x00CS\x0A\x00"), Some(ExplicitLittle));
        assert_eq!(guess_encoding(b"\x00\x08\x00\x05CS\x00\x0A"), Some(ExplicitBig));
        assert_eq!(guess_encoding(b"\x08\x00\x05\x00\x0A\x00\x00\x00"), Some(ImplicitLittle));
        assert_eq!(guess_encoding(b"\x08\x00\x05\x00C"), None);
    }
}
