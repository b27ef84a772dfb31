//! A root and the places to mount on, in; the same root with those places there, until the value is dropped.
//!
//! What was not there before is removed afterwards, once no call of this process needs it any more. A killed process can leave
//! empty mount points behind; they are harmless. Links in the root are followed inside the root, never outside of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat,
    unlinkat,
};
use rustix::io::Errno;

/// What a mount point must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// Mount points that were made, or that another call made and this one needs too.
#[derive(Debug, Default)]
pub(super) struct MountPoints {
    held: Vec<Place>,
}

/// Device and inode of the directory, and the name in it: the same for every path that leads there.
type Place = (u64, u64, OsString);

struct Made {
    directory: OwnedFd,
    kind: Kind,
    users: usize,
}

static MADE: Mutex<BTreeMap<Place, Made>> = Mutex::new(BTreeMap::new());

/// A link that leads to a link that leads to a link: the kernel's own limit.
const MOST_LINKS: usize = 40;

/// Where `target`, absolute inside `root`, really lies there, every link followed inside the root, even to a place that is missing.
pub(super) fn landing(root: &Path, target: &Path) -> io::Result<PathBuf> {
    let root = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut left: Vec<OsString> = Vec::new();
    let push = |left: &mut Vec<OsString>, path: &Path| {
        left.extend(path.components().rev().map(|component| component.as_os_str().to_owned()));
    };
    push(&mut left, target);
    let mut reached = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = left.pop() {
        if name == "/" || name == ".." || name == "." {
            let kept = if name == ".." { reached.parent().map(Path::to_owned) } else { None };
            reached = if name == "." { reached } else { kept.unwrap_or_else(|| "/".into()) };
            continue;
        }
        let next = reached.join(&name);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let link = match openat2(&root, &next, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(found)
                if FileType::from_raw_mode(statat(&found, c"", AtFlags::EMPTY_PATH)?.st_mode)
                    .is_symlink() =>
            {
                readlinkat(&found, c"", Vec::new())?
            }
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                reached = next;
                continue;
            }
            Err(errno) => return Err(errno.into()),
        };
        links += 1;
        if links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        push(&mut left, Path::new(OsStr::from_bytes(link.as_bytes())));
    }
    Ok(reached)
}

impl MountPoints {
    /// Makes sure that `target`, absolute inside `root`, is there.
    pub(super) fn ensure(&mut self, root: &Path, target: &Path, kind: Kind) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, root, flags, Mode::empty())?;
        let names: Vec<&std::ffi::OsStr> = target
            .components()
            .filter_map(|component| if let Component::Normal(name) = component { Some(name) } else { None })
            .collect();
        let mut made = made();
        let mut parent = openat2(&root, c".", flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        let mut path = PathBuf::new();
        for (index, name) in names.iter().enumerate() {
            path.push(name);
            let here = if index + 1 < names.len() { Kind::Directory } else { kind };
            self.ensure_one(&mut made, &root, &parent, &path, here)?;
            if index + 1 < names.len() {
                parent = openat2(&root, &path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
            }
        }
        Ok(())
    }

    fn ensure_one(
        &mut self,
        made: &mut BTreeMap<Place, Made>,
        root: &OwnedFd,
        parent: &OwnedFd,
        path: &Path,
        kind: Kind,
    ) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default();
        let directory = statat(parent, c"", AtFlags::EMPTY_PATH)?;
        let place = (directory.st_dev, directory.st_ino, name.to_owned());
        match openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(_) => {
                if let Some(shared) = made.get_mut(&place) {
                    shared.users += 1;
                    self.held.push(place);
                }
                return Ok(());
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        match kind {
            Kind::Directory => mkdirat(parent, name, Mode::from_raw_mode(0o755))?,
            Kind::File => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                drop(openat(parent, name, flags, Mode::from_raw_mode(0o644))?);
            }
        }
        let directory = parent.as_fd().try_clone_to_owned()?;
        made.insert(place.clone(), Made { directory, kind, users: 1 });
        self.held.push(place);
        Ok(())
    }
}

impl Drop for MountPoints {
    fn drop(&mut self) {
        let mut made = made();
        for place in self.held.drain(..).rev() {
            let Some(shared) = made.get_mut(&place) else { continue };
            shared.users -= 1;
            if shared.users > 0 {
                continue;
            }
            if let Some(last) = made.remove(&place) {
                let flags = if last.kind == Kind::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
                // A directory that the program filled by another way than the mount is its own work: it stays.
                let _kept = unlinkat(&last.directory, &place.2, flags);
            }
        }
    }
}

fn made() -> MutexGuard<'static, BTreeMap<Place, Made>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_inside_the_root_even_to_missing_places() {
        let root = tempfile::tempdir().unwrap();
        let make = |name: &str| std::fs::create_dir_all(root.path().join(name)).unwrap();
        make("etc");
        make("usr/lib");
        let link = |to: &str, name: &str| symlink(to, root.path().join(name)).unwrap();
        link("usr/lib", "lib");
        link("../run/resolve/stub", "etc/resolv.conf");
        link("/../../etc", "escape");
        link("loop", "loop");
        let lands = |target: &str| landing(root.path(), Path::new(target)).unwrap();
        assert_eq!(lands("/lib/x/y"), Path::new("/usr/lib/x/y"));
        assert_eq!(lands("/etc/resolv.conf"), Path::new("/run/resolve/stub"));
        assert_eq!(lands("/escape/passwd"), Path::new("/etc/passwd"));
        assert_eq!(lands("/missing/../x"), Path::new("/x"));
        assert!(landing(root.path(), Path::new("/loop/x")).is_err());
    }
}
