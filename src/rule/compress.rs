//! What received instances are condensed to: the settings of `[compress]`, which each rule inherits.

use crate::codec::{DECODERS, Layers, Lossy, Options, Parameters, changes_samples, targets};
use crate::dicom::TransferSyntax;
use serde::Deserialize;
use std::fmt;

/// The word that means «store what comes».
const NONE: &str = "none";

/// The word that means «whichever proves the fastest».
const ANY: &str = "any";

/// What received instances are condensed to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compress {
    /// The transfer syntax to store, as a keyword such as `"JPEGLSLossless"` or a UID; `"none"` keeps what came.
    pub to: Target,
    /// Decode every encoded frame again and compare it with the received samples before it counts.
    pub verify: bool,
    /// Whether samples may change: `"refused"`, `"allowed"` (but for mammography) or `"allowed-for-mammography"` too.
    pub lossy: Lossy,
    /// JPEG-LS Near-Lossless: the largest error of a sample, 0 to 255.
    pub near: u8,
    /// JPEG Baseline and Extended: 1 to 100, as the Independent JPEG Group counts it.
    pub quality: u8,
    /// JPEG 2000: native to encoded size, one number for each quality layer, falling; none of these and none of `psnrs`
    /// loses nothing.
    pub ratios: Vec<f32>,
    /// JPEG 2000, instead of `ratios`: peak signal-to-noise ratios in dB, one number for each quality layer, rising.
    pub psnrs: Vec<f32>,
    /// JPEG 2000 and JPEG Baseline: whether RGB is decorrelated before it is encoded.
    pub colour_transform: bool,
    /// The decoder that proves encoded frames, by its name, wherever it reads the transfer syntax; `"any"` takes the one that
    /// proves them the fastest.
    pub verify_with: Verifier,
    /// What to do with an instance that cannot be condensed.
    pub otherwise: Otherwise,
}

/// A transfer syntax that we can write, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(Option<&'static TransferSyntax>);

/// A decoder that there is, by its name, or any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verifier(Option<&'static str>);

/// What happens to an instance that cannot be condensed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It is stored as it was received, and acknowledged.
    #[default]
    Keep,
    /// The C-STORE of an uncompressed image fails, and the image is put into quarantine. What is no image, or is
    /// compressed already, is stored all the same.
    Refuse,
}

impl Default for Compress {
    fn default() -> Self {
        let to = Target(TransferSyntax::of_name("JPEGLSLossless"));
        let Parameters { near, quality, colour_transform, .. } = Parameters::default();
        Self {
            to,
            verify: true,
            verify_with: Verifier::default(),
            lossy: Lossy::Refused,
            near,
            quality,
            ratios: Vec::new(),
            psnrs: Vec::new(),
            colour_transform,
            otherwise: Otherwise::Keep,
        }
    }
}

impl Compress {
    /// The transfer syntax to condense into; `None` keeps what came.
    pub fn target(&self) -> Option<&'static TransferSyntax> {
        self.to.0
    }

    /// What the encoder core is asked to do.
    pub fn options(&self) -> Options {
        let layers = match (&self.ratios[..], &self.psnrs[..]) {
            ([], []) => Layers::Everything,
            ([], psnrs) => Layers::Psnrs(psnrs.to_vec()),
            (ratios, _) => Layers::Ratios(ratios.to_vec()),
        };
        let Compress { near, quality, colour_transform, .. } = *self;
        let parameters = Parameters { near, quality, layers, colour_transform };
        let verify_with = self.target().and_then(|target| self.verifier(target)).map(str::to_owned);
        Options { verify: self.verify, verify_with, lossy: self.lossy, parameters, ..Options::default() }
    }

    /// The name of the decoder that is to prove frames of `target`, if one is asked for and reads it.
    fn verifier(&self, target: &TransferSyntax) -> Option<&'static str> {
        let name = self.verify_with.0?;
        let reads = DECODERS.iter().any(|row| row.name() == name && row.transfer_syntax() == target.uid);
        reads.then_some(name)
    }

    /// What contradicts itself, one sentence a fault, each beginning with its key.
    pub fn check(&self) -> Vec<String> {
        let options = self.options();
        let mut faults = Vec::new();
        if self.target().is_some_and(|target| changes_samples(target, &options))
            && self.lossy == Lossy::Refused
        {
            let allowed = Lossy::Allowed.name();
            faults.push(format!("to: {} changes samples, which needs lossy = {allowed:?}", self.to));
        }
        if !self.ratios.is_empty() && !self.psnrs.is_empty() {
            faults.push("psnrs: there are ratios too, and only one of both can be aimed at".to_owned());
        }
        if let Err(fault) = options.parameters.layers.check() {
            let key = if self.ratios.is_empty() { "psnrs" } else { "ratios" };
            faults.push(format!("{key}: {fault}"));
        }
        if !(1..=100).contains(&self.quality) {
            faults.push(format!("quality: {} is not between 1 and 100", self.quality));
        }
        faults
    }
}

impl std::str::FromStr for Verifier {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(ANY) {
            return Ok(Self::default());
        }
        let mut names: Vec<&str> = DECODERS.iter().map(|decoder| decoder.name()).collect();
        names.sort_unstable();
        names.dedup();
        let known = names.iter().find(|known| **known == name).copied();
        known.map(|known| Self(Some(known))).ok_or_else(|| {
            format!("there is no decoder `{name}` to verify with; there are {} and `{ANY}`", names.join(", "))
        })
    }
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(NONE) {
            return Ok(Self(None));
        }
        let writable = || targets().map(|syntax| syntax.keyword).collect::<Vec<_>>().join(", ");
        let syntax = TransferSyntax::of_name(name).ok_or_else(|| {
            format!("`{name}` is not a transfer syntax; we can write {}, or `{NONE}`", writable())
        })?;
        if !targets().any(|target| target == syntax) {
            return Err(format!(
                "we cannot write {}; we can write {}, or `{NONE}`",
                syntax.keyword,
                writable()
            ));
        }
        Ok(Self(Some(syntax)))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or(NONE, |syntax| syntax.keyword))
    }
}

impl<'de> Deserialize<'de> for Verifier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
