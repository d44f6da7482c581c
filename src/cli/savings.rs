//! What a dry run has found: for each modality and transfer syntax, how many files would become what, and what that saves.

use super::inspect::json_line;
use super::text::{Shown, bytes};
use super::transcode_file::{Became, Transcoded};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The rows of the table, sorted.
#[derive(Default)]
pub(super) struct Savings(BTreeMap<Key, Sums>);

/// What files of one row have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    /// Modality (0008,0060).
    modality: Option<String>,
    /// The keyword of the transfer syntax that they have.
    from: Option<&'static str>,
    /// That of the one that they would get; `None` where they would stay as they are.
    to: Option<&'static str>,
    /// Why they would stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What they come to together.
#[derive(Clone, Copy, Default, Serialize)]
struct Sums {
    files: u64,
    bytes_before: u64,
    bytes_after: u64,
}

#[derive(Serialize)]
struct Row<'r> {
    #[serde(flatten)]
    key: &'r Key,
    #[serde(flatten)]
    sums: &'r Sums,
}

impl Savings {
    /// Counts what would become of one file.
    pub(super) fn add(&mut self, transcoded: &Transcoded) {
        let (facts, before) = (&transcoded.facts, transcoded.facts.bytes);
        let (to, reason, after) = match &transcoded.became {
            Became::Transcoded(chosen) => {
                (Some(chosen.report.target.keyword), None, chosen.report.file_bytes)
            }
            Became::Kept(kept) => (None, Some(kept.reason), before),
        };
        let key = Key { modality: facts.modality.clone(), from: facts.received, to, reason };
        self.0.entry(key).or_default().add(Sums { files: 1, bytes_before: before, bytes_after: after });
    }

    /// Writes the table, or one JSON object a row.
    pub(super) fn show(&self, json: bool) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        if json {
            for (key, sums) in &self.0 {
                json_line(&mut out, &Row { key, sums })?;
            }
        } else {
            self.write(&mut out)?;
        }
        out.flush()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines =
            vec![["MODALITY", "FROM", "TO", "FILES", "BEFORE", "AFTER", "SAVED"].map(str::to_owned)];
        let mut all = Sums::default();
        for (key, sums) in &self.0 {
            all.add(*sums);
            let to = match (key.to, key.reason) {
                (Some(to), _) => to.to_owned(),
                (None, reason) => format!("as it is: {}", reason.unwrap_or_default()),
            };
            let modality = Shown(key.modality.as_deref().unwrap_or("-")).to_string();
            lines.push(sums.line([modality, key.from.unwrap_or("-").to_owned(), to]));
        }
        lines.push(all.line(["all".to_owned(), String::new(), String::new()]));
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 7] = std::array::from_fn(width);
        for [modality, from, to, files, before, after, saved] in &lines {
            let [w0, w1, w2, w3, w4, w5, w6] = widths;
            let line = format!(
                "{modality:<w0$}  {from:<w1$}  {to:<w2$}  {files:>w3$}  {before:>w4$}  {after:>w5$}  {saved:>w6$}"
            );
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

impl Sums {
    fn add(&mut self, more: Sums) {
        self.files += more.files;
        self.bytes_before += more.bytes_before;
        self.bytes_after += more.bytes_after;
    }

    fn line(&self, [modality, from, to]: [String; 3]) -> [String; 7] {
        let (before, after) = (bytes(self.bytes_before), bytes(self.bytes_after));
        [modality, from, to, self.files.to_string(), before, after, format!("{:.1} %", self.saved_percent())]
    }

    /// Negative where the files would grow.
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    fn saved_percent(&self) -> f64 {
        if self.bytes_before == 0 {
            return 0.0;
        }
        100.0 - 100.0 * self.bytes_after as f64 / self.bytes_before as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_summed() {
        let key = |modality: &str, to, reason| Key {
            modality: Some(modality.to_owned()),
            from: Some("ExplicitVRLittleEndian"),
            to,
            reason,
        };
        let sums = |files, bytes_before, bytes_after| Sums { files, bytes_before, bytes_after };
        let savings = Savings(BTreeMap::from([
            (key("CT", Some("JPEGLSLossless"), None), sums(10, 4096, 1024)),
            (key("SR", None, Some("no_pixel_data")), sums(1, 4096, 4096)),
        ]));
        let mut out = Vec::new();
        savings.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{text}");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(lines[1]), "CT ExplicitVRLittleEndian JPEGLSLossless 10 4.00 KiB 1.00 KiB 75.0 %");
        let kept = "SR ExplicitVRLittleEndian as it is: no_pixel_data 1 4.00 KiB 4.00 KiB 0.0 %";
        assert_eq!(words(lines[2]), kept);
        assert_eq!(words(lines[3]), "all 11 8.00 KiB 5.00 KiB 37.5 %");
        assert_eq!(Sums::default().saved_percent(), 0.0);
    }
}
