//! What went wrong with memory in other implementations while pixel data was encoded and decoded, each as a test of its own, named
//! after its issue.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[path = "support/held.rs"]
mod held;
#[path = "support/made.rs"]
mod made;
#[path = "support/native.rs"]
mod native;

use condenser::codec::{
    Coded, DECODERS, ENCODERS, Encoder, Frame, Options, Parameters, Recompress, allows, compress,
};
use condenser::dicom::{FileMeta, ImagePixel, Limits, Photometric, Source, TransferSyntax, walk};
use native::{SOP_CLASS, SOP_INSTANCE, instance, syntax};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};
use std::thread;

const MIB: usize = 1 << 20;

/// Each test measures the whole process, and so no other may run.
static ALONE: Mutex<()> = Mutex::new(());

fn image(samples: u16, bits_stored: u16, frames: u32) -> ImagePixel {
    ImagePixel {
        rows: 256,
        columns: 256,
        frames,
        samples,
        photometric: if samples == 1 { Photometric::Monochrome2 } else { Photometric::Rgb },
        planar: 0,
        bits_allocated: if bits_stored > 8 { 16 } else { 8 },
        bits_stored,
        high_bit: bits_stored - 1,
        signed: false,
    }
}

/// Slopes with a little of everything in their low bits.
fn frame_cells(image: &ImagePixel) -> Vec<u8> {
    let most = (1_u32 << image.bits_stored) - 1;
    let count = u32::try_from(image.frame_cells()).unwrap();
    (0..count)
        .flat_map(|at| {
            let value = (at % 251 + at / 256 * 3 + at % 7 * (at % 7)) & most;
            value.to_le_bytes().into_iter().take(image.bytes_per_cell())
        })
        .collect()
}

/// A data set on a disk that is read as it is asked for.
struct OnDisk(File);

impl Source for OnDisk {
    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |data| data.len())
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.0.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}

/// Writes the data set in another transfer syntax, as a file without its file meta information.
fn written_as(source: &OnDisk, from: &str, to: &str) -> OnDisk {
    let elements = walk(source, syntax(from).vr_encoding, &Limits::default()).unwrap();
    let meta = FileMeta {
        sop_class: SOP_CLASS.to_owned(),
        sop_instance: SOP_INSTANCE.to_owned(),
        transfer_syntax: syntax(from).uid.to_owned(),
        ..FileMeta::default()
    };
    let options = Options { recompress: Recompress::Always, ..Options::default() };
    let mut out = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let report = compress(source, &elements, syntax(to), &meta, &options, &mut out).unwrap();
    assert!(report.verified_by.is_some() || syntax(to).keyword == "ExplicitVRLittleEndian");
    let mut head = vec![0; 4096];
    out.read_exact_at(&mut head, 0).unwrap();
    let (_, start) = FileMeta::parse(&head).unwrap();
    let mut body = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    io::Seek::seek(&mut out, io::SeekFrom::Start(start)).unwrap();
    io::copy(&mut out, &mut body).unwrap();
    OnDisk(body)
}

/// wsidicomizer #138 (an instance of 5.8 GB ended Orthanc), pydicom #1396 and pynetdicom #629 (a MemoryError above 500 MB),
/// dcmjs-dimse #39 (the whole data set in memory): what is held is a few frames, however many there are.
#[test]
fn wsidicomizer_138_pydicom_1396_a_few_frames_are_held_and_not_the_instance() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let image = image(1, 12, 400);
    let native = OnDisk(tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let frame = frame_cells(&image);
    {
        let cells = frame.repeat(image.frames as usize);
        native.0.write_all_at(&instance(&image, &cells, &[]), 0).unwrap();
    }
    assert!(native.len() >= 50 * MIB as u64);
    let bound = (thread::available_parallelism().unwrap().get() + 4) * MIB / 2;
    let mut steps = vec![native];
    for (from, to) in [
        ("ExplicitVRLittleEndian", "JPEGLSLossless"),
        ("JPEGLSLossless", "RLELossless"),
        ("RLELossless", "ExplicitVRLittleEndian"),
    ] {
        let peak = held::peak_of(|| {
            let step = written_as(steps.last().unwrap(), from, to);
            steps.push(step);
        });
        println!("{from} to {to}: {} KiB", peak >> 10);
        assert!(peak < bound, "{from} to {to}: {peak} bytes, {bound} are allowed");
    }
    let [native, .., back] = &steps[..] else { unreachable!() };
    assert_eq!(native.len(), back.len());
    for at in (0..native.len()).step_by(MIB) {
        let range = at..native.len().min(at + MIB as u64);
        assert!(native.bytes(range.clone()).unwrap() == back.bytes(range).unwrap());
    }
}

/// What the process has in main memory, of Rust's and of all libraries.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// One frame there and back by every decoder, then out of codestreams that are cut off and damaged.
fn there_and_back(encoder: &dyn Encoder, image: &ImagePixel, cells: &[u8]) {
    let target = TransferSyntax::of_uid(encoder.transfer_syntax()).unwrap();
    let parameters = Parameters::default();
    let (mut codestream, mut decoded) = (Vec::new(), Vec::new());
    if allows(target, image).is_err()
        || encoder.encode(&Frame { cells, image }, &parameters, &mut codestream).is_err()
    {
        return;
    }
    let encoded = encoder.image_after(image, &parameters);
    let half = &codestream[..codestream.len() / 2];
    let mut damaged = codestream.clone();
    damaged[codestream.len() / 3..][..16].fill(0xFF);
    for decoder in DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid) {
        let coded = |codestream| Coded { codestream, encoded: &encoded, native: image };
        decoder.decode(&coded(&codestream[..]), &mut decoded).unwrap();
        assert_eq!(decoded.len(), cells.len(), "{}", decoder.name());
        // Some of it may be decoded; only what is held afterwards counts.
        let _ = decoder.decode(&coded(half), &mut decoded);
        let _ = decoder.decode(&coded(&damaged[..]), &mut decoded);
    }
}

/// dcm4che #1007: memory of the codec's library was never given back, least of all when compressing and decompressing took turns;
/// fo-dicom #1771: slower with every task.
#[test]
fn dcm4che_1007_codecs_give_back_what_they_took() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let images =
        [image(1, 12, 1), image(3, 8, 1)].map(|image| ImagePixel { rows: 128, columns: 128, ..image });
    let cells = images.each_ref().map(frame_cells);
    for encoder in ENCODERS {
        let rounds = |count: usize| {
            for _ in 0..count {
                for (image, cells) in images.iter().zip(&cells) {
                    there_and_back(*encoder, image, cells);
                }
            }
        };
        rounds(4);
        let before = resident();
        // A frame of what the libraries work on has 64 KiB a sample.
        rounds(40);
        let grown = resident().saturating_sub(before);
        println!("{}: {} KiB", encoder.name(), grown >> 10);
        assert!(grown < 5 * MIB, "{}: {grown} bytes more after 40 rounds", encoder.name());
    }
}
