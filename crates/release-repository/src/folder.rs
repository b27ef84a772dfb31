//! A repository's folder: read as a value, written in an order in which a client never sees half a change.
//!
//! `metadata/` and `targets/` are what a web server serves; `staged/` is for those who sign. Every file is written beside
//! its place, synced and renamed. One program at a time: the folder is locked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use release::Sha256Digest;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::advance::Advance;
use crate::content::Entry;
use crate::role::RoleName;
use crate::state::{METADATA, Repository, STAGED, StateError, TARGETS, staged_file};

/// Metadata of a repository is small; more than this is not read.
const LARGEST_METADATA: u64 = 64 << 20;

/// The folder of a repository; to change it, locked against other programs.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    lock: Option<OwnedFd>,
}

/// Why a folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system says no.
    #[error("cannot {action} {path}")]
    System {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Another program has it.
    #[error("{0} is being changed by another program; run again when it is done")]
    Busy(PathBuf),
    /// What is in it is no repository, or not a right one.
    #[error("{folder} is not a sound release repository")]
    State {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        cause: StateError,
    },
    /// A published file is not what the metadata says.
    #[error("{path} is not the file that is published: {reason}; restore it from a copy")]
    Differs {
        /// The file.
        path: PathBuf,
        /// In what it differs.
        reason: String,
    },
    /// A source changed while it was copied.
    #[error("{path} is not what it was when it was read; run again")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Metadata of absurd size.
    #[error("{path} has {size} bytes, and metadata has at most {LARGEST_METADATA}")]
    Large {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
}

impl Folder {
    /// A folder to look at. Another program may change it meanwhile, and leaves it whole at every moment.
    pub fn to_read(root: &Path) -> Result<Folder, FolderError> {
        fs::read_dir(root).map_err(system("open", root))?;
        Ok(Folder { root: root.to_owned(), lock: None })
    }

    /// Opens a folder that exists, to change it.
    pub fn open(root: &Path) -> Result<Folder, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(root, flags, Mode::empty())
            .map_err(|error| system("open", root)(error.into()))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Folder { root: root.to_owned(), lock: Some(lock) }),
            Err(Errno::WOULDBLOCK) => Err(FolderError::Busy(root.to_owned())),
            Err(error) => Err(system("lock", root)(error.into())),
        }
    }

    /// Makes the folder, or opens the one that is there.
    pub fn create(root: &Path) -> Result<Folder, FolderError> {
        fs::create_dir_all(root).map_err(system("make", root))?;
        Folder::open(root)
    }

    /// Whether there is a repository in it, whole or begun.
    pub fn is_repository(&self) -> bool {
        let first =
            [self.root.join(METADATA).join("1.root.json"), self.root.join(staged_file(RoleName::Root))];
        first.iter().any(|path| path.symlink_metadata().is_ok())
    }

    /// The repository as it is.
    pub fn read(&self) -> Result<Repository, FolderError> {
        let failed = |cause| FolderError::State { folder: self.root.clone(), cause };
        Repository::parse(&self.metadata()?).map_err(failed)
    }

    /// The files of the metadata, published and staged.
    pub fn metadata(&self) -> Result<BTreeMap<String, Vec<u8>>, FolderError> {
        let mut files = BTreeMap::new();
        for folder in [METADATA, STAGED] {
            let path = self.root.join(folder);
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(system("read", &path))?,
            };
            for entry in entries {
                let entry = entry.map_err(system("read", &path))?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = entry.path();
                if !name.ends_with(".json") || !entry.file_type().map_err(system("look at", &path))?.is_file()
                {
                    continue;
                }
                let size = entry.metadata().map_err(system("look at", &path))?.len();
                if size > LARGEST_METADATA {
                    return Err(FolderError::Large { path, size });
                }
                files.insert(format!("{folder}/{name}"), fs::read(&path).map_err(system("read", &path))?);
            }
        }
        Ok(files)
    }

    /// Writes what signing has come to: what is published first, the timestamp as its last; then what is staged.
    pub fn write(&self, advance: &Advance) -> Result<(), FolderError> {
        for (file, bytes) in &advance.publish {
            self.write_file(file, bytes)?;
            // Each name must be on disk before the next one that leads to it.
            self.sync(METADATA)?;
        }
        for (file, bytes) in &advance.staged {
            match bytes {
                Some(bytes) => self.write_file(file, bytes)?,
                None => self.remove_file(file)?,
            }
        }
        if self.root.join(STAGED).is_dir() { self.sync(STAGED) } else { Ok(()) }
    }

    /// Stores bytes under the name that an entry gives them.
    pub fn store(&self, entry: &Entry, bytes: &[u8]) -> Result<(), FolderError> {
        self.write_file(&entry.path(), bytes)?;
        self.sync(TARGETS)
    }

    /// Stores a file under the name that an entry gives it; its bytes are checked while they are copied.
    pub fn store_file(&self, entry: &Entry, source: &Path) -> Result<(), FolderError> {
        let path = self.root.join(entry.path());
        if self.check(entry).is_ok() {
            return Ok(());
        }
        let folder = self.root.join(TARGETS);
        fs::create_dir_all(&folder).map_err(system("make", &folder))?;
        let mut beside = tempfile::NamedTempFile::new_in(&folder).map_err(system("write to", &folder))?;
        let mut from = File::open(source).map_err(system("open", source))?;
        let (length, digest) = copy(&mut from, beside.as_file_mut()).map_err(system("copy", source))?;
        if (length, digest) != (entry.length, entry.sha256) {
            return Err(FolderError::Changed { path: source.to_owned() });
        }
        finish(beside, &path)?;
        self.sync(TARGETS)
    }

    /// A file without a name on the disk that holds targets, to be kept by `keep` or lost.
    pub fn begin_file(&self) -> Result<tempfile::NamedTempFile, FolderError> {
        let folder = self.root.join(TARGETS);
        fs::create_dir_all(&folder).map_err(system("make", &folder))?;
        tempfile::NamedTempFile::new_in(&folder).map_err(system("write to", &folder))
    }

    /// What an unnamed file would be under this name.
    pub fn describe(&self, name: String, file: &tempfile::NamedTempFile) -> Result<Entry, FolderError> {
        let mut reader = File::open(file.path()).map_err(system("open", file.path()))?;
        let (length, sha256) = copy(&mut reader, &mut io::sink()).map_err(system("read", file.path()))?;
        Ok(Entry { name, length, sha256 })
    }

    /// Gives an unnamed file the name of its entry.
    pub fn keep(&self, entry: &Entry, file: tempfile::NamedTempFile) -> Result<(), FolderError> {
        finish(file, &self.root.join(entry.path()))?;
        self.sync(TARGETS)
    }

    /// Opens a published file, checked.
    pub fn open_target(&self, entry: &Entry) -> Result<File, FolderError> {
        self.check(entry)?;
        let path = self.root.join(entry.path());
        File::open(&path).map_err(system("open", &path))
    }

    /// The bytes of a published file that is small, checked.
    pub fn load(&self, entry: &Entry) -> Result<Vec<u8>, FolderError> {
        let path = self.root.join(entry.path());
        let size = fs::metadata(&path).map_err(system("read", &path))?.len();
        if size > LARGEST_METADATA {
            return Err(FolderError::Large { path, size });
        }
        let bytes = fs::read(&path).map_err(system("read", &path))?;
        check(path, entry, bytes.len() as u64, Sha256Digest::of(&bytes))?;
        Ok(bytes)
    }

    /// Reads a published file and checks that it is what the entry says.
    pub fn check(&self, entry: &Entry) -> Result<(), FolderError> {
        let path = self.root.join(entry.path());
        let mut file = File::open(&path).map_err(system("open", &path))?;
        let (length, digest) = copy(&mut file, &mut io::sink()).map_err(system("read", &path))?;
        check(path, entry, length, digest)
    }

    /// The files in `targets/` that none of these entries names.
    pub fn unnamed(&self, entries: &BTreeMap<String, Entry>) -> Result<Vec<String>, FolderError> {
        let folder = self.root.join(TARGETS);
        let named: Vec<String> = entries.values().map(Entry::path).collect();
        let found = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found.map_err(system("read", &folder))?,
        };
        let mut unnamed = Vec::new();
        for entry in found {
            let entry = entry.map_err(system("read", &folder))?;
            let name = format!("{TARGETS}/{}", entry.file_name().to_string_lossy());
            if !named.contains(&name) {
                unnamed.push(name);
            }
        }
        unnamed.sort();
        Ok(unnamed)
    }

    fn write_file(&self, file: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.root.join(file);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(system("make", folder))?;
        let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(system("write to", folder))?;
        beside.write_all(bytes).map_err(system("write", &path))?;
        finish(beside, &path)
    }

    fn remove_file(&self, file: &str) -> Result<(), FolderError> {
        let path = self.root.join(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(system("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn sync(&self, folder: &str) -> Result<(), FolderError> {
        let path = self.root.join(folder);
        File::open(&path).and_then(|folder| folder.sync_all()).map_err(system("sync", &path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            // A program that was started meanwhile may hold the descriptor for a moment longer, and with it the lock.
            let _closed_soon = rustix::fs::flock(lock, FlockOperation::Unlock);
        }
    }
}

fn finish(beside: tempfile::NamedTempFile, path: &Path) -> Result<(), FolderError> {
    let file = beside.as_file();
    file.set_permissions(fs::Permissions::from_mode(0o644)).map_err(system("write", path))?;
    file.sync_all().map_err(system("write", path))?;
    beside.persist(path).map_err(|error| system("write", path)(error.error))?;
    Ok(())
}

fn copy(from: &mut File, to: &mut impl io::Write) -> io::Result<(u64, Sha256Digest)> {
    let mut digest = Sha256::new();
    let mut length = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((length, Sha256Digest::from_bytes(digest.finalize().into())));
        }
        digest.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        length += read as u64;
    }
}

fn check(path: PathBuf, entry: &Entry, length: u64, digest: Sha256Digest) -> Result<(), FolderError> {
    if length != entry.length {
        let reason = format!("it has {length} bytes, not {}", entry.length);
        return Err(FolderError::Differs { path, reason });
    }
    if digest != entry.sha256 {
        let reason = format!("its SHA-256 is {digest}");
        return Err(FolderError::Differs { path, reason });
    }
    Ok(())
}

fn system(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.display().to_string();
    move |cause| FolderError::System { action, path, cause }
}
