//! A folder and a key, in; kept runs of that key, out, the latest used first. Old ones go when there are too many.
//!
//! A file appears under its name only when it is whole; whoever reads one while another process removes it keeps its content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// The folder of kept runs: `KEY/NAME`.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    limit: u64,
    /// Bytes in the folder, once counted.
    total: Mutex<Option<u64>>,
}

/// Kept runs of one key: more states of a root than a person goes back and forth between.
const VARIANTS: usize = 8;

impl Store {
    pub(super) fn new(folder: PathBuf, limit: u64) -> Self {
        Store { folder, limit, total: Mutex::new(None) }
    }

    /// Files of a key, the latest used first. Files of another user are left alone: what is in them is put into the root.
    pub(super) fn variants(&self, key: &str) -> Vec<(PathBuf, File)> {
        let user = rustix::process::geteuid().as_raw();
        let mut found: Vec<(SystemTime, PathBuf, File)> = files(&self.folder.join(key))
            .into_iter()
            .filter_map(|path| {
                let file = File::open(&path).ok()?;
                let metadata = file.metadata().ok()?;
                (metadata.uid() == user && metadata.is_file()).then_some((
                    metadata.modified().ok()?,
                    path,
                    file,
                ))
            })
            .collect();
        found.sort_by(|(a, a_path, _), (b, b_path, _)| b.cmp(a).then_with(|| a_path.cmp(b_path)));
        found.into_iter().map(|(_, path, file)| (path, file)).collect()
    }

    /// Notes that a file was of use.
    pub(super) fn touch(&self, file: &File) {
        use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // It only decides what is removed first.
        let _unimportant = futimens(file, &Timestamps { last_access: now, last_modification: now });
    }

    /// Removes a file that is of no use.
    pub(super) fn forget(&self, path: &Path) {
        // If it cannot be removed, it is found useless again.
        let _unimportant = fs::remove_file(path);
    }

    /// Keeps a file under a key and a name; one of the same name is replaced.
    pub(super) fn put(&self, key: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(key);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut partial = tempfile::Builder::new().prefix(".partial-").tempfile_in(&folder)?;
        partial.write_all(bytes)?;
        partial.persist(folder.join(name)).map_err(|error| error.error)?;
        for (path, _) in self.variants(key).into_iter().skip(VARIANTS) {
            self.forget(&path);
        }
        self.make_room(bytes.len() as u64)
    }

    /// Removes what was not used for the longest time, until the limit is kept with a tenth to spare.
    fn make_room(&self, added: u64) -> io::Result<()> {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = match *total {
            Some(counted) => counted + added,
            None => self.all()?.iter().map(|(_, size, _)| size).sum(),
        };
        *total = Some(counted);
        if counted <= self.limit {
            return Ok(());
        }
        let mut all = self.all()?;
        all.sort();
        let mut left: u64 = all.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in all {
            if left <= self.limit - self.limit / 10 {
                break;
            }
            self.forget(&path);
            left -= size;
        }
        *total = Some(left);
        Ok(())
    }

    /// Every file: when it was used, its size in bytes, its path.
    fn all(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let mut all = Vec::new();
        for key in fs::read_dir(&self.folder)? {
            for path in files(&key?.path()) {
                // Another process may have removed it.
                if let Ok(metadata) = path.symlink_metadata() {
                    all.push((metadata.modified()?, metadata.len(), path));
                }
            }
        }
        Ok(all)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(store: &Store, key: &str) -> Vec<String> {
        let name = |(path, _): (PathBuf, File)| path.file_name().unwrap().to_string_lossy().into_owned();
        store.variants(key).into_iter().map(name).collect()
    }

    fn tick() {
        std::thread::sleep(std::time::Duration::from_millis(12));
    }

    #[test]
    fn the_latest_used_comes_first_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("new"), 1 << 20);
        for number in 0..VARIANTS + 2 {
            store.put("key", &number.to_string(), b"x").unwrap();
            tick();
        }
        let found = names(&store, "key");
        assert_eq!(found.len(), VARIANTS);
        assert_eq!((found[0].as_str(), found[VARIANTS - 1].as_str()), ("9", "2"));
        let oldest = store.variants("key").pop().unwrap();
        store.touch(&oldest.1);
        assert_eq!(names(&store, "key")[0], "2");
        assert!(names(&store, "other").is_empty());
    }

    #[test]
    fn the_folder_stays_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned(), 1000);
        for key in ["a", "b", "c", "d"] {
            store.put(key, "name", &[0; 300]).unwrap();
            tick();
        }
        let there: Vec<&str> =
            ["a", "b", "c", "d"].into_iter().filter(|key| !names(&store, key).is_empty()).collect();
        assert_eq!(there, ["b", "c", "d"]);
    }
}
