//! One `[[rule]]` of the configuration: for which instances it is, and what it says about them.

use super::compress::{Compress, Otherwise, Target, Verifier};
use super::condition::{OneOf, SopClassPattern, TransferSyntaxPattern};
use super::facts::Facts;
use crate::codec::Lossy;
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
    /// Instead of `compress.verify`.
    pub verify: Option<bool>,
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
    /// Instead of `compress.verify_with`.
    pub verify_with: Option<Verifier>,
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
    /// Whether an instance meets all conditions.
    pub(super) fn fits(&self, facts: &Facts<'_>) -> bool {
        self.calling.admits_text(facts.calling)
            && self.called.admits_text(facts.called)
            && self.from.admits(|range| facts.from.is_some_and(|address| range.contains(address)))
            && self.sop_class.admits(|class| class.0.matches(facts.sop_class))
            && self.transfer_syntax.admits(|syntax| syntax.0.matches(facts.transfer_syntax))
            && self.modality.admits_text(facts.modality)
            && self.station_name.admits_text(facts.station_name)
            && self.body_part.admits_text(facts.body_part)
    }

    /// What `[compress]` becomes for its instances: its own settings where it has them.
    pub(super) fn compress(&self, inherited: &Compress) -> Compress {
        // Taken apart by name, so that a setting that is added to `[compress]` is not forgotten here.
        let Compress {
            to,
            verify,
            verify_with,
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
            verify: self.verify.unwrap_or(verify),
            lossy: self.lossy.unwrap_or(lossy),
            near: self.near.unwrap_or(near),
            quality: self.quality.unwrap_or(quality),
            ratios,
            psnrs,
            colour_transform: self.colour_transform.unwrap_or(colour_transform),
            verify_with: self.verify_with.unwrap_or(verify_with),
            otherwise: self.otherwise.unwrap_or(otherwise),
        }
    }
}
