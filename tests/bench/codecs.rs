//! The codecs of the tables on frames in memory, one core, for `scripts/bench codecs`, which asks for one measurement a line.
//!
//! `codecs FOLDER` reads FOLDER/images.tsv (name, rows, columns, samples, bits allocated, bits stored, signed; the cells lie
//! beside it as NAME.cells, colour by pixel), lists the lossless encoders (name, keyword) up to an empty line, and then reads
//! lines of standard input:
//!
//! * `encode ENCODER KEYWORD NAME` gives the seconds and the bytes of the codestream; of `zune-jpegxl`, which is none of ours,
//!   the bytes are 0 when it fails or jxl-oxide decodes other cells;
//! * `verify DECODER KEYWORD NAME ENCODER` proves that codestream, and gives the seconds;
//! * `decode DECODER KEYWORD NAME ENCODER` decodes it, and gives the seconds;
//! * `copy - - NAME` copies the cells.
//!
//! Each is repeated for a tenth of a second at least, and the best repetition counts: what disturbs only makes it slower.

use condenser::codec::{Coded, DECODERS, Decoder, ENCODERS, Exactness, Frame, Parameters, verify};
use condenser::dicom::{ImagePixel, Photometric, TransferSyntax};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::path::Path;
use std::time::{Duration, Instant};
use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long one measurement is repeated, at least three times.
const LEAST: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: codecs FOLDER")?;
    let images = images(Path::new(&folder))?;
    for encoder in ENCODERS.iter().filter(|row| row.exactness(&Parameters::default()) == Exactness::Exact) {
        let syntax = TransferSyntax::of_uid(encoder.transfer_syntax()).ok_or("an unknown syntax")?;
        println!("{} {}", encoder.name(), syntax.keyword);
    }
    println!();
    stdout().flush()?;
    for line in stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [what, codec, keyword, name, rest @ ..] = words.as_slice() else {
            return Err(format!("not understood: {line}").into());
        };
        let (image, cells) = images.get(*name).ok_or_else(|| format!("no image {name}"))?;
        let (seconds, bytes) = measure(what, codec, keyword, rest.first().copied(), image, cells)?;
        println!("{seconds:.9} {bytes}");
        stdout().flush()?;
    }
    Ok(())
}

fn measure(
    what: &str,
    codec: &str,
    keyword: &str,
    by: Option<&str>,
    image: &ImagePixel,
    cells: &[u8],
) -> Result<(f64, usize)> {
    let parameters = Parameters::default();
    if what == "copy" {
        let mut copy = vec![0; cells.len()];
        let seconds = best(|| {
            black_box(&mut copy).copy_from_slice(black_box(cells));
            Ok(())
        })?;
        return Ok((seconds, cells.len()));
    }
    if codec == "zune-jpegxl" {
        return by_zune(image, cells);
    }
    let syntax = TransferSyntax::of_name(keyword).ok_or("no such transfer syntax")?;
    let encoder = ENCODERS
        .iter()
        .find(|row| row.transfer_syntax() == syntax.uid && row.name() == by.unwrap_or(codec))
        .ok_or("no such encoder")?;
    let frame = Frame { cells, image };
    let mut codestream = Vec::new();
    if what == "encode" {
        let seconds = best(|| Ok(encoder.encode(&frame, &parameters, black_box(&mut codestream))?))?;
        return Ok((seconds, codestream.len()));
    }
    encoder.encode(&frame, &parameters, &mut codestream)?;
    let encoded = encoder.image_after(image, &parameters);
    let coded = Coded { codestream: &codestream, encoded: &encoded, native: image };
    let decoder: &&dyn Decoder = DECODERS
        .iter()
        .find(|row| row.transfer_syntax() == syntax.uid && row.name() == codec)
        .ok_or("no such decoder")?;
    let seconds = match what {
        "verify" => {
            let exactness = encoder.exactness(&parameters);
            best(|| Ok(verify(*decoder, black_box(&coded), cells, exactness).map(|_| ())?))?
        }
        "decode" => {
            let mut decoded = Vec::new();
            best(|| Ok(decoder.decode(black_box(&coded), &mut decoded)?))?
        }
        _ => return Err(format!("cannot {what}").into()),
    };
    Ok((seconds, codestream.len()))
}

/// zune-jpegxl on one core, and whether what it writes is the image: it takes cells of 8 or 16 bits, whatever Bits Stored says.
fn by_zune(image: &ImagePixel, cells: &[u8]) -> Result<(f64, usize)> {
    let colours = if image.samples == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let depth = if image.bits_allocated == 8 { BitDepth::Eight } else { BitDepth::Sixteen };
    let options =
        EncoderOptions::new(image.columns.into(), image.rows.into(), colours, depth).set_num_threads(1);
    let mut codestream = Vec::new();
    let mut fails = false;
    let seconds = best(|| {
        codestream.clear();
        fails |= JxlSimpleEncoder::new(black_box(cells), options).encode(&mut codestream).is_err();
        Ok(())
    })?;
    let whole =
        ImagePixel { bits_stored: image.bits_allocated, high_bit: image.bits_allocated - 1, ..image.clone() };
    let syntax = TransferSyntax::of_name("JPEGXLLossless").ok_or("no such transfer syntax")?;
    let decoder = DECODERS.iter().find(|row| row.transfer_syntax() == syntax.uid).ok_or("no such decoder")?;
    let mut decoded = Vec::new();
    let right = decoder.decode(&Coded::alike(&codestream, &whole), &mut decoded).is_ok() && decoded == cells;
    Ok((seconds, if right && !fails { codestream.len() } else { 0 }))
}

/// The seconds of the best of some repetitions.
fn best(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let (mut best, begun, mut times) = (f64::MAX, Instant::now(), 0);
    while times < 3 || begun.elapsed() < LEAST {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed().as_secs_f64());
        times += 1;
    }
    Ok(best)
}

fn images(folder: &Path) -> Result<BTreeMap<String, (ImagePixel, Vec<u8>)>> {
    let mut images = BTreeMap::new();
    for line in fs::read_to_string(folder.join("images.tsv"))?.lines() {
        let (name, numbers) = line.split_once('\t').ok_or("a line without numbers")?;
        let numbers = numbers.split('\t').map(str::parse).collect::<std::result::Result<Vec<u16>, _>>()?;
        let [rows, columns, samples, bits_allocated, bits_stored, signed] = *numbers.as_slice() else {
            return Err("a line of other columns".into());
        };
        let photometric = if samples == 1 { Photometric::Monochrome2 } else { Photometric::Rgb };
        let (high_bit, signed) = (bits_stored - 1, signed == 1);
        let image = ImagePixel {
            rows,
            columns,
            frames: 1,
            samples,
            photometric,
            planar: 0,
            bits_allocated,
            bits_stored,
            high_bit,
            signed,
        };
        images.insert(name.to_owned(), (image, fs::read(folder.join(format!("{name}.cells")))?));
    }
    Ok(images)
}
