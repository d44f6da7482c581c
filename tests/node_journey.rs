//! The journey of an instance through a node without sockets: what is stored, what is told, what is quarantined.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/journey.rs"]
mod journey;
#[path = "support/made.rs"]
mod made;

use condenser::codec::Lossy;
use condenser::config::Config;
use condenser::dicom::{TransferSyntax, uids};
use condenser::net::{ReceivedBytes, Status, StoreHandler};
use condenser::rule::Otherwise;
use condenser::store::Durability;
use journey::{Bench, PLACE, deflate, noise, received};
use made::{CT, DataSet, Image};
use std::fs;

#[test]
fn a_native_image_is_condensed_and_its_header_is_copied_byte_for_byte() {
    for target in ["JPEGLSLossless", "RLELossless"] {
        let bench = Bench::new(|config| config.compress.to = target.parse().unwrap());
        let image = Image::slopes("1.2.9", 61, 67, 3);
        assert_eq!(bench.send(image.data_set(), "1.2.9").status, Status::SUCCESS);
        assert_eq!(bench.files(), [PLACE]);
        let file = bench.stored(PLACE);
        assert_eq!(TransferSyntax::of_uid(&file.meta.transfer_syntax).unwrap().keyword, target);
        assert_eq!((file.meta.sop_class.as_str(), file.meta.sop_instance.as_str()), (CT, "1.2.9"));
        assert_eq!(file.receipt.transfer_syntax, uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let head = image.head().0;
        assert_eq!(&file.data_set[..head.len()], head, "{target}: everything before Pixel Data");
        assert_eq!(file.cells(), image.pixels(), "{target}");
    }
}

/// What lost something is stored under its own UID, and once, however often it is sent; what must not lose anything is kept.
#[test]
fn a_derived_instance_is_stored_under_its_own_uid() {
    let image = Image::slope("1.2.9", 40, 50);
    let bench = Bench::new(|config| {
        config.compress.to = "JPEGLSNearLossless".parse().unwrap();
        config.compress.lossy = Lossy::Allowed;
    });
    for _ in 0..2 {
        assert_eq!(bench.send(image.data_set(), "1.2.9").status, Status::SUCCESS);
        let files = bench.instances();
        assert_eq!(files.len(), 1, "{files:?}");
        let file = bench.stored(&files[0]);
        let uid = &file.meta.sop_instance;
        assert!(uid.starts_with("2.25."), "{uid}");
        assert_eq!(files[0], format!("1.2.3.4/1.2.3.4.5/{uid}.dcm"));
        let original = image.pixels();
        let differs = |(a, b): (&[u8; 2], &[u8; 2])| u16::from_le_bytes(*a).abs_diff(u16::from_le_bytes(*b));
        let cells = file.cells();
        let errors = cells.as_chunks().0.iter().zip(original.as_chunks().0).map(differs);
        assert!((1..=2).contains(&errors.max().unwrap()));
    }
    let notes = std::fs::read_dir(bench.root().join(".condenser/derived")).unwrap();
    assert_eq!(notes.count(), 1, "what was derived from it is written down");
    let mammogram = image.head().short(0x0018, 0x0015, "CS", b"BREAST").0;
    let at = mammogram.windows(4).position(|bytes| bytes == b"CS\x02\0").unwrap() + 4;
    let mut mammogram = [mammogram, image.data_set().split_off(image.head().0.len())].concat();
    mammogram[at..at + 2].copy_from_slice(b"MG");
    assert_eq!(bench.send(mammogram.clone(), "1.2.9").status, Status::SUCCESS);
    let kept = bench.stored("1.2.3.4/1.2.3.4.5/1.2.9.dcm");
    assert_eq!((kept.receipt.reason.as_deref(), kept.data_set), (Some("lossy_mammography"), mammogram));
}

#[test]
fn a_spooled_data_set_is_condensed_like_one_in_memory() {
    let image = Image::slopes("1.2.9", 40, 50, 5);
    let bytes = image.data_set();
    let spool = tempfile::tempfile().unwrap();
    std::os::unix::fs::FileExt::write_all_at(&spool, &bytes, 0).unwrap();
    let bench = Bench::new(|_| ());
    let spooled = ReceivedBytes::spooled(spool, bytes.len() as u64);
    let answer = bench.node.store(received(uids::EXPLICIT_VR_LITTLE_ENDIAN, spooled, CT, "1.2.9"));
    assert_eq!(answer.status, Status::SUCCESS);
    assert_eq!(bench.stored(PLACE).cells(), image.pixels());
}

#[test]
fn a_deflated_image_is_condensed() {
    let image = Image::slope("1.2.9", 64, 64);
    let bench = Bench::new(|_| ());
    let answer =
        bench.send_as(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, deflate(&image.data_set()), CT, "1.2.9");
    assert_eq!(answer.status, Status::SUCCESS);
    let file = bench.stored(PLACE);
    assert_eq!(file.meta.transfer_syntax, uids::JPEG_LS_LOSSLESS);
    assert_eq!(file.cells(), image.pixels());
}

#[test]
fn d21_a_deflate_bomb_is_kept_as_received_without_being_inflated() {
    let bomb = deflate(&Image { cells: vec![0; 300 << 19], ..Image::slope("1.2.9", 1, 1) }.data_set());
    assert!(bomb.len() < 1 << 20);
    let bench = Bench::new(|_| ());
    let answer = bench.send_as(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, bomb.clone(), CT, "1.2.9");
    assert_eq!(answer.status, Status::SUCCESS);
    let files = bench.instances();
    assert_eq!(files.len(), 1);
    assert_eq!(bench.stored(&files[0]).data_set, bomb);
}

#[test]
fn what_cannot_be_condensed_is_stored_byte_for_byte_with_its_reason() {
    let slope = Image::slope("1.2.9", 16, 16);
    let overlay = Image { cells: vec![0xF123; 256], ..slope.clone() };
    let report = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.9").uid(0x20, 0xD, "1.2.3.4").uid(
        0x20,
        0xE,
        "1.2.3.4.5",
    );
    let noise = Image { cells: noise(256), bits_stored: 16, ..slope.clone() };
    let short = slope.head().long(0x7FE0, 0x0010, "OW", &slope.pixels()[..500]).0;
    let encapsulated = slope
        .head()
        .long_header(0x7FE0, 0x0010, "OB", u32::MAX)
        .item(0xE000, 0)
        .item(0xE000, 4)
        .0
        .into_iter()
        .chain([1, 2, 3, 4])
        .chain(DataSet::default().item(0xE0DD, 0).0)
        .collect::<Vec<u8>>();
    let cases = [
        ("unused_bits", uids::EXPLICIT_VR_LITTLE_ENDIAN, overlay.data_set()),
        ("no_pixel_data", uids::EXPLICIT_VR_LITTLE_ENDIAN, report.0),
        ("grew", uids::EXPLICIT_VR_LITTLE_ENDIAN, noise.data_set()),
        ("pixel_data_short", uids::EXPLICIT_VR_LITTLE_ENDIAN, short),
        ("already_compressed", uids::JPEG_BASELINE, encapsulated),
    ];
    for (reason, syntax, data_set) in cases {
        let bench = Bench::new(|_| ());
        assert_eq!(bench.send_as(syntax, data_set.clone(), CT, "1.2.9").status, Status::SUCCESS, "{reason}");
        let file = bench.stored(PLACE);
        assert_eq!(file.receipt.reason.as_deref(), Some(reason));
        assert_eq!((file.meta.transfer_syntax.as_str(), file.data_set), (syntax, data_set), "{reason}");
    }
}

#[test]
fn what_does_not_fit_goes_into_the_fallback_of_its_rule() {
    let overlay = Image { cells: vec![0xF123; 4096], ..Image::slope("1.2.9", 64, 64) };
    let bench = Bench::new(|config| config.compress.fallback = vec!["RLELossless".parse().unwrap()]);
    assert_eq!(bench.send(overlay.data_set(), "1.2.9").status, Status::SUCCESS);
    let file = bench.stored(PLACE);
    assert_eq!(
        (file.meta.transfer_syntax.as_str(), file.receipt.reason.as_deref()),
        (uids::RLE_LOSSLESS, None)
    );
    assert_eq!(file.cells(), overlay.pixels());
}

#[test]
fn auto_stores_the_smallest_candidate() {
    let image = Image::slope("1.2.9", 64, 64);
    let size = |to: &str| {
        let bench = Bench::new(|config| config.compress.to = to.parse().unwrap());
        assert_eq!(bench.send(image.data_set(), "1.2.9").status, Status::SUCCESS);
        bench.stored(PLACE).data_set.len()
    };
    let smallest = ["JPEGLSLossless", "JPEG2000Lossless", "RLELossless"].map(size).into_iter().min();
    assert_eq!(Some(size("auto")), smallest);
}

#[test]
fn rle_keeps_the_bits_that_jpeg_ls_would_drop() {
    let overlay = Image { cells: vec![0xF123; 4096], ..Image::slope("1.2.9", 64, 64) };
    let bench = Bench::new(|config| config.compress.to = "RLELossless".parse().unwrap());
    assert_eq!(bench.send(overlay.data_set(), "1.2.9").status, Status::SUCCESS);
    let file = bench.stored(PLACE);
    assert_eq!(file.meta.transfer_syntax, uids::RLE_LOSSLESS);
    assert_eq!(file.cells(), overlay.pixels());
}

#[test]
fn d16_d17_the_same_again_changes_nothing_and_another_content_is_kept_beside() {
    let bench = Bench::new(|_| ());
    let first = Image::slope("1.2.9", 32, 32);
    let second = Image { cells: first.cells.iter().map(|cell| cell ^ 1).collect(), ..first.clone() };
    for _ in 0..3 {
        assert_eq!(bench.send(first.data_set(), "1.2.9").status, Status::SUCCESS);
        assert_eq!(bench.files(), [PLACE]);
    }
    for _ in 0..2 {
        assert_eq!(bench.send(second.data_set(), "1.2.9").status, Status::SUCCESS);
        let files = bench.files();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(bench.stored(PLACE).cells(), first.pixels());
        let beside = files.iter().find(|file| *file != PLACE).unwrap();
        assert_eq!(bench.stored(beside).cells(), second.pixels());
    }
}

#[test]
fn refuse_turns_kept_as_received_into_a_failure_and_a_quarantined_file() {
    let bench = Bench::new(|config| config.compress.otherwise = Otherwise::Refuse);
    let overlay = Image { cells: vec![0xF123; 256], ..Image::slope("1.2.9", 16, 16) };
    let answer = bench.send(overlay.data_set(), "1.2.9");
    assert_eq!(answer.status, Status::NOT_CONDENSED);
    assert_eq!((bench.instances().len(), bench.quarantined()), (0, 1));
    let report = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.10").0;
    assert_eq!(bench.send(report, "1.2.10").status, Status::SUCCESS, "there is nothing to condense in it");
}

#[test]
fn the_first_rule_that_fits_decides_what_an_instance_is_condensed_to() {
    let bench = Bench::new(|config| {
        let text = "[[rule]]\nname = 'mr'\nmodality = ['MR']\nto = 'none'\n\
                    [[rule]]\nname = 'ct'\ncalling = ['MODALITY']\nsop_class = ['CTImageStorage']\nto = 'RLELossless'\n\
                    [[rule]]\nname = 'late'\nto = 'none'\n";
        config.rule = toml::from_str::<Config>(text).unwrap().rule;
    });
    assert_eq!(bench.send(Image::slope("1.2.9", 32, 32).data_set(), "1.2.9").status, Status::SUCCESS);
    assert_eq!(bench.stored(PLACE).meta.transfer_syntax, uids::RLE_LOSSLESS);
}

#[test]
fn d01_a_cut_at_any_byte_is_never_taken_for_the_whole() {
    let bench = Bench::new(|config| config.store.durability = Durability::None);
    let whole = Image::slope("1.2.9", 32, 56).data_set();
    assert!(whole.len() > 3500 && whole.len() < 4096);
    for cut in 0..whole.len() {
        let answer = bench.send(whole[..cut].to_vec(), "1.2.9");
        if answer.status != Status::SUCCESS {
            assert!([0xA900, 0xC001, 0xC002].contains(&answer.status.0), "cut at {cut}: {}", answer.status);
            continue;
        }
        // Undetectable is only a cut between two elements, before there is any image to miss pixels of.
        let kept = fs::read(bench.root().join(bench.instances().pop().unwrap())).unwrap();
        assert!(kept.ends_with(&whole[..cut]), "cut at {cut}: what was acknowledged is what was sent");
        let described = DataSet(whole[..cut].to_vec()).0.windows(4).any(|tag| tag == [0x28, 0, 0, 1]);
        assert!(!described, "cut at {cut}: an image without pixels was acknowledged");
        for file in bench.instances() {
            fs::remove_file(bench.root().join(file)).unwrap();
        }
    }
    assert_eq!(bench.instances(), Vec::<String>::new());
    assert!(bench.quarantined() > 3000, "every refused cut is in quarantine");
}

#[test]
fn d04_nesting_beyond_the_limit_is_c003_and_the_node_lives() {
    let bench = Bench::new(|_| ());
    for (levels, expected) in
        [(10, Status::SUCCESS), (100, Status::LIMIT_EXCEEDED), (10_000, Status::LIMIT_EXCEEDED)]
    {
        for defined in [false, true] {
            let uid = format!("1.2.9.{levels}.{}", u8::from(defined));
            let head = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, &uid);
            let data_set = [head.0, nested(levels, defined)].concat();
            assert_eq!(bench.send(data_set, &uid).status, expected, "{levels} levels, defined {defined}");
        }
    }
    let million = [DataSet::default().uid(8, 0x16, CT).0, nested(1_000_000, false)].concat();
    assert_eq!(bench.send(million, "1.2.9.7").status, Status::LIMIT_EXCEEDED);
}

#[test]
fn d05_declared_lengths_beyond_the_data_are_c002() {
    let bench = Bench::new(|_| ());
    for length in [0xFFFF_FFF0, 1 << 30] {
        for vr in ["OB", "OW", "UN", "UT", "SQ"] {
            let head = DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.9");
            let data_set = head.long_header(0x0040, 0xA730, vr, length).0;
            let answer = bench.send(data_set, "1.2.9");
            assert_eq!(answer.status, Status::CANNOT_UNDERSTAND, "{vr} {length:#x}");
            assert!(answer.comment.unwrap().contains("offset"), "the comment says where");
        }
    }
    assert_eq!(bench.instances(), Vec::<String>::new());
}

#[test]
fn d06_unclosed_and_stray_delimiters_are_c002() {
    let head = || DataSet::default().uid(8, 0x16, CT).uid(8, 0x18, "1.2.9");
    let cases = [
        ("unclosed sequence", head().long_header(0x40, 0xA730, "SQ", u32::MAX)),
        ("unclosed item", head().long_header(0x40, 0xA730, "SQ", u32::MAX).item(0xE000, u32::MAX)),
        ("unclosed UN", head().long_header(0x41, 0x1001, "UN", u32::MAX)),
        ("item delimiter at top level", head().item(0xE00D, 0)),
        ("sequence delimiter at top level", head().item(0xE0DD, 0)),
        ("item at top level", head().item(0xE000, 0)),
        (
            "delimiter with a length",
            head().long_header(0x40, 0xA730, "SQ", u32::MAX).item(0xE0DD, 4).short(0, 0, "AB", b""),
        ),
    ];
    let bench = Bench::new(|_| ());
    for (name, data_set) in cases {
        assert_eq!(bench.send(data_set.0, "1.2.9").status, Status::CANNOT_UNDERSTAND, "{name}");
    }
}

#[test]
fn d11_hostile_uids_are_0117_quarantined_and_nothing_leaves_the_store() {
    let sixty_five = format!("1.{}", "2".repeat(63));
    let hostile = [
        "../../etc/x",
        "/etc/cron.d/x",
        &sixty_five,
        "",
        "1 2",
        "1.2\0.3",
        "1..2",
        "01.2",
        "１.２",
        "CON",
        "1.2.",
    ];
    let bench = Bench::new(|_| ());
    let image = Image::slope("1.2.9", 16, 16);
    for uid in hostile {
        let data_set = Image { sop_instance: uid.to_owned(), ..image.clone() }.data_set();
        let answer = bench.send(data_set, uid);
        assert_eq!(answer.status, Status::INVALID_SOP_INSTANCE, "{uid:?}");
        assert_eq!(answer.offending.len(), 1, "{uid:?}");
    }
    assert_eq!((bench.instances().len(), bench.quarantined()), (0, hostile.len()));
    let beside: Vec<_> =
        fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["store"], "nothing lies outside the store");
}

#[test]
fn d11_a_uid_of_a_megabyte_in_the_data_set_is_no_match() {
    let bench = Bench::new(|_| ());
    let data_set = DataSet::default().uid(8, 0x16, CT).long(8, 0x18, "UN", &vec![b'1'; 1 << 20]).0;
    assert_eq!(bench.send(data_set, "1.2.9").status, Status::DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE);
}

#[test]
fn d12_hostile_study_and_series_uids_stay_inside_the_store() {
    let bench = Bench::new(|_| ());
    for (index, hostile) in ["../../../../x", "/absolute", "..", ".", "", "a/b"].iter().enumerate() {
        let uid = format!("1.2.9.{index}");
        let data_set = DataSet::default()
            .uid(8, 0x16, CT)
            .uid(8, 0x18, &uid)
            .uid(0x20, 0xD, hostile)
            .uid(0x20, 0xE, hostile)
            .0;
        assert_eq!(bench.send(data_set, &uid).status, Status::SUCCESS, "{hostile:?}");
    }
    assert_eq!(bench.instances().len(), 6);
    let beside = fs::read_dir(bench.folder.path()).unwrap().count();
    assert_eq!(beside, 1, "nothing lies outside the store");
}

#[test]
fn d14_a_data_set_that_contradicts_its_command_is_quarantined() {
    let bench = Bench::new(|_| ());
    let image = Image::slope("1.2.9", 16, 16);
    let answer = bench.send(image.data_set(), "1.2.10");
    assert_eq!(answer.status, Status::DATA_SET_DOES_NOT_MATCH_SOP_INSTANCE);
    assert_eq!(answer.offending.iter().map(ToString::to_string).collect::<Vec<_>>(), ["(0008,0018)"]);
    let mr = "1.2.840.10008.5.1.4.1.1.4";
    let answer = bench.send_as(uids::EXPLICIT_VR_LITTLE_ENDIAN, image.data_set(), mr, "1.2.9");
    assert_eq!(answer.status, Status::DATA_SET_DOES_NOT_MATCH_SOP_CLASS);
    assert_eq!((bench.instances().len(), bench.quarantined()), (0, 1), "the same content is one file");
    let note = bench.files().into_iter().find(|file| file.ends_with(".json")).unwrap();
    let note = fs::read_to_string(bench.root().join(note)).unwrap();
    assert!(note.contains("sop_instance_mismatch") || note.contains("sop_class_mismatch"), "{note}");
}

#[test]
fn comments_fit_the_standard_and_name_no_patient() {
    let bench = Bench::new(|_| ());
    let image = Image::slope("1.2.9", 16, 16);
    let mut cut = image.data_set();
    cut.truncate(300);
    for answer in
        [bench.send(image.data_set(), "1.2.10"), bench.send(cut, "1.2.9"), bench.send(vec![0xFF; 9], "")]
    {
        let comment = answer.comment.unwrap();
        assert!(comment.len() <= 64 && !comment.contains("ller"), "{comment}");
    }
}

fn nested(levels: usize, defined: bool) -> Vec<u8> {
    if !defined {
        let open = DataSet::default().long_header(0x0040, 0xA730, "SQ", u32::MAX).item(0xE000, u32::MAX).0;
        let close = DataSet::default().item(0xE00D, 0).item(0xE0DD, 0).0;
        return [open.repeat(levels), close.repeat(levels)].concat();
    }
    // The innermost header comes last; each level has 20 bytes of headers around what is inside.
    let inside = |level: usize| ((levels - level) * 20) as u32;
    let headers = (0..levels).map(|level| {
        let length = inside(level + 1);
        DataSet::default().long_header(0x0040, 0xA730, "SQ", length + 8).item(0xE000, length).0
    });
    headers.collect::<Vec<_>>().concat()
}
