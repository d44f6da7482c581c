//! Rows D: data sets that are malformed, hostile or merely rare. What is acknowledged is what was sent; what is refused
//! is in quarantine.

use crate::journey::{Bench, PLACE};
use crate::made::{CT, DataSet, Image};
use condenser::dicom::uids;
use condenser::net::Status;

/// Everything before the pixels, with more elements of any kind behind the identity.
fn with(more: impl FnOnce(DataSet) -> DataSet) -> Vec<u8> {
    let identity = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.9").uid(0x20, 0xD, "1.2.3.4").uid(
        0x20,
        0xE,
        "1.2.3.4.5",
    );
    more(identity).0
}

/// Sends an instance that is to be acknowledged; the stored data set is byte for byte the one that was sent.
fn is_stored_as_sent(name: &str, data_set: &[u8]) {
    let bench = Bench::new(|_| ());
    assert_eq!(bench.send(data_set.to_vec(), "1.2.9").status, Status::SUCCESS, "{name}");
    let files = bench.files();
    assert_eq!(files.len(), 1, "{name}: {files:?}");
    assert!(bench.stored(&files[0]).data_set == data_set, "{name}: other bytes are stored");
}

/// Sends an instance that must not be acknowledged, with one of these statuses; it is in quarantine, whole.
fn is_refused_and_kept(name: &str, data_set: &[u8], statuses: &[u16]) {
    let bench = Bench::new(|_| ());
    let status = bench.send(data_set.to_vec(), "1.2.9").status;
    assert!(statuses.contains(&status.0), "{name}: {status}");
    assert_eq!((bench.instances().len(), bench.quarantined()), (0, 1), "{name}");
    let file = bench.files().into_iter().find(|file| file.ends_with(".dcm")).unwrap();
    assert!(std::fs::read(bench.root().join(file)).unwrap().ends_with(data_set), "{name}: other bytes");
}

#[test]
fn d02_bytes_behind_the_data_set_are_no_part_of_it() {
    let whole = Image::slope("1.2.9", 16, 16).data_set();
    for byte in [0x00, 0x20, 0xFF] {
        for count in 1..=16 {
            let more = [whole.clone(), vec![byte; count]].concat();
            is_refused_and_kept(&format!("{count} of {byte:02X}"), &more, &[0xC000, 0xC002]);
        }
    }
    // Data Set Trailing Padding (PS3.10 7.2) is an element like any other, and is kept.
    let padded = DataSet(whole).long(0xFFFC, 0xFFFC, "OB", &[0; 100]).0;
    let bench = Bench::new(|_| ());
    assert_eq!(bench.send(padded, "1.2.9").status, Status::SUCCESS);
    assert!(
        bench.stored(PLACE).data_set.ends_with(&DataSet::default().long(0xFFFC, 0xFFFC, "OB", &[0; 100]).0)
    );
}

#[test]
fn d03_odd_lengths_are_stored_as_they_were_sent() {
    is_stored_as_sent("a text", &with(|set| set.short(0x20, 0x4000, "LT", b"odd")));
    is_stored_as_sent("bytes", &with(|set| set.long(0x42, 0x11, "OB", b"%PDF!")));
    let items = DataSet::default().long_header(0x40, 0xA730, "SQ", 8 + 11).item(0xE000, 11);
    let inner = items.short(8, 0x104, "LO", b"odd").0;
    is_stored_as_sent("within an item", &with(|set| DataSet([set.0, inner].concat())));
}

#[test]
fn d08_pixels_that_are_too_few_or_too_many_are_stored_as_they_were_sent() {
    let image = Image::slope("1.2.9", 16, 16);
    let pixels = image.pixels();
    let half = &pixels[..pixels.len() / 2];
    let cases = [
        ("pixel_data_short", pixels[..pixels.len() - 1].to_vec()),
        ("pixel_data_short", half.to_vec()),
        ("pixel_data_short", Vec::new()),
        ("pixel_data_long", [&pixels, half].concat()),
        ("pixel_data_long", pixels.repeat(2)),
    ];
    for (reason, pixels) in cases {
        let data_set = image.head().long(0x7FE0, 0x10, "OW", &pixels).0;
        let bench = Bench::new(|_| ());
        assert_eq!(bench.send(data_set.clone(), "1.2.9").status, Status::SUCCESS, "{}", pixels.len());
        let file = bench.stored(PLACE);
        assert_eq!(file.receipt.reason.as_deref(), Some(reason), "{}", pixels.len());
        assert_eq!(file.data_set, data_set, "{}", pixels.len());
    }
}

#[test]
fn d15_without_its_uids_a_data_set_is_in_quarantine_and_without_study_and_series_it_is_stored() {
    let image = Image::slope("1.2.9", 16, 16).data_set();
    let without = |group: u8, element: u8| {
        let at = image.windows(4).position(|tag| tag == [group, 0, element, 0]).unwrap();
        let length = usize::from(u16::from_le_bytes([image[at + 6], image[at + 7]]));
        [&image[..at], &image[at + 8 + length..]].concat()
    };
    is_refused_and_kept("SOP Class UID", &without(8, 0x16), &[0xA900, 0xC001]);
    is_refused_and_kept("SOP Instance UID", &without(8, 0x18), &[0xA900, 0xC001]);
    for element in [0xD, 0xE] {
        let bench = Bench::new(|_| ());
        assert_eq!(bench.send(without(0x20, element), "1.2.9").status, Status::SUCCESS);
        assert_eq!(bench.instances().len(), 1);
    }
}

#[test]
fn d18_text_of_any_character_set_is_stored_byte_for_byte() {
    let names: [(&str, &[u8], &[u8]); 6] = [
        ("ISO 2022 IR 87", b"\\ISO 2022 IR 87 ", b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B "),
        ("GB18030", b"GB18030 ", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"),
        ("invalid UTF-8", b"ISO_IR 192", b"Ma\xC3^\xFF\xFE"),
        ("an escape left open", b"\\ISO 2022 IR 87 ", b"\x1B$B;3ED"),
        ("no such character set", b"KLINGON ", b"\xF8\xD0^tlh"),
        ("a line break", b"ISO_IR 100", b"A\r\nB^C\x1B[31m"),
    ];
    let pixels = Image::slope("1.2.9", 16, 16);
    for (name, set, value) in names {
        let head = DataSet::default().short(8, 5, "CS", set).uid(8, 0x16, CT).uid(8, 0x18, "1.2.9").short(
            0x10,
            0x10,
            "PN",
            &[value, if value.len() % 2 == 1 { b" " } else { b"" }].concat(),
        );
        is_stored_as_sent(name, &head.0);
        // And through the encoder: what comes before the pixels is copied.
        let old = pixels.head().0;
        let group_28 = old.windows(4).position(|tag| tag == [0x28, 0, 2, 0]).unwrap();
        let head = [&head.uid(0x20, 0xD, "1.2.3.4").uid(0x20, 0xE, "1.2.3.4.5").0, &old[group_28..]].concat();
        let bench = Bench::new(|_| ());
        let data_set = DataSet(head.clone()).long(0x7FE0, 0x10, "OW", &pixels.pixels()).0;
        assert_eq!(bench.send(data_set, "1.2.9").status, Status::SUCCESS, "{name}");
        let file = bench.stored(PLACE);
        assert_eq!(file.receipt.reason, None, "{name}");
        assert!(file.data_set.starts_with(&head), "{name}");
    }
}

#[test]
fn d19_rare_elements_are_stored_as_they_were_sent_and_those_of_commands_are_not_taken() {
    let inner = DataSet::default().item(0xE000, u32::MAX).0;
    // An implicit element within UN of undefined length (PS3.5 6.2.2).
    let implicit = [&[0x10, 0, 0x10, 0, 2, 0, 0, 0][..], b"X "].concat();
    let closed = DataSet::default().item(0xE00D, 0).item(0xE0DD, 0).0;
    let unknown = DataSet::default().long_header(0x29, 0x1010, "UN", u32::MAX).0;
    let unknown = [unknown, inner, implicit, closed].concat();
    is_stored_as_sent("UN of undefined length", &with(|set| DataSet([set.0, unknown].concat())));
    is_stored_as_sent("no private creator", &with(|set| set.short(0x29, 0x1001, "LO", b"nobody's")));
    is_stored_as_sent("a group length", &with(|set| set.short(0x28, 0, "UL", &[4, 0, 0, 0])));
    let backwards = |set: DataSet| set.short(0x20, 0x13, "IS", b"2 ").short(0x10, 0x20, "LO", b"ID");
    is_stored_as_sent("out of order", &with(backwards));
    is_stored_as_sent("twice", &with(|set| backwards(backwards(set))));
    is_stored_as_sent("group FFFF", &with(|set| set.short(0xFFFF, 0xFFFF, "LO", b"end?")));
    let command = DataSet::default().short(0, 0x100, "US", &[1, 0]).0;
    is_refused_and_kept("a command", &[command, with(|set| set)].concat(), &[0xC000, 0xC002]);
    let meta = DataSet::default().uid(2, 0x10, uids::EXPLICIT_VR_LITTLE_ENDIAN).0;
    is_refused_and_kept("file meta information", &[meta, with(|set| set)].concat(), &[0xC000, 0xC002]);
}

#[test]
fn d25_a_hundred_thousand_elements_and_a_million_items_are_taken() {
    let many = |mut set: DataSet| {
        for number in 0..100_000_u32 {
            set = set.short(0x41 + 2 * (number >> 15) as u16, number as u16 & 0x7FFF | 0x1000, "CS", b"X ");
        }
        set
    };
    let items = DataSet::default().long_header(0x40, 0xA730, "SQ", u32::MAX).0;
    let item = DataSet::default().item(0xE000, 0).0.repeat(1_000_000);
    let items = [items, item, DataSet::default().item(0xE0DD, 0).0].concat();
    for (name, data_set) in
        [("elements", with(many)), ("items", with(|set| DataSet([set.0, items].concat())))]
    {
        let bench = Bench::new(|_| ());
        let start = std::time::Instant::now();
        let status = bench.send(data_set.clone(), "1.2.9").status;
        // Whatever is not linear takes minutes for so many.
        assert!(start.elapsed().as_secs() < 20, "{name}: {:?}", start.elapsed());
        assert!([Status::SUCCESS, Status::LIMIT_EXCEEDED].contains(&status), "{name}: {status}");
        let kept = bench.files().into_iter().find(|file| file.ends_with(".dcm")).unwrap();
        assert!(std::fs::read(bench.root().join(kept)).unwrap().ends_with(&data_set), "{name}: not lost");
    }
}
