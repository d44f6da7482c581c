//! Proof of one frame: decode its codestream and compare every cell with what was received, or measure how far it lies.

use super::deviation::Deviation;
use super::encoder::{Coded, DecodeError, Decoder};
use super::not_decoded::NotDecoded;
use super::parameters::Exactness;
use super::scratch::{self, Buffer};

/// Why a codestream does not stand for its frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be decoded.
    #[error("{decoder} cannot decode it: {error}")]
    Decode {
        /// The decoder's name.
        decoder: &'static str,
        /// What the decoder says.
        error: DecodeError,
    },
    /// It was to be decoded elsewhere, and was not.
    #[error("{decoder} gives no cells: {error}")]
    Elsewhere {
        /// The decoder's name.
        decoder: &'static str,
        /// Why not.
        error: NotDecoded,
    },
    /// It decodes to other cells.
    #[error("{decoder} decodes it to other cells, the first at byte {offset} of the frame")]
    Differs {
        /// The decoder's name.
        decoder: &'static str,
        /// The first byte of the frame that differs (or is missing).
        offset: usize,
    },
    /// It decodes to cells that lie further off than was promised.
    #[error("{decoder} decodes it to a sample that differs by {largest}, and {allowed} is allowed")]
    TooFar {
        /// The decoder's name.
        decoder: &'static str,
        /// The largest difference of a sample.
        largest: u64,
        /// The largest one that is allowed.
        allowed: u32,
    },
    /// It decodes to cells of another number or width than there were.
    #[error("{decoder} decodes it to {found} bytes, and the frame has {expected}")]
    Length {
        /// The decoder's name.
        decoder: &'static str,
        /// Bytes of the frame.
        expected: usize,
        /// Bytes that came out.
        found: usize,
    },
}

/// Proves that a codestream decodes to the cells of its frame, `original`, as exactly as was promised. Gives how far the
/// decoded samples lie from the original ones.
///
/// A decoder may have a shorter way to the proof of equality ([`Decoder::proves`]); where that gives none, it decodes.
///
/// # Errors
/// When it does not.
pub fn verify(
    decoder: &dyn Decoder,
    coded: &Coded<'_>,
    original: &[u8],
    exactness: Exactness,
) -> Result<Deviation, VerifyError> {
    let name = decoder.name();
    let none = || Deviation {
        samples: (original.len() / coded.native.bytes_per_cell()) as u64,
        ..Deviation::default()
    };
    if decoder.proves(coded, original) {
        return Ok(none());
    }
    scratch::with(&CELLS, |cells| {
        decoder.decode(coded, cells).map_err(|error| VerifyError::Decode { decoder: name, error })?;
        if exactness == Exactness::Exact || cells.as_slice() == original {
            return agree(name, cells, original).map(|()| none());
        }
        let (expected, found) = (original.len(), cells.len());
        let deviation = Deviation::between(cells, original, coded.native).ok_or(VerifyError::Length {
            decoder: name,
            expected,
            found,
        })?;
        match exactness {
            Exactness::Within(allowed) if deviation.largest > u64::from(allowed) => {
                Err(VerifyError::TooFar { decoder: name, largest: deviation.largest, allowed })
            }
            _ => Ok(deviation),
        }
    })
}

/// Whether what this decoder gave are the cells of the frame.
///
/// # Errors
/// [`VerifyError::Differs`].
pub(super) fn agree(decoder: &'static str, cells: &[u8], original: &[u8]) -> Result<(), VerifyError> {
    if cells == original {
        return Ok(());
    }
    let same = cells.iter().zip(original).take_while(|(decoded, received)| decoded == received);
    Err(VerifyError::Differs { decoder, offset: same.count() })
}

thread_local! {
    /// The decoded cells.
    static CELLS: Buffer = const { Buffer::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::super::cells::unused_bits_are_canonical;
    use super::super::decoders::DECODERS;
    use super::super::encoder::{EncodeError, Encoder, Frame};
    use super::super::encoders::ENCODERS;
    use super::super::parameters::Parameters;
    use super::super::profile::allows;
    use super::super::testing::{decoder_for, image, noise, stored};
    use super::*;
    use crate::dicom::{ImagePixel, Photometric, TransferSyntax, uids};

    /// What the cells of a test frame hold.
    const CONTENTS: &[&str] = &["zeros", "maximum", "gradient", "noise", "checker", "minimum"];
    const SIZES: &[(u16, u16)] =
        &[(1, 1), (1, 7), (1, 300), (9, 1), (300, 1), (13, 17), (3, 129), (2, 256), (5, 131)];

    /// Every width, sign, sample count, planar order, content and size that an encoder takes comes back cell by cell.
    #[test]
    fn every_kind_of_frame_comes_back_from_every_encoder() {
        let mut proven = 0;
        for image in images() {
            for content in CONTENTS {
                let cells = cells_of(&image, content);
                assert!(unused_bits_are_canonical(&cells, &image), "{image:?} {content}");
                proven += prove(&image, &cells, content);
            }
        }
        assert!(proven > 5000, "only {proven} frames were encoded");
    }

    /// Overlays and garbage above Bits Stored come back too, where the encoder says that it keeps them.
    #[test]
    fn unused_bits_come_back_from_encoders_that_keep_them() {
        for image in images().filter(|image| image.bits_stored < image.bits_allocated) {
            let frame_bytes = image.frame_bytes().unwrap() as usize;
            let cells = noise(frame_bytes, 7);
            if frame_bytes > 64 {
                assert!(!unused_bits_are_canonical(&cells, &image), "{image:?}");
            }
            for encoder in ENCODERS.iter().filter(|encoder| encoder.keeps_unused_bits()) {
                round_trip(*encoder, &image, &cells, "noise in all bits");
            }
        }
    }

    #[test]
    fn a_changed_codestream_is_noticed() {
        for encoder in ENCODERS.iter().filter(|encoder| exactness(**encoder) == Exactness::Exact) {
            let image = image_for(*encoder);
            let cells = cells_of(&image, "gradient");
            let mut codestream = encode(*encoder, &Frame { cells: &cells, image: &image }).unwrap();
            let judge = |codestream: &[u8]| judge(*encoder, codestream, &image, &cells);
            assert_eq!(judge(&codestream).map(|deviation| deviation.largest), Ok(0));
            let middle = codestream.len() / 2;
            codestream[middle] ^= 0x10;
            assert!(judge(&codestream).is_err(), "{}", encoder.name());
        }
    }

    #[test]
    fn a_codestream_of_another_frame_is_refused() {
        for encoder in ENCODERS {
            let image = image_for(*encoder);
            let cells = cells_of(&image, "gradient");
            let codestream = encode(*encoder, &Frame { cells: &cells, image: &image }).unwrap();
            let wide = ImagePixel { samples: 3, photometric: Photometric::Rgb, ..image.clone() };
            let tall = ImagePixel { rows: 41, ..image.clone() };
            for other in [wide, tall] {
                let error = decoder_for(encoder.transfer_syntax())
                    .decode(&Coded::alike(&codestream, &other), &mut Vec::new())
                    .unwrap_err();
                // RLE has no rows in its header, so that a taller frame is one that lacks bytes.
                let by_header = matches!(error, DecodeError::OtherFrame { .. });
                assert!(by_header || encoder.transfer_syntax() == uids::RLE_LOSSLESS, "{error}");
            }
        }
    }

    /// No codestream holds cells in the layout of native YBR_FULL_422; a decoder that is asked for it must not give others.
    #[test]
    fn cells_that_share_their_colour_are_never_given() {
        for encoder in ENCODERS {
            let image = ImagePixel { planar: 0, ..image(8, 8, 8, 3, 0) };
            let Ok(codestream) = encode(*encoder, &Frame { cells: &noise(192, 1), image: &image }) else {
                continue;
            };
            let subsampled = ImagePixel { photometric: Photometric::YbrFull422, ..image };
            for decoder in DECODERS.iter().filter(|row| row.transfer_syntax() == encoder.transfer_syntax()) {
                let error = decoder.decode(&Coded::alike(&codestream, &subsampled), &mut Vec::new());
                assert!(error.is_err(), "{}", decoder.name());
            }
        }
    }

    fn exactness(encoder: &dyn Encoder) -> Exactness {
        encoder.exactness(&Parameters::default())
    }

    fn encode(encoder: &dyn Encoder, frame: &Frame<'_>) -> Result<Vec<u8>, EncodeError> {
        let mut codestream = Vec::new();
        encoder.encode(frame, &Parameters::default(), &mut codestream).map(|()| codestream)
    }

    fn judge(
        encoder: &dyn Encoder,
        codestream: &[u8],
        image: &ImagePixel,
        cells: &[u8],
    ) -> Result<Deviation, VerifyError> {
        let encoded = encoder.image_after(image, &Parameters::default());
        let coded = Coded { codestream, encoded: &encoded, native: image };
        verify(decoder_for(encoder.transfer_syntax()), &coded, cells, exactness(encoder))
    }

    /// A smooth image of 40 x 40 that the encoder takes.
    fn image_for(encoder: &dyn Encoder) -> ImagePixel {
        let deep = stored(12, true, image(40, 40, 16, 1, 0));
        let flat = image(40, 40, 8, 1, 0);
        let takes = |image: &ImagePixel| {
            let cells = cells_of(image, "gradient");
            is_allowed(encoder, image) && encode(encoder, &Frame { cells: &cells, image }).is_ok()
        };
        [deep, flat].into_iter().find(takes).unwrap_or_else(|| panic!("{} takes neither", encoder.name()))
    }

    fn is_allowed(encoder: &dyn Encoder, image: &ImagePixel) -> bool {
        allows(TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap(), image).is_ok()
    }

    /// What the standard allows an encoder must take; what it takes beyond (signed colour, 32 bits) must come back too.
    fn prove(image: &ImagePixel, cells: &[u8], content: &str) -> usize {
        ENCODERS.iter().filter(|encoder| round_trip(**encoder, image, cells, content)).count()
    }

    /// Whether the encoder takes such an image. If it does, the frame comes back as exactly as it says.
    fn round_trip(encoder: &dyn Encoder, image: &ImagePixel, cells: &[u8], content: &str) -> bool {
        let name = encoder.name();
        let codestream = match encode(encoder, &Frame { cells, image }) {
            Ok(codestream) => codestream,
            Err(EncodeError::Unsupported { .. }) if !is_allowed(encoder, image) => return false,
            Err(EncodeError::BeyondTheEnds { .. }) => return false,
            Err(error) => panic!("{name} {image:?} {content}: {error}"),
        };
        judge(encoder, &codestream, image, cells)
            .unwrap_or_else(|error| panic!("{name} {image:?} {content}: {error}"));
        true
    }

    fn images() -> impl Iterator<Item = ImagePixel> {
        let widths = [
            (8, &[1, 2, 3, 7, 8][..]),
            (16, &[1, 2, 7, 8, 9, 10, 12, 15, 16][..]),
            (32, &[8, 17, 31, 32][..]),
        ];
        let layouts = [(1, 0), (3, 0), (3, 1)];
        widths.into_iter().flat_map(move |(allocated, bits)| {
            bits.iter().flat_map(move |bits_stored| {
                [false, true].into_iter().flat_map(move |signed| {
                    layouts.into_iter().flat_map(move |(samples, planar)| {
                        SIZES.iter().map(move |(rows, columns)| {
                            stored(*bits_stored, signed, image(*rows, *columns, allocated, samples, planar))
                        })
                    })
                })
            })
        })
    }

    /// Canonical cells: within Bits Stored, with the sign extended.
    fn cells_of(image: &ImagePixel, content: &str) -> Vec<u8> {
        let bytes_per_cell = image.bytes_per_cell();
        let count = image.frame_cells() as usize;
        let random = noise(count * 8, 1);
        let stored = u32::from(image.bits_stored);
        let (low, high) = if image.signed {
            (-(1_i64 << (stored - 1)), (1_i64 << (stored - 1)) - 1)
        } else {
            (0, (1_i64 << stored) - 1)
        };
        let mut cells = Vec::with_capacity(count * bytes_per_cell);
        for at in 0..count {
            let value = match content {
                "zeros" => 0,
                "maximum" => high,
                "minimum" => low,
                "gradient" => low + (at as i64 / 3) % (high - low + 1),
                "checker" => [low, high][at % 2],
                "noise" => {
                    let mut bytes = [0; 8];
                    bytes[..7].copy_from_slice(&random[at * 8..at * 8 + 7]);
                    low + i64::from_le_bytes(bytes) % (high - low + 1)
                }
                other => panic!("no such content: {other}"),
            };
            cells.extend_from_slice(&value.to_le_bytes()[..bytes_per_cell]);
        }
        cells
    }
}
