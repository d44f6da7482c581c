//! Any bytes as a data set in each encoding: walked to the end or refused; what was walked can be written again in
//! Explicit VR Little Endian, and walked again with the same elements.

#![no_main]

use condenser::dicom::{ImagePixel, Limits, VrEncoding, walk, walk_as_found, write_as_explicit};
use condenser_fuzz::ENCODINGS;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let bytes = bytes.to_vec();
    let limits = Limits::default();
    let _ = walk_as_found(&bytes, None, &limits);
    let encoding = ENCODINGS[usize::from(*choice) % ENCODINGS.len()];
    let Ok(data_set) = walk(&bytes, encoding, &limits) else { return };
    let _ = ImagePixel::from_data_set(&bytes, &data_set);
    let mut out = Vec::new();
    let all = 0..data_set.elements.len();
    if write_as_explicit(&bytes, &data_set, all, &BTreeMap::new(), &mut out).is_err() {
        return;
    }
    let again = walk(&out, VrEncoding::ExplicitLittle, &limits).expect("what was written can be walked");
    let tags = |data_set: &condenser::dicom::DataSet| {
        data_set
            .elements
            .iter()
            .map(|element| element.tag)
            .filter(|tag| !tag.is_group_length())
            .collect::<Vec<_>>()
    };
    assert_eq!(tags(&data_set), tags(&again));
});
