//! Derives, builds, ships and operates a cloud Linux from a definition.
//! In: a command line and a definition. Out: data on standard output, talk on standard error, a documented exit code.

mod cli;
mod commands;
mod failure;
mod output;
mod pipeline;
mod progress;
mod session;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let format = arguments.global.format;
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match format {
                output::Format::Text => output::say(failure.render().trim_end()),
                output::Format::Json => output::say(&failure.to_json().to_string()),
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
