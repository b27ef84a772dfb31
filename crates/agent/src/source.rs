//! Where the bytes of one release come from: asked by name and range in, bytes out.
//! What comes as a whole file is verified against its signed length and SHA-256; what comes in ranges is not, and whoever
//! takes it proves it against the root hash.

mod folder;

use std::error::Error;
use std::ops::Range;

pub use folder::{FolderError, FolderSource};

use crate::error::Named;

/// Takes `bytes` that lie at `offset` of the file; an error of its own ends the transfer.
pub type Sink<'a> = dyn FnMut(u64, &[u8]) -> Result<(), SinkError> + 'a;

/// Why a taker of bytes wants no more.
pub type SinkError = Box<dyn Error + Send + Sync>;

/// The files of one release.
pub trait Source {
    /// A whole file (manifest, index, signature), verified against its signed length and SHA-256.
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError>;

    /// Ranges of a file, ascending and without overlap, in order and in pieces of any size. Not verified: `sink` checks each
    /// block. A transfer that ends early is resumed here.
    fn ranges(&mut self, name: &str, ranges: &[Range<u64>], sink: &mut Sink<'_>) -> Result<(), SourceError>;
}

/// Why a file of a release is not there.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The signed metadata, or the payload folder, knows no such file.
    #[error("the release has no file `{name}`")]
    NoSuchFile {
        /// As asked.
        name: String,
    },
    /// The file cannot be had, or is not what was promised.
    #[error("cannot get `{name}` of the release")]
    Unavailable {
        /// As asked.
        name: String,
        /// The stable name of what went wrong.
        code: &'static str,
        /// What the side that fetches said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The taker of the bytes ended the transfer.
    #[error("the transfer of `{name}` was ended")]
    Sink {
        /// As asked.
        name: String,
        /// Why.
        source: SinkError,
    },
}

impl SourceError {
    /// This failure to get the file, under the name it has itself.
    pub fn unavailable<E: Named>(name: &str, source: E) -> Self {
        SourceError::Unavailable { name: name.to_owned(), code: source.name(), source: Box::new(source) }
    }

    /// Whether the file is not there: the release does not name it, or the server lacks what the release names.
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            SourceError::NoSuchFile { .. } | SourceError::Unavailable { code: "download.missing", .. }
        )
    }
}

impl Named for SourceError {
    fn name(&self) -> &'static str {
        match self {
            SourceError::NoSuchFile { .. } => "source.no-such-file",
            SourceError::Unavailable { code, .. } => code,
            SourceError::Sink { .. } => "source.refused-bytes",
        }
    }
}

/// A source for plans that fetch nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSource;

impl Source for NoSource {
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        Err(SourceError::NoSuchFile { name: name.to_owned() })
    }

    fn ranges(&mut self, name: &str, _: &[Range<u64>], _: &mut Sink<'_>) -> Result<(), SourceError> {
        Err(SourceError::NoSuchFile { name: name.to_owned() })
    }
}
