//! One package's payload and what happens to each file, in; the files in the root, with owners, modes, times, out.
//!
//! Everything is opened below the root's directory; owners are looked up by name in the root's own passwd and group.

mod capabilities;
mod directories;
mod existing;
mod links;
mod regular;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Gid, Mode, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::files::FileAction;
use crate::package::{FileEntry, FileType};
use crate::payload::{Archive, ArchiveError, Member};
use crate::root::{RootDirectory, create_file, remove_file};
use crate::users::Accounts;
use directories::{Directories, Directory};
use links::PendingLinks;
use regular::{Makers, Regular};

pub use capabilities::{CapabilityTextError, capability_attribute};
pub use existing::{differs, digest_of};

/// What a package could not get.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file could not be made.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// As seen from inside the root.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The payload does not fit the header.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// File capabilities that cannot be read.
    #[error("file capabilities of {}", path.display())]
    Capabilities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CapabilityTextError,
    },
    /// A file type that Linux does not have.
    #[error("{} has mode {mode:o}, which is no file type", path.display())]
    FileType {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The root cannot be used.
    #[error(transparent)]
    Root(#[from] crate::root::RootError),
}

/// Something that this process may not make: whoever writes the image adds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// As seen from inside the root.
    pub path: PathBuf,
    /// What is missing there.
    pub what: DeferredKind,
}

/// The things that an ordinary user's namespace may not make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeferredKind {
    /// A device node; nothing is at the path.
    Device {
        /// `st_mode`, type included.
        mode: u32,
        /// `st_rdev`, in the kernel's 16 bit form.
        rdev: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Seconds since 1970.
        mtime: u32,
    },
    /// The extended attribute `security.capability` of a file that is there.
    Capability(Vec<u8>),
}

/// What came of unpacking beside the files themselves.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Files made, links and directories included.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Owners that the root does not know, with the first file that wanted them; root has these files.
    pub unknown_owners: BTreeMap<String, PathBuf>,
    /// What could not be made here.
    pub deferred: Vec<Deferred>,
    /// Configuration files that were kept or set aside: what was done, in words.
    pub set_aside: Vec<String>,
}

/// Makes the files of one package.
pub fn unpack<R: BufRead>(
    root: &RootDirectory,
    accounts: &Accounts,
    files: &[FileEntry],
    actions: &[FileAction],
    plain_payload: R,
) -> Result<Unpacked, UnpackError> {
    let mut archive = Archive::new(plain_payload, files);
    std::thread::scope(|scope| {
        let mut unpacker = Unpacker {
            root,
            accounts,
            files,
            actions,
            directories: Directories::new(root),
            links: PendingLinks::default(),
            makers: Makers::start(scope, files.len()),
            result: Unpacked::default(),
        };
        while let Some(member) = archive.next_member()? {
            unpacker.member(&mut archive, member)?;
        }
        unpacker.result.deferred.extend(unpacker.makers.finish()?);
        Ok(unpacker.result)
    })
}

/// Larger files are written as their bytes come; smaller ones are held until somebody makes them.
const HELD: u64 = 1 << 20;

struct Unpacker<'scope, 'a> {
    root: &'a RootDirectory,
    accounts: &'a Accounts,
    files: &'a [FileEntry],
    actions: &'a [FileAction],
    directories: Directories<'a>,
    links: PendingLinks,
    makers: Makers<'scope, 'a>,
    result: Unpacked,
}

struct Owner {
    uid: Uid,
    gid: Gid,
    mode: Mode,
}

impl<'scope, 'a: 'scope> Unpacker<'scope, 'a> {
    fn member<R: BufRead>(
        &mut self,
        archive: &mut Archive<'_, R>,
        member: Member,
    ) -> Result<(), UnpackError> {
        let files = self.files;
        let file = &files[member.file];
        let skipped = file.is_ghost() || self.actions[member.file].is_skip();
        let set = archive.links().set(member.file).map(|set| set[0]);
        if file.file_type() == FileType::Regular {
            return match set {
                Some(set) => self.hard_link(archive, member, set, skipped),
                None if skipped => Ok(()),
                None => self.regular(archive, file, self.actions[member.file]),
            };
        }
        if skipped {
            return Ok(());
        }
        self.result.files += 1;
        match file.file_type() {
            FileType::Directory => self.make_directory(file),
            FileType::Symlink => {
                self.replace(file, self.actions[member.file], "make the symbolic link", |directory, name| {
                    rustix::fs::symlinkat(&file.link_target, directory, name)
                })
            }
            FileType::Unknown => Err(UnpackError::FileType { path: file.path.clone(), mode: file.mode }),
            _ => self.make_node(file),
        }
    }

    fn regular<R: BufRead>(
        &mut self,
        archive: &mut Archive<'_, R>,
        file: &'a FileEntry,
        action: FileAction,
    ) -> Result<(), UnpackError> {
        if action == FileAction::Create && file.size <= HELD {
            let mut content = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
            archive.content(|bytes| {
                content.extend_from_slice(bytes);
                Ok::<(), UnpackError>(())
            })?;
            self.result.files += 1;
            self.result.bytes += content.len() as u64;
            let directory = self.directories.get(file.directory())?;
            let owner = self.owner(file);
            return self.makers.make(Regular { directory, file, owner, content });
        }
        let (directory, _, made) = self.create(file, action)?;
        self.write(archive, &made, file)?;
        self.finish_regular(&directory, &made, file)
    }

    fn hard_link<R: BufRead>(
        &mut self,
        archive: &mut Archive<'_, R>,
        member: Member,
        set: usize,
        skipped: bool,
    ) -> Result<(), UnpackError> {
        let files = self.files;
        let file = &files[member.file];
        if !skipped {
            let action = self.actions[member.file];
            if let Some((from, from_name)) = self.links.source(set) {
                self.replace(file, action, "make the hard link", |directory, name| {
                    rustix::fs::linkat(&*from, &from_name, directory, name, AtFlags::empty())
                })?;
                self.result.files += 1;
            } else {
                let (directory, name, made) = self.create(file, action)?;
                self.links.start(set, directory, name, made);
            }
        }
        if member.content.is_some()
            && let Some((directory, made)) = self.links.finish(set)
        {
            self.write(archive, &made, file)?;
            self.finish_regular(&directory, &made, file)?;
        }
        Ok(())
    }

    /// A new empty file under its final name.
    fn create(
        &mut self,
        file: &FileEntry,
        action: FileAction,
    ) -> Result<(Arc<Directory>, OsString, File), UnpackError> {
        self.result.files += 1;
        let mut made = None;
        let (directory, used) = self.replace_with(file, action, "make the file", |directory, name| {
            made = Some(create_file(directory, Path::new(name))?);
            Ok(())
        })?;
        let made = made.ok_or_else(|| failed("make the file", file)(io::ErrorKind::NotFound.into()))?;
        Ok((directory, used, made))
    }

    fn write<R: BufRead>(
        &mut self,
        archive: &mut Archive<'_, R>,
        mut made: &File,
        file: &FileEntry,
    ) -> Result<(), UnpackError> {
        archive.content(|bytes| {
            self.result.bytes += bytes.len() as u64;
            made.write_all(bytes).map_err(failed("write", file))
        })
    }

    fn finish_regular(
        &mut self,
        directory: &Directory,
        made: &File,
        file: &FileEntry,
    ) -> Result<(), UnpackError> {
        let owner = self.owner(file);
        self.result.deferred.extend(regular::finish(directory, made, file, &owner)?);
        Ok(())
    }

    fn make_directory(&mut self, file: &FileEntry) -> Result<(), UnpackError> {
        let owner = self.owner(file);
        let made = match file.path.file_name() {
            None => self.root.fd().try_clone_to_owned().map_err(failed("open", file))?,
            Some(name) => self.directory_to_own(file, name)?,
        };
        rustix::fs::fchown(&made, Some(owner.uid), Some(owner.gid))
            .map_err(kernel("change the owner of", file))?;
        rustix::fs::fchmod(&made, owner.mode).map_err(kernel("change the mode of", file))?;
        self.directories.keep(&file.path, made);
        Ok(())
    }

    /// The directory at a path: there already, behind a symbolic link inside the root, or made.
    fn directory_to_own(&mut self, file: &FileEntry, name: &OsStr) -> Result<OwnedFd, UnpackError> {
        let directory = self.directories.get(file.directory())?;
        match rustix::fs::mkdirat(&*directory, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(source) => return Err(kernel("make the directory", file)(source)),
        }
        match self.root.open_directory(&file.path, false) {
            Ok(made) => Ok(made),
            // Something else is in the way, which rpm replaces.
            Err(_) => {
                rustix::fs::unlinkat(&*directory, name, AtFlags::empty())
                    .map_err(kernel("replace by a directory", file))?;
                rustix::fs::mkdirat(&*directory, name, Mode::from_raw_mode(0o700))
                    .map_err(kernel("make the directory", file))?;
                Ok(self.root.open_directory(&file.path, false)?)
            }
        }
    }

    fn make_node(&mut self, file: &FileEntry) -> Result<(), UnpackError> {
        let owner = self.owner(file);
        let kind = rustix::fs::FileType::from_raw_mode(file.mode);
        let device = u64::from(file.rdev);
        let made = self.replace(file, FileAction::Create, "make the device", |directory, name| {
            rustix::fs::mknodat(directory, name, kind, Mode::from_raw_mode(0o600), device)
        });
        match made {
            Err(UnpackError::File { source, .. })
                if source.raw_os_error() == Some(Errno::PERM.raw_os_error()) =>
            {
                self.result.deferred.push(Deferred {
                    path: file.path.clone(),
                    what: DeferredKind::Device {
                        mode: file.mode,
                        rdev: file.rdev,
                        uid: owner.uid.as_raw(),
                        gid: owner.gid.as_raw(),
                        mtime: file.mtime,
                    },
                });
                return Ok(());
            }
            made => made?,
        }
        let name = file.path.file_name().unwrap_or_default();
        let directory = self.directories.get(file.directory())?;
        rustix::fs::chmodat(&*directory, name, owner.mode, AtFlags::empty())
            .map_err(kernel("change the mode of", file))?;
        rustix::fs::utimensat(&*directory, name, &times(file), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(kernel("change the time of", file))
    }

    /// Makes something that is no directory and no regular file, and gives it to its owner.
    fn replace(
        &mut self,
        file: &FileEntry,
        action: FileAction,
        step: &'static str,
        make: impl FnMut(BorrowedFd<'_>, &OsStr) -> Result<(), Errno>,
    ) -> Result<(), UnpackError> {
        let (directory, used) = self.replace_with(file, action, step, make)?;
        if file.file_type() == FileType::Regular {
            return Ok(());
        }
        let owner = self.owner(file);
        let (uid, gid) = (Some(owner.uid), Some(owner.gid));
        rustix::fs::chownat(&*directory, &used, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(kernel("change the owner of", file))?;
        rustix::fs::utimensat(&*directory, &used, &times(file), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(kernel("change the time of", file))
    }

    /// Calls `make` with the final name, which it gives with its directory; what is in the way is removed, or set aside where
    /// the action says so.
    fn replace_with(
        &mut self,
        file: &FileEntry,
        action: FileAction,
        step: &'static str,
        mut make: impl FnMut(BorrowedFd<'_>, &OsStr) -> Result<(), Errno>,
    ) -> Result<(Arc<Directory>, OsString), UnpackError> {
        let name = file.path.file_name().ok_or_else(|| kernel(step, file)(Errno::ISDIR))?;
        let mut used = name.to_owned();
        let directory = self.directories.get(file.directory())?;
        match action {
            FileAction::CreateBeside => {
                used.push(".rpmnew");
                self.result.set_aside.push(format!("{0} created as {0}.rpmnew", file.path.display()));
            }
            FileAction::CreateAndKeepOld => {
                let mut kept = name.to_owned();
                kept.push(".rpmorig");
                rustix::fs::renameat(&*directory, name, &*directory, &kept)
                    .map_err(kernel("set aside", file))?;
                self.result.set_aside.push(format!("{0} saved as {0}.rpmorig", file.path.display()));
            }
            _ => {}
        }
        match make(directory.as_fd(), &used) {
            Err(Errno::EXIST) => {
                remove_file(directory.as_fd(), Path::new(&used)).map_err(kernel("replace", file))?;
                make(directory.as_fd(), &used)
            }
            result => result,
        }
        .map_err(kernel(step, file))?;
        Ok((directory, used))
    }

    /// An owner that the root does not know is root, and takes its set-ID bit with it.
    fn owner(&mut self, file: &FileEntry) -> Owner {
        let mut mode = file.permissions();
        let uid = self.accounts.user(&file.user).unwrap_or_else(|| {
            self.result
                .unknown_owners
                .entry(format!("user {}", file.user))
                .or_insert_with(|| file.path.clone());
            mode &= !0o4000;
            0
        });
        let gid = self.accounts.group(&file.group).unwrap_or_else(|| {
            self.result
                .unknown_owners
                .entry(format!("group {}", file.group))
                .or_insert_with(|| file.path.clone());
            mode &= !0o2000;
            0
        });
        Owner { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), mode: Mode::from_raw_mode(mode) }
    }
}

fn times(file: &FileEntry) -> Timestamps {
    let time = Timespec { tv_sec: i64::from(file.mtime), tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

fn failed(action: &'static str, file: &FileEntry) -> impl FnOnce(io::Error) -> UnpackError {
    let path = file.path.clone();
    move |source| UnpackError::File { action, path, source }
}

fn kernel(action: &'static str, file: &FileEntry) -> impl FnOnce(Errno) -> UnpackError {
    let path = file.path.clone();
    move |source| UnpackError::File { action, path, source: source.into() }
}
