//! A folder of RPMs, or records, in; `repodata` out, the same bytes for the same packages.
//! Neither the clock nor the file system's times, order or owner reach the output.

mod assemble;
mod documents;
mod largest_first;
mod place;
mod requires;
mod scan;
mod state;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rpm_model::{Checksum, PackageRecord};

use crate::metadata::compression::Compression;
use assemble::{Piece, assemble};
use state::{Facts, Reusable};

pub use scan::{ScanError, scan, scan_file};

/// How metadata is written.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Zstandard, or gzip for readers that know no better.
    pub compression: Compression,
    /// Revision and time stamp in seconds since 1970; the newest build time among the packages where not stated.
    pub revision: Option<u64>,
    /// The newest entries of each change log that are kept.
    pub changelog_limit: usize,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions { compression: Compression::Zstd, revision: None, changelog_limit: 10 }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Checksum of `repomd.xml`, which by its checksums stands for everything.
    pub repomd: Checksum,
    /// Packages in the metadata.
    pub packages: usize,
    /// Names of packages that are there more than once in one version, with different content.
    pub duplicates: Vec<String>,
    /// Packages that were not read again, because their files are as the last run saw them.
    pub reused: usize,
}

/// What may be taken over from metadata that is already in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// What it says of files whose size, times and inode are still the same.
    Unchanged,
    /// Nothing: every file is read.
    Nothing,
}

/// Why a folder of RPMs gets no metadata.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The packages cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The metadata cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why metadata cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk failed.
    #[error("cannot {action} {path}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The compressor failed.
    #[error("cannot compress {name}")]
    Compress {
        /// The document.
        name: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The form is none that readers of repositories know.
    #[error("repository metadata is compressed by zstd, gzip or xz, not by {0:?}")]
    Form(Compression),
}

/// Writes `repodata` for the RPMs in a folder, at any depth, in place of an older one, all at once.
///
/// Besides, a hidden file remembers what the files looked like, for the next call with [`Reuse::Unchanged`]. The metadata is the same
/// whether something was taken over or not.
pub fn create(folder: &Path, options: &WriteOptions, reuse: Reuse) -> Result<Written, CreateError> {
    let now = state::now(folder)?;
    let known = match reuse {
        Reuse::Unchanged => Reusable::load(folder, options),
        Reuse::Nothing => None,
    };
    let found = scan::collect(folder)?;
    let piece = |(location, facts): &(String, Facts)| {
        if let Some(piece) = known.as_ref().and_then(|known| known.piece(location, facts)) {
            return Ok((piece, true));
        }
        let record = scan_file(&folder.join(location), location)?;
        Ok::<_, ScanError>((Piece::of(&record, options.changelog_limit), false))
    };
    let pieces = largest_first::map(&found, |(_, facts)| facts.size(), piece)?;
    let reused = pieces.iter().filter(|(_, reused)| *reused).count();
    let mut pieces: Vec<Piece<'_>> = pieces.into_iter().map(|(piece, _)| piece).collect();
    let Rendered { files, mut written } = assemble(&mut pieces, options)?;
    written.reused = reused;
    place::put(folder, &files)?;
    let facts: HashMap<_, _> = found.into_iter().collect();
    state::save(folder, &pieces, &facts, (&files, &written), options, now)?;
    Ok(written)
}

/// Writes `repodata` into the folder of a repository, in place of an older one, all at once.
///
/// Only requirements that other packages must fulfil are written, as createrepo_c does it.
pub fn write(
    folder: &Path,
    records: &[PackageRecord],
    options: &WriteOptions,
) -> Result<Written, WriteError> {
    let files = render(records, options)?;
    place::put(folder, &files.files)?;
    Ok(files.written)
}

/// Metadata as it would be written: file names and content, `repomd.xml` last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Names below `repodata` and their bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// What they say.
    pub written: Written,
}

/// Renders the metadata of these packages, whatever their order.
pub fn render(records: &[PackageRecord], options: &WriteOptions) -> Result<Rendered, WriteError> {
    let pieces = records.par_iter().map(|record| {
        let mut record = record.clone();
        requires::keep_outward(&mut record);
        Piece::of(&record, options.changelog_limit)
    });
    assemble(&mut pieces.collect::<Vec<_>>(), options)
}
