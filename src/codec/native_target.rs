//! Writes an instance in a native transfer syntax: Explicit or Implicit VR Little Endian, or deflated (PS3.5 8.1, A.1, A.2
//! and A.5).
//!
//! Encapsulated pixel data is decoded frame by frame and written as it comes, so that a large multi-frame image never lies
//! in memory. What is native already, and what has no pixels at all, only gets the other headers.

use super::attributes::{image_edits, mark_lossy, say_planar, without_fragments};
use super::instance::Instance;
use super::native_form::{Form, form_of};
use super::native_pixel_data::{has_native_length, write_pixels};
use super::pixels::Pixels;
use super::reason::Reason;
use super::report::{CompressError, Options};
use crate::dicom::{Element, PixelCoding, Tag, TransferSyntax, nested_fragments, write_elements};
use std::collections::BTreeMap;
use std::io::Write;

/// An instance on its way into a native transfer syntax.
pub(super) struct NativeTarget<'s> {
    pub(super) instance: Instance<'s>,
    pub(super) form: Form,
    /// What has to be decoded; none when the data set is native or has no pixels.
    pub(super) pixels: Option<Pixels<'s>>,
}

impl<'s> NativeTarget<'s> {
    /// What there is to do for `instance`.
    ///
    /// # Errors
    /// The reason to keep the instance as received; or the source's own error.
    pub(super) fn of(
        instance: Instance<'s>,
        form: Form,
        options: &Options,
    ) -> Result<NativeTarget<'s>, CompressError> {
        let referenced = |syntax: &TransferSyntax| syntax.pixel_coding == PixelCoding::Referenced;
        if let Some(syntax) = instance.received.filter(|syntax| referenced(syntax)) {
            return Err(CompressError::Kept(Reason::NoDecoder(syntax.keyword.to_owned())));
        }
        let pixels = if instance.is_encapsulated() {
            let pixels = Pixels::of(&instance, options, |_| Ok(()))?;
            no_fragments_within(&instance)?;
            has_native_length(pixels.native_bytes)?;
            Some(pixels)
        } else {
            has_native_length(instance.data_set.pixel_data().map_or(0, Element::value_length))?;
            None
        };
        // What came deflated would only be deflated again.
        let came_so = instance.received.is_some_and(|syntax| form.deflated && form_of(syntax) == Some(form));
        if came_so && pixels.is_none() {
            return Err(CompressError::Kept(Reason::AlreadyCompressed));
        }
        Ok(NativeTarget { instance, form, pixels })
    }

    /// Writes the whole data set, without File Meta Information.
    ///
    /// # Errors
    /// The reason to keep the instance as received; or the source's or the writer's own error.
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<(), CompressError> {
        let Instance { source, data_set, .. } = self.instance;
        let count = data_set.elements.len();
        let mut edits = BTreeMap::new();
        let write = |range, edits: &BTreeMap<_, _>, out: &mut dyn Write| {
            write_elements(source, data_set, range, edits, self.form.headers, out)
                .map(drop)
                .map_err(CompressError::from)
        };
        let Some(pixels) = &self.pixels else { return write(0..count, &edits, out) };
        let at = data_set.elements.iter().position(|element| element.tag == Tag::PIXEL_DATA);
        let at = at.ok_or(CompressError::Kept(Reason::NoPixelData))?;
        edits.append(&mut image_edits(&pixels.received, &pixels.image)?);
        say_planar(data_set, &pixels.image, &mut edits)?;
        without_fragments(&mut edits);
        mark_lossy(&self.instance, &mut edits)?;
        write(0..at, &edits, out)?;
        write_pixels(pixels, self.form.headers, out)?;
        write(at + 1..count, &BTreeMap::new(), out)
    }

    /// Bytes of the native pixel data; 0 when there is none.
    pub(super) fn pixel_bytes(&self) -> u64 {
        let element = || self.instance.data_set.pixel_data().map(Element::value_length);
        self.pixels.as_ref().map(|pixels| pixels.native_bytes).or_else(element).unwrap_or_default()
    }
}

fn no_fragments_within(instance: &Instance<'_>) -> Result<(), CompressError> {
    match nested_fragments(instance.source, instance.data_set)? {
        None => Ok(()),
        Some(tag) => {
            let said =
                format!("{tag} within a sequence is encapsulated, which a native data set cannot hold");
            Err(CompressError::Kept(Reason::HeaderNotRewritable(said)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compress::{compress, decompress};
    use super::super::report::{Recompress, Report};
    use super::super::testing::{self, cells, instance, stored};
    use super::*;
    use crate::dicom::testing::{DataSetBuilder, ENCODINGS};
    use crate::dicom::{
        EncapsulatedFrames, FileMeta, ImagePixel, Limits, OffsetTable, Vr, VrEncoding, clear_padding,
        inflate, uids, walk,
    };
    use VrEncoding::{ExplicitLittle, ImplicitLittle};
    use std::io::Cursor;

    const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    const IMPLICIT: &str = uids::IMPLICIT_VR_LITTLE_ENDIAN;
    const DEFLATED: &str = uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN;

    /// A data set and the transfer syntax that it is in.
    struct File {
        syntax: &'static str,
        encoding: VrEncoding,
        body: Vec<u8>,
    }

    impl File {
        /// A deflated data set is inflated, as whoever gives it to `compress` has to.
        fn new(syntax: &'static str, body: Vec<u8>) -> File {
            if syntax == DEFLATED {
                let body = inflate(&body, &Limits::default()).unwrap();
                return File { syntax, encoding: ExplicitLittle, body };
            }
            File { syntax, encoding: TransferSyntax::of_uid(syntax).unwrap().vr_encoding, body }
        }

        fn become_with(
            &self,
            target: &'static str,
            options: &Options,
            by: impl Fn(&File, &TransferSyntax) -> bool,
        ) -> Result<(Report, File), CompressError> {
            let data_set = walk(&self.body, self.encoding, &Limits::default()).unwrap();
            let syntax = TransferSyntax::of_uid(target).unwrap();
            let meta = FileMeta { transfer_syntax: self.syntax.to_owned(), ..FileMeta::default() };
            let mut out = Cursor::new(b"before".to_vec());
            out.set_position(6);
            let run = if by(self, syntax) { decompress } else { compress };
            let report = run(&self.body, &data_set, syntax, &meta, options, &mut out)?;
            let file = out.into_inner().split_off(6);
            assert_eq!(report.file_bytes, file.len() as u64);
            let (meta, start) = FileMeta::parse(&file).unwrap();
            assert_eq!(meta.transfer_syntax, target);
            Ok((report, File::new(target, file[start as usize..].to_vec())))
        }

        fn decompressed(&self, target: &'static str) -> Result<(Report, File), CompressError> {
            self.become_with(target, &Options::default(), |_, _| true)
        }

        fn compressed(
            &self,
            target: &'static str,
            options: &Options,
        ) -> Result<(Report, File), CompressError> {
            self.become_with(target, options, |_, _| false)
        }
    }

    fn reason(result: Result<(Report, File), CompressError>) -> &'static str {
        match result {
            Err(CompressError::Kept(reason)) => reason.name(),
            Err(error) => panic!("{error}"),
            Ok(_) => "done",
        }
    }

    fn native(encoding: VrEncoding) -> &'static str {
        match encoding {
            ImplicitLittle => IMPLICIT,
            ExplicitLittle => EXPLICIT,
            _ => uids::EXPLICIT_VR_BIG_ENDIAN,
        }
    }

    /// Images whose pixel data has an even and an odd length, one and three samples, pixels and planes.
    fn images() -> Vec<ImagePixel> {
        vec![
            ImagePixel { frames: 3, ..stored(12, true, testing::image(40, 30, 16, 1, 0)) },
            ImagePixel { frames: 5, ..testing::image(33, 31, 8, 3, 0) },
            ImagePixel { frames: 2, ..testing::image(33, 32, 8, 3, 1) },
        ]
    }

    const EXTRA: &[(Tag, Vr, &[u8])] = &[
        (Tag::new(0x0029, 0x0010), Vr::LO, b"ACME 1.1"),
        (Tag::new(0x0029, 0x1001), Vr::UN, &[1, 2, 3, 4]),
        (Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 6]),
    ];

    #[test]
    fn what_was_compressed_becomes_what_it_was_byte_for_byte() {
        for image in images() {
            let cells = cells(&image);
            for table in [OffsetTable::Basic, OffsetTable::Extended] {
                for syntax in [uids::RLE_LOSSLESS, uids::JPEG_LS_LOSSLESS] {
                    let options = Options { offset_table: Some(table), ..Options::default() };
                    let before = File::new(EXPLICIT, instance(ExplicitLittle, &image, &cells, EXTRA));
                    let (_, between) = before.compressed(syntax, &options).unwrap();
                    let (report, after) = between.decompressed(EXPLICIT).unwrap();
                    // JPEG-LS has its colours by pixel, and says so.
                    if image.planar == 0 || syntax == uids::RLE_LOSSLESS {
                        assert!(after.body == before.body, "{syntax} {table:?} {image:?}");
                    }
                    assert_eq!((report.frames, report.native_bytes), (image.frames, cells.len() as u64));
                    assert!(report.decoder.is_some() && report.encoder.is_none());
                    let (_, implicit) = between.decompressed(IMPLICIT).unwrap();
                    let (_, same) = after.compressed(IMPLICIT, &Options::default()).unwrap();
                    assert!(implicit.body == same.body, "{syntax} {table:?} {image:?}");
                }
            }
        }
    }

    /// Frames of bits that begin anywhere natively, and on a byte each as they are encapsulated.
    #[test]
    fn segmentations_of_one_bit_come_back_bit_for_bit() {
        for (rows, frames) in [(33, 9), (32, 4)] {
            let image = ImagePixel { frames, ..testing::image(rows, 65, 1, 1, 0) };
            let bytes = image.native_bytes().unwrap();
            let mut cells: Vec<u8> = (0..bytes).map(|at| if at / 40 % 3 == 1 { 0xFF } else { 0 }).collect();
            clear_padding(&mut cells, image.frame_bits() * u64::from(frames));
            let before = File::new(EXPLICIT, instance(ExplicitLittle, &image, &cells, EXTRA));
            for syntax in [uids::DEFLATED_IMAGE_FRAME, uids::ENCAPSULATED_UNCOMPRESSED] {
                let (report, between) = before.compressed(syntax, &Options::default()).unwrap();
                assert_eq!((report.frames, report.native_bytes), (frames, bytes));
                let data_set = walk(&between.body, ExplicitLittle, &Limits::default()).unwrap();
                let fragments = EncapsulatedFrames::of(&between.body, &data_set, frames).unwrap();
                let last = fragments.codestream(&between.body, frames as usize - 1).unwrap();
                if syntax == uids::ENCAPSULATED_UNCOMPRESSED {
                    assert_eq!(last.len() as u64, image.frame_bytes().unwrap().next_multiple_of(2));
                }
                assert!(between.decompressed(EXPLICIT).unwrap().1.body == before.body, "{syntax}");
            }
            assert_eq!(reason(before.compressed(uids::RLE_LOSSLESS, &Options::default())), "one_bit");
        }
    }

    /// From every native encoding into every native target, with and without pixels.
    #[test]
    fn what_is_native_gets_other_headers() {
        let image = &images()[0];
        let cells = cells(image);
        let report = |encoding| {
            let name = DataSetBuilder::new(encoding).text(Tag::PATIENT_NAME, Vr::PN, "A^B");
            let sequence = DataSetBuilder::new(encoding).item(&name.clone().build());
            name.sequence(Tag::new(0x0040, 0xA730), sequence).build()
        };
        for encoding in ENCODINGS {
            for (target, written) in [(EXPLICIT, ExplicitLittle), (IMPLICIT, ImplicitLittle)] {
                let extra = &EXTRA[..2];
                let file = File::new(native(encoding), instance(encoding, image, &cells, extra));
                let expected = instance(written, image, &cells, extra);
                for recompress in [Recompress::Never, Recompress::Always] {
                    let options = Options { recompress, ..Options::default() };
                    let (facts, after) = file.compressed(target, &options).unwrap();
                    assert!(after.body == expected, "{encoding:?} {target}");
                    assert_eq!((facts.frames, facts.native_bytes), (0, cells.len() as u64));
                }
                let file = File::new(native(encoding), report(encoding));
                assert_eq!(file.decompressed(target).unwrap().1.body, report(written), "{encoding:?}");
            }
        }
    }

    #[test]
    fn a_deflated_data_set_inflates_to_the_explicit_one() {
        let image = &images()[0];
        let cells = cells(image);
        for encoding in ENCODINGS {
            let file = File::new(native(encoding), instance(encoding, image, &cells, &EXTRA[..2]));
            let (report, after) = file.compressed(DEFLATED, &Options::default()).unwrap();
            assert!(after.body == instance(ExplicitLittle, image, &cells, &EXTRA[..2]), "{encoding:?}");
            assert_eq!((report.encoder, report.verified_by), (Some("zlib-rs"), Some("zlib-rs")));
            assert_eq!(report.native_bytes, after.body.len() as u64);
            assert!(report.encoded_bytes < report.native_bytes / 2, "{report:?}");
            assert_eq!(reason(after.compressed(DEFLATED, &Options::default())), "already_compressed");
            assert!(after.compressed(EXPLICIT, &Options::default()).unwrap().1.body == after.body);
            let unproven = Options { verify: false, ..Options::default() };
            assert_eq!(file.compressed(DEFLATED, &unproven).unwrap().0.verified_by, None);
        }
        let explicit = File::new(EXPLICIT, instance(ExplicitLittle, image, &cells, EXTRA));
        let (_, rle) = explicit.compressed(uids::RLE_LOSSLESS, &Options::default()).unwrap();
        assert_eq!(reason(rle.compressed(DEFLATED, &Options::default())), "already_compressed");
        assert!(rle.decompressed(DEFLATED).unwrap().1.body == explicit.body);
        let noise = testing::noise(5000, 5);
        let noise = DataSetBuilder::new(ExplicitLittle).element(Tag::new(0x0029, 0x1001), Vr::OB, &noise);
        let grown = File::new(EXPLICIT, noise.build());
        assert_eq!(reason(grown.compressed(DEFLATED, &Options::default())), "grew");
        let report =
            DataSetBuilder::new(ImplicitLittle).text(Tag::PATIENT_NAME, Vr::PN, &"A".repeat(64)).build();
        let (facts, after) = File::new(IMPLICIT, report).compressed(DEFLATED, &Options::default()).unwrap();
        assert_eq!((facts.frames, after.body.len()), (0, 72));
    }

    #[test]
    fn one_compressed_syntax_becomes_another_only_when_asked_for() {
        for image in images() {
            let cells = cells(&image);
            let native = File::new(EXPLICIT, instance(ExplicitLittle, &image, &cells, EXTRA));
            let (_, rle) = native.compressed(uids::RLE_LOSSLESS, &Options::default()).unwrap();
            for (target, from_native) in [EXPLICIT, uids::RLE_LOSSLESS, uids::JPEG_LS_LOSSLESS]
                .map(|target| (target, native.compressed(target, &Options::default()).unwrap().1))
            {
                assert_eq!(reason(rle.compressed(target, &Options::default())), "already_compressed");
                for recompress in [Recompress::LosslessOnly, Recompress::Always] {
                    let options = Options { recompress, ..Options::default() };
                    let (report, file) = rle.compressed(target, &options).unwrap();
                    assert!(file.body == from_native.body, "{target} {image:?}");
                    assert_eq!(report.decoder, Some("rle"));
                }
            }
            let lossy = File { syntax: uids::JPEG_LS_NEAR_LOSSLESS, ..rle };
            let options = Options { recompress: Recompress::LosslessOnly, ..Options::default() };
            assert_eq!(reason(lossy.compressed(uids::RLE_LOSSLESS, &options)), "lossy_compressed");
        }
    }

    #[test]
    fn what_cannot_be_decoded_has_its_reason() {
        let image = &images()[0];
        let native = File::new(EXPLICIT, instance(ExplicitLittle, image, &cells(image), &[]));
        assert_eq!(reason(native.decompressed(uids::RLE_LOSSLESS)), "not_native");
        assert_eq!(
            reason(native.compressed(uids::EXPLICIT_VR_BIG_ENDIAN, &Options::default())),
            "no_encoder"
        );
        let (_, rle) = native.compressed(uids::RLE_LOSSLESS, &Options::default()).unwrap();
        let of = |syntax, body| reason(File::new(syntax, body).decompressed(EXPLICIT));
        assert_eq!(of("1.2.840.10008.1.2.4.100", rle.body.clone()), "no_decoder");
        assert_eq!(of("1.2.840.10008.1.2.4.102", rle.body.clone()), "no_decoder");
        assert_eq!(of("1.2.840.10008.1.2.4.94", native.body.clone()), "no_decoder");
        // The first segment of the first frame would begin beyond its end.
        let codestream = rle.body.windows(4).position(|bytes| bytes == [64, 0, 0, 0]).unwrap();
        let mut damaged = rle.body.clone();
        damaged[codestream + 2] = 1;
        assert_eq!(of(uids::RLE_LOSSLESS, damaged), "decode_failed");
        let frames = ImagePixel { frames: 4, ..image.clone() };
        let more = instance(ExplicitLittle, &frames, &[], &[]);
        let pixels = rle.body.windows(6).position(|bytes| bytes == b"\xE0\x7F\x10\x00OB").unwrap();
        let more = [&more[..more.len() - 12], &rle.body[pixels..]].concat();
        assert_eq!(of(uids::RLE_LOSSLESS, more), "fragments_unusable");
        let signed: &[(Tag, Vr, &[u8])] = &[(Tag::MAC_PARAMETERS_SEQUENCE, Vr::SQ, &[])];
        let signed = instance(ExplicitLittle, image, &[], signed);
        let signed = [&signed[..signed.len() - 12], &rle.body[pixels..]].concat();
        assert_eq!(of(uids::RLE_LOSSLESS, signed), "digital_signature");
    }

    #[test]
    fn an_icon_of_fragments_cannot_become_native() {
        let image = &images()[0];
        let new = || DataSetBuilder::new(ExplicitLittle);
        let icon = new().undefined(Tag::PIXEL_DATA, Vr::OB).item(b"").item(b"JPEG").end_sequence().build();
        let icon = new().item(&icon).build();
        let extra: &[(Tag, Vr, &[u8])] = &[(Tag::new(0x0088, 0x0200), Vr::SQ, &icon)];
        let with_icon = File::new(EXPLICIT, instance(ExplicitLittle, image, &cells(image), extra));
        let (_, rle) = with_icon.compressed(uids::RLE_LOSSLESS, &Options::default()).unwrap();
        for target in [EXPLICIT, IMPLICIT] {
            assert_eq!(reason(rle.decompressed(target)), "header_not_rewritable");
        }
    }

    /// More than a length of 32 bits can say: no cell is decoded for it.
    #[test]
    fn four_gigabytes_cannot_be_native() {
        let image = ImagePixel { frames: 41, ..testing::image(10240, 10240, 8, 1, 0) };
        let head = instance(ExplicitLittle, &image, &[], &[]);
        let frames = (0..41).map(|_| vec![0; 64]).collect::<Vec<_>>();
        let pixels = crate::dicom::encapsulate(&frames, OffsetTable::Basic).unwrap();
        let file = File::new(uids::RLE_LOSSLESS, [&head[..head.len() - 12], &pixels].concat());
        match file.decompressed(EXPLICIT).map(drop) {
            Err(CompressError::Kept(Reason::TooLongForNative { bytes })) => {
                assert_eq!(bytes, 41 * 10240 * 10240)
            }
            other => panic!("{other:?}"),
        }
    }
}
