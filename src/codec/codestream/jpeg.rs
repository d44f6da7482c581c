//! JPEG and JPEG-LS: the marker segments up to the first scan (ISO/IEC 10918-1 Annex B, ISO/IEC 14495-1 C.2).

use super::super::jpeg_stream::{FrameHeader, Segment, header_segments, marker};
use super::header::{CodedFrame, CodestreamHeader, Coding, Jpeg, JpegColour, JpegLs, is_lossless};

/// Reads the frame header and the header of the first scan.
pub(super) fn read(codestream: &[u8]) -> Result<CodestreamHeader, String> {
    let segments = header_segments(codestream).map_err(|error| error.to_string())?;
    let is_frame = |segment: &&Segment<'_>| FrameHeader::is_one(segment.marker) || segment.marker == SOF55;
    let frame = segments.iter().find(is_frame).ok_or("it has no frame header before its first scan")?;
    let header = FrameHeader::of(frame).map_err(|error| error.to_string())?;
    let [.., scan] = segments.as_slice() else { return Err("it has no scan".to_owned()) };
    let [first, second, third] = scan_parameters(scan).ok_or("its scan header is not of its own length")?;
    let coding = if frame.marker == SOF55 {
        Coding::JpegLs(JpegLs {
            near: first,
            interleave: second,
            colour_transform: has_hp_transform(&segments),
        })
    } else {
        Coding::Jpeg(Jpeg {
            process: frame.marker - marker::BASELINE,
            process_name: header.process_name(),
            selection: first,
            // Elsewhere these bits are the successive approximation.
            point_transform: if is_lossless(header.process) { third & 0x0F } else { 0 },
            sampling: header.components.iter().map(|component| component.sampling).collect(),
            colour: colour(&header, &segments),
        })
    };
    Ok(CodestreamHeader {
        frame: Some(CodedFrame {
            columns: header.columns.into(),
            rows: header.rows.into(),
            samples: u16::try_from(header.components.len()).unwrap_or(u16::MAX),
            precision: header.precision,
            signed: None,
        }),
        coding,
    })
}

/// The frame header of JPEG-LS; it has the form of all others.
const SOF55: u8 = 0xF7;
/// Where HP's encoders say which colour transform they used.
const APP8: u8 = 0xE8;

/// What follows the components of a scan header: selection value or NEAR, ILV, and the point transform.
fn scan_parameters(scan: &Segment<'_>) -> Option<[u8; 3]> {
    let (count, rest) = scan.content.split_first()?;
    rest.get(2 * usize::from(*count)..)?.try_into().ok()
}

/// `mrfx` and the number of a transform, 0 for none.
fn has_hp_transform(segments: &[Segment<'_>]) -> bool {
    segments.iter().any(|segment| {
        segment.marker == APP8
            && matches!(segment.content, [b'm', b'r', b'f', b'x', transform, ..] if *transform != 0)
    })
}

/// What the components are: Adobe's marker is clear, names and JFIF are next, and nobody subsamples green and blue.
fn colour(header: &FrameHeader, segments: &[Segment<'_>]) -> JpegColour {
    if header.components.len() != 3 {
        return JpegColour::Unsaid;
    }
    let adobe = segments.iter().find_map(|segment| match segment.content {
        // Version and two words of flags stand between.
        [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]
            if segment.marker == marker::ADOBE =>
        {
            Some(*transform)
        }
        _ => None,
    });
    // JFIF knows only the DCT processes; what writes it around lossless ones means nothing by it.
    let lossless = is_lossless(header.process);
    let jfif = segments
        .iter()
        .any(|segment| segment.marker == marker::APPLICATION && segment.content.starts_with(b"JFIF\0"));
    let names: Vec<u8> = header.components.iter().map(|component| component.identifier).collect();
    let alike = header.components.iter().all(|component| component.sampling == header.components[0].sampling);
    match adobe {
        Some(0) if alike => JpegColour::Untransformed,
        Some(1) => JpegColour::YCbCr,
        _ if !alike || jfif && !lossless => JpegColour::YCbCr,
        _ if names == *b"RGB" => JpegColour::Untransformed,
        _ => JpegColour::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A codestream up to its first scan: these segments, a frame header of three components, and the scan's own.
    fn codestream(before: &[u8], frame: u8, sampling: u8, names: &[u8; 3], scan: [u8; 3]) -> Vec<u8> {
        let [a, b, c] = *names;
        let header = [0xFF, frame, 0, 17, 8, 0, 5, 0, 7, 3, a, sampling, 0, b, 0x11, 0, c, 0x11, 0];
        let start = [0xFF, 0xDA, 0, 12, 3, a, 0, b, 0, c, 0];
        [&[0xFF, 0xD8], before, &header, &start, &scan, &[1, 2, 3]].concat()
    }

    fn jpeg(codestream: &[u8]) -> Jpeg {
        match read(codestream).unwrap().coding {
            Coding::Jpeg(jpeg) => jpeg,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frame_and_scan_are_read() {
        let lossless = codestream(&[], 0xC3, 0x11, &[1, 2, 3], [6, 0, 2]);
        let header = read(&lossless).unwrap();
        assert_eq!(
            header.to_string(),
            "JPEG lossless (SOF3), 7 x 5, 3 samples of 8 bits, selection value 6, point transform 2, \
             sampling 1x1 1x1 1x1"
        );
        assert_eq!(header.loss().unwrap(), "leaves out the low bits of samples (point transform 2)");
        // The successive approximation of a progressive scan is no point transform.
        let progressive = jpeg(&codestream(&[], 0xC2, 0x22, &[1, 2, 3], [0, 63, 1]));
        assert_eq!((progressive.process, progressive.point_transform), (2, 0));
        assert_eq!(progressive.sampling, [(2, 2), (1, 1), (1, 1)]);
        let jpeg_ls = codestream(&[], 0xF7, 0x11, &[1, 2, 3], [3, 2, 0]);
        let header = read(&jpeg_ls).unwrap();
        assert_eq!(header.to_string(), "JPEG-LS, 7 x 5, 3 samples of 8 bits, NEAR 3, by sample");
        assert_eq!(header.loss().unwrap(), "is near-lossless (NEAR 3)");
    }

    #[test]
    fn colours_are_what_the_markers_say() {
        let adobe = |transform| {
            [&[0xFF, 0xEE, 0, 14], b"Adobe".as_slice(), &[0, 100, 0, 0, 0, 0, transform]].concat()
        };
        let jfif = [&[0xFF, 0xE0, 0, 16], b"JFIF\0".as_slice(), &[1, 2, 0, 0, 1, 0, 1, 0, 0]].concat();
        let of = |before: &[u8], frame, sampling, names| {
            jpeg(&codestream(before, frame, sampling, names, [0; 3])).colour
        };
        let (numbers, letters) = (&[1, 2, 3], b"RGB");
        assert_eq!(of(&[], 0xC0, 0x11, numbers), JpegColour::Unsaid);
        assert_eq!(of(&[], 0xC0, 0x11, letters), JpegColour::Untransformed);
        assert_eq!(of(&[], 0xC0, 0x21, numbers), JpegColour::YCbCr);
        assert_eq!(of(&jfif, 0xC0, 0x11, numbers), JpegColour::YCbCr);
        assert_eq!(of(&jfif, 0xC3, 0x11, numbers), JpegColour::Unsaid);
        assert_eq!(of(&adobe(0), 0xC0, 0x11, numbers), JpegColour::Untransformed);
        assert_eq!(of(&adobe(1), 0xC0, 0x11, letters), JpegColour::YCbCr);
        assert_eq!(of(&[adobe(0), jfif].concat(), 0xC0, 0x11, numbers), JpegColour::Untransformed);
    }

    #[test]
    fn hp_transform_is_seen() {
        for (transform, expected) in [(0, false), (1, true)] {
            let app8 = [&[0xFF, 0xE8, 0, 7], b"mrfx".as_slice(), &[transform]].concat();
            let bytes = codestream(&app8, 0xF7, 0x11, &[1, 2, 3], [0, 2, 0]);
            match read(&bytes).unwrap().coding {
                Coding::JpegLs(jpeg_ls) => assert_eq!(jpeg_ls.colour_transform, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_cut_or_has_no_frame_is_said() {
        let sound = codestream(&[], 0xC0, 0x11, &[1, 2, 3], [0; 3]);
        for cut in 0..sound.len() - 3 {
            assert!(read(&sound[..cut]).is_err(), "{cut}");
        }
        let scan_only = [&[0xFF, 0xD8], &sound[21..]].concat();
        assert_eq!(read(&scan_only).unwrap_err(), "it has no frame header before its first scan");
        let mut short = sound;
        short[25] = 4;
        assert_eq!(read(&short).unwrap_err(), "its scan header is not of its own length");
    }
}
