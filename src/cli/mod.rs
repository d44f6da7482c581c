//! The command line: one file a command, and the table of them in `commands`.

mod commands;
mod compress;
mod echo;
mod find;
mod inspect;
mod instance_file;
mod outcome;
mod peer;
mod progress;
mod send;
mod syntaxes;
mod text;

pub use commands::run;
