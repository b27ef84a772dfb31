//! A folder of RPMs in, their records out: both cores hash, order is by path.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rpm_model::header::{HeaderError, PackageHeaders};
use rpm_model::{ChecksumAlgorithm, FileFacts, PackageRecord, RecordError};

use super::state::Facts;
use super::{largest_first, requires};
use crate::checksum::{Hasher, Hashing};

/// Why a folder of RPMs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The disk failed.
    #[error("cannot read {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// A file's name cannot stand in metadata.
    #[error("the name of {path} is not UTF-8, which metadata requires")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A file is no RPM, or a damaged one.
    #[error("{path} is not a sound RPM (remove it or fetch it again)")]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: HeaderError,
    },
    /// A package says impossible things of itself.
    #[error("{path}: the header cannot be put into metadata")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RecordError,
    },
}

/// The records of all `*.rpm` files at any depth, in the order of their paths; `repodata` is passed over.
pub fn scan(folder: &Path) -> Result<Vec<PackageRecord>, ScanError> {
    let found = collect(folder)?;
    let record = |(location, _): &(String, Facts)| scan_file(&folder.join(location), location);
    largest_first::map(&found, |(_, facts)| facts.size(), record)
}

/// The record of one package file, which the repository knows by this location.
///
/// As time of the file its build time is taken: a copy is the same package.
pub fn scan_file(path: &Path, location: &str) -> Result<PackageRecord, ScanError> {
    let read = |source| ScanError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut hashing = Hashing {
        inner: BufReader::with_capacity(1 << 17, file),
        hasher: Hasher::new(ChecksumAlgorithm::Sha256),
    };
    let headers = PackageHeaders::read(&mut hashing)
        .map_err(|source| ScanError::Header { path: path.to_owned(), source })?;
    // In larger pieces than the reader's own, which it then hands on without a copy.
    let mut piece = vec![0; 1 << 18];
    while hashing.read(&mut piece).map_err(read)? > 0 {}
    let facts = FileFacts { checksum: hashing.hasher.finish(), size, time: 0, location: location.to_owned() };
    let record = PackageRecord::from_headers(&headers, facts);
    let mut record = record.map_err(|source| ScanError::Record { path: path.to_owned(), source })?;
    record.file_time = record.build_time;
    requires::keep_outward(&mut record);
    Ok(record)
}

/// The paths of all `*.rpm` files relative to the folder, in order, with what the disk says of them.
pub(super) fn collect(folder: &Path) -> Result<Vec<(String, Facts)>, ScanError> {
    let mut found = Vec::new();
    visit(folder, "", &mut found)?;
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

fn visit(folder: &Path, prefix: &str, found: &mut Vec<(String, Facts)>) -> Result<(), ScanError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ScanError::Read { path, source }
    };
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let hidden = name.as_bytes().starts_with(b".") || name.as_bytes().starts_with(b"repodata");
        let is_folder = entry.file_type().map_err(failed(&path))?.is_dir();
        if hidden || !(is_folder || name.as_bytes().ends_with(b".rpm")) {
            continue;
        }
        let metadata = fs::metadata(&path).map_err(failed(&path))?;
        if !is_folder && !metadata.is_file() {
            continue;
        }
        let name = name.to_str().ok_or_else(|| ScanError::Name { path: path.clone() })?;
        if is_folder {
            visit(&path, &format!("{prefix}{name}/"), found)?;
        } else {
            found.push((format!("{prefix}{name}"), Facts::of(&metadata)));
        }
    }
    Ok(())
}
