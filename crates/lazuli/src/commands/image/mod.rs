//! `lazuli image …`

pub mod boot;
pub mod build;
mod list;

use crate::cli::{Global, Image};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Image) -> Result<(), Failure> {
    match command {
        Image::Build(options) => build::run(global, options),
        Image::Boot(options) => boot::run(global, options),
        Image::List => list::run(global),
    }
}
