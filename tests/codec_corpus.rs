//! Compresses every image of the corpus of real DICOM files, and compares the cells that come back with its manifest.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::codec::{Coded, CompressError, DECODERS, Decoder, Options, Reason, compress};
use condenser::dicom::{
    EncapsulatedFrames, FileMeta, ImagePixel, Limits, TransferSyntax, VrEncoding, inflate, uids, walk,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

const TARGETS: [&str; 5] =
    ["JPEGLSLossless", "RLELossless", "JPEG2000Lossless", "JPEGLosslessSV1", "JPEGLossless"];

#[test]
fn what_is_compressed_has_the_cells_of_the_manifest_and_what_is_not_has_a_true_reason() {
    let Some(corpus) = corpus() else { return };
    let rows = manifest(&corpus);
    let mut outcomes: BTreeMap<(&str, String), u32> = BTreeMap::new();
    for keyword in TARGETS {
        let target = TransferSyntax::of_name(keyword).unwrap();
        for (path, row) in &rows {
            let file = fs::read(corpus.join(path)).unwrap();
            let Ok((meta, start)) = FileMeta::parse(&file) else { continue };
            let Some(received) = TransferSyntax::of_uid(&meta.transfer_syntax) else { continue };
            let mut body = file[start as usize..].to_vec();
            let mut encoding = received.vr_encoding;
            if encoding == VrEncoding::DeflatedExplicitLittle {
                let Ok(inflated) = inflate(&body, &Limits::default()) else { continue };
                (body, encoding) = (inflated, VrEncoding::ExplicitLittle);
            }
            let Ok(data_set) = walk(&body, encoding, &Limits::default()) else { continue };
            let mut out = Cursor::new(Vec::new());
            let outcome = match compress(&body, &data_set, target, &meta, &Options::default(), &mut out) {
                Ok(report) => {
                    assert_eq!(report.file_bytes, out.get_ref().len() as u64);
                    let decoded = hash_of_cells(out.get_ref());
                    let expected =
                        ["stored_cells_sha256", "expected_pixel_sha256"].map(|name| row[name].as_str());
                    let expected = expected.into_iter().find(|hash| !hash.is_empty());
                    assert!(expected.is_none_or(|hash| hash == decoded), "{keyword} {path}: other cells");
                    if expected.is_some() { "compressed, as in the manifest" } else { "compressed" }
                        .to_owned()
                }
                Err(CompressError::Kept(reason)) => {
                    check_reason(&reason, row, path);
                    format!("kept: {}", reason.name())
                }
                Err(CompressError::Io(error)) => panic!("{path}: {error}"),
            };
            *outcomes.entry((keyword, outcome)).or_default() += 1;
        }
    }
    for ((keyword, outcome), count) in &outcomes {
        println!("{count:>5} {keyword} {outcome}");
    }
    for keyword in TARGETS {
        let proven = outcomes.get(&(keyword, "compressed, as in the manifest".to_owned()));
        assert!(proven.is_some_and(|count| *count > 50), "{keyword}: {proven:?}");
    }
}

/// JPEG-LS of other people's encoders, every interleave mode and NEAR among them, by our own decoder.
#[test]
fn foreign_jpeg_ls_has_the_cells_of_the_manifest() {
    let Some(corpus) = corpus() else { return };
    let mut same = 0;
    for (path, row) in &manifest(&corpus) {
        let expected = &row["expected_pixel_sha256"];
        let jpeg_ls = [uids::JPEG_LS_LOSSLESS, uids::JPEG_LS_NEAR_LOSSLESS];
        if expected.is_empty() || !jpeg_ls.contains(&row["transfer_syntax"].as_str()) {
            continue;
        }
        let own = |decoder: &&&dyn Decoder| {
            decoder.name() == "jpeg-ls" && decoder.transfer_syntax() == row["transfer_syntax"]
        };
        let decoder = *DECODERS.iter().find(own).unwrap();
        let found = hash_of_cells_by(decoder, &fs::read(corpus.join(path)).unwrap());
        assert_eq!(found, *expected, "{path}");
        same += 1;
    }
    println!("{same} files of JPEG-LS have the cells of the manifest");
    assert!(same > 10, "only {same} files");
}

/// The reason must agree with what an independent reader (the manifest) says of the file.
fn check_reason(reason: &Reason, row: &BTreeMap<String, String>, path: &str) {
    let is = |column: &str, value: &str| row[column] == value;
    let has = |flag: &str| row["flags"].split(',').any(|other| other == flag);
    let agrees = match reason.name() {
        "already_compressed" => row["coding"] != "native",
        "no_pixel_data" => !is("pixel_element", "PixelData"),
        "float_pixel_data" => row["pixel_element"].contains("Float"),
        "one_bit" => is("bits_alloc", "1"),
        "unused_bits" => {
            ["overlay-in-pixel-bits", "nonzero-high-bits", "high-bits-signext"].into_iter().any(has)
                || row["stored_cells_sha256"] != row["expected_pixel_sha256"]
        }
        "pixel_data_short" => has("native-short"),
        "pixel_data_long" => has("native-long"),
        "high_bit" => {
            row["high_bit"].parse::<i32>().unwrap() + 1 != row["bits_stored"].parse::<i32>().unwrap()
        }
        "not_in_profile" => {
            !["8", "16"].contains(&row["bits_alloc"].as_str())
                || !["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL"]
                    .contains(&row["photometric"].as_str())
                || (is("samples", "3") && is("pixel_rep", "1"))
                || is("bits_stored", "1")
        }
        // What is unusable is named by the reason itself and seen in the table of outcomes; growth was measured.
        "image_pixel_unusable" | "digital_signature" | "grew" => true,
        other => panic!("{path}: {other}: {reason}"),
    };
    assert!(agrees, "{path}: {reason}, but the manifest says {row:?}");
    if matches!(reason.name(), "image_pixel_unusable" | "not_in_profile" | "grew" | "unused_bits") {
        println!("{path}: {reason}");
    }
}

/// Decodes a compressed file and hashes its cells, colour by pixel.
fn hash_of_cells(file: &Vec<u8>) -> String {
    let (meta, _) = FileMeta::parse(file).unwrap();
    let decoder = DECODERS.iter().find(|decoder| decoder.transfer_syntax() == meta.transfer_syntax).unwrap();
    hash_of_cells_by(*decoder, file)
}

fn hash_of_cells_by(decoder: &dyn Decoder, file: &Vec<u8>) -> String {
    let (_, start) = FileMeta::parse(file).unwrap();
    let body = file[start as usize..].to_vec();
    let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let image = ImagePixel::from_data_set(&body, &data_set).unwrap();
    let frames = EncapsulatedFrames::of(&body, &data_set, image.frames).unwrap();
    let by_pixel = ImagePixel { planar: 0, ..image.clone() };
    let (mut hash, mut cells) = (Sha256::new(), Vec::new());
    for frame in 0..image.frames as usize {
        let codestream = frames.codestream(&body, frame).unwrap();
        let coded = Coded { codestream: &codestream, encoded: &image, native: &by_pixel };
        decoder.decode(&coded, &mut cells).unwrap();
        hash.update(&cells);
    }
    hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
