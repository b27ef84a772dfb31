//! `lazuli repo …`

mod check;
mod create;

use crate::cli::{Global, Repo};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Repo) -> Result<(), Failure> {
    match command {
        Repo::Create(options) => create::run(global, options),
        Repo::Check(options) => check::run(global, options),
    }
}
