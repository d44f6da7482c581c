//! The families of codestreams, and which transfer syntax holds which (PS3.5 A.4).

use crate::dicom::{TransferSyntax, uids};
use std::fmt;

/// A family of codestreams: what one decoder can tell apart by the first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// RLE (PS3.5 Annex G).
    Rle,
    /// JPEG, whichever process (ISO/IEC 10918-1).
    Jpeg,
    /// JPEG-LS (ISO/IEC 14495-1).
    JpegLs,
    /// JPEG 2000 (ISO/IEC 15444-1).
    Jpeg2000,
    /// High-Throughput JPEG 2000 (ISO/IEC 15444-15).
    HighThroughputJpeg2000,
    /// JPEG XL (ISO/IEC 18181-1).
    JpegXl,
}

impl Family {
    /// The family whose codestreams a transfer syntax holds. `None` for those whose frames have no header of their own that
    /// tells size and depth: native, deflated, and video.
    pub fn of(transfer_syntax: &TransferSyntax) -> Option<Family> {
        let row = SYNTAXES.iter().find(|(uids, _)| uids.contains(&transfer_syntax.uid));
        row.map(|(_, family)| *family)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Rle => "RLE",
            Family::Jpeg => "JPEG",
            Family::JpegLs => "JPEG-LS",
            Family::Jpeg2000 => "JPEG 2000",
            Family::HighThroughputJpeg2000 => "High-Throughput JPEG 2000",
            Family::JpegXl => "JPEG XL",
        })
    }
}

const SYNTAXES: &[(&[&str], Family)] = &[
    (&[uids::RLE_LOSSLESS], Family::Rle),
    (
        &[
            uids::JPEG_BASELINE,
            uids::JPEG_EXTENDED,
            "1.2.840.10008.1.2.4.52",
            "1.2.840.10008.1.2.4.53",
            "1.2.840.10008.1.2.4.54",
            "1.2.840.10008.1.2.4.55",
            "1.2.840.10008.1.2.4.56",
            uids::JPEG_LOSSLESS,
            "1.2.840.10008.1.2.4.58",
            "1.2.840.10008.1.2.4.59",
            "1.2.840.10008.1.2.4.60",
            "1.2.840.10008.1.2.4.61",
            "1.2.840.10008.1.2.4.62",
            "1.2.840.10008.1.2.4.63",
            "1.2.840.10008.1.2.4.64",
            "1.2.840.10008.1.2.4.65",
            "1.2.840.10008.1.2.4.66",
            uids::JPEG_LOSSLESS_SV1,
        ],
        Family::Jpeg,
    ),
    (&[uids::JPEG_LS_LOSSLESS, uids::JPEG_LS_NEAR_LOSSLESS], Family::JpegLs),
    (
        &[uids::JPEG_2000_LOSSLESS, uids::JPEG_2000, "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"],
        Family::Jpeg2000,
    ),
    (&[uids::HTJ2K_LOSSLESS, uids::HTJ2K_LOSSLESS_RPCL, uids::HTJ2K], Family::HighThroughputJpeg2000),
    (&[uids::JPEG_XL_LOSSLESS, uids::JPEG_XL_RECOMPRESSION, uids::JPEG_XL], Family::JpegXl),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{PixelCoding, TRANSFER_SYNTAXES};

    /// Every encapsulated syntax but video and those without a header has its family.
    #[test]
    fn every_syntax_with_codestreams_has_its_family() {
        for syntax in TRANSFER_SYNTAXES {
            let video = syntax.keyword.starts_with("MPEG") || syntax.keyword.starts_with("HEVC");
            let no_header =
                [uids::ENCAPSULATED_UNCOMPRESSED, uids::DEFLATED_IMAGE_FRAME].contains(&syntax.uid);
            let expected = syntax.pixel_coding == PixelCoding::Encapsulated && !video && !no_header;
            assert_eq!(Family::of(syntax).is_some(), expected, "{}", syntax.keyword);
        }
        for (uids, _) in SYNTAXES {
            assert!(uids.iter().all(|uid| TransferSyntax::of_uid(uid).is_some()));
        }
    }
}
