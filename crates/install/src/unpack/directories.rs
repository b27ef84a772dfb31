//! Paths of directories, in; the directories, opened once for all the files that go into them, out.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use crate::root::{RootDirectory, RootError};

/// More than this are closed and opened again: a process may not have many files open.
const MOST_OPEN: usize = 128;

/// Directories of one root that stay open.
pub(super) struct Directories<'a> {
    root: &'a RootDirectory,
    open: BTreeMap<PathBuf, Arc<Directory>>,
}

/// A directory in which files are made.
pub(super) struct Directory {
    fd: OwnedFd,
    gives: OnceLock<(Uid, Gid)>,
}

impl<'a> Directories<'a> {
    pub(super) fn new(root: &'a RootDirectory) -> Self {
        Directories { root, open: BTreeMap::new() }
    }

    /// The directory at a path, made with its parents where it is missing.
    pub(super) fn get(&mut self, path: &Path) -> Result<Arc<Directory>, RootError> {
        if let Some(directory) = self.open.get(path) {
            return Ok(Arc::clone(directory));
        }
        let fd = self.root.open_directory(path, true)?;
        Ok(self.keep(path, fd))
    }

    /// Takes an open directory in the place of one that may have been opened before it became what it is.
    pub(super) fn keep(&mut self, path: &Path, fd: OwnedFd) -> Arc<Directory> {
        if self.open.len() >= MOST_OPEN {
            self.open.clear();
        }
        let directory = Arc::new(Directory { fd, gives: OnceLock::new() });
        self.open.insert(path.to_owned(), Arc::clone(&directory));
        directory
    }
}

impl Directory {
    /// Whether what is made in the directory belongs to these without being given to them. `made` is such a thing: who owns
    /// it depends on this process, on the directory's set-group-ID bit and on how its file system is mounted.
    pub(super) fn gives(&self, owner: (Uid, Gid), made: impl AsFd) -> Result<bool, Errno> {
        let given = match self.gives.get() {
            Some(given) => *given,
            None => {
                let found = rustix::fs::fstat(made)?;
                let given = (Uid::from_raw(found.st_uid), Gid::from_raw(found.st_gid));
                *self.gives.get_or_init(|| given)
            }
        };
        Ok(given == owner)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
