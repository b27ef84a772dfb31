//! What an update writes, as blocks of 4096 bytes: those of the root file system, then those of the unified kernel image, whose
//! last one is filled up with zeros.

use std::ops::Range;

use serde::Serialize;

use crate::Sha256Digest;
use crate::verity::{BLOCK_SIZE, Hasher};

/// The two parts of a version that blocks belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The root file system.
    Root,
    /// The unified kernel image.
    Kernel,
}

/// Blocks in a row, all of one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Extent {
    /// Whose blocks.
    pub area: Area,
    /// The first one, counted from the area's begin.
    pub first: u32,
    /// How many.
    pub count: u32,
}

impl Extent {
    /// Where the first byte is, counted from the area's begin.
    pub fn offset(&self) -> u64 {
        u64::from(self.first) * BLOCK_SIZE as u64
    }

    /// Bytes of all its blocks.
    pub fn length(&self) -> u64 {
        u64::from(self.count) * BLOCK_SIZE as u64
    }
}

/// The sizes of a version's parts; all blocks of both have one row of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    root_blocks: u32,
    kernel_size: u64,
}

/// Why there can be no such version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A file system without a block.
    #[error("the root file system is empty")]
    Empty,
    /// A file system that ends within a block.
    #[error("the root file system has {0} bytes, which are no whole number of blocks of {BLOCK_SIZE} bytes")]
    PartOfABlock(u64),
    /// More blocks than are numbered.
    #[error("root file system and kernel have more than 2^30 blocks of {BLOCK_SIZE} bytes")]
    TooLarge,
}

impl Shape {
    /// Numbers are 32 bits wide, and some of their values are kept free.
    const LIMIT: u64 = 1 << 30;

    /// Of a root file system of so many blocks and a kernel of so many bytes.
    pub fn new(root_blocks: u64, kernel_size: u64) -> Result<Self, ShapeError> {
        if root_blocks == 0 {
            return Err(ShapeError::Empty);
        }
        let blocks = kernel_size.div_ceil(BLOCK_SIZE as u64).checked_add(root_blocks);
        match (blocks, u32::try_from(root_blocks)) {
            (Some(..=Self::LIMIT), Ok(root_blocks)) => Ok(Self { root_blocks, kernel_size }),
            _ => Err(ShapeError::TooLarge),
        }
    }

    /// Blocks of the root file system.
    pub fn root_blocks(&self) -> u32 {
        self.root_blocks
    }

    /// Bytes of the kernel, which need not fill its last block.
    pub fn kernel_size(&self) -> u64 {
        self.kernel_size
    }

    /// Blocks of both.
    pub fn blocks(&self) -> u32 {
        let kernel = u32::try_from(self.kernel_size.div_ceil(BLOCK_SIZE as u64));
        self.root_blocks + kernel.expect("all blocks were counted when the shape was made")
    }

    /// The extent of blocks that follow each other in the row of both areas; it must not lie in both.
    pub(crate) fn extent(&self, first: u32, count: u32) -> Extent {
        match first.checked_sub(self.root_blocks) {
            None => Extent { area: Area::Root, first, count },
            Some(first) => Extent { area: Area::Kernel, first, count },
        }
    }

    /// Where the extent's first block is in the row of both areas.
    pub(crate) fn number(&self, extent: &Extent) -> u32 {
        match extent.area {
            Area::Root => extent.first,
            Area::Kernel => self.root_blocks + extent.first,
        }
    }

    /// Whether a run that reaches `number` would go over from the root to the kernel there.
    pub(crate) fn is_border(&self, number: u32) -> bool {
        number == self.root_blocks
    }

    /// Whether a row of numbers is one extent of this version.
    pub(crate) fn holds(&self, run: &Range<u32>) -> bool {
        run.start < run.end
            && run.end <= self.blocks()
            && (run.end <= self.root_blocks || run.start >= self.root_blocks)
    }
}

/// The bytes of a version, as the factory has them.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    root: &'a [u8],
    kernel: &'a [u8],
    shape: Shape,
}

impl<'a> Payload<'a> {
    /// Of whole files.
    pub fn new(root: &'a [u8], kernel: &'a [u8]) -> Result<Self, ShapeError> {
        let (blocks, rest) = root.as_chunks::<BLOCK_SIZE>();
        if !rest.is_empty() {
            return Err(ShapeError::PartOfABlock(root.len() as u64));
        }
        let shape = Shape::new(blocks.len() as u64, kernel.len() as u64)?;
        Ok(Self { root, kernel, shape })
    }

    /// Sizes of its parts.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The unified kernel image.
    pub fn kernel(&self) -> &'a [u8] {
        self.kernel
    }

    /// The root file system.
    pub fn root(&self) -> &'a [u8] {
        self.root
    }

    /// Appends a block to `output`, filled up with zeros.
    pub(crate) fn append(&self, number: u32, output: &mut Vec<u8>) {
        let extent = self.shape.extent(number, 1);
        let area = match extent.area {
            Area::Root => self.root,
            Area::Kernel => self.kernel,
        };
        let start = extent.first as usize * BLOCK_SIZE;
        let bytes = area.get(start..).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(BLOCK_SIZE)];
        output.extend_from_slice(bytes);
        output.resize(output.len() + BLOCK_SIZE - bytes.len(), 0);
    }
}

/// The digests of a file's blocks, the last one filled up with zeros: those of a kernel have no hash tree.
pub fn digests(hasher: &Hasher, bytes: &[u8]) -> Vec<Sha256Digest> {
    let mut digests = hasher.digests(bytes);
    let rest = bytes.as_chunks::<BLOCK_SIZE>().1;
    if !rest.is_empty() {
        let mut block = [0; BLOCK_SIZE];
        block[..rest.len()].copy_from_slice(rest);
        digests.push(hasher.digest(&block));
    }
    digests
}
