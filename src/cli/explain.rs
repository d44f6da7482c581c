//! `condenser explain`: what a node would do with a file, and why: which rule, which row of PS3.5 8.2, which changes.

use super::changes::{Change, changes};
use super::decode_for_node::PROGRAM;
use super::inspect::json_line;
use super::instance_file::{Contents, Elements, InstanceFile};
use super::outcome::{CommandError, Outcome};
use super::peer::DEFAULT_AE_TITLE;
use super::text::{Shown, bytes, shown};
use crate::codec::{
    self, Choice, CompressError, Instance, Options, Pair, Reason, Recompress, native_image_of, profile_row,
    suitable,
};
use crate::config::Config;
use crate::dicom::{FileMeta, ImagePixel, Limits, StorageClass, Tag, TransferSyntax};
use crate::node::Decoding;
use crate::rule::{Decision, Facts};
use crate::store::{Directory, FileSource};
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The arguments of `condenser explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is taken as it would be if a peer sent it, and really compressed, to a
file without a name: nothing is kept. Who sent it is what the arguments say, else
what the file says of its own journey.

Examples:
  condenser explain image.dcm                       by the embedded configuration
  condenser explain image.dcm --config /etc/condenser/condenser.toml --calling CT1
  condenser explain image.dcm --calling CT1 --from 10.1.2.3 --json | jq .rules")]
pub(super) struct Arguments {
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration file (default: the embedded one).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The AE title of the sender.
    #[arg(long, value_name = "AE")]
    calling: Option<String>,
    /// The AE title that it calls.
    #[arg(long, value_name = "AE")]
    called: Option<String>,
    /// The address that it sends from.
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// Write one JSON object.
    #[arg(long)]
    json: bool,
}

/// What would be done with the file, and why.
#[derive(Debug, Serialize)]
struct Explanation {
    path: String,
    /// What rules can ask about.
    facts: Known,
    /// Every rule in its order.
    rules: Vec<RuleVerdict>,
    /// The name of the one that decides; without it `[compress]` alone does.
    rule: Option<String>,
    /// What the node is to condense to: a keyword, `auto` or `none`.
    to: String,
    /// Which images that came compressed it is to encode anew: `never`, `lossless-only` or `always`.
    recompress: &'static str,
    /// The targets that it may become, in the order in which they are named.
    targets: Vec<TargetVerdict>,
    /// `condensed`, `kept` or `refused`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condensed: Option<Condensed>,
    /// A stable name for why it is not condensed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
    changes: Vec<Change>,
    forward: Vec<String>,
    priority: &'static str,
}

#[derive(Debug, Serialize)]
struct Known {
    calling: String,
    called: String,
    from: Option<IpAddr>,
    sop_class: String,
    transfer_syntax: String,
    modality: String,
    station_name: String,
    body_part: String,
}

#[derive(Debug, Serialize)]
struct RuleVerdict {
    name: String,
    /// The first condition that is not met; none where the rule fits.
    unmet: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct TargetVerdict {
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_by: Option<&'static str>,
    /// The row of PS3.5 8.2 that lets it carry the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_row: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

#[derive(Debug, Serialize)]
struct Condensed {
    target: &'static str,
    native_bytes: u64,
    encoded_bytes: u64,
    file_bytes: u64,
}

/// Explains the file.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let config = match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::default().checked(),
    };
    let config = config.map_err(|error| CommandError::Usage(error.to_string()))?;
    let failed =
        |error: &dyn std::fmt::Display| CommandError::Failed(format!("{}: {error}", shown(&arguments.file)));
    let file = InstanceFile::open(&arguments.file).map_err(|error| failed(&error))?;
    let contents = file.contents(&Limits::default()).map_err(|error| failed(&error))?;
    let elements = file.elements(&contents).map_err(|error| failed(&error))?;
    let known = arguments.known(&config, &file, &contents, &elements);
    let facts = known.facts();
    let rules = config.rules();
    let decision = rules.decide(&facts);
    let instance =
        Instance { source: &elements, data_set: &contents.data_set, received: file.transfer_syntax };
    let mut explanation = Explanation {
        path: arguments.file.to_string_lossy().into_owned(),
        rules: rules
            .verdicts(&facts)
            .map(|(name, unmet)| RuleVerdict { name: name.to_owned(), unmet })
            .collect(),
        rule: decision.rule.clone(),
        to: decision.compress.to.to_string(),
        recompress: decision.compress.recompress.name(),
        targets: Vec::new(),
        outcome: "kept",
        condensed: None,
        reason: Some(Reason::NoTarget.name()),
        explanation: Some(Reason::NoTarget.to_string()),
        changes: Vec::new(),
        forward: decision.forward.clone(),
        priority: decision.priority.name(),
        facts: known,
    };
    if let Some(choice) = decision.compress.choice() {
        let mut options = decision.compress.options();
        if options.recompress != Recompress::Never {
            // As the node does: the same limits may leave the instance as it is.
            let decoding = Arc::new(Decoding::new(Some(PROGRAM.into())));
            options.decoding = Some(decoding.of_instance(&decision.compress));
        }
        for target in choice.candidates.iter().chain(&choice.fallback) {
            explanation.targets.push(TargetVerdict::of(&instance, target, &options)?);
        }
        explanation.try_it(&choice, &options, decision, &instance, &file.meta)?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        json_line(&mut out, &explanation)?
    } else {
        explanation.write(&mut out)?
    }
    out.flush()?;
    Ok(Outcome::Done)
}

impl Arguments {
    /// What is known of the instance: from the arguments, else from the file.
    fn known(
        &self,
        config: &Config,
        file: &InstanceFile,
        contents: &Contents,
        elements: &Elements<'_>,
    ) -> Known {
        let text = |tag| contents.data_set.text(elements, tag).ok().flatten().unwrap_or_default();
        let sop_class = Some(text(Tag::SOP_CLASS_UID)).filter(|uid| !uid.is_empty());
        let told = self.calling.clone().or_else(|| file.meta.sending_ae.clone());
        Known {
            calling: told
                .or_else(|| file.meta.source_ae.clone())
                .unwrap_or_else(|| DEFAULT_AE_TITLE.to_owned()),
            called: self.called.clone().unwrap_or_else(|| config.node.ae_title.clone()),
            from: self.from,
            sop_class: sop_class.unwrap_or_else(|| file.meta.sop_class.clone()),
            transfer_syntax: file.meta.transfer_syntax.clone(),
            modality: text(Tag::MODALITY),
            station_name: text(Tag::STATION_NAME),
            body_part: text(Tag::BODY_PART_EXAMINED),
        }
    }
}

impl Known {
    fn facts(&self) -> Facts<'_> {
        Facts {
            calling: &self.calling,
            called: &self.called,
            from: self.from,
            sop_class: &self.sop_class,
            transfer_syntax: &self.transfer_syntax,
            modality: &self.modality,
            station_name: &self.station_name,
            body_part: &self.body_part,
        }
    }
}

impl TargetVerdict {
    /// What speaks for and against a target, as far as the attributes tell.
    fn of(instance: &Instance<'_>, target: &TransferSyntax, options: &Options) -> io::Result<Self> {
        let pair = Pair::of(target, options).ok();
        let image = ImagePixel::from_data_set(instance.source, instance.data_set).ok();
        let native = match (image, instance.received) {
            (Some(image), Some(received)) => Some(native_image_of(&image, received, options.keep_ybr)),
            (image, _) => image,
        };
        let reason = match suitable(instance, target, options) {
            Ok(()) => None,
            Err(CompressError::Kept(reason)) => Some(reason),
            Err(CompressError::Io(error)) => return Err(error),
        };
        Ok(Self {
            target: TransferSyntax::of_uid(target.uid).map_or("", |syntax| syntax.keyword),
            encoder: pair.map(|pair| pair.encoder.name()),
            verified_by: pair.filter(|_| options.verify).map(|pair| pair.decoder.name()),
            profile_row: native.and_then(|image| profile_row(target, &image)),
            reason: reason.as_ref().map(Reason::name),
            explanation: reason.as_ref().map(ToString::to_string),
        })
    }
}

impl Explanation {
    /// Compresses the instance into a file without a name, and compares.
    fn try_it(
        &mut self,
        choice: &Choice,
        options: &Options,
        decision: &Decision,
        instance: &Instance<'_>,
        meta: &FileMeta,
    ) -> Result<(), CommandError> {
        let mut file = nameless()?;
        let (source, data_set) = (instance.source, instance.data_set);
        match codec::compress_as(choice, source, data_set, meta, options, &mut file, |file: &mut File| {
            file.set_len(0)?;
            io::Seek::rewind(file)
        }) {
            Ok(chosen) => {
                let report = &chosen.report;
                (self.outcome, self.reason, self.explanation) = ("condensed", None, None);
                self.condensed = Some(Condensed {
                    target: report.target.keyword,
                    native_bytes: report.native_bytes,
                    encoded_bytes: report.encoded_bytes,
                    file_bytes: report.file_bytes,
                });
                self.changes = changes(instance, meta, &FileSource::new(file)?)?;
            }
            Err(CompressError::Kept(reason)) => {
                let refused = instance.received.is_some_and(|came| decision.compress.refuses(came, &reason));
                self.outcome = if refused { "refused" } else { "kept" };
                (self.reason, self.explanation) = (Some(reason.name()), Some(reason.to_string()));
            }
            Err(CompressError::Io(error)) => return Err(CommandError::Failed(error.to_string())),
        }
        Ok(())
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", Shown(&self.path))?;
        let mut row = |label: &str, text: String| writeln!(out, "  {label:<12} {text}");
        let facts = &self.facts;
        let class =
            StorageClass::of_uid(&facts.sop_class).map_or(facts.sop_class.as_str(), |class| class.keyword);
        let syntax = TransferSyntax::of_uid(&facts.transfer_syntax);
        let syntax = syntax.map_or(facts.transfer_syntax.as_str(), |syntax| syntax.keyword);
        row("is", format!("{} in {}", Shown(class), Shown(syntax)))?;
        let from = facts.from.map(|address| format!(" from {address}")).unwrap_or_default();
        row("sent", format!("by {}{from} to {}", Shown(&facts.calling), Shown(&facts.called)))?;
        let said = [
            ("modality", &facts.modality),
            ("station", &facts.station_name),
            ("body part", &facts.body_part),
        ];
        for (label, value) in said.into_iter().filter(|(_, value)| !value.is_empty()) {
            row(label, Shown(value).to_string())?;
        }
        for rule in &self.rules {
            let decides = self.rule.as_ref() == Some(&rule.name);
            let verdict = match rule.unmet {
                Some(condition) => format!("does not fit: {condition}"),
                None if decides => "fits, and decides".to_owned(),
                None => "would fit, but an earlier one decides".to_owned(),
            };
            row("rule", format!("{}: {verdict}", Shown(&rule.name)))?;
        }
        if self.rule.is_none() {
            row("rule", "none fits: [compress] alone decides".to_owned())?;
        }
        row("to", self.to.clone())?;
        if self.recompress != Recompress::Never.name() {
            row("", format!("what came compressed too: {}", self.recompress))?;
        }
        for target in &self.targets {
            row("", target.sentence())?;
        }
        row("outcome", self.sentence())?;
        for (index, change) in self.changes.iter().enumerate() {
            row(if index == 0 { "changes" } else { "" }, change.sentence())?;
        }
        if !self.forward.is_empty() {
            row("forwards to", format!("{}, priority {}", Shown(&self.forward.join(", ")), self.priority))?;
        }
        Ok(())
    }

    fn sentence(&self) -> String {
        let why = Shown(self.explanation.as_deref().unwrap_or_default());
        match (&self.condensed, self.outcome) {
            (Some(condensed), _) => {
                let (before, after) = (bytes(condensed.native_bytes), bytes(condensed.encoded_bytes));
                format!("condensed to {}, {before} -> {after}", condensed.target)
            }
            (None, "refused") => format!("refused with C004 and put into quarantine: {why}"),
            (None, _) => format!("stored as received: {why}"),
        }
    }
}

impl TargetVerdict {
    fn sentence(&self) -> String {
        if let Some(explanation) = &self.explanation {
            return format!("not {}: {}", self.target, Shown(explanation));
        }
        let by = self.encoder.map(|name| format!(" by {name}")).unwrap_or_default();
        let proven = self.verified_by.map(|name| format!(", proven by {name}")).unwrap_or_default();
        let row = self.profile_row.as_deref().map(|row| format!("; PS3.5 8.2: {row}")).unwrap_or_default();
        format!("{}{by}{proven}{row}", self.target)
    }
}

fn nameless() -> Result<File, CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::Failed(error.to_string());
    let folder = Directory::open(&std::env::temp_dir()).map_err(|error| failed(&error))?;
    folder.anonymous_file().map_err(|error| failed(&error))
}
