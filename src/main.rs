//! The `condenser` command: hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    condenser::cli::run()
}
