//! What a run left at each path, in; a root in which the same is left, out.
//!
//! Paths come from runs in such a root and are taken apart once more here: no link is followed, and none leads out.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use host_tools::sandbox::recording::{Entry, EntryKind, Owner, Time, Written, counts};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, UTIME_NOW, Uid,
    XattrFlags,
};
use rustix::io::Errno;

/// What could not be repeated, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot repeat what a script did to {}", path.display())]
pub struct ApplyError {
    /// In the root.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

/// Does to the root what the run did; `epoch` in seconds since 1970.
pub(super) fn apply(
    root: BorrowedFd<'_>,
    written: &[(Vec<u8>, Written)],
    epoch: u64,
) -> Result<(), ApplyError> {
    let mut target =
        Target { root, parent: None, epoch: i64::try_from(epoch).unwrap_or(i64::MAX), later: Vec::new() };
    let failed = |path: &[u8], source: Errno| ApplyError {
        path: PathBuf::from(OsStr::from_bytes(path)),
        source: source.into(),
    };
    // What is in a directory goes before it.
    for (path, written) in written.iter().rev() {
        target.clear(path, written).map_err(|error| failed(path, error))?;
    }
    target.parent = None;
    for (path, written) in written {
        target.put(path, written).map_err(|error| failed(path, error))?;
    }
    let later = std::mem::take(&mut target.later);
    for (path, entry, to) in later {
        target.hard_link(path, to).map_err(|error| failed(path, error))?;
        target.set_owner(path, &entry.owner).map_err(|error| failed(path, error))?;
    }
    for (path, written) in written {
        target.set_time(path, written).map_err(|error| failed(path, error))?;
    }
    Ok(())
}

struct Target<'a> {
    root: BorrowedFd<'a>,
    /// The directory used last.
    parent: Option<(&'a [u8], Rc<OwnedFd>)>,
    epoch: i64,
    /// Hard links: what they lead to has to be there first.
    later: Vec<(&'a [u8], &'a Entry, &'a [u8])>,
}

impl<'a> Target<'a> {
    /// Removes what is in the way of what shall be there.
    fn clear(&mut self, path: &'a [u8], written: &Written) -> Result<(), Errno> {
        let Some(found) = self.stat(path)? else { return Ok(()) };
        let found = FileType::from_raw_mode(found.st_mode);
        let stays = match written {
            Written::Absent => false,
            Written::Changed { .. } => true,
            Written::Entry(entry) => match entry.kind {
                // A file takes the place of another in one step.
                EntryKind::File { .. } => !found.is_dir(),
                EntryKind::Directory => found.is_dir(),
                EntryKind::HardLink { .. } | EntryKind::Link { .. } | EntryKind::Special(_) => false,
            },
        };
        if stays {
            return Ok(());
        }
        let flags = if found.is_dir() { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let (parent, name) = self.entry_of(path)?;
        rustix::fs::unlinkat(&*parent, name, flags)
    }

    fn put(&mut self, path: &'a [u8], written: &'a Written) -> Result<(), Errno> {
        match written {
            Written::Absent | Written::Changed { owner: None, .. } => Ok(()),
            Written::Changed { owner: Some(owner), .. } => self.set_owner(path, owner),
            Written::Entry(entry) => {
                match &entry.kind {
                    EntryKind::File { content, in_place } => {
                        return self.file(path, content, *in_place, &entry.owner);
                    }
                    EntryKind::HardLink { to } => {
                        self.later.push((path, entry, to));
                        return Ok(());
                    }
                    EntryKind::Directory => {
                        let (parent, name) = self.entry_of(path)?;
                        match rustix::fs::mkdirat(&*parent, name, Mode::from_raw_mode(0o700)) {
                            Err(Errno::EXIST) => {}
                            result => result?,
                        }
                    }
                    EntryKind::Link { target } => {
                        let (parent, name) = self.entry_of(path)?;
                        rustix::fs::symlinkat(OsStr::from_bytes(target), &*parent, name)?;
                    }
                    EntryKind::Special(device) => {
                        let (parent, name) = self.entry_of(path)?;
                        let kind = FileType::from_raw_mode(entry.owner.mode);
                        rustix::fs::mknodat(&*parent, name, kind, Mode::from_raw_mode(0o600), *device)?;
                    }
                }
                self.set_owner(path, &entry.owner)
            }
        }
    }

    fn file(&mut self, path: &'a [u8], content: &[u8], in_place: bool, owner: &Owner) -> Result<(), Errno> {
        let there = self.stat(path)?.is_some();
        let (parent, name) = self.entry_of(path)?;
        let new = Path::new(name).with_file_name({
            let mut new = std::ffi::OsString::from(".");
            new.push(name);
            new.push(".lazuli-new");
            new
        });
        let common = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let beside = there && !in_place;
        let opened = if there && in_place {
            rustix::fs::openat(&*parent, name, common | OFlags::TRUNC, Mode::empty())
        } else {
            let name = if beside { new.as_os_str() } else { name };
            let flags = common | OFlags::CREATE | OFlags::EXCL;
            rustix::fs::openat(&*parent, name, flags, Mode::from_raw_mode(0o600))
        };
        let mut file = File::from(opened?);
        file.write_all(content).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        if beside {
            rustix::fs::renameat(&*parent, &new, &*parent, name)?;
        }
        // The owner first: a change of it takes set-ID bits and capabilities away.
        rustix::fs::fchown(&file, Some(Uid::from_raw(owner.user)), Some(Gid::from_raw(owner.group)))?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(owner.mode & 0o7777))?;
        self.set_attributes(path, owner)
    }

    fn hard_link(&mut self, path: &'a [u8], to: &'a [u8]) -> Result<(), Errno> {
        let from = self.directory(parent_of(to))?;
        let (parent, name) = self.entry_of(path)?;
        rustix::fs::linkat(&*from, name_of(to), &*parent, name, AtFlags::empty())
    }

    fn set_owner(&mut self, path: &'a [u8], owner: &Owner) -> Result<(), Errno> {
        let (parent, name) = self.entry_of(path)?;
        let (user, group) = (Some(Uid::from_raw(owner.user)), Some(Gid::from_raw(owner.group)));
        rustix::fs::chownat(&*parent, name, user, group, AtFlags::SYMLINK_NOFOLLOW)?;
        if !FileType::from_raw_mode(owner.mode).is_symlink() {
            rustix::fs::chmodat(&*parent, name, Mode::from_raw_mode(owner.mode & 0o7777), AtFlags::empty())?;
        }
        self.set_attributes(path, owner)
    }

    fn set_attributes(&mut self, path: &'a [u8], owner: &Owner) -> Result<(), Errno> {
        let (parent, name) = self.entry_of(path)?;
        let outside = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(name);
        let mut list = vec![0_u8; 4096];
        let length = match rustix::fs::llistxattr(&outside, &mut list) {
            Err(Errno::OPNOTSUPP) => 0,
            length => length?,
        };
        let wanted: BTreeSet<&[u8]> = owner.attributes.iter().map(|(name, _)| name.as_slice()).collect();
        for name in list[..length].split(|byte| *byte == 0).filter(|name| counts(name)) {
            if !wanted.contains(name) {
                rustix::fs::lremovexattr(&outside, OsStr::from_bytes(name))?;
            }
        }
        for (name, value) in &owner.attributes {
            rustix::fs::lsetxattr(&outside, OsStr::from_bytes(name), value, XattrFlags::empty())?;
        }
        Ok(())
    }

    fn set_time(&mut self, path: &'a [u8], written: &Written) -> Result<(), Errno> {
        let time = match written {
            Written::Entry(Entry { kind: EntryKind::HardLink { .. }, .. })
            | Written::Absent
            | Written::Changed { time: None, .. } => return Ok(()),
            Written::Entry(entry) => entry.time,
            Written::Changed { time: Some(time), .. } => *time,
        };
        let wanted = match time {
            Time::At(seconds, nanoseconds) => {
                Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or(0) }
            }
            Time::Recent => {
                if self.stat(path)?.is_some_and(|stat| stat.st_mtime > self.epoch) {
                    return Ok(());
                }
                Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }
            }
        };
        let times = Timestamps { last_access: wanted, last_modification: wanted };
        let (parent, name) = self.entry_of(path)?;
        rustix::fs::utimensat(&*parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn stat(&mut self, path: &'a [u8]) -> Result<Option<Stat>, Errno> {
        let (parent, name) = match self.entry_of(path) {
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            entry => entry?,
        };
        match rustix::fs::statat(&*parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// The directory that a path is in, and its name there; of the root, the root and a dot.
    fn entry_of(&mut self, path: &'a [u8]) -> Result<(Rc<OwnedFd>, &'a OsStr), Errno> {
        let name = if path == b"/" { OsStr::new(".") } else { name_of(path) };
        Ok((self.directory(parent_of(path))?, name))
    }

    fn directory(&mut self, path: &'a [u8]) -> Result<Rc<OwnedFd>, Errno> {
        if let Some((known, directory)) = &self.parent
            && *known == path
        {
            return Ok(Rc::clone(directory));
        }
        let relative = path.strip_prefix(b"/").unwrap_or(path);
        let relative = OsStr::from_bytes(if relative.is_empty() { b"." } else { relative });
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        let opened = loop {
            match rustix::fs::openat2(self.root, relative, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => break Rc::new(opened?),
            }
        };
        self.parent = Some((path, Rc::clone(&opened)));
        Ok(opened)
    }
}

fn parent_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(slash) => &path[..slash],
    }
}

fn name_of(path: &[u8]) -> &OsStr {
    OsStr::from_bytes(path.rsplit(|byte| *byte == b'/').next().unwrap_or_default())
}
