//! What an encapsulated image is once it is decoded: PS3.5 8.2 read from the other side.
//!
//! A codec may carry colour in another space than the one in which its decoder gives it back, and samples in an order of its
//! own. Photometric Interpretation and Planar Configuration of the native image follow from the transfer syntax and from
//! what the encapsulated data set says; everything else stays.

use crate::dicom::{ImagePixel, Photometric, TransferSyntax, uids};

/// The image that `encoded`, encapsulated as `transfer_syntax`, decodes to.
///
/// YBR_RCT and YBR_ICT are undone by every JPEG 2000 decoder (PS3.5 8.2.4), XYB by every JPEG XL decoder. Lossy JPEG's
/// YCbCr becomes RGB, as pydicom's `decompress` and DCMTK's `dcmdjpeg` do, unless `keep_ybr` is set: then YBR_FULL, since
/// decoders give every pixel its own chrominance. In all other syntaxes YBR_FULL is what was encoded, and stays.
///
/// ```
/// use condenser::codec::native_image_of;
/// use condenser::dicom::{ImagePixel, Photometric, TransferSyntax};
///
/// let encoded = ImagePixel {
///     rows: 480, columns: 640, frames: 1, samples: 3, photometric: Photometric::YbrRct, planar: 0,
///     bits_allocated: 8, bits_stored: 8, high_bit: 7, signed: false,
/// };
/// let syntax = TransferSyntax::of_name("JPEG2000Lossless").ok_or("no such transfer syntax")?;
/// assert_eq!(native_image_of(&encoded, syntax, false).photometric, Photometric::Rgb);
/// # Ok::<(), &str>(())
/// ```
pub fn native_image_of(encoded: &ImagePixel, transfer_syntax: &TransferSyntax, keep_ybr: bool) -> ImagePixel {
    let from = &encoded.photometric;
    let row = COLOURS
        .iter()
        .find(|row| row.transfer_syntaxes.contains(&transfer_syntax.uid) && row.encoded.contains(from));
    let photometric = match row {
        Some(row) if encoded.samples == 3 => if keep_ybr { &row.kept } else { &row.native }.clone(),
        _ => from.clone(),
    };
    let planar = if ANY_PLANAR.contains(&transfer_syntax.uid) { encoded.planar } else { 0 };
    ImagePixel { photometric, planar, ..encoded.clone() }
}

/// What the colours of a syntax are decoded to.
struct Row {
    transfer_syntaxes: &'static [&'static str],
    encoded: &'static [Photometric],
    native: Photometric,
    /// The same where YCbCr is to be kept.
    kept: Photometric,
}

const COLOURS: &[Row] = &[
    Row {
        transfer_syntaxes: &[
            uids::JPEG_2000_LOSSLESS,
            uids::JPEG_2000,
            uids::HTJ2K_LOSSLESS,
            uids::HTJ2K_LOSSLESS_RPCL,
            uids::HTJ2K,
        ],
        encoded: &[Photometric::YbrRct, Photometric::YbrIct],
        native: Photometric::Rgb,
        kept: Photometric::Rgb,
    },
    Row {
        transfer_syntaxes: &[uids::JPEG_BASELINE, uids::JPEG_EXTENDED, uids::JPEG_XL_RECOMPRESSION],
        encoded: &[
            Photometric::YbrFull,
            Photometric::YbrFull422,
            Photometric::YbrPartial422,
            Photometric::YbrPartial420,
        ],
        native: Photometric::Rgb,
        kept: Photometric::YbrFull,
    },
    Row {
        transfer_syntaxes: &[uids::JPEG_XL_LOSSLESS, uids::JPEG_XL],
        encoded: &[Photometric::Xyb],
        native: Photometric::Rgb,
        kept: Photometric::Rgb,
    },
];

/// Syntaxes that keep cells in the order that Planar Configuration says; decoders of all others give them by pixel.
pub(super) const ANY_PLANAR: &[&str] =
    &[uids::RLE_LOSSLESS, uids::ENCAPSULATED_UNCOMPRESSED, uids::DEFLATED_IMAGE_FRAME];

#[cfg(test)]
mod tests {
    use super::super::testing::image;
    use super::*;
    use Photometric::{
        Monochrome2, PaletteColor, Rgb, Xyb, YbrFull, YbrFull422, YbrIct, YbrPartial422, YbrRct,
    };

    #[test]
    fn colours_become_what_decoders_give() {
        let cases = [
            (uids::JPEG_2000_LOSSLESS, YbrRct, Rgb, Rgb),
            (uids::JPEG_2000, YbrIct, Rgb, Rgb),
            (uids::HTJ2K_LOSSLESS_RPCL, YbrRct, Rgb, Rgb),
            (uids::JPEG_2000, YbrFull, YbrFull, YbrFull),
            (uids::JPEG_BASELINE, YbrFull422, Rgb, YbrFull),
            (uids::JPEG_BASELINE, YbrPartial422, Rgb, YbrFull),
            (uids::JPEG_BASELINE, YbrFull, Rgb, YbrFull),
            (uids::JPEG_BASELINE, Rgb, Rgb, Rgb),
            (uids::JPEG_XL_RECOMPRESSION, YbrFull422, Rgb, YbrFull),
            (uids::JPEG_XL, Xyb, Rgb, Rgb),
            (uids::JPEG_LOSSLESS_SV1, YbrFull, YbrFull, YbrFull),
            (uids::JPEG_LS_LOSSLESS, YbrFull, YbrFull, YbrFull),
            (uids::RLE_LOSSLESS, YbrFull, YbrFull, YbrFull),
            (uids::RLE_LOSSLESS, Rgb, Rgb, Rgb),
        ];
        for (uid, photometric, native, kept) in cases {
            let syntax = TransferSyntax::of_uid(uid).unwrap();
            let encoded = ImagePixel { photometric, ..image(2, 2, 8, 3, 0) };
            assert_eq!(native_image_of(&encoded, syntax, false).photometric, native, "{uid} {encoded:?}");
            assert_eq!(native_image_of(&encoded, syntax, true).photometric, kept, "{uid} {encoded:?}");
        }
    }

    #[test]
    fn what_has_one_sample_stays() {
        for photometric in [Monochrome2, PaletteColor, YbrFull422] {
            let encoded = ImagePixel { photometric, ..image(2, 2, 8, 1, 0) };
            let syntax = TransferSyntax::of_uid(uids::JPEG_BASELINE).unwrap();
            assert_eq!(native_image_of(&encoded, syntax, false), encoded);
        }
    }

    #[test]
    fn planes_stay_where_the_syntax_has_them() {
        let encoded = image(2, 2, 8, 3, 1);
        for (uid, planar) in
            [(uids::RLE_LOSSLESS, 1), (uids::JPEG_LS_LOSSLESS, 0), (uids::JPEG_LOSSLESS_SV1, 0)]
        {
            let syntax = TransferSyntax::of_uid(uid).unwrap();
            assert_eq!(native_image_of(&encoded, syntax, false).planar, planar, "{uid}");
        }
    }
}
