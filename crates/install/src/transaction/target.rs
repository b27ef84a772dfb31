//! Where the tree goes, in; a directory beside it to build in, and the tree in its place once it is whole, out.

use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::IFlags;

/// The directory that a tree is built in; gone again unless it is finished.
#[derive(Debug)]
pub(super) struct PartialTarget {
    target: PathBuf,
    /// `TARGET.partial`: nobody else may enter it.
    shelter: PathBuf,
    /// The tree, under a name in the shelter that no tree before it had.
    tree: PathBuf,
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
        let shelter = target.with_file_name(name);
        remove_tree(&shelter).map_err(failed("remove", &shelter))?;
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(failed("make", parent))?;
        }
        DirBuilder::new().mode(0o700).create(&shelter).map_err(failed("make", &shelter))?;
        let partial = PartialTarget {
            target: target.to_owned(),
            tree: shelter.join(format!("{:016x}", RandomState::new().hash_one(target))),
            shelter,
            finished: false,
        };
        spread(&partial.shelter);
        std::fs::create_dir(&partial.tree).map_err(failed("make", &partial.tree))?;
        Ok(partial)
    }

    pub(super) fn path(&self) -> &Path {
        &self.tree
    }

    /// Puts the whole tree in its place.
    pub(super) fn finish(mut self) -> Result<PathBuf, TargetError> {
        let renamed = std::fs::rename(&self.tree, &self.target);
        renamed.map_err(|source| TargetError::Io { action: "make", path: self.target.clone(), source })?;
        self.finished = true;
        std::fs::remove_dir(&self.shelter).map_err(|source| TargetError::Io {
            action: "remove",
            path: self.shelter.clone(),
            source,
        })?;
        Ok(self.target.clone())
    }
}

impl Drop for PartialTarget {
    fn drop(&mut self) {
        if !self.finished {
            // The error that led here is the one to report; a rest is removed by the next run.
            drop(remove_tree(&self.shelter));
        }
    }
}

/// Asks for a place of its own on the disk for each directory in `shelter`, by the hash of its name.
///
/// ext4 puts a directory near its parent, and does not use an inode again for some minutes after it was freed: where a tree
/// was deleted a moment ago, each new file makes it look through all those inodes, which takes longer than all the rest.
pub(super) fn spread(shelter: &Path) {
    let Ok(directory) = File::open(shelter) else { return };
    if let Ok(flags) = rustix::fs::ioctl_getflags(&directory) {
        // A file system that knows no such wish refuses it, and needs none.
        let _refused = rustix::fs::ioctl_setflags(&directory, flags | IFlags::TOPDIR);
    }
}

pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
