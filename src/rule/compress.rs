//! What received instances are condensed to: the settings of `[compress]`, which each rule inherits.

use super::target::{Implementation, Target, Writable};
use crate::codec::{
    Choice, Layers, Lossy, Options, Parameters, Reason, Recompress, changes_samples, decoders_of, encoders_of,
};
use crate::dicom::{PixelCoding, TransferSyntax};
use crate::net::{read_bytes, read_duration};
use serde::Deserialize;
use std::time::Duration;

/// What received instances are condensed to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compress {
    /// The transfer syntax to store, as a keyword such as `"JPEGLSLossless"` or a UID; `"auto"` finds the smallest of the
    /// candidates, `"none"` keeps what came.
    pub to: Target,
    /// The transfer syntaxes that `to = "auto"` chooses from, by a sample of the frames of each instance.
    pub candidates: Vec<Writable>,
    /// What is tried in this order when an image does not fit into `to`; then it stays as it came.
    pub fallback: Vec<Writable>,
    /// The encoder that is used where a target has it; `"any"` takes the first of the table.
    pub encoder: Implementation,
    /// The decoder that proves the frames where a target has it; `"any"` takes one of another make than the encoder.
    pub verify_with: Implementation,
    /// Decode every encoded frame again and compare it with the received samples before it counts.
    pub verify: bool,
    /// Which images that come compressed in another transfer syntax are decoded, in processes of their own, and encoded anew:
    /// `"never"`, `"lossless-only"` or `"always"`.
    pub recompress: Recompress,
    /// How long one frame may take to be decoded there; then the process is killed and the instance stays as it came.
    #[serde(deserialize_with = "read_duration")]
    pub decode_frame_within: Duration,
    /// The same for all frames of an instance, from the first one on.
    #[serde(deserialize_with = "read_duration")]
    pub decode_within: Duration,
    /// How much memory such a process may have.
    #[serde(deserialize_with = "read_bytes")]
    pub decode_memory: u64,
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
    /// What to do with an instance that cannot be condensed.
    pub otherwise: Otherwise,
}

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

/// What `to` is unless something else is said.
const DEFAULT_TARGET: &str = "JPEGLSLossless";
/// What `"auto"` chooses from unless something else is said: each of these wins for some kind of image.
const DEFAULT_CANDIDATES: &[&str] = &["JPEGLSLossless", "JPEG2000Lossless", "RLELossless"];

/// The program itself and its stack need some.
const LEAST_DECODE_MEMORY: u64 = 64 << 20;

impl Default for Compress {
    fn default() -> Self {
        let known = |name: &&str| TransferSyntax::of_name(name).map(Writable);
        let Parameters { near, quality, colour_transform, .. } = Parameters::default();
        Self {
            to: known(&DEFAULT_TARGET).map_or(Target::None, Target::One),
            candidates: DEFAULT_CANDIDATES.iter().filter_map(known).collect(),
            fallback: Vec::new(),
            encoder: Implementation::default(),
            verify_with: Implementation::default(),
            verify: true,
            recompress: Recompress::Never,
            decode_frame_within: Duration::from_secs(30),
            decode_within: Duration::from_secs(600),
            decode_memory: 1 << 30,
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
    /// The targets to condense into; `None` keeps what came.
    pub fn choice(&self) -> Option<Choice> {
        let candidates = match self.to {
            Target::None => return None,
            Target::One(syntax) => vec![syntax.0],
            Target::Auto => self.candidates.iter().map(|syntax| syntax.0).collect(),
        };
        // What is wanted anyway need not be tried twice.
        let fallback =
            self.fallback.iter().map(|syntax| syntax.0).filter(|syntax| !candidates.contains(syntax));
        Some(Choice { fallback: fallback.collect(), candidates })
    }

    /// What the encoder core is asked to do.
    pub fn options(&self) -> Options {
        let layers = match (&self.ratios[..], &self.psnrs[..]) {
            ([], []) => Layers::Everything,
            ([], psnrs) => Layers::Psnrs(psnrs.to_vec()),
            (ratios, _) => Layers::Ratios(ratios.to_vec()),
        };
        let Compress { near, quality, colour_transform, .. } = *self;
        Options {
            verify: self.verify,
            recompress: self.recompress,
            lossy: self.lossy,
            parameters: Parameters { near, quality, layers, colour_transform },
            encoder: self.encoder.name().map(str::to_owned),
            verify_with: self.verify_with.name().map(str::to_owned),
            ..Options::default()
        }
    }

    /// Whether an instance that came in `received` is refused, since it is not condensed for this reason. What came compressed
    /// is stored all the same, also where it could not be encoded anew.
    pub fn refuses(&self, received: &TransferSyntax, reason: &Reason) -> bool {
        self.otherwise == Otherwise::Refuse
            && received.pixel_coding == PixelCoding::Native
            && !reason.is_nothing_to_condense()
    }

    /// A target that changes samples, where that is refused.
    pub fn refused_target(&self) -> Option<&'static TransferSyntax> {
        // Whatever implementation makes it.
        let options = Options { encoder: None, verify_with: None, ..self.options() };
        let lossy = |target: &&TransferSyntax| changes_samples(target, &options);
        self.targets().into_iter().find(lossy).filter(|_| self.lossy == Lossy::Refused)
    }

    fn targets(&self) -> Vec<&'static TransferSyntax> {
        self.choice().map(|choice| [choice.candidates, choice.fallback].concat()).unwrap_or_default()
    }

    /// What contradicts itself, one sentence a fault, each beginning with its key.
    pub fn check(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(target) = self.refused_target() {
            let key = if self.to.syntax() == Some(target) { "to" } else { "fallback" };
            let key = if self.to == Target::Auto { "candidates" } else { key };
            let (target, allowed) = (target.keyword, Lossy::Allowed.name());
            faults.push(format!("{key}: {target} changes samples, which needs lossy = {allowed:?}"));
        }
        if !self.ratios.is_empty() && !self.psnrs.is_empty() {
            faults.push("psnrs: there are ratios too, and only one of both can be aimed at".to_owned());
        }
        if let Err(fault) = self.options().parameters.layers.check() {
            let key = if self.ratios.is_empty() { "psnrs" } else { "ratios" };
            faults.push(format!("{key}: {fault}"));
        }
        if !(1..=100).contains(&self.quality) {
            faults.push(format!("quality: {} is not between 1 and 100", self.quality));
        }
        for (key, within) in
            [("decode_frame_within", self.decode_frame_within), ("decode_within", self.decode_within)]
        {
            if within.is_zero() {
                faults.push(format!("{key}: no frame can be decoded in no time"));
            }
        }
        if self.decode_memory < LEAST_DECODE_MEMORY {
            faults.push("decode_memory: less than 64 MiB, in which nothing can be decoded".to_owned());
        }
        if self.to == Target::Auto {
            if self.candidates.is_empty() {
                faults.push("candidates: `auto` has nothing to choose from".to_owned());
            }
            let unsampled = self.candidates.iter().find(|target| encoders_of(target.0).next().is_none());
            if let Some(target) = unsampled {
                faults.push(format!("candidates: {target} has no frames of which a sample could be taken"));
            }
        }
        faults.extend(self.unknown_implementations());
        faults
    }

    fn unknown_implementations(&self) -> Vec<String> {
        let all = self.targets();
        if all.is_empty() {
            return Vec::new();
        }
        let mut faults = Vec::new();
        let names = |of: fn(&TransferSyntax) -> Vec<&'static str>| {
            let mut names: Vec<&str> = all.iter().flat_map(|syntax| of(syntax)).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let encoders = names(|syntax| encoders_of(syntax).map(|encoder| encoder.name()).collect());
        let decoders = names(|syntax| decoders_of(syntax).map(|decoder| decoder.name()).collect());
        for (key, wanted, known) in
            [("encoder", &self.encoder, encoders), ("verify_with", &self.verify_with, decoders)]
        {
            if let Some(name) = wanted.name().filter(|name| !known.contains(name)) {
                let targets: Vec<&str> = all.iter().map(|syntax| syntax.keyword).collect();
                let (targets, known) = (targets.join(", "), known.join(", "));
                faults.push(format!("{key}: there is no {name:?} for {targets}; there are {known}"));
            }
        }
        faults
    }
}
