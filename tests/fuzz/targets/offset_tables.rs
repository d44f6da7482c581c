//! Any numbers as Basic and Extended Offset Table over fragments of any lengths (PS3.5 A.4, PS3.3 C.7.6.3.1.8): each frame's
//! fragments in their order, none twice, all within Pixel Data; or an error.

#![no_main]

use condenser::dicom::{EncapsulatedFrames, Limits, VrEncoding, walk};
use libfuzzer_sys::fuzz_target;

/// How an element or item begins, in Explicit VR Little Endian.
fn put(out: &mut Vec<u8>, head: &[u8], length: usize) {
    out.extend_from_slice(head);
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

fuzz_target!(|input: &[u8]| {
    let Some(([frames, basic, extended, fragments], mut rest)) = input.split_first_chunk::<4>() else {
        return;
    };
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count.min(rest.len()));
        rest = left;
        taken
    };
    let mut bytes = Vec::new();
    let extended = 8 * usize::from(extended % 8);
    for tag in [b"\xE0\x7F\x01\x00OV\0\0", b"\xE0\x7F\x02\x00OV\0\0"] {
        if extended > 0 {
            let entries = take(extended);
            put(&mut bytes, tag, entries.len());
            bytes.extend_from_slice(entries);
        }
    }
    put(&mut bytes, b"\xE0\x7F\x10\x00OB\0\0", u32::MAX as usize);
    let entries = take(4 * usize::from(basic % 8));
    put(&mut bytes, b"\xFE\xFF\x00\xE0", entries.len());
    bytes.extend_from_slice(entries);
    for _ in 0..fragments % 16 {
        let length = take(1).first().map_or(0, |length| usize::from(*length));
        put(&mut bytes, b"\xFE\xFF\x00\xE0", length);
        bytes.resize(bytes.len() + length, 7);
    }
    put(&mut bytes, b"\xFE\xFF\xDD\xE0", 0);

    let Ok(data_set) = walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()) else { return };
    let Ok(found) = EncapsulatedFrames::of(&bytes, &data_set, u32::from(*frames)) else { return };
    assert_eq!(found.len(), usize::from(*frames));
    let mut end = 0;
    for index in 0..found.len() {
        for range in found.ranges(index) {
            assert!(
                range.start >= end && range.start <= range.end,
                "frame {index} overlaps with one before it"
            );
            assert!(range.end <= bytes.len() as u64, "frame {index} leaves Pixel Data");
            end = range.end;
        }
        found.codestream(&bytes, index).expect("a frame that was found can be read");
    }
});
