//! `condenser syntaxes`: every transfer syntax of the standard and what Condenser does with it.

use super::inspect::json_line;
use super::outcome::{CommandError, Outcome};
use crate::codec::{DECODERS, targets};
use crate::dicom::{Fidelity, PixelCoding, TRANSFER_SYNTAXES, TransferSyntax, VrEncoding};
use serde::Serialize;
use std::io::{self, Write};

/// The arguments of `condenser syntaxes`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  condenser syntaxes                                 what can be received, written and read
  condenser syntaxes --json | jq 'select(.encode)'   what --to accepts")]
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
            "{:<48} {:<26} {:<7} {:<7} {:<5} LOSSLESS",
            "KEYWORD", "UID", "ENCODE", "DECODE", "KEEP"
        )?;
    }
    for syntax in TRANSFER_SYNTAXES {
        let row = Row::of(syntax);
        if arguments.json {
            json_line(&mut out, &row)?;
        } else {
            let Row { keyword, uid, encode, decode, keep, lossless, .. } = row;
            let line = format!(
                "{keyword:<48} {uid:<26} {:<7} {:<7} {:<5} {}",
                mark(encode),
                mark(decode),
                mark(keep),
                mark(lossless)
            );
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(Outcome::Done)
}

impl Row {
    fn of(syntax: &'static TransferSyntax) -> Self {
        Self {
            keyword: syntax.keyword,
            uid: syntax.uid,
            name: syntax.name,
            encode: targets().any(|target| target == syntax),
            decode: syntax.pixel_coding == PixelCoding::Native
                || DECODERS.iter().any(|decoder| decoder.transfer_syntax() == syntax.uid),
            // What is no stream of data elements, or has its pixels elsewhere, is not all there and not accepted.
            keep: syntax.vr_encoding != VrEncoding::NotElements
                && syntax.pixel_coding != PixelCoding::Referenced,
            lossless: syntax.fidelity == Fidelity::Lossless,
            retired: syntax.retired,
        }
    }
}

fn mark(yes: bool) -> &'static str {
    if yes { "yes" } else { "-" }
}
