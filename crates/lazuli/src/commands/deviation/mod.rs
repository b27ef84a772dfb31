//! `lazuli deviation …`

mod check;
mod export;
mod report;
mod since;

use crate::cli::{Deviation, Global};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Deviation) -> Result<(), Failure> {
    match command {
        Deviation::Report(options) => report::run(global, options),
        Deviation::Check(options) => check::run(global, options),
        Deviation::Export(options) => export::run(global, options),
    }
}
