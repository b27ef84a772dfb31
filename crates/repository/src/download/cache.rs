//! Bytes in, files named by their SHA-256, out: `sha256/ab/abcd…`, `partial/…`, `alias/…`, `named/…` below one folder.
//!
//! A file gets its name by a rename after its checksum was compared, so a killed process leaves at most a partial file, which the
//! next one goes on with (or, after a week, nobody: [`Cache::open`] removes it). Names are trusted again only after the bytes were hashed again: a power cut or a flipped bit costs a
//! download, never a wrong file. Two processes may share the folder: whoever writes a partial file holds its lock.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use rpm_model::{Checksum, ChecksumAlgorithm};

use super::leftovers;
use super::request::Expected;
use crate::checksum::{Hasher, sha256};

/// A content-addressed folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// The disk under the cache failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}{}", hint(.source))]
pub struct CacheError {
    /// What was tried: `write`, `create`, …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (the disk is full: make room and run again, what was fetched is kept)"
        }
        io::ErrorKind::PermissionDenied => " (the cache belongs to someone else)",
        _ => "",
    }
}

/// What is remembered of a named file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NamedEntry {
    pub(super) key: String,
    pub(super) url: String,
    pub(super) checksum: Checksum,
    pub(super) size: u64,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
}

impl Cache {
    /// Opens the cache in this folder, which is created where missing.
    pub fn open(root: &Path) -> Result<Cache, CacheError> {
        for part in ["sha256", "partial", "alias", "named"] {
            create_folder(&root.join(part))?;
        }
        leftovers::sweep(&root.join("partial"));
        let root = fs::canonicalize(root).map_err(failed("find", root))?;
        Ok(Cache { root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where content with this SHA-256 is or would be kept.
    fn path_of(&self, sha256: &Checksum) -> PathBuf {
        self.root.join("sha256").join(&sha256.hex()[..2]).join(sha256.hex())
    }

    /// The path of the content that was promised, if the cache has it and its bytes are sound; unsound bytes are removed.
    pub fn find(&self, expected: &Expected) -> Result<Option<PathBuf>, CacheError> {
        let strong = expected.strong();
        let Some(address) = self.address(&strong) else { return Ok(None) };
        let path = self.path_of(&address);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        let mut hashes = Hashes::new(&strong);
        let size = hash_all(&mut file, &mut hashes).map_err(failed("read", &path))?;
        if expected.size.is_none_or(|expected| expected == size)
            && hashes.finish().mismatch(&strong).is_none()
        {
            return Ok(Some(path));
        }
        fs::remove_file(&path).or_else(ignore_missing).map_err(failed("remove", &path))?;
        Ok(None)
    }

    /// The path of the content that was promised, if the cache has it in its full size. Its bytes are not looked at: whoever
    /// reads them compares them.
    pub fn present(&self, expected: &Expected) -> Result<Option<PathBuf>, CacheError> {
        let Some(address) = self.address(&expected.strong()) else { return Ok(None) };
        let path = self.path_of(&address);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() && expected.size == Some(found.len()) => Ok(Some(path)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("inspect", &path)(error)),
        }
    }

    /// Keeps these bytes and tells where.
    pub fn insert(&self, bytes: &[u8]) -> Result<PathBuf, CacheError> {
        let checksum = sha256(bytes);
        let expected = Expected::new(checksum.clone(), Some(bytes.len() as u64));
        if let Some(path) = self.find(&expected)? {
            return Ok(path);
        }
        let strong = expected.strong();
        let mut partial = self.partial(checksum.hex())?;
        partial.restart(&strong)?;
        partial.append(bytes)?;
        self.keep(partial, &strong).map(|(path, _)| path).map_err(|error| match error {
            KeepError::Cache(error) => error,
            KeepError::Mismatch(_) => CacheError {
                action: "write",
                path: self.path_of(&checksum),
                source: io::Error::other("the bytes changed while they were written"),
            },
        })
    }

    /// Opens and locks the unfinished file of this key; waits while another process or thread holds it.
    pub(super) fn partial(&self, key: &str) -> Result<Partial, CacheError> {
        let path = self.root.join("partial").join(key);
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(failed("open", &path))?;
            file.lock().map_err(failed("lock", &path))?;
            // Whoever held the lock before may have renamed the file into the cache: then this handle must not write to it.
            let ours = file.metadata().map_err(failed("inspect", &path))?;
            if !ours.is_file() {
                return Err(failed("use", &path)(io::Error::other("not a regular file")));
            }
            match fs::metadata(&path) {
                Ok(named) if named.ino() == ours.ino() && named.dev() == ours.dev() => {
                    return Ok(Partial { file, path, length: ours.len(), hashes: Hashes::default() });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("inspect", &path)(error)),
            }
        }
    }

    /// Gives a finished partial file its name, if it is what was promised.
    pub(super) fn keep(
        &self,
        partial: Partial,
        expected: &[&Checksum],
    ) -> Result<(PathBuf, Checksum), KeepError> {
        let digests = partial.hashes.finish();
        if let Some((expected, got)) = digests.mismatch(expected) {
            let partial = Partial { hashes: Hashes::default(), ..partial };
            return Err(KeepError::Mismatch(Box::new(Mismatch { expected, got, partial })));
        }
        let target = self.path_of(&digests.sha256);
        if let Some(folder) = target.parent() {
            create_folder(folder)?;
        }
        fs::rename(&partial.path, &target).map_err(failed("rename to", &target))?;
        for checksum in expected.iter().filter(|checksum| checksum.algorithm() != ChecksumAlgorithm::Sha256) {
            write_whole(&self.alias_path(checksum), digests.sha256.to_string().as_bytes())?;
        }
        Ok((target, digests.sha256))
    }

    /// What is remembered of this named thing, if its content is still there and sound.
    pub(super) fn named(&self, key: &str) -> Result<Option<(NamedEntry, PathBuf)>, CacheError> {
        let path = self.named_path(key);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        // A damaged memory is no memory.
        let Ok(entry) = serde_json::from_slice::<NamedEntry>(&text) else { return Ok(None) };
        if entry.key != key {
            return Ok(None);
        }
        let content = self.find(&Expected::new(entry.checksum.clone(), Some(entry.size)))?;
        Ok(content.map(|content| (entry, content)))
    }

    /// Remembers a named thing whose content is in the cache.
    pub(super) fn remember(&self, entry: &NamedEntry) -> Result<(), CacheError> {
        let path = self.named_path(&entry.key);
        let text = serde_json::to_vec_pretty(entry)
            .map_err(|error| failed("write", &path)(io::Error::other(error)))?;
        write_whole(&path, &text)
    }

    fn named_path(&self, key: &str) -> PathBuf {
        self.root.join("named").join(format!("{}.json", sha256(key.as_bytes()).hex()))
    }

    fn alias_path(&self, checksum: &Checksum) -> PathBuf {
        self.root.join("alias").join(format!("{}-{}", checksum.algorithm(), checksum.hex()))
    }

    /// The SHA-256 that the promised checksums stand for, if that is known.
    fn address(&self, strong: &[&Checksum]) -> Option<Checksum> {
        if let Some(checksum) =
            strong.iter().find(|checksum| checksum.algorithm() == ChecksumAlgorithm::Sha256)
        {
            return Some((*checksum).clone());
        }
        let alias = fs::read_to_string(self.alias_path(strong.last()?)).ok()?;
        Checksum::parse(&alias).ok().filter(|checksum| checksum.algorithm() == ChecksumAlgorithm::Sha256)
    }
}

/// A finished file that is not what was promised.
pub(super) struct Mismatch {
    pub(super) expected: Checksum,
    pub(super) got: Checksum,
    pub(super) partial: Partial,
}

/// Why a finished file was not kept.
pub(super) enum KeepError {
    Mismatch(Box<Mismatch>),
    Cache(CacheError),
}

impl From<CacheError> for KeepError {
    fn from(error: CacheError) -> KeepError {
        KeepError::Cache(error)
    }
}

/// A locked, unfinished file and the hash of what it holds.
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    length: u64,
    hashes: Hashes,
}

impl Partial {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Hashes what is there and stands at its end, to go on.
    pub(super) fn resume(&mut self, expected: &[&Checksum]) -> Result<(), CacheError> {
        self.hashes = Hashes::new(expected);
        self.file.seek(SeekFrom::Start(0)).map_err(failed("read", &self.path))?;
        self.length = hash_all(&mut self.file, &mut self.hashes).map_err(failed("read", &self.path))?;
        Ok(())
    }

    /// Drops what is there.
    pub(super) fn restart(&mut self, expected: &[&Checksum]) -> Result<(), CacheError> {
        self.file.set_len(0).map_err(failed("truncate", &self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(failed("truncate", &self.path))?;
        self.hashes = Hashes::new(expected);
        self.length = 0;
        Ok(())
    }

    /// Removes the file, while its lock is held: whoever waits for the lock sees that the name is gone and begins anew.
    pub(super) fn discard(self) -> Result<(), CacheError> {
        fs::remove_file(&self.path).or_else(ignore_missing).map_err(failed("remove", &self.path))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))?;
        self.hashes.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// SHA-256, always, and whatever else was promised.
struct Hashes {
    sha256: Hasher,
    others: Vec<Hasher>,
}

struct Digests {
    sha256: Checksum,
    others: Vec<Checksum>,
}

impl Default for Hashes {
    fn default() -> Hashes {
        Hashes::new(&[])
    }
}

impl Hashes {
    fn new(expected: &[&Checksum]) -> Hashes {
        let others: BTreeSet<_> = expected
            .iter()
            .map(|checksum| checksum.algorithm())
            .filter(|algorithm| *algorithm != ChecksumAlgorithm::Sha256)
            .collect();
        Hashes {
            sha256: Hasher::new(ChecksumAlgorithm::Sha256),
            others: others.into_iter().map(Hasher::new).collect(),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.others.iter_mut().for_each(|hash| hash.update(bytes));
    }

    fn finish(self) -> Digests {
        Digests {
            sha256: self.sha256.finish(),
            others: self.others.into_iter().map(Hasher::finish).collect(),
        }
    }
}

impl Digests {
    fn mismatch(&self, expected: &[&Checksum]) -> Option<(Checksum, Checksum)> {
        expected.iter().find_map(|expected| {
            let got = std::iter::once(&self.sha256)
                .chain(&self.others)
                .find(|got| got.algorithm() == expected.algorithm())?;
            (got != *expected).then(|| ((*expected).clone(), got.clone()))
        })
    }
}

fn hash_all(file: &mut File, hashes: &mut Hashes) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 17];
    let mut total = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                hashes.update(&buffer[..count]);
                total += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes beside, syncs, renames: small memories must not be torn by a power cut.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(failed("create a file in", folder))?;
    beside.write_all(bytes).map_err(failed("write", path))?;
    beside.as_file().sync_data().map_err(failed("write", path))?;
    beside.persist(path).map_err(|error| failed("rename to", path)(error.error))?;
    Ok(())
}

fn create_folder(path: &Path) -> Result<(), CacheError> {
    fs::create_dir_all(path).map_err(failed("create folder", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { action, path, source }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_reported_as_one() {
        // The kernel's disk without room.
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut partial = Partial { file, path, length: 0, hashes: Hashes::default() };
        let error = partial.append(b"bytes").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write /dev/full (the disk is full: make room and run again, what was fetched is kept)"
        );
    }

    #[test]
    fn what_is_no_file_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path().join("partial/key")).unwrap();
        assert!(cache.partial("key").is_err());
    }

    #[test]
    fn bytes_are_kept_once_under_their_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let first = cache.insert(b"abc").unwrap();
        assert_eq!(cache.insert(b"abc").unwrap(), first);
        assert!(
            first.ends_with("sha256/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert_eq!(fs::read(first).unwrap(), b"abc");
    }
}
