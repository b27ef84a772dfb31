//! A sandbox's root, in; what is at its paths, out, by the paths that a program inside has in the end: without links and dots.
//! Nothing here follows a link, and nothing leads out of the root.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, Stat, openat, openat2, readlinkat, statat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::digests::{Digest, Digests};
use crate::sandbox::Sandbox;
use crate::sandbox::plan::{Cover, covers};

/// Where a path inside a sandbox leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// To the root directory on the disk.
    Tree,
    /// To the sandbox's own `/proc`.
    Processes,
    /// To the host's `/sys`.
    Host,
    /// To what is made anew for each run, and is gone with it.
    Memory,
}

/// The root of a sandbox as its programs find it before they change anything.
#[derive(Debug)]
pub struct View {
    pub(super) root: OwnedFd,
    pub(super) device: u64,
    covers: Vec<(Vec<u8>, Area)>,
    /// Files that belong to the run, not to the root.
    own: Vec<Vec<u8>>,
    pub(super) epoch: i64,
    pub(super) digests: Arc<Digests>,
}

/// Attributes of a file: names and values, sorted.
pub type Attributes = Vec<(Vec<u8>, Vec<u8>)>;

const HOST_FILE_LIMIT: u64 = 1 << 20;

impl View {
    /// The view of a sandbox's programs. Files newer than `epoch` (seconds since 1970) count as of that time; `own` are files that
    /// the caller puts into the root for the run and that count as part of the call. Nothing for a sandbox with binds
    /// in its root, whose content is not known here.
    pub fn new(
        sandbox: &Sandbox,
        epoch: u64,
        own: &[&Path],
        digests: Arc<Digests>,
    ) -> io::Result<Option<Self>> {
        let root = std::path::absolute(sandbox.root())?;
        let mut areas = Vec::new();
        for (path, cover) in covers(sandbox, &root)? {
            let area = match cover {
                Cover::Processes => Area::Processes,
                Cover::Host => Area::Host,
                Cover::Memory => Area::Memory,
                // The sandbox's own `/dev` lies above it.
                Cover::Bind if path.starts_with("/dev") => Area::Memory,
                Cover::Bind => return Ok(None),
            };
            areas.push((path.into_os_string().into_encoded_bytes(), area));
        }
        let root = openat(CWD, &root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let device = statat(&root, c"", AtFlags::EMPTY_PATH)?.st_dev;
        Ok(Some(View {
            root,
            device,
            covers: areas,
            own: own.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect(),
            epoch: i64::try_from(epoch).unwrap_or(i64::MAX),
            digests,
        }))
    }

    pub(super) fn area(&self, path: &[u8]) -> Area {
        let covered = |cover: &[u8]| {
            path.strip_prefix(cover).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        self.covers.iter().find(|(cover, _)| covered(cover)).map_or(Area::Tree, |(_, area)| *area)
    }

    pub(super) fn is_own(&self, path: &[u8]) -> bool {
        self.own.iter().any(|own| own == path)
    }

    /// What is there, a link itself; nothing if nothing is.
    pub(super) fn stat(&self, path: &[u8]) -> io::Result<Option<Stat>> {
        let found = if self.area(path) == Area::Tree {
            statat(&self.root, relative(path), AtFlags::SYMLINK_NOFOLLOW)
        } else {
            statat(CWD, Path::new(OsStr::from_bytes(path)), AtFlags::SYMLINK_NOFOLLOW)
        };
        match found {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(super) fn target(&self, path: &[u8]) -> io::Result<Vec<u8>> {
        let target = if self.area(path) == Area::Tree {
            readlinkat(&self.root, relative(path), Vec::new())?
        } else {
            readlinkat(CWD, Path::new(OsStr::from_bytes(path)), Vec::new())?
        };
        Ok(target.into_bytes())
    }

    /// A file of the root, opened to read.
    pub(super) fn open(&self, path: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        loop {
            match openat2(&self.root, relative(path), flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                opened => return Ok(File::from(opened?)),
            }
        }
    }

    /// The digest of a file's content.
    pub(super) fn content(&self, path: &[u8], stat: &Stat) -> io::Result<Digest> {
        if self.area(path) == Area::Tree {
            if let Some(known) = self.digests.known(stat) {
                return Ok(known);
            }
            return self.digests.of(&mut self.open(path)?, stat);
        }
        let mut content = Vec::new();
        File::open(OsStr::from_bytes(path))?.take(HOST_FILE_LIMIT).read_to_end(&mut content)?;
        Ok(Sha256::digest(&content).into())
    }

    /// The names in a directory, without those that the run itself brings.
    pub(super) fn names(&self, path: &[u8]) -> io::Result<BTreeSet<Vec<u8>>> {
        let directory = if self.area(path) == Area::Tree {
            Dir::new(self.open(path)?)?
        } else {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Dir::new(openat(CWD, Path::new(OsStr::from_bytes(path)), flags, Mode::empty())?)?
        };
        let mut names = BTreeSet::new();
        for entry in directory {
            let name = entry?.file_name().to_bytes().to_vec();
            let full = join(path, &name);
            let brought = self.is_own(&full) || self.covers.iter().any(|(cover, _)| *cover == full);
            if name != b"." && name != b".." && !brought {
                names.insert(name);
            }
        }
        Ok(names)
    }

    pub(super) fn attributes(&self, path: &[u8]) -> io::Result<Attributes> {
        let path = self.outside(path);
        let mut list = vec![0_u8; 256];
        let length = loop {
            match rustix::fs::llistxattr(&path, &mut list) {
                Ok(length) => break length,
                Err(Errno::RANGE) => list.resize(list.len() * 4, 0),
                Err(Errno::OPNOTSUPP) => break 0,
                Err(errno) => return Err(errno.into()),
            }
        };
        let mut attributes = Attributes::new();
        for name in list[..length].split(|byte| *byte == 0).filter(|name| counts(name)) {
            let mut value = vec![0_u8; 256];
            let length = loop {
                match rustix::fs::lgetxattr(&path, OsStr::from_bytes(name), &mut value) {
                    Ok(length) => break length,
                    Err(Errno::RANGE) => value.resize(value.len() * 4, 0),
                    Err(errno) => return Err(errno.into()),
                }
            };
            value.truncate(length);
            attributes.push((name.to_vec(), value));
        }
        attributes.sort();
        Ok(attributes)
    }

    /// A path of the root as this process reaches it.
    fn outside(&self, path: &[u8]) -> std::path::PathBuf {
        let mut outside = std::path::PathBuf::from(format!("/proc/self/fd/{}", self.root.as_raw_fd()));
        outside.push(relative(path));
        outside
    }
}

/// Whether an extended attribute belongs to a file: labels of the host's own security modules do not.
pub fn counts(attribute: &[u8]) -> bool {
    let is_label = attribute.starts_with(b"security.") && attribute != b"security.capability";
    !attribute.is_empty() && !is_label
}

/// A path of the root, from the root.
pub(super) fn relative(path: &[u8]) -> &Path {
    let relative = path.strip_prefix(b"/").unwrap_or(path);
    Path::new(OsStr::from_bytes(if relative.is_empty() { b"." } else { relative }))
}

pub(super) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(if directory == b"/" { b"" } else { directory });
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// The directory that a path is an entry of; nothing for the root.
pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    if path == b"/" {
        return None;
    }
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some(if slash == 0 { b"/" } else { &path[..slash] })
}

pub(super) fn digest_of_names<'a>(names: impl IntoIterator<Item = &'a Vec<u8>>) -> Digest {
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name);
        hasher.update([0]);
    }
    hasher.finalize().into()
}

pub(super) fn digest_of_attributes(attributes: &Attributes) -> Digest {
    let mut hasher = Sha256::new();
    for field in attributes.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update((field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}
