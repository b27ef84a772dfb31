//! A tree, in; the same tree at another place of the same file system, out: content, owners, modes, times, attributes, links.
//!
//! Blocks are shared where the file system can, holes stay holes, names of one file stay names of one file. Nothing is followed:
//! neither symbolic links nor mounts. Whatever cannot be copied is an error.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, IFlags, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

/// Why a tree cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The system refused.
    #[error("cannot {action} {} for its copy", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// As seen from inside the tree.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is mounted inside.
    #[error("something is mounted at {} of the root: unmount it first", .0.display())]
    Mounted(PathBuf),
    /// A file that cannot be removed again.
    #[error("{} may not be changed (`chattr`): take the attribute away first", .0.display())]
    Immutable(PathBuf),
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// What is copied at once where the kernel cannot copy by itself, in bytes.
const BLOCK: usize = 256 << 10;
/// A list of names of attributes, or a value, is no longer than this (`XATTR_SIZE_MAX`).
const LONGEST_ATTRIBUTE: usize = 64 << 10;

/// Copies the tree at `from` into `to`, an empty directory.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), CopyError> {
    let open = |path: &Path| {
        rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(failed("open", Path::new("/")))
    };
    let (source, copy) = (open(from)?, open(to)?);
    let stat = rustix::fs::fstat(&source).map_err(failed("look at", Path::new("/")))?;
    let names = HashMap::new();
    let anchor = copy.try_clone().map_err(|error| io_failed("open", Path::new("/"), error))?;
    let mut tree = Copier { device: stat.st_dev, anchor, names, block: vec![0; BLOCK], shares_blocks: true };
    tree.directory(&source, &copy, Path::new("/"))?;
    finish_directory(&source, &copy, &stat, Path::new("/"))
}

struct Copier {
    device: u64,
    /// The copy's root, to link from.
    anchor: OwnedFd,
    /// Where the first name of a file with several names is, by its number.
    names: HashMap<u64, PathBuf>,
    block: Vec<u8>,
    shares_blocks: bool,
}

/// An entry of a directory that is copied.
struct Item<'a> {
    source: BorrowedFd<'a>,
    copy: BorrowedFd<'a>,
    name: &'a CStr,
    path: &'a Path,
    stat: &'a Stat,
}

impl Copier {
    fn directory(&mut self, source: &OwnedFd, copy: &OwnedFd, path: &Path) -> Result<(), CopyError> {
        let entries = Dir::read_from(source).map_err(failed("list", path))?;
        for entry in entries {
            let entry = entry.map_err(failed("list", path))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            let stat = rustix::fs::statat(source, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed("look at", &path))?;
            if stat.st_dev != self.device {
                return Err(CopyError::Mounted(path));
            }
            self.item(&Item { source: source.as_fd(), copy: copy.as_fd(), name, path: &path, stat: &stat })?;
        }
        Ok(())
    }

    fn item(&mut self, item: &Item<'_>) -> Result<(), CopyError> {
        let kind = FileType::from_raw_mode(item.stat.st_mode);
        if kind == FileType::Directory {
            return self.subdirectory(item);
        }
        if item.stat.st_nlink > 1 && self.link(item)? {
            return Ok(());
        }
        match kind {
            FileType::RegularFile => self.regular(item)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(item.source, item.name, Vec::new())
                    .map_err(failed("read", item.path))?;
                rustix::fs::symlinkat(&target, item.copy, item.name).map_err(failed("make", item.path))?;
            }
            kind => {
                let mode = Mode::from_raw_mode(0o600);
                rustix::fs::mknodat(item.copy, item.name, kind, mode, item.stat.st_rdev)
                    .map_err(failed("make", item.path))?;
            }
        }
        finish(item)
    }

    fn subdirectory(&mut self, item: &Item<'_>) -> Result<(), CopyError> {
        let source = rustix::fs::openat(item.source, item.name, DIRECTORY, Mode::empty())
            .map_err(failed("open", item.path))?;
        refuse_immutable(&source, item.path)?;
        rustix::fs::mkdirat(item.copy, item.name, Mode::from_raw_mode(0o700))
            .map_err(failed("make", item.path))?;
        let copy = rustix::fs::openat(item.copy, item.name, DIRECTORY, Mode::empty())
            .map_err(failed("open", item.path))?;
        self.directory(&source, &copy, item.path)?;
        finish_directory(&source, &copy, item.stat, item.path)
    }

    /// A further name of a file that is copied already.
    fn link(&mut self, item: &Item<'_>) -> Result<bool, CopyError> {
        let relative = item.path.strip_prefix("/").unwrap_or(item.path);
        match self.names.get(&item.stat.st_ino) {
            Some(first) => {
                rustix::fs::linkat(&self.anchor, first, item.copy, item.name, AtFlags::empty())
                    .map_err(failed("link", item.path))?;
                Ok(true)
            }
            None => {
                self.names.insert(item.stat.st_ino, relative.to_owned());
                Ok(false)
            }
        }
    }

    fn regular(&mut self, item: &Item<'_>) -> Result<(), CopyError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = rustix::fs::openat(item.source, item.name, flags, Mode::empty())
            .map_err(failed("open", item.path))?;
        refuse_immutable(&source, item.path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let copy = rustix::fs::openat(item.copy, item.name, flags, Mode::from_raw_mode(0o600))
            .map_err(failed("make", item.path))?;
        let size = u64::try_from(item.stat.st_size).unwrap_or(0);
        if size == 0 {
            return Ok(());
        }
        if self.shares_blocks {
            match rustix::fs::ioctl_ficlone(&copy, &source) {
                Ok(()) => return Ok(()),
                // This file system cannot, for no file.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY | Errno::XDEV) => {
                    self.shares_blocks = false
                }
                // This file cannot.
                Err(_) => {}
            }
        }
        self.content(item, &source, &copy, size)
    }

    fn content(
        &mut self,
        item: &Item<'_>,
        source: &OwnedFd,
        copy: &OwnedFd,
        size: u64,
    ) -> Result<(), CopyError> {
        let mut at = 0;
        while at < size {
            let (start, end) = match next_data(source, at, size) {
                Ok(Some(extent)) => extent,
                Ok(None) => break,
                Err(error) => return Err(failed("read", item.path)(error)),
            };
            self.extent(source, copy, start, end).map_err(|error| io_failed("copy", item.path, error))?;
            at = end;
        }
        rustix::fs::ftruncate(copy, size).map_err(failed("copy", item.path))
    }

    fn extent(&mut self, source: &OwnedFd, copy: &OwnedFd, start: u64, end: u64) -> io::Result<()> {
        let (mut from, mut to) = (start, start);
        while from < end {
            let wanted = usize::try_from(end - from).unwrap_or(usize::MAX).min(1 << 30);
            match rustix::fs::copy_file_range(source, Some(&mut from), copy, Some(&mut to), wanted) {
                // The file became shorter meanwhile.
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::XDEV) => {
                    return self.by_hand(source, copy, from, end);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn by_hand(&mut self, source: &OwnedFd, copy: &OwnedFd, start: u64, end: u64) -> io::Result<()> {
        rustix::fs::seek(source, SeekFrom::Start(start))?;
        rustix::fs::seek(copy, SeekFrom::Start(start))?;
        let (mut source, mut copy) = (File::from(source.try_clone()?), File::from(copy.try_clone()?));
        let mut left = end - start;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            let count = source.read(&mut self.block[..wanted])?;
            if count == 0 {
                break;
            }
            copy.write_all(&self.block[..count])?;
            left -= count as u64;
        }
        Ok(())
    }
}

/// The next part of a file that is no hole, from a place on.
fn next_data(source: &OwnedFd, at: u64, size: u64) -> Result<Option<(u64, u64)>, Errno> {
    let start = match rustix::fs::seek(source, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        // No file system of that kind: everything is data.
        Err(Errno::INVAL) => return Ok(Some((at, size))),
        Err(error) => return Err(error),
    };
    let end = rustix::fs::seek(source, SeekFrom::Hole(start))?;
    Ok(Some((start, end.min(size))))
}

fn refuse_immutable(file: &OwnedFd, path: &Path) -> Result<(), CopyError> {
    match rustix::fs::ioctl_getflags(file) {
        Ok(flags) if flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND) => {
            Err(CopyError::Immutable(path.to_owned()))
        }
        // A file system without such flags.
        _ => Ok(()),
    }
}

/// Owner before mode before attributes before time: each step would undo a later one.
fn finish(item: &Item<'_>) -> Result<(), CopyError> {
    let (uid, gid) = (Some(Uid::from_raw(item.stat.st_uid)), Some(Gid::from_raw(item.stat.st_gid)));
    rustix::fs::chownat(item.copy, item.name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failed("change the owner of", item.path))?;
    if FileType::from_raw_mode(item.stat.st_mode) != FileType::Symlink {
        rustix::fs::chmodat(item.copy, item.name, mode(item.stat), AtFlags::empty())
            .map_err(failed("change the mode of", item.path))?;
    }
    let name = OsStr::from_bytes(item.name.to_bytes());
    let through = |directory: BorrowedFd<'_>| {
        PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name)
    };
    attributes(&through(item.source), &through(item.copy), item.path)?;
    rustix::fs::utimensat(item.copy, item.name, &times(item.stat), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failed("change the time of", item.path))
}

fn finish_directory(source: &OwnedFd, copy: &OwnedFd, stat: &Stat, path: &Path) -> Result<(), CopyError> {
    let (uid, gid) = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    rustix::fs::fchown(copy, uid, gid).map_err(failed("change the owner of", path))?;
    rustix::fs::fchmod(copy, mode(stat)).map_err(failed("change the mode of", path))?;
    let through = |directory: &OwnedFd| PathBuf::from(format!("/proc/self/fd/{}/.", directory.as_raw_fd()));
    attributes(&through(source), &through(copy), path)?;
    rustix::fs::futimens(copy, &times(stat)).map_err(failed("change the time of", path))
}

/// Extended attributes, access control lists among them.
fn attributes(source: &Path, copy: &Path, path: &Path) -> Result<(), CopyError> {
    let mut names = vec![0; LONGEST_ATTRIBUTE];
    let length = match rustix::fs::llistxattr(source, &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(failed("list the attributes of", path)(error)),
    };
    if length == 0 {
        return Ok(());
    }
    let mut value = vec![0; LONGEST_ATTRIBUTE];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let length =
            rustix::fs::lgetxattr(source, name, &mut value).map_err(failed("read an attribute of", path))?;
        rustix::fs::lsetxattr(copy, name, &value[..length], XattrFlags::empty())
            .map_err(failed("set an attribute of", path))?;
    }
    Ok(())
}

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode & 0o7777)
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or(0),
    };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(Errno) -> CopyError + 'a {
    move |source| io_failed(action, path, source.into())
}

fn io_failed(action: &'static str, path: &Path, source: io::Error) -> CopyError {
    CopyError::Io { action, path: path.to_owned(), source }
}
