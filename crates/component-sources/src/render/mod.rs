//! Components, in; their folders below the output folder, out: the spec with every change made, and the files it names.
//!
//! Deciding is apart from writing: [`Renderer::inputs`] says what a component is made from, [`Renderer::render`] makes its files
//! in memory, and [`run`] compares and writes, many components at once. What a result was made from is compared as a whole
//! before it is taken over from an earlier run.

mod failure;
mod filter;
mod inputs;
mod known;
mod layout;
mod listed;
mod listing;
mod look;
mod mentioned;
mod output;
mod run;
mod stale;

pub use failure::{Failed, RenderError};
pub use filter::Listing;
pub use inputs::{Inputs, Renderer, definition_digest, upstream_files};
pub use layout::{FAILED_MARKER, FAILED_TEXT, NameError, component_folder, encoded_name};
pub use listed::file_name;
pub use listing::{BesideSpec, SpecMacros};
pub use output::{Files, OutputError};
pub use run::{Mode, Outcome, Report, Request, RunError, State, run};

/// A rendered component, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Its files.
    pub files: Files,
    /// What is to be said about it.
    pub notes: Vec<String>,
}
