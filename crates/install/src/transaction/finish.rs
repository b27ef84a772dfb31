//! A finished tree, in; the same with times that do not tell when it was made, out.
//!
//! Directories get the time of the package that owns them. What scriptlets made, and directories that nobody owns, get the
//! epoch. Files that still are as packaged keep their time.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType as KernelType, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use super::Transaction;
use crate::files::FileAction;
use crate::package::FileType;
use crate::root::RootError;

/// Sets the times of everything below `root`; `epoch` in seconds since 1970.
pub(super) fn set_times(root: &Path, transaction: &Transaction, epoch: u64) -> Result<(), RootError> {
    let mut packaged = HashMap::new();
    for step in &transaction.steps {
        for (file, action) in step.package.contents.files.iter().zip(&step.actions) {
            if *action == FileAction::Create && !file.is_ghost() {
                let is_directory = file.file_type() == FileType::Directory;
                packaged.insert(file.path.as_os_str().as_bytes(), (i64::from(file.mtime), is_directory));
            }
        }
    }
    let times = Times { packaged, epoch: i64::try_from(epoch).unwrap_or(i64::MAX) };
    let failed = |source: Errno| RootError::new("set the time of", "/", source);
    let top = rustix::fs::open(root, DIRECTORY, Mode::empty()).map_err(failed)?;
    let found = rustix::fs::fstat(&top).map_err(failed)?;
    times.set_below(&top, &mut Vec::new())?;
    match times.wanted(b"/", &Found::of(&found)) {
        Some(stamps) => rustix::fs::futimens(&top, &stamps).map_err(failed),
        None => Ok(()),
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

struct Times<'a> {
    /// Time and whether it is a directory, by absolute path.
    packaged: HashMap<&'a [u8], (i64, bool)>,
    epoch: i64,
}

struct Found {
    seconds: i64,
    nanoseconds: u64,
    is_directory: bool,
}

impl Found {
    fn of(stat: &rustix::fs::Stat) -> Self {
        Found {
            seconds: stat.st_mtime,
            nanoseconds: stat.st_mtime_nsec,
            is_directory: KernelType::from_raw_mode(stat.st_mode) == KernelType::Directory,
        }
    }
}

impl Times<'_> {
    /// Sets the times of what a directory holds, in any order: setting one changes no other.
    fn set_below(&self, directory: &OwnedFd, path: &mut Vec<u8>) -> Result<(), RootError> {
        let failed = |path: &[u8], source: Errno| {
            RootError::new("set the time of", std::ffi::OsStr::from_bytes(path), source)
        };
        let length = path.len();
        for entry in Dir::read_from(directory).map_err(|source| failed(path, source))? {
            let entry = entry.map_err(|source| failed(path, source))?;
            let name = entry.file_name();
            if [&b"."[..], b".."].contains(&name.to_bytes()) {
                continue;
            }
            path.push(b'/');
            path.extend_from_slice(name.to_bytes());
            let failed = |source| failed(path, source);
            let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            let found = Found::of(&stat);
            if let Some(stamps) = self.wanted(path, &found) {
                rustix::fs::utimensat(directory, name, &stamps, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
            }
            if found.is_directory {
                let below = rustix::fs::openat(directory, name, DIRECTORY, Mode::empty()).map_err(failed)?;
                self.set_below(&below, path)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    /// The time that a path shall have, where it has another.
    fn wanted(&self, path: &[u8], found: &Found) -> Option<Timestamps> {
        let seconds = match self.packaged.get(path) {
            Some((stated, true)) if found.is_directory => *stated,
            Some((stated, false)) if *stated == found.seconds => found.seconds,
            _ => found.seconds.min(self.epoch),
        };
        let stamp = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let differs = seconds != found.seconds || found.nanoseconds != 0;
        differs.then_some(Timestamps { last_access: stamp, last_modification: stamp })
    }
}
