//! What the data set has to say of an image whose frames someone else compressed: PS3.5 8.2, read from the codestream.

use super::super::codestream::{CodestreamHeader, Coding, JpegColour};
use super::super::native_image::ANY_PLANAR;
use crate::dicom::{ImagePixel, Photometric, TransferSyntax};

/// The image around codestreams with such a header, where the data set describes the native image or the encoded one.
///
/// Only RGB becomes something else: all other interpretations may be what was encoded, and stay.
pub(super) fn wrapped_image_of(
    image: &ImagePixel,
    header: Option<&CodestreamHeader>,
    transfer_syntax: &TransferSyntax,
) -> ImagePixel {
    let transformed = header
        .filter(|_| image.samples == 3 && image.photometric == Photometric::Rgb)
        .and_then(|header| transformed(&header.coding));
    ImagePixel {
        photometric: transformed.unwrap_or_else(|| image.photometric.clone()),
        planar: if ANY_PLANAR.contains(&transfer_syntax.uid) { image.planar } else { 0 },
        ..image.clone()
    }
}

/// What RGB has become in such a codestream; none where it is RGB still, or the codestream does not tell.
fn transformed(coding: &Coding) -> Option<Photometric> {
    match coding {
        Coding::Jpeg(jpeg) if jpeg.colour == JpegColour::YCbCr => {
            let subsampled = jpeg.sampling.iter().any(|factors| Some(factors) != jpeg.sampling.first());
            Some(if subsampled { Photometric::YbrFull422 } else { Photometric::YbrFull })
        }
        Coding::Jpeg2000(coding) if coding.colour_transform => {
            Some(if coding.reversible { Photometric::YbrRct } else { Photometric::YbrIct })
        }
        Coding::JpegXl(coding) if coding.xyb => Some(Photometric::Xyb),
        Coding::JpegXl(coding) if coding.ycbcr => Some(Photometric::YbrFull),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::codestream::{Jpeg, Jpeg2000, JpegXl};
    use super::super::super::testing::image;
    use super::*;
    use crate::dicom::uids;

    #[test]
    fn rgb_becomes_what_the_codestream_has() {
        let jpeg = |colour, sampling: &[(u8, u8)]| {
            Coding::Jpeg(Jpeg {
                process: 0,
                process_name: "baseline",
                selection: 0,
                point_transform: 0,
                sampling: sampling.to_vec(),
                colour,
            })
        };
        let jpeg_2000 = |colour_transform, reversible| {
            let (high_throughput, boxed) = (false, false);
            Coding::Jpeg2000(Jpeg2000 {
                high_throughput,
                reversible,
                colour_transform,
                progression: 0,
                boxed,
            })
        };
        let jpeg_xl =
            |xyb, ycbcr| Coding::JpegXl(JpegXl { modular: false, xyb, ycbcr, jpeg_reconstruction: false });
        let whole: &[(u8, u8)] = &[(1, 1); 3];
        let cases = [
            (jpeg(JpegColour::YCbCr, whole), Photometric::YbrFull),
            (jpeg(JpegColour::YCbCr, &[(2, 1), (1, 1), (1, 1)]), Photometric::YbrFull422),
            (jpeg(JpegColour::Untransformed, whole), Photometric::Rgb),
            (jpeg(JpegColour::Unsaid, whole), Photometric::Rgb),
            (jpeg_2000(true, true), Photometric::YbrRct),
            (jpeg_2000(true, false), Photometric::YbrIct),
            (jpeg_2000(false, true), Photometric::Rgb),
            (jpeg_xl(true, false), Photometric::Xyb),
            (jpeg_xl(false, true), Photometric::YbrFull),
            (jpeg_xl(false, false), Photometric::Rgb),
            (Coding::Rle { segments: 3 }, Photometric::Rgb),
        ];
        let syntax = TransferSyntax::of_uid(uids::JPEG_BASELINE).unwrap();
        for (coding, expected) in cases {
            let header = CodestreamHeader { frame: None, coding };
            let of = |image: &ImagePixel| wrapped_image_of(image, Some(&header), syntax).photometric;
            assert_eq!(of(&image(2, 2, 8, 3, 0)), expected, "{header:?}");
            let ybr = ImagePixel { photometric: Photometric::YbrPartial422, ..image(2, 2, 8, 3, 0) };
            assert_eq!(of(&ybr), Photometric::YbrPartial422);
            assert_eq!(of(&image(2, 2, 8, 1, 0)), Photometric::Monochrome2);
        }
    }

    #[test]
    fn planes_are_pixels_but_where_the_syntax_keeps_them() {
        for (uid, planar) in [(uids::RLE_LOSSLESS, 1), (uids::JPEG_2000, 0)] {
            let syntax = TransferSyntax::of_uid(uid).unwrap();
            assert_eq!(wrapped_image_of(&image(2, 2, 8, 3, 1), None, syntax).planar, planar);
        }
    }
}
