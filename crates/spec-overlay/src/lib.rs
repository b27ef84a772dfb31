//! A spec file, the files beside it and the overlays asked of them, in; the changed bytes and what each overlay did, out.
//! Nothing here reads a disk, runs a program or expands a macro.
//!
//! A spec is text to an overlay: lines, sections, packages as header lines name them, and tags. Conditionals are not
//! evaluated and macros not expanded; an overlay sees both branches of an `%if`. [`SpecFile`] is that model: it prints
//! back exactly what it read. [`apply`] decides overlay by overlay what to change and changes a copy, so that a list of
//! overlays applies whole or not at all, and says for each overlay what it changed.

mod apply;
mod archive;
mod decide;
mod effect;
mod error;
mod files;
mod glob;
mod go_regex;
mod nearest;
mod overlay;
mod spec;
mod synthesis;
mod tree;

pub use apply::apply;
pub use archive::{ArchiveError, is_archive_name};
pub use effect::{Applied, Effect, FileEffect, FileEvent, LineChange};
pub use error::{ApplyError, Cause, Nearest};
pub use files::{
    Contents, EntryKind, FileChange, FileChanges, Mode, NoFiles, SourceEntry, SourceError, SourceFiles,
};
pub use glob::{Glob, GlobError};
pub use go_regex::{GoRegex, GoRegexError};
pub use overlay::{LineText, Overlay, TYPE_NAMES};
pub use spec::{Section, SectionKind, SpecFile, Tag};
pub use synthesis::{
    MacroFileNameError, MacroSettings, file_header, load_macros, macro_file, macro_file_name, macros,
    skip_check,
};
pub use tree::led_to;
