//! What can be said for and against encoding an instance before a single cell is looked at.

use super::instance::Instance;
use super::native_form::form_of;
use super::native_target::NativeTarget;
use super::pair::Pair;
use super::parameters::Exactness;
use super::permission::may_lose;
use super::pixels::Pixels;
use super::profile::allows;
use super::reason::Reason;
use super::report::{CompressError, Options};
use crate::dicom::{PixelCoding, TransferSyntax};

/// Whether an instance may be written as `target`, by its attributes (PS3.5 8.2 and A.4) and the length of its pixel data.
///
/// The data set must be walked as it was received (a deflated one as Explicit VR Little Endian, inflated).
/// Bits above Bits Stored are not looked at: that is done frame by frame while encoding.
///
/// # Errors
/// [`CompressError::Kept`] with the reason to keep the instance as received; [`CompressError::Io`] when its bytes cannot
/// be read.
pub fn suitable(
    instance: &Instance<'_>,
    target: &TransferSyntax,
    options: &Options,
) -> Result<(), CompressError> {
    if let Some(form) = form_of(target) {
        return NativeTarget::of(*instance, form, options).map(drop);
    }
    if target.pixel_coding != PixelCoding::Encapsulated {
        return Err(CompressError::Kept(Reason::NoEncoder(target.keyword.to_owned())));
    }
    let pair = Pair::of(target, options).map_err(CompressError::Kept)?;
    suitable_pixels(instance, target, pair.encoder.exactness(&options.parameters), options).map(drop)
}

/// As [`suitable`], with the pixels of the instance, for an encoder as exact as that.
pub(super) fn suitable_pixels<'s>(
    instance: &Instance<'s>,
    target: &TransferSyntax,
    exactness: Exactness,
    options: &Options,
) -> Result<Pixels<'s>, CompressError> {
    let pixels = Pixels::of(instance, options, |image| allows(target, image))?;
    may_lose(instance, target, exactness, options)?;
    Ok(pixels)
}
