//! JPEG-LS Lossless and Near-Lossless by the project's own decoder: any interleave mode, presets, restart markers, scans.
//!
//! It shares nothing with CharLS and nothing with any encoder: where it agrees with CharLS, two readings of the standard do.
//!
//! # What proves JPEG-LS Lossless, and what it cannot see
//!
//! Unless `verify_with` names another, a lossless codestream is proven here, by induction ([`induction`](super::induction)), whichever
//! encoder made it. A proof is worth as much as it is independent of what it judges; so this is what could deceive both:
//!
//! * **Code in common: none that codes.** Thresholds, LIMIT and the first A ([`coding`](super::coding)), the run orders
//!   J ([`scan`](super::scan)), what contexts learn ([`contexts`](super::contexts)), bits and stuffing
//!   ([`unstuffed`](super::unstuffed)), gradients and predictions ([`foreseen`](super::foreseen)) exist twice, written apart and
//!   in other arithmetic; the precision is the header's, held against Bits Stored and Bits Allocated, not what the encoder
//!   was told. A wrong table or a slip in either copy makes them disagree. In common are [`ImagePixel`](crate::dicom::ImagePixel), that
//!   is what Rows, Columns, Planar Configuration and the sign mean, and the question what the processor can do. Whoever misreads
//!   those misreads them for any decoder that the cells are compared with, CharLS too.
//! * **One reading of the standard.** Encoder and induction come from the same hands, so a clause misread twice would pass
//!   here, and a foreign decoder would make other cells of it. No run-time check but a foreign decoder sees that; but it does not come
//!   and go with single images either, for there are few clauses and each is met early. So it is the tests' matter: the encoder writes
//!   what CharLS writes, byte for byte, for every precision and kind of content; no proof is given, also of damaged codestreams,
//!   where CharLS makes other cells; and the fuzz target of the encoders asks the same without end. What is
//!   left is a case that none of these has met; who fears it says `verify_with = "charls"`.
//! * **What is wrong before either looks.** Cells that changed in memory before they were encoded, or a compiler or a processor that
//!   errs in both, pass a comparison by any decoder in this process.
//!
//! And a no is no verdict: then this decoder decodes, and cells are compared with cells, as any decoder's are.

use super::frame::{self, FrameError, Wanted};
use super::proof;
use crate::codec::cells::extend_sign;
use crate::codec::encoder::{Coded, DecodeError, Decoder, Eagerness, Encoder, describe};
use crate::codec::kernel::Kernel;
use crate::dicom::uids;

/// JPEG-LS by the project's own decoder, for one of the two transfer syntaxes.
pub(crate) struct JpegLs {
    transfer_syntax: &'static str,
}

const NAME: &str = "jpeg-ls";

impl JpegLs {
    /// JPEG-LS Lossless: NEAR must be 0.
    pub(crate) const LOSSLESS: JpegLs = JpegLs { transfer_syntax: uids::JPEG_LS_LOSSLESS };
    /// JPEG-LS Near-Lossless: any NEAR.
    pub(crate) const NEAR_LOSSLESS: JpegLs = JpegLs { transfer_syntax: uids::JPEG_LS_NEAR_LOSSLESS };
}

impl Decoder for JpegLs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn transfer_syntax(&self) -> &'static str {
        self.transfer_syntax
    }

    fn eagerness(&self) -> Eagerness {
        if self.transfer_syntax == uids::JPEG_LS_LOSSLESS {
            Eagerness::ByProof
        } else {
            Eagerness::ByDecoding
        }
    }

    fn is_of_another_make(&self, _: &dyn Encoder) -> bool {
        // Not even with the project's own encoder it shares a line.
        true
    }

    fn proves(&self, coded: &Coded<'_>, original: &[u8]) -> bool {
        proof::proves(Kernel::best(), coded, original)
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Coded { codestream, native: image, .. } = *coded;
        if !matches!(image.bits_allocated, 8 | 16) || !image.has_whole_pixels() {
            return Err(DecodeError::Unsupported { decoder: NAME, image: describe(image) });
        }
        let wanted = Wanted {
            rows: usize::from(image.rows),
            columns: usize::from(image.columns),
            components: usize::from(image.samples),
            precision: (u32::from(image.bits_stored), u32::from(image.bits_allocated)),
            bytes_per_cell: image.bytes_per_cell(),
            by_plane: image.planar == 1,
            lossless: self.transfer_syntax == uids::JPEG_LS_LOSSLESS,
        };
        frame::decode(codestream, &wanted, cells).map_err(|error| match error {
            FrameError::Damaged(what) => DecodeError::Damaged(what),
            FrameError::Other(codestream) => {
                DecodeError::OtherFrame { codestream, attributes: describe(image) }
            }
        })?;
        extend_sign(cells, image);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::DECODERS;
    use super::*;
    use crate::codec::encoder::Frame;
    use crate::codec::parameters::Parameters;
    use crate::codec::testing::{self, canonical_noise, encoder_for, stored};
    use crate::dicom::ImagePixel;

    fn charls() -> &'static dyn Decoder {
        *DECODERS.iter().find(|decoder| decoder.name() == "charls").unwrap()
    }

    fn decode(decoder: &dyn Decoder, codestream: &[u8], image: &ImagePixel) -> Result<Vec<u8>, DecodeError> {
        let mut cells = Vec::new();
        decoder.decode(&Coded::alike(codestream, image), &mut cells).map(|()| cells)
    }

    fn encode(image: &ImagePixel, cells: &[u8]) -> Vec<u8> {
        let mut codestream = Vec::new();
        let encoder: &dyn Encoder = encoder_for(uids::JPEG_LS_LOSSLESS);
        encoder.encode(&Frame { cells, image }, &Parameters::default(), &mut codestream).unwrap();
        codestream
    }

    /// Smooth and noisy frames of every precision, sign and layout.
    #[test]
    fn it_gives_what_charls_gives() {
        for (allocated, bits) in [(8, 2..=8), (16, 2..=16)] {
            for bits_stored in bits {
                for (samples, planar, signed) in [(1, 0, false), (1, 0, true), (3, 0, false), (3, 1, false)] {
                    for (rows, columns) in [(1, 1), (1, 300), (300, 1), (37, 53)] {
                        let image = testing::image(rows, columns, allocated, samples, planar);
                        let image = stored(bits_stored, signed, image);
                        for cells in [testing::cells(&image), canonical_noise(&image, 3)] {
                            let codestream = encode(&image, &cells);
                            let decoded = decode(&JpegLs::LOSSLESS, &codestream, &image);
                            assert_eq!(decoded.as_deref(), Ok(cells.as_slice()), "{image:?}");
                            assert_eq!(decode(charls(), &codestream, &image), decoded, "{image:?}");
                            assert_eq!(decode(&JpegLs::NEAR_LOSSLESS, &codestream, &image), decoded);
                        }
                    }
                }
            }
        }
    }

    /// Whatever is damaged, each decoder fails or gives a frame of the right size; no cut codestream passes.
    #[test]
    fn damage_anywhere_ends() {
        for (allocated, bits_stored, samples) in [(8, 8, 1), (16, 12, 1), (8, 8, 3)] {
            let image = stored(bits_stored, false, testing::image(9, 14, allocated, samples, 0));
            for cells in [testing::cells(&image), canonical_noise(&image, 5)] {
                let codestream = encode(&image, &cells);
                for bit in 0..codestream.len() * 8 {
                    let mut damaged = codestream.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    for decoder in [&JpegLs::LOSSLESS as &dyn Decoder, &JpegLs::NEAR_LOSSLESS, charls()] {
                        let decoded = decode(decoder, &damaged, &image);
                        assert!(decoded.is_err() || decoded.is_ok_and(|found| found.len() == cells.len()));
                    }
                }
                for cut in 0..codestream.len() {
                    assert!(decode(&JpegLs::LOSSLESS, &codestream[..cut], &image).is_err(), "cut at {cut}");
                }
            }
        }
    }
}
