//! Writes an instance in another transfer syntax, as a whole Part 10 file, every frame proven (PS3.5 A.4, PS3.10 7).

use super::attributes::{image_edits, mark_lossy, without_fragments};
use super::derivation::Derivation;
use super::frame_job::FrameJob;
use super::instance::Instance;
use super::native_file::write_native;
use super::native_form::form_of;
use super::native_target::NativeTarget;
use super::pair::Pair;
use super::parameters::Exactness;
use super::pixels::Pixels;
use super::reason::Reason;
use super::report::{CompressError, Derived, Options, Recompress, Report};
use super::size_limit::SizeLimit;
use super::suitability::suitable_pixels;
use crate::dicom::{
    DataSet, FileMeta, OffsetTable, PixelCoding, Source, Tag, TransferSyntax, write_as_explicit,
};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek, Write};
use std::sync::{Mutex, PoisonError};

/// Writes an instance as `target`: a whole Part 10 file to `out`, from its present position on.
///
/// `data_set` describes `source` as received, in any encoding (a deflated one inflated, and walked as Explicit VR Little
/// Endian); `meta.transfer_syntax` says how its pixel data came, and `target` takes its place in the file. Pixel data that
/// came compressed is decoded first where `options.recompress` allows it. All elements but Pixel Data keep their values and
/// order, and where their encoding stays their bytes; only Planar Configuration and Photometric Interpretation become what
/// the encoded image has, and tables of fragments that are not there any more are dropped. `Ok` means that every frame has
/// been proven, unless verification is switched off.
///
/// Where samples may change, which `options.lossy` has to allow, what is written is an instance of its own that says of
/// which one it derives, and how: see [`Derived`].
///
/// A native target (Explicit or Implicit VR Little Endian, or Deflated Explicit VR Little Endian) may have any kind of
/// instance. What is deflated is inflated again and compared, and has to be smaller than what came native.
///
/// Waits for the codec pool; must not be called from within it.
///
/// # Errors
/// [`CompressError::Kept`] with the reason to keep the instance as received; [`CompressError::Io`] when source or output
/// fail.
pub fn compress<W: Write + Seek>(
    source: &dyn Source,
    data_set: &DataSet,
    target: &'static TransferSyntax,
    meta: &FileMeta,
    options: &Options,
    out: &mut W,
) -> Result<Report, CompressError> {
    if let Some(form) = form_of(target) {
        let instance = Instance::of(source, data_set, meta);
        return write_native(&NativeTarget::of(instance, form, options)?, target, meta, options.verify, out);
    }
    let pair = Pair::of(target, options).map_err(CompressError::Kept)?;
    compress_with(pair, source, data_set, target, meta, options, out)
}

/// Decodes an instance into a native transfer syntax, Explicit or Implicit VR Little Endian: a whole Part 10 file to `out`,
/// from its present position on.
///
/// What [`compress`] does with [`Recompress::Always`], said in the word that people look for. An instance without encapsulated
/// pixel data only gets the headers of `target`.
///
/// # Errors
/// As [`compress`].
pub fn decompress<W: Write + Seek>(
    source: &dyn Source,
    data_set: &DataSet,
    target: &'static TransferSyntax,
    meta: &FileMeta,
    options: &Options,
    out: &mut W,
) -> Result<Report, CompressError> {
    if target.pixel_coding != PixelCoding::Native {
        return Err(CompressError::Kept(Reason::NotNative(target.keyword)));
    }
    let options = Options { recompress: Recompress::Always, ..options.clone() };
    compress(source, data_set, target, meta, &options, out)
}

/// As [`compress`], with a given encoder and decoder: for tests that let either fail.
///
/// # Errors
/// As [`compress`].
pub fn compress_with<W: Write + Seek>(
    pair: Pair,
    source: &dyn Source,
    data_set: &DataSet,
    target: &'static TransferSyntax,
    meta: &FileMeta,
    options: &Options,
    out: &mut W,
) -> Result<Report, CompressError> {
    let instance = Instance::of(source, data_set, meta);
    let exactness = pair.encoder.exactness(&options.parameters);
    let Pixels { received, image, source: pixels, native_bytes, decoded_by, .. } =
        suitable_pixels(&instance, target, exactness, options)?;
    let table = options.offset_table.unwrap_or_else(|| OffsetTable::choose(native_bytes, image.frames));
    let at = data_set.elements.iter().position(|element| element.tag == Tag::PIXEL_DATA);
    let at = at.ok_or(CompressError::Kept(Reason::NoPixelData))?;
    let start = out.stream_position()?;
    // Frames are written in one go each; what lies around them is written in small pieces.
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);

    let derivation = match exactness {
        Exactness::Exact => None,
        _ => Some(Derivation::of(&instance, target, pair.encoder, &options.parameters)?),
    };
    let sop_instance = derivation
        .as_ref()
        .map_or(meta.sop_instance.clone(), |derivation| derivation.sop_instance.to_string());
    FileMeta { transfer_syntax: target.uid.to_owned(), sop_instance, ..meta.clone() }.write(&mut out)?;
    let encoded = pair.encoder.image_after(&image, &options.parameters);
    let mut edits = image_edits(&received, &encoded)?;
    if instance.is_encapsulated() {
        without_fragments(&mut edits);
        mark_lossy(&instance, &mut edits)?;
    }
    edits.extend(derivation.iter().flat_map(|derivation| derivation.edits.clone()));
    let head = out.stream_position()?;
    let patched = derivation.as_ref().map(|derivation| derivation.patched(source));
    let source = patched.as_ref().map_or(source, |patched| patched as &dyn Source);
    let places = write_as_explicit(source, data_set, 0..at, &edits, &mut out)?;
    let may_grow = options.may_grow || !pair.encoder.is_to_shrink();
    let limit = SizeLimit::new(if may_grow { u64::MAX } else { native_bytes }, table, image.frames);
    let job = FrameJob {
        pair,
        verify: options.verify,
        target,
        parameters: &options.parameters,
        image: &image,
        encoded: &encoded,
        pixels: pixels.as_ref(),
        limit,
        deviation: Mutex::default(),
    };
    let encoded_bytes = job.write_all(table, &mut out)?;
    let behind = at + 1..data_set.elements.len();
    write_as_explicit(source, data_set, behind, &BTreeMap::new(), &mut out)?;
    let deviation =
        options.verify.then(|| job.deviation.into_inner().unwrap_or_else(PoisonError::into_inner));
    let derived = derivation.map(|derivation| {
        let ratio = ratio(native_bytes, encoded_bytes);
        if let Some(value) = places.get(&Tag::LOSSY_IMAGE_COMPRESSION_RATIO) {
            derivation.write_ratio(&mut out, head + value, ratio)?;
        }
        let psnr = deviation.map(|deviation| deviation.psnr(image.bits_stored));
        Ok::<_, io::Error>(Derived { sop_instance: derivation.sop_instance, ratio, psnr })
    });
    let derived = derived.transpose()?;
    out.flush()?;

    Ok(Report {
        target,
        decoder: decoded_by,
        encoder: Some(pair.encoder.name()),
        verified_by: options.verify.then(|| pair.decoder.name()),
        exactness,
        deviation,
        derived,
        frames: image.frames,
        native_bytes,
        encoded_bytes,
        file_bytes: out.stream_position()? - start,
    })
}

#[expect(clippy::cast_precision_loss, reason = "two digits behind the point are written")]
fn ratio(native_bytes: u64, encoded_bytes: u64) -> f64 {
    native_bytes as f64 / encoded_bytes.max(1) as f64
}

const WRITE_BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::super::encoder::Coded;
    use super::super::parameters::{Exactness, Parameters};
    use super::super::profile::allows;
    use super::super::testing::{self, cells, decoder_for, encoder_for, instance, noise, stored};
    use super::super::{ENCODERS, Encoder};
    use super::*;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{EncapsulatedFrames, ImagePixel, Limits, Section, Vr, VrEncoding, uids, walk};
    use std::io::Cursor;

    const ENCODINGS: &[VrEncoding] =
        &[VrEncoding::ImplicitLittle, VrEncoding::ExplicitLittle, VrEncoding::ExplicitBig];

    /// Three frames of twelve bits and a sign.
    fn image() -> ImagePixel {
        ImagePixel { frames: 3, ..stored(12, true, testing::image(40, 30, 16, 1, 0)) }
    }

    fn colour(planar: u16) -> ImagePixel {
        ImagePixel { frames: 3, ..testing::image(40, 30, 8, 3, planar) }
    }

    /// The encoder that is used for each syntax that carries such an image without loss.
    fn encoders(image: &ImagePixel) -> impl Iterator<Item = &'static dyn Encoder> {
        ENCODERS.iter().copied().filter(|encoder| {
            let syntax = encoder.transfer_syntax();
            encoder.exactness(&Parameters::default()) == Exactness::Exact
                && encoder.name() == encoder_for(syntax).name()
                && allows(TransferSyntax::of_uid(syntax).unwrap(), image).is_ok()
        })
    }

    /// What the image is in a file of the encoder's.
    fn after(encoder: &dyn Encoder, image: &ImagePixel) -> ImagePixel {
        encoder.image_after(image, &Parameters::default())
    }

    fn meta() -> FileMeta {
        FileMeta {
            sop_class: "1.2.840.10008.5.1.4.1.1.7".to_owned(),
            sop_instance: "2.25.1".to_owned(),
            ..FileMeta::default()
        }
    }

    fn run(
        encoding: VrEncoding,
        bytes: &[u8],
        target: &str,
        options: &Options,
    ) -> Result<(Report, Vec<u8>), CompressError> {
        let data_set = walk(&bytes, encoding, &Limits::default()).unwrap();
        let target = TransferSyntax::of_uid(target).unwrap();
        // A file that does not begin at 0 shows whether positions are taken from the right place.
        let mut out = Cursor::new(b"before".to_vec());
        out.set_position(6);
        let report = compress(&bytes, &data_set, target, &meta(), options, &mut out)?;
        Ok((report, out.into_inner().split_off(6)))
    }

    fn reason(result: Result<(Report, Vec<u8>), CompressError>) -> Reason {
        match result {
            Err(CompressError::Kept(reason)) => reason,
            other => panic!("not kept: {other:?}"),
        }
    }

    /// The file's meta, its data set, and the cells of all frames decoded to the layout of `image`.
    fn read(file: &[u8], image: &ImagePixel) -> (FileMeta, Vec<u8>, DataSet, Vec<u8>) {
        let (meta, start) = FileMeta::parse(&file).unwrap();
        let body = file[start as usize..].to_vec();
        let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let decoder = decoder_for(&meta.transfer_syntax);
        let encoded = ImagePixel::from_data_set(&body, &data_set).unwrap();
        let frames = EncapsulatedFrames::of(&body, &data_set, image.frames).unwrap();
        let mut decoded = Vec::new();
        for frame in 0..image.frames {
            let mut cells = Vec::new();
            let codestream = frames.codestream(&body, frame as usize).unwrap();
            let coded = Coded { codestream: &codestream, encoded: &encoded, native: image };
            decoder.decode(&coded, &mut cells).unwrap();
            decoded.extend_from_slice(&cells);
        }
        (meta, body, data_set, decoded)
    }

    #[test]
    fn every_encoding_becomes_a_file_with_the_same_cells_and_elements() {
        let private: &[(Tag, Vr, &[u8])] = &[
            (Tag::new(0x0029, 0x0010), Vr::LO, b"ACME 1.1"),
            (Tag::new(0x7FE1, 0x1001), Vr::OB, &[1, 2, 3, 4]),
            (Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 6]),
        ];
        let odd = ImagePixel { rows: 33, columns: 31, frames: 5, ..colour(0) };
        for image in [image(), colour(0), colour(1), odd] {
            let cells = cells(&image);
            for encoding in
                ENCODINGS.iter().filter(|encoding| !encoding.is_big_endian() || cells.len().is_multiple_of(2))
            {
                let bytes = instance(*encoding, &image, &cells, private);
                for encoder in encoders(&image) {
                    let target = encoder.transfer_syntax();
                    let (report, file) = run(*encoding, &bytes, target, &Options::default()).unwrap();
                    assert_eq!(report.file_bytes, file.len() as u64);
                    assert_eq!(report.native_bytes, cells.len() as u64);
                    assert_eq!((report.frames, report.target.uid), (image.frames, target));
                    assert!(report.encoded_bytes < report.native_bytes || !encoder.is_to_shrink());
                    assert!(report.verified_by.is_some());
                    let (meta, body, data_set, decoded) = read(&file, &image);
                    assert_eq!(
                        (meta.transfer_syntax.as_str(), meta.sop_instance.as_str()),
                        (target, "2.25.1")
                    );
                    let encoded = ImagePixel::from_data_set(&body, &data_set).unwrap();
                    assert_eq!(encoded, after(encoder, &image));
                    assert!(decoded == cells, "{encoding:?} {target} {image:?}");
                    assert_same_elements(&bytes, *encoding, &body, &data_set);
                }
            }
        }
    }

    /// Planes become pixels: the same cells in another order.
    #[test]
    fn planes_are_interleaved_for_jpeg_ls() {
        let image = colour(1);
        let cells = cells(&image);
        let bytes = instance(VrEncoding::ExplicitLittle, &image, &cells, &[]);
        let (_, file) =
            run(VrEncoding::ExplicitLittle, &bytes, uids::JPEG_LS_LOSSLESS, &Options::default()).unwrap();
        let (.., decoded) = read(&file, &after(encoder_for(uids::JPEG_LS_LOSSLESS), &image));
        let plane = usize::from(image.rows) * usize::from(image.columns);
        for (at, cell) in decoded.iter().enumerate() {
            let (frame, pixel, sample) = (at / 3 / plane, at / 3 % plane, at % 3);
            assert_eq!(*cell, cells[frame * plane * 3 + sample * plane + pixel], "at {at}");
        }
    }

    #[test]
    fn both_offset_tables_and_many_frames_come_out_in_order() {
        let image = ImagePixel { frames: 200, ..image() };
        let cells = cells(&image);
        let bytes = instance(VrEncoding::ExplicitLittle, &image, &cells, &[]);
        for table in [None, Some(OffsetTable::Basic), Some(OffsetTable::Extended)] {
            for encoder in encoders(&image) {
                let target = encoder.transfer_syntax();
                let options = Options { offset_table: table, ..Options::default() };
                let (_, file) = run(VrEncoding::ExplicitLittle, &bytes, target, &options).unwrap();
                let (_, _, data_set, decoded) = read(&file, &image);
                let extended = data_set.element(Tag::EXTENDED_OFFSET_TABLE).is_some();
                assert_eq!(extended, table == Some(OffsetTable::Extended));
                assert!(decoded == cells);
            }
        }
    }

    #[test]
    fn what_is_not_compressed_has_its_reason() {
        let explicit = VrEncoding::ExplicitLittle;
        let image = image();
        let cells = cells(&image);
        let of = |image: &ImagePixel, cells: &[u8], extra: &[(Tag, Vr, &[u8])], target: &str| {
            reason(run(explicit, &instance(explicit, image, cells, extra), target, &Options::default()))
                .name()
        };
        let jpeg_ls = uids::JPEG_LS_LOSSLESS;
        let with = |extra: &[(Tag, Vr, &[u8])]| of(&image, &cells, extra, jpeg_ls);
        assert_eq!(with(&[(Tag::FLOAT_PIXEL_DATA, Vr::OF, &[0; 8])]), "float_pixel_data");
        assert_eq!(with(&[(Tag::DIGITAL_SIGNATURES_SEQUENCE, Vr::SQ, &[])]), "digital_signature");
        assert_eq!(with(&[(Tag::MAC_PARAMETERS_SEQUENCE, Vr::SQ, &[])]), "digital_signature");
        assert_eq!(with(&[(Tag::EXTENDED_OFFSET_TABLE, Vr::OV, &[0; 8])]), "image_pixel_unusable");
        assert_eq!(with(&[(Tag::ROWS, Vr::US, &[1, 0])]), "image_pixel_unusable");
        assert_eq!(of(&image, &cells[..cells.len() - 2], &[], jpeg_ls), "pixel_data_short");
        assert_eq!(of(&image, &[&cells[..], &[0; 2]].concat(), &[], jpeg_ls), "pixel_data_long");
        assert_eq!(of(&ImagePixel { frames: 2, ..image.clone() }, &cells, &[], jpeg_ls), "pixel_data_long");
        assert_eq!(of(&ImagePixel { high_bit: 15, ..image.clone() }, &cells, &[], jpeg_ls), "high_bit");
        assert_eq!(of(&image, &cells, &[], uids::EXPLICIT_VR_BIG_ENDIAN), "no_encoder");
        assert_eq!(of(&image, &cells, &[], uids::HTJ2K_LOSSLESS), "no_encoder");
        let nothing = DataSetBuilder::new(explicit).text(Tag::PATIENT_NAME, Vr::PN, "A").build();
        assert_eq!(reason(run(explicit, &nothing, jpeg_ls, &Options::default())).name(), "no_pixel_data");
        let fragments = DataSetBuilder::new(explicit).undefined(Tag::PIXEL_DATA, Vr::OB);
        let fragments = fragments.item(&[]).item(&[1, 2]).end_sequence().build();
        assert_eq!(
            reason(run(explicit, &fragments, jpeg_ls, &Options::default())).name(),
            "already_compressed"
        );
        let unknown = Options { encoder: Some("fastest".to_owned()), ..Options::default() };
        let bytes = instance(explicit, &image, &cells, &[]);
        assert_eq!(reason(run(explicit, &bytes, jpeg_ls, &unknown)).name(), "no_encoder");
    }

    /// Overlays in unused bits: JPEG-LS would drop them, RLE keeps them.
    #[test]
    fn used_unused_bits_stop_jpeg_ls_and_survive_rle() {
        let explicit = VrEncoding::ExplicitLittle;
        let image = ImagePixel { signed: false, ..image() };
        let mut cells = cells(&image);
        let frame = image.frame_bytes().unwrap() as usize;
        cells[2 * frame + 101] |= 0x10;
        let bytes = instance(explicit, &image, &cells, &[]);
        for verify in [true, false] {
            let options = Options { verify, ..Options::default() };
            let reason = reason(run(explicit, &bytes, uids::JPEG_LS_LOSSLESS, &options));
            assert_eq!(reason, Reason::UnusedBits { frame: 3, target: "JPEGLSLossless" });
        }
        let (_, file) = run(explicit, &bytes, uids::RLE_LOSSLESS, &Options::default()).unwrap();
        assert!(read(&file, &image).3 == cells);
    }

    #[test]
    fn noise_grows_and_is_kept() {
        let explicit = VrEncoding::ExplicitLittle;
        let image = ImagePixel { bits_stored: 16, high_bit: 15, signed: false, ..image() };
        let noise = noise(image.native_bytes().unwrap() as usize, 1);
        let bytes = instance(explicit, &image, &noise, &[]);
        for encoder in encoders(&image).filter(|encoder| encoder.is_to_shrink()) {
            let reason = reason(run(explicit, &bytes, encoder.transfer_syntax(), &Options::default()));
            assert_eq!(reason, Reason::Grew { native_bytes: noise.len() as u64 });
        }
    }

    /// Every element but the pixel data and what describes its encoding has the same value and place as before.
    fn assert_same_elements(before: &[u8], encoding: VrEncoding, body: &Vec<u8>, after: &DataSet) {
        let changed = [Tag::PIXEL_DATA, Tag::PLANAR_CONFIGURATION, Tag::PHOTOMETRIC_INTERPRETATION];
        let received = walk(&before, encoding, &Limits::default()).unwrap();
        let tags =
            |data_set: &DataSet| data_set.elements.iter().map(|element| element.tag).collect::<Vec<_>>();
        assert_eq!(tags(&received), tags(after));
        for (old, new) in received.elements.iter().zip(&after.elements) {
            let number = new.vr == Some(Vr::US);
            if !changed.contains(&old.tag) {
                let mut old_value = before.bytes(old.value.clone()).unwrap().into_owned();
                if encoding.is_big_endian() && number {
                    old_value.reverse();
                }
                let new_value = Section::new(body, new.value.clone()).unwrap();
                assert_eq!(old_value, *new_value.bytes(0..new_value.len()).unwrap(), "{}", old.tag);
            }
        }
    }
}
