//! The cells of native Pixel Data, frame by frame and little endian (PS3.5 section 8.1).

use super::bits::cut;
use super::byte_order::{pixel_unit, swap};
use super::dataset::DataSet;
use super::image_pixel::ImagePixel;
use super::image_pixel_attributes::ImagePixelError;
use super::source::Source;
use super::tag::Tag;
use super::vr::Vr;
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// Native Pixel Data that has exactly the length that its image asks for.
#[derive(Clone)]
pub struct NativePixels<'s> {
    source: &'s dyn Source,
    value: Range<u64>,
    frames: u32,
    frame_bytes: u64,
    /// Where frames do not all begin on a byte, the bits of one.
    odd_bits: Option<u64>,
    /// Of how many bytes each number is that has to be turned round; 1 when nothing has.
    swapped: usize,
}

impl<'s> NativePixels<'s> {
    /// The Pixel Data of `data_set`, in any encoding.
    ///
    /// One byte more than the frames have is allowed where they have an odd number: the value must be even.
    ///
    /// # Errors
    /// There is no Pixel Data, or twice; it is encapsulated; its VR is neither OB nor OW; it is too short or too
    /// long for the image; the image's frames are not whole bytes.
    pub fn of(
        source: &'s dyn Source,
        data_set: &DataSet,
        image: &ImagePixel,
    ) -> Result<NativePixels<'s>, NativePixelsError> {
        let mut occurrences = data_set.occurrences(Tag::PIXEL_DATA);
        let element = occurrences.next().ok_or(NativePixelsError::Missing)?;
        if occurrences.next().is_some() {
            return Err(NativePixelsError::Repeated);
        }
        if element.undefined_length {
            return Err(NativePixelsError::Encapsulated);
        }
        // Implicit VR little endian has Pixel Data as OW (PS3.5 section A.1).
        let vr = element.vr.unwrap_or(Vr::OW);
        if vr != Vr::OB && vr != Vr::OW {
            return Err(NativePixelsError::Vr { vr });
        }
        let frame_bytes = image.frame_bytes()?;
        let expected = image.native_bytes()?;
        let actual = element.value_length();
        if actual < expected {
            return Err(NativePixelsError::Short { expected, actual });
        }
        if actual > expected.saturating_add(expected % 2) {
            return Err(NativePixelsError::Long { expected, actual });
        }
        let big = data_set.vr_encoding.is_big_endian();
        let swapped = if big { pixel_unit(vr, image.bits_allocated) } else { 1 };
        let odd_bits = Some(image.frame_bits()).filter(|bits| !bits.is_multiple_of(8));
        let value = element.value.clone();
        Ok(NativePixels { source, value, frames: image.frames, frame_bytes, odd_bits, swapped })
    }

    /// How many frames there are.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// The bytes of one frame.
    pub fn frame_bytes(&self) -> u64 {
        self.frame_bytes
    }

    /// The cells of frame `index`, from 0: as stored, by pixel or by plane, every bit kept, little endian. Copied only
    /// from big endian, or when the source itself has to copy.
    ///
    /// # Errors
    /// The source's own; [`io::ErrorKind::InvalidInput`] beyond the last frame.
    pub fn frame(&self, index: u32) -> io::Result<Cow<'s, [u8]>> {
        if index >= self.frames {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Some(bits) = self.odd_bits {
            let first = u64::from(index) * bits;
            let bytes = self.cells(first / 8..(first + bits).div_ceil(8))?;
            return Ok(Cow::Owned(cut(&bytes, first % 8, bits)));
        }
        let start = u64::from(index) * self.frame_bytes;
        self.cells(start..start + self.frame_bytes)
    }

    /// Some bytes of the value, little endian.
    fn cells(&self, range: Range<u64>) -> io::Result<Cow<'s, [u8]>> {
        let Range { start, end } = range;
        if self.swapped == 1 {
            return self.source.bytes(self.value.start + start..self.value.start + end);
        }
        // A frame of 8-bit cells may begin in the middle of a word that is swapped as a whole.
        let unit = self.swapped as u64;
        let length = self.value.end - self.value.start;
        let around = start - start % unit..end.next_multiple_of(unit).min(length);
        let bytes = self.source.bytes(self.value.start + around.start..self.value.start + around.end)?;
        let mut bytes = bytes.into_owned();
        swap(&mut bytes, self.swapped);
        bytes.truncate((end - around.start) as usize);
        bytes.drain(..(start - around.start) as usize);
        Ok(Cow::Owned(bytes))
    }
}

/// Why native cells cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum NativePixelsError {
    /// No Pixel Data (7FE0,0010) at the top level.
    #[error("there is no Pixel Data")]
    Missing,
    /// More than one.
    #[error("Pixel Data is there more than once")]
    Repeated,
    /// It is made of fragments.
    #[error("Pixel Data is encapsulated")]
    Encapsulated,
    /// It is not OB or OW.
    #[error("Pixel Data has VR {vr}")]
    Vr {
        /// As it was encoded.
        vr: Vr,
    },
    /// Cells are missing.
    #[error("Pixel Data has {actual} bytes, its image {expected}")]
    Short {
        /// Of the image.
        expected: u64,
        /// Of the value.
        actual: u64,
    },
    /// There is more than cells and one pad byte.
    #[error("Pixel Data has {actual} bytes, its image only {expected}")]
    Long {
        /// Of the image.
        expected: u64,
        /// Of the value.
        actual: u64,
    },
    /// The image has no frames of whole bytes.
    #[error(transparent)]
    Image(#[from] ImagePixelError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{Element, Photometric, VrEncoding};

    fn image(bits_allocated: u16, columns: u16, frames: u32) -> ImagePixel {
        ImagePixel {
            rows: 1,
            columns,
            frames,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: 0,
            bits_allocated,
            bits_stored: bits_allocated,
            high_bit: bits_allocated - 1,
            signed: false,
        }
    }

    fn data_set(vr_encoding: VrEncoding, vr: Option<Vr>, value: Range<u64>) -> DataSet {
        let element =
            Element { tag: Tag::PIXEL_DATA, vr, start: 0, end: value.end, value, undefined_length: false };
        DataSet { vr_encoding, len: element.end, elements: vec![element], fragments: 0 }
    }

    fn frames(encoding: VrEncoding, vr: Vr, image: &ImagePixel, value: &[u8]) -> Vec<Vec<u8>> {
        let bytes = [b"..", value].concat();
        let data_set = data_set(encoding, Some(vr), 2..bytes.len() as u64);
        let pixels = NativePixels::of(&bytes, &data_set, image).unwrap();
        assert_eq!(pixels.frame(image.frames).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        (0..pixels.frames()).map(|frame| pixels.frame(frame).unwrap().into_owned()).collect()
    }

    #[test]
    fn little_endian_frames_are_borrowed() {
        let bytes: Vec<u8> = (0..12).collect();
        let data_set = data_set(VrEncoding::ImplicitLittle, None, 4..12);
        let pixels = NativePixels::of(&bytes, &data_set, &image(16, 2, 2)).unwrap();
        assert!(matches!(pixels.frame(1).unwrap(), Cow::Borrowed([8, 9, 10, 11])));
    }

    #[test]
    fn big_endian_cells_are_turned_round() {
        let big = VrEncoding::ExplicitBig;
        for vr in [Vr::OW, Vr::OB] {
            assert_eq!(frames(big, vr, &image(16, 1, 2), &[1, 2, 3, 4]), [[2, 1], [4, 3]], "{vr}");
            let cells = frames(big, vr, &image(32, 1, 2), &[1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(cells, [[4, 3, 2, 1], [8, 7, 6, 5]], "{vr}");
        }
        assert_eq!(frames(big, Vr::OB, &image(8, 2, 2), &[1, 2, 3, 4]), [[1, 2], [3, 4]]);
    }

    #[test]
    fn frames_of_bytes_in_words_begin_anywhere() {
        let swapped = [2, 1, 4, 3, 6, 5, 8, 7, 0, 9];
        let cells = frames(VrEncoding::ExplicitBig, Vr::OW, &image(8, 3, 3), &swapped);
        assert_eq!(cells, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    }

    #[test]
    fn frames_of_bits_follow_each_other_bit_by_bit() {
        // Three frames of five bits: 10110, 01101, 11100, the first in the least significant bits.
        let bits: u16 = 0b00111_10110_01101;
        let expected = [[0b01101], [0b10110], [0b00111]];
        for (encoding, vr, value) in [
            (VrEncoding::ExplicitLittle, Vr::OB, bits.to_le_bytes()),
            (VrEncoding::ExplicitLittle, Vr::OW, bits.to_le_bytes()),
            (VrEncoding::ExplicitBig, Vr::OW, bits.to_be_bytes()),
            (VrEncoding::ExplicitBig, Vr::OB, bits.to_le_bytes()),
        ] {
            assert_eq!(frames(encoding, vr, &image(1, 5, 3), &value), expected, "{encoding:?} {vr}");
        }
        assert_eq!(frames(VrEncoding::ExplicitLittle, Vr::OB, &image(1, 8, 2), &[7, 9]), [[7], [9]]);
    }

    #[test]
    fn the_length_must_be_that_of_the_image() {
        let bytes = vec![0; 100];
        let of = |image: &ImagePixel, length| {
            let data_set = data_set(VrEncoding::ExplicitLittle, Some(Vr::OB), 0..length);
            NativePixels::of(&bytes, &data_set, image).map(|pixels| pixels.frame_bytes())
        };
        for (length, fits) in [(8, false), (9, true), (10, true), (11, false)] {
            assert_eq!(of(&image(8, 3, 3), length).is_ok(), fits, "{length} of 9");
        }
        for (length, fits) in [(11, false), (12, true), (13, false)] {
            assert_eq!(of(&image(16, 2, 3), length).is_ok(), fits, "{length} of 12");
        }
        assert!(matches!(of(&image(8, 3, 3), 8), Err(NativePixelsError::Short { expected: 9, actual: 8 })));
        assert!(matches!(of(&image(8, 3, 3), 18), Err(NativePixelsError::Long { expected: 9, actual: 18 })));
        assert!(matches!(of(&image(12, 8, 1), 12), Err(NativePixelsError::Image(_))));
    }

    #[test]
    fn what_is_not_native_pixel_data_is_refused() {
        let bytes = vec![0; 2];
        let of = |data_set: &DataSet| NativePixels::of(&bytes, data_set, &image(8, 2, 1)).map(drop);
        let mut data_set = data_set(VrEncoding::ExplicitLittle, Some(Vr::UN), 0..2);
        assert!(matches!(of(&data_set), Err(NativePixelsError::Vr { vr: Vr::UN })));
        data_set.elements[0].undefined_length = true;
        assert!(matches!(of(&data_set), Err(NativePixelsError::Encapsulated)));
        data_set.elements.push(data_set.elements[0].clone());
        assert!(matches!(of(&data_set), Err(NativePixelsError::Repeated)));
        data_set.elements.clear();
        assert!(matches!(of(&data_set), Err(NativePixelsError::Missing)));
    }
}
