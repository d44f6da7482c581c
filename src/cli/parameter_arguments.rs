//! What the command line may choose of an encoding: whether samples may change, and what an encoder aims at.

use crate::codec::{Layers, Lossy, Options, Parameters, changes_samples};
use crate::dicom::TransferSyntax;

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
    lossy: Lossy,
    /// JPEG-LS Near-Lossless: the largest error of a sample.
    #[arg(long, value_name = "N", default_value_t = Parameters::default().near)]
    near: u8,
    /// JPEG 2000: native to encoded size, one number for each quality layer, falling: 20,10.
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "psnrs")]
    ratios: Vec<f32>,
    /// JPEG 2000: peak signal-to-noise ratio in dB, one number for each quality layer, rising: 40,50.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    psnrs: Vec<f32>,
    /// JPEG 2000: encode RGB as it is.
    #[arg(long)]
    no_colour_transform: bool,
}

impl ParameterArguments {
    /// Puts them into the options.
    ///
    /// # Errors
    /// What contradicts itself, or the target.
    pub(super) fn apply(&self, target: &TransferSyntax, options: &mut Options) -> Result<(), String> {
        let layers = match (&self.ratios[..], &self.psnrs[..]) {
            ([], []) => Layers::Everything,
            ([], psnrs) => Layers::Psnrs(psnrs.to_vec()),
            (ratios, _) => Layers::Ratios(ratios.to_vec()),
        };
        layers.check()?;
        options.lossy = self.lossy;
        let (near, colour_transform) = (self.near, !self.no_colour_transform);
        options.parameters = Parameters { near, layers, colour_transform, ..options.parameters.clone() };
        if self.lossy == Lossy::Refused && changes_samples(target, options) {
            return Err(format!("{} changes samples; say --lossy if it may", target.keyword));
        }
        Ok(())
    }
}
