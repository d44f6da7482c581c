//! What says how an image was compressed with loss, step after step: Lossy Image Compression Ratio and Method (PS3.3
//! C.7.6.1.1.5).

use super::instance::Instance;
use super::reason::Reason;
use super::report::CompressError;
use crate::dicom::{Tag, TransferSyntax, uids};

/// Lossy Image Compression Method (0028,2114) of each syntax, C.7.6.1.1.5.1.
const METHODS: &[(&str, &str)] = &[
    (uids::JPEG_BASELINE, "ISO_10918_1"),
    (uids::JPEG_EXTENDED, "ISO_10918_1"),
    (uids::JPEG_LS_NEAR_LOSSLESS, "ISO_14495_1"),
    (uids::JPEG_2000, "ISO_15444_1"),
    (uids::HTJ2K, "ISO_15444_15"),
    (uids::JPEG_XL, "ISO_18181_1"),
];

/// The ratios and methods of earlier steps, as many of either: the ratios up to where the new one is put, the methods with
/// the new one.
pub(super) fn lossy_steps(
    instance: &Instance<'_>,
    target: &TransferSyntax,
) -> Result<(String, String), CompressError> {
    let method = METHODS.iter().find(|(uid, _)| *uid == target.uid).map(|(_, method)| *method);
    let method = method.ok_or_else(|| CompressError::Kept(Reason::NoEncoder(target.keyword.to_owned())))?;
    let ratios = instance.text(Tag::LOSSY_IMAGE_COMPRESSION_RATIO)?;
    let methods = instance.text(Tag::LOSSY_IMAGE_COMPRESSION_METHOD)?;
    let steps = values(&ratios).len().max(values(&methods).len());
    // Steps of which only one of both is told keep an empty value for the other, so that values stay paired.
    let with = |earlier: &str, next| {
        let mut all = values(earlier);
        all.resize(steps, "");
        all.push(next);
        all.join("\\")
    };
    Ok((with(&ratios, ""), with(&methods, method)))
}

fn values(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('\\').collect() }
}

#[cfg(test)]
mod tests {
    use super::super::encoders::ENCODERS;
    use super::super::parameters::{Exactness, Parameters};
    use super::*;

    #[test]
    fn every_encoder_that_may_lose_something_has_a_method() {
        for encoder in ENCODERS {
            if encoder.exactness(&Parameters::default()) != Exactness::Exact {
                assert!(
                    METHODS.iter().any(|(uid, _)| *uid == encoder.transfer_syntax()),
                    "{}",
                    encoder.name()
                );
            }
        }
    }
}
