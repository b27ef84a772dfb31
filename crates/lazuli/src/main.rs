//! Derives, builds, ships and operates a cloud Linux from a definition.
//! In: a command line and a definition. Out: data on standard output, talk on standard error, a documented exit code.

mod cli;
mod commands;
mod corpus;
mod failure;
mod output;
mod pipeline;
mod progress;
mod session;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The installer starts this program again inside a package's root to interpret its Lua scriptlets.
    if std::env::args_os().nth(1).is_some_and(|word| word == install::lua::COMMAND) {
        return install::lua::interpreter_main();
    }
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
