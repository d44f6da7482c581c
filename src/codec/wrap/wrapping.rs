//! Puts frames that someone else compressed into an instance, once their headers agree with it (PS3.5 8.2 and A.4).

use super::super::attributes::{image_edits, say_lossy, without_fragments};
use super::super::encoder::Decoder;
use super::super::pool::{PoolError, in_order};
use super::error::WrapError;
use super::headers::Headers;
use super::judge::Judge;
use super::options::{WrapOptions, WrapReport};
use super::place::{around_pixel_data, may_be_replaced};
use crate::dicom::{
    DataSet, EncapsulatedWriter, FileMeta, ImagePixel, OffsetTable, PixelCoding, Source, TransferSyntax,
    write_as_explicit,
};
use std::collections::BTreeMap;
use std::io::{BufWriter, Seek, Write};

/// Writes an instance whose frames are `codestreams`, which someone else compressed as `transfer_syntax`: a whole Part 10
/// file to `out`, from its present position on.
///
/// The data set describes the frames; its own Pixel Data, where it has one, gives way to them. Before anything is written
/// the header of every codestream is held against it, see [`disagreements`](super::super::disagreements()): rows, columns, samples, bits, sign and
/// colours. Where the data set is that of a native RGB image and the codestreams have a colour transform, Photometric
/// Interpretation becomes what they have (YBR_RCT, YBR_ICT, YBR_FULL, YBR_FULL_422), and Planar Configuration likewise: that
/// is what the standard asks of whoever compresses. Lossy Image Compression (0028,2110) becomes `01` where a codestream
/// has lost something for certain.
///
/// ```
/// use condenser::codec::{Frame, Parameters, ENCODERS, WrapOptions, wrap};
/// use condenser::dicom::{EncapsulatedFrames, FileMeta, ImagePixel, Limits, TransferSyntax, VrEncoding, walk};
/// use std::io::Cursor;
///
/// # let short = |group: u16, element: u16, vr: &str, value: &[u8]| {
/// #     let head = [group.to_le_bytes(), element.to_le_bytes()].concat();
/// #     [&head, vr.as_bytes(), &(value.len() as u16).to_le_bytes(), value].concat()
/// # };
/// # let mut data_set = short(0x28, 2, "US", &[1, 0]);
/// # data_set.extend(short(0x28, 4, "CS", b"MONOCHROME2 "));
/// # for (at, value) in [(0x10, 64_u16), (0x11, 48), (0x100, 16), (0x101, 12), (0x102, 11), (0x103, 0)] {
/// #     data_set.extend(short(0x28, at, "US", &value.to_le_bytes()));
/// # }
/// // `data_set` has the attributes of a CT slice of 64 rows and 48 columns, but no Pixel Data.
/// let elements = walk(&data_set, VrEncoding::ExplicitLittle, &Limits::default())?;
/// let image = ImagePixel::from_data_set(&data_set, &elements)?;
/// # let cells: Vec<u8> = (0..64 * 48_u16).flat_map(u16::to_le_bytes).collect();
/// # let third_party_encoder = |cells: &[u8]| -> Result<Vec<u8>, Box<dyn std::error::Error>> {
/// #     let encoder = ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == "1.2.840.10008.1.2.4.90").ok_or("")?;
/// #     let mut out = Vec::new();
/// #     encoder.encode(&Frame { cells, image: &image }, &Parameters::default(), &mut out)?;
/// #     Ok(out)
/// # };
/// let codestream = third_party_encoder(&cells)?;
///
/// let syntax = TransferSyntax::of_name("JPEG2000Lossless").ok_or("no such transfer syntax")?;
/// let mut file = Cursor::new(Vec::new());
/// let options = WrapOptions::default();
/// let report = wrap(&[&codestream], &data_set, &elements, syntax, &FileMeta::default(), &options, &mut file)?;
/// assert!(report.decoded_by.is_some());
///
/// // The same codestream under another transfer syntax: both sides are named.
/// let wrong = TransferSyntax::of_name("JPEGLSLossless").ok_or("no such transfer syntax")?;
/// let error = wrap(&[&codestream], &data_set, &elements, wrong, &FileMeta::default(), &options, &mut file);
/// assert_eq!(
///     error.unwrap_err().to_string(),
///     "frame 1: Transfer Syntax UID (0002,0010) is JPEGLSLossless, and the codestream is JPEG 2000"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Waits for the codec pool; must not be called from within it.
///
/// # Errors
/// The first frame that contradicts the data set, in every point; a frame that does not decode, or not to the native cells
/// whose place it takes; what cannot be encapsulated; source or output that fail.
pub fn wrap<F: AsRef<[u8]> + Sync, W: Write + Seek>(
    codestreams: &[F],
    source: &dyn Source,
    data_set: &DataSet,
    transfer_syntax: &'static TransferSyntax,
    meta: &FileMeta,
    options: &WrapOptions,
    out: &mut W,
) -> Result<WrapReport, WrapError> {
    if transfer_syntax.pixel_coding != PixelCoding::Encapsulated {
        return Err(WrapError::NotEncapsulated(transfer_syntax.keyword));
    }
    may_be_replaced(data_set)?;
    let received = ImagePixel::from_data_set(source, data_set)?;
    if received.frames as usize != codestreams.len() {
        return Err(WrapError::FrameCount { frames: received.frames, codestreams: codestreams.len() });
    }
    let headers = Headers::held_against(&received, codestreams, transfer_syntax, options)?;
    let judge = Judge::of(source, data_set, &received, &headers.image, transfer_syntax, options);

    let start = out.stream_position()?;
    let mut out = BufWriter::with_capacity(WRITE_BUFFER, out);
    FileMeta { transfer_syntax: transfer_syntax.uid.to_owned(), ..meta.clone() }.write(&mut out)?;
    let mut edits = image_edits(&received, &headers.image)?;
    without_fragments(&mut edits);
    if headers.loss {
        say_lossy(source, data_set, &mut edits)?;
    }
    let (before, behind) = around_pixel_data(data_set);
    write_as_explicit(source, data_set, before, &edits, &mut out)?;
    let encoded_bytes = write_frames(codestreams, &judge, options.offset_table, &mut out)?;
    write_as_explicit(source, data_set, behind, &BTreeMap::new(), &mut out)?;
    out.flush()?;
    Ok(WrapReport {
        decoded_by: judge.decoder.map(Decoder::name),
        deviation: judge.measured(),
        image: headers.image.clone(),
        suspicious: headers.suspicious,
        encoded_bytes,
        file_bytes: out.stream_position()? - start,
    })
}

const WRITE_BUFFER: usize = 64 << 10;

/// Writes Pixel Data, while the pool decodes its frames. Gives the bytes of all codestreams, padded.
fn write_frames<F: AsRef<[u8]> + Sync, W: Write + Seek>(
    codestreams: &[F],
    judge: &Judge<'_>,
    table: Option<OffsetTable>,
    out: &mut W,
) -> Result<u64, WrapError> {
    let frames = judge.encoded.frames;
    let bytes = codestreams.iter().map(|codestream| codestream.as_ref().len() as u64).sum();
    let table = table.unwrap_or_else(|| OffsetTable::choose(bytes, frames));
    let mut writer = EncapsulatedWriter::begin(out, frames, table)?;
    let of = |index: u32| codestreams.get(index as usize).map(AsRef::as_ref).unwrap_or_default();
    let job = |index| judge.frame(index, of(index)).map(|()| index);
    let write = |index| writer.frame(of(index)).map_err(|error| PoolError::Job(error.into()));
    in_order(frames, job, write)?;
    Ok(writer.finish()?.frame_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::super::encoder::{Encoder, Frame};
    use super::super::super::encoders::ENCODERS;
    use super::super::super::parameters::Parameters;
    use super::super::super::profile::allows;
    use super::super::super::testing::{self, cells, encoder_for, instance, stored};
    use super::*;
    use crate::dicom::testing::DataSetBuilder;
    use crate::dicom::{EncapsulatedFrames, Limits, Photometric, Section, Tag, Vr, VrEncoding, uids, walk};
    use std::io::Cursor;

    const ENCODING: VrEncoding = VrEncoding::ExplicitLittle;

    fn syntax(uid: &str) -> &'static TransferSyntax {
        TransferSyntax::of_uid(uid).unwrap()
    }

    /// The codestreams of all frames, by an encoder that plays the third party.
    fn compressed(encoder: &dyn Encoder, image: &ImagePixel, cells: &[u8]) -> Vec<Vec<u8>> {
        cells
            .chunks(image.frame_bytes().unwrap() as usize)
            .map(|cells| {
                let mut out = Vec::new();
                encoder.encode(&Frame { cells, image }, &Parameters::default(), &mut out).unwrap();
                out
            })
            .collect()
    }

    fn wrapped(
        codestreams: &[Vec<u8>],
        data_set: &[u8],
        uid: &str,
        options: &WrapOptions,
    ) -> Result<(WrapReport, Vec<u8>), WrapError> {
        let elements = walk(&data_set, ENCODING, &Limits::default()).unwrap();
        let mut file = Cursor::new(Vec::new());
        let meta = FileMeta::default();
        let report = wrap(codestreams, &data_set, &elements, syntax(uid), &meta, options, &mut file)?;
        Ok((report, file.into_inner()))
    }

    fn error(result: Result<(WrapReport, Vec<u8>), WrapError>) -> String {
        result.map(drop).unwrap_err().to_string()
    }

    fn images() -> [ImagePixel; 3] {
        [
            ImagePixel { frames: 3, ..stored(12, true, testing::image(9, 20, 16, 1, 0)) },
            testing::image(9, 20, 8, 3, 0),
            ImagePixel { frames: 2, ..testing::image(9, 20, 8, 3, 1) },
        ]
    }

    /// The data set of the native image, with and without its Pixel Data, takes what every encoder makes; and the file says
    /// what the encoder's own attributes say.
    #[test]
    fn frames_of_every_encoder_are_wrapped_and_compared() {
        let mut seen = 0;
        for encoder in ENCODERS {
            let uid = encoder.transfer_syntax();
            for image in images().into_iter().filter(|image| allows(syntax(uid), image).is_ok()) {
                let cells = cells(&image);
                let codestreams = compressed(*encoder, &image, &cells);
                let behind: &[(Tag, Vr, &[u8])] = &[(Tag::DATA_SET_TRAILING_PADDING, Vr::OB, &[0; 4])];
                let native = instance(ENCODING, &image, &cells, behind);
                // Our JPEG Lossless has signed cells whole, wider than Bits Stored.
                let options = WrapOptions {
                    offset_table: Some(OffsetTable::Extended),
                    accept_suspicious: image.signed,
                    ..WrapOptions::default()
                };
                let (report, file) = wrapped(&codestreams, &native, uid, &options).unwrap();
                let expected = encoder.image_after(&image, &Parameters::default());
                assert_eq!(report.image, expected, "{} {image:?}", encoder.name());
                assert_eq!(
                    report.deviation.unwrap().samples * image.bytes_per_cell() as u64,
                    cells.len() as u64
                );
                assert_eq!(report.file_bytes, file.len() as u64);
                let (meta, start) = FileMeta::parse(&file).unwrap();
                assert_eq!(meta.transfer_syntax, uid);
                let body = Section::from(&file, start).unwrap();
                let data_set = walk(&body, ENCODING, &Limits::default()).unwrap();
                assert_eq!(ImagePixel::from_data_set(&body, &data_set).unwrap(), expected);
                assert_eq!(data_set.elements.last().unwrap().tag, Tag::DATA_SET_TRAILING_PADDING);
                let frames = EncapsulatedFrames::of(&body, &data_set, image.frames).unwrap();
                for (frame, codestream) in codestreams.iter().enumerate() {
                    assert!(frames.codestream(&body, frame).unwrap().starts_with(codestream));
                }
                // The file is a data set too, and takes its own frames again.
                let again = file[start as usize..].to_vec();
                let (report, second) = wrapped(&codestreams, &again, uid, &options).unwrap();
                assert_eq!((report.deviation, report.image), (None, expected));
                assert!(second == file);
                seen += 1;
            }
        }
        assert!(seen > 5, "{seen}");
    }

    #[test]
    fn what_contradicts_the_data_set_is_named_from_both_sides() {
        let image = stored(12, true, testing::image(9, 20, 16, 1, 0));
        let encoder = encoder_for(uids::JPEG_2000_LOSSLESS);
        let codestreams = compressed(encoder, &image, &cells(&image));
        let of = |image: ImagePixel, options: &WrapOptions| {
            wrapped(&codestreams, &instance(ENCODING, &image, &[], &[]), uids::JPEG_2000_LOSSLESS, options)
        };
        let strict = WrapOptions::default();
        assert_eq!(
            error(of(ImagePixel { rows: 20, columns: 9, ..image.clone() }, &strict)),
            "frame 1: Rows (0028,0010) is 20, and the codestream has 9 rows; \
             Columns (0028,0011) is 9, and the codestream has 20 columns"
        );
        assert_eq!(
            error(of(ImagePixel { frames: 2, ..image.clone() }, &strict)),
            "Number of Frames (0028,0008) is 2, and there is 1 codestream"
        );
        assert_eq!(
            error(of(ImagePixel { signed: false, ..image.clone() }, &strict)),
            "frame 1: Pixel Representation (0028,0103) is 0 (unsigned), and the codestream is signed"
        );
        let wider = || ImagePixel { bits_stored: 16, high_bit: 15, ..image.clone() };
        assert_eq!(
            error(of(wider(), &strict)),
            "frame 1: Bits Stored (0028,0101) is 16, and the codestream has samples of 12 bits"
        );
        let lenient = WrapOptions { accept_suspicious: true, ..WrapOptions::default() };
        let found = of(wider(), &WrapOptions { decode: false, ..lenient.clone() }).unwrap().0.suspicious;
        assert_eq!(
            found.iter().map(|(frame, one)| (*frame, one.point.name())).collect::<Vec<_>>(),
            [(1, "precision")]
        );
        // What no reader can make sense of is never let through.
        assert!(of(ImagePixel { rows: 10, ..image.clone() }, &lenient).is_err());
        assert_eq!(
            error(wrapped(
                &codestreams,
                &instance(ENCODING, &image, &[], &[]),
                uids::EXPLICIT_VR_LITTLE_ENDIAN,
                &strict
            )),
            "ExplicitVRLittleEndian has no encapsulated frames"
        );
    }

    #[test]
    fn other_samples_than_the_native_ones_are_found_out() {
        let image = testing::image(9, 20, 8, 1, 0);
        let cells = cells(&image);
        let encoder = encoder_for(uids::RLE_LOSSLESS);
        let mut other = cells.clone();
        other[17] ^= 1;
        let codestreams = compressed(encoder, &image, &other);
        let native = instance(ENCODING, &image, &cells, &[]);
        let said = error(wrapped(&codestreams, &native, uids::RLE_LOSSLESS, &WrapOptions::default()));
        assert_eq!(said, "frame 1: rle decodes it to other cells, the first at byte 17 of the frame");
        let trusting = WrapOptions { decode: false, ..WrapOptions::default() };
        let (report, _) = wrapped(&codestreams, &native, uids::RLE_LOSSLESS, &trusting).unwrap();
        assert_eq!((report.decoded_by, report.deviation), (None, None));
        let cut = vec![codestreams[0][..70].to_vec()];
        let bare = instance(ENCODING, &image, &[], &[]);
        let said = error(wrapped(&cut, &bare, uids::RLE_LOSSLESS, &WrapOptions::default()));
        assert!(said.starts_with("frame 1: rle cannot decode it: "), "{said}");
    }

    #[test]
    fn what_pixel_data_must_not_be_put_beside_is_refused() {
        let image = testing::image(9, 20, 8, 1, 0);
        let codestreams = compressed(encoder_for(uids::RLE_LOSSLESS), &image, &cells(&image));
        let with = |extra: &[(Tag, Vr, &[u8])]| {
            let data_set = instance(ENCODING, &image, &[], extra);
            error(wrapped(&codestreams, &data_set, uids::RLE_LOSSLESS, &WrapOptions::default()))
        };
        assert!(
            with(&[(Tag::FLOAT_PIXEL_DATA, Vr::OF, &[0; 8])])
                .starts_with("the data set has Float Pixel Data")
        );
        assert!(
            with(&[(Tag::DIGITAL_SIGNATURES_SEQUENCE, Vr::SQ, &[])])
                .contains("a digital signature (FFFA,FFFA)")
        );
        assert!(with(&[(Tag::PIXEL_DATA, Vr::OB, &[])]).contains("more than once"));
        let nothing = DataSetBuilder::new(ENCODING).text(Tag::PATIENT_NAME, Vr::PN, "A").build();
        let said = error(wrapped(&codestreams, &nothing, uids::RLE_LOSSLESS, &WrapOptions::default()));
        assert_eq!(said, "its image pixel attributes are unusable: Samples per Pixel (0028,0002) is missing");
    }

    /// JPEG 2000 with its colour transform, under a data set that says what the native image is.
    #[test]
    fn the_colour_transform_of_the_codestream_is_said() {
        let image = testing::image(9, 20, 8, 3, 1);
        let cells = cells(&image);
        let codestreams = compressed(encoder_for(uids::JPEG_2000_LOSSLESS), &image, &cells);
        let bare = instance(ENCODING, &image, &[], &[]);
        let (report, _) =
            wrapped(&codestreams, &bare, uids::JPEG_2000_LOSSLESS, &WrapOptions::default()).unwrap();
        assert_eq!((report.image.photometric, report.image.planar), (Photometric::YbrRct, 0));
        assert_eq!(report.suspicious, []);
    }
}
