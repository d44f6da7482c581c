//! Encodes a frame by CharLS.

use super::alignment::{aligned_copy, is_aligned};
use super::error::{Error, check};
use super::frame_header::{FrameHeader, HEADERS};
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use charls_sys as ffi;

/// Encodes one frame, with an error of at most `near` in each sample, and replaces the content of `out` by its codestream.
///
/// `samples` holds `frame_bytes` bytes, little endian; several components lie pixel by pixel and are written as one
/// scan in sample interleave. Bits above the precision are ignored when nothing may change, and must be 0 otherwise.
///
/// # Errors
/// When the lengths do not agree, memory is short or CharLS refuses.
pub(crate) fn encode(samples: &[u8], header: &FrameHeader, near: u8, out: &mut Vec<u8>) -> Result<(), Error> {
    if header.frame_bytes() != Some(samples.len()) {
        return Err(Error::ours("the frame does not have the length that its header gives it"));
    }
    let mut copy = Vec::new();
    let samples = if is_aligned(samples, header) { samples } else { aligned_copy(samples, &mut copy) };
    // Most frames shrink; noise in 16 bits grows by a few per cent. Only what grows more needs the proven bound.
    let likely = samples.len().saturating_add(samples.len() / 4).saturating_add(HEADERS);
    match encode_within(samples, header, near, likely, out) {
        Err(error) if error.code == ffi::charls_jpegls_errc_destination_buffer_too_small => {
            let bound =
                header.codestream_bound().ok_or_else(|| Error::ours("the frame is too large for memory"))?;
            encode_within(samples, header, near, bound, out)
        }
        result => result,
    }
}

fn encode_within(
    samples: &[u8],
    header: &FrameHeader,
    near: u8,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let too_wide = || Error::ours("the frame header has values beyond those of JPEG-LS");
    let info = ffi::charls_frame_info {
        width: header.columns,
        height: header.rows,
        bits_per_sample: c_int::try_from(header.precision).map_err(|_| too_wide())?,
        component_count: c_int::try_from(header.components).map_err(|_| too_wide())?,
    };
    let interleave = if header.components == 1 {
        ffi::charls_interleave_mode_none
    } else {
        ffi::charls_interleave_mode_sample
    };
    out.clear();
    out.try_reserve_exact(room).map_err(|error| Error::ours(&error.to_string()))?;
    let spare = out.spare_capacity_mut();
    let encoder = EncoderHandle::new()?;
    let mut written = 0;
    // SAFETY: the handle is live; `spare` is writable memory of the given length, which nothing else touches until the
    // calls are over, and CharLS checks for its end; `samples` has exactly the length that CharLS computes from the
    // frame info (`encode` compares both) and is aligned for the sample type; the remaining pointers are to locals.
    unsafe {
        let handle = encoder.0.as_ptr();
        check(ffi::charls_jpegls_encoder_set_frame_info(handle, &raw const info))?;
        check(ffi::charls_jpegls_encoder_set_interleave_mode(handle, interleave))?;
        check(ffi::charls_jpegls_encoder_set_near_lossless(handle, near.into()))?;
        let (start, length) = (spare.as_mut_ptr().cast::<c_void>(), spare.len());
        check(ffi::charls_jpegls_encoder_set_destination_buffer(handle, start, length))?;
        let (start, length) = (samples.as_ptr().cast::<c_void>(), samples.len());
        check(ffi::charls_jpegls_encoder_encode_from_buffer(handle, start, length, 0))?;
        check(ffi::charls_jpegls_encoder_get_bytes_written(handle, &raw mut written))?;
    }
    if written > out.capacity() {
        return Err(Error::ours("CharLS says that it wrote more than there was room for"));
    }
    // SAFETY: CharLS has written this many bytes from the start of the spare capacity of the empty vector, and they lie
    // within its capacity.
    unsafe { out.set_len(written) };
    Ok(())
}

struct EncoderHandle(NonNull<ffi::charls_jpegls_encoder>);

impl EncoderHandle {
    fn new() -> Result<EncoderHandle, Error> {
        // SAFETY: takes no arguments; returns a new handle that we own, or null when memory is short.
        let handle = unsafe { ffi::charls_jpegls_encoder_create() };
        NonNull::new(handle).map(EncoderHandle).ok_or_else(|| Error::ours("CharLS gave no encoder"))
    }
}

impl Drop for EncoderHandle {
    fn drop(&mut self) {
        // SAFETY: the handle came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::charls_jpegls_encoder_destroy(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The case that the first, likely room is too small for: small alternating values in a wide precision, then jumps.
    #[test]
    fn a_codestream_far_larger_than_its_frame_is_written_whole() {
        let header = FrameHeader { columns: 4096, rows: 4, precision: 9, components: 1 };
        let samples: Vec<u8> = (0..4096 * 4)
            .flat_map(|at: u32| {
                (if at.is_multiple_of(67) { (at / 67 % 2) as u16 * 511 } else { 0 }).to_le_bytes()
            })
            .collect();
        let mut codestream = Vec::new();
        encode(&samples, &header, 0, &mut codestream).unwrap();
        let room = header.codestream_bound().unwrap();
        assert!(codestream.len() <= room);
        let too_small =
            encode_within(&samples, &header, 0, codestream.len() / 2, &mut Vec::new()).unwrap_err();
        assert_eq!(too_small.code, ffi::charls_jpegls_errc_destination_buffer_too_small);
    }
}
