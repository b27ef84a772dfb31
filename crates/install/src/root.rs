//! A root directory, in; files and directories below it, opened so that no symbolic link leads out of it, out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// A directory that stands for `/`.
#[derive(Debug)]
pub struct RootDirectory {
    path: PathBuf,
    fd: OwnedFd,
}

/// What could not be done with a path of the root.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct RootError {
    /// What was tried.
    pub action: &'static str,
    /// As seen from inside the root.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

impl RootError {
    pub(crate) fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        RootError { action, path: path.into(), source: source.into() }
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Directories that no package owns.
const UNOWNED_DIRECTORY: Mode = Mode::from_raw_mode(0o755);

impl RootDirectory {
    /// Opens an existing directory as a root.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let fd = rustix::fs::open(path, DIRECTORY, Mode::empty())
            .map_err(|source| RootError::new("open the root directory", path, source))?;
        Ok(RootDirectory { path: path.to_owned(), fd })
    }

    /// Where the root is, seen from outside.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root directory itself.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens a directory; with `create`, missing ones are made with mode 0755.
    pub fn open_directory(&self, path: &Path, create: bool) -> Result<OwnedFd, RootError> {
        match self.resolve(path, DIRECTORY) {
            Err(Errno::NOENT) if create => self.make_directory(path),
            result => result.map_err(|source| RootError::new("open the directory", path, source)),
        }
    }

    /// Opens a file to read, wherever links lead inside the root; `None` if there is none.
    pub fn open_file(&self, path: &Path) -> Result<Option<File>, RootError> {
        match self.resolve(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK) {
            Ok(fd) => Ok(Some(File::from(fd))),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(source) => Err(RootError::new("open", path, source)),
        }
    }

    /// The bytes of a file; `None` if there is none.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, RootError> {
        let Some(mut file) = self.open_file(path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|source| RootError::new("read", path, source))?;
        Ok(Some(bytes))
    }

    /// What is at a path, a final symbolic link not followed; `None` if nothing is.
    pub fn stat(&self, path: &Path) -> Result<Option<Stat>, RootError> {
        let (parent, Some(name)) = (path.parent().unwrap_or(Path::new("/")), path.file_name()) else {
            return rustix::fs::fstat(&self.fd)
                .map(Some)
                .map_err(|source| RootError::new("look at", path, source));
        };
        let directory = match self.resolve(parent, DIRECTORY) {
            Ok(directory) => directory,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(source) => return Err(RootError::new("look at", path, source)),
        };
        match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(RootError::new("look at", path, source)),
        }
    }

    /// Where a symbolic link leads, as it says.
    pub fn read_link(&self, path: &Path) -> Result<Vec<u8>, RootError> {
        let failed = |source: Errno| RootError::new("read the link", path, source);
        let (parent, Some(name)) = (path.parent().unwrap_or(Path::new("/")), path.file_name()) else {
            return Err(failed(Errno::INVAL));
        };
        let directory = self.resolve(parent, DIRECTORY).map_err(failed)?;
        rustix::fs::readlinkat(&directory, name, Vec::new())
            .map(std::ffi::CString::into_bytes)
            .map_err(failed)
    }

    /// Makes a file with exactly these bytes, mode, owner root; whatever is there is replaced in one step.
    pub fn write(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), RootError> {
        let failed = |source: io::Error| RootError::new("write", path, source);
        let (parent, Some(name)) = (path.parent().unwrap_or(Path::new("/")), path.file_name()) else {
            return Err(failed(Errno::ISDIR.into()));
        };
        let directory = self.open_directory(parent, true)?;
        let mut unfinished = std::ffi::OsString::from(".");
        unfinished.push(name);
        unfinished.push(".new");
        remove_file(directory.as_fd(), Path::new(&unfinished)).map_err(|source| failed(source.into()))?;
        let mut file =
            create_file(directory.as_fd(), Path::new(&unfinished)).map_err(|source| failed(source.into()))?;
        file.write_all(bytes).map_err(failed)?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|source| failed(source.into()))?;
        rustix::fs::renameat(&directory, &unfinished, &directory, name)
            .map_err(|source| failed(source.into()))
    }

    /// Removes a file, a final symbolic link itself; it need not be there.
    pub fn remove(&self, path: &Path) -> Result<(), RootError> {
        let (parent, Some(name)) = (path.parent().unwrap_or(Path::new("/")), path.file_name()) else {
            return Err(RootError::new("remove", path, Errno::ISDIR));
        };
        match self.resolve(parent, DIRECTORY) {
            Ok(directory) => remove_file(directory.as_fd(), Path::new(name)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(source) => Err(source),
        }
        .map_err(|source| RootError::new("remove", path, source))
    }

    fn make_directory(&self, path: &Path) -> Result<OwnedFd, RootError> {
        let failed = |source: Errno| RootError::new("make the directory", path, source);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(failed(Errno::NOENT));
        };
        let parent = self.open_directory(parent, true)?;
        rustix::fs::mkdirat(&parent, name, UNOWNED_DIRECTORY).map_err(failed)?;
        let made =
            rustix::fs::openat(&parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()).map_err(failed)?;
        // mkdir obeys this process's umask; the result must not.
        rustix::fs::fchmod(&made, UNOWNED_DIRECTORY).map_err(failed)?;
        Ok(made)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = path.strip_prefix("/").unwrap_or(path);
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        loop {
            match rustix::fs::openat2(&self.fd, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
                // The kernel gives up when something else is renamed at the same moment.
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result,
            }
        }
    }
}

/// A new file that nobody else can read yet; its mode is set when its content is there.
pub(crate) fn create_file(directory: BorrowedFd<'_>, name: &Path) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600)).map(File::from)
}

/// Removes whatever is no directory; nothing there is fine.
pub(crate) fn remove_file(directory: BorrowedFd<'_>, name: &Path) -> Result<(), Errno> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn links_stay_inside_the_root() {
        let outside = tempfile::tempdir().unwrap();
        let directory = tempfile::tempdir().unwrap();
        symlink(outside.path(), directory.path().join("absolute")).unwrap();
        symlink("../../../../../../etc", directory.path().join("up")).unwrap();
        let root = RootDirectory::open(directory.path()).unwrap();
        assert!(root.open_directory(Path::new("/absolute"), false).is_err());
        assert!(root.open_directory(Path::new("/up"), false).is_err());
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        root.write(Path::new("/up/made"), b"x", 0o644).unwrap();
        assert_eq!(std::fs::read(directory.path().join("etc/made")).unwrap(), b"x");
        assert!(outside.path().read_dir().unwrap().next().is_none());
    }

    #[test]
    fn missing_parents_are_made_0755_whatever_the_umask() {
        let directory = tempfile::tempdir().unwrap();
        let root = RootDirectory::open(directory.path()).unwrap();
        root.open_directory(Path::new("/a/b/c"), true).unwrap();
        assert_eq!(std::fs::metadata(directory.path().join("a/b")).unwrap().mode() & 0o7777, 0o755);
    }

    #[test]
    fn a_file_is_replaced_in_one_step_and_removed_without_following() {
        let directory = tempfile::tempdir().unwrap();
        let root = RootDirectory::open(directory.path()).unwrap();
        symlink("target", directory.path().join("f")).unwrap();
        std::fs::write(directory.path().join("target"), "old").unwrap();
        root.write(Path::new("/f"), b"new", 0o600).unwrap();
        assert_eq!(std::fs::read(directory.path().join("target")).unwrap(), b"old");
        assert_eq!(root.read(Path::new("/f")).unwrap().as_deref(), Some(&b"new"[..]));
        root.remove(Path::new("/f")).unwrap();
        assert!(root.stat(Path::new("/f")).unwrap().is_none());
        assert_eq!(root.read(Path::new("/f")).unwrap(), None);
    }
}
