//! What a transfer syntax may carry: PS3.5 8.2 as a table, tables 8.2.1-1 (JPEG), 8.2.1-2 (JPEG Lossless), 8.2.2-1 (RLE), 8.2.3-1
//! (JPEG-LS), 8.2.4-1 (JPEG 2000) and 8.2.15-1 (JPEG XL).

use std::ops::RangeInclusive;

use super::encoder::describe;
use super::reason::Reason;
use crate::dicom::{ImagePixel, Photometric, TransferSyntax, uids};

/// Whether PS3.5 8.2 lets `target` carry such an image.
///
/// # Errors
/// The reason why not: what the image is, and what the target takes.
pub fn allows(target: &TransferSyntax, image: &ImagePixel) -> Result<(), Reason> {
    let keyword = target.keyword;
    let rows: Vec<&Row> = PROFILE.iter().filter(|row| row.transfer_syntaxes.contains(&target.uid)).collect();
    if rows.is_empty() {
        return Err(Reason::NoEncoder(target.keyword.to_owned()));
    }
    let (bits_stored, bits_allocated, high_bit) = (image.bits_stored, image.bits_allocated, image.high_bit);
    let row = rows.iter().find(|row| row.takes(image));
    if bits_allocated == 1 && row.is_none() {
        return Err(Reason::OneBit { target: keyword, takes: nearest(&rows, image) });
    }
    if bits_stored > bits_allocated {
        return Err(Reason::BitsStored { bits_stored, bits_allocated });
    }
    let Some(row) = row else {
        let takes = nearest(&rows, image);
        return Err(Reason::NotInProfile { target: keyword, image: describe(image), takes });
    };
    if !row.is_native() && high_bit.checked_add(1) != Some(bits_stored) {
        return Err(Reason::HighBit { high_bit, bits_stored });
    }
    Ok(())
}

/// The row of PS3.5 8.2 that lets `target` carry such an image, in words.
pub fn profile_row(target: &TransferSyntax, image: &ImagePixel) -> Option<String> {
    let mut rows = PROFILE.iter().filter(|row| row.transfer_syntaxes.contains(&target.uid));
    rows.find(|row| row.takes(image)).map(Row::sentence)
}

/// One row of the tables of PS3.5 8.2.
struct Row {
    transfer_syntaxes: &'static [&'static str],
    /// Any where none is listed.
    photometric: &'static [Photometric],
    /// Any where it is 0.
    samples: u16,
    /// Whether Pixel Representation may be 1.
    signed: bool,
    bits_allocated: &'static [u16],
    bits_stored: RangeInclusive<u16>,
    /// The most Rows and Columns; the standard has no limit below those that 16 bits can say.
    longest_side: u16,
}

/// libjpeg, and with it DCMTK, GDCM and most viewers, decodes no JPEG image that is wider or taller. What was lost in lossy
/// compression cannot be had back, so that no image is made lossy that hardly anybody could read.
const LIBJPEG_LONGEST_SIDE: u16 = 65_500;

const MONOCHROME: &[Photometric] = &[Photometric::Monochrome1, Photometric::Monochrome2];
const PALETTE: &[Photometric] = &[Photometric::PaletteColor];
const YBR_FULL: &[Photometric] = &[Photometric::YbrFull];
const RGB: &[Photometric] = &[Photometric::Rgb];

const RLE: &[&str] = &[uids::RLE_LOSSLESS];
const JPEG_BASELINE: &[&str] = &[uids::JPEG_BASELINE];
const JPEG_EXTENDED: &[&str] = &[uids::JPEG_EXTENDED];
const JPEG_SEQUENTIAL: &[&str] = &[uids::JPEG_BASELINE, uids::JPEG_EXTENDED];
const JPEG_LOSSLESS: &[&str] = &[uids::JPEG_LOSSLESS, uids::JPEG_LOSSLESS_SV1];
const JPEG_LS: &[&str] = &[uids::JPEG_LS_LOSSLESS, uids::JPEG_LS_NEAR_LOSSLESS];
const JPEG_LS_LOSSLESS: &[&str] = &[uids::JPEG_LS_LOSSLESS];
// The table goes on to 38 bits of 40; the encoder is exact up to 23 of 32, of colours up to 22.
const JPEG_2000: &[&str] = &[uids::JPEG_2000_LOSSLESS, uids::JPEG_2000];
const JPEG_2000_LOSSLESS: &[&str] = &[uids::JPEG_2000_LOSSLESS];
// A codestream knows no negative numbers, and the standard does not say how it would hold them.
const JPEG_XL_LOSSLESS: &[&str] = &[uids::JPEG_XL_LOSSLESS];

// Frames as they are natively, deflated or not: no limits are stated (8.2.16, A.4.11).
const NATIVE_FRAMES: &[&str] = &[uids::ENCAPSULATED_UNCOMPRESSED, uids::DEFLATED_IMAGE_FRAME];
const ANY: &[Photometric] = &[];

#[rustfmt::skip]
static PROFILE: &[Row] = &[
    row(NATIVE_FRAMES,    ANY,        0, true,  &[1, 8, 16, 32, 64], 1..=64),
    row(RLE,              MONOCHROME, 1, true,  &[8, 16], 1..=16),
    row(RLE,              PALETTE,    1, false, &[8, 16], 1..=16),
    row(RLE,              YBR_FULL,   3, false, &[8],     1..=8),
    row(RLE,              RGB,        3, false, &[8, 16], 1..=16),
    row(JPEG_SEQUENTIAL,  MONOCHROME, 1, false, &[8],     8..=8).up_to(LIBJPEG_LONGEST_SIDE),
    row(JPEG_EXTENDED,    MONOCHROME, 1, false, &[16],    12..=12).up_to(LIBJPEG_LONGEST_SIDE),
    // The table has YBR_FULL_422, which YBR_FULL becomes.
    row(JPEG_BASELINE,    YBR_FULL,   3, false, &[8],     8..=8).up_to(LIBJPEG_LONGEST_SIDE),
    row(JPEG_BASELINE,    RGB,        3, false, &[8],     8..=8).up_to(LIBJPEG_LONGEST_SIDE),
    row(JPEG_LOSSLESS,    MONOCHROME, 1, true,  &[8, 16], 1..=16),
    row(JPEG_LOSSLESS,    PALETTE,    1, false, &[8, 16], 1..=16),
    row(JPEG_LOSSLESS,    YBR_FULL,   3, false, &[8, 16], 1..=16),
    row(JPEG_LOSSLESS,    RGB,        3, false, &[8, 16], 1..=16),
    row(JPEG_LS,          MONOCHROME, 1, true,  &[8, 16], 2..=16),
    row(JPEG_LS_LOSSLESS, PALETTE,    1, false, &[8, 16], 2..=16),
    row(JPEG_LS,          YBR_FULL,   3, false, &[8],     2..=8),
    row(JPEG_LS,          RGB,        3, false, &[8, 16], 2..=16),
    row(JPEG_2000,          MONOCHROME, 1, true,  &[8, 16, 32], 1..=23),
    row(JPEG_2000_LOSSLESS, PALETTE,    1, false, &[8, 16],     1..=16),
    row(JPEG_2000,          YBR_FULL,   3, false, &[8, 16, 32], 1..=22),
    row(JPEG_2000,          RGB,        3, false, &[8, 16, 32], 1..=22),
    row(JPEG_XL_LOSSLESS,   MONOCHROME, 1, false, &[8, 16],     1..=16),
    row(JPEG_XL_LOSSLESS,   RGB,        3, false, &[8, 16],     1..=16),
];

const fn row(
    transfer_syntaxes: &'static [&'static str],
    photometric: &'static [Photometric],
    samples: u16,
    signed: bool,
    bits_allocated: &'static [u16],
    bits_stored: RangeInclusive<u16>,
) -> Row {
    Row {
        transfer_syntaxes,
        photometric,
        samples,
        signed,
        bits_allocated,
        bits_stored,
        longest_side: u16::MAX,
    }
}

impl Row {
    const fn up_to(self, longest_side: u16) -> Row {
        Row { longest_side, ..self }
    }

    fn takes(&self, image: &ImagePixel) -> bool {
        self.tells_of(&image.photometric)
            && (self.samples == image.samples || self.samples == 0)
            && (self.signed || !image.signed)
            && self.bits_allocated.contains(&image.bits_allocated)
            && self.bits_stored.contains(&image.bits_stored)
            && image.rows.max(image.columns) <= self.longest_side
    }

    fn tells_of(&self, photometric: &Photometric) -> bool {
        self.photometric.is_empty() || self.photometric.contains(photometric)
    }

    /// Whether a frame is carried as its native cells are, whatever they mean.
    fn is_native(&self) -> bool {
        self.photometric.is_empty()
    }

    fn sentence(&self) -> String {
        if self.is_native() {
            let allocated: Vec<String> = self.bits_allocated.iter().map(u16::to_string).collect();
            return format!("any image of {} bits", allocated.join(" or "));
        }
        let photometric: Vec<&str> = self.photometric.iter().map(Photometric::as_str).collect();
        let allocated: Vec<String> = self.bits_allocated.iter().map(u16::to_string).collect();
        let size = match self.longest_side {
            u16::MAX => String::new(),
            longest => format!(", of at most {longest} rows and columns"),
        };
        let (least, most) = (self.bits_stored.start(), self.bits_stored.end());
        let stored = if least == most { most.to_string() } else { format!("{least} to {most}") };
        format!(
            "{} with {} sample{}, {stored} of {} bits, {}{size}",
            photometric.join(" or "),
            self.samples,
            if self.samples == 1 { "" } else { "s" },
            allocated.join(" or "),
            if self.signed { "signed or unsigned" } else { "unsigned" }
        )
    }
}

/// What the row for this photometric interpretation takes; without such a row, which interpretations there are.
fn nearest(rows: &[&Row], image: &ImagePixel) -> String {
    match rows.iter().find(|row| row.tells_of(&image.photometric)) {
        Some(row) => row.sentence(),
        None => {
            let all: Vec<&str> =
                rows.iter().flat_map(|row| row.photometric.iter().map(Photometric::as_str)).collect();
            format!("only {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, stored};
    use super::*;

    fn image() -> ImagePixel {
        stored(12, false, testing::image(4, 4, 16, 1, 0))
    }

    fn syntax(keyword: &str) -> &'static TransferSyntax {
        TransferSyntax::of_name(keyword).unwrap()
    }

    /// Every combination, against the tables of PS3.5 8.2 written as conditions.
    #[test]
    fn the_table_says_what_the_standard_says() {
        let photometric = [
            Photometric::Monochrome1,
            Photometric::Monochrome2,
            Photometric::PaletteColor,
            Photometric::Rgb,
            Photometric::YbrFull,
            Photometric::YbrFull422,
            Photometric::YbrRct,
            Photometric::Other("HSV".to_owned()),
        ];
        let mut allowed = 0;
        for target in [
            "RLELossless",
            "JPEGLSLossless",
            "JPEGLSNearLossless",
            "JPEG2000Lossless",
            "JPEG2000",
            "JPEGLossless",
            "JPEGLosslessSV1",
        ] {
            let least = if target.starts_with("JPEGLS") { 2 } else { 1 };
            let jpeg_2000 = target.starts_with("JPEG2000");
            let any_ybr = jpeg_2000 || target.starts_with("JPEGLossless");
            let palette = !["JPEGLSNearLossless", "JPEG2000"].contains(&target);
            for photometric in &photometric {
                for samples in [1, 2, 3, 4] {
                    for signed in [false, true] {
                        for bits_allocated in [8, 12, 16, 24, 32, 64] {
                            for bits_stored in 1..=bits_allocated {
                                let image = ImagePixel {
                                    photometric: photometric.clone(),
                                    samples,
                                    signed,
                                    bits_allocated,
                                    bits_stored,
                                    high_bit: bits_stored - 1,
                                    ..image()
                                };
                                let byte_or_word = matches!(bits_allocated, 8 | 16);
                                let wide = jpeg_2000
                                    && bits_allocated == 32
                                    && bits_stored <= if samples == 1 { 23 } else { 22 };
                                let expected = bits_stored >= least
                                    && (byte_or_word || wide)
                                    && match photometric {
                                        Photometric::Monochrome1 | Photometric::Monochrome2 => samples == 1,
                                        Photometric::PaletteColor => {
                                            palette && samples == 1 && !signed && byte_or_word
                                        }
                                        Photometric::Rgb => samples == 3 && !signed,
                                        Photometric::YbrFull => {
                                            samples == 3 && !signed && (bits_allocated == 8 || any_ybr)
                                        }
                                        _ => false,
                                    };
                                assert_eq!(allows(syntax(target), &image).is_ok(), expected, "{image:?}");
                                allowed += usize::from(expected);
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(allowed, 1328);
    }

    #[test]
    fn lossy_jpeg_has_eight_bits_or_twelve() {
        let deep = image();
        let flat = testing::image(4, 4, 8, 1, 0);
        let colour = testing::image(4, 4, 8, 3, 0);
        let ten = stored(10, false, deep.clone());
        let signed = ImagePixel { signed: true, ..flat.clone() };
        for (image, baseline, extended) in [
            (deep, false, true),
            (flat, true, true),
            (colour, true, false),
            (ten, false, false),
            (signed, false, false),
        ] {
            assert_eq!(allows(syntax("JPEGBaseline8Bit"), &image).is_ok(), baseline, "{image:?}");
            assert_eq!(allows(syntax("JPEGExtended12Bit"), &image).is_ok(), extended, "{image:?}");
        }
    }

    #[test]
    fn lossy_jpeg_is_for_sides_that_libjpeg_decodes() {
        for (columns, rows, fits) in [(65_500, 1, true), (65_501, 1, false), (1, 65_501, false)] {
            let image = ImagePixel { columns, rows, ..testing::image(4, 4, 8, 1, 0) };
            let reason = allows(syntax("JPEGBaseline8Bit"), &image).err().map(|reason| reason.to_string());
            assert_eq!(reason.is_none(), fits, "{reason:?}");
            assert!(reason.is_none_or(|reason| reason.ends_with(", of at most 65500 rows and columns")));
            assert_eq!(allows(syntax("JPEGLosslessSV1"), &image), Ok(()));
        }
    }

    #[test]
    fn each_odd_image_has_its_reason() {
        let cases = [
            (ImagePixel { bits_allocated: 1, bits_stored: 1, high_bit: 0, ..image() }, "one_bit"),
            (ImagePixel { bits_allocated: 32, bits_stored: 32, high_bit: 31, ..image() }, "not_in_profile"),
            (ImagePixel { bits_allocated: 12, ..image() }, "not_in_profile"),
            (ImagePixel { bits_stored: 17, high_bit: 16, ..image() }, "bits_stored"),
            (ImagePixel { high_bit: 15, ..image() }, "high_bit"),
            (ImagePixel { bits_stored: 1, high_bit: 0, ..image() }, "not_in_profile"),
            (ImagePixel { photometric: Photometric::YbrFull422, samples: 3, ..image() }, "not_in_profile"),
            (ImagePixel { samples: 65535, ..image() }, "not_in_profile"),
        ];
        for (image, name) in cases {
            let reason = allows(syntax("JPEGLSLossless"), &image).unwrap_err();
            assert_eq!(reason.name(), name, "{reason}");
        }
        let none = allows(syntax("HTJ2KLossless"), &image()).unwrap_err();
        assert_eq!(none.name(), "no_encoder");
    }

    #[test]
    fn native_frames_are_taken_whatever_they_mean() {
        for target in ["EncapsulatedUncompressedExplicitVRLittleEndian", "DeflatedImageFrameCompression"] {
            let bit = ImagePixel { bits_allocated: 1, bits_stored: 1, high_bit: 0, ..image() };
            let wide =
                ImagePixel { bits_allocated: 64, bits_stored: 64, high_bit: 63, signed: true, ..image() };
            let odd =
                ImagePixel { photometric: Photometric::YbrFull422, samples: 3, high_bit: 15, ..image() };
            for image in [image(), bit, wide, odd] {
                assert_eq!(allows(syntax(target), &image), Ok(()), "{image:?}");
            }
            let twelve = ImagePixel { bits_allocated: 12, ..image() };
            let reason = allows(syntax(target), &twelve).unwrap_err();
            assert!(
                reason.to_string().ends_with("takes any image of 1 or 8 or 16 or 32 or 64 bits"),
                "{reason}"
            );
            let more = ImagePixel { bits_stored: 17, ..image() };
            assert_eq!(allows(syntax(target), &more).unwrap_err().name(), "bits_stored");
        }
    }

    #[test]
    fn the_row_is_that_of_the_image() {
        let row = |target| profile_row(syntax(target), &image());
        let monochrome =
            "MONOCHROME1 or MONOCHROME2 with 1 sample, 2 to 16 of 8 or 16 bits, signed or unsigned";
        assert_eq!(row("JPEGLSLossless").as_deref(), Some(monochrome));
        assert_eq!(row("HTJ2KLossless"), None);
    }

    #[test]
    fn the_sentence_names_both_sides() {
        let image = ImagePixel { bits_allocated: 32, bits_stored: 32, high_bit: 31, ..image() };
        let reason = allows(syntax("RLELossless"), &image).unwrap_err().to_string();
        assert_eq!(
            reason,
            "it is 4x4 MONOCHROME2, 1 sample, 32 of 32 bits, unsigned, and RLELossless takes MONOCHROME1 or \
             MONOCHROME2 with 1 sample, 1 to 16 of 8 or 16 bits, signed or unsigned"
        );
        let odd = ImagePixel { photometric: Photometric::YbrFull422, samples: 3, ..image };
        let reason = allows(syntax("RLELossless"), &odd).unwrap_err().to_string();
        assert!(
            reason.ends_with("RLELossless takes only MONOCHROME1, MONOCHROME2, PALETTE COLOR, YBR_FULL, RGB"),
            "{reason}"
        );
    }
}
