//! A root directory in; a sorted list of what an image will hold out, with changes made on the list and never on the directory.
//! Nothing here runs a program or writes to the input directory.

mod accounts;
mod addition;
mod clean;
mod deferred;
mod identity;
mod measure;
mod overlay;
mod path;
mod removal;
mod units;
mod walk;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use accounts::apply as add_accounts;
pub use accounts::{Account, AccountError, PasswordPolicy};
pub use addition::{Addition, AdditionError};
pub use clean::{CleanError, clean};
pub use deferred::{Deferred, DeferredError};
pub(crate) use identity::os_release;
pub use identity::{Identity, IdentityError};
pub use measure::{TreeSize, measure};
pub use overlay::{Overlay, OverlayError, OverlayRule};
pub use path::{PathOutsideTree, TreePath};
pub(crate) use removal::fits;
pub use removal::{RemovalError, remove};
pub use units::{UnitError, Units};
pub use walk::WalkError;

/// Everything an image's root file system will hold, by path.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    entries: BTreeMap<TreePath, Entry>,
}

/// One file, directory, link or device of a tree, with what a file system records of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is, and what it holds.
    pub kind: Kind,
    /// Permission bits with set-user-id, set-group-id and sticky (12 bits).
    pub mode: u32,
    /// Number of the owning user.
    pub user: u32,
    /// Number of the owning group.
    pub group: u32,
    /// Seconds since 1970, never later than the source date epoch.
    pub modified: u64,
    /// Extended attributes by full name, such as `security.capability`.
    pub attributes: BTreeMap<String, Vec<u8>>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// Another name of the file at this path, which comes earlier in the order.
    HardLink(TreePath),
    /// A symbolic link and its target.
    SymbolicLink(Vec<u8>),
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Pipe,
}

/// Where the bytes of a regular file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In a file on this machine.
    OnDisk {
        /// Where.
        path: PathBuf,
        /// Its length in bytes when the tree was read.
        size: u64,
    },
    /// In memory.
    Bytes(Arc<[u8]>),
}

/// A file of a tree that cannot be read, or is not there.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The tree has no such entry.
    #[error("the tree has no {path}")]
    Absent {
        /// What was asked for.
        path: TreePath,
    },
    /// The entry is no regular file.
    #[error("{path} is no regular file")]
    NotAFile {
        /// What was asked for.
        path: TreePath,
    },
    /// The symbolic links of a path lead in a circle or out of the tree.
    #[error("{path} cannot be followed: its symbolic links lead in a circle or out of the tree")]
    Unfollowable {
        /// What was asked for.
        path: TreePath,
    },
    /// The file behind the entry cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Where the bytes should be.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Entry {
    /// A directory of root.
    pub fn directory(mode: u32, modified: u64) -> Self {
        Self::new(Kind::Directory, mode, modified)
    }

    /// A regular file of root with these bytes.
    pub fn file(bytes: impl Into<Arc<[u8]>>, mode: u32, modified: u64) -> Self {
        Self::new(Kind::File(Content::Bytes(bytes.into())), mode, modified)
    }

    /// A symbolic link of root.
    pub fn symbolic_link(target: impl Into<Vec<u8>>, modified: u64) -> Self {
        Self::new(Kind::SymbolicLink(target.into()), 0o777, modified)
    }

    fn new(kind: Kind, mode: u32, modified: u64) -> Self {
        Self { kind, mode, user: 0, group: 0, modified, attributes: BTreeMap::new() }
    }

    /// Bytes of content: of a regular file its length, of a symbolic link its target's, otherwise 0.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.size(),
            Kind::SymbolicLink(target) => target.len() as u64,
            _ => 0,
        }
    }
}

impl Content {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::OnDisk { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// All the bytes.
    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        match self {
            Self::OnDisk { path, .. } => {
                std::fs::read(path).map_err(|source| ReadError::Unreadable { path: path.clone(), source })
            }
            Self::Bytes(bytes) => Ok(bytes.to_vec()),
        }
    }
}

#[cfg(test)]
impl Tree {
    /// Files of one letter at these paths.
    pub(crate) fn of_files(files: &[&str]) -> Self {
        let mut tree = Self::default();
        for file in files {
            let path = TreePath::parse(file).expect("a test names paths within the tree");
            tree.ensure_directory(&path.parent().expect("a file has a folder"), 0);
            tree.insert(path, Entry::file(*b"x", 0o644, 0));
        }
        tree
    }
}

impl Tree {
    /// All entries, sorted by path; a directory comes before what it holds.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }

    /// All entries, to be changed in place.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = (&TreePath, &mut Entry)> {
        self.entries.iter_mut()
    }

    /// Number of entries, the root directory among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the tree holds nothing at all, not even its root directory.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at exactly this path: symbolic links are not followed.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Puts an entry in place of whatever was there.
    pub fn insert(&mut self, path: TreePath, entry: Entry) {
        self.entries.insert(path, entry);
    }

    /// Takes an entry out, with all it holds when it is a directory; a hard link to it becomes the file itself.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let doomed: Vec<TreePath> =
            self.entries.keys().filter(|entry| *entry == path || entry.is_inside(path)).cloned().collect();
        for path in &doomed {
            let Some(entry) = self.entries.remove(path) else { continue };
            if matches!(entry.kind, Kind::File(_)) {
                self.promote_hard_link(path, entry);
            }
        }
        !doomed.is_empty()
    }

    /// The names directly inside a directory, sorted.
    pub fn list(&self, directory: &TreePath) -> Vec<TreePath> {
        self.below(directory).filter(|path| path.parent().as_ref() == Some(directory)).cloned().collect()
    }

    /// Every path inside a directory, at any depth, sorted.
    pub fn below<'a>(&'a self, directory: &'a TreePath) -> impl Iterator<Item = &'a TreePath> + 'a {
        let start = if directory.is_root() { TreePath::root() } else { directory.child(b"") };
        self.entries
            .range(start..)
            .map(|(path, _)| path)
            .skip_while(move |path| !path.is_inside(directory) && *path <= directory)
            .take_while(move |path| path.is_inside(directory))
    }

    /// The path behind all symbolic links on the way, and at its end; nothing when it does not exist or leads in a circle.
    pub fn resolve(&self, path: &TreePath) -> Option<TreePath> {
        let mut pending: Vec<Vec<u8>> = components(path.as_bytes()).rev().map(<[u8]>::to_vec).collect();
        let mut reached = TreePath::root();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            if component == b".." {
                // The parent of the root is the root, as in a running system.
                reached = reached.parent().unwrap_or_default();
                continue;
            }
            let next = reached.child(&component);
            match &self.get(&next)?.kind {
                Kind::SymbolicLink(target) => {
                    links += 1;
                    if links > 40 {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        reached = TreePath::root();
                    }
                    pending.extend(components(target).rev().map(<[u8]>::to_vec));
                }
                _ => reached = next,
            }
        }
        Some(reached)
    }

    /// The bytes of a regular file, through symbolic and hard links.
    pub fn read(&self, path: &TreePath) -> Result<Vec<u8>, ReadError> {
        self.content(path)?.read()
    }

    /// The text of a regular file, where bytes that are not UTF-8 become the replacement character.
    pub fn read_text(&self, path: &TreePath) -> Result<String, ReadError> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// Where the bytes of a regular file are, through symbolic and hard links.
    pub fn content(&self, path: &TreePath) -> Result<&Content, ReadError> {
        let resolved = match self.resolve(path) {
            Some(resolved) => resolved,
            None if self.get(path).is_some() => return Err(ReadError::Unfollowable { path: path.clone() }),
            None => return Err(ReadError::Absent { path: path.clone() }),
        };
        match self.get(&resolved).map(|entry| &entry.kind) {
            Some(Kind::File(content)) => Ok(content),
            Some(Kind::HardLink(first)) => match self.get(first).map(|entry| &entry.kind) {
                Some(Kind::File(content)) => Ok(content),
                _ => Err(ReadError::NotAFile { path: path.clone() }),
            },
            _ => Err(ReadError::NotAFile { path: path.clone() }),
        }
    }

    /// Makes a directory of root, and those above it, where there is none.
    pub fn ensure_directory(&mut self, path: &TreePath, modified: u64) {
        if self.entries.contains_key(path) {
            return;
        }
        if let Some(parent) = path.parent() {
            self.ensure_directory(&parent, modified);
        }
        self.insert(path.clone(), Entry::directory(0o755, modified));
    }

    fn promote_hard_link(&mut self, removed: &TreePath, entry: Entry) {
        let mut others = self
            .entries
            .iter_mut()
            .filter(|(_, other)| matches!(&other.kind, Kind::HardLink(first) if first == removed));
        let Some((heir, place)) = others.next() else { return };
        let heir = heir.clone();
        *place = entry;
        for (_, other) in others {
            other.kind = Kind::HardLink(heir.clone());
        }
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty() && *component != b".")
}

#[cfg(test)]
mod tests {
    use super::{Content, Entry, Kind, Tree, TreePath};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    #[test]
    fn symbolic_links_are_followed_inside_the_tree_only() {
        let mut tree = Tree::default();
        tree.ensure_directory(&path("usr/lib"), 0);
        tree.insert(path("lib"), Entry::symbolic_link("usr/lib", 0));
        tree.insert(path("usr/lib/a"), Entry::symbolic_link("/../../etc/b", 0));
        tree.ensure_directory(&path("etc"), 0);
        tree.insert(path("etc/b"), Entry::file(*b"text", 0o644, 0));
        tree.insert(path("loop"), Entry::symbolic_link("loop", 0));
        assert_eq!(tree.read(&path("lib/a")).unwrap(), b"text");
        assert!(tree.resolve(&path("loop")).is_none());
        assert!(tree.resolve(&path("absent")).is_none());
    }

    #[test]
    fn removing_the_first_name_of_a_file_keeps_the_others() {
        let mut tree = Tree::default();
        tree.insert(path("a"), Entry::file(*b"x", 0o644, 0));
        for other in ["b", "c"] {
            let mut link = Entry::file(*b"", 0o644, 0);
            link.kind = Kind::HardLink(path("a"));
            tree.insert(path(other), link);
        }
        tree.remove(&path("a"));
        assert!(
            matches!(&tree.get(&path("b")).unwrap().kind, Kind::File(Content::Bytes(bytes)) if **bytes == *b"x")
        );
        assert_eq!(tree.get(&path("c")).unwrap().kind, Kind::HardLink(path("b")));
    }

    #[test]
    fn what_a_directory_holds_is_listed_without_its_neighbours() {
        let mut tree = Tree::default();
        for name in ["a", "a-b", "a/c", "a/c/d", "a.x", "b"] {
            tree.insert(path(name), Entry::directory(0o755, 0));
        }
        let below: Vec<String> = tree.below(&path("a")).map(ToString::to_string).collect();
        assert_eq!(below, ["/a/c", "/a/c/d"]);
        assert_eq!(tree.list(&path("a")), [path("a/c")]);
    }
}
