//! What went wrong with lossy compression in other implementations, each as a test of its own, named after its issue or its author.
//! The rest of the list is in `peers_pixels.rs`.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;
#[path = "support/native.rs"]
mod native;

use condenser::codec::{Layers, Lossy, Options, Parameters};
use condenser::dicom::{ImagePixel, Photometric, Tag};
use native::{SOP_INSTANCE, compressed, instance};

/// Frames of 48 rows and 64 columns.
fn image(bits_stored: u16, bits_allocated: u16, signed: bool, frames: u32) -> ImagePixel {
    ImagePixel {
        rows: 48,
        columns: 64,
        frames,
        samples: 1,
        photometric: Photometric::Monochrome2,
        planar: 0,
        bits_allocated,
        bits_stored,
        high_bit: bits_stored - 1,
        signed,
    }
}

/// The first frame is a slope, the others noise on it, which compresses worse; all values keep `margin` from the ends.
fn cells(image: &ImagePixel, margin: i64) -> Vec<u8> {
    let span = 1_i64 << image.bits_stored;
    let low = if image.signed { -span / 2 } else { 0 };
    let each = image.frame_cells() as i64;
    let mut state = 7_u64;
    (0..each * i64::from(image.frames))
        .flat_map(|at| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = if at < each { 0 } else { (state >> 58) as i64 };
            let value = low + margin + (at % each / 8 + noise) % (span - 2 * margin);
            value.to_le_bytes().into_iter().take(image.bytes_per_cell())
        })
        .collect()
}

fn values(cells: &[u8], image: &ImagePixel) -> Vec<i64> {
    let value = |cell: &[u8]| match (cell, image.signed) {
        ([low, high], true) => i64::from(i16::from_le_bytes([*low, *high])),
        ([low, high], false) => i64::from(u16::from_le_bytes([*low, *high])),
        ([byte], true) => i64::from(*byte as i8),
        (cell, _) => i64::from(cell[0]),
    };
    cells[..image.native_bytes().unwrap() as usize].chunks(image.bytes_per_cell()).map(value).collect()
}

fn allowed(parameters: Parameters) -> Options {
    Options { lossy: Lossy::Allowed, may_grow: true, parameters, ..Options::default() }
}

fn text(value: Option<Vec<u8>>) -> String {
    String::from_utf8(value.unwrap()).unwrap().trim_matches([' ', '\0']).to_owned()
}

/// dcm4che wrote the factor that was configured as Lossy Image Compression Ratio and never a Method, pydicom none of the three
/// attributes, fo-dicom the ratio of the first frame and dicom-rs that of the last; none but DCMTK gave a new SOP Instance UID.
#[test]
fn dcm4che_fo_dicom_pydicom_what_is_lossy_says_so_and_by_how_much() {
    let image = image(12, 16, false, 3);
    let cells = cells(&image, 0);
    let data_set = instance(&image, &cells, &[]);
    let layers = Layers::Ratios(vec![30.0]);
    for (keyword, method, parameters) in [
        ("JPEGLSNearLossless", "ISO_14495_1", Parameters { near: 4, ..Parameters::default() }),
        ("JPEG2000", "ISO_15444_1", Parameters { layers, ..Parameters::default() }),
    ] {
        let (report, file) = compressed(&data_set, keyword, &allowed(parameters)).unwrap();
        assert_eq!(text(file.value(Tag::LOSSY_IMAGE_COMPRESSION)), "01");
        assert_eq!(text(file.value(Tag::LOSSY_IMAGE_COMPRESSION_METHOD)), method);
        let said: f64 = text(file.value(Tag::LOSSY_IMAGE_COMPRESSION_RATIO)).parse().unwrap();
        let encoded: usize = file.codestreams().iter().map(Vec::len).sum();
        let measured = cells.len() as f64 / encoded as f64;
        assert!((said - measured).abs() < 0.02, "{keyword}: {said} is said, {measured} is so");
        let derived = report.derived.unwrap();
        assert_ne!(derived.sop_instance.as_str(), SOP_INSTANCE);
        assert_eq!(text(file.value(Tag::SOP_INSTANCE_UID)), derived.sop_instance.as_str());
        assert_eq!(file.meta.sop_instance, derived.sop_instance.as_str());
        assert!(text(file.value(Tag::IMAGE_TYPE)).starts_with("DERIVED\\"));
        assert!(file.tags().contains(&Tag::SOURCE_IMAGE_SEQUENCE));
    }
}

/// dcm4che #656: near-lossless JPEG-LS of signed samples wrapped, from one end of the range to the other.
#[test]
fn dcm4che_656_near_lossless_signed_samples_do_not_wrap() {
    for (bits_stored, bits_allocated) in [(8, 8), (8, 16), (12, 16), (16, 16)] {
        let image = image(bits_stored, bits_allocated, true, 2);
        for near in [1, 3] {
            let options = allowed(Parameters { near, ..Parameters::default() });
            for margin in [0, i64::from(near)] {
                let cells = cells(&image, margin);
                match compressed(&instance(&image, &cells, &[]), "JPEGLSNearLossless", &options) {
                    Ok((_, file)) => {
                        let (before, after) = (values(&cells, &image), values(&file.native(), &image));
                        let largest = before.iter().zip(&after).map(|(one, other)| (one - other).abs()).max();
                        assert!(largest.unwrap() <= i64::from(near), "{bits_stored} bits: {largest:?}");
                    }
                    Err(reason) => {
                        assert_eq!((reason.name(), margin), ("encode_failed", 0), "{reason}");
                        assert!(reason.to_string().contains("end of its range"), "{reason}");
                    }
                }
            }
        }
    }
}

/// dcm4chee-arc-light #533: blank images at a ratio of 30 to 1.
#[test]
fn dcm4chee_533_an_image_at_thirty_to_one_is_not_blank() {
    let image = image(12, 16, false, 1);
    let cells = cells(&image, 0);
    let parameters = Parameters { layers: Layers::Ratios(vec![30.0]), ..Parameters::default() };
    let (report, file) =
        compressed(&instance(&image, &cells, &[]), "JPEG2000", &allowed(parameters)).unwrap();
    let after = values(&file.native(), &image);
    assert!(after.iter().max().unwrap() - after.iter().min().unwrap() > 300);
    assert!(report.derived.unwrap().psnr.unwrap() > 40.0);
}

/// Orthanc, Conquest and DCMTK compress with loss when a syntax is lossy; here a word is needed besides, whatever the syntax.
#[test]
fn orthanc_a_lossy_syntax_alone_allows_nothing() {
    let image = image(12, 16, false, 1);
    let data_set = instance(&image, &cells(&image, 0), &[]);
    for keyword in ["JPEGLSNearLossless", "JPEG2000"] {
        let parameters = Parameters { layers: Layers::Ratios(vec![30.0]), ..Parameters::default() };
        let options = Options { may_grow: true, parameters, ..Options::default() };
        assert_eq!(
            compressed(&data_set, keyword, &options).unwrap_err().name(),
            "lossy_refused",
            "{keyword}"
        );
    }
}
