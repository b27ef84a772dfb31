//! What a run does with paths, in; what each of them was before, as far as that counted, and what has to be looked at after, out.
//!
//! The state before is taken at the first touch, while the program waits: whatever it changes later is its own work. What
//! depends on content that the run itself made does not count.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use rustix::fs::{FileType, Stat};

use super::digests::Digest;
use super::seen::{Detail, Seen};
use super::view::{Area, Attributes, View, digest_of_attributes, digest_of_names, join, parent};

/// A path, as a run met it.
pub(super) struct Node {
    /// Before the run; nothing where nothing was.
    pub(super) before: Option<Stat>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) detail: bool,
    pub(super) content: Content,
    /// Of a directory.
    pub(super) names: Option<Digest>,
    pub(super) attributes: Option<Attributes>,
    pub(super) needs_attributes: bool,
    pub(super) changed: Changes,
}

/// A file's content before the run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// It does not count.
    Unneeded,
    /// It counts, and is still there to be read.
    Pending,
    /// It counts.
    Needed(Digest),
    /// It counts only if the run turns out not to have changed it.
    Spare(Digest),
}

/// How a run changed, or tried to change, what is at a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// It was made, removed, replaced, or written to.
    pub(super) entry: bool,
    /// Its mode, owner or attributes.
    pub(super) owner: bool,
    /// Its times, on purpose.
    pub(super) times: bool,
    /// Entries of the directory were made or removed.
    pub(super) entries: bool,
}

impl Changes {
    pub(super) fn any(self) -> bool {
        self != Changes::default()
    }
}

/// Everything that a run did so far.
pub(super) struct Ledger {
    pub(super) view: View,
    pub(super) nodes: HashMap<Vec<u8>, Node>,
    /// Names that the run made or removed, by directory.
    changed_names: HashMap<Vec<u8>, BTreeSet<Vec<u8>>>,
    /// Inodes that were there before the run, and that it gave more names.
    linked: HashSet<u64>,
    /// Why the run cannot be kept, if it cannot.
    pub(super) problem: Option<String>,
}

/// More paths than this are no scriptlet's work.
const MOST_PATHS: usize = 500_000;

impl Ledger {
    pub(super) fn new(view: View) -> Self {
        Ledger {
            view,
            nodes: HashMap::new(),
            changed_names: HashMap::new(),
            linked: HashSet::new(),
            problem: None,
        }
    }

    /// The run cannot be kept; the first reason is the one told.
    pub(super) fn give_up(&mut self, reason: impl Into<String>) {
        if self.problem.is_none() {
            self.problem = Some(reason.into());
        }
    }

    pub(super) fn give_up_at(&mut self, path: &[u8], error: &io::Error) {
        self.give_up(format!("{} could not be looked at: {error}", String::from_utf8_lossy(path)));
    }

    /// The node of a path, its state before taken if this is the first touch.
    pub(super) fn touch(&mut self, path: &[u8]) -> &mut Node {
        if !self.nodes.contains_key(path) {
            let node = self.first_touch(path);
            self.nodes.insert(path.to_vec(), node);
        }
        self.nodes.get_mut(path).expect("inserted just above")
    }

    fn first_touch(&mut self, path: &[u8]) -> Node {
        if self.nodes.len() == MOST_PATHS {
            self.give_up(format!("it touched more than {MOST_PATHS} paths"));
        }
        let before = self.view.stat(path).unwrap_or_else(|error| {
            self.give_up_at(path, &error);
            None
        });
        let mut target = None;
        if let Some(stat) = &before {
            if self.view.area(path) == Area::Tree && stat.st_dev != self.view.device {
                self.give_up(format!("{} is on another file system", String::from_utf8_lossy(path)));
            }
            if FileType::from_raw_mode(stat.st_mode).is_symlink() {
                target = self.view.target(path).map_err(|error| self.give_up_at(path, &error)).ok();
            }
        }
        Node {
            before,
            target,
            detail: false,
            content: Content::Unneeded,
            names: None,
            attributes: None,
            needs_attributes: false,
            changed: Changes::default(),
        }
    }

    /// What is at a path now: as before the run, unless the run touched it.
    pub(super) fn now(&mut self, path: &[u8]) -> (Option<Stat>, Option<Vec<u8>>) {
        let node = self.touch(path);
        if !node.changed.entry {
            return (node.before, node.target.clone());
        }
        let stat = self.view.stat(path).unwrap_or_else(|error| {
            self.give_up_at(path, &error);
            None
        });
        let is_link = stat.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink());
        let target = if is_link { self.view.target(path).ok() } else { None };
        (stat, target)
    }

    /// Its size and time count.
    pub(super) fn need_detail(&mut self, path: &[u8]) {
        let node = self.touch(path);
        node.detail |= !node.changed.entry && !node.changed.times;
    }

    /// Its content counts.
    pub(super) fn need_content(&mut self, path: &[u8]) {
        let node = self.touch(path);
        let is_file = node.before.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        if is_file && !node.changed.entry && node.content == Content::Unneeded {
            node.content = Content::Pending;
        }
    }

    pub(super) fn need_attributes(&mut self, path: &[u8]) {
        let node = self.touch(path);
        if node.before.is_some() && !node.changed.entry && !node.changed.owner {
            node.needs_attributes = true;
            self.take_attributes(path);
        }
    }

    /// The names in a directory count: those that were there before the run.
    pub(super) fn need_names(&mut self, path: &[u8]) {
        let node = self.touch(path);
        let is_directory = node.before.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir());
        if !is_directory || node.changed.entry || node.names.is_some() {
            return;
        }
        let mut names = match self.view.names(path) {
            Ok(names) => names,
            Err(error) => return self.give_up_at(path, &error),
        };
        for name in self.changed_names.get(path).into_iter().flatten() {
            let was_there = self.nodes.get(&join(path, name)).is_some_and(|node| node.before.is_some());
            if was_there {
                names.insert(name.clone());
            } else {
                names.remove(name);
            }
        }
        let digest = digest_of_names(&names);
        self.touch(path).names = Some(digest);
    }

    /// The run is about to make, remove or replace what is there.
    pub(super) fn change_entry(&mut self, path: &[u8]) {
        self.keep_before(path, false);
        self.touch(path).changed.entry = true;
        if let Some(directory) = parent(path) {
            let directory = directory.to_vec();
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
            // A directory's mode and attributes are inherited.
            self.need_attributes(&directory);
            self.touch(&directory).changed.entries = true;
            self.changed_names.entry(directory).or_default().insert(name);
        }
    }

    /// The run is about to give a file another name, under which it may read it.
    pub(super) fn give_name(&mut self, path: &[u8]) {
        self.need_content(path);
        self.need_detail(path);
        self.change_owner(path);
        let node = self.touch(path);
        if let Some(stat) = node.before.filter(|_| !node.changed.entry) {
            self.linked.insert(stat.st_ino);
        }
    }

    /// The run is about to write to a file that stays the same file.
    pub(super) fn change_content(&mut self, path: &[u8]) {
        self.keep_before(path, true);
        self.touch(path).changed.entry = true;
    }

    pub(super) fn change_owner(&mut self, path: &[u8]) {
        self.need_attributes(path);
        self.refuse_other_names(path);
        self.touch(path).changed.owner = true;
    }

    pub(super) fn change_times(&mut self, path: &[u8]) {
        self.need_detail(path);
        self.refuse_other_names(path);
        self.touch(path).changed.times = true;
    }

    /// Takes what might be gone afterwards.
    fn keep_before(&mut self, path: &[u8], in_place: bool) {
        if in_place {
            self.refuse_other_names(path);
        }
        if self.touch(path).changed.entry {
            return;
        }
        self.take_attributes(path);
        let node = self.touch(path);
        let Some(stat) = node.before else { return };
        if !FileType::from_raw_mode(stat.st_mode).is_file() {
            return;
        }
        let content = node.content;
        if let Content::Pending | Content::Unneeded = content {
            match self.view.content(path, &stat) {
                Ok(digest) => {
                    let needed = content == Content::Pending;
                    self.touch(path).content =
                        if needed { Content::Needed(digest) } else { Content::Spare(digest) };
                }
                Err(error) => self.give_up_at(path, &error),
            }
        }
    }

    fn take_attributes(&mut self, path: &[u8]) {
        let node = self.touch(path);
        if node.before.is_none() || node.attributes.is_some() || self.view.area(path) != Area::Tree {
            return;
        }
        match self.view.attributes(path) {
            Ok(attributes) => self.touch(path).attributes = Some(attributes),
            Err(error) => self.give_up_at(path, &error),
        }
    }

    /// A change to a file with several names shows under all of them, and only one is known.
    fn refuse_other_names(&mut self, path: &[u8]) {
        let (stat, _) = self.now(path);
        let Some(stat) = stat.filter(|stat| !FileType::from_raw_mode(stat.st_mode).is_dir()) else { return };
        let is_old = !self.touch(path).changed.entry;
        if (is_old && stat.st_nlink > 1) || self.linked.contains(&stat.st_ino) {
            self.give_up(format!("{} has several names", String::from_utf8_lossy(path)));
        }
    }

    /// A whole tree is about to get another place: all of it is needed as it is, and all of it changes.
    pub(super) fn move_tree(&mut self, from: &[u8], to: &[u8]) {
        let mut left = vec![(from.to_vec(), to.to_vec())];
        while let Some((from, to)) = left.pop() {
            let (stat, _) = self.now(&from);
            let Some(stat) = stat else { continue };
            self.need_content(&from);
            self.need_attributes(&from);
            self.need_detail(&from);
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                self.need_names(&from);
                let names = self.view.names(&from).unwrap_or_else(|error| {
                    self.give_up_at(&from, &error);
                    BTreeSet::new()
                });
                left.extend(names.iter().map(|name| (join(&from, name), join(&to, name))));
                if self.nodes.len() > MOST_PATHS {
                    return self.give_up(format!("it moved more than {MOST_PATHS} paths"));
                }
            }
            self.change_entry(&from);
            self.change_entry(&to);
        }
    }

    /// What counted of the state before, sorted by path; content that is still unread is read now.
    pub(super) fn seen(&mut self) -> Vec<(Vec<u8>, Seen)> {
        self.read_pending();
        let mut seen: Vec<(Vec<u8>, Seen)> =
            self.nodes.iter().map(|(path, node)| (path.clone(), self.seen_of(path, node))).collect();
        seen.sort_by(|(a, _), (b, _)| a.cmp(b));
        seen
    }

    fn seen_of(&self, path: &[u8], node: &Node) -> Seen {
        let Some(stat) = node.before else { return Seen::Absent };
        let mut there = Seen::basic(&stat, node.target.clone());
        if self.view.area(path) != Area::Tree {
            there.forget_owner();
        }
        there.detail =
            (node.detail && self.view.area(path) == Area::Tree).then(|| Detail::of(&stat, self.view.epoch));
        there.content = match node.content {
            Content::Needed(digest) => Some(digest),
            _ => node.names,
        };
        if node.needs_attributes {
            there.attributes = node.attributes.as_ref().map(digest_of_attributes);
        }
        Seen::There(there)
    }

    fn read_pending(&mut self) {
        let pending: Vec<(Vec<u8>, Stat)> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.content == Content::Pending)
            .filter_map(|(path, node)| Some((path.clone(), node.before?)))
            .collect();
        let view = &self.view;
        let digests = in_parallel(&pending, |(path, stat)| view.content(path, stat));
        for ((path, _), digest) in pending.into_iter().zip(digests) {
            match digest {
                Ok(digest) => self.touch(&path).content = Content::Needed(digest),
                Err(error) => self.give_up_at(&path, &error),
            }
        }
    }
}

/// Does the same to all of many things, on all processors; results in the order of the things.
pub(super) fn in_parallel<T: Sync, R: Send>(things: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = things.len().div_ceil(processors * 4).max(8);
    if things.len() <= share {
        return things.iter().map(act).collect();
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let shares: Vec<&[T]> = things.chunks(share).collect();
    let mut results: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(share) = shares.get(index) else { return done };
                done.push((index, share.iter().map(&act).collect()));
            }
        };
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().flat_map(|(_, results)| results).collect()
}
