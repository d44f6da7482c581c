//! Native instances of any image, what an encoder makes of them, and what is in the file then.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use crate::made::DataSet;
use condenser::codec::{CompressError, Options, Reason, Recompress, Report, compress, decompress};
use condenser::dicom::{self, Element, FileMeta, ImagePixel, Limits, Tag, TransferSyntax, VrEncoding, walk};
use std::io::Cursor;

/// SOP Class and Instance of what is made here.
pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
pub(crate) const SOP_INSTANCE: &str = "2.25.281236";

/// An element of group 0009 to 7FDF that stands beside the image: tag, VR, value of even length.
pub(crate) type Extra<'a> = (u16, u16, &'a str, &'a [u8]);

/// The data set of a native image in Explicit VR Little Endian, with other elements before its Pixel Data.
pub(crate) fn instance(image: &ImagePixel, cells: &[u8], extra: &[Extra]) -> Vec<u8> {
    let padded = |text: &str| format!("{text}{}", if text.len() % 2 == 1 { " " } else { "" });
    let mut data_set = DataSet::default()
        .short(0x0008, 0x0008, "CS", b"ORIGINAL\\PRIMARY")
        .uid(0x0008, 0x0016, SOP_CLASS)
        .uid(0x0008, 0x0018, SOP_INSTANCE)
        .number(0x0028, 0x0002, image.samples)
        .short(0x0028, 0x0004, "CS", padded(image.photometric.as_str()).as_bytes());
    if image.samples > 1 {
        data_set = data_set.number(0x0028, 0x0006, image.planar);
    }
    data_set = data_set
        .short(0x0028, 0x0008, "IS", padded(&image.frames.to_string()).as_bytes())
        .number(0x0028, 0x0010, image.rows)
        .number(0x0028, 0x0011, image.columns)
        .number(0x0028, 0x0100, image.bits_allocated)
        .number(0x0028, 0x0101, image.bits_stored)
        .number(0x0028, 0x0102, image.high_bit)
        .number(0x0028, 0x0103, image.signed.into());
    for (group, element, vr, value) in extra {
        let long = ["OB", "OW", "OF", "SQ", "UN"].contains(vr);
        data_set = if long {
            data_set.long(*group, *element, vr, value)
        } else {
            data_set.short(*group, *element, vr, value)
        };
    }
    let mut cells = cells.to_vec();
    if cells.len() % 2 == 1 {
        cells.push(0);
    }
    data_set.long(0x7FE0, 0x0010, if image.bits_allocated > 8 { "OW" } else { "OB" }, &cells).0
}

/// The transfer syntax of this keyword.
pub(crate) fn syntax(keyword: &str) -> &'static TransferSyntax {
    TransferSyntax::of_name(keyword).unwrap()
}

/// A data set in Explicit VR Little Endian, written in another transfer syntax; or the reason why it is kept.
pub(crate) fn compressed(
    data_set: &[u8],
    keyword: &str,
    options: &Options,
) -> Result<(Report, File), Reason> {
    let meta = FileMeta {
        sop_class: SOP_CLASS.to_owned(),
        sop_instance: SOP_INSTANCE.to_owned(),
        transfer_syntax: syntax("ExplicitVRLittleEndian").uid.to_owned(),
        ..FileMeta::default()
    };
    let elements = walk(&data_set, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
    let mut file = Cursor::new(Vec::new());
    let report = compress(&data_set, &elements, syntax(keyword), &meta, options, &mut file);
    report.map(|report| (report, File::of(file.into_inner()))).map_err(reason)
}

fn reason(error: CompressError) -> Reason {
    match error {
        CompressError::Kept(reason) => reason,
        CompressError::Io(error) => unreachable!("{error}"),
    }
}

/// A Part 10 file whose data set is in Explicit VR Little Endian.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) meta: FileMeta,
    pub(crate) body: Vec<u8>,
    pub(crate) data_set: dicom::DataSet,
}

impl File {
    pub(crate) fn of(bytes: Vec<u8>) -> File {
        let (meta, start) = FileMeta::parse(&bytes).unwrap();
        let body = bytes[start as usize..].to_vec();
        let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        File { bytes, meta, body, data_set }
    }

    pub(crate) fn image(&self) -> ImagePixel {
        ImagePixel::from_data_set(&self.body, &self.data_set).unwrap()
    }

    /// The value of the first element of this tag.
    pub(crate) fn value(&self, tag: Tag) -> Option<Vec<u8>> {
        let element = self.data_set.element(tag)?;
        Some(self.body[element.value.start as usize..element.value.end as usize].to_vec())
    }

    /// The tags of the outermost level.
    pub(crate) fn tags(&self) -> Vec<Tag> {
        self.data_set.elements.iter().map(|element: &Element| element.tag).collect()
    }

    /// The file in another transfer syntax.
    pub(crate) fn recompressed(&self, keyword: &str) -> Result<(Report, File), Reason> {
        let options = Options { recompress: Recompress::Always, may_grow: true, ..Options::default() };
        let mut file = Cursor::new(Vec::new());
        let target = syntax(keyword);
        let report = compress(&self.body, &self.data_set, target, &self.meta, &options, &mut file);
        report.map(|report| (report, File::of(file.into_inner()))).map_err(reason)
    }

    /// The native pixel data that it decodes to.
    pub(crate) fn native(&self) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let target = syntax("ExplicitVRLittleEndian");
        decompress(&self.body, &self.data_set, target, &self.meta, &Options::default(), &mut file).unwrap();
        File::of(file.into_inner()).value(Tag::PIXEL_DATA).unwrap()
    }

    /// The codestreams of all frames.
    pub(crate) fn codestreams(&self) -> Vec<Vec<u8>> {
        let frames = self.image().frames;
        let found = dicom::EncapsulatedFrames::of(&self.body, &self.data_set, frames).unwrap();
        (0..found.len()).map(|frame| found.codestream(&self.body, frame).unwrap().into_owned()).collect()
    }
}
