//! A folder, in; what its files are, out, without reading files that are as they were when they were last read.
//!
//! A folder's entries are told apart from those of the last time by name, kind, mode, size, inode and the times of change, as
//! git does with its index. A folder in which something changed within the last seconds is not remembered: a second change could
//! leave the same times.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::folder::{self, FolderError};
use crate::kept::{Kept, KeptError};
use crate::source::SourceIdentity;

/// Changes that are younger than so many seconds may be followed by one that cannot be told from them.
const SETTLED: i64 = 3;

pub(super) struct Remembered {
    name: String,
    before: BTreeMap<PathBuf, Entry>,
    now: Mutex<BTreeMap<PathBuf, Entry>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Digest of what the system says of all entries.
    looks: String,
    /// Digest of the files.
    files: String,
}

impl Remembered {
    pub(super) fn load(kept: &Kept, project: &Path) -> Result<Remembered, KeptError> {
        let name = project.display().to_string();
        let before = kept.read_json("folders", &name)?.unwrap_or_default();
        Ok(Remembered { name, before, now: Mutex::default() })
    }

    pub(super) fn identity(&self, folder: &Path, now: u64) -> Result<SourceIdentity, FolderError> {
        let looks = Looks::of(folder)?;
        if let Some(entry) = self.before.get(folder)
            && entry.looks == looks.digest
        {
            self.remember(folder, entry.clone());
            return Ok(SourceIdentity::Files(entry.files.clone()));
        }
        let identity = folder::identity(folder)?;
        if let SourceIdentity::Files(files) = &identity
            && looks.newest.saturating_add(SETTLED) < i64::try_from(now).unwrap_or(i64::MAX)
        {
            self.remember(folder, Entry { looks: looks.digest, files: files.clone() });
        }
        Ok(identity)
    }

    /// Writes down what is known of folders now, besides those that were not looked at.
    pub(super) fn keep(&self, kept: &Kept) -> Result<(), KeptError> {
        let now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let news = now.iter().any(|(folder, entry)| self.before.get(folder) != Some(entry));
        if !news {
            return Ok(());
        }
        let mut all = self.before.clone();
        all.extend(now.iter().map(|(folder, entry)| (folder.clone(), entry.clone())));
        kept.write_json("folders", &self.name, &all)
    }

    fn remember(&self, folder: &Path, entry: Entry) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.insert(folder.to_owned(), entry);
    }
}

/// What the system says of a folder's entries.
struct Looks {
    digest: String,
    /// The newest change, in seconds since 1970-01-01 00:00 UTC.
    newest: i64,
}

impl Looks {
    fn of(folder: &Path) -> Result<Looks, FolderError> {
        let mut lines = Vec::new();
        let mut newest = i64::MIN;
        look_below(folder, &mut lines, &mut newest)?;
        lines.sort_unstable();
        let mut hasher = Sha256::new();
        for line in &lines {
            hasher.update((line.len() as u64).to_le_bytes());
            hasher.update(line);
        }
        Ok(Looks { digest: hex::encode(hasher.finalize()), newest })
    }
}

fn look_below(folder: &Path, lines: &mut Vec<Vec<u8>>, newest: &mut i64) -> Result<(), FolderError> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Read { path, source }
    };
    for entry in fs::read_dir(folder).map_err(cannot(folder))? {
        let entry = entry.map_err(cannot(folder))?;
        let path = entry.path();
        if entry.file_name() == ".git" {
            continue;
        }
        let data = entry.metadata().map_err(cannot(&path))?;
        let mut line = path.as_os_str().as_encoded_bytes().to_vec();
        line.push(0);
        for number in [u64::from(data.mode()), data.size(), data.ino(), data.dev()] {
            line.extend_from_slice(&number.to_le_bytes());
        }
        for number in [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()] {
            line.extend_from_slice(&number.to_le_bytes());
        }
        *newest = data.mtime().max(data.ctime()).max(*newest);
        lines.push(line);
        if data.is_dir() {
            look_below(&path, lines, newest)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_folder_is_known_again_and_a_changed_one_is_not() {
        let cache = tempfile::tempdir().unwrap();
        let kept = Kept::at(cache.path());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        let far = u64::MAX;
        let load = || Remembered::load(&kept, Path::new("/project")).unwrap();

        let first = load();
        let one = first.identity(folder.path(), far).unwrap();
        first.keep(&kept).unwrap();
        assert_eq!(load().before.len(), 1);
        assert_eq!(load().identity(folder.path(), far).unwrap(), one);

        fs::write(folder.path().join("a"), "two").unwrap();
        let two = load().identity(folder.path(), far).unwrap();
        assert_ne!(two, one);
        assert_eq!(two, folder::identity(folder.path()).unwrap());
    }

    #[test]
    fn a_folder_that_changed_just_now_is_not_remembered() {
        let cache = tempfile::tempdir().unwrap();
        let kept = Kept::at(cache.path());
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "one").unwrap();
        let changed = fs::metadata(folder.path().join("a")).unwrap().ctime();
        let remembered = Remembered::load(&kept, Path::new("/project")).unwrap();
        remembered.identity(folder.path(), u64::try_from(changed).unwrap() + 1).unwrap();
        remembered.keep(&kept).unwrap();
        assert!(Remembered::load(&kept, Path::new("/project")).unwrap().before.is_empty());
    }
}
