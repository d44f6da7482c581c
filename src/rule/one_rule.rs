//! One `[[rule]]` of the configuration: for which instances it is, and what it says about them.

use super::compress::{Compress, Otherwise};
use super::condition::{OneOf, SopClassPattern, TransferSyntaxPattern};
use super::facts::Facts;
use super::target::{Implementation, Target, Writable};
use crate::codec::{Lossy, Recompress};
use crate::dicom::Wildcard;
use crate::net::{AddressRange, Priority};
use serde::Deserialize;

/// A rule: an instance that meets all conditions that it states is treated as it says. Text may hold the wild cards
/// `*` and `?`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What the log calls it; no two rules have the same name.
    pub name: String,

    /// Condition: the AE title of the sender.
    #[serde(default)]
    pub calling: OneOf<Wildcard>,
    /// Condition: the AE title that it called.
    #[serde(default)]
    pub called: OneOf<Wildcard>,
    /// Condition: the address of the sender, as `"10.1.0.0/16"` and the like.
    #[serde(default)]
    pub from: OneOf<AddressRange>,
    /// Condition: the SOP class, as a keyword or a UID.
    #[serde(default)]
    pub sop_class: OneOf<SopClassPattern>,
    /// Condition: the transfer syntax in which the instance is received, as a keyword or a UID.
    #[serde(default)]
    pub transfer_syntax: OneOf<TransferSyntaxPattern>,
    /// Condition: Modality (0008,0060).
    #[serde(default)]
    pub modality: OneOf<Wildcard>,
    /// Condition: Station Name (0008,1010).
    #[serde(default)]
    pub station_name: OneOf<Wildcard>,
    /// Condition: Body Part Examined (0018,0015).
    #[serde(default)]
    pub body_part: OneOf<Wildcard>,

    /// Instead of `compress.to`.
    pub to: Option<Target>,
    /// Instead of `compress.candidates`.
    pub candidates: Option<Vec<Writable>>,
    /// Instead of `compress.fallback`.
    pub fallback: Option<Vec<Writable>>,
    /// Instead of `compress.encoder`.
    pub encoder: Option<Implementation>,
    /// Instead of `compress.verify_with`.
    pub verify_with: Option<Implementation>,
    /// Instead of `compress.verify`.
    pub verify: Option<bool>,
    /// Instead of `compress.recompress`.
    pub recompress: Option<Recompress>,
    /// Instead of `compress.lossy`.
    pub lossy: Option<Lossy>,
    /// Instead of `compress.near`.
    pub near: Option<u8>,
    /// Instead of `compress.quality`.
    pub quality: Option<u8>,
    /// Instead of `compress.ratios` and `compress.psnrs`.
    pub ratios: Option<Vec<f32>>,
    /// Instead of `compress.psnrs` and `compress.ratios`.
    pub psnrs: Option<Vec<f32>>,
    /// Instead of `compress.colour_transform`.
    pub colour_transform: Option<bool>,
    /// Instead of `compress.otherwise`.
    pub otherwise: Option<Otherwise>,
    /// The names of the peers that the instance is forwarded to.
    #[serde(default)]
    pub forward: Vec<String>,
    /// Whether its deliveries go before or after those of other rules.
    #[serde(default)]
    pub priority: Priority,
}

impl Rule {
    /// The first condition that an instance does not meet; none where the rule fits.
    pub(super) fn unmet(&self, facts: &Facts<'_>) -> Option<&'static str> {
        let from = |range: &AddressRange| facts.from.is_some_and(|address| range.contains(address));
        let syntax = |syntax: &TransferSyntaxPattern| syntax.0.matches(facts.transfer_syntax);
        let conditions = [
            ("calling", self.calling.admits_text(facts.calling)),
            ("called", self.called.admits_text(facts.called)),
            ("from", self.from.admits(from)),
            ("sop_class", self.sop_class.admits(|class| class.0.matches(facts.sop_class))),
            ("transfer_syntax", self.transfer_syntax.admits(syntax)),
            ("modality", self.modality.admits_text(facts.modality)),
            ("station_name", self.station_name.admits_text(facts.station_name)),
            ("body_part", self.body_part.admits_text(facts.body_part)),
        ];
        conditions.into_iter().find(|(_, met)| !met).map(|(name, _)| name)
    }

    /// What contradicts itself in it, one sentence a fault, each beginning with its key.
    pub fn check(&self, inherited: &Compress) -> Vec<String> {
        let mut own = self.compress(inherited);
        // What is inherited counts where it fits, and is no fault where it does not.
        own.encoder = self.encoder.clone().unwrap_or_default();
        own.verify_with = self.verify_with.clone().unwrap_or_default();
        own.check()
    }

    /// What `[compress]` becomes for its instances: its own settings where it has them.
    pub(super) fn compress(&self, inherited: &Compress) -> Compress {
        // Taken apart by name, so that a setting that is added to `[compress]` is not forgotten here.
        let Compress {
            to,
            candidates,
            fallback,
            encoder,
            verify_with,
            verify,
            recompress,
            decode_frame_within,
            decode_within,
            decode_memory,
            lossy,
            near,
            quality,
            ratios,
            psnrs,
            colour_transform,
            otherwise,
        } = inherited.clone();
        // Whoever says one of both does not mean the other one that was said elsewhere.
        let (ratios, psnrs) = match (&self.ratios, &self.psnrs) {
            (None, None) => (ratios, psnrs),
            (own_ratios, own_psnrs) => {
                (own_ratios.clone().unwrap_or_default(), own_psnrs.clone().unwrap_or_default())
            }
        };
        Compress {
            to: self.to.unwrap_or(to),
            candidates: self.candidates.clone().unwrap_or(candidates),
            fallback: self.fallback.clone().unwrap_or(fallback),
            encoder: self.encoder.clone().unwrap_or(encoder),
            verify_with: self.verify_with.clone().unwrap_or(verify_with),
            verify: self.verify.unwrap_or(verify),
            recompress: self.recompress.unwrap_or(recompress),
            decode_frame_within,
            decode_within,
            decode_memory,
            lossy: self.lossy.unwrap_or(lossy),
            near: self.near.unwrap_or(near),
            quality: self.quality.unwrap_or(quality),
            ratios,
            psnrs,
            colour_transform: self.colour_transform.unwrap_or(colour_transform),
            otherwise: self.otherwise.unwrap_or(otherwise),
        }
    }
}
