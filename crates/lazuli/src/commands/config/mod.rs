//! `lazuli config …`

mod check;
mod lint;
mod schema;

use crate::cli::{Config, Global};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Config) -> Result<(), Failure> {
    match command {
        Config::Check => check::run(global),
        Config::Lint(options) => lint::run(global, options),
        Config::Schema(options) => schema::run(options),
    }
}
