//! A tree in; an ext4 file system of a planned size out, with every option named so that no configuration of mke2fs decides.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;

use host_tools::{Call, Stdin};

use super::{FileSystemError, FileSystemImage, MEBIBYTE, Size, Stamp, check_label};
use crate::archive;
use crate::selinux;
use crate::tools::Tools;
use crate::tree::{Entry, Kind, Tree, TreePath, TreeSize, measure};

const BLOCK: u64 = 4096;
const INODE: u64 = 256;
const BLOCKS_IN_GROUP: u64 = 32_768;
const LABEL_LIMIT: usize = 16;
/// One inode for so many bytes of free room: mke2fs's own rule.
const BYTES_PER_INODE: u64 = 16_384;

const FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,\
    large_file,huge_file,dir_nlink,extra_isize,metadata_csum,metadata_csum_seed,orphan_file";

/// How large an ext4 file system becomes, and what of it its own tables take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LayoutSize {
    /// Blocks of 4096 bytes.
    pub(super) blocks: u64,
    /// Number of inodes.
    pub(super) inodes: u64,
    /// Mebibytes of the journal.
    pub(super) journal_mebibytes: u64,
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
                Ok(Self { blocks, inodes, journal_mebibytes: journal(blocks) })
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
        Self { blocks: whole, inodes, journal_mebibytes: journal(whole) }
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
        + journal(blocks) * MEBIBYTE / BLOCK
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

fn journal(blocks: u64) -> u64 {
    match blocks * BLOCK / MEBIBYTE {
        0..256 => 8,
        256..8192 => 32,
        _ => 128,
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
) -> Result<FileSystemImage, FileSystemError> {
    check_label(label, LABEL_LIMIT)?;
    let layout = LayoutSize::plan(&measure(tree), size)?;
    let path = tools.work().join(name);
    let work_error = |source| FileSystemError::Work { path: path.clone(), source };
    // A new file reads as zeros, which mke2fs is told: it then writes no empty tables, and the kernel finishes none later.
    let file = File::create(&path).map_err(work_error)?;
    file.set_len(layout.bytes()).map_err(work_error)?;
    drop(file);
    tools
        .sandbox()
        .run_with_input(&make_call(name, label, &layout, stamp), |input| {
            let mut output = BufWriter::with_capacity(1 << 20, input);
            archive::write(tree, &mut output)?;
            std::io::Write::flush(&mut output)
        })
        .map_err(|source| FileSystemError::Program { step: "make the ext4 file system", source })?;
    set_labels(tree, tools, name)?;
    let check = Call::new("e2fsck").args(["-f", "-n", &Tools::inside(name)]);
    tools
        .sandbox()
        .run(&check)
        .map_err(|source| FileSystemError::Program { step: "check the ext4 file system", source })?;
    Ok(FileSystemImage { path, bytes: layout.bytes() })
}

fn make_call(name: &str, label: &str, layout: &LayoutSize, stamp: &Stamp) -> Call {
    let extended = format!(
        "hash_seed={},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1,nodiscard",
        stamp.hash_seed
    );
    Call::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-O", FEATURES])
        .args(["-N", &layout.inodes.to_string(), "-J", &format!("size={}", layout.journal_mebibytes)])
        .args(["-U", &stamp.uuid.to_string(), "-L", label, "-E", &extended, "-d", "-"])
        .args([Tools::inside(name), layout.blocks.to_string()])
        // Without a file of defaults, the options above are all there is.
        .env("MKE2FS_CONFIG", "/dev/null")
        .env("E2FSPROGS_FAKE_TIME", stamp.source_date_epoch.to_string())
        .stdin(Stdin::Pipe)
}

/// mke2fs takes capabilities from an archive and nothing else, so labels follow by debugfs.
fn set_labels(tree: &Tree, tools: &Tools, name: &str) -> Result<(), FileSystemError> {
    let mut script = String::new();
    let mut labels: BTreeMap<&[u8], usize> = BTreeMap::new();
    let folder = tempfile::Builder::new()
        .prefix("labels-")
        .tempdir_in(tools.work())
        .map_err(|source| FileSystemError::Work { path: tools.work().to_path_buf(), source })?;
    let inside = Tools::inside(&folder.path().file_name().unwrap_or_default().to_string_lossy());
    for (path, entry) in tree.entries() {
        let Some(label) = entry.attributes.get(selinux::ATTRIBUTE) else { continue };
        if matches!(entry.kind, Kind::HardLink(_)) {
            continue;
        }
        let Some(quoted) = quote(&path.absolute()) else {
            return Err(FileSystemError::Labels { said: format!("debugfs cannot name {path}") });
        };
        let next = labels.len();
        let number = *labels.entry(label).or_insert(next);
        // A file for each label, since only a file can hold the closing NUL byte.
        let _infallible = writeln!(script, "ea_set -f {inside}/{number} {quoted} {}", selinux::ATTRIBUTE);
    }
    if labels.is_empty() {
        return Ok(());
    }
    let files = labels
        .iter()
        .map(|(label, number)| (number.to_string(), *label))
        .chain([("script".to_owned(), script.as_bytes())]);
    for (file, bytes) in files {
        let path = folder.path().join(file);
        std::fs::write(&path, bytes).map_err(|source| FileSystemError::Work { path, source })?;
    }
    let call = Call::new("debugfs")
        .args(["-w", "-f", &format!("{inside}/script"), &Tools::inside(name)])
        .stdout(host_tools::Sink::Null);
    let output = tools
        .sandbox()
        .run(&call)
        .map_err(|source| FileSystemError::Program { step: "label the ext4 file system", source })?;
    // debugfs ends with success whatever a command says; its name and version are all it may say.
    let said: Vec<String> = output
        .stderr_text()
        .lines()
        .filter(|line| !line.starts_with("debugfs ") && !line.trim().is_empty())
        .map(str::to_owned)
        .collect();
    if said.is_empty() {
        Ok(())
    } else {
        Err(FileSystemError::Labels { said: said[..said.len().min(5)].join("; ") })
    }
}

/// A path as one word of a debugfs script, where a quotation mark inside is doubled; line ends cannot be written at all.
fn quote(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    if text.contains('\n') {
        return None;
    }
    Some(format!("\"{}\"", text.replace('"', "\"\"")))
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
