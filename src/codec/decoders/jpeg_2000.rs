//! JPEG 2000 and High-Throughput JPEG 2000 decoders over OpenJPEG: a codestream, perhaps in JP2 boxes, back into cells.

use super::super::cells::{extend_sign, pack};
use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::jpeg_2000_header::{self, Headers};
use super::super::openjpeg;
use super::super::samples::write_component;
use crate::dicom::{ImagePixel, uids};

/// One transfer syntax by OpenJPEG. All of them hold codestreams of one kind, and whichever is there is decoded: the
/// colour transform is undone where the codestream has one, whatever Photometric Interpretation says.
pub(super) struct Jpeg2000(&'static str);

/// JPEG 2000 Image Compression (Lossless Only).
pub(super) static JPEG_2000_LOSSLESS: Jpeg2000 = Jpeg2000(uids::JPEG_2000_LOSSLESS);
/// JPEG 2000 Image Compression.
pub(super) static JPEG_2000: Jpeg2000 = Jpeg2000(uids::JPEG_2000);
/// High-Throughput JPEG 2000 Image Compression (Lossless Only).
pub(super) static HTJ2K_LOSSLESS: Jpeg2000 = Jpeg2000(uids::HTJ2K_LOSSLESS);
/// High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only).
pub(super) static HTJ2K_LOSSLESS_RPCL: Jpeg2000 = Jpeg2000(uids::HTJ2K_LOSSLESS_RPCL);
/// High-Throughput JPEG 2000 Image Compression.
pub(super) static HTJ2K: Jpeg2000 = Jpeg2000(uids::HTJ2K);

const NAME: &str = "openjpeg";

impl Jpeg2000 {
    /// Cells of one bit: a codestream holds each as a sample of its own (PS3.5 8.2.4), and natively eight share a byte.
    fn decode_bits(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let native = ImagePixel { bits_allocated: 8, ..coded.native.clone() };
        let mut bytes = Vec::new();
        self.decode(&Coded { native: &native, ..*coded }, &mut bytes)?;
        pack(&bytes, cells);
        Ok(())
    }
}

impl Decoder for Jpeg2000 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.0
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let image = coded.native;
        if image.bits_allocated == 1 {
            return self.decode_bits(coded, cells);
        }
        let samples = u64::from(image.rows) * u64::from(image.columns) * u64::from(image.samples);
        if !matches!(image.bits_allocated, 8 | 16 | 32)
            || samples > openjpeg::MOST_SAMPLES
            || !image.has_whole_pixels()
        {
            return Err(DecodeError::Unsupported { decoder: NAME, image: describe(image) });
        }
        let Headers { frame: header, codestream, .. } = jpeg_2000_header::read(coded.codestream)
            .map_err(|error| DecodeError::Damaged(error.to_string()))?;
        // Before memory is taken for it, it must be the frame of the attributes. The precision may be less than Bits
        // Stored or more, and the sign another: the field has both, and all readers take the bits as they are.
        let same = (header.columns, header.rows) == (u32::from(image.columns), u32::from(image.rows))
            && header.components == image.samples
            && u16::from(header.precision) <= image.bits_allocated;
        if !same {
            let (codestream, attributes) = (header.to_string(), describe(image));
            return Err(DecodeError::OtherFrame { codestream, attributes });
        }
        let failed = |error: openjpeg::Error| DecodeError::Library {
            library: "OpenJPEG",
            code: -1,
            message: error.to_string(),
        };
        let mut decoded = openjpeg::decode(codestream, &header).map_err(failed)?;
        let components = decoded.components().map_err(failed)?;
        let bytes =
            usize::try_from(samples).ok().and_then(|samples| samples.checked_mul(image.bytes_per_cell()));
        cells.clear();
        cells.resize(bytes.ok_or_else(|| DecodeError::Damaged("it is too large for memory".to_owned()))?, 0);
        for (component, samples) in components.iter().enumerate() {
            write_component(samples, u32::from(header.precision), image, component, cells);
        }
        extend_sign(cells, image);
        Ok(())
    }
}
