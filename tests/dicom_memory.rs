//! What the walk and the inflation allocate for hostile data sets: next to nothing, however much is declared.

use condenser::dicom::{Limits, Tag, VrEncoding, inflate, walk};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the current thread holds, and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed on to the system's allocator as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(HELD.get()));
        // SAFETY: the caller keeps the contract of GlobalAlloc.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of GlobalAlloc.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most that `work` holds at any time beyond what was held before it.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

#[test]
fn d05_a_declared_length_allocates_nothing() {
    // The first look-up builds the data dictionary, which stays.
    let warm = [0x08, 0, 0x12, 0x21, 0, 0, 0, 1];
    assert!(walk(&&warm[..], VrEncoding::ImplicitLittle, &Limits::default()).is_err());
    for vr in [*b"OB", *b"OW", *b"UN", *b"SQ", *b"UT", *b"XX"] {
        for length in [0xFFFF_FFFEu32, 0xFFFF_FFF0, 1 << 30] {
            let mut bytes = vec![0x29, 0, 0x10, 0x10, vr[0], vr[1], 0, 0];
            bytes.extend(length.to_le_bytes());
            bytes.resize(300, 0);
            let peak = peak_of(|| {
                walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap_err();
            });
            assert!(peak < 4096, "{peak} bytes for a declared length of {length}");
        }
    }
}

#[test]
fn d04_a_million_nested_sequences_allocate_nothing() {
    let level = [
        0x08, 0, 0x12, 0x21, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF,
        0xFF,
    ];
    let bytes = level.repeat(1_000_000);
    let peak = peak_of(|| {
        walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap_err();
    });
    assert!(peak < 32 * 1024, "{peak} bytes for a million levels");
}

#[test]
fn d25_a_million_items_and_fragments_allocate_nothing() {
    let item = [0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0];
    for (tag, vr) in [(Tag::SOURCE_IMAGE_SEQUENCE, *b"SQ"), (Tag::PIXEL_DATA, *b"OB")] {
        let mut bytes = [tag.group.to_le_bytes(), tag.element.to_le_bytes(), vr].concat();
        bytes.extend([0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        bytes.extend(item.repeat(1_000_000));
        bytes.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        let peak = peak_of(|| {
            let data_set = walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
            assert_eq!(data_set.fragments, if tag == Tag::PIXEL_DATA { 999_999 } else { 0 });
        });
        assert!(peak < 4096, "{peak} bytes for a million of {tag}");
    }
}

/// Three hundred bytes that say anything never cost more than their own elements.
#[test]
fn damaged_data_sets_allocate_little() {
    let mut sound = Vec::new();
    for element in 0..12u8 {
        sound.extend([0x29, 0, element, 0x10, b'U', b'N', 0, 0, 12, 0, 0, 0]);
        sound.extend([element; 12]);
    }
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..50_000 {
        let mut bytes = sound.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % bytes.len();
            bytes[at] = [0, 0xFF, b'S', b'Q', b'O', b'B', 0xFE, 0xE0, random() as u8][random() % 9];
        }
        let peak = peak_of(|| drop(walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default())));
        assert!(peak < 16 * 1024, "{peak} bytes for {}", bytes.escape_ascii());
    }
}

#[test]
fn d21_a_bomb_is_not_inflated_beyond_the_limit() {
    let bomb = {
        use std::io::Write;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&vec![0; 1 << 20]).unwrap();
        }
        encoder.finish().unwrap()
    };
    // By its length, and by its ratio.
    for limits in [Limits { inflated_bytes: 1 << 20, ..Limits::default() }, Limits::default()] {
        let peak = peak_of(|| {
            inflate(&bomb, &limits).unwrap_err();
        });
        assert!(peak < 1 << 19, "{peak} bytes for nothing");
    }
}
