//! Compresses an instance losslessly into a whole Part 10 file, every frame proven (PS3.5 A.4, PS3.10 7).

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cells::unused_bits_are_canonical;
use super::decoders::DECODERS;
use super::encoder::{Decoder, Encoder, Frame};
use super::encoders::ENCODERS;
use super::pool::{PoolError, in_order};
use super::reason::Reason;
use super::scratch::{self, Buffer};
use super::suitability::{Suitable, suitable};
use super::verify::verify;
use crate::dicom::{
    DataSet, Edit, EncapsulatedWriter, EncapsulationError, FileMeta, OffsetTable, RewriteError, Source, Tag,
    TransferSyntax, Vr, write_as_explicit,
};

/// How to compress.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether every frame is decoded again and compared before the file counts.
    pub verify: bool,
    /// Which offset table to write; `None` takes the Basic Offset Table where 32 bits surely suffice, else the Extended.
    pub offset_table: Option<OffsetTable>,
    /// The name of the encoder; `None` takes the first for the target.
    pub encoder: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { verify: true, offset_table: None, encoder: None }
    }
}

/// What has been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The transfer syntax of the file.
    pub target: &'static TransferSyntax,
    /// The encoder's name.
    pub encoder: &'static str,
    /// The name of the decoder that proved every frame; `None` when verification was switched off.
    pub verified_by: Option<&'static str>,
    /// The number of frames.
    pub frames: u32,
    /// Bytes of the native pixel data, without its pad byte.
    pub native_bytes: u64,
    /// Bytes of all codestreams, with their pad bytes.
    pub encoded_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

/// Why there is no compressed file. What has been written to the output so far is of no use.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// The instance is to be kept as it was received.
    #[error("kept as received: {0}")]
    Kept(Reason),
    /// The source could not be read or the output not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Encodes an instance as `target` and writes a whole Part 10 file to `out`, from its present position on.
///
/// `data_set` describes `source` as received, in any native encoding (a deflated one inflated, and walked as Explicit VR
/// Little Endian). All elements but Pixel Data keep their values and order, and in explicit little endian their bytes;
/// only Planar Configuration becomes 0 where the encoder interleaves planes. `meta` is written with `target` as its
/// transfer syntax. `Ok` means that every frame has been proven, unless verification is switched off.
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
    let pair = Pair::of(target, options).map_err(CompressError::Kept)?;
    compress_with(pair, source, data_set, target, meta, options, out)
}

/// An encoder and the decoder that proves its work.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Makes the codestreams.
    pub encoder: &'static dyn Encoder,
    /// Proves them.
    pub decoder: &'static dyn Decoder,
}

impl Pair {
    /// The pair for a target out of the tables; the decoder is of another make than the encoder where there is one.
    fn of(target: &TransferSyntax, options: &Options) -> Result<Pair, Reason> {
        let wanted = |encoder: &&&dyn Encoder| {
            encoder.transfer_syntax() == target.uid
                && options.encoder.as_ref().is_none_or(|name| name == encoder.name())
        };
        let encoder =
            *ENCODERS.iter().find(wanted).ok_or_else(|| Reason::NoEncoder(target.keyword.to_owned()))?;
        let fits = || DECODERS.iter().filter(|decoder| decoder.transfer_syntax() == target.uid);
        let decoder = fits().find(|decoder| decoder.name() != encoder.name()).or_else(|| fits().next());
        let decoder = *decoder.ok_or_else(|| Reason::NoEncoder(target.keyword.to_owned()))?;
        Ok(Pair { encoder, decoder })
    }
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
    let Suitable { image, pixels } = suitable(source, data_set, target).map_err(CompressError::Kept)?;
    let native_bytes = u64::from(image.frames) * pixels.frame_bytes();
    let grew = || Reason::Grew { native_bytes };
    let position = data_set.elements.iter().position(|element| element.tag == Tag::PIXEL_DATA);
    let position = position.ok_or(CompressError::Kept(Reason::NoPixelData))?;
    let start = out.stream_position()?;
    // Frames are written in one go each; what lies around them is written in small pieces.
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);

    FileMeta { transfer_syntax: target.uid.to_owned(), ..meta.clone() }.write(&mut out)?;
    let planar = pair.encoder.planar_after(&image);
    let edits = if planar == image.planar { BTreeMap::new() } else { planar_edit(planar)? };
    write_as_explicit(source, data_set, 0..position, &edits, &mut out).map_err(rewrite_error)?;

    let table = options.offset_table.unwrap_or_else(|| OffsetTable::choose(native_bytes, image.frames));
    let mut writer = EncapsulatedWriter::begin(&mut out, image.frames, table).map_err(encapsulation_error)?;
    let encoded_total = AtomicU64::new(OVERHEAD + table_bytes(table, image.frames));
    let encode = |index: u32, hand_over: &dyn Fn(Arc<[u8]>)| -> Result<(), CompressError> {
        let kept = |reason| Err(CompressError::Kept(reason));
        let cells = pixels.frame(index)?;
        let frame = Frame { cells: &cells, image: &image };
        let number = index.saturating_add(1);
        if !pair.encoder.keeps_unused_bits() && !unused_bits_are_canonical(&cells, &image) {
            return kept(Reason::UnusedBits { frame: number, target: target.keyword });
        }
        let codestream = scratch::with(&CODESTREAM, |buffer| {
            pair.encoder.encode(&frame, buffer).map(|()| Arc::<[u8]>::from(buffer.as_slice()))
        });
        let codestream = match codestream {
            Ok(codestream) => codestream,
            Err(error) => return kept(Reason::EncodeFailed { frame: number, error }),
        };
        let item = ITEM + codestream.len().next_multiple_of(2) as u64;
        if encoded_total.fetch_add(item, Ordering::Relaxed) + item >= native_bytes {
            return kept(grew());
        }
        hand_over(Arc::clone(&codestream));
        if options.verify
            && let Err(error) = verify(pair.decoder, &codestream, &frame)
        {
            return kept(Reason::Mismatch { frame: number, error });
        }
        Ok(())
    };
    let write = |codestream: Arc<[u8]>| {
        writer.frame(&codestream).map_err(|error| PoolError::Job(encapsulation_error(error)))
    };
    in_order(image.frames, encode, write).map_err(|error| match error {
        PoolError::Job(error) => error,
        PoolError::Panicked { index, message } => {
            CompressError::Kept(Reason::EncoderPanicked { frame: index.saturating_add(1), message })
        }
        PoolError::Io(error) => CompressError::Io(error),
    })?;
    let encapsulated = writer.finish().map_err(encapsulation_error)?;

    let rest = position + 1..data_set.elements.len();
    write_as_explicit(source, data_set, rest, &BTreeMap::new(), &mut out).map_err(rewrite_error)?;
    out.flush()?;
    Ok(Report {
        target,
        encoder: pair.encoder.name(),
        verified_by: options.verify.then(|| pair.decoder.name()),
        frames: image.frames,
        native_bytes,
        encoded_bytes: encapsulated.frame_bytes,
        file_bytes: out.stream_position()? - start,
    })
}

thread_local! {
    /// The codestream while it grows; its exact copy goes to the writer.
    static CODESTREAM: Buffer = const { Buffer::new(Vec::new()) };
}

const WRITE_BUFFER: usize = 64 << 10;
/// Bytes of an item's tag and length (PS3.5 7.5).
const ITEM: u64 = 8;
/// The item of the Basic Offset Table and the Sequence Delimitation Item, which native pixel data does not have.
const OVERHEAD: u64 = 2 * ITEM;

/// Bytes that the offset table itself takes.
fn table_bytes(table: OffsetTable, frames: u32) -> u64 {
    match table {
        OffsetTable::Basic => 4 * u64::from(frames),
        OffsetTable::Extended => 16 * u64::from(frames),
    }
}

/// The edit that gives Planar Configuration (0028,0006) another value.
fn planar_edit(planar: u16) -> io::Result<BTreeMap<Tag, Edit>> {
    let edit = Edit::replace(Tag::PLANAR_CONFIGURATION, Vr::US, &planar.to_le_bytes())?;
    Ok(BTreeMap::from([(Tag::PLANAR_CONFIGURATION, edit)]))
}

fn rewrite_error(error: RewriteError) -> CompressError {
    match error {
        RewriteError::Io(error) => CompressError::Io(error),
        other => CompressError::Kept(Reason::HeaderNotRewritable(other.to_string())),
    }
}

fn encapsulation_error(error: EncapsulationError) -> CompressError {
    match error {
        EncapsulationError::Io(error) => CompressError::Io(error),
        other => CompressError::Kept(Reason::ImagePixelUnusable(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoder::{DecodeError, EncodeError};
    use super::*;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{
        EncapsulatedFrames, ImagePixel, Limits, Photometric, Section, VrEncoding, uids, walk,
    };
    use std::io::Cursor;

    const TARGETS: &[&str] = &[uids::JPEG_LS_LOSSLESS, uids::RLE_LOSSLESS];
    const ENCODINGS: &[VrEncoding] =
        &[VrEncoding::ImplicitLittle, VrEncoding::ExplicitLittle, VrEncoding::ExplicitBig];

    fn image() -> ImagePixel {
        ImagePixel {
            rows: 40,
            columns: 30,
            frames: 3,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: 0,
            bits_allocated: 16,
            bits_stored: 12,
            high_bit: 11,
            signed: true,
        }
    }

    fn colour(planar: u16) -> ImagePixel {
        ImagePixel {
            samples: 3,
            photometric: Photometric::Rgb,
            planar,
            bits_allocated: 8,
            bits_stored: 8,
            high_bit: 7,
            signed: false,
            ..image()
        }
    }

    /// Smooth, canonical, and different in every frame.
    fn cells(image: &ImagePixel) -> Vec<u8> {
        let each = image.frame_cells() as i64;
        let span = 1 << (image.bits_stored - 1);
        (0..each * i64::from(image.frames))
            .flat_map(|at| {
                let value = (at % each / 41 + at / each * 5) % span - if image.signed { span / 2 } else { 0 };
                value.to_le_bytes().into_iter().take(image.bytes_per_cell())
            })
            .collect()
    }

    /// A whole instance: elements before and behind the image, a private sequence, and the image itself.
    fn instance(
        encoding: VrEncoding,
        image: &ImagePixel,
        cells: &[u8],
        extra: &[(Tag, Vr, &[u8])],
    ) -> Vec<u8> {
        let before = |tag: Tag| tag < Tag::PIXEL_DATA;
        let mut data_set = DataSetBuilder::new(encoding)
            .text(Tag::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.7")
            .text(Tag::PATIENT_NAME, Vr::PN, "Bürger^Anna")
            .us(Tag::SAMPLES_PER_PIXEL, image.samples)
            .text(Tag::PHOTOMETRIC_INTERPRETATION, Vr::CS, image.photometric.as_str());
        if image.samples > 1 {
            data_set = data_set.us(Tag::PLANAR_CONFIGURATION, image.planar);
        }
        data_set = data_set
            .text(Tag::NUMBER_OF_FRAMES, Vr::IS, &image.frames.to_string())
            .us(Tag::ROWS, image.rows)
            .us(Tag::COLUMNS, image.columns)
            .us(Tag::BITS_ALLOCATED, image.bits_allocated)
            .us(Tag::BITS_STORED, image.bits_stored)
            .us(Tag::HIGH_BIT, image.high_bit)
            .us(Tag::PIXEL_REPRESENTATION, u16::from(image.signed));
        for (tag, vr, value) in extra.iter().filter(|(tag, ..)| before(*tag)) {
            data_set = data_set.element(*tag, *vr, value);
        }
        let mut value = cells.to_vec();
        if encoding.is_big_endian() && image.bits_allocated == 16 {
            value.as_chunks_mut::<2>().0.iter_mut().for_each(|cell| cell.reverse());
        }
        if value.len() % 2 == 1 {
            value.push(0);
        }
        let vr = if image.bits_allocated > 8 { Vr::OW } else { Vr::OB };
        data_set = data_set.element(Tag::PIXEL_DATA, vr, &value);
        for (tag, vr, value) in extra.iter().filter(|(tag, ..)| !before(*tag)) {
            data_set = data_set.element(*tag, *vr, value);
        }
        data_set.build()
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

    /// The file's meta, its data set, and each frame decoded again.
    fn read(file: &[u8], image: &ImagePixel) -> (FileMeta, Vec<u8>, DataSet, Vec<u8>) {
        let (meta, start) = FileMeta::parse(&file).unwrap();
        let body = file[start as usize..].to_vec();
        let data_set = walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let decoder =
            DECODERS.iter().find(|decoder| decoder.transfer_syntax() == meta.transfer_syntax).unwrap();
        let frames = EncapsulatedFrames::of(&body, &data_set, image.frames).unwrap();
        let mut decoded = Vec::new();
        for frame in 0..image.frames {
            let mut cells = Vec::new();
            let codestream = frames.codestream(&body, frame as usize).unwrap();
            decoder.decode(&codestream, image, &mut cells).unwrap();
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
                for target in TARGETS {
                    let (report, file) = run(*encoding, &bytes, target, &Options::default()).unwrap();
                    assert_eq!(report.file_bytes, file.len() as u64);
                    assert_eq!(report.native_bytes, cells.len() as u64);
                    assert_eq!((report.frames, report.target.uid), (image.frames, *target));
                    assert!(report.encoded_bytes < report.native_bytes && report.verified_by.is_some());
                    let interleaved = image.planar == 1 && *target == uids::JPEG_LS_LOSSLESS;
                    let after =
                        ImagePixel { planar: if interleaved { 0 } else { image.planar }, ..image.clone() };
                    let (meta, body, data_set, decoded) = read(&file, &after);
                    assert_eq!(
                        (meta.transfer_syntax.as_str(), meta.sop_instance.as_str()),
                        (*target, "2.25.1")
                    );
                    assert_eq!(ImagePixel::from_data_set(&body, &data_set).unwrap(), after);
                    if !interleaved {
                        assert!(decoded == cells, "{encoding:?} {target} {image:?}");
                    }
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
        let (.., decoded) = read(&file, &ImagePixel { planar: 0, ..image.clone() });
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
            for target in TARGETS {
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
        assert_eq!(of(&image, &cells, &[], uids::EXPLICIT_VR_LITTLE_ENDIAN), "no_encoder");
        assert_eq!(of(&image, &cells, &[], uids::JPEG_LS_NEAR_LOSSLESS), "no_encoder");
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
        let mut state = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(image.native_bytes().unwrap() as usize)
        .collect();
        let bytes = instance(explicit, &image, &noise, &[]);
        for target in TARGETS {
            let reason = reason(run(explicit, &bytes, target, &Options::default()));
            assert_eq!(reason, Reason::Grew { native_bytes: noise.len() as u64 });
        }
    }

    /// An encoder that goes wrong in one frame, as `fault` says.
    struct Faulty(&'static str);

    impl Encoder for Faulty {
        fn name(&self) -> &'static str {
            "faulty"
        }
        fn transfer_syntax(&self) -> &'static str {
            uids::RLE_LOSSLESS
        }
        fn encode(&self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            rle().encode(frame, out)?;
            // The second frame of `cells` begins with this cell.
            if frame.cells[..2] == cells(&image())[image().frame_bytes().unwrap() as usize..][..2] {
                match self.0 {
                    "error" => return Err(EncodeError::TooLarge),
                    "panic" => panic!("out of ideas"),
                    // Behind the header and the first length byte stands a cell's high byte.
                    "bit flip" => out[65] ^= 1,
                    "cut" => out.truncate(out.len() - 2),
                    _ => {}
                }
            }
            Ok(())
        }
        fn planar_after(&self, image: &ImagePixel) -> u16 {
            image.planar
        }
        fn keeps_unused_bits(&self) -> bool {
            true
        }
    }

    /// A decoder that is broken itself.
    struct Broken(&'static str);

    impl Decoder for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn transfer_syntax(&self) -> &'static str {
            uids::RLE_LOSSLESS
        }
        fn decode(&self, _: &[u8], _: &ImagePixel, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
            match self.0 {
                "error" => Err(DecodeError::Damaged("so it says".to_owned())),
                "panic" => panic!("no idea"),
                _ => {
                    cells.clear();
                    Ok(())
                }
            }
        }
    }

    fn rle() -> &'static dyn Encoder {
        *ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == uids::RLE_LOSSLESS).unwrap()
    }

    fn with_pair(pair: Pair, verify: bool, out: &mut (impl Write + Seek)) -> Result<Report, CompressError> {
        let image = image();
        let bytes = instance(VrEncoding::ExplicitLittle, &image, &cells(&image), &[]);
        let data_set = walk(&bytes, VrEncoding::ExplicitLittle, &Limits::default()).unwrap();
        let target = TransferSyntax::of_uid(uids::RLE_LOSSLESS).unwrap();
        let options = Options { verify, ..Options::default() };
        compress_with(pair, &bytes, &data_set, target, &meta(), &options, out)
    }

    fn sound_decoder() -> &'static dyn Decoder {
        *DECODERS.iter().find(|decoder| decoder.transfer_syntax() == uids::RLE_LOSSLESS).unwrap()
    }

    /// C01 to C03 of the fault matrix: whatever the codec does, the instance is kept and the reason says why.
    #[test]
    fn no_fault_of_a_codec_passes() {
        let encoders: [(&'static Faulty, &str); 4] = [
            (&Faulty("error"), "encode_failed"),
            (&Faulty("panic"), "encoder_panicked"),
            (&Faulty("bit flip"), "verify_mismatch"),
            (&Faulty("cut"), "verify_mismatch"),
        ];
        for (encoder, name) in encoders {
            let pair = Pair { encoder, decoder: sound_decoder() };
            let Err(CompressError::Kept(reason)) = with_pair(pair, true, &mut Cursor::new(Vec::new())) else {
                panic!("{} passed", encoder.0)
            };
            assert_eq!(reason.name(), name);
            assert!(reason.to_string().contains("frame 2"), "{reason}");
        }
        let decoders: [(&'static Broken, &str); 3] = [
            (&Broken("error"), "verify_mismatch"),
            (&Broken("panic"), "encoder_panicked"),
            (&Broken("nothing"), "verify_mismatch"),
        ];
        for (decoder, name) in decoders {
            let pair = Pair { encoder: rle(), decoder };
            let Err(CompressError::Kept(reason)) = with_pair(pair, true, &mut Cursor::new(Vec::new())) else {
                panic!("{} passed", decoder.0)
            };
            assert_eq!(reason.name(), name);
        }
        let pair = Pair { encoder: &Faulty("none"), decoder: sound_decoder() };
        let report = with_pair(pair, true, &mut Cursor::new(Vec::new())).unwrap();
        assert_eq!((report.encoder, report.verified_by), ("faulty", Some("rle")));
        let unproven = Pair { encoder: rle(), decoder: &Broken("error") };
        assert_eq!(with_pair(unproven, false, &mut Cursor::new(Vec::new())).unwrap().verified_by, None);
    }

    /// A disk that is full is no reason to keep: the caller has to know.
    #[test]
    fn an_output_that_fails_is_an_error_of_its_own() {
        let pair = Pair { encoder: rle(), decoder: sound_decoder() };
        for room in [0, 200, 400, 1300] {
            let mut bytes = vec![0; room];
            let result = with_pair(pair, true, &mut Cursor::new(bytes.as_mut_slice()));
            assert!(matches!(result, Err(CompressError::Io(_))), "{room}: {result:?}");
        }
    }

    /// Every element but the pixel data and Planar Configuration has the same value and place as before.
    fn assert_same_elements(before: &[u8], encoding: VrEncoding, body: &Vec<u8>, after: &DataSet) {
        let changed = [Tag::PIXEL_DATA, Tag::PLANAR_CONFIGURATION];
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
