//! The headers of third-party codestreams, held against the data set that they are wrapped in (PS3.5 8.2).

use super::super::codestream::{CodestreamHeader, Disagreement, Family, Gravity, disagreements};
use super::error::WrapError;
use super::options::WrapOptions;
use super::wrapped_image::wrapped_image_of;
use crate::dicom::{ImagePixel, TransferSyntax};

/// What the headers of all frames say together.
pub(super) struct Headers {
    /// The image as the data set has to describe it.
    pub(super) image: ImagePixel,
    /// What was let through, of each frame (from 1).
    pub(super) suspicious: Vec<(u32, Disagreement)>,
    /// Whether any frame has lost something for certain.
    pub(super) loss: bool,
}

impl Headers {
    pub(super) fn held_against<F: AsRef<[u8]>>(
        received: &ImagePixel,
        codestreams: &[F],
        transfer_syntax: &TransferSyntax,
        options: &WrapOptions,
    ) -> Result<Headers, WrapError> {
        let image = wrapped_image_of(received, None, transfer_syntax);
        let mut headers = Headers { image, suspicious: Vec::new(), loss: false };
        if Family::of(transfer_syntax).is_none() {
            return Ok(headers);
        }
        for (frame, codestream) in (1..).zip(codestreams) {
            let header = CodestreamHeader::read(codestream.as_ref())
                .map_err(|error| WrapError::Header { frame, error })?;
            if frame == 1 {
                headers.image = wrapped_image_of(received, Some(&header), transfer_syntax);
            }
            headers.loss |= header.loss().is_some();
            let (accepted, found): (Vec<_>, Vec<_>) =
                disagreements(&header, Some(&headers.image), transfer_syntax)
                    .into_iter()
                    .partition(|one| options.accept_suspicious && one.point.gravity() == Gravity::Suspicious);
            if !found.is_empty() {
                return Err(WrapError::Disagrees { frame, found });
            }
            headers.suspicious.extend(accepted.into_iter().map(|one| (frame, one)));
        }
        Ok(headers)
    }
}
