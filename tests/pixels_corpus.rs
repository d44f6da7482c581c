//! Reads the images of the corpus of real DICOM files, and writes its data sets again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::dicom::{
    DataSet, EncapsulatedFrames, FileMeta, ImagePixel, Limits, NativePixels, OffsetTable, Part10Error,
    RewriteError, Tag, TransferSyntax, VrEncoding, encapsulate, inflate, walk, walk_as_found,
    write_as_explicit,
};
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;

/// Files with Pixel Data that no image describes.
const NO_IMAGE: [(&str, &str); 3] = [
    (
        "files/GoogleCloudPlatform__medical-imaging/pathology/transformation_pipeline/testdata/test_slide_coordinates.dcm",
        "Planar Configuration (0028,0006) is missing",
    ),
    ("files/pydicom__pydicom/src/pydicom/data/test_files/badVR.dcm", "Number of Frames (0028,0008) is «1A»"),
    (
        "files/pydicom__pydicom/src/pydicom/data/test_files/meta_missing_tsyntax.dcm",
        "Samples per Pixel (0028,0002) is missing",
    ),
];

/// One file of the corpus whose data set can be walked.
struct Case {
    path: String,
    row: BTreeMap<String, String>,
    /// Inflated if need be.
    bytes: Vec<u8>,
    data_set: DataSet,
}

impl Case {
    fn has(&self, flag: &str) -> bool {
        self.row["flags"].split(',').any(|other| other == flag)
    }
}

fn cases() -> Option<Vec<Case>> {
    let corpus = corpus()?;
    let mut cases = Vec::new();
    for (path, row) in manifest(&corpus) {
        let file = fs::read(corpus.join(&path)).unwrap();
        let (offset, uid) = match FileMeta::parse(&file) {
            Ok((meta, offset)) => (offset, meta.transfer_syntax),
            Err(Part10Error::NoTransferSyntax { offset }) => (offset, String::new()),
            Err(Part10Error::NoMeta) => (0, String::new()),
            Err(other) => panic!("{path}: {other}"),
        };
        let mut bytes = file[offset as usize..].to_vec();
        let mut encoding = TransferSyntax::of_uid(&uid).map(|syntax| syntax.vr_encoding);
        if encoding == Some(VrEncoding::DeflatedExplicitLittle) {
            bytes = inflate(&bytes, &Limits::default()).unwrap();
            encoding = Some(VrEncoding::ExplicitLittle);
        }
        // Those that cannot be walked are listed in `dicom_corpus.rs`.
        if let Ok(data_set) = walk_as_found(&bytes, encoding, &Limits::default()) {
            cases.push(Case { path, row, bytes, data_set });
        }
    }
    assert!(cases.len() > 300);
    Some(cases)
}

#[test]
fn file_meta_information_is_read_of_every_file_that_has_it() {
    let Some(corpus) = corpus() else { return };
    let (mut no_meta, mut no_transfer_syntax, mut wrong) = (0, 0, Vec::new());
    for (path, row) in manifest(&corpus) {
        match FileMeta::parse(&fs::read(corpus.join(&path)).unwrap()) {
            Ok((meta, _)) if meta.transfer_syntax == row["transfer_syntax"] => {}
            Ok(_) if row["flags"] == "pydicom-unreadable" => {}
            Err(Part10Error::NoMeta) => no_meta += 1,
            Err(Part10Error::NoTransferSyntax { .. }) => no_transfer_syntax += 1,
            other => wrong.push(format!("{path}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!((no_meta, no_transfer_syntax), (5, 1));
}

#[test]
fn the_image_pixel_module_is_what_pydicom_reads() {
    let Some(cases) = cases() else { return };
    let (mut images, mut errors) = (0, BTreeMap::new());
    for case in &cases {
        if case.row["pixel_element"] != "PixelData" {
            continue;
        }
        match ImagePixel::from_data_set(&case.bytes, &case.data_set) {
            Ok(image) => {
                images += 1;
                let cell = |name: &str| case.row[name].as_str();
                let frames = cell("frames").parse().unwrap_or(1);
                let number = |name: &str| {
                    cell(name).parse::<u64>().unwrap_or_else(|_| panic!("{}: {name}", case.path))
                };
                assert_eq!(u64::from(image.rows), number("rows"), "{}", case.path);
                assert_eq!(u64::from(image.columns), number("cols"), "{}", case.path);
                assert_eq!(image.frames, frames, "{}", case.path);
                assert_eq!(u64::from(image.samples), number("samples"), "{}", case.path);
                assert_eq!(image.photometric.as_str(), cell("photometric"), "{}", case.path);
                assert_eq!(u64::from(image.bits_allocated), number("bits_alloc"), "{}", case.path);
                assert_eq!(u64::from(image.bits_stored), number("bits_stored"), "{}", case.path);
                assert_eq!(u64::from(image.high_bit), number("high_bit"), "{}", case.path);
                assert_eq!(u64::from(image.signed), number("pixel_rep"), "{}", case.path);
            }
            Err(error) => drop(errors.insert(case.path.as_str(), error.to_string())),
        }
    }
    assert!(images > 250);
    let expected = BTreeMap::from(NO_IMAGE.map(|(path, error)| (path, error.to_owned())));
    assert_eq!(errors, expected);
}

#[test]
fn native_cells_are_those_that_were_stored() {
    let Some(cases) = cases() else { return };
    let (mut same, mut wrong) = (0, Vec::new());
    for case in &cases {
        let expected = &case.row["stored_cells_sha256"];
        // The manifest unpacks bits, repeats subsampled chrominance, cuts what is too long, and has floats.
        let other_form = case.row["bits_alloc"] == "1"
            || case.row["photometric"] == "YBR_FULL_422"
            || case.row["pixel_element"] != "PixelData"
            || case.has("native-long");
        if expected.is_empty() || other_form {
            continue;
        }
        let cells = ImagePixel::from_data_set(&case.bytes, &case.data_set)
            .map_err(|error| error.to_string())
            .and_then(|image| by_pixel(case, &image));
        match cells {
            Ok(hash) if hash == *expected => same += 1,
            Ok(_) => wrong.push(format!("{}: other cells", case.path)),
            Err(error) => wrong.push(format!("{}: {error}", case.path)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{same} files have the cells of the manifest");
    assert!(same > 100);
}

fn by_pixel(case: &Case, image: &ImagePixel) -> Result<String, String> {
    let pixels = NativePixels::of(&case.bytes, &case.data_set, image).map_err(|error| error.to_string())?;
    let mut hash = Sha256::new();
    for frame in 0..pixels.frames() {
        let cells = pixels.frame(frame).unwrap();
        assert_eq!(cells.len() as u64, pixels.frame_bytes());
        if image.planar == 0 {
            hash.update(&cells);
            continue;
        }
        let plane = cells.len() / usize::from(image.samples);
        for pixel in (0..plane).step_by(image.bytes_per_cell()) {
            for sample in 0..usize::from(image.samples) {
                hash.update(&cells[sample * plane + pixel..][..image.bytes_per_cell()]);
            }
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn encapsulated_frames_are_found_and_can_be_encapsulated_again() {
    let Some(cases) = cases() else { return };
    let (mut found, mut wrong) = (0, Vec::new());
    for case in &cases {
        // Some have Pixel Data without an image: one frame then.
        if !case.data_set.pixel_data().is_some_and(|element| element.undefined_length) {
            continue;
        }
        let frames = ImagePixel::from_data_set(&case.bytes, &case.data_set).map_or(1, |image| image.frames);
        let frames = match EncapsulatedFrames::of(&case.bytes, &case.data_set, frames) {
            Ok(frames) => frames,
            Err(error) => {
                wrong.push(format!("{}: {error}", case.path));
                continue;
            }
        };
        found += 1;
        let streams: Vec<_> = (0..frames.len())
            .map(|frame| frames.codestream(&case.bytes, frame).unwrap().into_owned())
            .collect();
        for table in [OffsetTable::Basic, OffsetTable::Extended] {
            let again = encapsulate(&streams, table).unwrap();
            let data_set = walk(&again, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
            let frames = EncapsulatedFrames::of(&again, &data_set, streams.len() as u32).unwrap();
            for (frame, stream) in streams.iter().enumerate() {
                let length = stream.len();
                assert_eq!(frames.codestream(&again, frame).unwrap()[..length], *stream, "{}", case.path);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found > 120);
}

#[test]
fn written_again_every_value_is_the_same() {
    let Some(cases) = cases() else { return };
    let mut rewritten = 0;
    for case in &cases {
        let encoding = case.data_set.vr_encoding;
        let mut out = Vec::new();
        let all = 0..case.data_set.elements.len();
        let result = write_as_explicit(&case.bytes, &case.data_set, all, &BTreeMap::new(), &mut out);
        result.unwrap_or_else(|error| panic!("{}: {error}", case.path));
        if encoding == VrEncoding::ExplicitLittle {
            assert!(out == case.bytes, "{}: not verbatim", case.path);
            continue;
        }
        rewritten += 1;
        let mut before = Vec::new();
        Reader { bytes: &case.bytes, encoding, bits: 0 }.elements(case.bytes.len(), 0, &mut before);
        let mut after = Vec::new();
        Reader { bytes: &out, encoding: VrEncoding::ExplicitLittle, bits: 0 }.elements(
            out.len(),
            0,
            &mut after,
        );
        before.retain(|line| line.tag.element != 0);
        assert_eq!(before.len(), after.len(), "{}", case.path);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before.depth, before.tag), (after.depth, after.tag), "{}", case.path);
            assert!(before.value == after.value, "{}: {} has another value", case.path, before.tag);
            if let Some(vr) = &before.vr {
                assert_eq!(Some(vr), after.vr.as_ref(), "{}: {}", case.path, before.tag);
            }
        }
    }
    eprintln!("{} files are verbatim, {rewritten} were rewritten", cases.len() - rewritten);
    assert!(rewritten > 40);
}

/// Whatever can be walked can be written, and what is written can be walked.
#[test]
fn damaged_data_sets_are_written_again_or_refused() {
    let Some(cases) = cases() else { return };
    let (mut written, mut random) = (0, 1_u64);
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % limit
    };
    for case in &cases {
        let encoding = case.data_set.vr_encoding;
        if encoding == VrEncoding::ExplicitLittle {
            continue;
        }
        // Headers are what matters; most lie at the start.
        let reach = case.bytes.len().min(8192);
        for _ in 0..200 {
            let mut bytes = case.bytes.clone();
            for _ in 0..=below(3) {
                bytes[below(reach)] = [0, 1, 2, 0x10, 0x28, 0x7F, 0xE0, 0xFE, 0xFF][below(9)];
            }
            let Ok(data_set) = walk(&bytes, encoding, &Limits::default()) else { continue };
            let mut out = Vec::new();
            let all = 0..data_set.elements.len();
            match write_as_explicit(&bytes, &data_set, all, &BTreeMap::new(), &mut out) {
                Ok(_) => {
                    let again = walk(&out, VrEncoding::ExplicitLittle, &Limits::default());
                    again.unwrap_or_else(|error| panic!("{}: {error}", case.path));
                    written += 1;
                }
                Err(RewriteError::BigEndianFragments { .. }) => {}
                Err(error) => panic!("{}: {error}", case.path),
            }
        }
    }
    eprintln!("{written} damaged data sets were written again");
    assert!(written > 1000);
}

/// An element, or an item, in the order of the bytes.
struct Line {
    depth: usize,
    tag: Tag,
    vr: Option<String>,
    /// Little endian; none of what has lines of its own.
    value: Option<Vec<u8>>,
}

/// A reader of its own: the simplest that can be, recursive, for whole data sets that are known to be sound.
struct Reader<'a> {
    bytes: &'a [u8],
    encoding: VrEncoding,
    bits: u16,
}

impl Reader<'_> {
    fn number(&self, at: usize, count: usize) -> usize {
        let mut bytes = self.bytes[at..at + count].to_vec();
        if self.encoding != VrEncoding::ExplicitBig {
            bytes.reverse();
        }
        bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn tag(&self, at: usize) -> Tag {
        Tag::new(self.number(at, 2) as u16, self.number(at + 2, 2) as u16)
    }

    /// Reads elements from byte `at` to `end` or a delimiter; gives where it stopped.
    fn elements_from(&mut self, mut at: usize, end: usize, depth: usize, lines: &mut Vec<Line>) -> usize {
        while at < end {
            let tag = self.tag(at);
            if tag == Tag::ITEM_DELIMITATION_ITEM {
                return at + 8;
            }
            let vr = (self.encoding != VrEncoding::ImplicitLittle)
                .then(|| String::from_utf8(self.bytes[at + 4..at + 6].to_vec()).unwrap());
            let (value, length) = match vr.as_deref() {
                None => (at + 8, self.number(at + 4, 4)),
                Some(
                    "OB" | "OD" | "OF" | "OL" | "OV" | "OW" | "SQ" | "SV" | "UC" | "UN" | "UR" | "UT" | "UV",
                ) => (at + 12, self.number(at + 8, 4)),
                Some(_) => (at + 8, self.number(at + 6, 2)),
            };
            let known = StandardDataDictionary.by_tag(dicom_core::Tag(tag.group, tag.element));
            let known = known.is_some_and(|entry| entry.vr() == VirtualVr::Exact(dicom_core::VR::SQ));
            let undefined = length == 0xFFFF_FFFF;
            let sequence =
                vr.as_deref() == Some("SQ") || vr.is_none() && known || undefined && tag != Tag::PIXEL_DATA;
            if sequence {
                lines.push(Line { depth, tag, vr: Some("SQ".to_owned()), value: None });
                let around = self.encoding;
                if vr.as_deref() == Some("UN") {
                    self.encoding = VrEncoding::ImplicitLittle;
                }
                at = self.items(value, if undefined { end } else { value + length }, depth + 1, lines);
                self.encoding = around;
                continue;
            }
            if undefined {
                let end = self.fragments(value);
                lines.push(Line {
                    depth,
                    tag,
                    vr: Some("OB".to_owned()),
                    value: Some(self.bytes[value..end].to_vec()),
                });
                at = end;
                continue;
            }
            let mut bytes = self.bytes[value..value + length].to_vec();
            if tag == Tag::BITS_ALLOCATED {
                self.bits = self.number(value, 2) as u16;
            }
            if self.encoding == VrEncoding::ExplicitBig {
                let unit = match (vr.as_deref().unwrap(), tag) {
                    ("OB" | "OW", Tag::PIXEL_DATA) if self.bits > 8 => usize::from(self.bits / 8),
                    ("AT" | "OW" | "SS" | "US", _) => 2,
                    ("FL" | "OF" | "OL" | "SL" | "UL", _) => 4,
                    ("FD" | "OD" | "OV" | "SV" | "UV", _) => 8,
                    _ => 1,
                };
                bytes.chunks_exact_mut(unit).for_each(|number| number.reverse());
            }
            lines.push(Line { depth, tag, vr, value: Some(bytes) });
            at = value + length;
        }
        at
    }

    fn elements(&mut self, end: usize, depth: usize, lines: &mut Vec<Line>) {
        assert_eq!(self.elements_from(0, end, depth, lines), end);
    }

    /// Where the fragments that begin at byte `at` end, behind their delimiter.
    fn fragments(&self, mut at: usize) -> usize {
        while self.tag(at) == Tag::ITEM {
            at += 8 + self.number(at + 4, 4);
        }
        assert_eq!(self.tag(at), Tag::SEQUENCE_DELIMITATION_ITEM);
        at + 8
    }

    fn items(&mut self, mut at: usize, end: usize, depth: usize, lines: &mut Vec<Line>) -> usize {
        while at < end {
            let tag = self.tag(at);
            let length = self.number(at + 4, 4);
            if tag == Tag::SEQUENCE_DELIMITATION_ITEM {
                return at + 8;
            }
            assert_eq!(tag, Tag::ITEM);
            lines.push(Line { depth, tag, vr: None, value: None });
            let item_end = if length == 0xFFFF_FFFF { end } else { at + 8 + length };
            let bits = std::mem::take(&mut self.bits);
            at = self.elements_from(at + 8, item_end, depth + 1, lines);
            self.bits = bits;
        }
        at
    }
}
