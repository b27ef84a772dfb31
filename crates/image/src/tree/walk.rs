//! A directory on this machine in; its `Tree` out, the same whatever order the disk lists names in.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{Content, Entry, Kind, Tree, TreePath};

/// Why a root directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What a running system mounts over: the directories are kept, what lies in them is not read.
const MOUNT_POINTS: [&str; 4] = ["dev", "proc", "run", "sys"];

/// Extended attributes that are carried into the image; labels are set by the image's own policy.
const CARRIED_ATTRIBUTES: [&str; 1] = ["security.capability"];

impl Tree {
    /// Reads a root directory; times later than `source_date_epoch` become that time.
    pub fn walk(root: &Path, source_date_epoch: u64) -> Result<Self, WalkError> {
        let mut walker = Walker { source_date_epoch, tree: Self::default(), first_names: BTreeMap::new() };
        let metadata = std::fs::symlink_metadata(root).map_err(|source| unreadable(root, source))?;
        walker.enter(root, TreePath::root(), &metadata)?;
        walker.settle_hard_links();
        Ok(walker.tree)
    }
}

struct Walker {
    source_date_epoch: u64,
    tree: Tree,
    /// Names of each file with several names, by device and inode.
    first_names: BTreeMap<(u64, u64), Vec<TreePath>>,
}

impl Walker {
    fn enter(&mut self, place: &Path, path: TreePath, metadata: &Metadata) -> Result<(), WalkError> {
        let Some(kind) = self.kind(place, &path, metadata)? else { return Ok(()) };
        let is_directory = matches!(kind, Kind::Directory);
        let entry = Entry {
            attributes: if matches!(kind, Kind::File(_)) { attributes(place)? } else { BTreeMap::new() },
            kind,
            mode: metadata.mode() & 0o7777,
            user: metadata.uid(),
            group: metadata.gid(),
            modified: u64::try_from(metadata.mtime()).unwrap_or(0).min(self.source_date_epoch),
        };
        let is_mount_point = MOUNT_POINTS.iter().any(|name| path.as_bytes() == name.as_bytes());
        self.tree.insert(path.clone(), entry);
        if is_directory && !is_mount_point {
            for child in std::fs::read_dir(place).map_err(|source| unreadable(place, source))? {
                let child = child.map_err(|source| unreadable(place, source))?;
                let place = child.path();
                let metadata =
                    std::fs::symlink_metadata(&place).map_err(|source| unreadable(&place, source))?;
                self.enter(&place, path.child(child.file_name().as_bytes()), &metadata)?;
            }
        }
        Ok(())
    }

    fn kind(
        &mut self,
        place: &Path,
        path: &TreePath,
        metadata: &Metadata,
    ) -> Result<Option<Kind>, WalkError> {
        let kind = metadata.file_type();
        let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        Ok(Some(if kind.is_dir() {
            Kind::Directory
        } else if kind.is_file() {
            if metadata.nlink() > 1 {
                self.first_names.entry((metadata.dev(), metadata.ino())).or_default().push(path.clone());
            }
            Kind::File(Content::OnDisk { path: place.to_path_buf(), size: metadata.len() })
        } else if kind.is_symlink() {
            let target = std::fs::read_link(place).map_err(|source| unreadable(place, source))?;
            Kind::SymbolicLink(target.as_os_str().as_bytes().to_vec())
        } else if kind.is_char_device() {
            Kind::CharacterDevice { major, minor }
        } else if kind.is_block_device() {
            Kind::BlockDevice { major, minor }
        } else if kind.is_fifo() {
            Kind::Pipe
        } else {
            // A socket is the trace of a program that ran; no image holds one.
            return Ok(None);
        }))
    }

    /// The first name in path order is the file, the others link to it.
    fn settle_hard_links(&mut self) {
        for names in self.first_names.values_mut() {
            names.sort();
            for other in &names[1..] {
                if let Some(entry) = self.tree.entries.get_mut(other) {
                    entry.kind = Kind::HardLink(names[0].clone());
                }
            }
        }
    }
}

fn attributes(place: &Path) -> Result<BTreeMap<String, Vec<u8>>, WalkError> {
    let mut attributes = BTreeMap::new();
    for name in CARRIED_ATTRIBUTES {
        let mut value = vec![0; 256];
        match rustix::fs::lgetxattr(place, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                attributes.insert(name.to_owned(), value);
            }
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => {}
            Err(errno) => return Err(unreadable(place, errno.into())),
        }
    }
    Ok(attributes)
}

fn unreadable(path: &Path, source: std::io::Error) -> WalkError {
    WalkError::Unreadable { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::{Kind, Tree, TreePath};

    #[test]
    fn links_times_and_mount_points_are_as_an_image_needs_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("proc/1")).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        std::fs::write(root.join("bin/z"), "program").unwrap();
        std::fs::set_permissions(root.join("bin/z"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        std::fs::hard_link(root.join("bin/z"), root.join("bin/a")).unwrap();
        let tree = Tree::walk(root, 1_000).unwrap();
        let names: Vec<String> = tree.entries().map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, ["/", "/bin", "/bin/a", "/bin/z", "/proc"]);
        let last = tree.get(&TreePath::parse("bin/z").unwrap()).unwrap();
        assert_eq!(last.kind, Kind::HardLink(TreePath::parse("bin/a").unwrap()));
        assert_eq!((last.mode, last.modified), (0o4755, 1_000));
        assert_eq!(tree.read(&TreePath::parse("bin/z").unwrap()).unwrap(), b"program");
    }

    #[test]
    fn an_absent_root_is_named() {
        let error = Tree::walk(std::path::Path::new("/nonexistent/root"), 0).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/root");
    }
}
