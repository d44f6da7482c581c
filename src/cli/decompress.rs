//! `condenser decompress`: compressed files back to native pixels, without a node.

use super::outcome::{CommandError, Outcome};
use super::transcode::{self, Places};
use super::transcode_file::How;
use crate::codec::{Options, Recompress, native_targets};
use crate::dicom::TransferSyntax;

/// The arguments of `condenser decompress`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What cannot be decompressed (video, a codestream that is damaged, a syntax that
nothing here decodes) is copied as it is and the reason is shown, so that the
output is complete. What is not compressed is only written in the syntax asked
for. Lossless syntaxes with two decoders are decoded by both, which must agree.

Examples:
  condenser decompress small.dcm image.dcm     to Explicit VR Little Endian
  condenser decompress study out --to ImplicitVRLittleEndian   a folder, mirrored
  condenser decompress in out --json | jq .decoder   one JSON object a file")]
pub(super) struct Arguments {
    #[command(flatten)]
    places: Places,
    /// The transfer syntax: ExplicitVRLittleEndian or ImplicitVRLittleEndian, or its UID.
    #[arg(long, value_name = "SYNTAX", default_value = "ExplicitVRLittleEndian", value_parser = target)]
    to: &'static TransferSyntax,
    /// Decode the YCbCr of lossy JPEG to YBR_FULL instead of RGB.
    #[arg(long)]
    keep_ybr: bool,
    /// Do not let a second decoder decode and compare.
    #[arg(long)]
    no_verify: bool,
}

/// Works through all files.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let options = Options {
        verify: !arguments.no_verify,
        recompress: Recompress::Always,
        keep_ybr: arguments.keep_ybr,
        ..Options::default()
    };
    transcode::run(&arguments.places, &How { target: arguments.to, options, outcome: "decompressed" })
}

/// What `--to` accepts: a native syntax that is written here.
fn target(name: &str) -> Result<&'static TransferSyntax, String> {
    let syntax = TransferSyntax::of_name(name);
    syntax.filter(|syntax| native_targets().any(|target| target == *syntax)).ok_or_else(|| {
        let can: Vec<&str> = native_targets().map(|syntax| syntax.keyword).collect();
        format!("not a native transfer syntax that is written here; there are {}", can.join(", "))
    })
}
