//! `lazuli dev`: for those who work on this program.

mod azldev_corpus;
mod update_bytes;

use crate::cli::{Dev, Global};
use crate::failure::Failure;

/// Does what the command line asks.
pub fn run(global: &Global, command: &Dev) -> Result<(), Failure> {
    match command {
        Dev::AzldevCorpus(options) => azldev_corpus::run(global, options),
        Dev::UpdateBytes(options) => update_bytes::run(global, options),
    }
}
