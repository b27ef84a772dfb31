//! `lazuli component …`

mod changed;
mod diff;
mod list;
mod prepare_sources;
mod query;
mod render;
mod update;

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
        Component::PrepareSources(options) => prepare_sources::run(global, options),
        Component::Update(options) => update::run(global, options),
    }
}
