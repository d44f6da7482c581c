//! The matrix: every kind of image × every encoder. A cell is either refused with the reason of PS3.5 8.2 or of the bits that
//! would be lost, or what is written comes back bit for bit (or within the bound) by our own decoder and by two foreign ones.
//!
//! The cells are generated, see `matrix::cell`; new encoders are in it as soon as they are in the table. By itself this
//! takes a thinned part; `CONDENSER_MATRIX=full` takes every cell, as `scripts/interop codecs` does, and `CONDENSER_MATRIX_TARGET` only the
//! encoders of one transfer syntax. Foreign decoders judge where
//! `CONDENSER_PYTHON` names a Python with what `tests/python/requirements.txt` lists; `scripts/test` sets it.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/made.rs"]
mod made;
mod matrix;
#[path = "support/native.rs"]
mod native;

use condenser::codec::{
    Coded, DECODERS, Decoder, ENCODERS, Encoder, Exactness, Lossy, Options, Parameters, Reason, allows,
};
use condenser::dicom::{ImagePixel, Photometric, TransferSyntax};
use matrix::batch::Batch;
use matrix::cell::{Cell, Content, cells};
use native::{File, compressed as compressed_by};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How far the samples of two decoders may lie apart where the syntax only promises that they look alike. The inverse transforms of
/// libjpeg and its kin calculate in 32 bits, in which samples of 12 bits leave them one binary digit less behind the point.
fn rounding(image: &ImagePixel) -> u32 {
    if image.bits_stored > 8 { 4 } else { 2 }
}

/// What became of the cells of one encoder.
#[derive(Default)]
struct Row {
    cells: usize,
    exact: usize,
    within: usize,
    alike: usize,
    refused: BTreeMap<&'static str, usize>,
    /// The sentences of the refusals, without the image that each begins with.
    sentences: BTreeSet<String>,
    judged: String,
}

#[test]
fn c04_every_cell_is_refused_for_a_reason_or_comes_back() {
    let full = std::env::var("CONDENSER_MATRIX").is_ok_and(|which| which == "full");
    let target = std::env::var("CONDENSER_MATRIX_TARGET").ok();
    let keyword = |encoder: &dyn Encoder| TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap().keyword;
    let wanted = |encoder: &&&dyn Encoder| target.as_ref().is_none_or(|target| target == keyword(**encoder));
    let encoders: Vec<_> = ENCODERS.iter().filter(wanted).collect();
    assert!(!encoders.is_empty(), "{target:?} has no encoder");
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(encoder) = encoders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = row(**encoder, full);
                    print(encoder.transfer_syntax(), encoder.name(), &row);
                    rows.lock().unwrap().insert((encoder.transfer_syntax(), encoder.name()), row);
                }
            });
        }
    });
    for ((_, name), row) in rows.into_inner().unwrap() {
        assert_eq!(row.cells, row.exact + row.within + row.alike + row.refused.values().sum::<usize>());
        assert!(row.cells > row.refused.values().sum(), "{name} makes nothing");
    }
}

fn print(uid: &str, name: &str, row: &Row) {
    let keyword = TransferSyntax::of_uid(uid).unwrap().keyword;
    let refused: Vec<String> =
        row.refused.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let Row { cells, exact, within, alike, .. } = row;
    println!(
        "{keyword} by {name}: {cells} cells = {exact} exact + {within} within the bound + {alike} alike + refused: {}",
        refused.join(", ")
    );
    row.sentences.iter().for_each(|sentence| println!("    refused: {sentence}"));
    row.judged.lines().for_each(|line| println!("    {line}"));
}

/// All cells of one encoder.
fn row(encoder: &'static dyn Encoder, full: bool) -> Row {
    let target = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
    let (mut row, mut batch) = (Row::default(), Batch::new());
    let mut last: Option<(ImagePixel, Result<(), Reason>)> = None;
    for cell in cells(full) {
        row.cells += 1;
        let image = &cell.image;
        // Neighbouring cells differ in what they hold, which the profile does not look at.
        if last.as_ref().is_none_or(|(before, _)| before != image) {
            last = Some((image.clone(), allows(target, image)));
        }
        if let Some((_, Err(reason))) = &last {
            assert!(["not_in_profile", "one_bit"].contains(&reason.name()), "{cell}: {reason}");
            refuse(&mut row, reason);
            if cell.content == Content::Zeros && cell.is_small() {
                let said = compressed(encoder, &cell, target);
                assert_eq!(said.map(|_| ()), Err(reason.clone()), "{cell}");
            }
            continue;
        }
        match compressed(encoder, &cell, target) {
            Ok(file) => record(encoder, &cell, &file, &mut row, &mut batch),
            Err(reason) => {
                let lost = reason.name() == "unused_bits" && cell.has_unused_bits();
                let beyond =
                    reason.name() == "encode_failed" && reason.to_string().contains("an end of its range");
                assert!(lost || beyond, "{}, {cell}: {reason}", target.keyword);
                refuse(&mut row, &reason);
            }
        }
    }
    row.judged = batch.judged(target.uid);
    row
}

fn refuse(row: &mut Row, reason: &Reason) {
    *row.refused.entry(reason.name()).or_default() += 1;
    let said = reason.to_string();
    let sentence = said.split_once(", and ").map_or(said.as_str(), |(_, what)| what);
    row.sentences.insert(sentence.to_owned());
}

/// The file of a cell, every frame proven by a decoder of our own.
fn compressed(
    encoder: &'static dyn Encoder,
    cell: &Cell,
    target: &'static TransferSyntax,
) -> Result<File, Reason> {
    let encoder = Some(encoder.name().to_owned());
    let options = Options { may_grow: true, lossy: Lossy::Allowed, encoder, ..Options::default() };
    let (report, file) = compressed_by(&cell.data_set(), target.keyword, &options)?;
    assert_eq!(report.frames, cell.image.frames);
    assert!(report.verified_by.is_some() && report.deviation.is_some());
    Ok(file)
}

/// Puts a file beside what foreign decoders have to make of it.
fn record(encoder: &dyn Encoder, cell: &Cell, file: &File, row: &mut Row, batch: &mut Batch) {
    match encoder.exactness(&Parameters::default()) {
        Exactness::Exact => {
            row.exact += 1;
            batch.add(cell, &file.bytes, &cell.by_pixel(), 0);
        }
        Exactness::Within(bound) => {
            row.within += 1;
            batch.add(cell, &file.bytes, &cell.by_pixel(), bound);
        }
        Exactness::Close => {
            row.alike += 1;
            batch.add(cell, &file.bytes, &decoded(encoder, file, &cell.image), rounding(&cell.image));
        }
    }
}

/// What our own decoder makes of a file, by pixel.
fn decoded(encoder: &dyn Encoder, file: &File, image: &ImagePixel) -> Vec<u8> {
    let reads = |decoder: &&&dyn Decoder| decoder.transfer_syntax() == encoder.transfer_syntax();
    let decoder = DECODERS.iter().find(reads).unwrap();
    let (encoded, mut native) = (file.image(), ImagePixel { planar: 0, ..image.clone() });
    if encoded.photometric == Photometric::YbrFull422 {
        // The judges are asked for what was encoded, not for RGB.
        native.photometric = Photometric::YbrFull;
    }
    let (mut all, mut cells) = (Vec::new(), Vec::new());
    for codestream in file.codestreams() {
        let coded = Coded { codestream: &codestream, encoded: &encoded, native: &native };
        decoder.decode(&coded, &mut cells).unwrap();
        all.extend_from_slice(&cells);
    }
    all
}
