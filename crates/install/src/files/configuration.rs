//! A file that a package brings, the one of the package before it, and what stands on disk, in; what becomes of the file, out.
//!
//! rpm's rules for %config (`lib/rpmfi.cc: rpmfilesConfigConflict, rpmfilesDecideFate`).

use rpm_model::header::file_flags::{MISSINGOK, NOREPLACE};
use rustix::fs::FileType as KernelType;

use super::FileAction;
use crate::package::{FileEntry, FileType};
use crate::root::{RootDirectory, RootError};
use crate::unpack::{differs, digest_of};

/// Whether something is at a %config file's path that is not what the package has there.
pub fn stands_in_the_way(root: &RootDirectory, file: &FileEntry) -> Result<bool, RootError> {
    if !file.is_config() || !matches!(file.file_type(), FileType::Regular | FileType::Symlink) {
        return Ok(false);
    }
    if file.is_ghost() {
        return Ok(root.stat(&file.path)?.is_some());
    }
    differs(root, file)
}

/// What to do where an installed package has the path, and one of the two says %config.
pub(super) fn fate(root: &RootDirectory, old: &FileEntry, new: &FileEntry) -> Result<FileAction, RootError> {
    if new.is_ghost() {
        return Ok(FileAction::SkipKept);
    }
    let Some(stat) = root.stat(&new.path)? else {
        let skipped = new.flags & MISSINGOK != 0;
        return Ok(if skipped { FileAction::SkipKept } else { FileAction::Create });
    };
    let backup =
        if new.flags & NOREPLACE != 0 { FileAction::CreateBeside } else { FileAction::CreateAndSaveOld };
    let on_disk = KernelType::from_raw_mode(stat.st_mode);
    let same_as_packaged = match old.file_type() {
        FileType::Regular => match regular(root, on_disk, old, new)? {
            Some(action) => return Ok(action),
            None => new.file_type() == FileType::Regular && old.digest.is_some() && old.digest == new.digest,
        },
        FileType::Symlink => match symlink(root, on_disk, old, new)? {
            Some(action) => return Ok(action),
            None => new.file_type() == FileType::Symlink && old.link_target == new.link_target,
        },
        _ => return Ok(FileAction::Create),
    };
    // No longer %config: set aside and replaced.
    if !new.is_config() {
        return Ok(FileAction::CreateAndSaveOld);
    }
    Ok(if same_as_packaged { FileAction::SkipKept } else { backup })
}

/// Decided, if what is on disk is the new package's file or the old one's.
fn regular(
    root: &RootDirectory,
    on_disk: KernelType,
    old: &FileEntry,
    new: &FileEntry,
) -> Result<Option<FileAction>, RootError> {
    if on_disk != KernelType::RegularFile {
        return Ok(None);
    }
    if new.file_type() == FileType::Regular && holds(root, new)? {
        return Ok(Some(FileAction::Touch));
    }
    Ok(holds(root, &FileEntry { path: new.path.clone(), ..old.clone() })?.then_some(FileAction::Create))
}

fn symlink(
    root: &RootDirectory,
    on_disk: KernelType,
    old: &FileEntry,
    new: &FileEntry,
) -> Result<Option<FileAction>, RootError> {
    use std::os::unix::ffi::OsStrExt;
    if on_disk != KernelType::Symlink {
        return Ok(None);
    }
    let target = root.read_link(&new.path)?;
    if new.file_type() == FileType::Symlink && new.link_target.as_os_str().as_bytes() == target {
        return Ok(Some(FileAction::Touch));
    }
    Ok((old.link_target.as_os_str().as_bytes() == target).then_some(FileAction::Create))
}

/// Whether the bytes at the file's path are the file's.
fn holds(root: &RootDirectory, file: &FileEntry) -> Result<bool, RootError> {
    let Some((algorithm, stated)) = &file.digest else { return Ok(false) };
    let found = digest_of(root, &file.path, *algorithm)?;
    Ok(found.is_some_and(|found| found.eq_ignore_ascii_case(stated)))
}
