//! Images, cells and codecs for the tests of this room.

use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder};
use super::encoders::ENCODERS;
use crate::dicom::{ImagePixel, Photometric};

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

/// The first encoder for a transfer syntax.
pub(super) fn encoder_for(transfer_syntax: &str) -> &'static dyn Encoder {
    *ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == transfer_syntax).unwrap()
}

/// The first decoder for a transfer syntax.
pub(super) fn decoder_for(transfer_syntax: &str) -> &'static dyn Decoder {
    *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == transfer_syntax).unwrap()
}
