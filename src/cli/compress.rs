//! `condenser compress`: the encoder core on files and folders, without a node.

use super::outcome::{CommandError, Outcome};
use super::parameter_arguments::ParameterArguments;
use super::transcode::{self, Places};
use super::transcode_file::How;
use crate::codec::{ENCODERS, Options, Recompress, native_targets, targets};
use crate::dicom::{OffsetTable, TransferSyntax};
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// The arguments of `condenser compress`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
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
  condenser compress old new --recompress never   only what is not compressed yet
  condenser compress in out --json | jq .ratio    one JSON object a file
  condenser compress in in --force             in place, file by file
  condenser compress in out --to JPEGLSNearLossless --lossy --near 2   with an error of at most 2
  condenser compress in out --to JPEG2000 --lossy --ratios 20,10   two quality layers")]
pub(super) struct Arguments {
    #[command(flatten)]
    places: Places,
    /// The transfer syntax, by keyword or UID; `condenser syntaxes` lists them.
    #[arg(long, value_name = "SYNTAX", default_value = "JPEGLSLossless", value_parser = target)]
    to: &'static TransferSyntax,
    /// The encoder, where there are several for the syntax.
    #[arg(long, value_name = "NAME")]
    encoder: Option<String>,
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
    if let Some(name) = &arguments.encoder {
        check_encoder(name, arguments.to).map_err(CommandError::Usage)?;
    }
    let mut options = Options {
        verify: !arguments.no_verify,
        offset_table: arguments.extended_offset_table.then_some(OffsetTable::Extended),
        encoder: arguments.encoder.clone(),
        recompress: arguments.recompress,
        keep_ybr: arguments.keep_ybr,
        ..Options::default()
    };
    arguments.parameters.apply(arguments.to, &mut options).map_err(CommandError::Usage)?;
    transcode::run(&arguments.places, &How { target: arguments.to, options, outcome: "condensed" })
}

/// What `--to` accepts: a syntax that there is an encoder for.
fn target(name: &str) -> Result<&'static TransferSyntax, String> {
    let can = || targets().map(|syntax| syntax.keyword).collect::<Vec<_>>().join(", ");
    let syntax =
        TransferSyntax::of_name(name).ok_or_else(|| format!("not a transfer syntax; there are {}", can()))?;
    if targets().any(|target| target == syntax) {
        Ok(syntax)
    } else if native_targets().any(|target| target == syntax) {
        Err("it is not compressed; `condenser decompress` writes it".to_owned())
    } else {
        Err(format!("there is no encoder for it; there are {}", can()))
    }
}

/// What `--encoder` accepts: the name of an encoder for the syntax.
fn check_encoder(name: &str, target: &TransferSyntax) -> Result<(), String> {
    let own = ENCODERS.iter().filter(|encoder| encoder.transfer_syntax() == target.uid);
    let names: Vec<&str> = own.map(|encoder| encoder.name()).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(format!("there is no encoder {name:?} for {}; there are {}", target.keyword, names.join(", ")))
}

/// What `--recompress` accepts.
fn recompress() -> impl TypedValueParser<Value = Recompress> {
    let names = Recompress::ALL.iter().map(|which| which.name());
    PossibleValuesParser::new(names).map(|name| Recompress::of_name(&name).unwrap_or_default())
}
