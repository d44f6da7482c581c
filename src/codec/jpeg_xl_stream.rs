//! Opens a JPEG XL codestream, perhaps in a container (ISO/IEC 18181-1 and -2), without decoding its samples.

use super::encoder::DecodeError;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool};
use std::fmt::Display;

/// Reads the headers and the sections of the whole codestream; samples are not decoded yet. The library may take `memory`
/// bytes in all, for this and for what is decoded later.
///
/// # Errors
/// [`DecodeError::Damaged`] when the library cannot read it.
pub(super) fn open(codestream: &[u8], memory: usize) -> Result<JxlImage, DecodeError> {
    let mut unread = JxlImage::builder()
        .pool(JxlThreadPool::none())
        .alloc_tracker(AllocTracker::with_limit(memory))
        .build_uninit();
    unread.feed_bytes(codestream).map_err(damaged)?;
    match unread.try_init().map_err(damaged)? {
        InitializeResult::Initialized(mut image) => {
            image.finalize().map_err(damaged)?;
            Ok(image)
        }
        InitializeResult::NeedMoreData(_) => Err(damaged("it ends within its headers")),
    }
}

/// The error in the library's words.
pub(super) fn damaged(error: impl Display) -> DecodeError {
    DecodeError::Damaged(error.to_string())
}
