//! A run that has ended, in; what it left behind at every path that it changed, out.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use rustix::fs::{FileType, Stat};

use super::ledger::{Changes, Content, Ledger, in_parallel};
use super::view::Attributes;

/// What a run left at a path that it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Nothing.
    Absent,
    /// An entry that it made or wrote to.
    Entry(Entry),
    /// What was there before, with another owner, mode, attributes or time.
    Changed {
        /// Mode, owner and attributes, if they were set.
        owner: Option<Owner>,
        /// The time of its content, if that changed.
        time: Option<Time>,
    },
}

/// An entry that a run made or wrote to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Mode, owner and attributes.
    pub owner: Owner,
    /// The time of its content.
    pub time: Time,
}

/// What a run made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// All of it.
        content: Arc<Vec<u8>>,
        /// It is still the file that was there before.
        in_place: bool,
    },
    /// Another name of a file.
    HardLink {
        /// Its path.
        to: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Link {
        /// Where it leads.
        target: Vec<u8>,
    },
    /// A device or pipe, by its device number.
    Special(u64),
}

/// Mode, owner and attributes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Type and permissions.
    pub mode: u32,
    /// As this process numbers it.
    pub user: u32,
    /// Likewise.
    pub group: u32,
    /// Extended attributes.
    pub attributes: Attributes,
}

/// The time of an entry's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Of the run itself: newer than the epoch.
    Recent,
    /// Seconds since 1970 and nanoseconds, not newer than the epoch.
    At(i64, u64),
}

/// More than this, in bytes, is not worth keeping: 1 GiB.
const MOST_CONTENT: u64 = 1 << 30;

impl Time {
    pub(super) fn of(stat: &Stat, epoch: i64) -> Time {
        if stat.st_mtime > epoch || (stat.st_mtime == epoch && stat.st_mtime_nsec > 0) {
            Time::Recent
        } else {
            Time::At(stat.st_mtime, stat.st_mtime_nsec)
        }
    }
}

impl Ledger {
    /// What the run left, sorted by path. What it tried to change and did not counts among what it read from here on.
    pub(super) fn written(&mut self) -> Vec<(Vec<u8>, Written)> {
        let mut changed: Vec<(Vec<u8>, Changes)> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.changed.any())
            .map(|(path, node)| (path.clone(), node.changed))
            .collect();
        changed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut written = Vec::new();
        let mut files = Vec::new();
        for (path, changes) in changed {
            let after = match self.view.stat(&path) {
                Ok(after) => after,
                Err(error) => {
                    self.give_up_at(&path, &error);
                    return Vec::new();
                }
            };
            let before = self.touch(&path).before;
            let state = match (before, after) {
                (None, None) => continue,
                (Some(_), None) => Some(Written::Absent),
                (_, Some(after)) if changes.entry && !is_same_directory(before, &after) => {
                    self.entry(&path, &after, &mut files, written.len())
                }
                (Some(before), Some(after)) => self.changed(&path, changes, &before, &after),
                (None, Some(_)) => None,
            };
            written.extend(state.map(|state| (path, state)));
        }
        self.fill(&mut written, &files);
        self.share_hard_links(&mut written, &files);
        written
    }

    fn owner(&mut self, path: &[u8], after: &Stat) -> Owner {
        let attributes = self.view.attributes(path).unwrap_or_else(|error| {
            self.give_up_at(path, &error);
            Attributes::new()
        });
        Owner { mode: after.st_mode, user: after.st_uid, group: after.st_gid, attributes }
    }

    fn entry(&mut self, path: &[u8], after: &Stat, files: &mut Vec<Left>, place: usize) -> Option<Written> {
        let node = self.touch(path);
        let is_same = node.before.is_some_and(|before| before.st_ino == after.st_ino);
        if is_same {
            // Its mode, owner and attributes may still be those from before.
            node.needs_attributes = true;
        }
        let kind = match FileType::from_raw_mode(after.st_mode) {
            FileType::RegularFile => {
                files.push(Left { place, path: path.to_vec(), stat: *after, is_same });
                EntryKind::File { content: Arc::default(), in_place: is_same }
            }
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => match self.view.target(path) {
                Ok(target) => EntryKind::Link { target },
                Err(error) => {
                    self.give_up_at(path, &error);
                    return None;
                }
            },
            FileType::Socket => {
                self.give_up("it left a socket");
                return None;
            }
            _ => EntryKind::Special(after.st_rdev),
        };
        if is_same && !matches!(kind, EntryKind::File { .. }) {
            // A link or node that was not removed after all.
            self.touch(path).detail = true;
        }
        let owner = self.owner(path, after);
        Some(Written::Entry(Entry { kind, owner, time: Time::of(after, self.view.epoch) }))
    }

    fn changed(&mut self, path: &[u8], changes: Changes, before: &Stat, after: &Stat) -> Option<Written> {
        let owner = (changes.owner || changes.entry).then(|| self.owner(path, after));
        let moved = (before.st_mtime, before.st_mtime_nsec) != (after.st_mtime, after.st_mtime_nsec);
        let time = (moved && (changes.times || changes.entries || changes.entry))
            .then(|| Time::of(after, self.view.epoch));
        if changes.owner || changes.entry {
            self.touch(path).needs_attributes = true;
        }
        (owner.is_some() || time.is_some()).then_some(Written::Changed { owner, time })
    }

    /// Reads what the files hold that the run left.
    fn fill(&mut self, written: &mut [(Vec<u8>, Written)], files: &[Left]) {
        let total: u64 = files.iter().map(|file| u64::try_from(file.stat.st_size).unwrap_or(0)).sum();
        if total > MOST_CONTENT {
            return self.give_up(format!("it wrote {total} bytes"));
        }
        let view = &self.view;
        let contents = in_parallel(files, |file| {
            let mut content = Vec::with_capacity(usize::try_from(file.stat.st_size).unwrap_or(0));
            view.open(&file.path)?.read_to_end(&mut content).map(|_| content)
        });
        for (file, content) in files.iter().zip(contents) {
            match content {
                Ok(bytes) => {
                    self.compare_with_before(file, &bytes);
                    if let (_, Written::Entry(Entry { kind: EntryKind::File { content, .. }, .. })) =
                        &mut written[file.place]
                    {
                        *content = Arc::new(bytes);
                    }
                }
                Err(error) => self.give_up_at(&file.path, &error),
            }
        }
    }

    /// A file that is as it was may not have been written at all, so that what it was counts.
    fn compare_with_before(&mut self, file: &Left, bytes: &[u8]) {
        use sha2::Digest as _;
        let node = self.touch(&file.path);
        if let Content::Spare(before) = node.content
            && file.is_same
            && before == <[u8; 32]>::from(sha2::Sha256::digest(bytes))
        {
            node.content = Content::Needed(before);
            node.detail = true;
        }
    }

    /// Files that have several names are made once.
    fn share_hard_links(&mut self, written: &mut [(Vec<u8>, Written)], files: &[Left]) {
        let mut shared: BTreeMap<u64, Vec<&Left>> = BTreeMap::new();
        for file in files.iter().filter(|file| file.stat.st_nlink > 1) {
            shared.entry(file.stat.st_ino).or_default().push(file);
        }
        for (inode, names) in shared {
            let old = self.nodes.iter().find(|(path, node)| {
                node.changed.owner
                    && !node.changed.entry
                    && node.before.is_some_and(|before| before.st_ino == inode)
                    && names.iter().all(|name| name.path != **path)
            });
            let old = old.map(|(path, _)| path.clone());
            let links = u64::try_from(names.len()).unwrap_or(0) + u64::from(old.is_some());
            if names[0].stat.st_nlink != links {
                return self.give_up("it left a file with names that are not known");
            }
            let first = names.iter().find(|name| name.is_same).or(names.first());
            let to = old.clone().or_else(|| first.map(|first| first.path.clone())).unwrap_or_default();
            for name in names.iter().filter(|name| name.path != to) {
                if let (_, Written::Entry(entry)) = &mut written[name.place] {
                    entry.kind = EntryKind::HardLink { to: to.clone() };
                }
            }
        }
    }
}

/// A file that a run left.
struct Left {
    /// In the list of everything written.
    place: usize,
    path: Vec<u8>,
    stat: Stat,
    /// Whether it was there before.
    is_same: bool,
}

fn is_same_directory(before: Option<Stat>, after: &Stat) -> bool {
    FileType::from_raw_mode(after.st_mode).is_dir()
        && before.is_some_and(|before| {
            before.st_ino == after.st_ino && FileType::from_raw_mode(before.st_mode).is_dir()
        })
}
