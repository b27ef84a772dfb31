//! A tree in; an ext4 file system of a planned size out, with every option named so that no configuration of mke2fs decides.

use host_tools::debugfs::Attribute;
use host_tools::{debugfs, e2fsck, mke2fs};

use super::{FileSystem, FileSystemError, MEBIBYTE, Size, Stamp, check_label};
use crate::archive;
use crate::tools::Tools;
use crate::tree::{Entry, Kind, Tree, TreePath, TreeSize, measure};

const BLOCK_SIZE: u32 = 4096;
const BLOCK: u64 = BLOCK_SIZE as u64;
const INODE: u64 = 256;
const BLOCKS_IN_GROUP: u64 = 32_768;
const LABEL_LIMIT: usize = 16;
/// One inode for so many bytes of free room: mke2fs's own rule.
const BYTES_PER_INODE: u64 = 16_384;

/// `none` first: what the tools tree has for defaults does not count.
const FEATURES: [&str; 17] = [
    "none",
    "has_journal",
    "ext_attr",
    "resize_inode",
    "dir_index",
    "filetype",
    "extent",
    "64bit",
    "flex_bg",
    "sparse_super",
    "large_file",
    "huge_file",
    "dir_nlink",
    "extra_isize",
    "metadata_csum",
    "metadata_csum_seed",
    "orphan_file",
];

/// How large an ext4 file system becomes, and how many files it can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayoutSize {
    /// Blocks of 4096 bytes.
    pub(super) blocks: u64,
    /// Number of inodes.
    pub(super) inodes: u64,
}

impl LayoutSize {
    /// Decides from the size of a tree and the wish of the definition.
    pub(super) fn plan(tree: &TreeSize, size: Size) -> Result<Self, FileSystemError> {
        match size {
            Size::Fit { free_mebibytes } => Ok(Self::around(tree, free_mebibytes * MEBIBYTE / BLOCK)),
            Size::Fixed { mebibytes } => {
                let least = Self::around(tree, 0);
                let blocks = mebibytes * MEBIBYTE / BLOCK;
                if least.blocks > blocks {
                    return Err(FileSystemError::TooSmall {
                        needed_mebibytes: least.bytes().div_ceil(MEBIBYTE),
                        available_mebibytes: mebibytes,
                    });
                }
                let inodes = least.inodes + (blocks - least.blocks) * BLOCK / BYTES_PER_INODE;
                // The tables of the further inodes take their share of the room that is left.
                Ok(Self { blocks, inodes })
            }
        }
    }

    /// Its length in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks * BLOCK
    }

    fn around(tree: &TreeSize, free_blocks: u64) -> Self {
        let inodes = tree.inodes() + 64 + free_blocks * BLOCK / BYTES_PER_INODE;
        // A directory has at least one block; names take their length and eight bytes, and blocks are left half empty at worst.
        let names = tree.inodes() + tree.name_bytes / 8;
        let directories = tree.directories + (tree.name_bytes + names * 12).div_ceil(BLOCK) * 2;
        let content = tree.file_blocks + directories + tree.others / 8 + 64;
        let mut blocks = content + free_blocks;
        // Tables grow with the blocks that hold them: a few rounds settle it.
        for _ in 0..4 {
            blocks = content + free_blocks + tables(blocks, inodes);
        }
        let whole = blocks.div_ceil(MEBIBYTE / BLOCK) * (MEBIBYTE / BLOCK);
        Self { blocks: whole, inodes }
    }
}

/// Blocks of inode tables, bitmaps, group descriptors with the room to grow them, backups and journal.
fn tables(blocks: u64, inodes: u64) -> u64 {
    let groups = blocks.div_ceil(BLOCKS_IN_GROUP).max(1);
    let inode_tables = (inodes * INODE).div_ceil(BLOCK) + groups * 2;
    let descriptors = (groups * 64).div_ceil(BLOCK);
    let reserved = (groups * 1024).div_ceil(64).min(1024);
    // sparse_super: copies in groups 0, 1 and powers of 3, 5 and 7.
    let copies = 1 + (1..groups).filter(|group| is_backup_group(*group)).count() as u64;
    inode_tables
        + groups * 2
        + copies * (1 + descriptors + reserved)
        + journal_blocks(blocks)
        + 512
        + content_slack(blocks)
}

/// Extent tree blocks and the orphan file, well under one block in a hundred; and what the kernel keeps for itself, one in
/// fifty up to 16 MiB.
fn content_slack(blocks: u64) -> u64 {
    blocks / 128 + (blocks / 50).min(4096)
}

fn is_backup_group(group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group == 1 || power_of(3) || power_of(5) || power_of(7)
}

/// The journal that mke2fs makes for a file system of so many blocks.
fn journal_blocks(blocks: u64) -> u64 {
    match blocks {
        0..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        524_288..4_194_304 => 16_384,
        4_194_304..8_388_608 => 32_768,
        8_388_608..16_777_216 => 65_536,
        16_777_216..33_554_432 => 131_072,
        _ => 262_144,
    }
}

/// mke2fs makes this directory in any case; in the tree it gets its label and its time like everything else.
pub(super) fn add_lost_and_found(tree: &mut Tree, source_date_epoch: u64) {
    let path = TreePath::root().child(b"lost+found");
    if tree.get(&path).is_none() {
        tree.insert(path, Entry::directory(0o700, source_date_epoch));
    }
}

pub(super) fn make(
    tree: &Tree,
    tools: &Tools,
    name: &str,
    label: &str,
    size: Size,
    stamp: &Stamp,
) -> Result<FileSystem<'static>, FileSystemError> {
    check_label(label, LABEL_LIMIT)?;
    let layout = LayoutSize::plan(&measure(tree), size)?;
    let path = tools.work().join(name);
    let sandbox = tools.sandbox();
    let options = mke2fs::Options {
        uuid: stamp.uuid.to_string(),
        hash_seed: stamp.hash_seed.to_string(),
        label: label.to_owned(),
        block_size: BLOCK_SIZE,
        blocks: layout.blocks,
        inodes: Some(layout.inodes),
        features: FEATURES.map(str::to_owned).to_vec(),
        reserved_percent: 0,
        source_date_epoch: stamp.source_date_epoch,
    };
    let failed = |step| move |source| FileSystemError::Program { step, source };
    mke2fs::make(
        &sandbox,
        &options,
        mke2fs::Source::Stream(&mut |output| archive::write(tree, output)),
        &path,
    )
    .map_err(failed("make the ext4 file system"))?;
    // mke2fs takes capabilities from an archive and nothing else.
    debugfs::set_attributes(&sandbox, &path, &other_attributes(tree), stamp.source_date_epoch)
        .map_err(failed("label the ext4 file system"))?;
    e2fsck::check(&sandbox, &path).map_err(failed("check the ext4 file system"))?;
    super::in_file(path)
}

fn other_attributes(tree: &Tree) -> Vec<Attribute> {
    tree.entries()
        .filter(|(_, entry)| !matches!(entry.kind, Kind::HardLink(_)))
        .flat_map(|(path, entry)| {
            entry.attributes.iter().filter(|(name, _)| *name != "security.capability").map(|(name, value)| {
                Attribute { path: path.absolute(), name: name.clone(), value: value.clone() }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LayoutSize, Size};
    use crate::tree::TreeSize;

    fn tree() -> TreeSize {
        TreeSize {
            file_bytes: 400 << 20,
            file_blocks: 102_400,
            files: 15_000,
            directories: 2_000,
            name_bytes: 300_000,
            others: 3_000,
        }
    }

    #[test]
    fn a_file_system_that_cannot_hold_its_tree_says_by_how_much() {
        let error = LayoutSize::plan(&tree(), Size::Fixed { mebibytes: 300 }).unwrap_err().to_string();
        assert!(error.starts_with("the root partition is too small: its content needs 4"), "{error}");
        assert!(error.ends_with("300 MiB are given"), "{error}");
    }

    #[test]
    fn room_asked_for_is_room_given() {
        let least = LayoutSize::plan(&tree(), Size::Fit { free_mebibytes: 0 }).unwrap();
        let roomy = LayoutSize::plan(&tree(), Size::Fit { free_mebibytes: 512 }).unwrap();
        assert!(least.bytes() > 400 << 20);
        assert!(roomy.bytes() - least.bytes() >= 512 << 20);
        assert_eq!(LayoutSize::plan(&tree(), Size::Fixed { mebibytes: 2048 }).unwrap().bytes(), 2048 << 20);
    }
}
