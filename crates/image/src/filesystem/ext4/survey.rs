//! A tree in; all that its file system will hold, before anything has a place, out.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;

use super::attributes::{Attributes, SharedBlocks};
use super::checksum::ChecksumSeed;
use super::directories::{self, Seeds};
use super::field::length;
use super::nodes::{self, Node};
use super::{BLOCK, FileSystemError, extents, inode};
use crate::filesystem::{Stamp, sparse};
use crate::tree::{Content, Kind, Tree};

/// A shorter target stands in the inode.
const SHORT_TARGET: usize = 60;
/// Bytes of a target that a kernel reads.
const LONGEST_TARGET: usize = 4095;

/// Everything that comes from the tree.
#[derive(Debug)]
pub(super) struct Survey<'t> {
    pub(super) nodes: Vec<Node<'t>>,
    /// What each node holds.
    pub(super) holdings: Vec<Holding<'t>>,
    /// The attributes of each node.
    pub(super) attributes: Vec<Attributes>,
    pub(super) shared: SharedBlocks,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Holding<'t> {
    /// It stands in the inode: a device's number, a short target, or nothing.
    InInode([u8; 60]),
    /// Whole blocks of a directory, or a long target; with flags of the inode.
    Bytes(Cow<'t, [u8]>, u32),
    /// Blocks of a file that are not holes, counted from its beginning.
    File(&'t Content, Vec<Range<u64>>),
}

/// How much room it all takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    /// Blocks of content, of the maps of scattered files, and of attributes.
    pub(super) blocks: u64,
    pub(super) inodes: u64,
}

impl<'t> Survey<'t> {
    pub(super) fn new(tree: &'t Tree, stamp: &Stamp) -> Result<Self, FileSystemError> {
        let nodes = nodes::collect(tree)?;
        let seeds = Seeds {
            hash: stamp.hash_seed.as_bytes(),
            checksum: ChecksumSeed::of_file_system(stamp.uuid.as_bytes()),
        };
        let holdings =
            nodes.iter().map(|node| holding(node, &nodes, seeds)).collect::<Result<Vec<_>, _>>()?;
        let mut shared = SharedBlocks::default();
        let attributes = nodes
            .iter()
            .map(|node| shared.place(node.path, &node.entry.attributes))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { nodes, holdings, attributes, shared })
    }

    pub(super) fn needs(&self) -> Needs {
        let content: u64 = self
            .holdings
            .iter()
            .map(|holding| {
                let runs = holding.runs();
                runs.iter().map(|run| run.end - run.start).sum::<u64>() + extents::blocks_for(runs.len())
            })
            .sum();
        // The nodes have 11 among the inodes that are set apart, which begin with 1 and end with that of the orphans.
        Needs {
            blocks: content + self.shared.count(),
            inodes: self.nodes.len() as u64 + u64::from(nodes::ORPHAN_FILE) - 2,
        }
    }
}

impl Holding<'_> {
    /// Blocks of the node that need a place, counted from its beginning.
    pub(super) fn runs(&self) -> Cow<'_, [Range<u64>]> {
        match self {
            Self::InInode(_) => Cow::Owned(Vec::new()),
            Self::Bytes(bytes, _) => {
                Cow::Owned(Vec::from([Range { start: 0, end: (bytes.len() as u64).div_ceil(BLOCK) }]))
            }
            Self::File(_, runs) => Cow::Borrowed(runs),
        }
    }
}

fn holding<'t>(
    node: &Node<'t>,
    nodes: &[Node<'t>],
    seeds: Seeds<'_>,
) -> Result<Holding<'t>, FileSystemError> {
    Ok(match &node.entry.kind {
        Kind::Directory => {
            let directory = directories::content(node, nodes, seeds)?;
            Holding::Bytes(Cow::Owned(directory.bytes), if directory.indexed { inode::INDEXED } else { 0 })
        }
        Kind::File(content) => Holding::File(content, data_blocks(node, content)?),
        Kind::SymbolicLink(target) if target.is_empty() || target.len() > LONGEST_TARGET => {
            return Err(FileSystemError::BadTarget { path: node.path.clone(), length: target.len() });
        }
        Kind::SymbolicLink(target) if target.len() < SHORT_TARGET => {
            let mut map = [0; 60];
            map[..target.len()].copy_from_slice(target);
            Holding::InInode(map)
        }
        Kind::SymbolicLink(target) => Holding::Bytes(Cow::Borrowed(target), 0),
        Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            Holding::InInode(inode::device(*major, *minor))
        }
        Kind::Pipe | Kind::HardLink(_) => Holding::InInode([0; 60]),
    })
}

fn data_blocks(node: &Node<'_>, content: &Content) -> Result<Vec<Range<u64>>, FileSystemError> {
    let size = content.size();
    if size.div_ceil(BLOCK) > u64::from(u32::MAX) {
        return Err(FileSystemError::FileTooLarge { path: node.path.clone() });
    }
    let runs = match content {
        // Too small for a hole: it need not be looked at.
        _ if size < sparse::UNIT => Vec::from_iter((size > 0).then_some(0..size)),
        Content::Bytes(bytes) => sparse::data_in_memory(bytes),
        Content::OnDisk { path, size } => File::open(path)
            .and_then(|file| sparse::data_in_file(&file, *size))
            .map_err(|source| FileSystemError::Unreadable { path: path.clone(), source })?,
    };
    Ok(runs.into_iter().map(|run| run.start / BLOCK..run.end.div_ceil(BLOCK)).collect())
}

/// The bytes of a range of blocks, which may end within the last of them.
pub(super) fn part(bytes: &[u8], blocks: &Range<u64>) -> Vec<u8> {
    let end = length(blocks.end * BLOCK).min(bytes.len());
    bytes[length(blocks.start * BLOCK)..end].to_vec()
}
