//! A folder of RPMs, or records, in; `repodata` out, the same bytes for the same packages.
//! Neither the clock nor the file system's times, order or owner reach the output.

mod documents;
mod requires;
mod scan;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rpm_model::{Checksum, PackageRecord};

use crate::checksum::sha256;
use crate::metadata::compression::{Compression, fold};

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

/// Writes `repodata` into the folder of a repository, in place of an older one, all at once.
///
/// Only requirements that other packages must fulfil are written, as createrepo_c does it.
pub fn write(
    folder: &Path,
    records: &[PackageRecord],
    options: &WriteOptions,
) -> Result<Written, WriteError> {
    let files = render(records, options)?;
    let fresh = folder.join("repodata.new");
    remove_folder(&fresh)?;
    fs::create_dir_all(&fresh).map_err(failed("create", &fresh))?;
    for (name, bytes) in &files.files {
        write_file(&fresh.join(name), bytes)?;
    }
    replace(&fresh, &folder.join("repodata"))?;
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
    let mut records: Vec<PackageRecord> = records.to_vec();
    records.sort_by(|a, b| identity(a).cmp(&identity(b)));
    records.iter_mut().for_each(requires::keep_outward);
    let newest = records.iter().map(|record| record.build_time).max().unwrap_or(0);
    let revision = options.revision.unwrap_or(newest);
    let suffix = match options.compression {
        Compression::Zstd => "zst",
        Compression::Gzip => "gz",
        Compression::Xz => "xz",
        other => return Err(WriteError::Form(other)),
    };
    let documents = [
        ("primary", documents::primary(&records)),
        ("filelists", documents::filelists(&records)),
        ("other", documents::other(&records, options.changelog_limit)),
    ];
    let mut files = Vec::new();
    let mut entries = Vec::new();
    for (name, plain) in documents {
        let folded = fold(plain.as_bytes(), options.compression)
            .map_err(|source| WriteError::Compress { name, source })?;
        let checksum = sha256(&folded);
        let file = format!("{}-{name}.xml.{suffix}", checksum.hex());
        entries.push(documents::RepomdEntry {
            kind: name,
            location: format!("repodata/{file}"),
            checksum,
            open_checksum: sha256(plain.as_bytes()),
            size: folded.len(),
            open_size: plain.len(),
        });
        files.push((file, folded));
    }
    let repomd = documents::repomd(revision, &entries);
    let written = Written {
        repomd: sha256(repomd.as_bytes()),
        packages: records.len(),
        duplicates: duplicates(&records),
    };
    files.push(("repomd.xml".to_owned(), repomd.into_bytes()));
    Ok(Rendered { files, written })
}

/// Name, then version from old to new, then architecture and place: an order that no input order can change.
fn identity(record: &PackageRecord) -> (&str, &rpm_model::Evr, &str, &str, &Checksum) {
    let nevra = &record.nevra;
    (&nevra.name, &nevra.evr, &nevra.arch, &record.location, &record.checksum)
}

fn duplicates(sorted: &[PackageRecord]) -> Vec<String> {
    let pairs = sorted
        .windows(2)
        .filter(|pair| pair[0].nevra == pair[1].nevra && pair[0].checksum != pair[1].checksum);
    let mut names: Vec<String> = pairs.map(|pair| pair[0].nevra.to_string()).collect();
    names.dedup();
    names
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = File::create(path).map_err(failed("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("write", path))
}

/// Puts the fresh folder in the place of the old one: readers see the one or the other, whole.
fn replace(fresh: &Path, place: &Path) -> Result<(), WriteError> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    if !place.exists() {
        return fs::rename(fresh, place).map_err(failed("rename to", place));
    }
    match renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => remove_folder(fresh),
        // Some file systems cannot exchange: for a moment there is no metadata at all.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            remove_folder(place)?;
            fs::rename(fresh, place).map_err(failed("rename to", place))
        }
        Err(error) => Err(failed("exchange", place)(error.into())),
    }
}

fn remove_folder(path: &Path) -> Result<(), WriteError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |source| WriteError::Disk { action, path, source }
}
