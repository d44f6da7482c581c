//! One encoder (FUZZ_ROW) and any frame that its profile allows: it must encode, and every decoder of its syntax must
//! give the frame back as exactly as was promised. Then the codestream is damaged, and no decoder may prove what another would
//! not give.

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
    // The last bytes say where, and how.
    let [.., high, low, change] = *content else { return };
    let at = usize::from(u16::from_be_bytes([high, low])) % codestream.len().max(1);
    if let Some(byte) = codestream.get_mut(at) {
        *byte ^= change;
    }
    let coded = Coded { codestream: &codestream, encoded: &encoded, native: &image };
    let of_syntax = || DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid);
    if of_syntax().any(|decoder| decoder.proves(&coded, &cells)) {
        for decoder in of_syntax() {
            let mut decoded = Vec::new();
            decoder
                .decode(&coded, &mut decoded)
                .unwrap_or_else(|error| panic!("proven, but {}: {error}: {image:?}", decoder.name()));
            assert!(decoded == cells, "proven, but {} gives other cells: {image:?}", decoder.name());
        }
    }
});
