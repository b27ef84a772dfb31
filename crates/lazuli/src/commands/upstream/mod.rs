//! `lazuli upstream …`

mod import;
mod list;

use crate::cli::{Global, Upstream};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Upstream) -> Result<(), Failure> {
    match command {
        Upstream::Import(options) => import::run(global, options),
        Upstream::List => list::run(global),
    }
}
