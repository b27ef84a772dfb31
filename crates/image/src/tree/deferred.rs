//! What an installation by an ordinary user could not set on the disk in, the same in the tree out.

use super::{Entry, Kind, PathOutsideTree, Tree, TreePath};

/// A device or capability that the tree on disk lacks and the image shall have.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Deferred {
    /// A device node.
    Device {
        /// Where.
        path: String,
        /// Its type and permission bits, as `st_mode` has them.
        mode: u32,
        /// Major number in the high byte, minor number in the low one of 16 bits.
        device: u32,
        /// Number of the owning user.
        user: u32,
        /// Number of the owning group.
        group: u32,
        /// Seconds since 1970.
        modified: u64,
    },
    /// The `security.capability` attribute of a file.
    Capability {
        /// Where.
        path: String,
        /// The attribute's bytes.
        value: Vec<u8>,
    },
}

/// Why a deferred entry cannot be put into the tree.
#[derive(Debug, thiserror::Error)]
pub enum DeferredError {
    /// The path leaves the tree.
    #[error(transparent)]
    OutsideTree(#[from] PathOutsideTree),
    /// The mode is of no device.
    #[error("{path} is to be a device, but its mode {mode:o} is none of a device or pipe")]
    NoDevice {
        /// Where.
        path: TreePath,
        /// As given.
        mode: u32,
    },
    /// The file is not there.
    #[error("{path} is to have a capability and is no file of the tree")]
    NoFile {
        /// Where.
        path: TreePath,
    },
}

impl Deferred {
    /// Puts the device or capability into the tree.
    pub fn apply(&self, tree: &mut Tree, source_date_epoch: u64) -> Result<(), DeferredError> {
        match self {
            Self::Device { path, mode, device, user, group, modified } => {
                let path = TreePath::parse(path)?;
                let (major, minor) = ((device >> 8) & 0xFF, device & 0xFF);
                let kind = match mode & 0o170_000 {
                    0o020_000 => Kind::CharacterDevice { major, minor },
                    0o060_000 => Kind::BlockDevice { major, minor },
                    0o010_000 => Kind::Pipe,
                    _ => return Err(DeferredError::NoDevice { path, mode: *mode }),
                };
                if let Some(parent) = path.parent() {
                    tree.ensure_directory(&parent, source_date_epoch);
                }
                let modified = (*modified).min(source_date_epoch);
                let entry = Entry {
                    kind,
                    mode: mode & 0o7777,
                    user: *user,
                    group: *group,
                    modified,
                    attributes: Default::default(),
                };
                tree.insert(path, entry);
            }
            Self::Capability { path, value } => {
                let path = TreePath::parse(path)?;
                // All names of a file share its attributes: the first name carries them.
                let named = match tree.get(&path).map(|entry| &entry.kind) {
                    Some(Kind::HardLink(first)) => first.clone(),
                    Some(Kind::File(_)) => path,
                    _ => return Err(DeferredError::NoFile { path }),
                };
                if let Some((_, entry)) = tree.entries_mut().find(|(entry, _)| **entry == named) {
                    entry.attributes.insert("security.capability".to_owned(), value.clone());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Deferred;
    use crate::tree::{Entry, Kind, Tree, TreePath};

    #[test]
    fn devices_and_capabilities_take_their_places() {
        let mut tree = Tree::default();
        let program = TreePath::parse("ping").unwrap();
        tree.insert(program.clone(), Entry::file(*b"", 0o755, 1));
        let device = Deferred::Device {
            path: "/dev/console".into(),
            mode: 0o020_600,
            device: 0x0501,
            user: 0,
            group: 5,
            modified: 9,
        };
        device.apply(&mut tree, 4).unwrap();
        Deferred::Capability { path: "/ping".into(), value: vec![1] }.apply(&mut tree, 4).unwrap();
        let console = tree.get(&TreePath::parse("dev/console").unwrap()).unwrap();
        assert_eq!(console.kind, Kind::CharacterDevice { major: 5, minor: 1 });
        assert_eq!((console.mode, console.group, console.modified), (0o600, 5, 4));
        assert_eq!(tree.get(&program).unwrap().attributes["security.capability"], [1]);
        let absent =
            Deferred::Capability { path: "/absent".into(), value: vec![] }.apply(&mut tree, 4).unwrap_err();
        assert_eq!(absent.to_string(), "/absent is to have a capability and is no file of the tree");
        let file =
            Deferred::Device { path: "x".into(), mode: 0o100_644, device: 0, user: 0, group: 0, modified: 0 };
        assert!(file.apply(&mut tree, 4).unwrap_err().to_string().contains("none of a device"));
    }
}
