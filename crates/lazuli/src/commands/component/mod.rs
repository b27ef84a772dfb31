//! `lazuli component …`

mod changed;
mod diff;
mod list;
mod query;
mod render;

use crate::cli::{Component, Global};
use crate::failure::Failure;

/// Leads to the command.
pub fn run(global: &Global, command: &Component) -> Result<(), Failure> {
    match command {
        Component::List(options) => list::run(global, options),
        Component::Query(options) => query::run(global, options),
        Component::Render(options) => render::run(global, options),
        Component::Diff(options) => diff::run(global, options),
        Component::Changed(options) => changed::run(global, options),
    }
}
