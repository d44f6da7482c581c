//! Samples that a program has in memory, with their shape and their type: the pixel data of an instance (PS3.3 C.7.6.3).

use super::array_error::{ArrayError, Place};
use super::array_source::ArraySource;
use super::attributes::{ENCAPSULATED_ONLY, image_edits};
use super::samples_in_memory::Samples;
use crate::dicom::{
    Attribute, DataSet, Edit, Element, Headers, ImagePixel, Limits, Source, Tag, Vr, VrEncoding,
    put_element_header, walk, write_as_explicit,
};
use std::collections::BTreeMap;

/// Samples in memory, frame after frame, row after row, pixel after pixel, all samples of a pixel together: what a numpy
/// array of the shape (frames, rows, columns, samples) is in C order.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// The samples, with their type.
    pub samples: Samples<'a>,
    /// Frames.
    pub frames: usize,
    /// Rows of a frame.
    pub rows: usize,
    /// Columns of a frame.
    pub columns: usize,
    /// Samples of a pixel.
    pub samples_per_pixel: usize,
}

/// An instance whose Pixel Data is an [`Array`]: a source and a data set that [`compress`](super::compress()) takes like any
/// other. The samples are not copied.
pub struct ArrayInstance<'a> {
    /// The bytes.
    pub source: ArraySource<'a>,
    /// Where the elements lie in them, in Explicit VR Little Endian.
    pub data_set: DataSet,
}

impl<'a> Array<'a> {
    /// The array in the place of the Pixel Data of a data set, if it is what the data set describes: of the same shape, of the
    /// type that Bits Allocated and Pixel Representation ask for, every sample within Bits Stored. Planar Configuration
    /// becomes 0; all other elements stay.
    ///
    /// ```
    /// use condenser::codec::{Array, Options, compress};
    /// use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, walk};
    /// use std::io::Cursor;
    ///
    /// # let short = |group: u16, element: u16, vr: &str, value: &[u8]| {
    /// #     let head = [group.to_le_bytes(), element.to_le_bytes()].concat();
    /// #     [&head, vr.as_bytes(), &(value.len() as u16).to_le_bytes(), value].concat()
    /// # };
    /// # let mut data_set = short(0x28, 2, "US", &[1, 0]);
    /// # data_set.extend(short(0x28, 4, "CS", b"MONOCHROME2 "));
    /// # for (at, value) in [(0x10, 64_u16), (0x11, 48), (0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)] {
    /// #     data_set.extend(short(0x28, at, "US", &value.to_le_bytes()));
    /// # }
    /// // `data_set` describes a slice of 64 rows and 48 columns, unsigned, 12 of 16 bits.
    /// let elements = walk(&data_set, VrEncoding::ExplicitLittle, &Limits::default())?;
    /// let samples: Vec<u16> = (0..64 * 48).collect();
    /// let array = Array { samples: (&samples[..]).into(), frames: 1, rows: 64, columns: 48, samples_per_pixel: 1 };
    ///
    /// let instance = array.in_data_set(&data_set, &elements)?;
    /// let target = TransferSyntax::of_name("JPEGLSLossless").ok_or("no such transfer syntax")?;
    /// let mut file = Cursor::new(Vec::new());
    /// let (meta, options) = (FileMeta::default(), Options::default());
    /// let report = compress(&instance.source, &instance.data_set, target, &meta, &options, &mut file)?;
    /// assert_eq!(report.native_bytes, 64 * 48 * 2);
    ///
    /// // What does not fit is named from both sides.
    /// let bytes: Vec<u8> = samples.iter().map(|sample| (sample >> 4) as u8).collect();
    /// let error = Array { samples: (&bytes[..]).into(), ..array }.in_data_set(&data_set, &elements);
    /// assert_eq!(
    ///     error.err().ok_or("it fits")?.to_string(),
    ///     "Bits Allocated (0028,0100) is 16 and Pixel Representation (0028,0103) is 0, which takes u16, and the array has u8"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What does not fit, from both sides; a data set that describes no image, or that cannot be written in Explicit VR
    /// Little Endian.
    pub fn in_data_set(
        &self,
        source: &dyn Source,
        data_set: &DataSet,
    ) -> Result<ArrayInstance<'a>, ArrayError> {
        let image = ImagePixel::from_data_set(source, data_set)?;
        self.check(&image)?;
        let mut edits = image_edits(&image, &ImagePixel { planar: 0, ..image.clone() })?;
        edits.extend(ENCAPSULATED_ONLY.iter().map(|tag| (*tag, Edit::Remove)));
        let at = |found: fn(&Element) -> bool| data_set.elements.iter().position(found);
        let end = data_set.elements.len();
        let behind = at(|element| element.tag > Tag::PIXEL_DATA).unwrap_or(end);
        let (before, behind) = match at(|element| element.tag == Tag::PIXEL_DATA) {
            Some(at) => (0..at, at + 1..end),
            None => (0..behind, behind..end),
        };
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        write_as_explicit(source, data_set, before, &edits, &mut head)?;
        write_as_explicit(source, data_set, behind, &BTreeMap::new(), &mut tail)?;
        self.between(head, tail, image.bits_allocated)
    }

    /// Whether the array is what the image is.
    ///
    /// # Errors
    /// What does not fit, from both sides.
    pub fn check(&self, image: &ImagePixel) -> Result<(), ArrayError> {
        let shape = [self.frames, self.rows, self.columns, self.samples_per_pixel];
        let asked = shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        if asked != Some(self.samples.len()) {
            return Err(ArrayError::Length { shape, found: self.samples.len() });
        }
        let of_image = [
            (Attribute::NUMBER_OF_FRAMES, image.frames as usize, "frame"),
            (Attribute::ROWS, image.rows.into(), "row"),
            (Attribute::COLUMNS, image.columns.into(), "column"),
            (Attribute::SAMPLES_PER_PIXEL, image.samples.into(), "sample"),
        ];
        for ((attribute, expected, what), found) in of_image.into_iter().zip(shape) {
            if expected != found {
                return Err(ArrayError::Shape { attribute, expected, found, what });
            }
        }
        if image.frame_cells() != (self.rows * self.columns * self.samples_per_pixel) as u64 {
            return Err(ArrayError::Subsampled(image.photometric.as_str().to_owned()));
        }
        let (bits, signed) = self.samples.cell();
        if (bits, signed) != (image.bits_allocated, image.signed) {
            let (bits_allocated, found) = (image.bits_allocated, self.samples.type_name());
            return Err(ArrayError::Type { bits_allocated, signed: image.signed, found });
        }
        match self.samples.first_beyond(image.bits_stored) {
            None => Ok(()),
            Some((at, value)) => Err(ArrayError::Range {
                bits_stored: image.bits_stored,
                signed: image.signed,
                value,
                place: self.place(at),
            }),
        }
    }

    /// Where in the array its sample `at` lies.
    fn place(&self, at: usize) -> Place {
        let (pixel, sample) = (at / self.samples_per_pixel.max(1), at % self.samples_per_pixel.max(1));
        let (row, column) = (pixel / self.columns.max(1), pixel % self.columns.max(1));
        Place { frame: row / self.rows.max(1), row: row % self.rows.max(1), column, sample }
    }

    /// The instance, with the array between these elements.
    fn between(
        &self,
        mut head: Vec<u8>,
        tail: Vec<u8>,
        bits_allocated: u16,
    ) -> Result<ArrayInstance<'a>, ArrayError> {
        let (before, behind) = (walked(&head)?, walked(&tail)?);
        let vr = if bits_allocated > 8 { Vr::OW } else { Vr::OB };
        let start = head.len() as u64;
        let value = self.samples.len() as u64 * u64::from(bits_allocated / 8);
        // The length in the header is never read here; what is beyond it cannot be written natively, and is refused there.
        let length = u32::try_from(value.next_multiple_of(2)).unwrap_or(u32::MAX - 1);
        put_element_header(Headers::Explicit, Tag::PIXEL_DATA, vr, length, &mut head)?;
        let cells = head.len() as u64;
        let source = ArraySource::new(head, self.samples, tail);
        let end = source.len() - behind.len;
        let pixel_data = Element {
            tag: Tag::PIXEL_DATA,
            vr: Some(vr),
            start,
            value: cells..end,
            end,
            undefined_length: false,
        };
        let moved = behind.elements.into_iter().map(|element| Element {
            start: element.start + end,
            value: element.value.start + end..element.value.end + end,
            end: element.end + end,
            ..element
        });
        let data_set = DataSet {
            elements: before.elements.into_iter().chain([pixel_data]).chain(moved).collect(),
            len: source.len(),
            ..before
        };
        Ok(ArrayInstance { source, data_set })
    }
}

fn walked(bytes: &Vec<u8>) -> Result<DataSet, ArrayError> {
    Ok(walk(bytes, VrEncoding::ExplicitLittle, &Limits::default())?)
}

#[cfg(test)]
mod tests {
    use super::super::compress::compress;
    use super::super::encoders::ENCODERS;
    use super::super::profile::allows;
    use super::super::report::Options;
    use super::super::testing::{self, instance, stored};
    use super::*;
    use crate::dicom::{FileMeta, NativePixels, TransferSyntax, uids};
    use std::io::Cursor;

    fn array<'a>(image: &ImagePixel, samples: Samples<'a>) -> Array<'a> {
        Array {
            samples,
            frames: image.frames as usize,
            rows: image.rows.into(),
            columns: image.columns.into(),
            samples_per_pixel: image.samples.into(),
        }
    }

    fn image() -> ImagePixel {
        ImagePixel { frames: 2, ..stored(12, true, testing::image(3, 5, 16, 1, 0)) }
    }

    fn checked(image: &ImagePixel, array: &Array) -> String {
        array.check(image).map_or_else(|error| error.to_string(), |()| "fits".to_owned())
    }

    #[test]
    fn what_does_not_fit_is_named_from_both_sides() {
        let image = image();
        let samples = [7_i16; 30];
        let right = array(&image, (&samples[..]).into());
        assert_eq!(checked(&image, &right), "fits");
        assert_eq!(
            checked(&image, &Array { rows: 4, ..right }),
            "the array has the shape [2, 4, 5, 1] (frames, rows, columns, samples), and 30 samples"
        );
        assert_eq!(
            checked(&image, &Array { rows: 5, columns: 3, ..right }),
            "Rows (0028,0010) is 3, and the array has 5 rows"
        );
        assert_eq!(
            checked(&image, &Array { frames: 1, rows: 6, ..right }),
            "Number of Frames (0028,0008) is 2, and the array has 1 frame"
        );
        let unsigned = [7_u16; 30];
        assert_eq!(
            checked(&image, &array(&image, (&unsigned[..]).into())),
            "Bits Allocated (0028,0100) is 16 and Pixel Representation (0028,0103) is 1, which takes i16, and the array has u16"
        );
        for (value, at, place) in [(2048, 0, "[0, 0, 0, 0]"), (-2049, 22, "[1, 1, 2, 0]")] {
            let mut samples = samples;
            samples[at] = value;
            assert_eq!(
                checked(&image, &array(&image, (&samples[..]).into())),
                format!(
                    "Bits Stored (0028,0101) is 12, which takes -2048 to 2047, and the array has {value} at {place}"
                )
            );
        }
        let bits = ImagePixel { bits_allocated: 1, bits_stored: 1, high_bit: 0, signed: false, ..image };
        assert!(
            checked(&bits, &array(&bits, (&unsigned[..]).into()))
                .contains("which no type of samples here has")
        );
    }

    /// The same pixel data, native in a data set and as an array: the same file, whatever the encoding of the data set.
    #[test]
    fn an_array_makes_the_file_that_native_pixel_data_makes() {
        let options = Options::default();
        let meta = FileMeta::default();
        let mut seen = 0;
        for image in [ImagePixel { rows: 40, columns: 30, ..image() }, testing::image(41, 31, 8, 3, 0)] {
            let cells = testing::cells(&image);
            let words: Vec<i16> = cells.as_chunks().0.iter().map(|cell| i16::from_le_bytes(*cell)).collect();
            let samples = if image.bits_allocated == 8 { Samples::U8(&cells) } else { Samples::I16(&words) };
            let extra: &[(Tag, Vr, &[u8])] = &[(Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 4])];
            let native = instance(VrEncoding::ExplicitLittle, &image, &cells, extra);
            let elements = walk(&native, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
            let planes = ImagePixel { planar: u16::from(image.samples > 1), ..image.clone() };
            for encoding in [VrEncoding::ExplicitLittle, VrEncoding::ImplicitLittle, VrEncoding::ExplicitBig]
            {
                let bare = instance(encoding, &planes, &[], extra);
                let bare_elements = walk(&bare, encoding, &Limits::default()).unwrap();
                let made = array(&image, samples).in_data_set(&bare, &bare_elements).unwrap();
                assert_eq!(made.source.len(), native.len() as u64);
                assert!(*made.source.bytes(0..native.len() as u64).unwrap() == *native, "{encoding:?}");
                for range in [0..3, 100..made.source.len() - 2, made.source.len() - 3..made.source.len()] {
                    let whole = native[range.start as usize..range.end as usize].to_vec();
                    assert!(*made.source.bytes(range).unwrap() == *whole);
                }
                let pixels = NativePixels::of(&made.source, &made.data_set, &image).unwrap();
                assert_eq!(pixels.frames(), image.frames);
                for target in
                    ENCODERS.iter().map(|encoder| TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap())
                {
                    if allows(target, &image).is_err() {
                        continue;
                    }
                    let of = |source: &dyn Source, data_set: &DataSet| {
                        let mut file = Cursor::new(Vec::new());
                        compress(source, data_set, target, &meta, &options, &mut file)
                            .map(|_| file.into_inner())
                    };
                    let expected = of(&native, &elements);
                    let found = of(&made.source, &made.data_set);
                    assert_eq!(expected.is_ok(), found.is_ok());
                    assert!(expected.ok() == found.ok(), "{} {encoding:?}", target.keyword);
                    seen += 1;
                }
            }
        }
        assert!(seen >= 15);
    }

    #[test]
    fn beyond_the_array_there_is_nothing() {
        let image = image();
        let samples = [7_i16; 30];
        let bare = instance(VrEncoding::ExplicitLittle, &image, &[], &[]);
        let elements = walk(&bare, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let made = array(&image, (&samples[..]).into()).in_data_set(&bare, &elements).unwrap();
        let end = made.source.len();
        assert!(made.source.bytes(end..end + 1).is_err());
        assert!(made.source.bytes(end..end).unwrap().is_empty());
        assert_eq!(made.data_set.len, end);
        assert!(TransferSyntax::of_uid(uids::RLE_LOSSLESS).is_some());
    }
}
