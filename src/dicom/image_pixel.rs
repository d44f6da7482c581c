//! What the Image Pixel Module says about an image: its shape and its cells (PS3.3 section C.7.6.3).

use super::dataset::DataSet;
use super::image_pixel_attributes::{Attribute, Attributes, ImagePixelError};
use super::photometric::Photometric;
use super::source::Source;
use super::vr::Vr;

/// The widest cell that is known here, in bits.
const MAX_BITS: u16 = 64;

/// The shape of an image and of its cells, exactly as the data set states them.
///
/// The numbers are possible ones (nothing is zero that counts something, no cell is wider than 64 bits), but they
/// need not suit each other: whether a transfer syntax can take them is for the codec to decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImagePixel {
    /// Rows, 1 to 65535.
    pub rows: u16,
    /// Columns, 1 to 65535.
    pub columns: u16,
    /// Number of Frames, 1 to 2³¹ − 1; 1 when the data set does not say.
    pub frames: u32,
    /// Samples per Pixel, 1 or more.
    pub samples: u16,
    /// Photometric Interpretation.
    pub photometric: Photometric,
    /// Planar Configuration: 0 by pixel, 1 by plane; 0 when there is one sample per pixel.
    pub planar: u16,
    /// Bits Allocated, 1 to 64.
    pub bits_allocated: u16,
    /// Bits Stored, 1 to 64; may exceed Bits Allocated in what is received.
    pub bits_stored: u16,
    /// High Bit, 0 to 63.
    pub high_bit: u16,
    /// Whether Pixel Representation is 1, two's complement.
    pub signed: bool,
}

impl ImagePixel {
    /// Reads the module from the top level of a data set, in any encoding.
    ///
    /// Nothing is guessed: a number must have its own value representation (or none, in an implicit encoding) and
    /// exactly two bytes, and an attribute must not be there twice. Only Number of Frames may be absent or empty.
    ///
    /// # Errors
    /// The attribute that is missing, repeated, or not what PS3.3 section C.7.6.3 says it is; or the source's own.
    pub fn from_data_set(source: &dyn Source, data_set: &DataSet) -> Result<ImagePixel, ImagePixelError> {
        let attributes = Attributes { source, data_set };
        let samples = attributes.number(Attribute::SAMPLES_PER_PIXEL, 1..=u16::MAX)?;
        Ok(ImagePixel {
            samples,
            photometric: Photometric::of(&attributes.text(Attribute::PHOTOMETRIC_INTERPRETATION, Vr::CS)?),
            rows: attributes.number(Attribute::ROWS, 1..=u16::MAX)?,
            columns: attributes.number(Attribute::COLUMNS, 1..=u16::MAX)?,
            frames: attributes.frames()?,
            bits_allocated: attributes.number(Attribute::BITS_ALLOCATED, 1..=MAX_BITS)?,
            bits_stored: attributes.number(Attribute::BITS_STORED, 1..=MAX_BITS)?,
            high_bit: attributes.number(Attribute::HIGH_BIT, 0..=MAX_BITS - 1)?,
            signed: attributes.number(Attribute::PIXEL_REPRESENTATION, 0..=1)? == 1,
            planar: if samples == 1 {
                0
            } else {
                attributes.number(Attribute::PLANAR_CONFIGURATION, 0..=1)?
            },
        })
    }

    /// The bytes of one cell. Cells narrower than a byte share bytes; they too give 1.
    pub fn bytes_per_cell(&self) -> usize {
        usize::from(self.bits_allocated.div_ceil(8))
    }

    /// How many cells one native frame holds: rows × columns × samples, less where chrominance is subsampled
    /// (YBR_FULL_422 stores two samples for a pixel, YBR_PARTIAL_420 one and a half: PS3.3 section C.7.6.3.1.2).
    pub fn frame_cells(&self) -> u64 {
        let pixels = u64::from(self.rows) * u64::from(self.columns);
        match (self.samples, &self.photometric) {
            (3, Photometric::YbrFull422 | Photometric::YbrPartial422) => pixels * 2,
            (3, Photometric::YbrPartial420) => (pixels * 3).div_ceil(2),
            (samples, _) => pixels * u64::from(samples),
        }
    }

    /// Whether a native pixel has all its samples to itself, none shared with a neighbour as in YBR_FULL_422.
    pub fn has_whole_pixels(&self) -> bool {
        self.frame_cells() == u64::from(self.rows) * u64::from(self.columns) * u64::from(self.samples)
    }

    /// The bits of one native frame, as many as fit 64 bits.
    pub fn frame_bits(&self) -> u64 {
        self.frame_cells().saturating_mul(u64::from(self.bits_allocated))
    }

    /// The bytes of one frame by itself. Cells of one bit may leave some bits of the last byte to fill up: in native Pixel
    /// Data the next frame begins there (PS3.5 section 8.1.1), and encapsulated each begins on a byte.
    ///
    /// # Errors
    /// [`ImagePixelError::NotWholeBytes`] when Bits Allocated is neither 1 nor a multiple of 8.
    /// [`ImagePixelError::TooLarge`] beyond 2⁶⁴ bytes.
    pub fn frame_bytes(&self) -> Result<u64, ImagePixelError> {
        if self.bits_allocated == 1 {
            return Ok(self.frame_cells().div_ceil(8));
        }
        if !self.bits_allocated.is_multiple_of(8) {
            return Err(ImagePixelError::NotWholeBytes { bits: self.bits_allocated });
        }
        self.frame_cells().checked_mul(self.bytes_per_cell() as u64).ok_or(ImagePixelError::TooLarge)
    }

    /// The bytes of all native frames, without the pad byte that makes the value even.
    ///
    /// # Errors
    /// [`ImagePixelError::TooLarge`] beyond 2⁶⁴ bytes.
    pub fn native_bytes(&self) -> Result<u64, ImagePixelError> {
        let cells =
            self.frame_cells().checked_mul(u64::from(self.frames)).ok_or(ImagePixelError::TooLarge)?;
        let bits = u128::from(cells) * u128::from(self.bits_allocated);
        u64::try_from(bits.div_ceil(8)).map_err(|_| ImagePixelError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::{Element, Tag, VrEncoding};

    type Row<'a> = (Tag, Option<Vr>, &'a [u8]);

    const CT: [Row<'static>; 9] = [
        (Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[1, 0]),
        (Tag::PHOTOMETRIC_INTERPRETATION, Some(Vr::CS), b"MONOCHROME2 "),
        (Tag::NUMBER_OF_FRAMES, Some(Vr::IS), b"3 "),
        (Tag::ROWS, Some(Vr::US), &[0, 2]),
        (Tag::COLUMNS, Some(Vr::US), &[1, 0]),
        (Tag::BITS_ALLOCATED, Some(Vr::US), &[16, 0]),
        (Tag::BITS_STORED, Some(Vr::US), &[12, 0]),
        (Tag::HIGH_BIT, Some(Vr::US), &[11, 0]),
        (Tag::PIXEL_REPRESENTATION, Some(Vr::US), &[1, 0]),
    ];

    /// Values only, without headers: where elements begin does not matter here.
    fn parse(encoding: VrEncoding, rows: &[Row]) -> Result<ImagePixel, ImagePixelError> {
        let mut bytes = Vec::new();
        let mut elements = Vec::new();
        for (tag, vr, value) in rows {
            let start = bytes.len() as u64;
            bytes.extend_from_slice(value);
            let end = bytes.len() as u64;
            elements.push(Element {
                tag: *tag,
                vr: *vr,
                start,
                value: start..end,
                end,
                undefined_length: false,
            });
        }
        let len = bytes.len() as u64;
        ImagePixel::from_data_set(&bytes, &DataSet { vr_encoding: encoding, elements, len, fragments: 0 })
    }

    /// The CT, with the row of `tag` replaced by others (none removes it).
    fn with(tag: Tag, rows: &[Row]) -> Result<ImagePixel, ImagePixelError> {
        let kept = CT.into_iter().filter(|row| row.0 != tag);
        parse(VrEncoding::ExplicitLittle, &kept.chain(rows.iter().copied()).collect::<Vec<_>>())
    }

    fn ct() -> ImagePixel {
        ImagePixel {
            rows: 512,
            columns: 1,
            frames: 3,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: 0,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: true,
        }
    }

    #[test]
    fn the_module_is_read_in_every_encoding() {
        assert_eq!(parse(VrEncoding::ExplicitLittle, &CT).unwrap(), ct());
        let implicit = CT.map(|(tag, _, value)| (tag, None, value));
        assert_eq!(parse(VrEncoding::ImplicitLittle, &implicit).unwrap(), ct());
        let mut big = CT.map(|(tag, vr, value)| (tag, vr, value.to_vec()));
        for (_, vr, value) in &mut big {
            if *vr == Some(Vr::US) {
                value.reverse();
            }
        }
        let big: Vec<Row> = big.iter().map(|(tag, vr, value)| (*tag, *vr, value.as_slice())).collect();
        assert_eq!(parse(VrEncoding::ExplicitBig, &big).unwrap(), ct());
    }

    #[test]
    fn number_of_frames_is_text_that_is_checked() {
        for (text, frames) in
            [("", 1), ("  ", 1), ("1", 1), (" 07 ", 7), ("+12", 12), ("2147483647", 2147483647)]
        {
            let image =
                with(Tag::NUMBER_OF_FRAMES, &[(Tag::NUMBER_OF_FRAMES, Some(Vr::IS), text.as_bytes())]);
            assert_eq!(image.unwrap().frames, frames, "{text:?}");
        }
        assert_eq!(with(Tag::NUMBER_OF_FRAMES, &[]).unwrap().frames, 1);
        for text in ["0", "-1", "1e9", "1.0", "2147483648", "99999999999", "1\\2", "++1", "+", "0x1", "١"] {
            let image =
                with(Tag::NUMBER_OF_FRAMES, &[(Tag::NUMBER_OF_FRAMES, Some(Vr::IS), text.as_bytes())]);
            assert!(matches!(image, Err(ImagePixelError::Impossible { .. })), "{text:?}: {image:?}");
        }
    }

    #[test]
    fn every_fault_names_its_attribute() {
        let cases: [(Tag, &[Row], &str); 12] = [
            (Tag::ROWS, &[], "Rows (0028,0010) is missing"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[])], "Rows (0028,0010) is missing"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::UL), &[1, 0, 0, 0])], "Rows (0028,0010) has VR UL"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[1, 0, 1, 0])], "Rows (0028,0010) is 4 bytes long"),
            (Tag::ROWS, &[(Tag::ROWS, None, &[1; 100])], "Rows (0028,0010) is 100 bytes long"),
            (Tag::ROWS, &[(Tag::ROWS, Some(Vr::US), &[0, 0])], "Rows (0028,0010) is «0»"),
            (
                Tag::NUMBER_OF_FRAMES,
                &[(Tag::NUMBER_OF_FRAMES, Some(Vr::US), &[1, 0])],
                "Number of Frames (0028,0008) has VR US",
            ),
            (
                Tag::SAMPLES_PER_PIXEL,
                &[(Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[0, 0])],
                "Samples per Pixel (0028,0002) is «0»",
            ),
            (
                Tag::SAMPLES_PER_PIXEL,
                &[(Tag::SAMPLES_PER_PIXEL, Some(Vr::US), &[3, 0])],
                "Planar Configuration (0028,0006) is missing",
            ),
            (
                Tag::BITS_ALLOCATED,
                &[(Tag::BITS_ALLOCATED, Some(Vr::US), &[0, 1])],
                "Bits Allocated (0028,0100) is «256»",
            ),
            (
                Tag::PIXEL_REPRESENTATION,
                &[(Tag::PIXEL_REPRESENTATION, Some(Vr::US), &[2, 0])],
                "Pixel Representation (0028,0103) is «2»",
            ),
            (
                Tag::PHOTOMETRIC_INTERPRETATION,
                &[(Tag::PHOTOMETRIC_INTERPRETATION, Some(Vr::CS), b"  ")],
                "Photometric Interpretation (0028,0004) is missing",
            ),
        ];
        for (tag, rows, message) in cases {
            assert_eq!(with(tag, rows).unwrap_err().to_string(), message);
        }
        let twice = [CT.as_slice(), &CT[3..4]].concat();
        let error = parse(VrEncoding::ExplicitLittle, &twice).unwrap_err();
        assert_eq!(error.to_string(), "Rows (0028,0010) is there more than once");
    }

    #[test]
    fn sizes_do_not_overflow() {
        let largest = ImagePixel {
            rows: u16::MAX,
            columns: u16::MAX,
            samples: u16::MAX,
            frames: i32::MAX.unsigned_abs(),
            bits_allocated: 64,
            ..ct()
        };
        assert_eq!(largest.frame_bytes().unwrap(), 65535u64.pow(3) * 8);
        assert!(matches!(largest.native_bytes(), Err(ImagePixelError::TooLarge)));
        assert_eq!(ct().frame_bytes().unwrap(), 1024);
        assert_eq!(ct().native_bytes().unwrap(), 3072);
    }

    #[test]
    fn cells_that_share_bytes_are_counted_in_bits() {
        let bits = ImagePixel { rows: 3, columns: 3, frames: 3, bits_allocated: 1, ..ct() };
        assert_eq!((bits.frame_bytes().unwrap(), bits.frame_bits()), (2, 9));
        let twelve = ImagePixel { bits_allocated: 12, ..bits.clone() };
        assert!(matches!(twelve.frame_bytes(), Err(ImagePixelError::NotWholeBytes { bits: 12 })));
        assert_eq!(bits.native_bytes().unwrap(), 4);
        assert_eq!(bits.bytes_per_cell(), 1);
    }

    #[test]
    fn subsampled_chrominance_takes_less_room() {
        let colour = ImagePixel { rows: 4, columns: 6, samples: 3, bits_allocated: 8, ..ct() };
        for (photometric, bytes) in [
            (Photometric::YbrFull, 72),
            (Photometric::YbrFull422, 48),
            (Photometric::YbrPartial422, 48),
            (Photometric::YbrPartial420, 36),
        ] {
            assert_eq!(ImagePixel { photometric, ..colour.clone() }.frame_bytes().unwrap(), bytes);
        }
    }
}
