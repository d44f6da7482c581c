//! `condenser decompress`: compressed files back to native pixels, without a node.

use super::outcome::{CommandError, Outcome};
use super::transcode::{self, Places};
use super::transcode_file::How;
use crate::codec::{Choice, Options, Recompress, native_targets};
use crate::dicom::TransferSyntax;

/// The arguments of `condenser decompress`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "condenser decompress [OPTIONS] <IN>... <OUT>
       condenser decompress [OPTIONS] --in-place <IN>...
       condenser decompress [OPTIONS] --dry-run <IN>...",
    after_help = "\
What cannot be decompressed (video, a codestream that is damaged, a syntax that
nothing here decodes) is copied as it is and the reason is shown, so that the
output is complete. What is not compressed is only written in the syntax asked
for. Lossless syntaxes with two decoders are decoded by both, which must agree.

Examples:
  condenser decompress small.dcm image.dcm     to Explicit VR Little Endian
  condenser decompress study out --to ImplicitVRLittleEndian   a folder, mirrored
  condenser decompress --dry-run small         how much larger it would be
  condenser decompress in out --json | jq .decoder   one JSON object a file"
)]
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
    if arguments.places.in_place && arguments.no_verify {
        let text = "--in-place replaces the originals, so it does not go with --no-verify";
        return Err(CommandError::Usage(text.to_owned()));
    }
    let options = Options {
        verify: !arguments.no_verify,
        recompress: Recompress::Always,
        keep_ybr: arguments.keep_ybr,
        ..Options::default()
    };
    let (choice, target) = (Choice::of(arguments.to), arguments.to.keyword.to_owned());
    transcode::run(&arguments.places, &How { choice, options, target, outcome: "decompressed" })
}

/// What `--to` accepts: a native syntax that is written here.
fn target(name: &str) -> Result<&'static TransferSyntax, String> {
    let syntax = TransferSyntax::of_name(name);
    syntax.filter(|syntax| native_targets().any(|target| target == *syntax)).ok_or_else(|| {
        let can: Vec<&str> = native_targets().map(|syntax| syntax.keyword).collect();
        format!("not a native transfer syntax that is written here; there are {}", can.join(", "))
    })
}
