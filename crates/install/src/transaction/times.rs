//! A root and its changed copy, in; the copy with times that do not tell when it was changed, out.
//!
//! What the transaction did not write keeps its time. Directories get the time of the package that owns them, everything else
//! that was written meanwhile gets the epoch, unless it is a packaged file with its package's time.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::Transaction;
use super::run::Decided;
use crate::package::FileType;
use crate::root::RootError;

/// Sets the times of what changed below `copy` since it was the same as `original`; `epoch` in seconds since 1970.
pub(super) fn restore_times(
    original: &Path,
    copy: &Path,
    transaction: &Transaction,
    decided: &Decided,
    epoch: u32,
) -> Result<(), RootError> {
    let mut owned: BTreeMap<&Path, Owned> = BTreeMap::new();
    let goes = |position| transaction.erasures.iter().any(|erasure| erasure.package == position);
    for (position, record) in transaction.before.system.packages.iter().enumerate() {
        for file in record.contents.files.iter().filter(|file| file.file_type() == FileType::Directory) {
            if !goes(position) {
                owned.entry(&file.path).or_insert(Owned { time: file.mtime, comes: false });
            }
        }
    }
    for (step, coming) in transaction.steps.iter().zip(&decided.coming) {
        for (file, action) in step.package.contents.files.iter().zip(&coming.actions) {
            if !action.is_skip() && !file.is_ghost() {
                owned.insert(&file.path, Owned { time: file.mtime, comes: true });
            }
        }
    }
    let times = Times { original, copy, owned, epoch: i64::from(epoch) };
    times.walk(Path::new("/"))
}

struct Owned {
    time: u32,
    /// Whether this transaction brings it.
    comes: bool,
}

struct Times<'a> {
    original: &'a Path,
    copy: &'a Path,
    owned: BTreeMap<&'a Path, Owned>,
    epoch: i64,
}

impl Times<'_> {
    /// A directory's content before the directory itself, in any order: only times are set.
    fn walk(&self, path: &Path) -> Result<(), RootError> {
        let failed = |source: io::Error| RootError::new("set the time of", path, source);
        let outside = below(self.copy, path);
        let found = std::fs::symlink_metadata(&outside).map_err(failed)?;
        if found.is_dir() {
            for entry in std::fs::read_dir(&outside).map_err(failed)? {
                self.walk(&path.join(entry.map_err(failed)?.file_name()))?;
            }
        }
        let Some(wanted) = self.wanted(path, &found) else { return Ok(()) };
        if found.mtime() == wanted && found.mtime_nsec() == 0 {
            return Ok(());
        }
        let stamp = Timespec { tv_sec: wanted, tv_nsec: 0 };
        let stamps = Timestamps { last_access: stamp, last_modification: stamp };
        rustix::fs::utimensat(CWD, &outside, &stamps, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed(error.into()))
    }

    /// Nothing where the time is to stay.
    fn wanted(&self, path: &Path, found: &std::fs::Metadata) -> Option<i64> {
        let owned = self.owned.get(path);
        if let Some(owned) = owned
            && found.is_dir()
            && (owned.comes || self.changed(path, found))
        {
            return Some(i64::from(owned.time));
        }
        let as_packaged = owned.is_some_and(|owned| owned.comes && i64::from(owned.time) == found.mtime());
        if as_packaged || !self.changed(path, found) {
            return None;
        }
        Some(found.mtime().min(self.epoch))
    }

    /// A file that was moved aside has kept its time, which is not that of this transaction: its inode's change tells nothing,
    /// but the name it had does.
    fn changed(&self, path: &Path, found: &std::fs::Metadata) -> bool {
        let same = |path: &Path| {
            std::fs::symlink_metadata(below(self.original, path)).is_ok_and(|before| {
                before.mtime() == found.mtime() && before.mtime_nsec() == found.mtime_nsec()
            })
        };
        if same(path) {
            return false;
        }
        let moved = path.to_str().and_then(|path| {
            [".rpmsave", ".rpmorig"].into_iter().find_map(|suffix| path.strip_suffix(suffix))
        });
        !moved.is_some_and(|before| same(Path::new(before)))
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
