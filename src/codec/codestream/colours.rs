//! What the header of a codestream says of its colours, as Photometric Interpretations that it may have (PS3.3 C.7.6.3.1.2, PS3.5
//! 8.2).

use super::header::{Coding, JpegColour};
use crate::dicom::Photometric;

/// What a codestream says of its colours, and the interpretations that it may have with them.
pub(super) struct Colours {
    pub(super) said: &'static str,
    pub(super) may_be: &'static [Photometric],
}

const YCBCR: &[Photometric] =
    &[Photometric::YbrFull, Photometric::YbrFull422, Photometric::YbrPartial422, Photometric::YbrPartial420];

/// What a codestream of three samples says; none where it leaves it open.
pub(super) fn colours_in(coding: &Coding) -> Option<Colours> {
    let colours = |said, may_be| Some(Colours { said, may_be });
    match coding {
        Coding::Jpeg(jpeg) => match jpeg.colour {
            JpegColour::YCbCr => colours("says that its colours are YCbCr", YCBCR),
            JpegColour::Untransformed => {
                colours("says that its colours are not transformed", &[Photometric::Rgb])
            }
            JpegColour::Unsaid => None,
        },
        Coding::JpegLs(jpeg_ls) if jpeg_ls.colour_transform => {
            colours("has a colour transform that the standard does not know", &[])
        }
        Coding::Jpeg2000(coding) => match (coding.colour_transform, coding.reversible) {
            (true, true) => colours("has the reversible colour transform", &[Photometric::YbrRct]),
            (true, false) => colours("has the irreversible colour transform", &[Photometric::YbrIct]),
            (false, _) => colours("has no colour transform", NOT_TRANSFORMED),
        },
        Coding::JpegXl(coding) if coding.xyb => colours("has XYB colours", &[Photometric::Xyb]),
        Coding::JpegXl(coding) if coding.ycbcr => colours("has the YCbCr colours of a JPEG image", YCBCR),
        Coding::JpegXl(_) => colours("has colours that are not transformed", NOT_TRANSFORMED),
        Coding::Rle { .. } | Coding::JpegLs(_) => None,
    }
}

/// What three samples may be that the codec did not transform.
const NOT_TRANSFORMED: &[Photometric] = &[
    Photometric::Rgb,
    Photometric::YbrFull,
    Photometric::YbrFull422,
    Photometric::YbrPartial422,
    Photometric::YbrPartial420,
];
