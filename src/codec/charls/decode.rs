//! Decodes a codestream by CharLS: first its header, then its samples.

use super::alignment::{aligned_copy, is_aligned};
use super::error::{Error, check};
use super::frame_header::FrameHeader;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use charls_sys as ffi;

/// A codestream whose header has been read and whose samples have not been decoded yet.
pub(crate) struct Opened<'c> {
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
    pub(crate) fn open(codestream: &'c [u8]) -> Result<Opened<'c>, Error> {
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
    pub(crate) fn header(&self) -> FrameHeader {
        self.header
    }

    /// Whether the components lie pixel by pixel after decoding (else plane by plane).
    pub(crate) fn is_interleaved(&self) -> bool {
        self.interleaved
    }

    /// The allowed error of the first scan; 0 is lossless.
    pub(crate) fn near(&self) -> i32 {
        self.near
    }

    /// Decodes all samples and replaces the content of `samples`, little endian.
    ///
    /// # Errors
    /// When the codestream is damaged. Memory of the size that the header gives is taken first, so compare
    /// [`Opened::header`] with what is expected before.
    pub(crate) fn decode(self, samples: &mut Vec<u8>) -> Result<(), Error> {
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

/// EOI (ISO/IEC 10918-1 table B.1).
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

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

#[cfg(test)]
mod tests {
    use super::super::super::testing::noise;
    use super::super::encode::encode;
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
