//! How large a few frames of an instance come out in a target: enough to choose between targets.

use super::frame_job::FrameJob;
use super::instance::Instance;
use super::pair::Pair;
use super::pixels::Pixels;
use super::pool::{PoolError, in_order};
use super::report::{CompressError, Options};
use super::scratch::Lent;
use super::size_limit::SizeLimit;
use super::suitability::suitable_pixels;
use crate::dicom::{OffsetTable, TransferSyntax};
use std::sync::Mutex;

/// At most so many frames are looked at.
const SAMPLE_FRAMES: u32 = 3;

/// Bytes of the codestreams of a few frames of `instance`, spread evenly; each is proven where `options` ask for it.
///
/// # Errors
/// The reason why `target` does not take them; or the source's own error.
pub(super) fn sampled_bytes(
    instance: &Instance<'_>,
    target: &'static TransferSyntax,
    options: &Options,
) -> Result<u64, CompressError> {
    let pair = Pair::of(target, options).map_err(CompressError::Kept)?;
    let exactness = pair.encoder.exactness(&options.parameters);
    let Pixels { image, source, .. } = suitable_pixels(instance, target, exactness, options)?;
    let encoded = pair.encoder.image_after(&image, &options.parameters);
    let job = FrameJob {
        pair,
        verify: options.verify,
        target,
        parameters: &options.parameters,
        image: &image,
        encoded: &encoded,
        pixels: source.as_ref(),
        // Whether the whole is worth it is seen when the whole is made.
        limit: SizeLimit::new(u64::MAX, OffsetTable::Basic, 0),
        deviation: Mutex::default(),
    };
    let mut bytes = 0;
    let count = image.frames.min(SAMPLE_FRAMES);
    let take = |codestream: Lent| {
        bytes += codestream.len() as u64;
        Ok::<(), PoolError<CompressError>>(())
    };
    in_order(count, |index| job.run(frame_of(index, count, image.frames)), take)?;
    Ok(bytes)
}

/// The middle of the `index`-th of `count` equal parts of all frames.
fn frame_of(index: u32, count: u32, frames: u32) -> u32 {
    let middle = (2 * u64::from(index) + 1) * u64::from(frames) / (2 * u64::from(count.max(1)));
    u32::try_from(middle).unwrap_or(u32::MAX).min(frames.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_spread_over_all_frames() {
        let sample = |frames: u32| {
            let count = frames.min(SAMPLE_FRAMES);
            (0..count).map(|index| frame_of(index, count, frames)).collect::<Vec<u32>>()
        };
        assert_eq!(sample(1), [0]);
        assert_eq!(sample(2), [0, 1]);
        assert_eq!(sample(3), [0, 1, 2]);
        assert_eq!(sample(100), [16, 50, 83]);
        assert_eq!(sample(u32::MAX), [715_827_882, 2_147_483_647, 3_579_139_412]);
    }
}
