//! Where the native cells of an instance come from, frame by frame: from native pixel data as they are, or from a decoder.

use super::report::CompressError;
use crate::dicom::NativePixels;
use std::borrow::Cow;

/// Gives the native cells of frames, on several threads and in any order.
pub(super) trait FrameSource: Sync {
    /// The native cells of frame `index`, from 0, little endian.
    ///
    /// # Errors
    /// The source's own, or the reason why the frame cannot be decoded.
    fn cells(&self, index: u32) -> Result<Cow<'_, [u8]>, CompressError>;
}

impl FrameSource for NativePixels<'_> {
    fn cells(&self, index: u32) -> Result<Cow<'_, [u8]>, CompressError> {
        Ok(self.frame(index)?)
    }
}
