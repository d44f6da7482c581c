//! RLE Lossless decoder (PS3.5 Annex G): unpacks each byte plane and puts it back into the cells.

use super::super::encoder::{Coded, DecodeError, Decoder, describe};
use super::super::rle_header::{MOST_SEGMENTS, RleHeader};
use super::super::scratch::{self, Buffer};
use crate::dicom::uids;

/// The project's own RLE Lossless decoder.
pub(super) struct Rle;

impl Decoder for Rle {
    fn name(&self) -> &'static str {
        "rle"
    }

    fn transfer_syntax(&self) -> &'static str {
        uids::RLE_LOSSLESS
    }

    fn decode(&self, coded: &Coded<'_>, cells: &mut Vec<u8>) -> Result<(), DecodeError> {
        let Coded { codestream, native: image, .. } = *coded;
        let unsupported = || DecodeError::Unsupported { decoder: "rle", image: describe(image) };
        let bytes_per_cell = match image.bits_allocated {
            8 => 1,
            16 => 2,
            32 => 4,
            64 => 8,
            _ => return Err(unsupported()),
        };
        let samples = usize::from(image.samples);
        let segments = samples * bytes_per_cell;
        if !(1..=MOST_SEGMENTS).contains(&segments) || !image.has_whole_pixels() {
            return Err(unsupported());
        }
        let spans = segment_spans(codestream, segments)?;
        let plane_bytes = usize::from(image.rows) * usize::from(image.columns);
        // A run of two bytes stands for 128 at most, so this says whether the frame can be there at all
        // before memory is taken for it.
        let shortest = plane_bytes.div_ceil(64);
        if let Some((segment, span)) = spans.iter().enumerate().find(|(_, span)| span.len() < shortest) {
            let message = format!("segment {segment} has {} bytes, too few for {plane_bytes}", span.len());
            return Err(DecodeError::Damaged(message));
        }
        cells.clear();
        cells.resize(plane_bytes * segments, 0);
        scratch::with(&PLANES, |planes| {
            decode_planes(&spans, image.planar == 1, plane_bytes, bytes_per_cell, planes, cells)
        })
    }
}

thread_local! {
    /// The unpacked planes of one sample.
    static PLANES: Buffer = const { Buffer::new(Vec::new()) };
}

/// The bytes of each segment, of which there must be so many.
fn segment_spans(codestream: &[u8], segments: usize) -> Result<Vec<&[u8]>, DecodeError> {
    let header = RleHeader::read(codestream).map_err(DecodeError::Damaged)?;
    if header.segments != segments {
        return Err(DecodeError::OtherFrame {
            codestream: format!("{} segments", header.segments),
            attributes: format!("{segments} (bytes of all samples of one pixel)"),
        });
    }
    header.spans(codestream).map_err(DecodeError::Damaged)
}

/// Unpacks sample by sample and puts the planes of each into its cells.
fn decode_planes(
    spans: &[&[u8]],
    planar: bool,
    plane_bytes: usize,
    bytes_per_cell: usize,
    planes: &mut Vec<u8>,
    cells: &mut [u8],
) -> Result<(), DecodeError> {
    if plane_bytes == 0 {
        return Ok(());
    }
    let samples = spans.len() / bytes_per_cell;
    for (sample, spans) in spans.chunks_exact(bytes_per_cell).enumerate() {
        let damaged = |plane: usize, what| {
            DecodeError::Damaged(format!("segment {}: {what}", sample * bytes_per_cell + plane))
        };
        let direct = bytes_per_cell == 1 && (planar || samples == 1);
        if let (true, [span]) = (direct, spans) {
            let to = &mut cells[sample * plane_bytes..(sample + 1) * plane_bytes];
            unpack(span, to).map_err(|what| damaged(0, what))?;
            continue;
        }
        planes.resize(plane_bytes * bytes_per_cell, 0);
        for (plane, (span, to)) in spans.iter().zip(planes.chunks_exact_mut(plane_bytes)).enumerate() {
            unpack(span, to).map_err(|what| damaged(plane, what))?;
        }
        let sample_bytes = plane_bytes * bytes_per_cell;
        if planar || samples == 1 {
            let to = &mut cells[sample * sample_bytes..(sample + 1) * sample_bytes];
            merge(planes, plane_bytes, bytes_per_cell, to);
        } else {
            scatter(
                planes,
                plane_bytes,
                bytes_per_cell,
                sample * bytes_per_cell,
                spans.len() * samples,
                cells,
            );
        }
    }
    Ok(())
}

/// Unpacks one segment (G.3.2) to exactly the bytes of `to`. Runs may cross rows: some encoders let them.
fn unpack(segment: &[u8], to: &mut [u8]) -> Result<(), &'static str> {
    const SHORT: &str = "it ends before its plane is full";
    const LONG: &str = "it holds more than its plane";
    let (mut rest, mut written) = (segment, 0);
    while written < to.len() {
        let Some((length, after)) = rest.split_first() else { return Err(SHORT) };
        match *length {
            length @ 0..=127 => {
                let count = usize::from(length) + 1;
                let Some((bytes, after)) = after.split_at_checked(count) else { return Err(SHORT) };
                let Some(place) = to.get_mut(written..written + count) else { return Err(LONG) };
                place.copy_from_slice(bytes);
                written += count;
                rest = after;
            }
            length @ 129..=255 => {
                let count = 257 - usize::from(length);
                let Some((value, after)) = after.split_first() else { return Err(SHORT) };
                let Some(place) = to.get_mut(written..written + count) else { return Err(LONG) };
                place.fill(*value);
                written += count;
                rest = after;
            }
            128 => rest = after,
        }
    }
    // One byte may pad the segment to even length.
    if rest.len() > 1 { Err(LONG) } else { Ok(()) }
}

/// Joins the planes of one sample, most significant first, into little-endian cells that lie side by side.
fn merge(planes: &[u8], plane_bytes: usize, bytes_per_cell: usize, cells: &mut [u8]) {
    if let (2, Some((high, low))) = (bytes_per_cell, planes.split_at_checked(plane_bytes)) {
        for (cell, (high, low)) in cells.as_chunks_mut::<2>().0.iter_mut().zip(high.iter().zip(low)) {
            *cell = [*low, *high];
        }
    } else {
        scatter(planes, plane_bytes, bytes_per_cell, 0, bytes_per_cell, cells);
    }
}

/// Puts the planes of one sample, most significant first, at `offset` into pixels of `stride` bytes.
fn scatter(
    planes: &[u8],
    plane_bytes: usize,
    bytes_per_cell: usize,
    offset: usize,
    stride: usize,
    cells: &mut [u8],
) {
    for (plane, bytes) in planes.chunks_exact(plane_bytes).enumerate() {
        let at = offset + bytes_per_cell - 1 - plane;
        match stride {
            3 => scatter_each::<3>(bytes, at, cells),
            4 => scatter_each::<4>(bytes, at, cells),
            6 => scatter_each::<6>(bytes, at, cells),
            8 => scatter_each::<8>(bytes, at, cells),
            _ => {
                for (pixel, byte) in cells.chunks_exact_mut(stride).zip(bytes) {
                    pixel[at] = *byte;
                }
            }
        }
    }
}

fn scatter_each<const STRIDE: usize>(bytes: &[u8], at: usize, cells: &mut [u8]) {
    let at = at.min(STRIDE - 1);
    for (pixel, byte) in cells.as_chunks_mut::<STRIDE>().0.iter_mut().zip(bytes) {
        pixel[at] = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::rle_header::HEADER;
    use super::super::super::testing::image;
    use super::*;
    use crate::dicom::ImagePixel;
    use proptest::prelude::*;

    fn codestream(words: &[u32], segments: &[u8]) -> Vec<u8> {
        let mut stream: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        stream.resize(HEADER, 0);
        stream.extend_from_slice(segments);
        stream
    }

    fn decode(stream: &[u8], image: &ImagePixel) -> Result<Vec<u8>, DecodeError> {
        let mut cells = vec![0xEE; 3];
        Rle.decode(&Coded::alike(stream, image), &mut cells).map(|()| cells)
    }

    /// Written by hand from Annex G.
    #[test]
    fn two_rows_of_sixteen_bits() {
        let segments = [0xFC, 0x01, 0xFC, 0x0A, 0xFC, 0x02, 0x04, 0x01, 0x02, 0x03, 0x04, 0x05];
        let cells = decode(&codestream(&[2, 64, 68], &segments), &image(2, 5, 16, 1, 0)).unwrap();
        let expected: Vec<u8> = [[0x0102; 5], [0x0A01, 0x0A02, 0x0A03, 0x0A04, 0x0A05]]
            .concat()
            .iter()
            .flat_map(|cell: &u16| cell.to_le_bytes())
            .collect();
        assert_eq!(cells, expected);
    }

    /// Colour by pixel and by plane; a no-op length, a run across rows and a pad byte are tolerated.
    #[test]
    fn colour_in_both_orders() {
        let segments = [0x80, 0xFF, 1, 0xFF, 1, 0x00, 0xFD, 2, 0x03, 3, 4, 5, 6, 0x00];
        let stream = codestream(&[3, 64, 70, 72], &segments);
        let planar = decode(&stream, &image(2, 2, 8, 3, 1)).unwrap();
        assert_eq!(planar, [1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6]);
        let pixels = decode(&stream, &image(2, 2, 8, 3, 0)).unwrap();
        assert_eq!(pixels, [1, 2, 3, 1, 2, 4, 1, 2, 5, 1, 2, 6]);
    }

    #[test]
    fn what_is_too_short_too_long_or_elsewhere_is_refused() {
        let one = image(1, 4, 8, 1, 0);
        let good = codestream(&[1, 64], &[0xFD, 9]);
        assert_eq!(decode(&good, &one).unwrap(), [9; 4]);
        for (words, segments) in [
            (&[1, 64][..], &[0xFE, 9][..]),     // three cells only
            (&[1, 64], &[0xFC, 9]),             // five cells
            (&[1, 64], &[0x04, 1, 2, 3, 4, 5]), // five literals
            (&[1, 64], &[0x03, 1, 2, 3]),       // a literal run that is cut
            (&[1, 64], &[0xFD]),                // a run without its value
            (&[1, 64], &[0xFD, 9, 0, 0]),       // two bytes behind the plane
            (&[1, 64], &[]),                    // nothing
            (&[1, 60], &[0xFD, 9]),             // within the header
            (&[1, 67], &[0xFD, 9]),             // behind the end
            (&[1, u32::MAX], &[0xFD, 9]),       // far behind the end
        ] {
            let error = decode(&codestream(words, segments), &one).unwrap_err();
            assert!(matches!(error, DecodeError::Damaged(_)), "{words:?} {segments:?}: {error}");
        }
        let other = decode(&codestream(&[2, 64, 66], &[0xFD, 9, 0xFD, 9]), &one).unwrap_err();
        assert!(matches!(other, DecodeError::OtherFrame { .. }));
        assert!(decode(&good[..63], &one).is_err());
        let two = image(1, 4, 16, 1, 0);
        let backwards = codestream(&[2, 66, 64], &[0xFD, 9, 0xFD, 9]);
        assert!(matches!(decode(&backwards, &two), Err(DecodeError::Damaged(_))));
    }

    /// A frame of four gigabytes from a few bytes is refused before memory is taken for it.
    #[test]
    fn a_promise_is_not_believed() {
        let huge = image(65535, 65535, 8, 1, 0);
        let error = decode(&codestream(&[1, 64], &[0x81, 9]), &huge).unwrap_err();
        assert!(matches!(error, DecodeError::Damaged(_)), "{error}");
    }

    proptest! {
        /// Whatever arrives, the decoder returns; what it accepts has exactly the frame's size.
        #[test]
        fn arbitrary_bytes_do_no_harm(
            words in prop::collection::vec(0u32..120, 16),
            segments in prop::collection::vec(any::<u8>(), 0..80),
            planar in 0u16..2,
            bits in prop::sample::select(vec![8u16, 16]),
            samples in prop::sample::select(vec![1u16, 3]),
        ) {
            let image = image(3, 5, bits, samples, planar);
            let mut words = words;
            words[0] = u32::from(samples * bits / 8);
            if let Ok(cells) = decode(&codestream(&words, &segments), &image) {
                prop_assert_eq!(cells.len() as u64, image.frame_bytes().unwrap());
            }
        }
    }
}
