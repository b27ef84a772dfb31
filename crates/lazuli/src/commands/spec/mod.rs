//! `lazuli spec …`

mod expand;
mod query;
mod reading;

use crate::cli::{Global, Spec};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Spec) -> Result<(), Failure> {
    match command {
        Spec::Query(options) => query::run(global, options),
        Spec::Expand(options) => expand::run(options),
    }
}
