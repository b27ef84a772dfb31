//! A payload folder as the source of a release: what `lazuli image build` leaves, brought to the host by other means.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use release::manifest::{MANIFEST_FILE, ManifestError, PayloadFile};
use release::{FileName, Manifest};
use sha2::{Digest as _, Sha256};

use super::{Sink, Source, SourceError};
use crate::error::Named;

/// The most that a manifest may have, in bytes.
const MOST_MANIFEST: u64 = 1 << 20;
/// The most that a file that is read whole may have, in bytes.
const MOST_WHOLE: u64 = 32 << 20;

/// A folder with a manifest and the files that it names.
#[derive(Debug, Clone)]
pub struct FolderSource {
    folder: PathBuf,
    manifest: Manifest,
}

/// Why a folder gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// The manifest cannot be read.
    #[error("{} is no manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A file has another size than the manifest, or the limit, says.
    #[error("{} has {found} bytes, and should have {expected}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// In bytes; the limit where there is one.
        expected: u64,
        /// In bytes.
        found: u64,
    },
    /// A file is another one than the manifest says.
    #[error("{} is damaged: its SHA-256 is {found}, and the manifest says {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// In hexadecimal digits.
        expected: String,
        /// In hexadecimal digits.
        found: String,
    },
}

impl Named for FolderError {
    fn name(&self) -> &'static str {
        match self {
            FolderError::Read { .. } => "payload.read",
            FolderError::Manifest { .. } => "payload.manifest",
            FolderError::Size { .. } => "payload.size",
            FolderError::Digest { .. } => "payload.digest",
        }
    }
}

impl FolderSource {
    /// Reads the folder's manifest; the folder is trusted as far as whoever named it.
    pub fn open(folder: &Path) -> Result<FolderSource, FolderError> {
        let path = folder.join(MANIFEST_FILE);
        let bytes = read(&path, MOST_MANIFEST)?;
        let manifest = Manifest::parse(&bytes).map_err(|source| FolderError::Manifest { path, source })?;
        Ok(FolderSource { folder: folder.to_owned(), manifest })
    }

    /// What the folder holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn file(&self, name: &str) -> Option<&PayloadFile> {
        self.manifest.files.all().find(|file| file.name.as_str() == name)
    }

    fn path(&self, name: &str) -> Result<PathBuf, SourceError> {
        // A name, never a path.
        let name = FileName::parse(name).map_err(|_| SourceError::NoSuchFile { name: name.to_owned() })?;
        let path = self.folder.join(name.as_str());
        if path.is_file() { Ok(path) } else { Err(SourceError::NoSuchFile { name: name.to_string() }) }
    }
}

impl Source for FolderSource {
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        let path = self.path(name)?;
        let failed = |error: FolderError| SourceError::unavailable(name, error);
        let bytes = read(&path, MOST_WHOLE).map_err(failed)?;
        // What the manifest does not name proves itself by the root hash alone.
        if let Some(file) = self.file(name) {
            let found = hex::encode(Sha256::digest(&bytes));
            let expected = file.sha256.to_string();
            if found != expected {
                return Err(failed(FolderError::Digest { path, expected, found }));
            }
        }
        Ok(bytes)
    }

    fn ranges(&mut self, name: &str, ranges: &[Range<u64>], sink: &mut Sink<'_>) -> Result<(), SourceError> {
        let path = self.path(name)?;
        let failed =
            |source| SourceError::unavailable(name, FolderError::Read { path: path.clone(), source });
        let mut file = File::open(&path).map_err(failed)?;
        let mut buffer = vec![0; 1 << 16];
        for range in ranges {
            file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
            let mut offset = range.start;
            while offset < range.end {
                let count =
                    usize::try_from(range.end - offset).map_or(buffer.len(), |rest| rest.min(buffer.len()));
                file.read_exact(&mut buffer[..count]).map_err(failed)?;
                let given = sink(offset, &buffer[..count]);
                given.map_err(|source| SourceError::Sink { name: name.to_owned(), source })?;
                offset += count as u64;
            }
        }
        Ok(())
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FolderError> {
    let failed = |source| FolderError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found > limit {
        return Err(FolderError::Size { path: path.to_owned(), expected: limit, found });
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
