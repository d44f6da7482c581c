//! Whatever an encoder, a decoder or the output does wrong, no compressed file counts: the fault matrix of the codec, C01
//! to C03.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;

use condenser::codec::{
    Coded, CompressError, DECODERS, DecodeError, Decoder, ENCODERS, EncodeError, Encoder, Exactness, Frame,
    Options, Pair, Parameters, Report, compress_with,
};
use condenser::dicom::{FileMeta, ImagePixel, Limits, TransferSyntax, VrEncoding, uids, walk};
use made::{CT, Image};
use std::io::{Cursor, Seek, Write};

const SOP_INSTANCE: &str = "2.25.1";

/// Among others, Conquest ignored whether its recompress() had failed, and stored what there was then.
#[test]
fn c01_c02_no_fault_of_an_encoder_passes() {
    let encoders: [(&'static Faulty, &str); 4] = [
        (&Faulty("error"), "encode_failed"),
        (&Faulty("panic"), "encoder_panicked"),
        (&Faulty("bit flip"), "verify_mismatch"),
        (&Faulty("cut"), "verify_mismatch"),
    ];
    for (encoder, name) in encoders {
        let pair = Pair { encoder, decoder: sound_decoder() };
        let Err(CompressError::Kept(reason)) = compress(pair, true, &mut Cursor::new(Vec::new())) else {
            panic!("{} passed", encoder.0)
        };
        assert_eq!(reason.name(), name);
        assert!(reason.to_string().contains("frame 2"), "{reason}");
    }
    let pair = Pair { encoder: &Faulty("none"), decoder: sound_decoder() };
    let report = compress(pair, true, &mut Cursor::new(Vec::new())).unwrap();
    assert_eq!((report.encoder, report.verified_by), (Some("faulty"), Some("rle")));
}

#[test]
fn c03_no_fault_of_a_decoder_passes() {
    let decoders: [(&'static Broken, &str); 3] = [
        (&Broken("error"), "verify_mismatch"),
        (&Broken("panic"), "encoder_panicked"),
        (&Broken("nothing"), "verify_mismatch"),
    ];
    for (decoder, name) in decoders {
        let pair = Pair { encoder: sound_encoder(), decoder };
        let Err(CompressError::Kept(reason)) = compress(pair, true, &mut Cursor::new(Vec::new())) else {
            panic!("{} passed", decoder.0)
        };
        assert_eq!(reason.name(), name);
    }
    let unproven = Pair { encoder: sound_encoder(), decoder: &Broken("error") };
    assert_eq!(compress(unproven, false, &mut Cursor::new(Vec::new())).unwrap().verified_by, None);
}

/// A disk that is full is no reason to keep: the caller has to know.
#[test]
fn an_output_that_fails_is_an_error_of_its_own() {
    let pair = Pair { encoder: sound_encoder(), decoder: sound_decoder() };
    let mut whole = Cursor::new(Vec::new());
    let file_bytes = compress(pair, true, &mut whole).unwrap().file_bytes;
    for room in [0, 200, 400, 1300, file_bytes as usize - 1] {
        let mut bytes = vec![0; room];
        let result = compress(pair, true, &mut Cursor::new(bytes.as_mut_slice()));
        assert!(matches!(result, Err(CompressError::Io(_))), "{room}: {result:?}");
    }
}

/// An encoder that goes wrong in the second frame, in the way that it is named after.
struct Faulty(&'static str);

impl Encoder for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }
    fn transfer_syntax(&self) -> &'static str {
        uids::RLE_LOSSLESS
    }
    fn encode(
        &self,
        frame: &Frame<'_>,
        parameters: &Parameters,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        sound_encoder().encode(frame, parameters, out)?;
        let pixels = image().pixels();
        if pixels.chunks_exact(frame.cells.len()).nth(1) == Some(frame.cells) {
            match self.0 {
                "error" => return Err(EncodeError::TooLarge),
                "panic" => panic!("out of ideas"),
                // Behind the header and the first length byte stands a cell's high byte.
                "bit flip" => out[65] ^= 1,
                "cut" => out.truncate(out.len() - 2),
                _ => {}
            }
        }
        Ok(())
    }
    fn image_after(&self, image: &ImagePixel, _: &Parameters) -> ImagePixel {
        image.clone()
    }
    fn exactness(&self, _: &Parameters) -> Exactness {
        Exactness::Exact
    }
    fn keeps_unused_bits(&self) -> bool {
        true
    }
}

/// A decoder that is broken itself, in the way that it is named after.
struct Broken(&'static str);

impl Decoder for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn transfer_syntax(&self) -> &'static str {
        uids::RLE_LOSSLESS
    }
    fn decode(&self, _: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        match self.0 {
            "error" => Err(DecodeError::Damaged("so it says".to_owned())),
            "panic" => panic!("no idea"),
            _ => {
                cells.clear();
                Ok(())
            }
        }
    }
}

fn compress(pair: Pair, verify: bool, out: &mut (impl Write + Seek)) -> Result<Report, CompressError> {
    let bytes = image().data_set();
    let data_set = walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let target = TransferSyntax::of_uid(uids::RLE_LOSSLESS).unwrap();
    let meta =
        FileMeta { sop_class: CT.to_owned(), sop_instance: SOP_INSTANCE.to_owned(), ..FileMeta::default() };
    let options = Options { verify, ..Options::default() };
    compress_with(pair, &bytes, &data_set, target, &meta, &options, out)
}

fn image() -> Image {
    Image::slopes(SOP_INSTANCE, 40, 30, 3)
}

fn sound_encoder() -> &'static dyn Encoder {
    *ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == uids::RLE_LOSSLESS).unwrap()
}

fn sound_decoder() -> &'static dyn Decoder {
    *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == uids::RLE_LOSSLESS).unwrap()
}
