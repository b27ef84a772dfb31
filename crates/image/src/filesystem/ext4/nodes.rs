//! A tree in; its files with their numbers, and the names in each directory, out.

use std::collections::BTreeMap;

use super::FileSystemError;
use crate::tree::{Entry, Kind, Tree, TreePath};

pub(super) const ROOT: u32 = 2;
pub(super) const LOST_AND_FOUND: u32 = 11;
pub(super) const ORPHAN_FILE: u32 = 12;
const FIRST: u32 = 13;
const LOST_AND_FOUND_NAME: &[u8] = b"lost+found";
const LONGEST_NAME: usize = 255;
/// What kernels allow; directories have more by having 1.
const MOST_LINKS: u32 = 65_000;

/// A file or directory, with one inode.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) path: &'t TreePath,
    pub(super) entry: &'t Entry,
    /// Number of its inode.
    pub(super) number: u32,
    /// The directory that holds its first name; of the root, itself.
    pub(super) parent: usize,
    /// Names, and in a directory its own `.` and the `..` of those in it.
    pub(super) links: u32,
    /// Names in it, in their order.
    pub(super) children: Vec<Child<'t>>,
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Child<'t> {
    pub(super) name: &'t [u8],
    pub(super) node: usize,
}

/// Lists all nodes in the order of their paths, the root first.
pub(super) fn collect(tree: &Tree) -> Result<Vec<Node<'_>>, FileSystemError> {
    let mut nodes: Vec<Node<'_>> = Vec::with_capacity(tree.len());
    let mut known: BTreeMap<&[u8], usize> = BTreeMap::new();
    let mut next = FIRST;
    for (path, entry) in tree.entries() {
        if path.name().len() > LONGEST_NAME {
            return Err(FileSystemError::NameTooLong { path: path.clone() });
        }
        let misplaced = || FileSystemError::Misplaced { path: path.clone() };
        let parent = match parent(path.as_bytes()) {
            Some(parent) => *known.get(parent).ok_or_else(misplaced)?,
            None => nodes.len(),
        };
        let is_directory = entry.kind == Kind::Directory;
        if path.is_root() || path.as_bytes() == LOST_AND_FOUND_NAME {
            if !is_directory {
                return Err(FileSystemError::NotADirectory { path: path.clone() });
            }
        } else if nodes[parent].entry.kind != Kind::Directory {
            return Err(misplaced());
        }
        let node = match &entry.kind {
            Kind::HardLink(first) => {
                let first = *known.get(first.as_bytes()).ok_or_else(misplaced)?;
                if nodes[first].entry.kind == Kind::Directory {
                    return Err(misplaced());
                }
                nodes[first].links += 1;
                if nodes[first].links > MOST_LINKS {
                    return Err(FileSystemError::TooManyLinks { path: nodes[first].path.clone() });
                }
                first
            }
            _ => {
                let number = match path.as_bytes() {
                    b"" => ROOT,
                    LOST_AND_FOUND_NAME => LOST_AND_FOUND,
                    _ => {
                        next += 1;
                        next - 1
                    }
                };
                let links = if is_directory { 2 } else { 1 };
                nodes.push(Node { path, entry, number, parent, links, children: Vec::new() });
                nodes.len() - 1
            }
        };
        known.insert(path.as_bytes(), node);
        if !path.is_root() {
            nodes[parent].children.push(Child { name: path.name(), node });
            nodes[parent].links += u32::from(is_directory);
        }
    }
    for (number, path) in
        [(ROOT, TreePath::root()), (LOST_AND_FOUND, TreePath::root().child(LOST_AND_FOUND_NAME))]
    {
        if !nodes.iter().any(|node| node.number == number) {
            return Err(FileSystemError::NotADirectory { path });
        }
    }
    Ok(nodes)
}

impl Node<'_> {
    /// As the inode records them.
    pub(super) fn link_count(&self) -> u16 {
        match u16::try_from(self.links) {
            Ok(links) if u32::from(links) <= MOST_LINKS => links,
            // dir_nlink: more than can be counted.
            _ => 1,
        }
    }
}

/// The path of the directory that holds a path; nothing for the root.
fn parent(path: &[u8]) -> Option<&[u8]> {
    if path.is_empty() {
        return None;
    }
    Some(&path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)])
}
