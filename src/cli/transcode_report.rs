//! What came of files that were written in another transfer syntax: for scripts, for people, and all together.

use super::text::{Shown, bytes, counted};
use super::transcode_file::{Became, How, Job, JobError, Place, Transcoded};
use crate::codec::{Chosen, Refusal};
use serde::Serialize;

/// What came of one file.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// What it was written in; what was wanted, where it was not.
    target: String,
    /// What files of the target are called (`condensed`, `decompressed`), `kept` or `failed`.
    pub(super) outcome: &'static str,
    /// A stable name for why it is not in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    #[serde(flatten)]
    figures: Option<Figures>,
}

/// What the codecs did.
#[derive(Debug, Serialize)]
struct Figures {
    native_bytes: u64,
    frames: u32,
    /// What decoded the frames that came compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    decoder: Option<&'static str>,
    #[serde(flatten)]
    encoded: Option<Encoded>,
    verified_by: Option<&'static str>,
    /// Targets that come before this one and could not be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Refused>,
    /// What a sample of frames came to in each candidate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sampled: Vec<SampleFigures>,
}

/// What compression came to.
#[derive(Debug, Serialize)]
struct Encoded {
    encoded_bytes: u64,
    ratio: f64,
    encoder: &'static str,
    #[serde(flatten)]
    lost: Option<Lost>,
}

/// What is said of an instance that lost something.
#[derive(Debug, Serialize)]
struct Lost {
    /// The SOP Instance UID that it has now.
    sop_instance: String,
    /// The largest error of a sample; `null` when nothing was verified.
    largest_error: Option<u64>,
    /// Peak signal-to-noise ratio in dB; `null` when nothing was verified, or nothing differs.
    psnr: Option<f64>,
}

/// Why a target could not be had.
#[derive(Debug, Serialize)]
struct Refused {
    target: &'static str,
    reason: &'static str,
    explanation: String,
}

/// A candidate that took the sample.
#[derive(Debug, Serialize)]
struct SampleFigures {
    target: &'static str,
    bytes: u64,
}

/// How it is spoken of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    /// Successors are written beside the files.
    Beside,
    /// They take their place.
    InPlace,
    /// Nothing is done.
    Would,
}

impl Tense {
    /// What becomes of files that cannot be in the target.
    fn kept(self, many: bool) -> &'static str {
        match (self, many) {
            (Self::Beside, false) => "copied as it is",
            (Self::Beside, true) => "copied as they are",
            (Self::InPlace, false) => "left as it is",
            (Self::InPlace, true) => "left as they are",
            (Self::Would, false) => "would stay as it is",
            (Self::Would, true) => "would stay as they are",
        }
    }

    fn would(self) -> &'static str {
        if self == Self::Would { "would be " } else { "" }
    }
}

impl Done {
    pub(super) fn of(job: &Job, how: &How, result: Result<Transcoded, JobError>) -> Self {
        let done = |target: &str, outcome, reason, explanation, figures| Self {
            path: job.input.to_string_lossy().into_owned(),
            output: match &job.place {
                Place::File { output, .. } => Some(output.to_string_lossy().into_owned()),
                Place::Own | Place::Nowhere => None,
            },
            target: target.to_owned(),
            outcome,
            reason,
            explanation,
            figures,
        };
        match result.map(|transcoded| transcoded.became) {
            Ok(Became::Transcoded(chosen)) => {
                done(chosen.report.target.keyword, how.outcome, None, None, Some(Figures::of(&chosen)))
            }
            Ok(Became::Kept(kept)) => {
                done(&how.target, "kept", Some(kept.reason), Some(kept.explanation), None)
            }
            Err(error) => done(&how.target, "failed", Some(error.name()), Some(error.to_string()), None),
        }
    }

    /// The same for people.
    pub(super) fn line(&self, tense: Tense) -> String {
        let path = Shown(&self.path);
        let places = match &self.output {
            Some(output) => format!("{path} -> {}", Shown(output)),
            None => path.to_string(),
        };
        match (&self.figures, &self.explanation) {
            (Some(figures), _) => format!("{places}: {}", figures.sentence(&self.target)),
            (None, why) => {
                let why = Shown(why.as_deref().unwrap_or_default());
                match self.outcome {
                    "kept" => format!("{places}: {}: {why}", tense.kept(false)),
                    _ => format!("{path}: {why}"),
                }
            }
        }
    }
}

impl Figures {
    fn of(chosen: &Chosen) -> Self {
        let report = &chosen.report;
        let lost = report.derived.as_ref().map(|derived| Lost {
            sop_instance: derived.sop_instance.to_string(),
            largest_error: report.deviation.map(|deviation| deviation.largest),
            psnr: derived.psnr,
        });
        let encoded = |encoder| Encoded {
            encoded_bytes: report.encoded_bytes,
            ratio: ratio(report.native_bytes, report.encoded_bytes),
            encoder,
            lost,
        };
        let refused = |refusal: &Refusal| Refused {
            target: refusal.target,
            reason: refusal.reason.name(),
            explanation: refusal.reason.to_string(),
        };
        let sampled = chosen.sampled.iter();
        Self {
            native_bytes: report.native_bytes,
            frames: report.frames,
            decoder: report.decoder,
            encoded: report.encoder.map(encoded),
            verified_by: report.verified_by,
            refused: chosen.refused.iter().map(refused).collect(),
            sampled: sampled
                .map(|sample| SampleFigures { target: sample.target.keyword, bytes: sample.bytes })
                .collect(),
        }
    }

    fn sentence(&self, target: &str) -> String {
        let native = bytes(self.native_bytes);
        let mut text = match (&self.encoded, self.decoder) {
            (Some(encoded), _) => {
                let (size, ratio) = (bytes(encoded.encoded_bytes), encoded.ratio);
                let lost = encoded.lost.as_ref().map(Lost::sentence).unwrap_or_default();
                format!("{native} -> {size}, {ratio:.2} times smaller{lost}")
            }
            (None, Some(decoder)) => {
                let frames = counted(u64::from(self.frames), "frame", "frames");
                format!("{frames} decoded by {decoder}, {native}")
            }
            (None, None) => format!("nothing to decode, written in {target}"),
        };
        if !self.refused.is_empty() || !self.sampled.is_empty() {
            text.push_str(&format!(" in {target}"));
        }
        for refused in &self.refused {
            text.push_str(&format!(" (not {}: {})", refused.target, Shown(&refused.explanation)));
        }
        text
    }
}

impl Lost {
    fn sentence(&self) -> String {
        let mut text = String::new();
        if let Some(error) = self.largest_error {
            text.push_str(&format!(", no sample off by more than {error}"));
        }
        if let Some(psnr) = self.psnr.filter(|psnr| psnr.is_finite()) {
            text.push_str(&format!(", {psnr:.1} dB"));
        }
        format!("{text}, now {}", self.sop_instance)
    }
}

/// All files together.
pub(super) struct Tally {
    tense: Tense,
    transcoded: u64,
    kept: u64,
    pub(super) failed: u64,
    /// Native and encoded bytes of what was encoded.
    encoded: Option<(u64, u64)>,
}

impl Tally {
    /// So many files have failed before anything was done.
    pub(super) fn new(tense: Tense, failed: u64) -> Self {
        Self { tense, transcoded: 0, kept: 0, failed, encoded: None }
    }

    pub(super) fn add(&mut self, done: &Done) {
        match (done.outcome, &done.figures) {
            ("failed", _) => self.failed += 1,
            (_, None) => self.kept += 1,
            (_, Some(figures)) => {
                self.transcoded += 1;
                if let Some(encoded) = &figures.encoded {
                    let (native, bytes) = self.encoded.unwrap_or_default();
                    self.encoded = Some((native + figures.native_bytes, bytes + encoded.encoded_bytes));
                }
            }
        }
    }

    /// How many files have been written.
    pub(super) fn done(&self) -> u64 {
        self.transcoded + self.kept
    }

    pub(super) fn summary(&self, how: &How) -> String {
        let files = counted(self.transcoded, "file", "files");
        let mut text = format!("{files} {}{} to {}", self.tense.would(), how.outcome, how.target);
        if let Some((native, encoded)) = self.encoded {
            let times = ratio(native, encoded);
            text.push_str(&format!(" ({} -> {}, {times:.2} times smaller)", bytes(native), bytes(encoded)));
        }
        text.push_str(&format!(", {} {}, {} failed", self.kept, self.tense.kept(true), self.failed));
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(native: u64, encoded: u64) -> f64 {
    if encoded == 0 { 0.0 } else { native as f64 / encoded as f64 }
}
