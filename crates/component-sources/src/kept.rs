//! What was found out and need not be found out again, by name, in a folder of the cache; read back only when it is whole.
//!
//! Whatever is kept follows from its name (a commit's id, or a digest of all inputs), so nothing ever gets stale. Each file
//! ends with the SHA-256 of what comes before: a cut or changed file counts as not there. Files are written beside and renamed.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const DIGEST: usize = 32;

/// A folder of kept files.
#[derive(Debug, Clone)]
pub struct Kept {
    root: PathBuf,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct KeptError {
    /// `read`, `write`, …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Kept {
    /// The files below this folder, which is made when the first one is written.
    pub fn at(root: impl Into<PathBuf>) -> Kept {
        Kept { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What was kept under a name, if it is whole.
    pub fn read(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, KeptError> {
        let path = self.path(kind, name);
        let mut bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(KeptError { action: "read", path, source }),
        };
        let Some(end) = bytes.len().checked_sub(DIGEST) else { return Ok(None) };
        if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
            return Ok(None);
        }
        bytes.truncate(end);
        Ok(Some(bytes))
    }

    /// Whether something is kept under a name; whether it is whole, only reading tells.
    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.path(kind, name).is_file()
    }

    /// Keeps bytes under a name.
    pub fn write(&self, kind: &str, name: &str, bytes: &[u8]) -> Result<(), KeptError> {
        let path = self.path(kind, name);
        let failed = |source| KeptError { action: "write", path: path.clone(), source };
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        beside.write_all(bytes).map_err(failed)?;
        beside.write_all(&Sha256::digest(bytes)).map_err(failed)?;
        beside.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// What was kept as a value under a name; a value of another form counts as not there.
    pub fn read_json<T: DeserializeOwned>(&self, kind: &str, name: &str) -> Result<Option<T>, KeptError> {
        let bytes = self.read(kind, name)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps a value under a name.
    pub fn write_json<T: Serialize>(&self, kind: &str, name: &str, value: &T) -> Result<(), KeptError> {
        let bytes = serde_json::to_vec(value).map_err(|error| KeptError {
            action: "write",
            path: self.path(kind, name),
            source: error.into(),
        })?;
        self.write(kind, name, &bytes)
    }

    /// Names may be of any length and hold anything: files are named by their digest.
    fn path(&self, kind: &str, name: &str) -> PathBuf {
        let digest = hex::encode(Sha256::digest(name.as_bytes()));
        self.root.join(kind).join(&digest[..2]).join(&digest[2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_unless_a_bit_of_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::at(folder.path());
        assert_eq!(kept.read("trees", "../a").unwrap(), None);
        kept.write("trees", "../a", b"content").unwrap();
        assert_eq!(kept.read("trees", "../a").unwrap().as_deref(), Some(&b"content"[..]));
        let path = kept.path("trees", "../a");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert_eq!(kept.read("trees", "../a").unwrap(), None, "bit changed in byte {at}");
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(kept.read("trees", "../a").unwrap(), None);
    }
}
