//! A single file with its bytes in; the tree with it out.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::{Entry, Kind, PathOutsideTree, Tree, TreePath};

/// A file put into the tree: root's, with these bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Addition {
    /// Its path in the image.
    pub path: String,
    /// Permission bits (12).
    pub mode: u32,
    /// What it holds.
    #[serde(rename = "sha256", serialize_with = "digest")]
    pub content: Arc<[u8]>,
}

/// Why a file cannot be put into a tree.
#[derive(Debug, thiserror::Error)]
pub enum AdditionError {
    /// Its path is out of bounds.
    #[error("a file to add to the image is out of bounds")]
    OutsideTree(#[from] PathOutsideTree),
    /// Something else is there.
    #[error("{path} is to be a file, and the image has a directory there")]
    IsDirectory {
        /// Where.
        path: TreePath,
    },
}

impl Addition {
    /// Puts the file in, in the place of one that is there; directory links of the tree are followed.
    pub fn apply(&self, tree: &mut Tree, source_date_epoch: u64) -> Result<(), AdditionError> {
        let path = TreePath::parse(&self.path)?;
        let place = match path.parent() {
            Some(parent) => tree.resolve(&parent).unwrap_or(parent).child(path.name()),
            None => path,
        };
        if tree.get(&place).is_some_and(|entry| entry.kind == Kind::Directory) {
            return Err(AdditionError::IsDirectory { path: place });
        }
        if let Some(parent) = place.parent() {
            tree.ensure_directory(&parent, source_date_epoch);
        }
        tree.remove(&place);
        tree.insert(place, Entry::file(self.content.clone(), self.mode & 0o7777, source_date_epoch));
        Ok(())
    }
}

/// A specification shows which bytes they were, not the bytes.
fn digest<S: serde::Serializer>(content: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use super::{Addition, AdditionError};
    use crate::tree::{Entry, Tree, TreePath};

    fn addition(path: &str) -> Addition {
        Addition { path: path.into(), mode: 0o755, content: (*b"new").into() }
    }

    #[test]
    fn a_file_lands_behind_directory_links_and_replaces_what_is_there() {
        let path = |text: &str| TreePath::parse(text).unwrap();
        let mut tree = Tree::default();
        tree.ensure_directory(&path("usr/bin"), 0);
        tree.insert(path("bin"), Entry::symbolic_link("usr/bin", 0));
        tree.insert(path("usr/bin/agent"), Entry::symbolic_link("other", 0));
        addition("/bin/agent").apply(&mut tree, 5).unwrap();
        addition("/usr/lib/lazuli/root.json").apply(&mut tree, 5).unwrap();
        assert_eq!(tree.read(&path("usr/bin/agent")).unwrap(), b"new");
        let entry = tree.get(&path("usr/bin/agent")).unwrap();
        assert_eq!((entry.mode, entry.user, entry.modified), (0o755, 0, 5));
        assert_eq!(tree.read(&path("usr/lib/lazuli/root.json")).unwrap(), b"new");
        let error = addition("/usr/bin").apply(&mut tree, 5).unwrap_err();
        assert!(matches!(error, AdditionError::IsDirectory { .. }));
        let error = addition("/usr/../../etc/shadow").apply(&mut tree, 5).unwrap_err();
        assert!(matches!(error, AdditionError::OutsideTree(_)));
        let shown = serde_json::to_value(addition("/a")).unwrap();
        assert_eq!(shown["sha256"], "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437");
    }
}
