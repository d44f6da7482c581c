//! Every native and every lossless file of the corpus, to every lossless target and back to native: the cells of the manifest.
//! And every lossy one stays as it came unless it is asked for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::codec::{
    CompressError, ENCODERS, Exactness, Options, Parameters, Reason, Recompress, compress, decompress,
};
use condenser::dicom::{
    self, FileMeta, ImagePixel, Limits, NativePixels, Section, Source, TransferSyntax, VrEncoding, inflate,
    walk,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

type Row = BTreeMap<String, String>;

/// A file whose data set can be walked.
struct Case {
    path: String,
    row: Row,
    meta: FileMeta,
    body: Vec<u8>,
    data_set: dicom::DataSet,
}

/// Reasons that say something of the image or of the target, and nothing of a codec that failed.
const OF_THE_IMAGE: &[&str] = &[
    "no_pixel_data",
    "float_pixel_data",
    "digital_signature",
    "one_bit",
    "not_in_profile",
    "high_bit",
    "bits_stored",
    "unused_bits",
    "pixel_data_short",
    "pixel_data_long",
    "image_pixel_unusable",
    "lossy_compressed",
    "no_decoder",
];

fn cases() -> Option<Vec<Case>> {
    let corpus = corpus()?;
    let mut cases = Vec::new();
    for (path, row) in manifest(&corpus) {
        let file = fs::read(corpus.join(&path)).unwrap();
        let Ok((meta, start)) = FileMeta::parse(&file) else { continue };
        let Some(received) = TransferSyntax::of_uid(&meta.transfer_syntax) else { continue };
        let (mut body, mut encoding) = (file[start as usize..].to_vec(), received.vr_encoding);
        if encoding == VrEncoding::DeflatedExplicitLittle {
            let Ok(inflated) = inflate(&body, &Limits::default()) else { continue };
            (body, encoding) = (inflated, VrEncoding::ExplicitLittle);
        }
        let Ok(data_set) = walk(&body, encoding, &Limits::default()) else { continue };
        cases.push(Case { path, row, meta, body, data_set });
    }
    Some(cases)
}

fn written(case: &Case, target: &'static TransferSyntax, options: &Options) -> Result<Vec<u8>, Reason> {
    let mut out = Cursor::new(Vec::new());
    match compress(&case.body, &case.data_set, target, &case.meta, options, &mut out) {
        Ok(_) => Ok(out.into_inner()),
        Err(CompressError::Kept(reason)) => Err(reason),
        Err(CompressError::Io(error)) => panic!("{}: {error}", case.path),
    }
}

#[test]
fn to_every_lossless_target_and_back_the_cells_are_those_of_the_manifest() {
    let Some(cases) = cases() else { return };
    let exact =
        ENCODERS.iter().filter(|encoder| encoder.exactness(&Parameters::default()) == Exactness::Exact);
    let mut targets: Vec<_> =
        exact.map(|encoder| TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap()).collect();
    targets.sort_by_key(|target| target.uid);
    targets.dedup_by_key(|target| target.uid);

    let (next, outcomes, faults) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for target in &targets {
                        let outcome = round_trip(case, target).unwrap_or_else(|fault| {
                            faults.lock().unwrap().push(format!("{} {}: {fault}", target.keyword, case.path));
                            "fault".to_owned()
                        });
                        *outcomes.lock().unwrap().entry((target.keyword, outcome)).or_insert(0) += 1;
                    }
                }
            });
        }
    });
    let (outcomes, faults) = (outcomes.into_inner().unwrap(), faults.into_inner().unwrap());
    for ((keyword, outcome), count) in &outcomes {
        println!("{count:>5} {keyword} {outcome}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for target in &targets {
        let same = outcomes.get(&(target.keyword, "as in the manifest".to_owned()));
        assert!(same.is_some_and(|count| *count >= 100), "{}: {same:?}", target.keyword);
    }
}

/// To the target and back; what came of it, or what is wrong.
fn round_trip(case: &Case, target: &'static TransferSyntax) -> Result<String, String> {
    let options = Options { recompress: Recompress::LosslessOnly, may_grow: true, ..Options::default() };
    let known = ["stored_cells_sha256", "expected_pixel_sha256"].map(|name| case.row[name].as_str());
    let known = known.into_iter().find(|hash| !hash.is_empty());
    let file = match written(case, target, &options) {
        Ok(file) => file,
        Err(reason) if OF_THE_IMAGE.contains(&reason.name()) => {
            return Ok(format!("kept: {}", reason.name()));
        }
        // Broken on purpose: nobody else decodes it either.
        Err(reason) if known.is_none() => return Ok(format!("kept, being broken: {}", reason.name())),
        Err(reason) => return Err(reason.to_string()),
    };
    let found = hash_of_native(&file)?;
    match known {
        Some(hash) if hash == found => Ok("as in the manifest".to_owned()),
        // The manifest repeats subsampled chrominance.
        Some(_) if case.row["photometric"] == "YBR_FULL_422" => Ok("written".to_owned()),
        Some(_) => Err("other cells".to_owned()),
        None => Ok("written, and the manifest has no cells".to_owned()),
    }
}

/// Decompresses a file and hashes its cells, colour by pixel and a bit in a byte: as the manifest does.
fn hash_of_native(file: &Vec<u8>) -> Result<String, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let (meta, start) = FileMeta::parse(file).map_err(|error| said(&error))?;
    let body = Section::from(file, start).map_err(|error| said(&error))?;
    let limits = Limits::default();
    let data_set = walk(&body, VrEncoding::ExplicitLittle, &limits).map_err(|error| said(&error))?;
    let (native, mut out) =
        (TransferSyntax::of_name("ExplicitVRLittleEndian").unwrap(), Cursor::new(Vec::new()));
    decompress(&body, &data_set, native, &meta, &Options::default(), &mut out)
        .map_err(|error| said(&error))?;
    let file = out.into_inner();
    let (_, start) = FileMeta::parse(&file).map_err(|error| said(&error))?;
    let body = Section::from(&file, start).map_err(|error| said(&error))?;
    let data_set = walk(&body, VrEncoding::ExplicitLittle, &limits).map_err(|error| said(&error))?;
    let image = ImagePixel::from_data_set(&body, &data_set).map_err(|error| said(&error))?;
    let mut hash = Sha256::new();
    if image.bits_allocated == 1 {
        let value = data_set.pixel_data().unwrap().value.clone();
        let bits = body.bytes(value).map_err(|error| said(&error))?;
        let count = (image.frame_cells() * u64::from(image.frames)) as usize;
        hash.update((0..count).map(|bit| bits[bit / 8] >> (bit % 8) & 1).collect::<Vec<u8>>());
    } else {
        let pixels = NativePixels::of(&body, &data_set, &image).map_err(|error| said(&error))?;
        for frame in 0..pixels.frames() {
            hash.update(by_pixel(&pixels.frame(frame).map_err(|error| said(&error))?, &image));
        }
    }
    Ok(hash.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}

fn by_pixel(cells: &[u8], image: &ImagePixel) -> Vec<u8> {
    if image.planar == 0 {
        return cells.to_vec();
    }
    let (samples, width) = (usize::from(image.samples), image.bytes_per_cell());
    let planes: Vec<&[u8]> = cells.chunks(cells.len() / samples).collect();
    let mut out = Vec::with_capacity(cells.len());
    for pixel in (0..planes[0].len()).step_by(width) {
        planes.iter().for_each(|plane| out.extend_from_slice(&plane[pixel..pixel + width]));
    }
    out
}

#[test]
fn lossy_files_stay_as_they_came() {
    let Some(cases) = cases() else { return };
    let mut kept = 0;
    for case in cases.iter().filter(|case| case.row["coding"] == "lossy") {
        for encoder in ENCODERS {
            let target = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
            let reason = written(case, target, &Options::default()).map(drop).unwrap_err();
            assert_eq!(reason, Reason::AlreadyCompressed, "{} {}", target.keyword, case.path);
        }
        kept += 1;
    }
    assert!(kept >= 40, "{kept}");
}
