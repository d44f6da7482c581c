//! Decodes a codestream by the library, once its headers have been read by us.

use super::super::jpeg_2000_header::FrameHeader;
use super::error::Error;
use super::handle::{Codec, Messages, TRUE};
use super::image::{Image, check_frame};
use super::stream::{Input, Stream};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use openjpeg_sys as ffi;

/// The decoded samples of one frame.
pub(crate) struct Decoded {
    image: Image,
    frame: FrameHeader,
}

/// Decodes a codestream whose headers have been read and found to be those of `frame`.
///
/// # Errors
/// When the codestream is damaged, or OpenJPEG reads another frame out of it. Memory of the size that the frame has is
/// taken, so compare it with what is expected before.
pub(crate) fn decode(codestream: &[u8], frame: &FrameHeader) -> Result<Decoded, Error> {
    check_frame(frame)?;
    let messages = Messages::new();
    // SAFETY: takes a constant; returns a new codec that we own, or null.
    let codec =
        Codec::new(unsafe { ffi::opj_create_decompress(ffi::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K) }, &messages)?;
    let input = Input { bytes: codestream, at: Cell::new(0) };
    let stream = Stream::of(&input)?;
    let mut parameters = MaybeUninit::<ffi::opj_dparameters_t>::zeroed();
    let mut image = ptr::null_mut();
    // SAFETY: codec and stream are live, the stream reads from `input`, which outlives it; the parameters are numbers,
    // flags and texts for which zeros are valid, and are set by the library; `image` is valid for the write of a pointer.
    let read = unsafe {
        let (codec, stream) = (codec.0.as_ptr(), stream.0.as_ptr());
        ffi::opj_set_default_decoder_parameters(parameters.as_mut_ptr());
        ffi::opj_setup_decoder(codec, parameters.as_mut_ptr()) == TRUE
            && ffi::opj_read_header(stream, codec, &raw mut image) == TRUE
    };
    let image = NonNull::new(image).map(Image).filter(|_| read).ok_or_else(|| messages.error())?;
    if !image.is_of(frame) {
        return Err(Error(format!("it reads other than {frame} out of the codestream")));
    }
    // SAFETY: codec and stream are live and have read the header; the image is the one that came from it.
    let done = unsafe {
        let (codec, stream) = (codec.0.as_ptr(), stream.0.as_ptr());
        ffi::opj_decode(codec, stream, image.0.as_ptr()) == TRUE
            && ffi::opj_end_decompress(codec, stream) == TRUE
    };
    if !done {
        return Err(messages.error());
    }
    if !image.is_of(frame) {
        return Err(Error(format!("it decodes other than {frame}")));
    }
    Ok(Decoded { image, frame: *frame })
}

impl Decoded {
    /// The samples of each component, row by row.
    ///
    /// # Errors
    /// When a component was not decoded.
    pub(crate) fn components(&mut self) -> Result<Vec<&mut [i32]>, Error> {
        self.image.components_mut(&self.frame)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::jpeg_2000_header;
    use super::super::super::parameters::Layers;
    use super::super::super::testing::noise;
    use super::super::encode::{MOST_PRECISION, MOST_TRANSFORMED_PRECISION, Settings, encode};
    use super::*;

    fn grey(columns: u32, rows: u32, precision: u8) -> FrameHeader {
        FrameHeader { columns, rows, components: 1, precision, signed: false }
    }

    /// Noise within the precision, the same for the same frame.
    fn samples(frame: &FrameHeader, component: usize) -> Vec<i32> {
        let count = (frame.columns * frame.rows) as usize;
        let unused = 32 - u32::from(frame.precision);
        let words = noise(count * 4, component as u64 + 1);
        words
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| {
                let word = u32::from_le_bytes(*word);
                if frame.signed { word.cast_signed() >> unused } else { (word >> unused).cast_signed() }
            })
            .collect()
    }

    /// Only the least and the largest value, in a random order: what costs the wavelet the most bits.
    fn spread(samples: Vec<i32>, frame: &FrameHeader) -> Vec<i32> {
        let range = 1 << frame.precision;
        let low = if frame.signed { -range / 2 } else { 0 };
        samples.into_iter().map(|sample| if sample & 1 == 0 { low } else { low + range - 1 }).collect()
    }

    fn encoded(frame: &FrameHeader, colour_transform: bool) -> Result<Vec<u8>, Error> {
        let mut out = vec![7; 3];
        let settings = Settings { layers: &Layers::Everything, colour_transform };
        encode(frame, &settings, |at, to| to.copy_from_slice(&samples(frame, at)), &mut out)?;
        Ok(out)
    }

    fn decoded(codestream: &[u8]) -> Result<(FrameHeader, Vec<Vec<i32>>), String> {
        let headers = jpeg_2000_header::read(codestream).map_err(|error| error.to_string())?;
        let jpeg_2000_header::Headers { frame, codestream, .. } = headers;
        let mut decoded = decode(codestream, &frame).map_err(|error| error.to_string())?;
        let components = decoded.components().map_err(|error| error.to_string())?;
        Ok((frame, components.into_iter().map(|samples| samples.to_vec()).collect()))
    }

    #[test]
    fn extremes_and_noise_of_every_precision_and_sign_come_back() {
        for precision in 1..=MOST_PRECISION {
            let most = if precision > MOST_TRANSFORMED_PRECISION { 2 } else { 4 };
            for signed in [false, true] {
                for (components, colour_transform) in
                    [(1, false), (3, false), (4, false), (3, true)].into_iter().take(most)
                {
                    for (columns, rows) in [(70, 33), (1, 1), (1, 90), (90, 1), (65, 64)] {
                        let frame = FrameHeader { columns, rows, components, precision, signed };
                        for extremes in [false, true] {
                            let expected = |at| {
                                let noise = samples(&frame, at);
                                if extremes { spread(noise, &frame) } else { noise }
                            };
                            let (mut codestream, mut settings) = (Vec::new(), PLAIN);
                            settings.colour_transform = colour_transform;
                            let fill = |at, to: &mut [i32]| to.copy_from_slice(&expected(at));
                            match encode(&frame, &settings, fill, &mut codestream) {
                                Ok(()) => {}
                                // Noise of a few bits grows beyond what the library makes room for.
                                Err(error) if precision <= 3 => {
                                    assert!(error.0.contains("output buffer"), "{frame}: {error}");
                                    continue;
                                }
                                Err(error) => panic!("{frame}: {error}"),
                            }
                            let (found, components) = decoded(&codestream).unwrap();
                            assert_eq!(found, frame);
                            for (at, component) in components.iter().enumerate() {
                                assert!(*component == expected(at), "{frame} {colour_transform} {extremes}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_widest_and_the_highest_frame_come_back() {
        for frame in [grey(65535, 1, 16), grey(1, 65535, 16), grey(65535, 40, 12), grey(40, 65535, 12)] {
            let (found, components) = decoded(&encoded(&frame, false).unwrap()).unwrap();
            assert_eq!(found, frame);
            assert!(components == [samples(&frame, 0)], "{frame}");
        }
    }

    #[test]
    fn what_the_library_refuses_is_an_error_with_its_words() {
        let frame = grey(64, 64, 12);
        let mut codestream = encoded(&frame, false).unwrap();
        let quantisation = codestream.windows(2).position(|two| two == [0xFF, 0x5C]).unwrap();
        codestream[quantisation + 1] = 0x00;
        let error = decoded(&codestream).unwrap_err();
        assert!(error.contains("QCD"), "{error}");
    }

    const PLAIN: Settings<'static> = Settings { layers: &Layers::Everything, colour_transform: false };

    #[test]
    fn every_cut_is_an_error() {
        let frame = FrameHeader { columns: 17, rows: 13, components: 3, precision: 8, signed: false };
        let codestream = encoded(&frame, true).unwrap();
        for cut in 0..codestream.len() - 2 {
            let closed = [&codestream[..cut], &[0xFF, 0xD9]].concat();
            assert!(decoded(&codestream[..cut]).is_err(), "cut at {cut} of {}", codestream.len());
            assert!(decoded(&closed).is_err(), "closed at {cut} of {}", codestream.len());
        }
        let padded = [&codestream[..], &[0; 3]].concat();
        assert!(decoded(&padded).is_ok());
    }

    /// Flipped bits may decode to other samples or not at all, but they end and stay within the buffers.
    #[test]
    fn damage_anywhere_ends() {
        for (components, colour_transform) in [(1, false), (3, true)] {
            let frame = FrameHeader { columns: 20, rows: 19, components, precision: 12, signed: true };
            let codestream = encoded(&frame, colour_transform).unwrap();
            for at in 0..codestream.len() {
                for bit in 0..8 {
                    let mut damaged = codestream.clone();
                    damaged[at] ^= 1 << bit;
                    let Ok(headers) = jpeg_2000_header::read(&damaged) else { continue };
                    let jpeg_2000_header::Headers { frame: found, codestream: inner, .. } = headers;
                    if (found.columns, found.rows) == (20, 19) {
                        drop(decode(inner, &found));
                    }
                }
            }
        }
    }
}
