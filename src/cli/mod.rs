//! The command line: one file a command, and the table of them in `commands`.

mod changes;
mod check;
mod commands;
mod compress;
mod decode_for_node;
mod decompress;
mod echo;
mod explain;
mod find;
mod fsck;
mod inspect;
mod inspect_codestreams;
mod instance_file;
mod interrupt;
mod outcome;
mod output;
mod parameter_arguments;
mod passcode;
mod peer;
mod progress;
mod queue;
mod queue_rows;
mod savings;
mod selftest;
mod selftest_kills;
mod send;
mod serve;
mod syntaxes;
mod text;
mod transcode;
mod transcode_file;
mod transcode_report;

pub use commands::run;
