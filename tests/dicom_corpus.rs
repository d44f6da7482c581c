//! Walks every file of the corpus of real DICOM files, and says which cannot be walked.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{corpus, manifest};
use condenser::dicom::{
    self, DataSet, Limits, Section, Tag, TransferSyntax, VrEncoding, inflate, read_header, walk,
    walk_as_found,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What cannot be walked, and why that is right. A row that does not hold any more is a failure, too.
const UNWALKABLE: &[(&str, &str)] = &[
    (
        "files/fo-dicom__fo-dicom/Tests/FO-DICOM.Tests/Test_Data/FreezePattern.dcm",
        "a sequence of length 0 is followed by its items",
    ),
    (
        "files/pydicom__pydicom-data/data_store/data/emri_small_jpeg_2k_lossless_too_short.dcm",
        "cut off within Pixel Data",
    ),
    ("files/pydicom__pydicom/src/pydicom/data/test_files/MR_truncated.dcm", "cut off within Pixel Data"),
    (
        "files/pydicom__pydicom/src/pydicom/data/test_files/dicomdirtests/DICOMDIR-nooffset",
        "items are longer than their sequence",
    ),
    ("files/pydicom__pydicom/src/pydicom/data/test_files/no_meta.dcm", "a stray byte comes first"),
    ("files/pydicom__pydicom/src/pydicom/data/test_files/rtplan_truncated.dcm", "cut off within a sequence"),
];

#[test]
fn every_file_of_the_corpus_is_walked_to_its_end() {
    let Some(corpus) = corpus() else { return };
    let mut failures = BTreeMap::new();
    let mut walked = 0;
    for (path, row) in manifest(&corpus) {
        let file = fs::read(corpus.join(&path)).unwrap();
        match walk_file(&file, &row) {
            Ok(data_set) => {
                assert_spans(&data_set);
                walked += 1;
            }
            Err(error) => drop(failures.insert(path, error)),
        }
    }
    eprintln!("{walked} files were walked, {} were not:", failures.len());
    for (path, error) in &failures {
        eprintln!("  {path}: {error}");
    }
    let failed: BTreeSet<_> = failures.keys().map(String::as_str).collect();
    let expected: BTreeSet<_> = UNWALKABLE.iter().map(|(path, _)| *path).collect();
    assert_eq!(failed, expected);
}

/// Elements lie end to end: no byte of a data set belongs to none of them, or to two.
fn assert_spans(data_set: &DataSet) {
    let mut end = 0;
    for element in &data_set.elements {
        assert_eq!(element.start, end);
        assert!(element.start < element.value.start && element.value.start <= element.value.end);
        assert!(element.value.end <= element.end);
        end = element.end;
    }
    assert_eq!(end, data_set.len);
}

fn walk_file(file: &Vec<u8>, row: &BTreeMap<String, String>) -> Result<DataSet, String> {
    let (start, transfer_syntax) = skip_file_meta(file)?;
    let uid = transfer_syntax.unwrap_or_else(|| row["transfer_syntax"].clone());
    let declared = TransferSyntax::of_uid(&uid).map(|syntax| syntax.vr_encoding);
    let section = Section::from(file, start).unwrap();
    let limits = Limits::default();
    if declared == Some(VrEncoding::DeflatedExplicitLittle) {
        let inflated = inflate(&section, &limits).map_err(|error| error.to_string())?;
        return walk(&inflated, VrEncoding::ExplicitLittle, &limits).map_err(|error| error.to_string());
    }
    walk_as_found(&section, declared, &limits).map_err(|error| error.to_string())
}

/// Where the data set begins, and the transfer syntax if the file says so.
fn skip_file_meta(file: &[u8]) -> Result<(u64, Option<String>), String> {
    let mut offset = if file.get(128..132) == Some(b"DICM") { 132 } else { 0 };
    let mut transfer_syntax = None;
    loop {
        let bytes = file.get(offset..).unwrap_or_default();
        let Ok(header) = read_header(bytes, VrEncoding::ExplicitLittle) else { break };
        if header.tag.group != 0x0002 {
            break;
        }
        let value = offset + usize::from(header.header_length);
        let end = value + header.length as usize;
        let value = file.get(value..end).ok_or("the file meta information is cut off")?;
        if header.tag == Tag::TRANSFER_SYNTAX_UID {
            transfer_syntax =
                Some(dicom::Uid::from_value(value).map_err(|error| error.to_string())?.to_string());
        }
        offset = end;
    }
    Ok((offset as u64, transfer_syntax))
}
