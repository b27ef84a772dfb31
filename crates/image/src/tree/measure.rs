//! How much a tree holds, for a package budget and for the size of a file system.

use super::{Kind, Tree};

/// Sizes of a tree, hard-linked files counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct TreeSize {
    /// Bytes of all regular files.
    pub file_bytes: u64,
    /// Blocks of 4096 bytes that these files fill, each file rounded up.
    pub file_blocks: u64,
    /// Number of regular files, each hard-linked file once.
    pub files: u64,
    /// Number of directories.
    pub directories: u64,
    /// Bytes of all names in directories.
    pub name_bytes: u64,
    /// Number of symbolic links, devices and pipes.
    pub others: u64,
}

impl TreeSize {
    /// Whole mebibytes that the files fill, rounded up.
    pub fn mebibytes(&self) -> u64 {
        (self.file_blocks * 4096).div_ceil(1024 * 1024)
    }

    /// Number of inodes a file system needs for the tree.
    pub fn inodes(&self) -> u64 {
        self.files + self.directories + self.others
    }
}

/// Adds up a tree.
pub fn measure(tree: &Tree) -> TreeSize {
    let mut size = TreeSize::default();
    for (path, entry) in tree.entries() {
        size.name_bytes += path.name().len() as u64;
        match &entry.kind {
            Kind::Directory => size.directories += 1,
            Kind::File(content) => {
                size.files += 1;
                size.file_bytes += content.size();
                size.file_blocks += content.size().div_ceil(4096);
            }
            Kind::HardLink(_) => {}
            Kind::SymbolicLink(_) | Kind::CharacterDevice { .. } | Kind::BlockDevice { .. } | Kind::Pipe => {
                size.others += 1
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::tree::{Entry, Kind, Tree, TreePath};

    #[test]
    fn a_hard_link_adds_a_name_and_nothing_else() {
        let mut tree = Tree::default();
        tree.insert(TreePath::root(), Entry::directory(0o755, 0));
        tree.insert(TreePath::parse("a").unwrap(), Entry::file(vec![0; 4097], 0o644, 0));
        let mut link = Entry::file(*b"", 0o644, 0);
        link.kind = Kind::HardLink(TreePath::parse("a").unwrap());
        tree.insert(TreePath::parse("bb").unwrap(), link);
        let size = measure(&tree);
        assert_eq!((size.files, size.file_bytes, size.file_blocks, size.name_bytes), (1, 4097, 2, 3));
        assert_eq!((size.mebibytes(), size.inodes()), (1, 2));
    }
}
