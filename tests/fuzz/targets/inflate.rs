//! Any bytes as a deflated data set: inflated within the limits, or an error.

#![no_main]

use condenser::dicom::{Limits, inflate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let _ = inflate(&input.to_vec(), &Limits::default());
});
