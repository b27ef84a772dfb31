//! A root that exists, in; a copy beside it to change, and the two exchanged in one step once the copy is whole, out.
//!
//! Whenever a run ends, the root is the old one or the new one. What it leaves beside the root is removed by the next run.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::copy::{CopyError, copy_tree};
use super::target::{remove_tree, spread};

/// rpm holds this while it works.
const RPM_LOCK: &str = "usr/lib/sysimage/rpm/.rpm.lock";

/// The copy of a root; gone again unless it took the root's place.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    /// `TARGET.partial`: nobody else may enter it.
    shelter: PathBuf,
    /// The copy, and after the exchange the old root.
    tree: PathBuf,
    /// Held until the end, so that neither another run nor rpm is at work in the root.
    _locks: Vec<OwnedFd>,
}

/// Why a root cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplacementError {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On the host.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its content cannot be copied.
    #[error("{} cannot be copied, and is only changed as a whole", root.display())]
    Copy {
        /// The root.
        root: PathBuf,
        /// What stands against it.
        source: CopyError,
    },
    /// It is a mount point, or the running system.
    #[error("{} is a mount point, and nothing can take its place: give a folder on a file system", .0.display())]
    MountPoint(PathBuf),
    /// Another run has it.
    #[error("another program is changing {}: wait for its end", .0.display())]
    Busy(PathBuf),
    /// The file system cannot do it.
    #[error("the file system of {} cannot exchange two folders in one step", .0.display())]
    NoExchange(PathBuf),
    /// Done, but the old root is still beside it.
    #[error("{} is changed as asked, but the old root in {} cannot be removed", target.display(), shelter.display())]
    Leftover {
        /// The root.
        target: PathBuf,
        /// Where the old one is.
        shelter: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Removes what a killed change left beside a root; the next change would do so, too.
pub fn clear_beside(target: &Path) -> Result<(), ReplacementError> {
    let target = target.canonicalize().map_err(io_error("open", target))?;
    let shelter = shelter_of(&target);
    if shelter.symlink_metadata().is_err() {
        return Ok(());
    }
    let _locks = lock(&target)?;
    remove_tree(&shelter).map_err(io_error("remove", &shelter))
}

/// `TARGET.partial`.
fn shelter_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(".partial");
    target.with_file_name(name)
}

impl Replacement {
    /// Copies the root at `target`; what an interrupted run left beside it is removed first.
    pub(super) fn create(target: &Path) -> Result<Self, ReplacementError> {
        let target = target.canonicalize().map_err(io_error("open", target))?;
        let locks = lock(&target)?;
        let Some(parent) = target.parent() else {
            return Err(ReplacementError::MountPoint(target));
        };
        let device = |path: &Path| Ok(path.metadata().map_err(io_error("look at", path))?.dev());
        if device(parent)? != device(&target)? {
            return Err(ReplacementError::MountPoint(target));
        }
        let shelter = shelter_of(&target);
        remove_tree(&shelter).map_err(io_error("remove", &shelter))?;
        std::fs::DirBuilder::new().mode(0o700).create(&shelter).map_err(io_error("make", &shelter))?;
        let tree = shelter.join(format!("{:016x}", RandomState::new().hash_one(&target)));
        let replacement = Replacement { target, shelter, tree, _locks: locks };
        replacement.refuse_without_exchange()?;
        spread(&replacement.shelter);
        std::fs::create_dir(&replacement.tree).map_err(io_error("make", &replacement.tree))?;
        copy_tree(&replacement.target, &replacement.tree)
            .map_err(|source| ReplacementError::Copy { root: replacement.target.clone(), source })?;
        Ok(replacement)
    }

    /// The copy, to be changed.
    pub(super) fn path(&self) -> &Path {
        &self.tree
    }

    /// The root as it is.
    pub(super) fn original(&self) -> &Path {
        &self.target
    }

    /// Puts the changed copy in the root's place and removes the old root.
    pub(super) fn finish(self) -> Result<PathBuf, ReplacementError> {
        // The copy must be on the disk before its name is: a power cut may come right after the exchange.
        let copy = open(&self.tree)?;
        rustix::fs::syncfs(&copy).map_err(kernel("write out", &self.tree))?;
        exchange(&self.tree, &self.target)?;
        let parent = self.target.parent().unwrap_or(Path::new("/"));
        rustix::fs::fsync(open(parent)?).map_err(kernel("write out", parent))?;
        let target = self.target.clone();
        remove_tree(&self.shelter).map_err(|source| ReplacementError::Leftover {
            target: target.clone(),
            shelter: self.shelter.clone(),
            source,
        })?;
        Ok(target)
    }

    /// Found out before the work, with two empty folders.
    fn refuse_without_exchange(&self) -> Result<(), ReplacementError> {
        let [one, other] = ["one", "other"].map(|name| self.shelter.join(name));
        for path in [&one, &other] {
            std::fs::create_dir(path).map_err(io_error("make", path))?;
        }
        exchange(&one, &other)?;
        for path in [&one, &other] {
            std::fs::remove_dir(path).map_err(io_error("remove", path))?;
        }
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After success there is nothing; after an error, that error is the one to report, and the next run removes a rest.
        drop(remove_tree(&self.shelter));
    }
}

fn exchange(copy: &Path, target: &Path) -> Result<(), ReplacementError> {
    match rustix::fs::renameat_with(CWD, copy, CWD, target, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS) => Err(ReplacementError::NoExchange(target.to_owned())),
        Err(Errno::BUSY) => Err(ReplacementError::MountPoint(target.to_owned())),
        result => result.map_err(kernel("exchange", target)),
    }
}

/// Locks the root against other runs of this program, and its rpm database against rpm.
fn lock(target: &Path) -> Result<Vec<OwnedFd>, ReplacementError> {
    let busy = || ReplacementError::Busy(target.to_owned());
    let directory = open(target)?;
    match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Err(busy()),
        result => result.map_err(kernel("lock", target))?,
    }
    // The one that had the lock before may have put another root here.
    let (now, locked) =
        (target.metadata().map_err(io_error("look at", target))?, rustix::fs::fstat(&directory));
    if locked.map_err(kernel("look at", target))?.st_ino != now.ino() {
        return Err(busy());
    }
    let mut locks = vec![directory];
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let rpm =
        rustix::fs::openat2(&locks[0], RPM_LOCK, flags, Mode::empty(), rustix::fs::ResolveFlags::IN_ROOT);
    if let Ok(rpm) = rpm {
        match rustix::fs::fcntl_lock(&rpm, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK | Errno::ACCESS) => return Err(busy()),
            result => result.map_err(kernel("lock the rpm database of", target))?,
        }
        locks.push(rpm);
    }
    Ok(locks)
}

fn open(path: &Path) -> Result<OwnedFd, ReplacementError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(kernel("open", path))
}

fn kernel(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> ReplacementError {
    let failed = io_error(action, path);
    move |source| failed(source.into())
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReplacementError {
    let path = path.to_owned();
    move |source| ReplacementError::Io { action, path, source }
}
