//! What the command line may choose of an encoding: whether samples may change, and what an encoder aims at.

use crate::codec::{Lossy, Parameters};
use crate::rule::Compress;

/// What an encoder aims at.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Lossy compression")]
pub(super) struct ParameterArguments {
    /// Let samples change; each file that lost something is an instance of its own, with its own UID. Not for mammography,
    /// unless WHICH is `allowed-for-mammography`.
    #[arg(
        long, value_name = "WHICH", num_args = 0..=1, require_equals = true,
        default_value = "refused", default_missing_value = "allowed", hide_default_value = true
    )]
    pub(super) lossy: Lossy,
    /// JPEG-LS Near-Lossless: the largest error of a sample.
    #[arg(long, value_name = "N", default_value_t = Parameters::default().near)]
    near: u8,
    /// JPEG Baseline and Extended: 1 to 100, the scale of the quantisation tables.
    #[arg(long, value_name = "N", default_value_t = Parameters::default().quality, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// JPEG 2000: native to encoded size, one number for each quality layer, falling: 20,10.
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "psnrs")]
    ratios: Vec<f32>,
    /// JPEG 2000: peak signal-to-noise ratio in dB, one number for each quality layer, rising: 40,50.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    psnrs: Vec<f32>,
    /// JPEG 2000 and JPEG Baseline: encode RGB as it is.
    #[arg(long)]
    no_colour_transform: bool,
}

impl ParameterArguments {
    /// Puts them into what is wanted.
    ///
    /// # Errors
    /// A target changes samples, and nobody has said that it may.
    pub(super) fn apply(&self, wanted: &mut Compress) -> Result<(), String> {
        wanted.lossy = self.lossy;
        wanted.near = self.near;
        wanted.quality = self.quality;
        wanted.ratios.clone_from(&self.ratios);
        wanted.psnrs.clone_from(&self.psnrs);
        wanted.colour_transform = !self.no_colour_transform;
        match wanted.refused_target() {
            Some(target) => Err(format!("{} changes samples; say --lossy if it may", target.keyword)),
            None => Ok(()),
        }
    }
}
