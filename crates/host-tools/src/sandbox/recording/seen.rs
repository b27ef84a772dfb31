//! What a run found at a path, as far as it looked, in; whether it would find the same now, out.
//!
//! Inode and device numbers and the times of access and of change never count: they differ between any two trees.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{FileType, Stat};

use super::digests::Digest;
use super::view::{Area, View, digest_of_attributes, digest_of_names};

/// What a run found at a path before it changed anything there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// An entry, with what of it the run looked at.
    There(There),
}

/// An entry of a directory, as far as a run looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// What it is.
    pub kind: Kind,
    /// Its type and permissions.
    pub mode: u32,
    /// Its owner, as this process numbers it.
    pub user: u32,
    /// Its group, likewise.
    pub group: u32,
    /// Size and time, if those were asked for.
    pub detail: Option<Detail>,
    /// Digest of a file's content or of a directory's names, if it was read.
    pub content: Option<Digest>,
    /// Digest of extended attributes, if those were asked for.
    pub attributes: Option<Digest>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with its target.
    Link(Vec<u8>),
    /// A device, pipe or socket, with its device number.
    Special(u64),
}

/// Size and time of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// In bytes; 0 for what is no file.
    pub size: i64,
    /// Names that a file has; 0 for what is no file.
    pub links: u64,
    /// Seconds since 1970, at most the epoch.
    pub seconds: i64,
    /// Nanoseconds beyond.
    pub nanoseconds: u64,
}

impl Seen {
    pub(super) fn basic(stat: &Stat, target: Option<Vec<u8>>) -> There {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link(target.unwrap_or_default()),
            _ => Kind::Special(stat.st_rdev),
        };
        There {
            kind,
            mode: stat.st_mode,
            user: stat.st_uid,
            group: stat.st_gid,
            detail: None,
            content: None,
            attributes: None,
        }
    }
}

impl Detail {
    /// What a time newer than the epoch says is when the tree was made, which differs between any two trees.
    pub(super) fn of(stat: &Stat, epoch: i64) -> Detail {
        let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
        let newer = stat.st_mtime >= epoch;
        Detail {
            size: if is_file { stat.st_size } else { 0 },
            links: if is_file { stat.st_nlink } else { 0 },
            seconds: if newer { epoch } else { stat.st_mtime },
            nanoseconds: if newer { 0 } else { stat.st_mtime_nsec },
        }
    }
}

/// What of a comparison failed, for whoever wonders why a script runs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed(pub Vec<u8>);

impl View {
    /// The first path at which a run would not find what it found; nothing if it would find the same everywhere.
    pub fn first_difference(&self, seen: &[(Vec<u8>, Seen)]) -> io::Result<Option<Changed>> {
        let mut unread = Vec::new();
        for (path, expected) in seen {
            match self.compare_quickly(path, expected)? {
                Comparison::Same => {}
                Comparison::Different => return Ok(Some(Changed(path.clone()))),
                Comparison::Unread(stat, digest) => unread.push((path, stat, digest)),
            }
        }
        self.compare_contents(&unread)
    }

    /// Everything but content that would have to be read.
    fn compare_quickly(&self, path: &[u8], expected: &Seen) -> io::Result<Comparison> {
        let found = self.stat(path)?;
        let (expected, stat) = match (expected, found) {
            (Seen::Absent, None) => return Ok(Comparison::Same),
            (Seen::There(expected), Some(stat)) => (expected, stat),
            _ => return Ok(Comparison::Different),
        };
        let target = match &expected.kind {
            Kind::Link(_) if FileType::from_raw_mode(stat.st_mode).is_symlink() => Some(self.target(path)?),
            _ => None,
        };
        let mut found = Seen::basic(&stat, target);
        if self.area(path) != Area::Tree {
            found.forget_owner();
        }
        found.detail = expected.detail.map(|_| Detail::of(&stat, self.epoch));
        if expected.attributes.is_some() {
            found.attributes = Some(digest_of_attributes(&self.attributes(path)?));
        }
        if expected.kind == Kind::Directory && found.kind == Kind::Directory && expected.content.is_some() {
            found.content = Some(digest_of_names(&self.names(path)?));
        }
        let unread = match expected.content {
            Some(digest) if expected.kind == Kind::File => {
                found.content = Some(digest);
                Some(digest)
            }
            _ => None,
        };
        if *expected != found {
            return Ok(Comparison::Different);
        }
        Ok(match unread {
            None => Comparison::Same,
            Some(digest) if self.area(path) == Area::Tree => match self.digests.known(&stat) {
                Some(known) if known == digest => Comparison::Same,
                Some(_) => Comparison::Different,
                None => Comparison::Unread(stat, digest),
            },
            Some(digest) => Comparison::Unread(stat, digest),
        })
    }

    /// Reads files on all processors, until one differs.
    fn compare_contents(&self, files: &[(&Vec<u8>, Stat, Digest)]) -> io::Result<Option<Changed>> {
        const WORTH_A_THREAD: usize = 16;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = processors.min(files.len().div_ceil(WORTH_A_THREAD)).max(1);
        let next = AtomicUsize::new(0);
        let enough = AtomicBool::new(false);
        let work = || -> io::Result<Option<Changed>> {
            while !enough.load(Ordering::Relaxed) {
                let Some((path, stat, digest)) = files.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                if self.content(path, stat)? != *digest {
                    enough.store(true, Ordering::Relaxed);
                    return Ok(Some(Changed((*path).clone())));
                }
            }
            Ok(None)
        };
        if threads == 1 {
            return work();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut difference = None;
            for worker in workers {
                let found = worker.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
                difference = difference.or(found);
            }
            Ok(difference)
        })
    }
}

enum Comparison {
    Same,
    Different,
    Unread(Stat, Digest),
}

impl There {
    /// Of the host's own files only the content counts.
    pub(super) fn forget_owner(&mut self) {
        self.mode = FileType::from_raw_mode(self.mode).as_raw_mode();
        self.user = 0;
        self.group = 0;
    }
}
