//! Every transfer syntax that PS3.6 table A-1 names, the retired ones too, and what each means for a data set.

/// How the headers and numbers of a data set are encoded (PS3.5 section 10 and annex A).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VrEncoding {
    /// No value representations, little endian (PS3.5 section A.1).
    ImplicitLittle,
    /// Value representations, little endian (PS3.5 section A.2 and all encapsulated syntaxes).
    ExplicitLittle,
    /// Value representations, big endian (retired; PS3.5-2016 section A.3).
    ExplicitBig,
    /// The whole data set as explicit little endian, then deflated (PS3.5 section A.5): inflate it before walking.
    DeflatedExplicitLittle,
    /// Not a stream of data elements at all (MIME, XML; both retired): there is nothing to walk.
    NotElements,
}

impl VrEncoding {
    /// Whether element headers carry no value representation.
    pub const fn is_implicit(self) -> bool {
        matches!(self, VrEncoding::ImplicitLittle)
    }

    /// Whether numbers have their most significant byte first.
    pub const fn is_big_endian(self) -> bool {
        matches!(self, VrEncoding::ExplicitBig)
    }
}

/// Where the pixels are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PixelCoding {
    /// In the data set, as cells (PS3.5 section 8.1).
    Native,
    /// In the data set, as fragments (PS3.5 section A.4).
    Encapsulated,
    /// Elsewhere: behind a URL (JPIP) or in another stream (SMPTE ST 2110).
    Referenced,
}

/// What the coding may have cost the pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fidelity {
    /// What was put in comes out, bit for bit.
    Lossless,
    /// Pixels may have been changed. A syntax that allows both counts as this.
    Lossy,
}

/// One row of PS3.6 table A-1.
#[derive(PartialEq, Eq, Debug)]
pub struct TransferSyntax {
    /// The UID.
    pub uid: &'static str,
    /// The keyword, like `JPEGLSLossless`.
    pub keyword: &'static str,
    /// The name, without the remark «(Retired)».
    pub name: &'static str,
    /// How the data set is encoded.
    pub vr_encoding: VrEncoding,
    /// Where the pixels are.
    pub pixel_coding: PixelCoding,
    /// What the coding may have cost the pixels.
    pub fidelity: Fidelity,
    /// Whether the standard has retired it.
    pub retired: bool,
}

impl TransferSyntax {
    /// The transfer syntax of exactly this UID (without padding).
    pub fn of_uid(uid: &str) -> Option<&'static TransferSyntax> {
        TRANSFER_SYNTAXES.iter().find(|syntax| syntax.uid == uid)
    }

    /// The transfer syntax of this keyword, in any case, or of this UID: what a person types.
    pub fn of_name(name: &str) -> Option<&'static TransferSyntax> {
        TRANSFER_SYNTAXES
            .iter()
            .find(|syntax| syntax.uid == name || syntax.keyword.eq_ignore_ascii_case(name))
    }

    /// Whether a frame may be split into several fragments. RLE, Deflated Image Frame and Encapsulated Uncompressed want
    /// each frame in one and only one (PS3.5 sections A.4.2, A.4.11 and A.4.13); native pixels have no fragments.
    pub fn allows_several_fragments(&self) -> bool {
        self.pixel_coding == PixelCoding::Encapsulated && !ONE_FRAGMENT.contains(&self.uid)
    }
}

/// The transfer syntax UIDs that code names.
pub mod uids {
    /// Implicit VR Little Endian, the default of PS3.5 section 10.1.
    pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
    /// Explicit VR Little Endian.
    pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
    /// Encapsulated Uncompressed Explicit VR Little Endian.
    pub const ENCAPSULATED_UNCOMPRESSED: &str = "1.2.840.10008.1.2.1.98";
    /// Deflated Explicit VR Little Endian.
    pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
    /// Explicit VR Big Endian, retired.
    pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
    /// JPEG Baseline (Process 1).
    pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
    /// JPEG Extended (Process 2 and 4).
    pub const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";
    /// JPEG Lossless, Non-Hierarchical (Process 14).
    pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.57";
    /// JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1]).
    pub const JPEG_LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
    /// JPEG-LS Lossless Image Compression.
    pub const JPEG_LS_LOSSLESS: &str = "1.2.840.10008.1.2.4.80";
    /// JPEG-LS Lossy (Near-Lossless) Image Compression.
    pub const JPEG_LS_NEAR_LOSSLESS: &str = "1.2.840.10008.1.2.4.81";
    /// JPEG 2000 Image Compression (Lossless Only).
    pub const JPEG_2000_LOSSLESS: &str = "1.2.840.10008.1.2.4.90";
    /// JPEG 2000 Image Compression.
    pub const JPEG_2000: &str = "1.2.840.10008.1.2.4.91";
    /// High-Throughput JPEG 2000 Image Compression (Lossless Only).
    pub const HTJ2K_LOSSLESS: &str = "1.2.840.10008.1.2.4.201";
    /// High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only).
    pub const HTJ2K_LOSSLESS_RPCL: &str = "1.2.840.10008.1.2.4.202";
    /// High-Throughput JPEG 2000 Image Compression.
    pub const HTJ2K: &str = "1.2.840.10008.1.2.4.203";
    /// JPEG XL Lossless.
    pub const JPEG_XL_LOSSLESS: &str = "1.2.840.10008.1.2.4.110";
    /// JPEG XL JPEG Recompression.
    pub const JPEG_XL_RECOMPRESSION: &str = "1.2.840.10008.1.2.4.111";
    /// JPEG XL.
    pub const JPEG_XL: &str = "1.2.840.10008.1.2.4.112";
    /// RLE Lossless.
    pub const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";
    /// Deflated Image Frame Compression.
    pub const DEFLATED_IMAGE_FRAME: &str = "1.2.840.10008.1.2.8.1";
}

use Fidelity::{Lossless, Lossy};
use PixelCoding::{Encapsulated, Native, Referenced};
use VrEncoding::{DeflatedExplicitLittle, ExplicitBig, ExplicitLittle, ImplicitLittle, NotElements};

const ONE_FRAGMENT: &[&str] =
    &[uids::RLE_LOSSLESS, uids::DEFLATED_IMAGE_FRAME, uids::ENCAPSULATED_UNCOMPRESSED];

const CURRENT: bool = false;
const RETIRED: bool = true;

/// Every transfer syntax of PS3.6 table A-1, in the order of their UIDs.
#[rustfmt::skip]
pub static TRANSFER_SYNTAXES: &[TransferSyntax] = &[
    row("1.2.840.10008.1.2", "ImplicitVRLittleEndian", "Implicit VR Little Endian",
        ImplicitLittle, Native, Lossless, CURRENT),
    row("1.2.840.10008.1.2.1", "ExplicitVRLittleEndian", "Explicit VR Little Endian",
        ExplicitLittle, Native, Lossless, CURRENT),
    row("1.2.840.10008.1.2.1.98", "EncapsulatedUncompressedExplicitVRLittleEndian", "Encapsulated Uncompressed Explicit VR Little Endian",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.1.99", "DeflatedExplicitVRLittleEndian", "Deflated Explicit VR Little Endian",
        DeflatedExplicitLittle, Native, Lossless, CURRENT),
    row("1.2.840.10008.1.2.2", "ExplicitVRBigEndian", "Explicit VR Big Endian",
        ExplicitBig, Native, Lossless, RETIRED),
    row("1.2.840.10008.1.2.4.50", "JPEGBaseline8Bit", "JPEG Baseline (Process 1)",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.51", "JPEGExtended12Bit", "JPEG Extended (Process 2 and 4)",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.52", "JPEGExtended35", "JPEG Extended (Process 3 and 5)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.53", "JPEGSpectralSelectionNonHierarchical68", "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.54", "JPEGSpectralSelectionNonHierarchical79", "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.55", "JPEGFullProgressionNonHierarchical1012", "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.56", "JPEGFullProgressionNonHierarchical1113", "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.57", "JPEGLossless", "JPEG Lossless, Non-Hierarchical (Process 14)",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.58", "JPEGLosslessNonHierarchical15", "JPEG Lossless, Non-Hierarchical (Process 15)",
        ExplicitLittle, Encapsulated, Lossless, RETIRED),
    row("1.2.840.10008.1.2.4.59", "JPEGExtendedHierarchical1618", "JPEG Extended, Hierarchical (Process 16 and 18)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.60", "JPEGExtendedHierarchical1719", "JPEG Extended, Hierarchical (Process 17 and 19)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.61", "JPEGSpectralSelectionHierarchical2022", "JPEG Spectral Selection, Hierarchical (Process 20 and 22)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.62", "JPEGSpectralSelectionHierarchical2123", "JPEG Spectral Selection, Hierarchical (Process 21 and 23)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.63", "JPEGFullProgressionHierarchical2426", "JPEG Full Progression, Hierarchical (Process 24 and 26)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.64", "JPEGFullProgressionHierarchical2527", "JPEG Full Progression, Hierarchical (Process 25 and 27)",
        ExplicitLittle, Encapsulated, Lossy, RETIRED),
    row("1.2.840.10008.1.2.4.65", "JPEGLosslessHierarchical28", "JPEG Lossless, Hierarchical (Process 28)",
        ExplicitLittle, Encapsulated, Lossless, RETIRED),
    row("1.2.840.10008.1.2.4.66", "JPEGLosslessHierarchical29", "JPEG Lossless, Hierarchical (Process 29)",
        ExplicitLittle, Encapsulated, Lossless, RETIRED),
    row("1.2.840.10008.1.2.4.70", "JPEGLosslessSV1", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.80", "JPEGLSLossless", "JPEG-LS Lossless Image Compression",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.81", "JPEGLSNearLossless", "JPEG-LS Lossy (Near-Lossless) Image Compression",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.90", "JPEG2000Lossless", "JPEG 2000 Image Compression (Lossless Only)",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.91", "JPEG2000", "JPEG 2000 Image Compression",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.92", "JPEG2000MCLossless", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.93", "JPEG2000MC", "JPEG 2000 Part 2 Multi-component Image Compression",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.94", "JPIPReferenced", "JPIP Referenced",
        ExplicitLittle, Referenced, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.95", "JPIPReferencedDeflate", "JPIP Referenced Deflate",
        DeflatedExplicitLittle, Referenced, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.100", "MPEG2MPML", "MPEG2 Main Profile / Main Level",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.100.1", "MPEG2MPMLF", "Fragmentable MPEG2 Main Profile / Main Level",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.101", "MPEG2MPHL", "MPEG2 Main Profile / High Level",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.101.1", "MPEG2MPHLF", "Fragmentable MPEG2 Main Profile / High Level",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.102", "MPEG4HP41", "MPEG-4 AVC/H.264 High Profile / Level 4.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.102.1", "MPEG4HP41F", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.103", "MPEG4HP41BD", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.103.1", "MPEG4HP41BDF", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.104", "MPEG4HP422D", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.104.1", "MPEG4HP422DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.105", "MPEG4HP423D", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.105.1", "MPEG4HP423DF", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.106", "MPEG4HP42STEREO", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.106.1", "MPEG4HP42STEREOF", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.107", "HEVCMP51", "HEVC/H.265 Main Profile / Level 5.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.108", "HEVCM10P51", "HEVC/H.265 Main 10 Profile / Level 5.1",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.110", "JPEGXLLossless", "JPEG XL Lossless",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.111", "JPEGXLJPEGRecompression", "JPEG XL JPEG Recompression",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.112", "JPEGXL", "JPEG XL",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.201", "HTJ2KLossless", "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.202", "HTJ2KLosslessRPCL", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.4.203", "HTJ2K", "High-Throughput JPEG 2000 Image Compression",
        ExplicitLittle, Encapsulated, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.204", "JPIPHTJ2KReferenced", "JPIP HTJ2K Referenced",
        ExplicitLittle, Referenced, Lossy, CURRENT),
    row("1.2.840.10008.1.2.4.205", "JPIPHTJ2KReferencedDeflate", "JPIP HTJ2K Referenced Deflate",
        DeflatedExplicitLittle, Referenced, Lossy, CURRENT),
    row("1.2.840.10008.1.2.5", "RLELossless", "RLE Lossless",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.2.6.1", "RFC2557MIMEEncapsulation", "RFC 2557 MIME encapsulation",
        NotElements, Native, Lossless, RETIRED),
    row("1.2.840.10008.1.2.6.2", "XMLEncoding", "XML Encoding",
        NotElements, Native, Lossless, RETIRED),
    row("1.2.840.10008.1.2.7.1", "SMPTEST211020UncompressedProgressiveActiveVideo", "SMPTE ST 2110-20 Uncompressed Progressive Active Video",
        ExplicitLittle, Referenced, Lossless, CURRENT),
    row("1.2.840.10008.1.2.7.2", "SMPTEST211020UncompressedInterlacedActiveVideo", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video",
        ExplicitLittle, Referenced, Lossless, CURRENT),
    row("1.2.840.10008.1.2.7.3", "SMPTEST211030PCMDigitalAudio", "SMPTE ST 2110-30 PCM Digital Audio",
        ExplicitLittle, Referenced, Lossless, CURRENT),
    row("1.2.840.10008.1.2.8.1", "DeflatedImageFrameCompression", "Deflated Image Frame Compression",
        ExplicitLittle, Encapsulated, Lossless, CURRENT),
    row("1.2.840.10008.1.20", "Papyrus3ImplicitVRLittleEndian", "Papyrus 3 Implicit VR Little Endian",
        ImplicitLittle, Native, Lossless, RETIRED),
];

const fn row(
    uid: &'static str,
    keyword: &'static str,
    name: &'static str,
    vr_encoding: VrEncoding,
    pixel_coding: PixelCoding,
    fidelity: Fidelity,
    retired: bool,
) -> TransferSyntax {
    TransferSyntax { uid, keyword, name, vr_encoding, pixel_coding, fidelity, retired }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn count(is: impl Fn(&TransferSyntax) -> bool) -> usize {
        TRANSFER_SYNTAXES.iter().filter(|syntax| is(syntax)).count()
    }

    /// The numbers are those of PS3.6 table A-1 (2025), against which the table was compared row by row with
    /// pydicom's and dicom-rs's copies.
    #[test]
    fn the_table_is_complete() {
        assert_eq!(TRANSFER_SYNTAXES.len(), 63);
        assert_eq!(count(|s| s.retired), 18);
        assert_eq!(count(|s| s.pixel_coding == Native), 7);
        assert_eq!(count(|s| s.pixel_coding == Referenced), 7);
        assert_eq!(count(|s| s.fidelity == Lossless && s.pixel_coding == Encapsulated), 14);
    }

    #[test]
    fn rows_are_unique_and_in_the_order_of_their_uids() {
        let numbers = |uid: &str| uid.split('.').map(|n| n.parse::<u32>().unwrap()).collect::<Vec<_>>();
        assert!(TRANSFER_SYNTAXES.is_sorted_by(|a, b| numbers(a.uid) < numbers(b.uid)));
        let keywords: HashSet<_> = TRANSFER_SYNTAXES.iter().map(|s| s.keyword.to_ascii_lowercase()).collect();
        assert_eq!(keywords.len(), TRANSFER_SYNTAXES.len());
    }

    #[test]
    fn a_syntax_is_found_by_uid_and_by_what_people_type() {
        let syntax = TransferSyntax::of_name("jpeglslossless").unwrap();
        assert_eq!(syntax.uid, uids::JPEG_LS_LOSSLESS);
        assert_eq!(TransferSyntax::of_name(uids::JPEG_LS_LOSSLESS), Some(syntax));
        assert_eq!(TransferSyntax::of_uid("JPEGLSLossless"), None);
        assert_eq!(TransferSyntax::of_uid("1.2.840.10008.1.2.4.80 "), None);
        assert_eq!(TransferSyntax::of_uid("1.2.840.113619.5.2"), None);
    }

    #[test]
    fn rows_that_are_easily_confused() {
        let of = |uid| {
            let syntax = TransferSyntax::of_uid(uid).unwrap();
            (syntax.keyword, syntax.vr_encoding, syntax.pixel_coding, syntax.fidelity)
        };
        assert_eq!(of(uids::IMPLICIT_VR_LITTLE_ENDIAN).1, ImplicitLittle);
        assert_eq!(of(uids::EXPLICIT_VR_BIG_ENDIAN).1, ExplicitBig);
        assert_eq!(of(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN).1, DeflatedExplicitLittle);
        assert_eq!(of(uids::DEFLATED_IMAGE_FRAME).1, ExplicitLittle);
        assert_eq!(of(uids::ENCAPSULATED_UNCOMPRESSED).2, Encapsulated);
        assert_eq!(of(uids::JPEG_LS_NEAR_LOSSLESS).3, Lossy);
        assert_eq!(of(uids::JPEG_2000).3, Lossy);
        assert_eq!(of(uids::JPEG_XL_LOSSLESS), ("JPEGXLLossless", ExplicitLittle, Encapsulated, Lossless));
        assert_eq!(of(uids::JPEG_XL_RECOMPRESSION).3, Lossy);
        assert_eq!(
            of("1.2.840.10008.1.2.4.95"),
            ("JPIPReferencedDeflate", DeflatedExplicitLittle, Referenced, Lossy)
        );
        assert_eq!(of("1.2.840.10008.1.20").1, ImplicitLittle);
    }

    #[test]
    fn only_some_syntaxes_let_a_frame_be_split() {
        assert_eq!(
            count(|syntax| syntax.allows_several_fragments()),
            count(|s| s.pixel_coding == Encapsulated) - 3
        );
        assert!(TransferSyntax::of_uid(uids::JPEG_BASELINE).unwrap().allows_several_fragments());
        assert!(!TransferSyntax::of_uid(uids::RLE_LOSSLESS).unwrap().allows_several_fragments());
        assert!(!TransferSyntax::of_uid(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap().allows_several_fragments());
    }

    #[test]
    fn every_named_uid_is_a_row() {
        let source = include_str!("transfer_syntax.rs");
        let named: Vec<_> = source
            .lines()
            .filter_map(|line| {
                line.trim().strip_prefix("pub const ")?.split_once(": &str = \"")?.1.strip_suffix("\";")
            })
            .collect();
        assert_eq!(named.len(), 21);
        for uid in named {
            assert!(TransferSyntax::of_uid(uid).is_some(), "{uid}");
        }
    }
}
