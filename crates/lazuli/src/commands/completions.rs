//! `lazuli completions SHELL`

use clap::CommandFactory as _;

use crate::cli::{Arguments, Completions};
use crate::failure::Failure;
use crate::output;

/// Prints the completions of a shell.
pub fn run(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "lazuli", &mut script);
    output::print_text(&String::from_utf8_lossy(&script))
}
