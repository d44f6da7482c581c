//! One encoder (FUZZ_ROW) and any frame that its profile allows: it must encode, and every decoder of its syntax must
//! give the frame back as exactly as was promised.

#![no_main]

use condenser::codec::{Coded, DECODERS, EncodeError, Encoder, Frame, Parameters, allows, verify};
use condenser::dicom::TransferSyntax;
use condenser_fuzz::{encoder, image, make_canonical};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static ENCODER: LazyLock<&dyn Encoder> = LazyLock::new(encoder);

fuzz_target!(|input: &[u8]| {
    let Some((image, content)) = image(input) else { return };
    let encoder = *ENCODER;
    let Some(target) = TransferSyntax::of_uid(encoder.transfer_syntax()) else { return };
    let Ok(frame_bytes) = image.frame_bytes() else { return };
    if allows(target, &image).is_err() || content.is_empty() {
        return;
    }
    let mut cells: Vec<u8> = content.iter().copied().cycle().take(frame_bytes as usize).collect();
    if !encoder.keeps_unused_bits() {
        make_canonical(&mut cells, &image);
    }
    let parameters = Parameters::default();
    let mut codestream = Vec::new();
    match encoder.encode(&Frame { cells: &cells, image: &image }, &parameters, &mut codestream) {
        Ok(()) => {}
        // What might be decoded to something beyond Bits Stored is refused for what the cells hold.
        Err(EncodeError::BeyondTheEnds { .. }) => return,
        Err(error) => panic!("{image:?}: {error}"),
    }
    let encoded = encoder.image_after(&image, &parameters);
    let coded = Coded { codestream: &codestream, encoded: &encoded, native: &image };
    for decoder in DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid) {
        verify(*decoder, &coded, &cells, encoder.exactness(&parameters))
            .unwrap_or_else(|error| panic!("{image:?}: {error}"));
    }
});
