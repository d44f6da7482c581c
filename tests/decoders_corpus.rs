//! Decodes every image of the corpus that came in JPEG, JPEG Lossless, JPEG 2000 or High-Throughput JPEG 2000, and compares its
//! cells with the manifest's, which pydicom, GDCM and others agree on.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::codec::{Coded, DECODERS, Decoder};
use condenser::dicom::{
    EncapsulatedFrames, FileMeta, ImagePixel, Limits, Photometric, VrEncoding, uids, walk,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;

const SYNTAXES: &[&str] = &[
    uids::JPEG_BASELINE,
    uids::JPEG_EXTENDED,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEG_LOSSLESS,
    uids::JPEG_2000_LOSSLESS,
    uids::JPEG_2000,
    uids::HTJ2K_LOSSLESS,
    uids::HTJ2K_LOSSLESS_RPCL,
    uids::HTJ2K,
];

/// Files that are broken, by a part of their name: what must be said of them.
const BROKEN: &[(&str, &str)] = &[
    ("generated_encapsulated_", "there is no JPEG 2000 codestream"),
    ("emri_small_jpeg_2k_lossless_too_short", "never delimited"),
    // The bytes of a sequence delimiter stand in the middle of its image size.
    ("JPEG2000-embedded-sequence-delimiter", "image or tile size"),
    // A comment stands where a tile-part must begin; no foreign decoder reads it either.
    ("966.dcm", "tile-part marker"),
    ("test_slide_coordinates.dcm", "Planar Configuration"),
    // Its data set has no value representations.
    ("SC_rgb_jpeg.dcm", "no value representation"),
];

/// Lossy frames of 12 bits, of which the manifest has pylibjpeg's cells or none: how the hash of DCMTK's cells begins
/// (dcmdjpeg 3.6.7). Two of them say in their scan headers that there is no coefficient but the first.
const BY_DCMTK: &[(&str, &str)] = &[
    ("jpeg_baseline.51.dcm", "a62ceec7a17af3ce"),
    ("JPEG-lossy.dcm", "d30242775a414c01"),
    ("JPGExtended.dcm", "d30242775a414c01"),
    ("RG2_JPLY.dcm", "a0dca087f2176a3c"),
];

#[test]
fn cells_are_those_of_the_manifest() {
    let Some(corpus) = corpus() else { return };
    let mut outcomes: BTreeMap<(String, &str), u32> = BTreeMap::new();
    let mut faults = Vec::new();
    for (path, row) in manifest(&corpus) {
        if !SYNTAXES.contains(&row["transfer_syntax"].as_str()) || row["pixel_element"].is_empty() {
            continue;
        }
        let expected = &row["expected_pixel_sha256"];
        let outcome = match hash_of_cells(&fs::read(corpus.join(&path)).unwrap()) {
            Ok(hash) if hash == *expected => "as in the manifest",
            Ok(hash) if of_lossy(&path, &row["decode_note"]).is_some_and(|own| hash.starts_with(own)) => {
                "as by GDCM and Pillow, or by DCMTK, where pylibjpeg has other cells"
            }
            Ok(_) if expected.is_empty() => "decoded, and the manifest does not say to what",
            Ok(_) => {
                faults.push(format!("{path}: other cells ({} {})", row["codestream"], row["coding"]));
                "other"
            }
            Err(said) => {
                match BROKEN.iter().find(|(name, word)| path.contains(name) && said.contains(word)) {
                    Some(_) if expected.is_empty() => "refused, being broken",
                    _ => {
                        faults.push(format!("{path}: {said}"));
                        "refused"
                    }
                }
            }
        };
        *outcomes.entry((row["transfer_syntax"].clone(), outcome)).or_default() += 1;
    }
    for ((syntax, outcome), count) in &outcomes {
        println!("{count:>5} {syntax} {outcome}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let equal = outcomes.iter().filter(|((_, outcome), _)| *outcome == "as in the manifest");
    assert!(equal.map(|(_, count)| count).sum::<u32>() >= 57);
    let alike = outcomes.iter().filter(|((_, outcome), _)| outcome.starts_with("as by"));
    assert_eq!(alike.map(|(_, count)| count).sum::<u32>(), 23);
}

/// Lossy JPEG leaves rounding open. Where decoders differ, the note has the beginnings of their hashes: `gdcm=be7aa556b206`.
fn of_lossy<'r>(path: &str, note: &'r str) -> Option<&'r str> {
    let by_dcmtk = BY_DCMTK.iter().find(|(name, _)| path.ends_with(name)).map(|(_, hash)| *hash);
    by_dcmtk.or_else(|| note.split_once("gdcm=")?.1.get(..12))
}

/// Decodes all frames and hashes their cells, colour by pixel and cells of one bit as bytes: as the manifest does.
fn hash_of_cells(file: &[u8]) -> Result<String, String> {
    let (meta, start) = FileMeta::parse(&file).map_err(|error| error.to_string())?;
    let body = file[start as usize..].to_vec();
    let data_set =
        walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).map_err(|error| error.to_string())?;
    let encoded = ImagePixel::from_data_set(&body, &data_set).map_err(|error| error.to_string())?;
    let frames =
        EncapsulatedFrames::of(&body, &data_set, encoded.frames).map_err(|error| error.to_string())?;
    let photometric = match &encoded.photometric {
        Photometric::YbrRct | Photometric::YbrIct => Photometric::Rgb,
        Photometric::YbrFull422 => Photometric::YbrFull,
        other => other.clone(),
    };
    let bits_allocated = encoded.bits_allocated.next_multiple_of(8);
    let native = ImagePixel { planar: 0, photometric, bits_allocated, ..encoded.clone() };
    let (mut hash, mut cells) = (Sha256::new(), Vec::new());
    for frame in 0..encoded.frames as usize {
        let codestream = frames.codestream(&body, frame).map_err(|error| error.to_string())?;
        let coded = Coded { codestream: &codestream, encoded: &encoded, native: &native };
        decoder(&meta.transfer_syntax).decode(&coded, &mut cells).map_err(|error| error.to_string())?;
        hash.update(&cells);
    }
    Ok(hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}

fn decoder(transfer_syntax: &str) -> &'static dyn Decoder {
    *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == transfer_syntax).unwrap()
}
