//! `condenser syntaxes`: every transfer syntax of the standard and what Condenser does with it.

use super::inspect::json_line;
use super::outcome::{CommandError, Outcome};
use crate::codec::{decoders_of, encoders_of, native_targets, targets};
use crate::dicom::{Fidelity, PixelCoding, TRANSFER_SYNTAXES, TransferSyntax, VrEncoding};
use serde::Serialize;
use std::io::{self, Write};

/// The arguments of `condenser syntaxes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  condenser syntaxes                                 what can be received, written and read
  condenser syntaxes --json | jq 'select(.encode)'   what --to accepts
  condenser syntaxes --json | jq .encoders           what --encoder accepts for each")]
pub(super) struct Arguments {
    /// Write one JSON object a transfer syntax.
    #[arg(long)]
    json: bool,
}

/// One transfer syntax.
#[derive(Serialize)]
struct Row {
    keyword: &'static str,
    uid: &'static str,
    name: &'static str,
    /// Whether Condenser writes it: `--to` accepts it.
    encode: bool,
    /// Whether Condenser reads its pixels.
    decode: bool,
    /// What writes it: the names that `--encoder` accepts, the one that is used by itself first.
    encoders: Vec<&'static str>,
    /// What reads it: the names that `--verify-with` accepts.
    decoders: Vec<&'static str>,
    /// The options of the command line that its encoders heed.
    options: Vec<&'static str>,
    /// Whether instances in it are received and kept.
    keep: bool,
    lossless: bool,
    retired: bool,
}

/// Shows the table.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if !arguments.json {
        writeln!(
            out,
            "{:<48} {:<26} {:<18} {:<18} {:<5} {:<9} OPTIONS",
            "KEYWORD", "UID", "ENCODERS", "DECODERS", "KEEP", "LOSSLESS"
        )?;
    }
    for syntax in TRANSFER_SYNTAXES {
        let row = Row::of(syntax);
        if arguments.json {
            json_line(&mut out, &row)?;
        } else {
            let Row { keyword, uid, keep, lossless, .. } = row;
            let native = |can: bool, names: &[&str]| {
                if can && names.is_empty() { "native".to_owned() } else { list(names) }
            };
            let is_written = native_targets().any(|target| target == syntax);
            let (encoders, decoders) = (native(is_written, &row.encoders), native(row.decode, &row.decoders));
            let line = format!(
                "{keyword:<48} {uid:<26} {encoders:<18} {decoders:<18} {:<5} {:<9} {}",
                mark(keep),
                mark(lossless),
                list(&row.options)
            );
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

impl Row {
    fn of(syntax: &'static TransferSyntax) -> Self {
        let encoders: Vec<&str> = encoders_of(syntax).map(|encoder| encoder.name()).collect();
        let decoders: Vec<&str> = decoders_of(syntax).map(|decoder| decoder.name()).collect();
        let mut options: Vec<&str> =
            encoders_of(syntax).flat_map(|encoder| encoder.options()).copied().collect();
        options.sort_unstable();
        options.dedup();
        Self {
            keyword: syntax.keyword,
            uid: syntax.uid,
            name: syntax.name,
            encode: targets().any(|target| target == syntax),
            decode: is_read_natively(syntax) || !decoders.is_empty(),
            encoders,
            decoders,
            options,
            // What is no stream of data elements, or has its pixels elsewhere, is not all there and not accepted.
            keep: syntax.vr_encoding != VrEncoding::NotElements
                && syntax.pixel_coding != PixelCoding::Referenced,
            lossless: syntax.fidelity == Fidelity::Lossless,
            retired: syntax.retired,
        }
    }
}

/// Whether its pixels are there as they are.
fn is_read_natively(syntax: &TransferSyntax) -> bool {
    syntax.pixel_coding == PixelCoding::Native && syntax.vr_encoding != VrEncoding::NotElements
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn mark(yes: bool) -> &'static str {
    if yes { "yes" } else { "-" }
}
