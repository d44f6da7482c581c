//! Compares the header of a codestream with the data set around it: Image Pixel attributes and transfer syntax (PS3.5 8.2).

use super::colours::colours_in;
use super::disagreement::{Disagreement, Point};
use super::family::Family;
use super::header::{CodestreamHeader, Coding, is_lossless, progression};
use crate::dicom::{Fidelity, ImagePixel, TransferSyntax, uids};

/// Every point in which a codestream contradicts the image and the transfer syntax that it is said to be of; none when it
/// may be what they say. Nothing is found of a transfer syntax whose frames have no header (see [`Family::of`]).
///
/// Where the data set describes no image (`None`), only the transfer syntax is compared. Only headers are looked at: whether the codestream decodes is another question, and [`verify`](super::super::verify())
/// asks it.
///
/// ```
/// use condenser::codec::{CodestreamHeader, Gravity, disagreements};
/// use condenser::dicom::{ImagePixel, Photometric, TransferSyntax};
///
/// // An RLE frame of two segments: one sample of sixteen bits, or two of eight.
/// let mut codestream = vec![0; 68];
/// (codestream[0], codestream[4], codestream[8]) = (2, 64, 66);
/// let header = CodestreamHeader::read(&codestream)?;
///
/// let syntax = TransferSyntax::of_name("RLELossless").ok_or("no such transfer syntax")?;
/// let deep = ImagePixel {
///     rows: 1, columns: 2, frames: 1, samples: 1, photometric: Photometric::Monochrome2, planar: 0,
///     bits_allocated: 16, bits_stored: 12, high_bit: 11, signed: false,
/// };
/// assert_eq!(disagreements(&header, Some(&deep), syntax), []);
///
/// let flat = ImagePixel { bits_allocated: 8, bits_stored: 8, high_bit: 7, ..deep };
/// let found = disagreements(&header, Some(&flat), syntax);
/// assert_eq!(found[0].point.gravity(), Gravity::Impossible);
/// assert_eq!(
///     found[0].to_string(),
///     "Bits Allocated (0028,0100) is 8 with 1 sample, which makes 1 segment, and the codestream has 2"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn disagreements(
    header: &CodestreamHeader,
    image: Option<&ImagePixel>,
    transfer_syntax: &TransferSyntax,
) -> Vec<Disagreement> {
    let Some(family) = Family::of(transfer_syntax) else { return Vec::new() };
    let mut found = Found { disagreements: Vec::new() };
    let keyword = transfer_syntax.keyword;
    if header.family() != family {
        found.add(Point::Family, keyword, format!("is {}", header.family()));
    } else if let Coding::Jpeg(jpeg) = &header.coding
        && let Some((_, processes)) = PROCESSES.iter().find(|(uid, _)| *uid == transfer_syntax.uid)
        && !processes.contains(&jpeg.process)
    {
        found.add(Point::Process, keyword, format!("is {} (SOF{})", jpeg.process_name, jpeg.process));
    } else if transfer_syntax.fidelity == Fidelity::Lossless
        && let Some(loss) = header.loss()
    {
        found.add(Point::Loss, keyword, loss);
    }
    found.compare_style(header, transfer_syntax);
    if let Some(image) = image {
        found.compare_frame(header, image);
        found.compare_colours(header, image);
    }
    found.disagreements
}

/// The frame headers that a JPEG syntax may have; others than these are of all kinds (hierarchical), and retired. A decoder of
/// the extended process reads the baseline too (ISO/IEC 10918-1 F.1).
const PROCESSES: &[(&str, &[u8])] = &[
    (uids::JPEG_BASELINE, &[0]),
    (uids::JPEG_EXTENDED, &[0, 1]),
    ("1.2.840.10008.1.2.4.52", &[9]),
    ("1.2.840.10008.1.2.4.53", &[2]),
    ("1.2.840.10008.1.2.4.54", &[10]),
    ("1.2.840.10008.1.2.4.55", &[2]),
    ("1.2.840.10008.1.2.4.56", &[10]),
    (uids::JPEG_LOSSLESS, &[3]),
    ("1.2.840.10008.1.2.4.58", &[11]),
    (uids::JPEG_LOSSLESS_SV1, &[3]),
];

/// The progression order that HTJ2K with RPCL options must have (PS3.5 10.18).
const RPCL: u8 = 2;

struct Found {
    disagreements: Vec<Disagreement>,
}

impl Found {
    fn add(&mut self, point: Point, data_set: impl ToString, codestream: String) {
        self.disagreements.push(Disagreement { point, data_set: data_set.to_string(), codestream });
    }

    fn compare_frame(&mut self, header: &CodestreamHeader, image: &ImagePixel) {
        if let Coding::Rle { segments } = &header.coding {
            self.compare_segments(*segments, image);
        }
        let Some(frame) = &header.frame else { return };
        if frame.rows != u32::from(image.rows) {
            self.add(Point::Rows, image.rows, format!("has {} rows", frame.rows));
        }
        if frame.columns != u32::from(image.columns) {
            self.add(Point::Columns, image.columns, format!("has {} columns", frame.columns));
        }
        if frame.samples != image.samples {
            self.add(Point::Samples, image.samples, format!("has {}", frame.samples));
        }
        let bits = format!(
            "has samples of {} {}",
            frame.precision,
            if frame.precision == 1 { "bit" } else { "bits" }
        );
        if u16::from(frame.precision) > image.bits_allocated {
            self.add(Point::Width, image.bits_allocated, bits);
        } else if u16::from(frame.precision) != image.bits_stored {
            self.add(Point::Precision, image.bits_stored, bits);
        }
        if let Some(signed) = frame.signed
            && signed != image.signed
        {
            let said = if image.signed { "1 (signed)" } else { "0 (unsigned)" };
            self.add(Point::Sign, said, format!("is {}", if signed { "signed" } else { "unsigned" }));
        }
    }

    /// What a syntax asks of its codestreams beyond their family.
    fn compare_style(&mut self, header: &CodestreamHeader, transfer_syntax: &TransferSyntax) {
        let keyword = transfer_syntax.keyword;
        match &header.coding {
            Coding::Jpeg(jpeg)
                if transfer_syntax.uid == uids::JPEG_LOSSLESS_SV1
                    && is_lossless(jpeg.process)
                    && jpeg.selection != 1 =>
            {
                self.add(Point::Selection, keyword, format!("has the selection value {}", jpeg.selection));
            }
            Coding::Jpeg2000(coding) if coding.boxed => {
                self.add(Point::Boxes, keyword, "is wrapped in the boxes of a JP2 file".to_owned());
            }
            Coding::Jpeg2000(coding)
                if transfer_syntax.uid == uids::HTJ2K_LOSSLESS_RPCL && coding.progression != RPCL =>
            {
                let order = progression(coding.progression);
                self.add(Point::Progression, keyword, format!("has the progression order {order}"));
            }
            _ => {}
        }
    }

    fn compare_colours(&mut self, header: &CodestreamHeader, image: &ImagePixel) {
        if image.samples == 3
            && let Some(colours) = colours_in(&header.coding)
            && !colours.may_be.contains(&image.photometric)
        {
            self.add(Point::Colour, &image.photometric, colours.said.to_owned());
        }
    }

    fn compare_segments(&mut self, segments: u8, image: &ImagePixel) {
        let expected = usize::from(image.samples) * image.bytes_per_cell();
        if usize::from(segments) != expected {
            let (samples, wanted) = (plural(image.samples.into(), "sample"), plural(expected, "segment"));
            let data_set = format!("{} with {samples}, which makes {wanted}", image.bits_allocated);
            self.add(Point::Segments, data_set, format!("has {segments}"));
        }
    }
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::super::encoder::{Encoder, Frame};
    use super::super::super::encoders::ENCODERS;
    use super::super::super::parameters::Parameters;
    use super::super::super::profile::allows;
    use super::super::super::testing::{self, cells, encoder_for, stored};
    use super::super::header::JpegColour;
    use super::*;
    use crate::dicom::{Photometric, PixelCoding, TRANSFER_SYNTAXES};
    use proptest::prelude::*;

    fn syntax(uid: &str) -> &'static TransferSyntax {
        TransferSyntax::of_uid(uid).unwrap()
    }

    /// The encoders whose codestreams tell of themselves.
    fn with_headers() -> impl Iterator<Item = &'static dyn Encoder> {
        let encoders = ENCODERS.iter().copied();
        encoders.filter(|encoder| Family::of(syntax(encoder.transfer_syntax())).is_some())
    }

    /// Whatever the image is, no error is too large for it.
    fn exact() -> Parameters {
        Parameters { near: 0, ..Parameters::default() }
    }

    fn encode(encoder: &dyn Encoder, image: &ImagePixel) -> Vec<u8> {
        let (cells, mut codestream) = (cells(image), Vec::new());
        encoder.encode(&Frame { cells: &cells, image }, &exact(), &mut codestream).unwrap();
        codestream
    }

    fn names(header: &CodestreamHeader, image: &ImagePixel, uid: &str) -> Vec<&'static str> {
        disagreements(header, Some(image), syntax(uid)).iter().map(|one| one.point.name()).collect()
    }

    fn images() -> impl Iterator<Item = ImagePixel> {
        [(8, &[1, 2, 7, 8][..]), (16, &[1, 8, 9, 12, 16]), (32, &[17, 22])].into_iter().flat_map(
            |(allocated, bits)| {
                bits.iter().flat_map(move |bits| {
                    [(1, false), (1, true), (3, false)].map(|(samples, signed)| {
                        stored(*bits, signed, testing::image(11, 23, allocated, samples, 0))
                    })
                })
            },
        )
    }

    /// What every encoder writes agrees with the attributes that it asks for. Only JPEG-LS and JPEG Lossless have a wider
    /// precision where few bits are stored, and the latter for signed cells too, which their encoders give the reasons for.
    #[test]
    fn our_own_codestreams_agree_with_their_data_sets() {
        let mut read = 0;
        for encoder in with_headers() {
            let target = syntax(encoder.transfer_syntax());
            for image in images().filter(|image| allows(target, image).is_ok()) {
                let header = CodestreamHeader::read(&encode(encoder, &image)).unwrap();
                let encoded = encoder.image_after(&image, &exact());
                let unused = image.bits_stored < image.bits_allocated;
                let wider = match header.family() {
                    Family::JpegLs => image.bits_stored < if image.bits_allocated == 8 { 8 } else { 9 },
                    Family::Jpeg if image.bits_allocated == 8 => {
                        image.bits_stored < 2 || image.signed && unused
                    }
                    Family::Jpeg => image.bits_stored < 9 || image.signed && unused,
                    _ => false,
                };
                let expected: &[&str] = if wider { &["precision"] } else { &[] };
                assert_eq!(names(&header, &encoded, target.uid), expected, "{} {image:?}", encoder.name());
                read += 1;
            }
        }
        assert!(read > 50, "{read}");
    }

    #[test]
    fn every_attribute_that_is_wrong_is_named() {
        let image = stored(12, true, testing::image(11, 23, 16, 1, 0));
        let encoder = encoder_for(uids::JPEG_2000_LOSSLESS);
        let header = CodestreamHeader::read(&encode(encoder, &image)).unwrap();
        let with = |image: ImagePixel| names(&header, &image, uids::JPEG_2000_LOSSLESS);
        assert_eq!(with(ImagePixel { rows: 12, ..image.clone() }), ["rows"]);
        assert_eq!(with(ImagePixel { columns: 11, ..image.clone() }), ["columns"]);
        assert_eq!(with(ImagePixel { samples: 4, ..image.clone() }), ["samples"]);
        assert_eq!(with(ImagePixel { bits_allocated: 8, ..image.clone() }), ["width"]);
        assert_eq!(with(ImagePixel { bits_stored: 16, ..image.clone() }), ["precision"]);
        assert_eq!(with(ImagePixel { signed: false, ..image.clone() }), ["sign"]);
        let all = ImagePixel { rows: 1, columns: 1, samples: 2, bits_stored: 1, signed: false, ..image };
        assert_eq!(with(all), ["rows", "columns", "samples", "precision", "sign"]);
    }

    /// Every family against every other one's syntaxes.
    #[test]
    fn another_family_is_named_whatever_the_syntax() {
        let image = testing::image(11, 23, 8, 1, 0);
        for encoder in with_headers() {
            let header = CodestreamHeader::read(&encode(encoder, &image)).unwrap();
            for target in
                TRANSFER_SYNTAXES.iter().filter(|syntax| syntax.pixel_coding == PixelCoding::Encapsulated)
            {
                let found = names(&header, &image, target.uid);
                let same = Family::of(target).is_none_or(|family| family == header.family());
                assert_eq!(found.first() == Some(&"family"), !same, "{} {}", encoder.name(), target.keyword);
            }
        }
    }

    fn jpeg_header(process: u8, selection: u8, colour: JpegColour) -> CodestreamHeader {
        let jpeg = super::super::header::Jpeg {
            process,
            process_name: "of some kind",
            selection,
            point_transform: 0,
            sampling: vec![(1, 1); 3],
            colour,
        };
        CodestreamHeader { frame: None, coding: Coding::Jpeg(jpeg) }
    }

    #[test]
    fn a_syntax_has_its_processes_and_its_predictor() {
        let image = testing::image(11, 23, 8, 1, 0);
        let of = |process, selection, uid| {
            names(&jpeg_header(process, selection, JpegColour::Unsaid), &image, uid)
        };
        assert_eq!(of(0, 0, uids::JPEG_BASELINE), [""; 0]);
        assert_eq!(of(0, 0, uids::JPEG_EXTENDED), [""; 0]);
        assert_eq!(of(1, 0, uids::JPEG_BASELINE), ["process"]);
        assert_eq!(of(2, 0, uids::JPEG_BASELINE), ["process"]);
        assert_eq!(of(0, 0, uids::JPEG_LOSSLESS_SV1), ["process"]);
        assert_eq!(of(3, 1, uids::JPEG_LOSSLESS_SV1), [""; 0]);
        assert_eq!(of(3, 6, uids::JPEG_LOSSLESS_SV1), ["selection"]);
        assert_eq!(of(3, 6, uids::JPEG_LOSSLESS), [""; 0]);
        // Of the retired hierarchical syntaxes nothing is known, but that a lossless one may not lose anything.
        assert_eq!(of(5, 0, "1.2.840.10008.1.2.4.59"), [""; 0]);
        assert_eq!(of(5, 0, "1.2.840.10008.1.2.4.65"), ["loss"]);
    }

    #[test]
    fn colours_that_cannot_be_are_named() {
        let image = |photometric| ImagePixel { photometric, ..testing::image(11, 23, 8, 3, 0) };
        let of =
            |colour, photometric| names(&jpeg_header(0, 0, colour), &image(photometric), uids::JPEG_BASELINE);
        assert_eq!(of(JpegColour::YCbCr, Photometric::Rgb), ["colour"]);
        assert_eq!(of(JpegColour::YCbCr, Photometric::YbrFull422), [""; 0]);
        assert_eq!(of(JpegColour::Untransformed, Photometric::YbrFull422), ["colour"]);
        assert_eq!(of(JpegColour::Unsaid, Photometric::Rgb), [""; 0]);
        let rgb = image(Photometric::Rgb);
        for transformed in [false, true] {
            let mut codestream = Vec::new();
            let parameters = Parameters { colour_transform: transformed, ..Parameters::default() };
            let cells = cells(&rgb);
            let frame = Frame { cells: &cells, image: &rgb };
            encoder_for(uids::JPEG_2000_LOSSLESS).encode(&frame, &parameters, &mut codestream).unwrap();
            let header = CodestreamHeader::read(&codestream).unwrap();
            for (photometric, fits) in [(Photometric::Rgb, !transformed), (Photometric::YbrRct, transformed)]
            {
                let found = names(&header, &image(photometric), uids::JPEG_2000_LOSSLESS);
                assert_eq!(found.is_empty(), fits, "{found:?}");
            }
        }
    }

    /// Near-lossless and irreversible codestreams are refused only where the syntax promises that nothing is lost.
    #[test]
    fn loss_is_named_in_lossless_syntaxes_only() {
        let image = testing::image(11, 23, 8, 1, 0);
        for (from, at, lossless, lossy) in [
            (uids::JPEG_LS_LOSSLESS, None, uids::JPEG_LS_LOSSLESS, uids::JPEG_LS_NEAR_LOSSLESS),
            (uids::JPEG_2000_LOSSLESS, Some(13), uids::JPEG_2000_LOSSLESS, uids::JPEG_2000),
        ] {
            let mut codestream = encode(encoder_for(from), &image);
            let marker: &[u8] = if at.is_some() { &[0xFF, 0x52] } else { &[0xFF, 0xDA] };
            let start = codestream.windows(2).position(|two| two == marker).unwrap();
            // The wavelet of COD, or NEAR of SOS with its one component.
            match at {
                Some(at) => codestream[start + at] = 0,
                None => codestream[start + 7] = 2,
            }
            let header = CodestreamHeader::read(&codestream).unwrap();
            assert_eq!(names(&header, &image, lossless), ["loss"]);
            assert_eq!(names(&header, &image, lossy), [""; 0]);
        }
    }

    proptest! {
        /// Whatever arrives, a header is read or refused; cut and changed codestreams of every family among it.
        #[test]
        fn arbitrary_codestreams_do_no_harm(
            which in 0..ENCODERS.len(),
            cut in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            noise in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let image = testing::image(11, 23, 8, 1, 0);
            let mut codestream = encode(ENCODERS[which], &image);
            for (at, byte) in changes {
                let at = at.index(codestream.len());
                codestream[at] = byte;
            }
            codestream.truncate(cut.index(codestream.len() + 1));
            for bytes in [codestream, noise.clone(), [&[0xFF, 0xD8], noise.as_slice()].concat(), [&[0xFF, 0x0A], noise.as_slice()].concat()] {
                if let Ok(header) = CodestreamHeader::read(&bytes) {
                    for syntax in TRANSFER_SYNTAXES {
                        drop(disagreements(&header, Some(&image), syntax));
                    }
                    prop_assert!(!header.to_string().is_empty());
                }
            }
        }
    }
}
