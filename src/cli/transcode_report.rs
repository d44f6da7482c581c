//! What came of files that were written in another transfer syntax: for scripts, for people, and all together.

use super::text::{Shown, bytes, counted};
use super::transcode_file::{How, Job, JobError, Written};
use crate::codec::Report;
use serde::Serialize;

/// What came of one file.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    path: String,
    output: String,
    target: &'static str,
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

impl Done {
    pub(super) fn of(job: &Job, how: &How, result: Result<Written, JobError>) -> Self {
        let done = |outcome, reason, explanation, figures| Self {
            path: job.input.to_string_lossy().into_owned(),
            output: job.output.to_string_lossy().into_owned(),
            target: how.target.keyword,
            outcome,
            reason,
            explanation,
            figures,
        };
        match result {
            Ok(Written::Transcoded(report)) => done(how.outcome, None, None, Some(Figures::of(&report))),
            Ok(Written::Kept(kept)) => done("kept", Some(kept.reason), Some(kept.explanation), None),
            Err(error) => done("failed", Some(error.name()), Some(error.to_string()), None),
        }
    }

    /// The same for people.
    pub(super) fn line(&self) -> String {
        let (path, output) = (Shown(&self.path), Shown(&self.output));
        match (&self.figures, &self.explanation) {
            (Some(figures), _) => format!("{path} -> {output}: {}", figures.sentence(self.target)),
            (None, why) => {
                let why = Shown(why.as_deref().unwrap_or_default());
                match self.outcome {
                    "kept" => format!("{path} -> {output}: copied as it is: {why}"),
                    _ => format!("{path}: {why}"),
                }
            }
        }
    }
}

impl Figures {
    fn of(report: &Report) -> Self {
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
        Self {
            native_bytes: report.native_bytes,
            frames: report.frames,
            decoder: report.decoder,
            encoded: report.encoder.map(encoded),
            verified_by: report.verified_by,
        }
    }

    fn sentence(&self, target: &str) -> String {
        let native = bytes(self.native_bytes);
        match (&self.encoded, self.decoder) {
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
        }
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
#[derive(Default)]
pub(super) struct Tally {
    transcoded: u64,
    kept: u64,
    pub(super) failed: u64,
    /// Native and encoded bytes of what was encoded.
    encoded: Option<(u64, u64)>,
}

impl Tally {
    /// So many files have failed before anything was done.
    pub(super) fn with_failures(failed: u64) -> Self {
        Self { failed, ..Self::default() }
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
        let mut text = format!("{files} {} to {}", how.outcome, how.target.keyword);
        if let Some((native, encoded)) = self.encoded {
            let times = ratio(native, encoded);
            text.push_str(&format!(" ({} -> {}, {times:.2} times smaller)", bytes(native), bytes(encoded)));
        }
        text.push_str(&format!(", {} copied as they are, {} failed", self.kept, self.failed));
        text
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(native: u64, encoded: u64) -> f64 {
    if encoded == 0 { 0.0 } else { native as f64 / encoded as f64 }
}
