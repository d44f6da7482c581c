//! The sample precision of the JPEG-LS codestreams that are written here (ISO/IEC 14495-1 C.2.2, PS3.5 8.2.3).

use crate::dicom::ImagePixel;

/// The precision for an image, or `None` when JPEG-LS in DICOM has no form for it.
///
/// JPEG-LS knows no sign and no Bits Allocated, so a precision stands for both. It is Bits Stored, but never so small that a
/// decoder would give cells of another width than Bits Allocated, nor below 8:
///
/// * Bits Stored 2 to 8 in 16 bits at that precision: dcmdjpls 3.6.7 refuses it («image data mismatch»), GDCM 3.2 ends its
///   whole process; at precision 9 pydicom (pyjpegls, pylibjpeg, GDCM), GDCM and dcmdjpls agree.
/// * Bits Stored 2 to 7 in 8 bits at that precision: dcmdjpls refuses it, GDCM fails at 6 and 7; at precision 8 all agree.
///
/// pydicom extends the sign from the precision on, so the pattern must be the cell cut to the precision, that is with its
/// sign extended beyond Bits Stored: the cells that are encoded are canonical there (`Encoder::keeps_unused_bits`).
pub(super) fn precision_of(image: &ImagePixel) -> Option<u32> {
    let stored = u32::from(image.bits_stored);
    let (least, most) = match image.bits_allocated {
        8 => (8, 8),
        16 => (9, 16),
        _ => return None,
    };
    let fits =
        (1..=most).contains(&stored) && matches!(image.samples, 1 | 3) && image.rows > 0 && image.columns > 0;
    fits.then(|| stored.max(least))
}
