//! JPEG XL decoders (ISO/IEC 18181-1, PS3.5 A.4.12) over jxl-oxide, which is written in Rust: one codestream, perhaps in
//! a container, back into cells.

use super::super::cells::extend_sign;
use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::jpeg_xl_stream::{damaged, open};
use super::super::samples::write_component;
use crate::dicom::{ImagePixel, Photometric, uids};
use jxl_oxide::JxlImage;

/// One transfer syntax by jxl-oxide. Integer samples of modular codestreams come back exactly, the others approximately.
pub(super) struct JpegXl(&'static str);

/// JPEG XL Lossless.
pub(super) static JPEG_XL_LOSSLESS: JpegXl = JpegXl(uids::JPEG_XL_LOSSLESS);
/// JPEG XL JPEG Recompression.
pub(super) static JPEG_XL_RECOMPRESSION: JpegXl = JpegXl(uids::JPEG_XL_RECOMPRESSION);
/// JPEG XL.
pub(super) static JPEG_XL: JpegXl = JpegXl(uids::JPEG_XL);

const NAME: &str = "jxl-oxide";
/// Samples come as fractions in 32-bit floating point, which hold 16 bits and some to spare.
const MOST_PRECISION: u32 = 16;
/// The most samples of a frame.
const MOST_SAMPLES: u64 = 1 << 28;
/// What the library may take for a sample, with all its passes, and for everything else.
const BYTES_PER_SAMPLE: usize = 64;
const OTHER_BYTES: usize = 64 << 20;

impl Decoder for JpegXl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.0
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let native = coded.native;
        let unsupported = || DecodeError::Unsupported { decoder: NAME, image: describe(native) };
        let samples = u64::from(native.rows) * u64::from(native.columns) * u64::from(native.samples);
        if !matches!(native.bits_allocated, 8 | 16)
            || !matches!(native.samples, 1 | 3)
            || samples > MOST_SAMPLES
            || !native.has_whole_pixels()
        {
            return Err(unsupported());
        }
        let samples = usize::try_from(samples).map_err(|_| unsupported())?;
        let memory = samples.saturating_mul(BYTES_PER_SAMPLE).saturating_add(OTHER_BYTES);
        let image = open(coded.codestream, memory)?;
        let precision = check_header(&image, native)?;
        if is_transformed(&image) && native.samples == 3 && native.photometric != Photometric::Rgb {
            return Err(unsupported());
        }
        let render = image.render_frame(0).map_err(damaged)?;
        let planes = render.image_planar();
        cells.clear();
        cells.resize(samples * native.bytes_per_cell(), 0);
        let mut integers = Vec::new();
        for (component, plane) in planes.iter().enumerate() {
            if plane.buf().len() * usize::from(native.samples) != samples {
                return Err(damaged("a component has another size than the image"));
            }
            integers.clear();
            integers.extend(plane.buf().iter().map(|fraction| to_integer(*fraction, precision)));
            write_component(&integers, precision, native, component, cells);
        }
        extend_sign(cells, native);
        Ok(())
    }
}

/// The codestream must be the very frame of the attributes. Gives its precision.
fn check_header(image: &JxlImage, native: &ImagePixel) -> Result<u32, DecodeError> {
    let metadata = &image.image_header().metadata;
    let (columns, rows, precision) = (image.width(), image.height(), metadata.bit_depth.bits_per_sample());
    let components = if image.pixel_format().is_grayscale() { 1 } else { 3 };
    let same = (columns, rows) == (u32::from(native.columns), u32::from(native.rows))
        && components == native.samples
        && (1..=MOST_PRECISION.min(native.bits_allocated.into())).contains(&precision)
        && metadata.ec_info.is_empty()
        && metadata.orientation == 1;
    if !same {
        let extra = metadata.ec_info.len();
        return Err(DecodeError::OtherFrame {
            codestream: format!(
                "{columns}x{rows}, {components} components of {precision} bits and {extra} more, orientation {}",
                metadata.orientation
            ),
            attributes: describe(native),
        });
    }
    if image.num_loaded_keyframes() != 1 || !image.is_loading_done() {
        return Err(damaged("it does not hold one whole frame"));
    }
    Ok(precision)
}

/// Whether the colours of the codestream are not those that come out: XYB, or the YCbCr of a JPEG image.
fn is_transformed(image: &JxlImage) -> bool {
    image.image_header().metadata.xyb_encoded || image.frame_header(0).is_some_and(|frame| frame.do_ycbcr)
}

/// The sample that a fraction of the largest one stands for.
#[expect(clippy::cast_possible_truncation, reason = "it is rounded and clamped before")]
fn to_integer(fraction: f32, precision: u32) -> i32 {
    let most = f64::from((1_u32 << precision) - 1);
    (f64::from(fraction) * most).round().clamp(0.0, most) as i32
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{image, stored};
    use super::*;

    // Written by libjxl 0.11 (imagecodecs), lossless, nine rows of seven pixels: see `expected`.
    const GREY_12: &[u8] = &[
        0xFF, 0x0A, 0x40, 0x00, 0x0C, 0xC0, 0xA0, 0x68, 0x11, 0x08, 0x04, 0x01, 0x00, 0xE8, 0x00, 0x4B, 0x28,
        0x25, 0xD6, 0x81, 0x82, 0x82, 0xA4, 0xD8, 0x2C, 0xC6, 0x80, 0x8B, 0x65, 0x19, 0xFC, 0x47, 0x0B, 0x2D,
        0xB4, 0xD0, 0x42, 0x0B, 0x2D, 0xDC, 0xE4, 0xF4, 0x81, 0x64, 0x37, 0x39, 0x7D, 0x90, 0xCC, 0x4D, 0x4E,
        0x1F, 0x92, 0x71, 0x93, 0xD3, 0x47, 0x32, 0xDC, 0xE4, 0xF4, 0x49, 0x06, 0xC9, 0x24, 0x83, 0x9B, 0x9C,
        0xBE, 0x64, 0xE0, 0x26, 0x01,
    ];
    const GREY_16: &[u8] = &[
        0x00, 0x00, 0x00, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A, 0x00, 0x00, 0x00, 0x14, 0x66,
        0x74, 0x79, 0x70, 0x6A, 0x78, 0x6C, 0x20, 0x00, 0x00, 0x00, 0x00, 0x6A, 0x78, 0x6C, 0x20, 0x00, 0x00,
        0x00, 0x09, 0x6A, 0x78, 0x6C, 0x6C, 0x0A, 0x00, 0x00, 0x00, 0x71, 0x6A, 0x78, 0x6C, 0x63, 0xFF, 0x0A,
        0x40, 0x00, 0x0C, 0xE0, 0x07, 0x28, 0x5A, 0x04, 0x08, 0x04, 0x01, 0x00, 0x64, 0x01, 0x4B, 0x38, 0x6A,
        0x18, 0xD2, 0xDB, 0xFF, 0x2B, 0x48, 0x48, 0x8A, 0xCD, 0x4B, 0x25, 0xC0, 0x3B, 0x19, 0x30, 0x60, 0xC0,
        0x80, 0x01, 0x03, 0x63, 0x68, 0xC0, 0x80, 0x01, 0x03, 0x06, 0x0C, 0x8C, 0xA1, 0x01, 0x03, 0x06, 0x0C,
        0x18, 0x30, 0x30, 0x86, 0x06, 0x0C, 0x18, 0x30, 0x60, 0xC0, 0xC0, 0x18, 0x1A, 0x30, 0x60, 0xC0, 0x80,
        0x01, 0x03, 0x63, 0x68, 0xC0, 0x80, 0x01, 0x03, 0x06, 0x0C, 0x8C, 0xA1, 0x01, 0x03, 0x06, 0x0C, 0x18,
        0x30, 0x30, 0x86, 0x06, 0x0C, 0x18, 0x30, 0x60, 0xC0, 0xC0, 0x18, 0x1A, 0x30, 0x60, 0xC0, 0x80, 0x01,
        0x03,
    ];
    const RGB_8: &[u8] = &[
        0xFF, 0x0A, 0x40, 0x00, 0x0C, 0x80, 0x48, 0x08, 0x04, 0x01, 0x00, 0xF0, 0x02, 0x4B, 0x18, 0x93, 0x8E,
        0x83, 0x83, 0x29, 0x11, 0x05, 0x6E, 0x55, 0x1B, 0xC6, 0x30, 0xC6, 0xDA, 0x35, 0x36, 0x20, 0xC6, 0x18,
        0xC6, 0x18, 0x63, 0x74, 0x8C, 0x11, 0x31, 0x38, 0x74, 0x88, 0x31, 0x36, 0xC6, 0x18, 0x6D, 0x5D, 0x20,
        0x7E, 0x00, 0xBB, 0x48, 0x46, 0x37, 0x17, 0x1E, 0x18, 0x0F, 0xBF, 0x54, 0x4B, 0xF5, 0xDD, 0xBD, 0x54,
        0x4B, 0x54, 0x47, 0xBA, 0x54, 0x4B, 0x7E, 0x77, 0xBA, 0x54, 0x4B, 0xC0, 0x1C, 0x5C, 0xCD, 0x0D, 0x5E,
        0xCA, 0x3F, 0x0F, 0x68, 0x9B, 0x17, 0xCA, 0x6D, 0x02, 0x25, 0xA5, 0x19, 0x8D, 0xDB, 0xAC, 0x75, 0x94,
        0x7B, 0xAD, 0xEB, 0x57, 0x3C, 0x5D, 0xEB, 0x87, 0x8B, 0x5A, 0xD7, 0xFA, 0xE3, 0xA2, 0xD6, 0xB5, 0x9D,
        0x9E, 0x2E, 0xA9, 0x2A, 0x18, 0xA4, 0xED, 0x42, 0x48, 0x48, 0x02, 0xF8, 0x88, 0x24, 0xA5, 0x08, 0xC5,
        0x06, 0x53, 0xC5, 0x81, 0x55, 0xD5, 0xA3, 0x30, 0x55, 0x8D, 0x32, 0xC0, 0xD4, 0x11, 0x37, 0xDA, 0xA3,
        0x09, 0x8D, 0x7F, 0x63, 0x40, 0xF9, 0x21, 0x32, 0x94, 0xBF, 0x17, 0x41, 0xD9, 0xC1, 0xC5, 0x09, 0x86,
        0xE5, 0xFC, 0x17, 0x32, 0xA8, 0x70, 0x03, 0xD4, 0x74, 0x01, 0xCB, 0xA9, 0x00, 0xF5, 0xC5, 0x75, 0x01,
        0xC2, 0xCC, 0x30, 0x84, 0xEA, 0x39, 0x00, 0x20, 0x24, 0x24, 0x00, 0xF6, 0xE4, 0x3A,
    ];

    /// A ramp that wraps around.
    fn expected(count: u32, step: u32, bits: u16) -> Vec<u8> {
        let bytes = usize::from(bits.div_ceil(8));
        (0..count).flat_map(|at| (at * step % (1 << bits)).to_le_bytes().into_iter().take(bytes)).collect()
    }

    fn decode(codestream: &[u8], native: &ImagePixel) -> Result<Vec<u8>, DecodeError> {
        let mut cells = vec![9; 5];
        JPEG_XL_LOSSLESS.decode(&Coded::alike(codestream, native), &mut cells).map(|()| cells)
    }

    fn grey_12() -> ImagePixel {
        stored(12, false, image(9, 7, 16, 1, 0))
    }

    /// dcm4che #1540: lossless JPEG XL of fewer bits than are allocated came back scaled, off by up to 32.
    #[test]
    fn twelve_of_sixteen_bits_come_back_as_they_were() {
        assert_eq!(decode(GREY_12, &grey_12()).unwrap(), expected(63, 523, 12));
    }

    #[test]
    fn sixteen_bits_in_a_container_and_colours_come_back() {
        assert_eq!(decode(GREY_16, &image(9, 7, 16, 1, 0)).unwrap(), expected(63, 1031, 16));
        let colour = image(9, 7, 8, 3, 0);
        let pixels = expected(189, 37, 8);
        assert_eq!(decode(RGB_8, &colour).unwrap(), pixels);
        let planes = decode(RGB_8, &ImagePixel { planar: 1, ..colour }).unwrap();
        for (at, cell) in planes.iter().enumerate() {
            assert_eq!(*cell, pixels[at % 63 * 3 + at / 63]);
        }
    }

    /// JPEG XL has no sign: the bits are those of the cells.
    #[test]
    fn a_signed_image_gets_its_sign_back() {
        let cells = decode(GREY_12, &stored(12, true, image(9, 7, 16, 1, 0))).unwrap();
        for (cell, bits) in cells.as_chunks::<2>().0.iter().zip(expected(63, 523, 12).as_chunks::<2>().0) {
            let bits = u16::from_le_bytes(*bits);
            assert_eq!(i16::from_le_bytes(*cell), ((bits << 4) as i16) >> 4);
        }
    }

    #[test]
    fn every_integer_survives_the_fraction() {
        for precision in 1..=MOST_PRECISION {
            let most = (1_u32 << precision) - 1;
            for value in 0..=most {
                assert_eq!(to_integer(value as f32 / most as f32, precision), value as i32);
            }
        }
    }

    #[test]
    fn another_frame_is_refused_by_its_header() {
        for other in [image(7, 9, 16, 1, 0), image(9, 7, 16, 3, 0), image(9, 7, 8, 1, 0)] {
            let error = decode(GREY_12, &other).unwrap_err();
            assert!(matches!(error, DecodeError::OtherFrame { .. }), "{error}");
        }
        assert!(matches!(decode(GREY_12, &image(9, 7, 32, 1, 0)), Err(DecodeError::Unsupported { .. })));
        assert!(decode(&[], &grey_12()).is_err());
    }

    /// Whatever is cut or flipped, the decoder returns, and what it gives has the size of the frame.
    #[test]
    fn damage_anywhere_ends() {
        for (codestream, native) in [(GREY_12, grey_12()), (RGB_8, image(9, 7, 8, 3, 0))] {
            let size = native.frame_bytes().unwrap() as usize;
            let whole = |damaged: &[u8]| decode(damaged, &native).map_or(size, |cells| cells.len());
            for at in 0..codestream.len() {
                for bit in 0..8 {
                    let mut flipped = codestream.to_vec();
                    flipped[at] ^= 1 << bit;
                    assert_eq!(whole(&flipped), size, "bit {bit} of byte {at}");
                }
                assert_eq!(whole(&codestream[..at]), size, "cut at {at}");
            }
        }
    }
}
