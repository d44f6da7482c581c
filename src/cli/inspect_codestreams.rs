//! The codestreams of a file for `condenser inspect`: what they say of themselves, and where they disagree with the data set.

use super::text::{Shown, counted};
use crate::codec::{CodestreamHeader, Disagreement, Family, Gravity, disagreements};
use crate::dicom::{DataSet, FragmentsError, FrameReader, ImagePixel, Source, TransferSyntax};
use serde::Serialize;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Frames whose codestreams say the same.
#[derive(Debug, Serialize)]
pub(super) struct CodestreamFacts {
    /// The first of them, counted from 1.
    frame: usize,
    /// How many there are.
    frames: usize,
    #[serde(flatten)]
    said: Said,
}

/// What a codestream says.
#[derive(Debug, Serialize)]
struct Said {
    /// In a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_header: Option<FrameFacts>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    disagreements: Vec<DisagreementFacts>,
}

#[derive(Debug, Serialize)]
struct FrameFacts {
    rows: u32,
    columns: u32,
    samples: u16,
    precision: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<bool>,
}

#[derive(Debug, Serialize)]
struct DisagreementFacts {
    /// A stable name.
    point: &'static str,
    /// `suspicious` or `impossible`.
    gravity: &'static str,
    attribute: String,
    data_set: String,
    codestream: String,
    #[serde(skip)]
    sentence: String,
}

/// What the codestreams of a data set say, those that say the same together, in the order of their first frames. None where
/// the transfer syntax has no codestreams with headers.
///
/// # Errors
/// When the frames cannot be told apart.
pub(super) fn codestreams(
    source: &dyn Source,
    data_set: &DataSet,
    image: Option<&ImagePixel>,
    transfer_syntax: &TransferSyntax,
) -> Result<Vec<CodestreamFacts>, FragmentsError> {
    if Family::of(transfer_syntax).is_none() {
        return Ok(Vec::new());
    }
    let reader = FrameReader::of(source, data_set, image.map_or(1, |image| image.frames))?;
    let (mut facts, mut known): (Vec<CodestreamFacts>, HashMap<String, usize>) = Default::default();
    for (index, codestream) in reader.iter().enumerate() {
        let said = match codestream {
            Ok(codestream) => Said::of(&codestream, image, transfer_syntax),
            Err(error) => Said::unread(&error),
        };
        match known.entry(format!("{said:?}")) {
            Entry::Occupied(entry) => {
                if let Some(same) = facts.get_mut(*entry.get()) {
                    same.frames += 1;
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(facts.len());
                facts.push(CodestreamFacts { frame: index + 1, frames: 1, said });
            }
        }
    }
    Ok(facts)
}

impl Said {
    fn of(codestream: &[u8], image: Option<&ImagePixel>, transfer_syntax: &TransferSyntax) -> Said {
        let header = match CodestreamHeader::read(codestream) {
            Ok(header) => header,
            Err(error) => return Said::unread(&error),
        };
        let found = disagreements(&header, image, transfer_syntax);
        Said {
            header: Some(header.to_string()),
            family: Some(header.family().to_string()),
            frame_header: header.frame.map(|frame| FrameFacts {
                rows: frame.rows,
                columns: frame.columns,
                samples: frame.samples,
                precision: frame.precision,
                signed: frame.signed,
            }),
            error: None,
            disagreements: found.iter().map(DisagreementFacts::of).collect(),
        }
    }

    fn unread(error: &dyn std::error::Error) -> Said {
        let error = Some(error.to_string());
        Said { header: None, family: None, frame_header: None, error, disagreements: Vec::new() }
    }
}

impl DisagreementFacts {
    fn of(disagreement: &Disagreement) -> DisagreementFacts {
        DisagreementFacts {
            point: disagreement.point.name(),
            gravity: match disagreement.point.gravity() {
                Gravity::Suspicious => "suspicious",
                Gravity::Impossible => "impossible",
            },
            attribute: disagreement.point.attribute().to_string(),
            data_set: disagreement.data_set.clone(),
            codestream: disagreement.codestream.clone(),
            sentence: disagreement.to_string(),
        }
    }
}

impl CodestreamFacts {
    /// Labels and texts for people. `alone` says that all frames of the file are these.
    pub(super) fn rows(&self, alone: bool) -> Vec<(&'static str, String)> {
        let which = match (alone, self.frames) {
            (true, _) => String::new(),
            (false, 1) => format!("frame {}: ", self.frame),
            (false, frames) => {
                format!("frame {} and {}: ", self.frame, counted(frames as u64 - 1, "other", "others"))
            }
        };
        let said = self.said.header.as_ref().or(self.said.error.as_ref());
        let first = ("codestream", format!("{which}{}", Shown(said.map_or("", String::as_str))));
        let others = self.said.disagreements.iter().map(|one| {
            let label = if one.gravity == "suspicious" { "but" } else { "impossible" };
            (label, Shown(&one.sentence).to_string())
        });
        std::iter::once(first).chain(others).collect()
    }
}
