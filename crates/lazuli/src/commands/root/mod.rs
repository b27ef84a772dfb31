//! `lazuli root …`

mod changing;
mod install;
mod list;
mod remove;
mod upgrade;

use crate::cli::{Global, Root};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Root) -> Result<(), Failure> {
    match command {
        Root::Install(options) => install::run(global, options),
        Root::Upgrade(options) => upgrade::run(global, options),
        Root::Remove(options) => remove::run(global, options),
        Root::List(options) => list::run(global, options),
    }
}
