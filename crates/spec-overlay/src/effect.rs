//! What applying a list of overlays gave: the changed bytes, and what each overlay did to get there.

use serde::Serialize;

use crate::files::FileChanges;

/// The outcome of a list of overlays that applied as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The spec after all overlays; the given bytes if none of them writes the spec.
    pub spec: Vec<u8>,
    /// What becomes of the files beside the spec.
    pub files: FileChanges,
    /// What each overlay did, in the order of the list.
    pub effects: Vec<Effect>,
    /// The source archives that were packed anew, sorted; their bytes are in `files`.
    pub repacked: Vec<String>,
}

/// What one overlay did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// It changes an archive that was not downloaded, and did nothing.
    pub left_out: bool,
    /// How often it applied: tags, sections, matches of its regex, lines or files, whichever it looks for.
    pub matches: usize,
    /// What it changed in the spec, from top to bottom.
    pub lines: Vec<LineChange>,
    /// What it changed beside the spec or in an archive, by path.
    pub files: Vec<FileEffect>,
}

/// Neighbouring lines of the spec that an overlay took out, put in, or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineChange {
    /// The number, from 1, of the first line taken out, or of the line that lines were put before, as the overlay found it.
    pub line: usize,
    /// The section's name as its header has it; empty in the preamble.
    pub section: String,
    /// The section's package as its header has it; empty for the main package.
    pub package: String,
    /// The lines that are gone, without line ends; bytes that are no UTF-8 are shown as U+FFFD.
    pub removed: Vec<String>,
    /// The lines that came, without line ends; bytes that are no UTF-8 are shown as U+FFFD.
    pub added: Vec<String>,
}

/// What an overlay did to one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEffect {
    /// The file's path beside the spec, or in the archive below its only top folder.
    pub path: String,
    /// What happened to it.
    pub what: FileEvent,
}

/// What can happen to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileEvent {
    /// It came.
    Added,
    /// It went.
    Removed,
    /// It got another name.
    Renamed {
        /// Its path now.
        to: String,
    },
    /// Its contents changed.
    Changed {
        /// How many matches were replaced; 1 for lines put at the top.
        matches: usize,
    },
}
