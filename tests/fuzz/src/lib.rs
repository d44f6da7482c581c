//! What the fuzz targets share: an image described by the first bytes of an input, and the codec that a run is about.

pub mod acceptor;

use condenser::codec::{DECODERS, Decoder, ENCODERS, Encoder};
use condenser::dicom::{ImagePixel, Photometric, TransferSyntax, VrEncoding};

/// Bytes of an input that describe the image.
pub const IMAGE_BYTES: usize = 6;

/// The encodings of a data set; the first byte of an input of the target `data_set` chooses one.
pub const ENCODINGS: [VrEncoding; 3] =
    [VrEncoding::ImplicitLittle, VrEncoding::ExplicitLittle, VrEncoding::ExplicitBig];

/// The widest and tallest image: small, so that a run tries many.
const LARGEST: u16 = 48;

/// Photometric Interpretations and their Samples per Pixel.
const PHOTOMETRIC: &[(Photometric, u16)] = &[
    (Photometric::Monochrome2, 1),
    (Photometric::Rgb, 3),
    (Photometric::YbrFull, 3),
    (Photometric::PaletteColor, 1),
    (Photometric::YbrFull422, 3),
    (Photometric::YbrRct, 3),
    (Photometric::YbrIct, 3),
    (Photometric::Monochrome1, 1),
];

/// Bits Allocated.
const ALLOCATED: &[u16] = &[8, 16, 32, 1];

/// The image that the first bytes describe, and the rest of the input.
pub fn image(input: &[u8]) -> Option<(ImagePixel, &[u8])> {
    let ([rows, columns, layout, allocated, stored, flags], rest) =
        input.split_first_chunk::<IMAGE_BYTES>()?;
    let (photometric, samples) = PHOTOMETRIC[usize::from(*layout) % PHOTOMETRIC.len()].clone();
    let bits_allocated = ALLOCATED[usize::from(*allocated) % ALLOCATED.len()];
    let bits_stored = 1 + u16::from(*stored) % bits_allocated;
    let image = ImagePixel {
        rows: 1 + u16::from(*rows) % LARGEST,
        columns: 1 + u16::from(*columns) % LARGEST,
        frames: 1,
        samples,
        photometric,
        planar: if samples == 1 { 0 } else { u16::from(flags & 2 != 0) },
        bits_allocated,
        bits_stored,
        high_bit: bits_stored - 1,
        signed: flags & 1 != 0,
    };
    Some((image, rest))
}

/// The bytes that [`image`] reads as `image`; `None` when it has no such image.
pub fn image_bytes(image: &ImagePixel) -> Option<[u8; IMAGE_BYTES]> {
    let layout = PHOTOMETRIC.iter().position(|(photometric, _)| *photometric == image.photometric)?;
    let allocated = ALLOCATED.iter().position(|bits| *bits == image.bits_allocated)?;
    let flags = u8::from(image.signed) | if image.planar == 1 { 2 } else { 0 };
    let fits = image.rows <= LARGEST && image.columns <= LARGEST;
    fits.then_some([
        (image.rows - 1) as u8,
        (image.columns - 1) as u8,
        layout as u8,
        allocated as u8,
        (image.bits_stored - 1) as u8,
        flags,
    ])
}

/// The name of a codec's row for the command line: `charls.JPEGLSLossless`.
pub fn row_name(name: &str, transfer_syntax: &str) -> String {
    let keyword = TransferSyntax::of_uid(transfer_syntax).map_or(transfer_syntax, |syntax| syntax.keyword);
    format!("{name}.{keyword}")
}

/// The decoder that the environment variable FUZZ_ROW names.
pub fn decoder() -> &'static dyn Decoder {
    let row = wanted();
    let named = DECODERS.iter().find(|decoder| row_name(decoder.name(), decoder.transfer_syntax()) == row);
    *named.unwrap_or_else(|| panic!("FUZZ_ROW={row} is no decoder; see scripts/fuzz list"))
}

/// The encoder that the environment variable FUZZ_ROW names.
pub fn encoder() -> &'static dyn Encoder {
    let row = wanted();
    let named = ENCODERS.iter().find(|encoder| row_name(encoder.name(), encoder.transfer_syntax()) == row);
    *named.unwrap_or_else(|| panic!("FUZZ_ROW={row} is no encoder; see scripts/fuzz list"))
}

fn wanted() -> String {
    std::env::var("FUZZ_ROW").unwrap_or_default()
}

/// Makes every cell one that a decoder can restore: zeros above Bits Stored, or the sign.
pub fn make_canonical(cells: &mut [u8], image: &ImagePixel) {
    let bytes = image.bytes_per_cell();
    let shift = 64 - u32::from(image.bits_stored);
    for cell in cells.chunks_exact_mut(bytes) {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(cell);
        let value = u64::from_le_bytes(wide) << shift;
        let value =
            if image.signed { (value.cast_signed() >> shift).cast_unsigned() } else { value >> shift };
        cell.copy_from_slice(&value.to_le_bytes()[..bytes]);
    }
}
