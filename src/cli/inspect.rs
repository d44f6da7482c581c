//! `condenser inspect`: what a file is and what can be made of it. Nothing of the patient is read or shown.

use super::find::find;
use super::inspect_codestreams::{CodestreamFacts, codestreams};
use super::instance_file::{InstanceFile, InstanceFileError};
use super::outcome::{CommandError, Outcome};
use super::text::{Shown, bytes, counted, shown};
use crate::codec::{self, CompressError, Options, Reason, suitable};
use crate::dicom::{Fragments, ImagePixel, Limits, StorageClass, Tag, TransferSyntax, VrEncoding};
use crate::store::Receipt;
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The arguments of `condenser inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  condenser inspect image.dcm                 what is in it, and what it can be compressed to
  condenser inspect data                      every file of a folder
  condenser inspect --json data | jq .image   one JSON object a line")]
pub(super) struct Arguments {
    /// Files, folders and patterns.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write one JSON object a file.
    #[arg(long)]
    json: bool,
}

/// What a file is.
#[derive(Debug, Serialize)]
struct Facts {
    path: String,
    bytes: u64,
    sop_class: Named,
    sop_instance: String,
    transfer_syntax: Named,
    /// How the elements are encoded, as found.
    encoding: &'static str,
    file_meta: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ae: Option<String>,
    elements: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageFacts>,
    /// Why there is no image, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pixel_data: Option<PixelFacts>,
    /// What the codestreams say, those that say the same together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codestreams: Vec<CodestreamFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
    targets: Vec<TargetFacts>,
}

/// A UID and what the standard calls it.
#[derive(Debug, Serialize)]
struct Named {
    uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keyword: Option<&'static str>,
}

/// The Image Pixel Module.
#[derive(Debug, Serialize)]
struct ImageFacts {
    rows: u16,
    columns: u16,
    frames: u32,
    samples: u16,
    photometric: String,
    planar: u16,
    bits_allocated: u16,
    bits_stored: u16,
    high_bit: u16,
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    native_bytes: Option<u64>,
}

/// How Pixel Data lies in the file.
#[derive(Debug, Serialize)]
struct PixelFacts {
    bytes: u64,
    encapsulated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fragments: Option<usize>,
    /// `basic`, `extended` or `empty`.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset_table: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether the image can be compressed to a transfer syntax.
#[derive(Debug, Serialize)]
struct TargetFacts {
    keyword: &'static str,
    possible: bool,
    /// A stable name for why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The same in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<String>,
}

/// A file that could not be inspected.
#[derive(Serialize)]
struct Failure {
    path: String,
    error: String,
    reason: &'static str,
}

/// Shows every file.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let finding = find(&arguments.files, None).map_err(|error| CommandError::Usage(error.to_string()))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut outcome = Outcome::Done;
    for (path, error) in &finding.unreadable {
        outcome = Outcome::SomeFailed;
        eprintln!("error: {}: {}", shown(path), Shown(error));
    }
    for (index, found) in finding.files.iter().enumerate() {
        match inspect(&found.path) {
            Ok(facts) if arguments.json => json_line(&mut out, &facts)?,
            Ok(facts) => {
                if index > 0 {
                    writeln!(out)?;
                }
                facts.write(&mut out)?;
            }
            Err(error) => {
                outcome = Outcome::SomeFailed;
                if arguments.json {
                    let path = found.path.to_string_lossy().into_owned();
                    json_line(&mut out, &Failure { path, error: error.to_string(), reason: error.name() })?;
                }
                out.flush()?;
                eprintln!("error: {}: {}", shown(&found.path), Shown(&error.to_string()));
            }
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// Writes one JSON object as a line.
pub(super) fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn inspect(path: &Path) -> Result<Facts, InstanceFileError> {
    let file = InstanceFile::open(path)?;
    let contents = file.contents(&Limits::default())?;
    let elements = file.elements(&contents)?;
    let data_set = &contents.data_set;
    let uid = |tag, meta: &str| {
        let own = data_set.text(&elements, tag).ok().flatten().filter(|text| !text.is_empty());
        own.unwrap_or_else(|| meta.to_owned())
    };
    let sop_class = uid(Tag::SOP_CLASS_UID, &file.meta.sop_class);
    let image = ImagePixel::from_data_set(&elements, data_set);
    let is_encapsulated = data_set.pixel_data().is_some_and(|element| element.undefined_length);
    let coded = file.transfer_syntax.filter(|_| is_encapsulated);
    let coded = coded.map(|syntax| codestreams(&elements, data_set, image.as_ref().ok(), syntax));
    let (codestreams, apart) = match coded {
        Some(Ok(codestreams)) => (codestreams, None),
        Some(Err(error)) => (Vec::new(), Some(error.to_string())),
        None => (Vec::new(), None),
    };
    let pixel_data = data_set.pixel_data().map(|element| {
        let encapsulated = element.undefined_length;
        let fragments = encapsulated.then(|| Fragments::of(&elements, element));
        let table = |fragments: &Fragments| match fragments.offset_table.as_slice() {
            _ if data_set.element(Tag::EXTENDED_OFFSET_TABLE).is_some() => "extended",
            [] => "empty",
            _ => "basic",
        };
        let read = fragments.as_ref().and_then(|fragments| fragments.as_ref().ok());
        PixelFacts {
            bytes: element.value_length(),
            encapsulated,
            fragments: read.map(|fragments| fragments.ranges.len()),
            offset_table: read.map(table),
            error: (fragments
                .as_ref()
                .and_then(|fragments| fragments.as_ref().err())
                .map(ToString::to_string))
            .or(apart),
        }
    });
    Ok(Facts {
        path: path.to_string_lossy().into_owned(),
        bytes: file.len(),
        sop_class: Named {
            keyword: StorageClass::of_uid(&sop_class).map(|class| class.keyword),
            uid: sop_class,
        },
        sop_instance: uid(Tag::SOP_INSTANCE_UID, &file.meta.sop_instance),
        transfer_syntax: Named {
            uid: file.meta.transfer_syntax.clone(),
            keyword: file.transfer_syntax.map(|syntax| syntax.keyword),
        },
        encoding: encoding_name(data_set.vr_encoding),
        file_meta: file.has_meta,
        source_ae: file.meta.source_ae.clone(),
        elements: data_set.elements.len(),
        // Without pixels there is nothing to say; in a private syntax they may be in any order of bytes.
        targets: match (&pixel_data, file.transfer_syntax) {
            (Some(_), Some(_)) => {
                let received = file.transfer_syntax;
                targets(&codec::Instance { source: &elements, data_set, received })?
            }
            _ => Vec::new(),
        },
        no_image: image.as_ref().err().filter(|_| pixel_data.is_some()).map(ToString::to_string),
        image: image.ok().map(|image| ImageFacts {
            rows: image.rows,
            columns: image.columns,
            frames: image.frames,
            samples: image.samples,
            photometric: image.photometric.as_str().to_owned(),
            planar: image.planar,
            bits_allocated: image.bits_allocated,
            bits_stored: image.bits_stored,
            high_bit: image.high_bit,
            signed: image.signed,
            native_bytes: image.native_bytes().ok(),
        }),
        pixel_data,
        codestreams,
        receipt: Receipt::of(&file.meta),
    })
}

/// Whether it can be encoded in each transfer syntax that there is an encoder for, as far as the attributes tell.
fn targets(instance: &codec::Instance<'_>) -> io::Result<Vec<TargetFacts>> {
    let mut targets: Vec<TargetFacts> = Vec::new();
    for syntax in codec::targets() {
        let reason = match suitable(instance, syntax, &Options::default()) {
            Ok(()) => None,
            Err(CompressError::Kept(reason)) => Some(reason),
            Err(CompressError::Io(error)) => return Err(error),
        };
        targets.push(TargetFacts {
            keyword: syntax.keyword,
            possible: reason.is_none(),
            reason: reason.as_ref().map(Reason::name),
            explanation: reason.as_ref().map(ToString::to_string),
        });
    }
    Ok(targets)
}

impl Facts {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{}", Shown(&self.path))?;
        let mut row = |label: &str, text: String| writeln!(out, "  {label:<16} {text}");
        row("SOP class", self.sop_class.to_string())?;
        row("SOP instance", Shown(&self.sop_instance).to_string())?;
        row("transfer syntax", self.transfer_syntax.to_string())?;
        let meta = if self.file_meta { "" } else { ", no file meta information" };
        row("data set", format!("{}, {} elements{meta}", self.encoding, self.elements))?;
        if let Some(source) = &self.source_ae {
            row("source AE", Shown(source).to_string())?;
        }
        match (&self.image, &self.no_image) {
            (Some(image), _) => row("image", image.to_string())?,
            (None, Some(reason)) => row("image", format!("none that can be read: {}", Shown(reason)))?,
            (None, None) => row("image", "none".to_owned())?,
        }
        if let Some(pixels) = &self.pixel_data {
            row("pixel data", pixels.to_string())?;
        }
        for (label, text) in self.codestreams.iter().flat_map(|facts| facts.rows(self.codestreams.len() == 1))
        {
            row(label, text)?;
        }
        if let Some(receipt) = &self.receipt {
            let reason = receipt.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let from = Named {
                uid: receipt.transfer_syntax.clone(),
                keyword: TransferSyntax::of_uid(&receipt.transfer_syntax).map(|syntax| syntax.keyword),
            };
            row("receipt", format!("{}{}, received as {from}", receipt.outcome.name(), Shown(&reason)))?;
            row("", format!("digest {}", receipt.digest))?;
        }
        for (index, target) in self.targets.iter().enumerate() {
            let label = if index == 0 { "can become" } else { "" };
            match &target.explanation {
                None => row(label, target.keyword.to_owned())?,
                Some(reason) => row(label, format!("not {}: {}", target.keyword, Shown(reason)))?,
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.keyword {
            Some(keyword) => write!(f, "{keyword} ({})", Shown(&self.uid)),
            None if self.uid.is_empty() => f.write_str("not said"),
            None => write!(f, "{}", Shown(&self.uid)),
        }
    }
}

impl std::fmt::Display for ImageFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} x {} {}, {}, {} of {} bits, {}",
            self.columns,
            self.rows,
            Shown(&self.photometric),
            counted(self.samples.into(), "sample", "samples"),
            self.bits_stored,
            self.bits_allocated,
            if self.signed { "signed" } else { "unsigned" },
        )?;
        if self.samples > 1 {
            f.write_str(if self.planar == 1 { ", by plane" } else { ", by pixel" })?;
        }
        if self.high_bit != self.bits_stored.wrapping_sub(1) {
            write!(f, ", high bit {}", self.high_bit)?;
        }
        write!(f, ", {}", counted(self.frames.into(), "frame", "frames"))
    }
}

impl std::fmt::Display for PixelFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.encapsulated {
            return write!(f, "native, {}", bytes(self.bytes));
        }
        write!(f, "encapsulated, {}", bytes(self.bytes))?;
        if let (Some(fragments), Some(table)) = (self.fragments, self.offset_table) {
            write!(f, ", {}, ", counted(fragments as u64, "fragment", "fragments"))?;
            f.write_str(match table {
                "extended" => "Extended Offset Table",
                "basic" => "Basic Offset Table",
                _ => "empty offset table",
            })?;
        }
        match &self.error {
            Some(error) => write!(f, "; {}", Shown(error)),
            None => Ok(()),
        }
    }
}

fn encoding_name(encoding: VrEncoding) -> &'static str {
    match encoding {
        VrEncoding::ImplicitLittle => "implicit VR little endian",
        VrEncoding::ExplicitLittle => "explicit VR little endian",
        VrEncoding::ExplicitBig => "explicit VR big endian",
        VrEncoding::DeflatedExplicitLittle => "deflated explicit VR little endian",
        VrEncoding::NotElements => "not data elements",
    }
}
