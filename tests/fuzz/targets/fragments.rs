//! Any bytes as encapsulated Pixel Data with any offset tables: frames that lie within it, or an error.

#![no_main]

use condenser::dicom::{EncapsulatedFrames, Limits, VrEncoding, walk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((frames, bytes)) = input.split_first() else { return };
    let bytes = bytes.to_vec();
    let Ok(data_set) = walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()) else { return };
    let Ok(found) = EncapsulatedFrames::of(&bytes, &data_set, u32::from(*frames)) else { return };
    assert_eq!(found.len(), usize::from(*frames));
    for index in 0..found.len() {
        let codestream = found.codestream(&bytes, index).expect("a frame that was found can be read");
        assert!(codestream.len() <= bytes.len());
    }
});
