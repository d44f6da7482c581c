//! `condenser echo`: asks a DICOM peer for a sign of life (C-ECHO, PS3.4 annex A).

use super::outcome::{CommandError, Outcome};
use super::peer::{DEFAULT_AE_TITLE, Peer, ae_title};
use super::text::Shown;
use crate::dicom::{TransferSyntax, VERIFICATION, uids};
use crate::net::{ProposedContext, Requestor, RequestorError, RequestorOptions, Status};
use std::time::Instant;

/// The arguments of `condenser echo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  condenser echo 127.0.0.1:11112                a node of this machine, with the default AE titles
  condenser echo ARCHIVE@pacs.example:104       another one
  condenser echo ARCHIVE@[::1]:104 --calling CT1")]
pub(super) struct Arguments {
    /// Whom to ask.
    #[arg(value_name = "[AE@]HOST:PORT")]
    peer: Peer,
    /// The AE title to call, where it does not stand before the «@».
    #[arg(long, value_name = "AE", value_parser = ae_title)]
    called: Option<String>,
    /// Our AE title.
    #[arg(long, value_name = "AE", value_parser = ae_title, default_value = DEFAULT_AE_TITLE)]
    calling: String,
}

/// Asks once.
pub(super) fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let peer = arguments.peer.clone().calling_it(arguments.called.as_deref())?;
    let start = Instant::now();
    let status = echo(&peer, &arguments.calling)
        .map_err(|error| CommandError::Failed(format!("{peer}: {}", Shown(&error.to_string()))))?;
    let time = start.elapsed().as_secs_f64() * 1000.0;
    println!("{peer} answers {status} after {time:.1} ms");
    Ok(if status.is_performed() { Outcome::Done } else { Outcome::SomeFailed })
}

fn echo(peer: &Peer, calling: &str) -> Result<Status, RequestorError> {
    let implicit = TransferSyntax::of_uid(uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let context = ProposedContext {
        abstract_syntax: VERIFICATION.to_owned(),
        transfer_syntaxes: implicit.into_iter().collect(),
    };
    let options = RequestorOptions::new(calling, peer.called());
    let mut association = Requestor::connect((peer.host.as_str(), peer.port), options, &[context])?;
    let answer = association.echo()?;
    association.release()?;
    Ok(answer.status)
}
