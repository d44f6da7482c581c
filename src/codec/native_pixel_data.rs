//! Pixel Data written natively, frame after frame as it is decoded, so that a large multi-frame image never lies in memory (PS3.5
//! 8.1.1, 8.2).

use super::frame_source::FrameSource;
use super::pixels::Pixels;
use super::pool::{PoolError, in_order};
use super::reason::Reason;
use super::report::CompressError;
use crate::dicom::{BitWriter, Headers, Tag, Vr, put_element_header};
use std::borrow::Cow;
use std::io::Write;

/// Writes Pixel Data, while the pool decodes its frames.
///
/// # Errors
/// The reason to keep the instance as received; or the source's or the writer's own error.
pub(super) fn write_pixels(
    pixels: &Pixels<'_>,
    headers: Headers,
    out: &mut dyn Write,
) -> Result<(), CompressError> {
    let bytes = pixels.native_bytes;
    let too_long = |_| CompressError::Kept(Reason::TooLongForNative { bytes });
    let length = u32::try_from(bytes.next_multiple_of(2)).map_err(too_long)?;
    // Bytes may stand under OB, words must stand under OW (PS3.5 8.2 and A.2); implicit headers do not say.
    let vr = if pixels.image.bits_allocated > 8 { Vr::OW } else { Vr::OB };
    put_element_header(headers, Tag::PIXEL_DATA, vr, length, out)?;
    let source: &dyn FrameSource = pixels.source.as_ref();
    let job = |index: u32| source.cells(index).map(Cow::into_owned);
    let frame_bits = pixels.image.frame_bits();
    if frame_bits.is_multiple_of(8) {
        let take = |cells: Vec<u8>| out.write_all(&cells).map_err(PoolError::Io);
        in_order(pixels.image.frames, job, take).map_err(CompressError::from)?;
    } else {
        // Cells of one bit: natively a frame begins where the one before ends, within a byte.
        let mut writer = BitWriter::new(out);
        let take = |cells: Vec<u8>| writer.write(&cells, frame_bits).map_err(PoolError::Io);
        in_order(pixels.image.frames, job, take).map_err(CompressError::from)?;
        writer.finish()?;
    }
    if !bytes.is_multiple_of(2) {
        out.write_all(&[0])?;
    }
    Ok(())
}

/// Whether a header of 32 bits can say so many bytes.
///
/// # Errors
/// [`Reason::TooLongForNative`] where it cannot.
pub(super) fn has_native_length(bytes: u64) -> Result<(), CompressError> {
    let bytes = bytes.next_multiple_of(2);
    // 2³² − 1 would be an undefined length.
    if bytes >= u64::from(u32::MAX) {
        return Err(CompressError::Kept(Reason::TooLongForNative { bytes }));
    }
    Ok(())
}
