//! OpenJPEG behind a safe face: encodes and decodes one JPEG 2000 codestream (ISO/IEC 15444-1, PS3.5 A.4.4) in memory;
//! high-throughput ones (ISO/IEC 15444-15) it decodes.
//!
//! OpenJPEG works on one array of 32-bit samples a component, and keeps to one thread here: frames run in parallel.
//! Every handle is destroyed by `Drop`, so an error leaks nothing, and what the library says goes into the error.

use super::jpeg_2000_header::FrameHeader;
use super::parameters::{Layers, MOST_LAYERS};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use openjpeg_sys as ffi;

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'s> {
    /// What the layers aim at. Everything takes the reversible wavelet (5/3), else the irreversible one (9/7).
    /// Ratios are those of samples at their precision to codestream.
    pub(super) layers: &'s Layers,
    /// Whether the first three components go through the reversible or irreversible colour transform (G.2, G.3).
    pub(super) colour_transform: bool,
}

/// Why OpenJPEG gave no result, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Error(pub(super) String);

/// The most samples of a frame: for each the library takes four bytes and more.
pub(super) const MOST_SAMPLES: u64 = 1 << 29;
/// The most bits of a sample that come back from its encoder exactly: at 24, alternating extremes do not.
pub(super) const MOST_PRECISION: u8 = 23;
/// The same through the colour transform, which adds a bit to the differences of colours.
pub(super) const MOST_TRANSFORMED_PRECISION: u8 = 22;

/// Encodes one frame and replaces the content of `out` by its codestream. `fill` is called for each component in turn
/// with the place for its samples, which must be within the precision.
///
/// # Errors
/// When the frame or the layers are beyond what OpenJPEG can, memory is short, or OpenJPEG refuses.
pub(super) fn encode(
    frame: &FrameHeader,
    settings: &Settings<'_>,
    mut fill: impl FnMut(usize, &mut [i32]),
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    check_frame(frame)?;
    let messages = Messages::new();
    let mut image = Image::new(frame)?;
    for (component, samples) in image.components_mut(frame)?.into_iter().enumerate() {
        fill(component, samples);
    }
    let mut parameters = parameters(frame, settings)?;
    // SAFETY: takes a constant; returns a new codec that we own, or null.
    let codec =
        Codec::new(unsafe { ffi::opj_create_compress(ffi::OPJ_CODEC_FORMAT::OPJ_CODEC_J2K) }, &messages)?;
    out.clear();
    let output = Output { bytes: RefCell::new(std::mem::take(out)), at: Cell::new(0) };
    let stream = Stream::to(&output)?;
    // SAFETY: codec, image and stream are live; OpenJPEG copies what it keeps of the parameters; the image has the
    // components that it was created with; the stream writes into `output`, which outlives it.
    let done = unsafe {
        let (codec, stream, image) = (codec.0.as_ptr(), stream.0.as_ptr(), image.0.as_ptr());
        ffi::opj_setup_encoder(codec, &raw mut *parameters, image) == TRUE
            && ffi::opj_start_compress(codec, image, stream) == TRUE
            && ffi::opj_encode(codec, stream) == TRUE
            && ffi::opj_end_compress(codec, stream) == TRUE
    };
    drop(stream);
    *out = output.bytes.into_inner();
    if done { Ok(()) } else { Err(messages.error()) }
}

/// The decoded samples of one frame.
pub(super) struct Decoded {
    image: Image,
    frame: FrameHeader,
}

/// Decodes a codestream whose headers have been read and found to be those of `frame`.
///
/// # Errors
/// When the codestream is damaged, or OpenJPEG reads another frame out of it. Memory of the size that the frame has is
/// taken, so compare it with what is expected before.
pub(super) fn decode(codestream: &[u8], frame: &FrameHeader) -> Result<Decoded, Error> {
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
    pub(super) fn components(&mut self) -> Result<Vec<&mut [i32]>, Error> {
        self.image.components_mut(&self.frame)
    }
}

const TRUE: ffi::OPJ_BOOL = 1;
const FALSE: ffi::OPJ_BOOL = 0;
/// What a read at the end and a failed write or skip return.
const NOTHING: usize = usize::MAX;
/// The library's own buffer for a stream; it moves more than this at once past it.
const STREAM_BUFFER: usize = 64 << 10;
/// What is kept of the library's words.
const MOST_WORDS: usize = 1000;
/// The levels of the wavelet, where the frame is large enough for them (the library's and opj_compress's default).
const LEVELS: u32 = 5;

fn check_frame(frame: &FrameHeader) -> Result<(), Error> {
    let samples = u64::from(frame.columns) * u64::from(frame.rows) * u64::from(frame.components);
    if samples == 0 || samples > MOST_SAMPLES {
        return Err(Error(format!("a frame has 1 to {MOST_SAMPLES} samples here, and this one {samples}")));
    }
    Ok(())
}

fn parameters(frame: &FrameHeader, settings: &Settings<'_>) -> Result<Box<ffi::opj_cparameters_t>, Error> {
    let mut parameters = Box::new(MaybeUninit::<ffi::opj_cparameters_t>::zeroed());
    // SAFETY: the parameters are numbers, flags, texts and nullable pointers; zeros are valid for all of them, enums
    // included (C's first enumerators), and the library then sets its defaults.
    let mut parameters = unsafe {
        ffi::opj_set_default_encoder_parameters(parameters.as_mut_ptr());
        parameters.assume_init()
    };
    // Halving a side of one sample gains nothing, and some decoders stumble over empty sub-bands.
    let levels = frame.columns.min(frame.rows).ilog2().min(LEVELS);
    parameters.numresolution = levels as i32 + 1;
    (parameters.cblockw_init, parameters.cblockh_init) = code_block(frame);
    parameters.tcp_mct = settings.colour_transform.into();
    let targets = match settings.layers {
        Layers::Everything => &[0.0][..],
        Layers::Ratios(ratios) => ratios,
        Layers::Psnrs(psnrs) => psnrs,
    };
    if targets.is_empty() || targets.len() > MOST_LAYERS || !targets.iter().all(|target| target.is_finite()) {
        return Err(Error(format!(
            "1 to {MOST_LAYERS} layers with a number each can be had, not {targets:?}"
        )));
    }
    parameters.tcp_numlayers = targets.len() as i32;
    if let Layers::Psnrs(_) = settings.layers {
        parameters.cp_fixed_quality = TRUE;
        parameters.tcp_distoratio[..targets.len()].copy_from_slice(targets);
    } else {
        parameters.cp_disto_alloc = TRUE;
        parameters.tcp_rates[..targets.len()].copy_from_slice(targets);
    }
    parameters.irreversible = (*settings.layers != Layers::Everything).into();
    Ok(parameters)
}

/// Width and height of code-blocks (ISO/IEC 15444-1 table A.18: 4 to 1024 each, 4096 samples at most). 64 by 64 suits most
/// frames; one of a few rows or columns would fall into so many small blocks that their headers outweigh them, and that
/// noise of one bit does not fit the buffer that the library takes.
fn code_block(frame: &FrameHeader) -> (i32, i32) {
    let side = |length: u32| length.next_power_of_two().clamp(4, 64) as i32;
    let (width, height) = (side(frame.columns), side(frame.rows));
    if height < 64 { (4096 / height, height) } else { (width, 4096 / width) }
}

/// What the library says while it fails.
struct Messages(RefCell<String>);

impl Messages {
    fn new() -> Messages {
        Messages(RefCell::default())
    }

    fn error(&self) -> Error {
        let said = self.0.take();
        Error(if said.is_empty() { "it does not say why".to_owned() } else { said })
    }
}

/// Takes one of the library's messages, up to a length.
unsafe extern "C" fn keep_message(message: *const c_char, kept: *mut c_void) {
    if message.is_null() || kept.is_null() {
        return;
    }
    // SAFETY: `kept` is the cell of a `Messages` that outlives the codec (see `Codec::new`), only ever shared; the
    // library gives a null-terminated text.
    let (kept, message) = unsafe { (&*kept.cast::<RefCell<String>>(), CStr::from_ptr(message)) };
    if let Ok(mut kept) = kept.try_borrow_mut() {
        let line = message.to_string_lossy();
        let line = line.trim();
        if !line.is_empty() && kept.len() + line.len() < MOST_WORDS {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(line);
        }
    }
}

struct Codec<'m>(NonNull<ffi::opj_codec_t>, std::marker::PhantomData<&'m Messages>);

impl<'m> Codec<'m> {
    fn new(codec: *mut ffi::opj_codec_t, messages: &'m Messages) -> Result<Codec<'m>, Error> {
        let codec = NonNull::new(codec).ok_or_else(|| Error("no memory for a codec".to_owned()))?;
        let codec = Codec(codec, std::marker::PhantomData);
        let kept = (&raw const messages.0).cast_mut().cast::<c_void>();
        // SAFETY: the codec is live; the messages outlive it by the lifetime 'm, and the callback only shares them.
        unsafe { ffi::opj_set_error_handler(codec.0.as_ptr(), Some(keep_message), kept) };
        Ok(codec)
    }
}

impl Drop for Codec<'_> {
    fn drop(&mut self) {
        // SAFETY: the codec came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_destroy_codec(self.0.as_ptr()) }
    }
}

/// An image of the library with all its components.
struct Image(NonNull<ffi::opj_image_t>);

impl Image {
    fn new(frame: &FrameHeader) -> Result<Image, Error> {
        let component = ffi::opj_image_cmptparm_t {
            dx: 1,
            dy: 1,
            w: frame.columns,
            h: frame.rows,
            x0: 0,
            y0: 0,
            prec: u32::from(frame.precision),
            bpp: u32::from(frame.precision),
            sgnd: u32::from(frame.signed),
        };
        let mut components = vec![component; usize::from(frame.components)];
        let space = ffi::OPJ_COLOR_SPACE::OPJ_CLRSPC_UNSPECIFIED;
        // SAFETY: the slice holds as many component parameters as are announced, and the library copies them.
        let image =
            unsafe { ffi::opj_image_create(u32::from(frame.components), components.as_mut_ptr(), space) };
        let image =
            NonNull::new(image).map(Image).ok_or_else(|| Error("no memory for the image".to_owned()))?;
        // SAFETY: the image is live and ours alone.
        unsafe {
            let image = &mut *image.0.as_ptr();
            (image.x1, image.y1) = (frame.columns, frame.rows);
        }
        Ok(image)
    }

    fn described(&self) -> &[ffi::opj_image_comp_t] {
        // SAFETY: the image is live; the library keeps `numcomps` components at `comps`, or has null there.
        unsafe {
            let image = &*self.0.as_ptr();
            if image.comps.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(image.comps, image.numcomps as usize)
            }
        }
    }

    /// Whether every component has the size, precision and sign of a frame.
    fn is_of(&self, frame: &FrameHeader) -> bool {
        let components = self.described();
        components.len() == usize::from(frame.components)
            && components.iter().all(|component| {
                // Before decoding the library has not computed width and height yet: they are those of the whole image.
                (component.w, component.h) == (frame.columns, frame.rows)
                    && component.prec == u32::from(frame.precision)
                    && (component.sgnd == 1) == frame.signed
            })
    }

    /// The samples of each component.
    fn components_mut(&mut self, frame: &FrameHeader) -> Result<Vec<&mut [i32]>, Error> {
        let samples = frame.columns as usize * frame.rows as usize;
        let components = self.described();
        let whole = |component: &ffi::opj_image_comp_t| {
            !component.data.is_null() && component.w as usize * component.h as usize == samples
        };
        if !components.iter().all(whole) {
            return Err(Error("a component has no samples".to_owned()));
        }
        // SAFETY: the library keeps w × h samples at each component's `data`, a block of its own for each, which nothing
        // else touches while the image is borrowed mutably.
        Ok(components
            .iter()
            .map(|component| unsafe { std::slice::from_raw_parts_mut(component.data, samples) })
            .collect())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the image came from the library, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_image_destroy(self.0.as_ptr()) }
    }
}

/// A codestream that is read.
struct Input<'b> {
    bytes: &'b [u8],
    at: Cell<usize>,
}

/// A codestream that is written.
struct Output {
    bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
}

/// A stream of the library over an [`Input`] or [`Output`], which it must not outlive.
struct Stream<'d>(NonNull<ffi::opj_stream_t>, std::marker::PhantomData<&'d ()>);

impl<'d> Stream<'d> {
    fn of(input: &'d Input<'_>) -> Result<Stream<'d>, Error> {
        let stream = Stream::new(TRUE)?;
        let data = (&raw const *input).cast_mut().cast::<c_void>();
        // SAFETY: the stream is live; the input outlives it by the lifetime 'd and is only shared by the callbacks, which
        // are those of an `Input`. There is nothing to free.
        unsafe {
            let stream = stream.0.as_ptr();
            ffi::opj_stream_set_user_data(stream, data, None);
            ffi::opj_stream_set_user_data_length(stream, input.bytes.len() as u64);
            ffi::opj_stream_set_read_function(stream, Some(read_input));
            ffi::opj_stream_set_skip_function(stream, Some(skip_input));
            ffi::opj_stream_set_seek_function(stream, Some(seek_input));
        }
        Ok(stream)
    }

    fn to(output: &'d Output) -> Result<Stream<'d>, Error> {
        let stream = Stream::new(FALSE)?;
        let data = (&raw const *output).cast_mut().cast::<c_void>();
        // SAFETY: as in `of`, with the callbacks of an `Output`.
        unsafe {
            let stream = stream.0.as_ptr();
            ffi::opj_stream_set_user_data(stream, data, None);
            ffi::opj_stream_set_write_function(stream, Some(write_output));
            ffi::opj_stream_set_skip_function(stream, Some(skip_output));
            ffi::opj_stream_set_seek_function(stream, Some(seek_output));
        }
        Ok(stream)
    }

    fn new(is_input: ffi::OPJ_BOOL) -> Result<Stream<'d>, Error> {
        // SAFETY: takes numbers; returns a new stream that we own, or null when memory is short.
        let stream = unsafe { ffi::opj_stream_create(STREAM_BUFFER, is_input) };
        let stream = NonNull::new(stream).ok_or_else(|| Error("no memory for a stream".to_owned()))?;
        Ok(Stream(stream, std::marker::PhantomData))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: the stream came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_stream_destroy(self.0.as_ptr()) }
    }
}

unsafe extern "C" fn read_input(buffer: *mut c_void, bytes: usize, input: *mut c_void) -> usize {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    let rest = input.bytes.get(input.at.get()..).unwrap_or_default();
    let count = rest.len().min(bytes);
    if count == 0 {
        return NOTHING;
    }
    // SAFETY: the library gives room for `bytes` bytes, apart from the input; `count` is no more.
    unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast::<u8>(), count) };
    input.at.set(input.at.get() + count);
    count
}

unsafe extern "C" fn skip_input(bytes: i64, input: *mut c_void) -> i64 {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    // The library counts what it has skipped, and never skips backwards.
    let left = input.bytes.len().saturating_sub(input.at.get());
    let count = usize::try_from(bytes).unwrap_or(0).min(left);
    input.at.set(input.at.get() + count);
    if count == 0 { -1 } else { i64::try_from(count).unwrap_or(-1) }
}

unsafe extern "C" fn seek_input(to: i64, input: *mut c_void) -> ffi::OPJ_BOOL {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    match usize::try_from(to) {
        Ok(to) if to <= input.bytes.len() => {
            input.at.set(to);
            TRUE
        }
        _ => FALSE,
    }
}

unsafe extern "C" fn write_output(bytes: *mut c_void, count: usize, output: *mut c_void) -> usize {
    // SAFETY: `output` is what `Stream::to` has set; the library gives `count` bytes, apart from the output.
    let (output, written) =
        unsafe { (&*output.cast::<Output>(), std::slice::from_raw_parts(bytes.cast::<u8>(), count)) };
    let Ok(mut bytes) = output.bytes.try_borrow_mut() else { return NOTHING };
    let (at, length) = (output.at.get(), bytes.len());
    let Some(end) = at.checked_add(count) else { return NOTHING };
    if bytes.try_reserve(end.saturating_sub(length)).is_err() {
        return NOTHING;
    }
    if end > length {
        bytes.resize(end, 0);
    }
    let Some(place) = bytes.get_mut(at..end) else { return NOTHING };
    place.copy_from_slice(written);
    output.at.set(end);
    count
}

unsafe extern "C" fn skip_output(bytes: i64, output: *mut c_void) -> i64 {
    // SAFETY: `output` is what `Stream::to` has set.
    let output = unsafe { &*output.cast::<Output>() };
    match usize::try_from(bytes).ok().and_then(|bytes| output.at.get().checked_add(bytes)) {
        Some(at) => {
            output.at.set(at);
            bytes
        }
        None => -1,
    }
}

unsafe extern "C" fn seek_output(to: i64, output: *mut c_void) -> ffi::OPJ_BOOL {
    // SAFETY: `output` is what `Stream::to` has set.
    let output = unsafe { &*output.cast::<Output>() };
    match usize::try_from(to) {
        Ok(to) => {
            output.at.set(to);
            TRUE
        }
        Err(_) => FALSE,
    }
}

#[cfg(test)]
mod tests {
    use super::super::jpeg_2000_header;
    use super::super::testing::noise;
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
    fn what_is_beyond_the_library_is_an_error_with_words() {
        let frame = grey(65535, 65535, 8);
        let error = encode(&frame, &PLAIN, |_, _| panic!("memory was taken"), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("4294836225"), "{error}");
        for layers in [vec![], vec![2.0; 101], vec![f32::NAN]] {
            let settings = Settings { layers: &Layers::Ratios(layers), colour_transform: false };
            assert!(encode(&grey(8, 8, 8), &settings, |_, _| (), &mut Vec::new()).is_err());
        }
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
