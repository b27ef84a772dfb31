//! Where the tree goes, in; a directory beside it to build in, and the tree in its place once it is whole, out.

use std::io;
use std::path::{Path, PathBuf};

/// The directory that a tree is built in; gone again unless it is finished.
#[derive(Debug)]
pub(super) struct PartialTarget {
    target: PathBuf,
    partial: PathBuf,
    finished: bool,
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Something is there already.
    #[error("{} is not empty: packages are only installed into a new root; remove it or choose another", .0.display())]
    NotEmpty(PathBuf),
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On the host.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl PartialTarget {
    /// Makes `TARGET.partial`; one that an interrupted run left is removed first.
    pub(super) fn create(target: &Path) -> Result<Self, TargetError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| TargetError::Io { action, path, source }
        };
        match std::fs::read_dir(target) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(TargetError::NotEmpty(target.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(TargetError::NotEmpty(target.to_owned()));
            }
            Err(error) => return Err(failed("look into", target)(error)),
        }
        let mut name = target.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        name.push(".partial");
        let partial = target.with_file_name(name);
        remove_tree(&partial).map_err(failed("remove", &partial))?;
        std::fs::create_dir_all(&partial).map_err(failed("make", &partial))?;
        Ok(PartialTarget { target: target.to_owned(), partial, finished: false })
    }

    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Puts the whole tree in its place.
    pub(super) fn finish(mut self) -> Result<PathBuf, TargetError> {
        let renamed = std::fs::rename(&self.partial, &self.target);
        renamed.map_err(|source| TargetError::Io { action: "make", path: self.target.clone(), source })?;
        self.finished = true;
        Ok(self.target.clone())
    }
}

impl Drop for PartialTarget {
    fn drop(&mut self) {
        if !self.finished {
            // The error that led here is the one to report; a rest is removed by the next run.
            drop(remove_tree(&self.partial));
        }
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
