//! A labelled tree in; a file system that holds it out, as pieces that are still to be written.

mod erofs;
mod ext4;
mod sparse;

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use host_tools::ToolError;
use uuid::Uuid;

use crate::disk::{Piece, Source};
use crate::tools::Tools;
use crate::tree::{Tree, TreePath};

pub use erofs::Compression;

/// One mebibyte in bytes.
pub(crate) const MEBIBYTE: u64 = 1024 * 1024;

/// Which file system holds the root tree, and how large it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum RootFileSystem {
    /// A writable root.
    Ext4 {
        /// Volume label, at most 16 bytes.
        label: String,
        /// How large it becomes.
        size: Size,
    },
    /// A compressed root that nobody can write to.
    Erofs {
        /// Volume label, at most 15 bytes.
        label: String,
        /// How large its partition becomes.
        size: Size,
        /// How file content is compressed.
        compression: Compression,
        /// Whether the last bytes of a file may lie beside its inode.
        inline_tails: bool,
    },
}

/// How large a root becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Size {
    /// As large as its content, and this much room.
    Fit {
        /// Mebibytes that stay free.
        free_mebibytes: u64,
    },
    /// Exactly this large.
    Fixed {
        /// Mebibytes of the partition.
        mebibytes: u64,
    },
}

/// A file system whose every byte is decided.
#[derive(Debug)]
pub(crate) struct FileSystem<'t> {
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// What it holds, in order; the rest is zero.
    pub(crate) pieces: Vec<Piece<'t>>,
}

/// What makes a file system one of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) uuid: Uuid,
    pub(crate) hash_seed: Uuid,
    pub(crate) source_date_epoch: u64,
}

/// Why a file system cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FileSystemError {
    /// The content does not fit.
    #[error(
        "the root partition is too small: its content needs {needed_mebibytes} MiB, {available_mebibytes} MiB are given"
    )]
    TooSmall {
        /// Mebibytes the tree needs in this file system.
        needed_mebibytes: u64,
        /// Mebibytes the definition gives.
        available_mebibytes: u64,
    },
    /// More than ext4 can be without further features.
    #[error("the root partition would have {mebibytes} MiB, and 16 TiB are the most for ext4")]
    TooLarge {
        /// What it would have.
        mebibytes: u64,
    },
    /// The label is longer than the file system can hold.
    #[error("the file system label `{label}` is longer than {limit} bytes")]
    LabelTooLong {
        /// As given.
        label: String,
        /// Bytes.
        limit: usize,
    },
    /// A name that no file system of Linux can hold.
    #[error("the name of {path} is longer than 255 bytes")]
    NameTooLong {
        /// The whole path.
        path: TreePath,
    },
    /// An entry whose directory, or whose file, is not there.
    #[error("{path} lies in no directory of the tree, or links to no file of it")]
    Misplaced {
        /// The entry.
        path: TreePath,
    },
    /// What has to be a directory is none.
    #[error("{path} has to be a directory in ext4: take away what is there")]
    NotADirectory {
        /// Where.
        path: TreePath,
    },
    /// More names for one file than ext4 counts.
    #[error("{path} has more than 65,000 names: make some of them files of their own")]
    TooManyLinks {
        /// Its first name.
        path: TreePath,
    },
    /// More names in one directory than its index can hold.
    #[error("{path} holds more names than the index of an ext4 directory")]
    TooManyNames {
        /// The directory.
        path: TreePath,
    },
    /// A symbolic link that cannot be followed.
    #[error("the target of the symbolic link {path} has {length} bytes: from 1 to 4095 can be stored")]
    BadTarget {
        /// The link.
        path: TreePath,
        /// Bytes of its target.
        length: usize,
    },
    /// A file that is larger than ext4 can hold.
    #[error("{path} is larger than the 16 TiB that ext4 can hold")]
    FileTooLarge {
        /// The file.
        path: TreePath,
    },
    /// An attribute that ext4 does not store as it is.
    #[error(
        "the extended attribute `{name}` of {path} cannot be stored: only user, trusted and security ones can"
    )]
    UnknownAttribute {
        /// The file.
        path: TreePath,
        /// The attribute.
        name: String,
    },
    /// Attributes that do not fit.
    #[error("the extended attributes of {path} do not fit into the 4096 bytes that ext4 has for them")]
    AttributesTooLarge {
        /// The file.
        path: TreePath,
    },
    /// A file of the tree or of the work directory cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The program that makes or checks the file system failed.
    #[error("cannot {step}")]
    Program {
        /// What was to be done.
        step: &'static str,
        /// What the program said.
        source: ToolError,
    },
}

impl RootFileSystem {
    /// The name by which the kernel mounts it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ext4 { .. } => "ext4",
            Self::Erofs { .. } => "erofs",
        }
    }

    /// Its volume label, by which its partition is called too.
    pub fn label(&self) -> &str {
        match self {
            Self::Ext4 { label, .. } | Self::Erofs { label, .. } => label,
        }
    }

    /// How large its partition becomes.
    pub fn size(&self) -> Size {
        match self {
            Self::Ext4 { size, .. } | Self::Erofs { size, .. } => *size,
        }
    }

    /// What the tree must hold besides its own files: ext4 has `lost+found`, which needs a label too.
    pub(crate) fn complete(&self, tree: &mut Tree, source_date_epoch: u64) {
        if let Self::Ext4 { .. } = self {
            ext4::add_lost_and_found(tree, source_date_epoch);
        }
    }

    /// Refuses a tree that does not fit where the definition fixes the size.
    pub(crate) fn check_size(&self, tree: &Tree) -> Result<(), FileSystemError> {
        match self {
            Self::Ext4 { size, .. } => ext4::check_size(tree, *size),
            Self::Erofs { .. } => Ok(()),
        }
    }

    /// Decides every byte; a program that is needed for it leaves the file system in `file`.
    pub(crate) fn lay_out<'t>(
        &self,
        tree: &'t Tree,
        tools: &Tools,
        file: &Path,
        stamp: &Stamp,
    ) -> Result<FileSystem<'t>, FileSystemError> {
        match self {
            Self::Ext4 { label, size } => ext4::lay_out(tree, label, *size, stamp),
            Self::Erofs { label, size, compression, inline_tails } => {
                let options =
                    erofs::Options { label, compression: *compression, inline_tails: *inline_tails };
                sized(erofs::make(tree, tools, file, &options, stamp)?, *size)
            }
        }
    }
}

/// A file system with the room that its partition has behind it.
fn sized(content: FileSystem<'_>, size: Size) -> Result<FileSystem<'_>, FileSystemError> {
    let needed_mebibytes = content.bytes.div_ceil(MEBIBYTE);
    let mebibytes = match size {
        Size::Fixed { mebibytes } if mebibytes < needed_mebibytes => {
            return Err(FileSystemError::TooSmall { needed_mebibytes, available_mebibytes: mebibytes });
        }
        Size::Fixed { mebibytes } => mebibytes,
        Size::Fit { free_mebibytes } => needed_mebibytes.saturating_add(free_mebibytes),
    };
    Ok(FileSystem { bytes: mebibytes.saturating_mul(MEBIBYTE), ..content })
}

/// A file system that a program made in a file.
fn in_file(path: PathBuf) -> Result<FileSystem<'static>, FileSystemError> {
    let read = |path: &Path| {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok((bytes, sparse::data_in_file(&file, bytes)?))
    };
    let (bytes, runs) =
        read(&path).map_err(|source| FileSystemError::Unreadable { path: path.clone(), source })?;
    let piece = |run: std::ops::Range<u64>| Piece {
        at: run.start,
        length: run.end - run.start,
        source: Source::File { path: Cow::Owned(path.clone()), start: run.start },
    };
    Ok(FileSystem { bytes, pieces: runs.into_iter().map(piece).collect() })
}

fn check_label(label: &str, limit: usize) -> Result<(), FileSystemError> {
    if label.len() > limit {
        return Err(FileSystemError::LabelTooLong { label: label.to_owned(), limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use host_tools::{Bind, Call, Sandbox};

    use super::{Compression, FileSystem, RootFileSystem, Size, Stamp, sized};
    use crate::seed::Seed;
    use crate::tools::Tools;
    use crate::tree::{Entry, Kind, Tree, TreePath};

    const EPOCH: u64 = 1_700_000_000;
    /// cap_net_raw, permitted and effective, as file capabilities of revision 2 are stored.
    const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn tools() -> Option<PathBuf> {
        testkit::prepared::tools_root()
    }

    fn tree() -> Tree {
        let path = |text: &str| TreePath::parse(text).unwrap();
        let mut tree = Tree::default();
        tree.ensure_directory(&path("bin"), EPOCH);
        let mut program = Entry::file(vec![b'x'; 10_000], 0o4755, EPOCH - 5);
        (program.user, program.group) = (70_000, 12);
        program.attributes.insert("security.capability".into(), CAPABILITY.to_vec());
        tree.insert(path("bin/ping"), program);
        let mut link = Entry::file(*b"", 0o4755, EPOCH);
        link.kind = Kind::HardLink(path("bin/ping"));
        tree.insert(path("bin/pong with \"quotes\""), link);
        let mut device = Entry::file(*b"", 0o620, EPOCH);
        device.kind = Kind::CharacterDevice { major: 5, minor: 1 };
        tree.insert(path("console"), device);
        tree.insert(path("lib"), Entry::symbolic_link("usr/lib", EPOCH));
        tree
    }

    fn label(tree: &mut Tree) {
        for (path, entry) in tree.entries_mut() {
            if !matches!(entry.kind, Kind::HardLink(_)) {
                let label = format!("system_u:object_r:of_{}_bytes_t:s0\0", path.as_bytes().len());
                entry.attributes.insert(crate::selinux::ATTRIBUTE.into(), label.into_bytes());
            }
        }
    }

    fn make(root: &Path, work: &Path, kind: &RootFileSystem) -> Vec<u8> {
        let mut tree = tree();
        kind.complete(&mut tree, EPOCH);
        label(&mut tree);
        let seed = Seed([9; 32]);
        let stamp = Stamp { uuid: seed.uuid("a"), hash_seed: seed.uuid("b"), source_date_epoch: EPOCH };
        let image = kind.lay_out(&tree, &Tools::new(root, work, EPOCH), &work.join("made"), &stamp).unwrap();
        let mut bytes = vec![0; usize::try_from(image.bytes).unwrap()];
        crate::disk::fill(&image.pieces, 0, &mut bytes).unwrap();
        std::fs::write(work.join("root"), &bytes).unwrap();
        bytes
    }

    #[test]
    fn labels_capabilities_devices_and_links_arrive_in_ext4() {
        let Some(root) = tools() else { return };
        let work = tempfile::tempdir().unwrap();
        let kind = RootFileSystem::Ext4 { label: "root".into(), size: Size::Fit { free_mebibytes: 8 } };
        let first = make(&root, work.path(), &kind);
        let sandbox = Sandbox::new(&root).bind(Bind::writable(work.path(), "/mnt"));
        let ask = |request: &str| {
            let output = sandbox.run(&Call::new("debugfs").args(["-R", request, "/mnt/root"])).unwrap();
            output.stdout_text()
        };
        assert!(ask("ea_get /bin/ping security.selinux").contains("system_u:object_r:of_8_bytes_t:s0\\000"));
        assert!(
            ask("ea_get -x /bin/ping security.capability").contains("01 00 00 02 00 20"),
            "{}",
            ask("ea_get -x /bin/ping security.capability")
        );
        assert!(ask("ea_get /lost+found security.selinux").contains("of_10_bytes_t"));
        let program = ask("stat /bin/ping");
        for expected in ["Mode:  04755", "User: 70000", "Group:    12", "Links: 2", "Size: 10000"] {
            assert!(program.contains(expected), "{expected}: {program}");
        }
        // Five seconds before the epoch, in hexadecimal.
        for time in ["ctime: 0x6553f0fb", "atime: 0x6553f0fb", "mtime: 0x6553f0fb", "crtime: 0x6553f100"] {
            assert!(program.contains(time), "{time}: {program}");
        }
        assert!(ask("stat /console").contains("Device major/minor number: 05:01"));
        assert_eq!(first, make(&root, work.path(), &kind));
    }

    #[test]
    fn labels_and_links_arrive_in_erofs() {
        let Some(root) = tools() else { return };
        let work = tempfile::tempdir().unwrap();
        let kind = RootFileSystem::Erofs {
            label: "root".into(),
            size: Size::Fixed { mebibytes: 3 },
            compression: Compression::Lz4Hc { level: 9 },
            inline_tails: true,
        };
        let first = make(&root, work.path(), &kind);
        let sandbox = Sandbox::new(&root).bind(Bind::writable(work.path(), "/mnt"));
        let ask = |path: &str| {
            let call = Call::new("dump.erofs").args([&format!("--path={path}"), "/mnt/root"]);
            sandbox.run(&call).unwrap().stdout_text()
        };
        let program = ask("/bin/ping");
        for expected in ["Links: 2", "Uid: 70000", "Gid: 12", "Access: 0755", "Size: 10000"] {
            assert!(program.contains(expected), "{expected}: {program}");
        }
        // Values of attributes are stored as they are: names and compression do not change them.
        for value in [&b"ystem_u:object_r:of_8_bytes_t:s0\0"[..], &CAPABILITY] {
            assert!(first.windows(value.len()).any(|window| window == value), "{value:?}");
        }
        assert_eq!(first.len(), 3 << 20);
        assert_eq!(first, make(&root, work.path(), &kind));
    }

    #[test]
    fn a_read_only_root_has_the_room_that_it_is_given() {
        let bytes = |size| {
            let content = FileSystem { bytes: (5 << 20) + 1, pieces: Vec::new() };
            sized(content, size).map(|sized| sized.bytes >> 20).map_err(|error| error.to_string())
        };
        assert_eq!(bytes(Size::Fixed { mebibytes: 6 }), Ok(6));
        assert_eq!(bytes(Size::Fit { free_mebibytes: 0 }), Ok(6));
        assert_eq!(bytes(Size::Fit { free_mebibytes: 10 }), Ok(16));
        let refusal = "the root partition is too small: its content needs 6 MiB, 5 MiB are given";
        assert_eq!(bytes(Size::Fixed { mebibytes: 5 }), Err(refusal.to_owned()));
    }

    #[test]
    fn a_label_that_is_too_long_is_refused_before_anything_is_made() {
        let kind = RootFileSystem::Ext4 {
            label: "a label of many bytes".into(),
            size: Size::Fit { free_mebibytes: 0 },
        };
        let tools = Tools::new(Path::new("/nonexistent"), Path::new("/nonexistent"), 0);
        let stamp =
            Stamp { uuid: Seed([0; 32]).uuid("a"), hash_seed: Seed([0; 32]).uuid("b"), source_date_epoch: 0 };
        let error = kind.lay_out(&tree(), &tools, Path::new("/nonexistent/root"), &stamp).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file system label `a label of many bytes` is longer than 16 bytes"
        );
    }
}
