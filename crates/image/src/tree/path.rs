//! Names inside a root tree: bytes relative to the root, with no way out of it.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path inside a root tree, relative to it, without `.`, `..`, empty components or a leading slash; the root itself is empty.
///
/// The order is by bytes, so a directory always comes before what it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreePath(Vec<u8>);

/// A path that would leave the tree, or holds a NUL byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is no path inside a root tree: it must not climb with `..` or hold a NUL byte")]
pub struct PathOutsideTree {
    /// The path as given.
    pub path: String,
}

impl TreePath {
    /// The root directory of the tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path, absolute or relative to the root; `..` is refused rather than resolved.
    pub fn parse(path: impl AsRef<[u8]>) -> Result<Self, PathOutsideTree> {
        let path = path.as_ref();
        let mut bytes = Vec::with_capacity(path.len());
        for component in path.split(|byte| *byte == b'/') {
            if component == b".." || component.contains(&0) {
                return Err(PathOutsideTree { path: String::from_utf8_lossy(path).into_owned() });
            }
            if component.is_empty() || component == b"." {
                continue;
            }
            if !bytes.is_empty() {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(component);
        }
        Ok(Self(bytes))
    }

    /// The path of an entry called `name` in this directory; `name` is one component as a directory listing gives it.
    pub fn child(&self, name: &[u8]) -> Self {
        let mut bytes = self.0.clone();
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes)
    }

    /// The directory that holds this entry; nothing for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].to_vec()))
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// The bytes of the path, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this entry lies in `directory`, at any depth (an entry does not lie in itself).
    pub fn is_inside(&self, directory: &Self) -> bool {
        if directory.is_root() {
            return !self.is_root();
        }
        self.0.len() > directory.0.len()
            && self.0.starts_with(&directory.0)
            && self.0[directory.0.len()] == b'/'
    }

    /// The path with a leading slash, as a running system names it.
    pub fn absolute(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() + 1);
        bytes.push(b'/');
        bytes.extend_from_slice(&self.0);
        bytes
    }

    /// Where this entry lies on disk under `root`.
    pub fn under(&self, root: &Path) -> PathBuf {
        root.join(OsStr::from_bytes(&self.0))
    }
}

impl serde::Serialize for TreePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::TreePath;

    #[test]
    fn climbing_out_is_refused_and_noise_is_dropped() {
        assert!(TreePath::parse("usr/../../etc/passwd").is_err());
        assert!(TreePath::parse("usr/\0").is_err());
        assert_eq!(TreePath::parse("//usr/./lib/").unwrap(), TreePath::parse("usr/lib").unwrap());
        assert!(TreePath::parse("/").unwrap().is_root());
    }

    #[test]
    fn inside_means_below_and_not_beside() {
        let usr = TreePath::parse("usr").unwrap();
        assert!(TreePath::parse("usr/bin").unwrap().is_inside(&usr));
        assert!(!TreePath::parse("usrlocal").unwrap().is_inside(&usr));
        assert!(!usr.is_inside(&usr));
        assert_eq!(TreePath::parse("usr/bin/sh").unwrap().parent().unwrap().to_string(), "/usr/bin");
        assert_eq!(TreePath::parse("usr/bin/sh").unwrap().name(), b"sh");
    }
}
