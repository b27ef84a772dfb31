//! `lazuli lock …`

pub mod update;

use crate::cli::{Global, Lock};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Lock) -> Result<(), Failure> {
    match command {
        Lock::Update(options) => update::run(global, options),
    }
}
