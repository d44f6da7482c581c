//! One decoder (FUZZ_ROW) and any bytes as a codestream: an error or the cells of one frame, nothing else.

#![no_main]

use condenser::codec::Coded;
use condenser_fuzz::{decoder, image};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static DECODER: LazyLock<&dyn condenser::codec::Decoder> = LazyLock::new(decoder);

fuzz_target!(|input: &[u8]| {
    let Some((image, codestream)) = image(input) else { return };
    let mut cells = Vec::new();
    if DECODER.decode(&Coded::alike(codestream, &image), &mut cells).is_ok()
        && let Ok(expected) = image.frame_bytes()
    {
        assert_eq!(cells.len() as u64, expected, "a decoder that succeeds gives one whole frame");
    }
});
