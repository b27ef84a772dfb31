//! The agent of a host that swaps its system whole.
//! In: a command line. Out: data on standard output, talk on standard error, a documented exit code.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
