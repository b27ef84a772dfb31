//! A component's folder in the output, in; what the disk says of its files, and what is in them, as digests, out.
//! Reads the disk.
//!
//! Files whose size, times and inode are what they were are the same files: a program cannot set the change time. Only within
//! one tick of the file system's clock can two writes have one time; files that young are read again.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::output::{Files, OutputError, failed, list};

/// File systems tick in steps of up to two seconds.
const TICK_NANOSECONDS: i128 = 2_000_000_000;

/// What the disk says of a folder's files, without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Over names, sizes, modes, inodes and times.
    pub digest: String,
    newest: (i64, i64),
}

impl Look {
    /// Whether a later write would show, if the files were looked at at `now` or later.
    pub fn is_settled(&self, now: (i64, i64)) -> bool {
        let nanoseconds =
            |(seconds, rest): (i64, i64)| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        nanoseconds(self.newest) + TICK_NANOSECONDS <= nanoseconds(now)
    }
}

/// Looks at a folder; `None` when there is none.
pub fn look(folder: &Path) -> Result<Option<Look>, OutputError> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("look at", folder)(error));
        }
        _ => return Ok(None),
    }
    let mut hasher = Sha256::new();
    let mut newest = (0, 0);
    for found in list(folder)? {
        let metadata = &found.metadata;
        field(&mut hasher, found.path.as_bytes());
        for number in [metadata.size(), metadata.dev(), metadata.ino(), u64::from(metadata.mode())] {
            hasher.update(number.to_le_bytes());
        }
        for time in [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()] {
            hasher.update(time.to_le_bytes());
        }
        newest = newest.max(changed(metadata));
    }
    Ok(Some(Look { digest: hex::encode(hasher.finalize()), newest }))
}

fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec()).max((metadata.ctime(), metadata.ctime_nsec()))
}

/// The digest of files as they are in memory.
pub fn content(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (path, file) in files {
        add_file(&mut hasher, path, file.executable, &file.bytes);
    }
    hex::encode(hasher.finalize())
}

/// The same digest of files on the disk; `None` when something is there that no render writes.
pub fn content_on_disk(folder: &Path) -> Result<Option<String>, OutputError> {
    let mut hasher = Sha256::new();
    for found in list(folder)? {
        if !found.metadata.is_file() {
            return Ok(None);
        }
        let path = folder.join(&found.path);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        let executable = found.metadata.permissions().mode() & 0o100 != 0;
        add_file(&mut hasher, &found.path, executable, &bytes);
    }
    Ok(Some(hex::encode(hasher.finalize())))
}

fn add_file(hasher: &mut Sha256, path: &str, executable: bool, bytes: &[u8]) {
    field(hasher, path.as_bytes());
    hasher.update([u8::from(executable)]);
    field(hasher, bytes);
}

fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::prepare::PreparedFile;

    #[test]
    fn content_in_memory_and_on_the_disk_have_one_digest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c"), "1").unwrap();
        fs::write(folder.path().join("b.txt"), "2").unwrap();
        let file = |text: &str| PreparedFile { bytes: text.into(), executable: false };
        let mut files = Files::from([("b/c".to_owned(), file("1")), ("b.txt".to_owned(), file("2"))]);
        assert_eq!(content_on_disk(folder.path()).unwrap(), Some(content(&files)));
        files.insert("b.txt".to_owned(), PreparedFile { bytes: b"2".to_vec(), executable: true });
        assert_ne!(content_on_disk(folder.path()).unwrap(), Some(content(&files)));
    }

    #[test]
    fn a_write_shows_and_young_files_are_not_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1").unwrap();
        let before = look(folder.path()).unwrap().unwrap();
        assert_eq!(look(folder.path()).unwrap().unwrap(), before);
        assert!(!before.is_settled(before.newest));
        assert!(before.is_settled((before.newest.0 + 2, before.newest.1)));
        // The same size, and the modification time put back: the change time tells.
        std::thread::sleep(Duration::from_millis(20));
        let modified = path.metadata().unwrap().modified().unwrap();
        fs::write(&path, "2").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_ne!(look(folder.path()).unwrap().unwrap(), before);
        assert_eq!(look(&folder.path().join("absent")).unwrap(), None);
    }
}
