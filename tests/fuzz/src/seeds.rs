//! `seeds list` names what can be fuzzed; `seeds write FOLDER` writes a folder of seeds for each; `seeds walked FOLDER` says what
//! the walker finds in the inputs of the target `data_set`, for the comparison with pydicom.
//!
//! The seeds of a decoder are small frames of every kind that the encoders of its syntax take; without such an encoder it
//! begins with nothing.

use condenser::codec::{DECODERS, ENCODERS, Encoder, Frame, Parameters, allows};
use condenser::dicom::{Element, FileMeta, Limits, OffsetTable, TransferSyntax, encapsulate, walk};
use condenser_fuzz::acceptor::{ECHO_RQ, STORE_RQ};
use condenser_fuzz::{ENCODINGS, image, image_bytes, make_canonical, row_name};
use std::io;
use std::path::Path;

/// Targets that are not about one codec.
const OTHERS: [&str; 9] = [
    "data_set",
    "fragments",
    "offset_tables",
    "file_meta",
    "inflate",
    "layout",
    "config",
    "connection",
    "command_set",
];

const LAYOUTS: [&str; 3] = [
    "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
    "{CallingAETitle}/{StudyDate}/{PatientID}/{Modality}-{SOPInstanceUID}",
    "{CalledAETitle}/{SOPClassUID}/{SOPInstanceUID}",
];

const CONFIGURATIONS: [&str; 3] = [
    include_str!("../../../config/condenser.toml"),
    include_str!("../../../config/forwarding.toml"),
    include_str!("../../../config/secure.toml"),
];

/// Steps of the target `connection`: an echo; an instance in one piece and in several; what is out of turn.
const CONVERSATIONS: [&[u8]; 6] = [
    &[1, 3, 9],
    &[1, 4, 6, 3, 8, 0, 5, 9],
    &[0x81, 0x84, 0x85, 4, 8, 0, 8, 0, 0x85, 2, 1, 0, 0x86, 0, 9],
    &[1, 13, 14, 6, 2, 0, 0, 3, 9],
    &[3, 1, 1, 9, 9],
    &[12, 10, 0, 10, 5, 3, 11, 2, 0, 0, 4, 15],
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => {
            for decoder in DECODERS {
                println!("decoder {}", row_name(decoder.name(), decoder.transfer_syntax()));
            }
            for encoder in ENCODERS {
                println!("encoder {}", row_name(encoder.name(), encoder.transfer_syntax()));
            }
            OTHERS.iter().for_each(|target| println!("{target}"));
            Ok(())
        }
        ["write", folder] => write(Path::new(folder)),
        ["walked", folder] => walked(Path::new(folder)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "usage: seeds list | seeds write FOLDER | seeds walked FOLDER",
        )),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    for decoder in DECODERS {
        let into = folder.join(format!("decoder-{}", row_name(decoder.name(), decoder.transfer_syntax())));
        let of_syntax =
            ENCODERS.iter().filter(|encoder| encoder.transfer_syntax() == decoder.transfer_syntax());
        for encoder in of_syntax {
            seeds(*encoder, |at, head, codestream, _| put(&into, at, &[head, codestream].concat()))?;
        }
    }
    for encoder in ENCODERS {
        let into = folder.join(format!("encoder-{}", row_name(encoder.name(), encoder.transfer_syntax())));
        seeds(*encoder, |at, head, _, cells| put(&into, at, &[head, cells].concat()))?;
    }
    others(folder)
}

/// Calls `take` with a number, the bytes that describe the image, the codestream and the cells of frames of every kind.
fn seeds(
    encoder: &dyn Encoder,
    mut take: impl FnMut(usize, &[u8], &[u8], &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let Some(target) = TransferSyntax::of_uid(encoder.transfer_syntax()) else { return Ok(()) };
    let mut at = 0;
    for (rows, columns) in [(0, 0), (8, 10), (0, 30), (30, 0), (16, 16)] {
        for layout in 0..8 {
            for (allocated, stored) in [(0, 7), (0, 4), (1, 11), (1, 15), (1, 8), (2, 31), (3, 0)] {
                for flags in 0..4 {
                    let head = [rows, columns, layout, allocated, stored, flags];
                    let Some((image, _)) = image(&head) else { continue };
                    let (Ok(bytes), Ok(())) = (image.frame_bytes(), allows(target, &image)) else { continue };
                    let mut cells: Vec<u8> = (0..bytes).map(|at| (at * at / 7 + at * 31 / 5) as u8).collect();
                    make_canonical(&mut cells, &image);
                    let mut codestream = Vec::new();
                    let frame = Frame { cells: &cells, image: &image };
                    if image_bytes(&image) == Some(head)
                        && encoder.encode(&frame, &Parameters::default(), &mut codestream).is_ok()
                    {
                        take(at, &head, &codestream, &cells)?;
                        at += 1;
                    }
                }
            }
        }
    }
    Ok(())
}

fn others(folder: &Path) -> io::Result<()> {
    let meta = FileMeta {
        sop_class: "1.2.840.10008.5.1.4.1.1.7".to_owned(),
        sop_instance: "2.25.1".to_owned(),
        transfer_syntax: "1.2.840.10008.1.2.1".to_owned(),
        ..FileMeta::default()
    };
    let mut file = Vec::new();
    meta.write(&mut file)?;
    put(&folder.join("file_meta"), 0, &file)?;
    let name = b"\x10\x00\x10\x00PN\x04\x00A^B ";
    let sequence = b"\x08\x00\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0";
    for (at, data_set) in [&name[..], &sequence[..], &[&sequence[..], &name[..]].concat()].iter().enumerate()
    {
        put(&folder.join("data_set"), at, &[&[1], *data_set].concat())?;
    }
    for (at, table) in [OffsetTable::Basic, OffsetTable::Extended].into_iter().enumerate() {
        let value = encapsulate(&[b"first".to_vec(), b"second".to_vec()], table).map_err(io::Error::other)?;
        put(&folder.join("fragments"), at, &[&[2], &value[..]].concat())?;
    }
    put(&folder.join("inflate"), 0, b"\x4b\x04\x00")?;
    put(&folder.join("offset_tables"), 0, b"\x02\x02\x00\x02\0\0\0\0\x0C\0\0\0\x04\x05")?;
    let extended = [0u64, 12, 4, 5].map(u64::to_le_bytes).concat();
    put(&folder.join("offset_tables"), 1, &[b"\x02\x00\x02\x02", &extended[..], b"\x04\x05"].concat())?;
    let values = b"1.2.3\xFF1.2.840.10008.5.1.4.1.1.2\xFF1.2\xFF1.2.1\xFFCT\xFF../../x\xFF20260101\xFFA\xFFB";
    for (at, layout) in LAYOUTS.iter().enumerate() {
        put(&folder.join("layout"), at, &[layout.as_bytes(), &[0xFF], values].concat())?;
    }
    for (at, config) in CONFIGURATIONS.iter().enumerate() {
        put(&folder.join("config"), at, config.as_bytes())?;
    }
    for (at, command) in [ECHO_RQ, STORE_RQ].into_iter().enumerate() {
        put(&folder.join("command_set"), at, &[&[0], command].concat())?;
    }
    for (at, steps) in CONVERSATIONS.iter().enumerate() {
        put(&folder.join("connection"), at, steps)?;
    }
    Ok(())
}

/// One line for each file: its name, and `refused` or the tag, VR, start and length of the value of each element.
fn walked(folder: &Path) -> io::Result<()> {
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        let input = std::fs::read(file.path())?;
        let Some((choice, bytes)) = input.split_first() else { continue };
        let encoding = ENCODINGS[usize::from(*choice) % ENCODINGS.len()];
        let said = match walk(&bytes.to_vec(), encoding, &Limits::default()) {
            Ok(data_set) => data_set.elements.iter().map(in_words).collect::<Vec<_>>().join(" "),
            Err(_) => "refused".to_owned(),
        };
        println!("{}\t{said}", file.file_name().to_string_lossy());
    }
    Ok(())
}

fn in_words(element: &Element) -> String {
    let vr = element.vr.map_or("--".to_owned(), |vr| vr.to_string());
    let length =
        if element.undefined_length { "undefined".to_owned() } else { element.value_length().to_string() };
    format!("{}:{vr}:{}:{length}", element.tag, element.value.start)
}

fn put(folder: &Path, at: usize, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("seed-{at:03}")), bytes)
}
