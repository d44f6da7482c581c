//! Any bytes as the head of a Part 10 file: file meta information that can be written and read again, or an error.

#![no_main]

use condenser::dicom::FileMeta;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let bytes = input.to_vec();
    let Ok((meta, start)) = FileMeta::parse(&bytes) else { return };
    assert!(start <= bytes.len() as u64);
    let mut written = Vec::new();
    if meta.write(&mut written).is_ok() {
        let (again, _) = FileMeta::parse(&written).expect("what was written can be read");
        assert_eq!(again.transfer_syntax.trim_end(), meta.transfer_syntax.trim_end());
    }
});
