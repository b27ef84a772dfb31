//! A finished tree, in; the same with times that do not tell when it was made, out.
//!
//! Directories get the time of the package that owns them. What scriptlets made, and directories that nobody owns, get the
//! epoch. Files that still are as packaged keep their time.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::Transaction;
use crate::files::FileAction;
use crate::package::FileType;
use crate::root::RootError;

/// Sets the times of everything below `root`; `epoch` in seconds since 1970.
pub(super) fn set_times(root: &Path, transaction: &Transaction, epoch: u64) -> Result<(), RootError> {
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
    let mut packaged: HashMap<&Path, (i64, bool)> = HashMap::new();
    for step in &transaction.steps {
        for (file, action) in step.package.contents.files.iter().zip(&step.actions) {
            if *action == FileAction::Create && !file.is_ghost() {
                packaged.insert(&file.path, (i64::from(file.mtime), file.file_type() == FileType::Directory));
            }
        }
    }
    walk(root, Path::new("/"), &mut |path: &Path, found: i64, is_directory: bool| match packaged.get(path) {
        Some((stated, true)) if is_directory => *stated,
        Some((stated, false)) if *stated == found => found,
        _ => found.min(epoch),
    })
}

/// Visits a directory's content before the directory itself, in any order: only times are set.
fn walk(root: &Path, path: &Path, time: &mut impl FnMut(&Path, i64, bool) -> i64) -> Result<(), RootError> {
    let failed = |source: io::Error| RootError::new("set the time of", path, source);
    let outside = outside(root, path);
    let metadata = std::fs::symlink_metadata(&outside).map_err(failed)?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(&outside).map_err(failed)? {
            walk(root, &path.join(entry.map_err(failed)?.file_name()), time)?;
        }
    }
    let wanted = time(path, metadata.mtime(), metadata.is_dir());
    let changed = std::fs::symlink_metadata(&outside).map_err(failed)?;
    if changed.mtime() != wanted || changed.mtime_nsec() != 0 {
        let stamp = Timespec { tv_sec: wanted, tv_nsec: 0 };
        let stamps = Timestamps { last_access: stamp, last_modification: stamp };
        rustix::fs::utimensat(CWD, &outside, &stamps, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn outside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
