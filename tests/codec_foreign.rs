//! Foreign decoders judge our codestreams: every kind of frame, written as Part 10 files and read by a Python script.
//!
//! What an encoder promises to keep is judged by its hash, what it promises to keep within a bound sample by sample, and
//! what it only promises to look alike is compared with what our own decoder makes of it.
//!
//! `CONDENSER_PYTHON` names a Python with what `tests/python/requirements.txt` lists; `scripts/test` sets it. Without
//! one the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use condenser::codec::{
    Coded, DECODERS, Decoder, ENCODERS, Encoder, Exactness, Frame, Layers, Parameters, allows,
};
use condenser::dicom::{FileMeta, ImagePixel, OffsetTable, Photometric, TransferSyntax, encapsulate, uids};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// One frame of each in every file.
const CONTENTS: [&str; 6] = ["zeros", "maximum", "minimum", "gradient", "noise", "checker"];
const SIZES: [(u16, u16); 4] = [(1, 1), (1, 301), (303, 1), (13, 17)];

#[test]
fn foreign_decoders_give_back_every_cell() {
    let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
        eprintln!(
            "SKIPPED: no foreign decoder has judged our codestreams (set CONDENSER_PYTHON, or run scripts/test)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = String::new();
    for encoder in ENCODERS {
        for (set, parameters) in parameters(*encoder).iter().enumerate() {
            let margin = margin(*encoder, parameters);
            // Where there is no sample that an error would not take beyond Bits Stored, nothing can be encoded.
            let wide = |image: &(usize, ImagePixel)| 1_i64 << image.1.bits_stored > 2 * margin + 1;
            for (at, image) in images(*encoder).enumerate().filter(wide) {
                let name = format!("{}-{}-{set}-{at}.dcm", encoder.name(), encoder.transfer_syntax());
                let expected = write_file(*encoder, parameters, &image, &folder.path().join(&name));
                writeln!(manifest, "{name}\t{expected}").unwrap();
            }
        }
    }
    assert!(manifest.lines().count() > 1000);
    std::fs::write(folder.path().join("manifest.tsv"), manifest).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/judge_codec.py");
    let judged = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    let complained = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{said}\n{complained}");
    println!("{said}");
}

/// Every image that PS3.5 section 8.2 lets the encoder's syntax carry, by width, sign, samples, planar order and size; for
/// RLE also the wider cells that Annex G can hold.
fn images(encoder: &dyn Encoder) -> impl Iterator<Item = ImagePixel> {
    let syntax = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
    let rle = syntax.uid == uids::RLE_LOSSLESS;
    let stored: &[(u16, &[u16])] = &[
        (1, &[1]),
        (8, &[1, 2, 3, 4, 5, 6, 7, 8]),
        (16, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16]),
        (32, &[8, 16, 17, 22, 24, 32]),
        (64, &[40]),
    ];
    let layouts = [(1, 0, false), (1, 0, true), (3, 0, false), (3, 1, false)];
    stored
        .iter()
        .flat_map(move |(bits_allocated, stored)| {
            stored.iter().flat_map(move |bits_stored| {
                layouts.into_iter().flat_map(move |(samples, planar, signed)| {
                    SIZES.into_iter().map(move |(rows, columns)| ImagePixel {
                        rows,
                        columns,
                        frames: CONTENTS.len() as u32,
                        samples,
                        photometric: if samples == 1 { Photometric::Monochrome2 } else { Photometric::Rgb },
                        planar,
                        bits_allocated: *bits_allocated,
                        bits_stored: *bits_stored,
                        high_bit: bits_stored - 1,
                        signed,
                    })
                })
            })
        })
        .filter(|image| image.bits_allocated > 1 || image.samples == 1)
        .filter(move |image| allows(syntax, image).is_ok() || (rle && image.bits_allocated == 32))
}

/// The default, and what makes another codestream of it.
fn parameters(encoder: &dyn Encoder) -> Vec<Parameters> {
    let with_layers = |layers| Parameters { layers, ..Parameters::default() };
    let mut all = vec![Parameters::default()];
    match encoder.transfer_syntax() {
        uids::JPEG_LS_NEAR_LOSSLESS => {
            all.extend([1, 7].map(|near| Parameters { near, ..Parameters::default() }))
        }
        uids::JPEG_2000_LOSSLESS => all.push(Parameters { colour_transform: false, ..Parameters::default() }),
        uids::JPEG_BASELINE => {
            all.push(Parameters { colour_transform: false, quality: 30, ..Parameters::default() })
        }
        uids::JPEG_2000 => {
            all.push(with_layers(Layers::Ratios(vec![20.0, 4.0])));
            all.push(with_layers(Layers::Psnrs(vec![45.0])));
        }
        _ => {}
    }
    all
}

/// The tolerance for what only has to look alike: foreign decoders round otherwise than ours.
const ROUNDING: u32 = 3;

/// How near to the ends of its range a sample may lie: what is decoded must not lie beyond Bits Stored, so encoders refuse those
/// with which it might.
fn margin(encoder: &dyn Encoder, parameters: &Parameters) -> i64 {
    match encoder.exactness(parameters) {
        Exactness::Within(bound) => bound.into(),
        _ => 0,
    }
}

/// Writes one file. Gives the hash of its cells, colour by pixel (as a decoder lays them out), and how far decoded samples
/// may lie from them; unless that is 0 the cells themselves are put beside the file.
fn write_file(encoder: &dyn Encoder, parameters: &Parameters, image: &ImagePixel, path: &Path) -> String {
    let (exactness, encoded) = (encoder.exactness(parameters), encoder.image_after(image, parameters));
    let margin = margin(encoder, parameters);
    let by_pixel = ImagePixel { planar: 0, ..image.clone() };
    let (mut frames, mut all) = (Vec::new(), Vec::new());
    for content in CONTENTS {
        let pixels = cells(image, content, margin);
        let stored = if image.planar == 1 { by_plane(image, &pixels) } else { pixels.clone() };
        let mut codestream = Vec::new();
        encoder.encode(&Frame { cells: &stored, image }, parameters, &mut codestream).unwrap();
        if exactness == Exactness::Close {
            let native = match encoded.photometric {
                // The judges are asked for what was encoded, not for RGB.
                Photometric::YbrFull422 => {
                    ImagePixel { photometric: Photometric::YbrFull, ..by_pixel.clone() }
                }
                _ => by_pixel.clone(),
            };
            let coded = Coded { codestream: &codestream, encoded: &encoded, native: &native };
            let mut decoded = Vec::new();
            decoder_for(encoder).decode(&coded, &mut decoded).unwrap();
            all.extend(decoded);
        } else {
            all.extend(pixels);
        }
        frames.push(codestream);
    }
    let mut file = Vec::new();
    let sop_class = "1.2.840.10008.5.1.4.1.1.7";
    let sop_instance = "2.25.281236";
    let meta = FileMeta {
        sop_class: sop_class.to_owned(),
        sop_instance: sop_instance.to_owned(),
        transfer_syntax: encoder.transfer_syntax().to_owned(),
        ..FileMeta::default()
    };
    meta.write(&mut file).unwrap();
    let mut put = |group: u16, element: u16, vr: &[u8; 2], value: &[u8]| {
        file.extend(group.to_le_bytes());
        file.extend(element.to_le_bytes());
        file.extend(vr);
        file.extend((value.len().next_multiple_of(2) as u16).to_le_bytes());
        file.extend(value);
        if !value.len().is_multiple_of(2) {
            file.push(if vr == b"UI" { 0 } else { b' ' });
        }
    };
    put(0x0008, 0x0016, b"UI", sop_class.as_bytes());
    put(0x0008, 0x0018, b"UI", sop_instance.as_bytes());
    put(0x0028, 0x0002, b"US", &image.samples.to_le_bytes());
    put(0x0028, 0x0004, b"CS", encoded.photometric.as_str().as_bytes());
    if image.samples > 1 {
        put(0x0028, 0x0006, b"US", &encoded.planar.to_le_bytes());
    }
    put(0x0028, 0x0008, b"IS", image.frames.to_string().as_bytes());
    put(0x0028, 0x0010, b"US", &image.rows.to_le_bytes());
    put(0x0028, 0x0011, b"US", &image.columns.to_le_bytes());
    put(0x0028, 0x0100, b"US", &image.bits_allocated.to_le_bytes());
    put(0x0028, 0x0101, b"US", &image.bits_stored.to_le_bytes());
    put(0x0028, 0x0102, b"US", &image.high_bit.to_le_bytes());
    put(0x0028, 0x0103, b"US", &u16::from(image.signed).to_le_bytes());
    file.extend(encapsulate(&frames, OffsetTable::Basic).unwrap());
    std::fs::write(path, file).unwrap();
    let bound = match exactness {
        Exactness::Exact => 0,
        Exactness::Within(bound) => bound,
        Exactness::Close => ROUNDING,
    };
    if bound > 0 {
        std::fs::write(path.with_extension("cells"), &all).unwrap();
    }
    let hash = Sha256::digest(&all).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("{hash}\t{bound}")
}

fn decoder_for(encoder: &dyn Encoder) -> &'static dyn Decoder {
    *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == encoder.transfer_syntax()).unwrap()
}

/// The cells of one frame by pixel, with zeros or the sign above Bits Stored, no nearer to the ends of the range than `margin`.
fn cells(image: &ImagePixel, content: &str, margin: i64) -> Vec<u8> {
    let (low, high) = if image.signed {
        (-(1_i64 << (image.bits_stored - 1)), (1_i64 << (image.bits_stored - 1)) - 1)
    } else {
        (0, (1_i64 << image.bits_stored) - 1)
    };
    let (low, high) = (low + margin, high - margin);
    let mut state = u64::from(image.bits_stored) << 32 | u64::from(image.columns) | 1;
    let values = (0..image.frame_cells() as i64)
        .map(|at| match content {
            "zeros" => 0,
            "maximum" => high,
            "minimum" => low,
            "gradient" => low + at / 3 % (high - low + 1),
            "checker" => [low, high][at as usize % 2],
            _ => {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                low + (state >> 33) as i64 % (high - low + 1)
            }
        })
        .collect::<Vec<_>>();
    if image.bits_allocated == 1 {
        let byte = |bits: &[i64]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8 & 1);
        return values.chunks(8).map(byte).collect();
    }
    let bytes =
        |value: &i64| value.to_le_bytes().into_iter().take(image.bytes_per_cell()).collect::<Vec<_>>();
    values.iter().flat_map(bytes).collect()
}

/// The same cells sample by sample.
fn by_plane(image: &ImagePixel, pixels: &[u8]) -> Vec<u8> {
    let (samples, bytes) = (usize::from(image.samples), image.bytes_per_cell());
    let cells: Vec<&[u8]> = pixels.chunks_exact(bytes).collect();
    (0..samples)
        .flat_map(|sample| cells.iter().skip(sample).step_by(samples).copied().flatten().copied())
        .collect()
}
