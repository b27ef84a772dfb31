//! The files beside a spec, as overlays see them, and what overlays make of them.
//! Whoever calls gives the files and writes the changes; nothing here opens one.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

/// What overlays may ask of the world: the sources folder, and files of the definition that overlays bring in.
///
/// Paths are relative to the sources folder, with `/` between names, without `.` and `..`.
pub trait SourceFiles {
    /// Everything in the sources folder but the folder itself, in any order; links are not followed.
    ///
    /// # Errors
    /// Whatever keeps the folder from being listed.
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError>;

    /// The bytes of a regular file in the sources folder.
    ///
    /// # Errors
    /// Whatever keeps the file from being read.
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError>;

    /// The bytes of a file of the definition, as an overlay's `source` names it.
    ///
    /// # Errors
    /// Whatever keeps the file from being read.
    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError>;

    /// What a symbolic link says, if it is known; overlays that change contents follow it to a file of the folder.
    fn link_target(&self, _path: &str) -> Option<String> {
        None
    }

    /// Whether source archives were downloaded; if not, overlays on their contents are left out.
    fn has_archives(&self) -> bool {
        false
    }
}

/// Why a file could not be listed or read.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// Something in the sources folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceEntry {
    /// Where it is, relative to the sources folder.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What something in the sources folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
}

/// A sources folder without any file.
pub struct NoFiles;

impl SourceFiles for NoFiles {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        Ok(Vec::new())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        Err(format!("there is no file {path}").into())
    }

    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError> {
        Err(format!("there is no file {}", source.display()).into())
    }
}

/// What becomes of the files beside a spec, by path; a path that is absent here stays as it is.
pub type FileChanges = BTreeMap<String, FileChange>;

/// What becomes of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChange {
    /// There is nothing any more.
    Removed,
    /// There is a file, new or in the place of the one before.
    Written {
        /// Its bytes.
        contents: Contents,
        /// Its permissions.
        mode: Mode,
    },
}

/// Where the bytes of a changed file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file of the sources folder, as it was before all changes: a renamed file (a link stays a link).
    Former(String),
    /// In a file of the definition.
    Source(PathBuf),
}

/// The permissions of a changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// 0644.
    Plain,
    /// Those of a file of the sources folder, as it was before all changes.
    Former(String),
}
