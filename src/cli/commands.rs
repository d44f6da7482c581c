//! The table of commands: what `condenser` can be asked for, and who answers.

use super::outcome::exit_code;
use super::{
    check, compress, decode_for_node, decompress, echo, explain, fsck, inspect, passcode, queue, selftest,
    send, serve, syntaxes,
};
use crate::node::DECODE_FOR_NODE;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Receives DICOM instances, compresses them losslessly, proves the result and keeps it.
#[derive(Debug, Parser)]
#[command(
    name = "condenser",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "`condenser COMMAND --help` shows the options of a command with examples."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node: receive, compress, prove, keep.
    Serve(serve::Arguments),
    /// Tell whether a configuration file is right, and all that is wrong with it.
    Check(check::Arguments),
    /// Compress files and folders losslessly, without a node.
    Compress(compress::Arguments),
    /// Decode frames for a node: what it starts itself where `recompress` asks for it.
    #[command(name = DECODE_FOR_NODE, hide = true)]
    DecodeForNode(decode_for_node::Arguments),
    /// Write compressed files and folders native again, without a node.
    Decompress(decompress::Arguments),
    /// Tell what a node would do with a file, and why.
    Explain(explain::Arguments),
    /// Ask a DICOM peer for a sign of life.
    Echo(echo::Arguments),
    /// Send files and folders to a DICOM peer, compressing nothing anew.
    Send(send::Arguments),
    /// Look at what is still to be delivered to peers, and retry, hold, release or purge it.
    Queue(queue::Arguments),
    /// Read every file of a store and find what was altered since it was stored.
    Fsck(fsck::Arguments),
    /// Try whether a folder can be trusted with instances: syncs, names, kill -9.
    Selftest(selftest::Arguments),
    /// Show what files are and what they can be compressed to; nothing of the patient.
    Inspect(inspect::Arguments),
    /// Make the hash of a passcode, for the users of access rules.
    Passcode(passcode::Arguments),
    /// List the transfer syntaxes and what is done with each.
    Syntaxes(syntaxes::Arguments),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are such «errors» too, with exit code 0. Nothing can be done when they cannot be shown.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    exit_code(match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Compress(arguments) => compress::run(&arguments),
        Command::DecodeForNode(arguments) => decode_for_node::run(&arguments),
        Command::Decompress(arguments) => decompress::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Echo(arguments) => echo::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Queue(arguments) => queue::run(&arguments),
        Command::Fsck(arguments) => fsck::run(&arguments),
        Command::Selftest(arguments) => selftest::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Passcode(arguments) => passcode::run(&arguments),
        Command::Syntaxes(arguments) => syntaxes::run(&arguments),
    })
}
