//! CharLS behind a safe face: encodes and decodes one JPEG-LS frame (ISO/IEC 14495-1, PS3.5 A.4.3) by its C API.
//!
//! CharLS catches its own C++ exceptions at the C API and returns error codes; every handle is destroyed by `Drop`, so an
//! error leaks nothing.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use charls_sys as ffi;

/// What a JPEG-LS frame header says (C.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Samples in a row, 1 to 65535.
    pub(super) columns: u32,
    /// Rows, 1 to 65535.
    pub(super) rows: u32,
    /// Bits of a sample, 2 to 16.
    pub(super) precision: u32,
    /// Samples of a pixel, 1 to 255.
    pub(super) components: u32,
}

impl FrameHeader {
    /// Bytes that one sample has in memory: one up to 8 bits, else two.
    pub(super) fn bytes_per_sample(&self) -> usize {
        if self.precision <= 8 { 1 } else { 2 }
    }

    /// Bytes of all samples in memory; `None` when that overflows.
    pub(super) fn frame_bytes(&self) -> Option<usize> {
        let bytes = self.columns as usize;
        bytes
            .checked_mul(self.rows as usize)?
            .checked_mul(self.components as usize)?
            .checked_mul(self.bytes_per_sample())
    }

    /// A length that no codestream of such a frame exceeds.
    ///
    /// A sample takes at most LIMIT bits (A.2.1), run lengths included, and bit stuffing adds at most one in seven (A.1).
    fn codestream_bound(&self) -> Option<usize> {
        let limit = 2 * (self.precision + self.precision.max(8)) as usize;
        let samples = self.frame_bytes()? / self.bytes_per_sample();
        samples.checked_mul(limit)?.checked_add(6).map(|bits| bits / 7)?.checked_add(HEADERS)
    }
}

/// Why CharLS gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    /// CharLS's own error number; negative for errors found on our side of its API.
    pub(super) code: i32,
    /// The error in words.
    pub(super) message: String,
}

/// Encodes one frame, with an error of at most `near` in each sample, and replaces the content of `out` by its codestream.
///
/// `samples` holds `frame_bytes` bytes, little endian; several components lie pixel by pixel and are written as one
/// scan in sample interleave. Bits above the precision are ignored when nothing may change, and must be 0 otherwise.
///
/// # Errors
/// When the lengths do not agree, memory is short or CharLS refuses.
pub(super) fn encode(samples: &[u8], header: &FrameHeader, near: u8, out: &mut Vec<u8>) -> Result<(), Error> {
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

/// A codestream whose header has been read and whose samples have not been decoded yet.
pub(super) struct Opened<'c> {
    decoder: DecoderHandle,
    header: FrameHeader,
    interleaved: bool,
    near: i32,
    /// CharLS keeps a pointer into the codestream until the samples are decoded.
    codestream: PhantomData<&'c [u8]>,
}

impl<'c> Opened<'c> {
    /// Reads the header of a codestream. Nothing is allocated by what the header says.
    ///
    /// # Errors
    /// When there is no sound JPEG-LS header, or no End of Image marker at the end (zero bytes may follow it).
    pub(super) fn open(codestream: &'c [u8]) -> Result<Opened<'c>, Error> {
        // CharLS 2.4.5 reads on for ever when the samples run out at the very end of its buffer
        // (`decoder_strategy::fill_read_cache` asks there for `valid_bits_ == 0`, although the count may be negative).
        // Where a marker stops it, it asks rightly and fails. So the last bytes must be a marker.
        let padding = codestream.iter().rev().take_while(|byte| **byte == 0).count();
        let codestream = &codestream[..codestream.len() - padding];
        if !codestream.ends_with(&END_OF_IMAGE) {
            return Err(Error::ours("the codestream does not end with an End of Image marker"));
        }
        let decoder = DecoderHandle::new()?;
        let mut info = ffi::charls_frame_info { width: 0, height: 0, bits_per_sample: 0, component_count: 0 };
        let (mut interleave, mut near) = (0, 0);
        // SAFETY: the handle is live; the codestream outlives it by the lifetime 'c and CharLS reads only `len` bytes of
        // it; the out-parameters are valid for writes of their types during the calls.
        unsafe {
            let handle = decoder.0.as_ptr();
            let start = codestream.as_ptr().cast::<c_void>();
            check(ffi::charls_jpegls_decoder_set_source_buffer(handle, start, codestream.len()))?;
            check(ffi::charls_jpegls_decoder_read_header(handle))?;
            check(ffi::charls_jpegls_decoder_get_frame_info(handle, &raw mut info))?;
            check(charls_jpegls_decoder_get_interleave_mode(handle, &raw mut interleave))?;
            check(charls_jpegls_decoder_get_near_lossless(handle, 0, &raw mut near))?;
        }
        let header = FrameHeader {
            columns: info.width,
            rows: info.height,
            precision: u32::try_from(info.bits_per_sample).unwrap_or(0),
            components: u32::try_from(info.component_count).unwrap_or(0),
        };
        let interleaved = interleave != ffi::charls_interleave_mode_none;
        Ok(Opened { decoder, header, interleaved, near, codestream: PhantomData })
    }

    /// What the frame header says.
    pub(super) fn header(&self) -> FrameHeader {
        self.header
    }

    /// Whether the components lie pixel by pixel after decoding (else plane by plane).
    pub(super) fn is_interleaved(&self) -> bool {
        self.interleaved
    }

    /// The allowed error of the first scan; 0 is lossless.
    pub(super) fn near(&self) -> i32 {
        self.near
    }

    /// Decodes all samples and replaces the content of `samples`, little endian.
    ///
    /// # Errors
    /// When the codestream is damaged. Memory of the size that the header gives is taken first, so compare
    /// [`Opened::header`] with what is expected before.
    pub(super) fn decode(self, samples: &mut Vec<u8>) -> Result<(), Error> {
        let bytes =
            self.header.frame_bytes().ok_or_else(|| Error::ours("the frame is too large for memory"))?;
        samples.resize(bytes, 0);
        if is_aligned(samples, &self.header) {
            return self.decode_to(samples);
        }
        let mut copy = Vec::new();
        let decoded = aligned_copy(samples, &mut copy);
        self.decode_to(decoded)?;
        samples.copy_from_slice(decoded);
        Ok(())
    }

    fn decode_to(&self, samples: &mut [u8]) -> Result<(), Error> {
        // SAFETY: the handle is live and has read its header; the codestream still lives ('c); CharLS checks `len`
        // against the frame and writes no byte beyond it. The slice is aligned for the sample type by `is_aligned`.
        check(unsafe {
            let start = samples.as_mut_ptr().cast::<c_void>();
            ffi::charls_jpegls_decoder_decode_to_buffer(self.decoder.0.as_ptr(), start, samples.len(), 0)
        })
    }
}

impl Error {
    fn ours(message: &str) -> Error {
        Error { code: -1, message: message.to_owned() }
    }
}

/// EOI (ISO/IEC 10918-1 table B.1).
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Room for the markers before and behind the samples, with margin.
const HEADERS: usize = 4096;

// CharLS takes samples of more than 8 bits in the byte order of the machine, Condenser's cells are little endian.
const _: () = assert!(cfg!(target_endian = "little"), "the CharLS wrapper has no byte swapping");

// Parts of CharLS's C API (charls_jpegls_decoder.h) that charls-sys does not declare.
unsafe extern "C" {
    fn charls_jpegls_decoder_get_interleave_mode(
        decoder: *const ffi::charls_jpegls_decoder,
        interleave_mode: *mut ffi::charls_interleave_mode,
    ) -> ffi::charls_jpegls_errc;

    fn charls_jpegls_decoder_get_near_lossless(
        decoder: *const ffi::charls_jpegls_decoder,
        component: i32,
        near_lossless: *mut i32,
    ) -> ffi::charls_jpegls_errc;
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

/// Whether CharLS may read or write samples here: it uses 16-bit accesses for samples of two bytes.
fn is_aligned(samples: &[u8], header: &FrameHeader) -> bool {
    header.bytes_per_sample() == 1 || samples.as_ptr().addr().is_multiple_of(2)
}

/// Copies `samples` into `copy` so that they start at an even address.
fn aligned_copy<'b>(samples: &[u8], copy: &'b mut Vec<u8>) -> &'b mut [u8] {
    copy.resize(samples.len() + 1, 0);
    let shift = copy.as_ptr().addr() % 2;
    let place = &mut copy[shift..shift + samples.len()];
    place.copy_from_slice(samples);
    place
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

struct DecoderHandle(NonNull<ffi::charls_jpegls_decoder>);

impl DecoderHandle {
    fn new() -> Result<DecoderHandle, Error> {
        // SAFETY: takes no arguments; returns a new handle that we own, or null when memory is short.
        let handle = unsafe { ffi::charls_jpegls_decoder_create() };
        NonNull::new(handle).map(DecoderHandle).ok_or_else(|| Error::ours("CharLS gave no decoder"))
    }
}

impl Drop for DecoderHandle {
    fn drop(&mut self) {
        // SAFETY: the handle came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::charls_jpegls_decoder_destroy(self.0.as_ptr()) }
    }
}

fn check(code: ffi::charls_jpegls_errc) -> Result<(), Error> {
    if code == ffi::charls_jpegls_errc_success {
        return Ok(());
    }
    // SAFETY: CharLS returns a pointer to a constant, null-terminated text for any number, known or not.
    let message = unsafe {
        let text = ffi::charls_get_error_message(code);
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    Err(Error { code, message })
}

#[cfg(test)]
mod tests {
    use super::super::testing::noise;
    use super::*;

    #[test]
    fn noise_of_every_precision_fits() {
        for precision in 2..=16 {
            for components in [1, 3] {
                let header = FrameHeader { columns: 101, rows: 53, precision, components };
                let bytes = header.frame_bytes().unwrap();
                let mut samples = noise(bytes, 1);
                mask(&mut samples, &header);
                let mut codestream = Vec::new();
                encode(&samples, &header, 0, &mut codestream).unwrap();
                let opened = Opened::open(&codestream).unwrap();
                assert_eq!((opened.header(), opened.near()), (header, 0));
                assert_eq!(opened.is_interleaved(), components == 3);
                let mut decoded = Vec::new();
                opened.decode(&mut decoded).unwrap();
                assert_eq!(decoded, samples, "{header:?}");
            }
        }
    }

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

    #[test]
    fn samples_at_odd_addresses_are_encoded_too() {
        let header = FrameHeader { columns: 31, rows: 7, precision: 12, components: 1 };
        let mut bytes = noise(header.frame_bytes().unwrap() + 2, 1);
        mask(&mut bytes, &header);
        let length = header.frame_bytes().unwrap();
        for start in [0, 1] {
            let samples = &bytes[start..start + length];
            let mut codestream = Vec::new();
            encode(samples, &header, 0, &mut codestream).unwrap();
            let mut decoded = Vec::new();
            Opened::open(&codestream).unwrap().decode(&mut decoded).unwrap();
            let mut expected = samples.to_vec();
            mask(&mut expected, &header);
            assert_eq!(decoded, expected);
        }
    }

    #[test]
    fn every_cut_and_a_wrong_length_is_an_error() {
        let header = FrameHeader { columns: 16, rows: 16, precision: 8, components: 1 };
        let samples = noise(256, 1);
        let mut codestream = Vec::new();
        assert!(encode(&samples[1..], &header, 0, &mut codestream).is_err());
        encode(&samples, &header, 0, &mut codestream).unwrap();
        let decode = |codestream: &[u8]| {
            let mut decoded = Vec::new();
            Opened::open(codestream).and_then(|opened| opened.decode(&mut decoded)).map(|()| decoded)
        };
        let mut passed = 0;
        for cut in 0..codestream.len() {
            assert!(decode(&codestream[..cut]).is_err(), "cut at {cut}");
            // Samples that run out before a marker are the case in which CharLS must be kept from reading on for ever.
            let closed = [&codestream[..cut], &END_OF_IMAGE].concat();
            // CharLS takes missing last bits for zeros; what it then gives is for the comparison of cells to refuse.
            passed += usize::from(decode(&closed).is_ok());
        }
        assert!(passed <= 3, "{passed} cut codestreams passed");
        codestream.extend([0, 0, 0]);
        assert_eq!(decode(&codestream).as_deref(), Ok(samples.as_slice()));
        assert!(decode(&[]).is_err() && decode(&[0; 9]).is_err());
    }

    /// Flipped bits may decode to other samples or not at all, but they end and stay within the buffers.
    #[test]
    fn damage_anywhere_ends() {
        for precision in [8, 12] {
            let header = FrameHeader { columns: 16, rows: 16, precision, components: 1 };
            let mut samples = noise(header.frame_bytes().unwrap(), 1);
            mask(&mut samples, &header);
            let mut codestream = Vec::new();
            encode(&samples, &header, 0, &mut codestream).unwrap();
            for at in 0..codestream.len() - 2 {
                for flip in [0x01, 0x80, 0xFF] {
                    let mut damaged = codestream.clone();
                    damaged[at] ^= flip;
                    let Ok(opened) = Opened::open(&damaged) else { continue };
                    if opened.header() == header {
                        let mut decoded = Vec::new();
                        let result = opened.decode(&mut decoded);
                        assert!(result.is_err() || decoded.len() == samples.len());
                    }
                }
            }
        }
    }

    #[test]
    fn an_error_has_words() {
        let error = check(ffi::charls_jpegls_errc_destination_buffer_too_small).unwrap_err();
        assert!(error.message.contains("destination"), "{}", error.message);
    }

    fn mask(samples: &mut [u8], header: &FrameHeader) {
        if header.precision <= 8 {
            let mask = u8::MAX >> (8 - header.precision);
            samples.iter_mut().for_each(|sample| *sample &= mask);
        } else {
            let mask = u16::MAX >> (16 - header.precision);
            for sample in samples.as_chunks_mut::<2>().0 {
                *sample = (u16::from_le_bytes(*sample) & mask).to_le_bytes();
            }
        }
    }
}
