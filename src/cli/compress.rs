//! `condenser compress`: the encoder core on files and folders, without a node.

use super::outcome::{CommandError, Outcome};
use super::parameter_arguments::ParameterArguments;
use super::transcode::{self, Places};
use super::transcode_file::How;
use crate::codec::{Lossy, Recompress, native_targets, targets};
use crate::dicom::{OffsetTable, TransferSyntax};
use crate::rule::{Compress, Implementation, Target, Writable};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The arguments of `condenser compress`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "condenser compress [OPTIONS] <IN>... <OUT>
       condenser compress [OPTIONS] --in-place <IN>...
       condenser compress [OPTIONS] --dry-run <IN>...",
    after_help = "\
What cannot be compressed (no image, in the syntax already, a kind of pixels that
the syntax cannot hold) is copied as it is and the reason is shown, so that the
output is complete. Every compressed frame is decoded again and compared before
its file gets its name.

What came in another lossless syntax is decoded and encoded anew: whoever names
the files and the syntax wants that, and nothing is lost. What came with loss is
left alone, for it would only grow (--recompress always does it all the same).
A node is more careful: it keeps what its peers have compressed.

Examples:
  condenser compress image.dcm small.dcm       one file, to JPEG-LS Lossless
  condenser compress study out --to RLELossless   a folder, mirrored
  condenser compress 'in/*.dcm' a.dcm out      patterns and files, into a folder
  condenser compress in out --fallback JPEG2000Lossless,RLELossless   what JPEG-LS cannot hold
  condenser compress in out --to auto          the smallest of three, file by file
  condenser compress --dry-run archive         what would be saved, and nothing written
  condenser compress --in-place archive        each file replaced by its successor
  condenser compress old new --recompress never   only what is not compressed yet
  condenser compress in out --json | jq .ratio    one JSON object a file
  condenser compress in out --to JPEGLSNearLossless --lossy --near 2   with an error of at most 2
  condenser compress in out --to JPEG2000 --lossy --ratios 20,10   two quality layers
  condenser compress in out --to JPEGBaseline8Bit --lossy --quality 95   8 bits, for everyone"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    places: Places,
    /// The transfer syntax, by keyword or UID; `condenser syntaxes` lists them. `auto` takes the smallest of the candidates.
    #[arg(long, value_name = "SYNTAX", default_value = "JPEGLSLossless", value_parser = target)]
    to: Target,
    /// What `--to auto` chooses from, by a sample of the frames of each file: a list with commas.
    #[arg(long, value_name = "SYNTAXES", value_delimiter = ',')]
    candidates: Option<Vec<Writable>>,
    /// What is tried, in this order, where an image does not fit into the syntax: a list with commas.
    #[arg(long, value_name = "SYNTAXES", value_delimiter = ',')]
    fallback: Vec<Writable>,
    /// The encoder, where there are several for the syntax; `condenser syntaxes` lists them.
    #[arg(long, value_name = "NAME", default_value = "any")]
    encoder: Implementation,
    /// The decoder that proves the frames; by itself one of another make than the encoder, where there is one.
    #[arg(long, value_name = "NAME", default_value = "any")]
    verify_with: Implementation,
    /// Which pixel data that came compressed in another syntax is decoded and encoded anew.
    #[arg(long, value_name = "WHICH", default_value = "lossless-only", value_parser = recompress())]
    recompress: Recompress,
    /// Decode the YCbCr of lossy JPEG to YBR_FULL instead of RGB.
    #[arg(long)]
    keep_ybr: bool,
    /// Write 64-bit offsets (the Extended Offset Table) even where 32 bits would do.
    #[arg(long)]
    extended_offset_table: bool,
    /// Do not decode and compare what was encoded.
    #[arg(long)]
    no_verify: bool,
    #[command(flatten)]
    parameters: ParameterArguments,
}

/// Works through all files.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let usage = |text: &str| CommandError::Usage(text.to_owned());
    if arguments.places.in_place && arguments.no_verify {
        return Err(usage("--in-place replaces the originals, so it does not go with --no-verify"));
    }
    if arguments.places.in_place && arguments.parameters.lossy != Lossy::Refused {
        return Err(usage("--in-place replaces the originals, so it does not go with --lossy"));
    }
    if arguments.candidates.is_some() && arguments.to != Target::Auto {
        return Err(usage(
            "--candidates is what `--to auto` chooses from; for another order of trials there is --fallback",
        ));
    }
    let how = arguments.how()?;
    transcode::run(&arguments.places, &how)
}

impl Arguments {
    fn how(&self) -> Result<How, CommandError> {
        let default = Compress::default();
        let mut wanted = Compress {
            to: self.to,
            candidates: self.candidates.clone().unwrap_or(default.candidates),
            fallback: self.fallback.clone(),
            encoder: self.encoder.clone(),
            verify_with: self.verify_with.clone(),
            verify: !self.no_verify,
            ..Compress::default()
        };
        self.parameters.apply(&mut wanted).map_err(CommandError::Usage)?;
        let faults = wanted.check();
        if !faults.is_empty() {
            let flags =
                faults.iter().map(|fault| format!("--{}", fault.replacen("verify_with", "verify-with", 1)));
            return Err(CommandError::Usage(flags.collect::<Vec<_>>().join("; ")));
        }
        let mut options = wanted.options();
        options.offset_table = self.extended_offset_table.then_some(OffsetTable::Extended);
        options.recompress = self.recompress;
        options.keep_ybr = self.keep_ybr;
        let choice = wanted.choice().ok_or_else(|| CommandError::Usage("there is no target".to_owned()))?;
        Ok(How { choice, options, target: self.to.to_string(), outcome: "condensed" })
    }
}

/// What `--to` accepts: a syntax that compresses, or `auto`.
fn target(name: &str) -> Result<Target, String> {
    let named = TransferSyntax::of_name(name);
    let only_native =
        |syntax| native_targets().any(|native| native == syntax) && !targets().any(|target| target == syntax);
    if named.is_some_and(only_native) {
        return Err("it is not compressed; `condenser decompress` writes it".to_owned());
    }
    match name.parse()? {
        Target::None => Err("nothing would be done; `condenser inspect` looks at files".to_owned()),
        target => Ok(target),
    }
}

/// What `--recompress` accepts.
fn recompress() -> impl TypedValueParser<Value = Recompress> {
    let names = Recompress::ALL.iter().map(|which| which.name());
    PossibleValuesParser::new(names).map(|name| name.parse().unwrap_or_default())
}
