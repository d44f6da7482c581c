//! Reads the header of every codestream in the corpus of real files. Where it disagrees with the data set must be where the
//! manifest's flags say so, which another reader computed, and nowhere else without a cause that is named here.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::codec::{CodestreamHeader, Family, Gravity, disagreements};
use condenser::dicom::{EncapsulatedFrames, FileMeta, ImagePixel, Limits, TransferSyntax, VrEncoding, walk};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The points that each flag of the manifest stands for.
const FLAGS: [(&str, &[&str]); 4] = [
    ("codestream-precision-mismatch", &["precision"]),
    ("codestream-sign-mismatch", &["sign"]),
    ("codestream-kind-mismatch", &["process", "boxes", "unreadable"]),
    ("codestream-dims-mismatch", &["unreadable"]),
];

/// What the manifest does not flag, by a part of the file's name: what is found, and why it is true.
const UNFLAGGED: [(&str, &str, &str); 6] = [
    (
        "JPEGBaseline/SC_rgb_jpeg_lossy_gdcm",
        "colour",
        "RGB, but JFIF says YCbCr, and chrominance is subsampled",
    ),
    (
        "HTJ2KLossless_08_RGB",
        "colour",
        "RGB, but COD says RCT: decoders give RGB, and PS3.5 8.2.4 asks for YBR_RCT",
    ),
    ("HTJ2K_08_RGB", "colour", "RGB, but COD says ICT"),
    ("ELSCINT1_JP2vsJ2K", "boxes", "a JP2 file, which the manifest flags as jp2-boxed"),
    ("MAROTECH_CT_JP2Lossy", "boxes", "likewise"),
    ("966.dcm", "unreadable", "a comment stands where a tile-part must begin; no decoder reads it"),
];

#[test]
fn headers_disagree_where_the_manifest_says_so_and_nowhere_else() {
    let Some(corpus) = corpus() else { return };
    let (mut read, mut flagged, mut wrong) = (0, BTreeMap::new(), Vec::new());
    for (path, row) in manifest(&corpus) {
        let flags: Vec<&str> =
            row["flags"].split(',').filter(|flag| flag.starts_with("codestream-")).collect();
        let Some(found) = found_in(&corpus.join(&path)) else {
            assert_eq!(flags, [""; 0], "{path}: flagged, and its codestreams are not found");
            continue;
        };
        read += 1;
        let points: BTreeSet<&str> = found.keys().copied().collect();
        let mut expected = BTreeSet::new();
        for flag in &flags {
            *flagged.entry((*flag).to_owned()).or_insert(0) += 1;
            let (_, stands_for) = FLAGS.iter().find(|(name, _)| name == flag).unwrap();
            expected.extend(stands_for.iter().filter(|point| points.contains(*point)));
            if !stands_for.iter().any(|point| points.contains(point)) {
                wrong.push(format!("{path}: {flag}, but found is only {found:#?}"));
            }
        }
        expected
            .extend(UNFLAGGED.iter().filter(|(name, ..)| path.contains(name)).map(|(_, point, _)| *point));
        if points != expected {
            wrong.push(format!("{path}: {expected:?} is expected, and found is {found:#?}"));
        }
        for (point, sentence) in &found {
            println!("{point:>12} {path}: {sentence}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let counts: Vec<(&str, i32)> = flagged.iter().map(|(flag, count)| (flag.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("codestream-dims-mismatch", 1),
            ("codestream-kind-mismatch", 8),
            ("codestream-precision-mismatch", 17),
            ("codestream-sign-mismatch", 3),
        ]
    );
    println!("{read} files have codestreams");
    assert!(read > 120);
}

/// What the frames of a file disagree in, by the name of the point, with a sentence; `None` when it has no codestreams, or none
/// that can be told apart.
fn found_in(path: &Path) -> Option<BTreeMap<&'static str, String>> {
    let file = fs::read(path).unwrap();
    let (meta, start) = FileMeta::parse(&file).ok()?;
    let syntax =
        TransferSyntax::of_uid(&meta.transfer_syntax).filter(|syntax| Family::of(syntax).is_some())?;
    let body = file[start as usize..].to_vec();
    let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).ok()?;
    let image = ImagePixel::from_data_set(&body, &data_set).ok();
    let frames = image.as_ref().map_or(1, |image| image.frames);
    let frames = EncapsulatedFrames::of(&body, &data_set, frames).ok()?;
    let mut found = BTreeMap::new();
    for frame in 0..frames.len() {
        match CodestreamHeader::read(&frames.codestream(&body, frame).unwrap()) {
            Ok(header) => {
                for disagreement in disagreements(&header, image.as_ref(), syntax) {
                    // Every file of the corpus is read by somebody, so nothing but the wrong process can be impossible.
                    let impossible = disagreement.point.gravity() == Gravity::Impossible;
                    assert_eq!(impossible, disagreement.point.name() == "process", "{}", path.display());
                    found.insert(disagreement.point.name(), disagreement.to_string());
                }
            }
            Err(error) => drop(found.insert("unreadable", error.to_string())),
        }
    }
    Some(found)
}
