//! Encodes a frame by the library: what the layers aim at, the levels of the wavelet and the code-blocks.

use super::super::jpeg_2000_header::FrameHeader;
use super::super::parameters::{Layers, MOST_LAYERS};
use super::error::Error;
use super::handle::{Codec, Messages, TRUE};
use super::image::{Image, check_frame};
use super::stream::{Output, Stream};
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;

use openjpeg_sys as ffi;

/// How to encode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'s> {
    /// What the layers aim at. Everything takes the reversible wavelet (5/3), else the irreversible one (9/7).
    /// Ratios are those of samples at their precision to codestream.
    pub(crate) layers: &'s Layers,
    /// Whether the first three components go through the reversible or irreversible colour transform (G.2, G.3).
    pub(crate) colour_transform: bool,
}

/// The most bits of a sample that come back from its encoder exactly: at 24, alternating extremes do not.
pub(crate) const MOST_PRECISION: u8 = 23;
/// The same through the colour transform, which adds a bit to the differences of colours.
pub(crate) const MOST_TRANSFORMED_PRECISION: u8 = 22;

/// Encodes one frame and replaces the content of `out` by its codestream. `fill` is called for each component in turn
/// with the place for its samples, which must be within the precision.
///
/// # Errors
/// When the frame or the layers are beyond what OpenJPEG can, memory is short, or OpenJPEG refuses.
pub(crate) fn encode(
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

/// The levels of the wavelet, where the frame is large enough for them (the library's and opj_compress's default).
const LEVELS: u32 = 5;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_library_is_an_error_and_takes_no_memory() {
        let frame = |columns, rows| FrameHeader { columns, rows, components: 1, precision: 8, signed: false };
        let plain = Settings { layers: &Layers::Everything, colour_transform: false };
        let taken = |_: usize, _: &mut [i32]| panic!("memory was taken");
        let error = encode(&frame(65535, 65535), &plain, taken, &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("4294836225"), "{error}");
        for layers in [vec![], vec![2.0; 101], vec![f32::NAN]] {
            let settings = Settings { layers: &Layers::Ratios(layers), colour_transform: false };
            assert!(encode(&frame(8, 8), &settings, |_, _| (), &mut Vec::new()).is_err());
        }
    }
}
