//! Images, instances and codecs for the tests of this room.

use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder};
use super::encoders::ENCODERS;
use crate::dicom::{ImagePixel, Photometric, Tag, Vr, VrEncoding, testing};

/// One unsigned frame that uses all its bits: MONOCHROME2 for one sample, RGB for more.
pub(super) fn image(rows: u16, columns: u16, bits: u16, samples: u16, planar: u16) -> ImagePixel {
    ImagePixel {
        rows,
        columns,
        frames: 1,
        samples,
        photometric: if samples == 1 { Photometric::Monochrome2 } else { Photometric::Rgb },
        planar,
        bits_allocated: bits,
        bits_stored: bits,
        high_bit: bits - 1,
        signed: false,
    }
}

/// The same image with fewer bits in use, and perhaps a sign.
pub(super) fn stored(bits_stored: u16, signed: bool, image: ImagePixel) -> ImagePixel {
    ImagePixel { bits_stored, high_bit: bits_stored - 1, signed, ..image }
}

/// Smooth, canonical, and different in every frame.
pub(super) fn cells(image: &ImagePixel) -> Vec<u8> {
    let each = image.frame_cells() as i64;
    let span = 1 << (image.bits_stored - 1);
    (0..each * i64::from(image.frames))
        .flat_map(|at| {
            let value = (at % each / 41 + at / each * 5) % span - if image.signed { span / 2 } else { 0 };
            value.to_le_bytes().into_iter().take(image.bytes_per_cell())
        })
        .collect()
}

/// A whole instance: the image, and these elements before and behind it.
pub(super) fn instance(
    encoding: VrEncoding,
    image: &ImagePixel,
    cells: &[u8],
    extra: &[(Tag, Vr, &[u8])],
) -> Vec<u8> {
    let before = |tag: Tag| tag < Tag::PIXEL_DATA;
    let mut data_set = testing::DataSetBuilder::new(encoding)
        .text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.7")
        .text(Tag::PATIENT_NAME, Vr::PN, "Bürger^Anna")
        .us(Tag::SAMPLES_PER_PIXEL, image.samples)
        .text(Tag::PHOTOMETRIC_INTERPRETATION, Vr::CS, image.photometric.as_str());
    if image.samples > 1 {
        data_set = data_set.us(Tag::PLANAR_CONFIGURATION, image.planar);
    }
    data_set = data_set
        .text(Tag::NUMBER_OF_FRAMES, Vr::IS, &image.frames.to_string())
        .us(Tag::ROWS, image.rows)
        .us(Tag::COLUMNS, image.columns)
        .us(Tag::BITS_ALLOCATED, image.bits_allocated)
        .us(Tag::BITS_STORED, image.bits_stored)
        .us(Tag::HIGH_BIT, image.high_bit)
        .us(Tag::PIXEL_REPRESENTATION, u16::from(image.signed));
    for (tag, vr, value) in extra.iter().filter(|(tag, ..)| before(*tag)) {
        data_set = data_set.element(*tag, *vr, value);
    }
    let mut value = cells.to_vec();
    if encoding.is_big_endian() && image.bits_allocated == 16 {
        value.as_chunks_mut::<2>().0.iter_mut().for_each(|cell| cell.reverse());
    }
    if value.len() % 2 == 1 {
        value.push(0);
    }
    let vr = if image.bits_allocated > 8 { Vr::OW } else { Vr::OB };
    data_set = data_set.element(Tag::PIXEL_DATA, vr, &value);
    for (tag, vr, value) in extra.iter().filter(|(tag, ..)| !before(*tag)) {
        data_set = data_set.element(*tag, *vr, value);
    }
    data_set.build()
}

/// Bytes in which nothing repeats; the same ones for the same seed (xorshift).
pub(super) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Noise that is canonical: above Bits Stored stand zeros, or the sign.
pub(super) fn canonical_noise(image: &ImagePixel, seed: u64) -> Vec<u8> {
    let mut cells = noise(image.frame_bytes().unwrap() as usize, seed);
    let unused = 64 - u32::from(image.bits_stored);
    for cell in cells.chunks_exact_mut(image.bytes_per_cell()) {
        let mut wide = [0; 8];
        wide[..cell.len()].copy_from_slice(cell);
        let top = i64::from_le_bytes(wide) << unused;
        let value = if image.signed { top >> unused } else { (top.cast_unsigned() >> unused).cast_signed() };
        cell.copy_from_slice(&value.to_le_bytes()[..cell.len()]);
    }
    cells
}

/// The first encoder for a transfer syntax.
pub(super) fn encoder_for(transfer_syntax: &str) -> &'static dyn Encoder {
    *ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == transfer_syntax).unwrap()
}

/// The first decoder for a transfer syntax.
pub(super) fn decoder_for(transfer_syntax: &str) -> &'static dyn Decoder {
    *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == transfer_syntax).unwrap()
}
