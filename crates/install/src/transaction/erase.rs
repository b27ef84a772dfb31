//! The files of a package that goes and what happens to each, in; a root without them, and what could not be removed, out.
//!
//! `lib/fsm.cc: rpmPackageFilesRemove`: from the last file to the first, so that directories are empty when their turn comes.
//! What is missing already, and a directory with other files in it, is no error; neither is what cannot be removed.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType as KernelType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::files::EraseAction;
use crate::package::FileEntry;
use crate::report::WarningKind;
use crate::root::{RootDirectory, RootError};

/// The set-ID bits.
const SET_ID: u32 = 0o6000;
const EXECUTABLE: u32 = 0o111;
const CAPABILITIES: &str = "security.capability";

/// Removes or sets aside the files.
pub(super) fn erase(
    root: &RootDirectory,
    files: &[FileEntry],
    actions: &[EraseAction],
) -> Result<Vec<WarningKind>, RootError> {
    let mut told = Vec::new();
    let mut known: Option<(PathBuf, OwnedFd)> = None;
    for (file, action) in files.iter().zip(actions).rev() {
        if *action == EraseAction::Keep {
            continue;
        }
        let Some(name) = file.path.file_name() else { continue };
        if known.as_ref().is_none_or(|(path, _)| path != file.directory()) {
            let Ok(opened) = root.open_directory(file.directory(), false) else { continue };
            known = Some((file.directory().to_owned(), opened));
        }
        let Some((_, directory)) = &known else { continue };
        match action {
            EraseAction::Save => told.extend(save(directory, file, name)?),
            _ => {
                if let Err(error) = remove(directory.as_fd(), Path::new(name)) {
                    told.push(WarningKind::NotRemoved {
                        path: file.path.clone(),
                        problem: error.to_string(),
                    });
                }
            }
        }
    }
    Ok(told)
}

/// A changed %config file stays as `.rpmsave`; a %ghost stays where it is.
fn save(
    directory: &OwnedFd,
    file: &FileEntry,
    name: &std::ffi::OsStr,
) -> Result<Option<WarningKind>, RootError> {
    if file.is_ghost() {
        return Ok(None);
    }
    let mut saved = OsString::from(name);
    saved.push(".rpmsave");
    match rustix::fs::renameat(directory, name, directory, &saved) {
        Ok(()) => Ok(Some(WarningKind::SetAside(format!("{0} saved as {0}.rpmsave", file.path.display())))),
        Err(Errno::NOENT) => Ok(None),
        Err(source) => Err(RootError::new("set aside", &file.path, source)),
    }
}

fn remove(directory: BorrowedFd<'_>, name: &Path) -> Result<(), Errno> {
    let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    if KernelType::from_raw_mode(stat.st_mode) != KernelType::Directory {
        strip_privileges(directory, name, &stat)?;
        return rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
    match rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        result => result,
    }
}

/// A file that goes may live on under another name that somebody gave it: without its privileges.
pub(super) fn strip_privileges(directory: BorrowedFd<'_>, name: &Path, stat: &Stat) -> Result<(), Errno> {
    if KernelType::from_raw_mode(stat.st_mode) != KernelType::RegularFile || stat.st_nlink < 2 {
        return Ok(());
    }
    if stat.st_mode & SET_ID != 0 {
        let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
        rustix::fs::chmodat(directory, name, mode, AtFlags::empty())?;
    }
    if stat.st_mode & EXECUTABLE != 0 {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
        match rustix::fs::fremovexattr(&file, CAPABILITIES) {
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) | Ok(()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;
    use crate::package::test_contents::{directory, file};

    #[test]
    fn full_directories_and_what_is_gone_are_no_matter_and_a_second_name_loses_its_privileges() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("full/empty")).unwrap();
        std::fs::write(path("full/theirs"), "").unwrap();
        std::fs::write(path("full/program"), "").unwrap();
        std::fs::set_permissions(path("full/program"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        std::fs::hard_link(path("full/program"), path("copy")).unwrap();
        let root = RootDirectory::open(folder.path()).unwrap();
        let files =
            [directory("/full"), directory("/full/empty"), file("/full/gone", ""), file("/full/program", "")];
        let told = erase(&root, &files, &[EraseAction::Erase; 4]).unwrap();
        assert_eq!(told, []);
        assert!(
            path("full/theirs").exists() && !path("full/empty").exists() && !path("full/program").exists()
        );
        assert_eq!(std::fs::metadata(path("copy")).unwrap().mode() & 0o7777, 0o755);
    }
}
