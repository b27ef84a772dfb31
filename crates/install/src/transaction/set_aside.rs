//! The files of a package that comes and what happens to each, in; the root with changed configuration moved out of the way, and
//! afterwards owner, mode and time of configuration that was right already, out.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType as KernelType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::erase::strip_privileges;
use crate::files::FileAction;
use crate::package::{FileEntry, FileType};
use crate::root::{RootDirectory, RootError};
use crate::unpack::{UnpackError, capability_attribute};
use crate::users::Accounts;

/// What is left for unpacking.
pub(super) struct Prepared {
    /// Only making and skipping.
    pub(super) actions: Vec<FileAction>,
    /// Files whose content is right already.
    touch: Vec<usize>,
    /// What was moved, in words.
    pub(super) told: Vec<String>,
}

/// Moves what is in the way and shall be kept.
pub(super) fn set_aside(
    root: &RootDirectory,
    files: &[FileEntry],
    actions: &[FileAction],
) -> Result<Prepared, RootError> {
    let mut prepared = Prepared { actions: actions.to_vec(), touch: Vec::new(), told: Vec::new() };
    for (index, (file, action)) in files.iter().zip(actions).enumerate() {
        let suffix = match action {
            FileAction::CreateAndKeepOld => ".rpmorig",
            FileAction::CreateAndSaveOld => ".rpmsave",
            FileAction::Touch => {
                // A scriptlet may have removed it since it was looked at.
                if root.stat(&file.path)?.is_some() {
                    prepared.actions[index] = FileAction::SkipKept;
                    prepared.touch.push(index);
                } else {
                    prepared.actions[index] = FileAction::Create;
                }
                continue;
            }
            FileAction::Create if file.file_type() == FileType::Regular && !file.is_ghost() => {
                disarm(root, file)?;
                continue;
            }
            _ => continue,
        };
        prepared.actions[index] = FileAction::Create;
        if !file.is_ghost() && rename(root, file, suffix)? {
            prepared.told.push(format!("{0} saved as {0}{suffix}", file.path.display()));
        }
    }
    Ok(prepared)
}

fn rename(root: &RootDirectory, file: &FileEntry, suffix: &str) -> Result<bool, RootError> {
    let Some(name) = file.path.file_name() else { return Ok(false) };
    let directory = root.open_directory(file.directory(), true)?;
    let mut kept = OsString::from(name);
    kept.push(suffix);
    match rustix::fs::renameat(&directory, name, &directory, &kept) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(source) => Err(RootError::new("set aside", &file.path, source)),
    }
}

/// What is about to be replaced may have another name, under which it must not keep its privileges.
fn disarm(root: &RootDirectory, file: &FileEntry) -> Result<(), RootError> {
    let Some(stat) = root.stat(&file.path)? else { return Ok(()) };
    if KernelType::from_raw_mode(stat.st_mode) != KernelType::RegularFile || stat.st_nlink < 2 {
        return Ok(());
    }
    let directory = root.open_directory(file.directory(), false)?;
    let name = Path::new(file.path.file_name().unwrap_or_default());
    strip_privileges(directory.as_fd(), name, &stat)
        .map_err(|source| RootError::new("take privileges from", &file.path, source))
}

/// Gives files that were right already their owner, mode, capabilities and time.
pub(super) fn touch(
    root: &RootDirectory,
    accounts: &Accounts,
    files: &[FileEntry],
    prepared: &Prepared,
) -> Result<(), UnpackError> {
    for file in prepared.touch.iter().map(|index| &files[*index]) {
        touch_one(root, accounts, file)?;
    }
    Ok(())
}

fn touch_one(root: &RootDirectory, accounts: &Accounts, file: &FileEntry) -> Result<(), UnpackError> {
    let failed = |action| {
        move |source: Errno| UnpackError::File { action, path: file.path.clone(), source: source.into() }
    };
    let directory = root.open_directory(file.directory(), false)?;
    let name = file.path.file_name().unwrap_or_default();
    let mut mode = file.permissions();
    let uid = accounts.user(&file.user).unwrap_or_else(|| {
        mode &= !0o4000;
        0
    });
    let gid = accounts.group(&file.group).unwrap_or_else(|| {
        mode &= !0o2000;
        0
    });
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    rustix::fs::chownat(&directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failed("change the owner of"))?;
    if file.file_type() == FileType::Regular {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, name, flags, Mode::empty()).map_err(failed("open"))?;
        rustix::fs::fchmod(&opened, Mode::from_raw_mode(mode)).map_err(failed("change the mode of"))?;
        let attribute = capability_attribute(&file.capabilities)
            .map_err(|source| UnpackError::Capabilities { path: file.path.clone(), source })?;
        if let Some(attribute) = attribute {
            rustix::fs::fsetxattr(&opened, "security.capability", &attribute, XattrFlags::empty())
                .map_err(failed("set the capabilities of"))?;
        }
    }
    let time = Timespec { tv_sec: i64::from(file.mtime), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(&directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failed("change the time of"))
}
