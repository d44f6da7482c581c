//! Rows D and C about pixels: attributes that cannot be, instances that have to stay as they are, codestreams that are
//! damaged, noise. Nothing of them stops the node, and what is stored has every byte or every cell that was sent.

use crate::journey::{Bench, PLACE, noise};
use crate::made::{CT, DataSet, Image};
use condenser::dicom::uids;
use condenser::net::Status;
use std::collections::BTreeMap;

/// An element of group 0028: its number, its value representation, its value.
type Attribute<'a> = (u16, &'a str, &'a [u8]);

/// Sends an image that is to be stored as it came; gives the reason.
fn kept(name: &str, syntax: &str, data_set: &[u8]) -> String {
    let bench = Bench::new(|_| ());
    assert_eq!(bench.send_as(syntax, data_set.to_vec(), CT, "1.2.9").status, Status::SUCCESS, "{name}");
    let file = bench.stored(PLACE);
    assert!(file.data_set == data_set, "{name}: other bytes are stored ({:?})", file.receipt.reason);
    assert_eq!(file.meta.transfer_syntax, syntax, "{name}");
    file.receipt.reason.unwrap()
}

/// A head like that of a made image, but for the elements of group 0028 that `change` replaces or adds.
fn described(change: &[Attribute]) -> DataSet {
    let usual: [Attribute; 9] = [
        (0x0002, "US", &[1, 0]),
        (0x0004, "CS", b"MONOCHROME2 "),
        (0x0008, "IS", b"1 "),
        (0x0010, "US", &[16, 0]),
        (0x0011, "US", &[16, 0]),
        (0x0100, "US", &[16, 0]),
        (0x0101, "US", &[12, 0]),
        (0x0102, "US", &[11, 0]),
        (0x0103, "US", &[0, 0]),
    ];
    let head = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.9").uid(0x20, 0xD, "1.2.3.4").uid(
        0x20,
        0xE,
        "1.2.3.4.5",
    );
    let described: BTreeMap<_, _> =
        usual.iter().chain(change).map(|(number, vr, value)| (number, (vr, value))).collect();
    described.into_iter().fold(head, |head, (number, (vr, value))| head.short(0x28, *number, vr, value))
}

fn image(change: &[Attribute]) -> Vec<u8> {
    let pixels = Image::slope("1.2.9", 16, 16).pixels();
    described(change).long(0x7FE0, 0x10, "OW", &pixels).0
}

#[test]
fn d09_rows_columns_and_frames_that_cannot_be_start_no_encoder() {
    let cases: [(&str, &[Attribute]); 11] = [
        ("no rows", &[(0x10, "US", &[0, 0])]),
        ("no columns", &[(0x11, "US", &[0, 0])]),
        ("65535 by 65535", &[(0x10, "US", &[0xFF, 0xFF]), (0x11, "US", &[0xFF, 0xFF])]),
        ("rows of another representation", &[(0x10, "UL", &[16, 0, 0, 0])]),
        ("rows as text", &[(0x10, "IS", b"16")]),
        ("rows of 4 GiB", &[(0x10, "UL", &[0xFF, 0xFF, 0xFF, 0xFF])]),
        ("no frames", &[(0x08, "IS", b"0 ")]),
        ("-1 frames", &[(0x08, "IS", b"-1")]),
        ("1e9 frames", &[(0x08, "IS", b"1e9 ")]),
        ("2^31 frames", &[(0x08, "IS", b"2147483648")]),
        (
            "2^31 frames of 65535 by 65535",
            &[(0x08, "IS", b"2147483647"), (0x10, "US", &[0xFF, 0xFF]), (0x11, "US", &[0xFF, 0xFF])],
        ),
    ];
    for (name, change) in cases {
        let reason = kept(name, uids::EXPLICIT_VR_LITTLE_ENDIAN, &image(change));
        assert!(
            ["image_pixel_unusable", "pixel_data_short", "pixel_data_long"].contains(&&*reason),
            "{name}: {reason}"
        );
    }
}

#[test]
fn d10_samples_and_bits_that_cannot_be_are_stored_as_they_were_sent() {
    let number = |element: u16, value: u16| (element, value.to_le_bytes());
    let cases = [
        vec![number(0x02, 0)],
        vec![number(0x02, 2)],
        vec![number(0x02, 4)],
        vec![number(0x02, 65_535)],
        vec![number(0x100, 0)],
        vec![number(0x100, 7)],
        vec![number(0x100, 12)],
        vec![number(0x100, 24)],
        vec![number(0x100, 64)],
        vec![number(0x101, 0)],
        vec![number(0x101, 17)],
        vec![number(0x101, 65_535)],
        vec![number(0x102, 15)],
        vec![number(0x102, 65_535)],
        vec![number(0x103, 2)],
    ];
    for case in cases {
        let change: Vec<Attribute> =
            case.iter().map(|(element, value)| (*element, "US", &value[..])).collect();
        let reason = kept(&format!("{case:X?}"), uids::EXPLICIT_VR_LITTLE_ENDIAN, &image(&change));
        assert_ne!(reason, "encoder_panicked", "{case:X?}");
    }
}

#[test]
fn d23_what_must_not_be_encoded_is_stored_as_it_was_sent() {
    let slope = Image::slope("1.2.9", 16, 16);
    let signed = DataSet(slope.data_set()).long_header(0xFFFA, 0xFFFA, "SQ", 0).0;
    let floats = described(&[(0x100, "US", &[32, 0]), (0x101, "US", &[32, 0]), (0x102, "US", &[31, 0])])
        .long(0x7FE0, 0x08, "OF", &slope.pixels().repeat(2))
        .0;
    let bits = described(&[(0x100, "US", &[1, 0]), (0x101, "US", &[1, 0]), (0x102, "US", &[0, 0])])
        .long(0x7FE0, 0x10, "OB", &[0b0101_0011; 32])
        .0;
    let subsampled = described(&[
        (0x02, "US", &[3, 0]),
        (0x04, "CS", b"YBR_FULL_422"),
        (0x06, "US", &[0, 0]),
        (0x100, "US", &[8, 0]),
        (0x101, "US", &[8, 0]),
        (0x102, "US", &[7, 0]),
    ])
    .long(0x7FE0, 0x10, "OB", &slope.pixels())
    .0;
    let report = described(&[]).0;
    let report = report[..report.windows(4).position(|tag| tag == [0x28, 0, 2, 0]).unwrap()].to_vec();
    let document = DataSet(report.clone()).long(0x42, 0x11, "OB", b"%PDF-1.7").0;
    for (name, expected, data_set) in [
        ("signed", "digital_signature", signed),
        ("floating", "float_pixel_data", floats),
        ("one bit", "one_bit", bits),
        ("subsampled", "not_in_profile", subsampled),
        ("a report", "no_pixel_data", report),
        ("a document", "no_pixel_data", document),
    ] {
        assert_eq!(kept(name, uids::EXPLICIT_VR_LITTLE_ENDIAN, &data_set), expected, "{name}");
    }
}

#[test]
fn d07_encapsulated_pixel_data_is_stored_as_sent_or_refused_where_it_has_no_end() {
    let fragments = |offsets: &[u8], sizes: &[usize], end: bool| {
        let mut set =
            described(&[]).long_header(0x7FE0, 0x10, "OB", u32::MAX).item(0xE000, offsets.len() as u32);
        set.0.extend(offsets);
        for size in sizes {
            set = set.item(0xE000, *size as u32);
            set.0.extend(std::iter::repeat_n(0x55, *size));
        }
        if end { set.item(0xE0DD, 0).0 } else { set.0 }
    };
    for (name, data_set) in [
        ("an offset table of five bytes", fragments(&[0, 0, 0, 0, 9], &[8], true)),
        ("offsets beyond the end", fragments(&[0xF0, 0xFF, 0xFF, 0x7F], &[8], true)),
        ("descending offsets", fragments(&[16, 0, 0, 0, 0, 0, 0, 0], &[8, 8], true)),
        ("an odd fragment", fragments(&[], &[7], true)),
        ("no fragment", fragments(&[], &[], true)),
        ("empty fragments", fragments(&[], &[0; 100_000], true)),
    ] {
        assert_eq!(kept(name, uids::JPEG_BASELINE, &data_set), "already_compressed", "{name}");
    }
    let nothing_at_all = described(&[]).long_header(0x7FE0, 0x10, "OB", u32::MAX).item(0xE0DD, 0).0;
    assert_eq!(kept("not even an offset table", uids::JPEG_BASELINE, &nothing_at_all), "already_compressed");
    let mut short = fragments(&[], &[8], false);
    short.truncate(short.len() - 3);
    for (name, data_set) in
        [("no delimiter at the end", fragments(&[], &[8], false)), ("a fragment that is cut", short)]
    {
        let bench = Bench::new(|_| ());
        let status = bench.send_as(uids::JPEG_BASELINE, data_set, CT, "1.2.9").status;
        assert_eq!(status, Status::CANNOT_UNDERSTAND, "{name}");
        assert_eq!((bench.instances().len(), bench.quarantined()), (0, 1), "{name}");
    }
}

#[test]
fn c05_noise_that_would_grow_is_stored_as_it_was_sent() {
    let noise = Image { cells: noise(64 * 64), bits_stored: 16, ..Image::slope("1.2.9", 64, 64) };
    for target in ["JPEGLSLossless", "RLELossless", "JPEG2000Lossless"] {
        let bench = Bench::new(|config| config.compress.to = target.parse().unwrap());
        assert_eq!(bench.send(noise.data_set(), "1.2.9").status, Status::SUCCESS, "{target}");
        let file = bench.stored(PLACE);
        assert_eq!(file.receipt.reason.as_deref(), Some("grew"), "{target}");
        assert_eq!(file.data_set, noise.data_set(), "{target}");
    }
}

#[test]
fn c06_damaged_codestreams_pass_through_untouched() {
    let jpeg = |rows: u8, precision: u8| {
        let frame = [0xFF, 0xC0, 0, 11, precision, 0, rows, 0, 16, 1, 1, 0x11, 0];
        [&[0xFF, 0xD8][..], &frame, &[0xFF, 0xD9]].concat()
    };
    let tiles = [
        &[0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0][..],
        &[0, 1, 0, 0].repeat(2),
        &[0; 8],
        &[0, 0, 0, 1].repeat(2),
    ];
    for (name, syntax, codestream) in [
        ("nothing", uids::JPEG_BASELINE, Vec::new()),
        ("text", uids::JPEG_LS_LOSSLESS, b"MZ\x90 this program cannot be run".to_vec()),
        ("other rows than the data set", uids::JPEG_BASELINE, jpeg(200, 8)),
        ("another precision", uids::JPEG_BASELINE, jpeg(16, 12)),
        ("no end", uids::JPEG_BASELINE, jpeg(16, 8)[..15].to_vec()),
        ("65,535 tiles", uids::JPEG_2000_LOSSLESS, tiles.concat()),
        ("an RLE header that points anywhere", uids::RLE_LOSSLESS, [0xFF; 64].to_vec()),
    ] {
        let mut set = described(&[]).long_header(0x7FE0, 0x10, "OB", u32::MAX).item(0xE000, 0);
        set = set.item(0xE000, codestream.len() as u32);
        set.0.extend(codestream);
        assert_eq!(kept(name, syntax, &set.item(0xE0DD, 0).0), "already_compressed", "{name}");
    }
}
