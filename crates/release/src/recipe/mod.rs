//! The index of a pack, or the head of a patch, in; what the blocks of a version are, and where each can be had, out.
//!
//! A recipe names every different block of a version by the beginning of its digest, and every section of 512 KiB by its whole
//! digest; these give the root hash, or the recipe is refused. So a block that was found by a beginning alone is proven when its
//! section is whole.

mod content;
mod index;
mod patch;
mod wire;

use std::ops::Range;

use crate::blocks::{Shape, ShapeError};
use crate::frame::FrameError;
use crate::verity::{self, DIGESTS_PER_BLOCK, Hasher};
use crate::{Manifest, Sha256Digest};
pub(crate) use content::{Content, Run};
pub(crate) use index::{Index, encode as encode_index, frames};
pub use patch::head_length as patch_head_length;
pub(crate) use patch::{Patch, PatchFrame, encode as encode_patch};

/// Bytes at the begin of a patch that tell how long its head is.
pub const PATCH_BEGIN: usize = patch::BEGIN;

/// Blocks that one frame may need in memory: what it holds, and what it was compressed against.
const FRAME_LIMIT: u32 = 4096;

/// Why bytes are no recipe for a version.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Another kind of file.
    #[error("this is no {0} of a release")]
    Foreign(&'static str),
    /// Cut off, or contradicting itself.
    #[error("the file is damaged: {0}")]
    Damaged(&'static str),
    /// It does not decompress.
    #[error("the file cannot be decompressed")]
    Frame(#[from] FrameError),
    /// Sizes that no version has.
    #[error("the file tells of a version that cannot be")]
    Shape(#[from] ShapeError),
    /// Made for other files than those of the manifest.
    #[error("the file belongs to another version than the manifest: {0}")]
    OtherVersion(&'static str),
    /// A patch for hosts with another version.
    #[error("the patch is not for the version that runs here, or its kernel was changed")]
    OtherBase,
}

/// What the blocks of a version are, and where each can be had.
#[derive(Debug, Clone)]
pub struct Recipe {
    shape: Shape,
    hasher: Hasher,
    root_hash: Sha256Digest,
    sections: Vec<Sha256Digest>,
    digest_size: usize,
    /// Of each block, which of the different blocks it is.
    content: Vec<u32>,
    /// Beginnings of the digests of the different blocks, one after the other.
    digests: Vec<u8>,
    homes: Vec<Home>,
    frames: Vec<Frame>,
}

/// Where one of the different blocks can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the file that the recipe belongs to.
    Frame {
        /// Which frame.
        frame: u32,
        /// Which block of it.
        position: u32,
    },
    /// In the version that the patch starts from, at this number.
    Base(u32),
}

/// One compressed piece of the file that the recipe belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of the file.
    pub(crate) range: Range<u64>,
    /// Blocks in it.
    pub(crate) blocks: u32,
    /// Blocks of the old version that it was compressed against: numbers.
    pub(crate) reference: Vec<Range<u32>>,
}

/// How each block of the slot and of the kernel file stands.
#[derive(Debug, Clone)]
pub struct Present(Vec<Standing>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Missing,
    There,
    /// Each digest of the section begins as it should, and the section is wrong: something else has such a digest.
    Suspect,
}

impl Present {
    pub(crate) fn standing(&self, number: u32) -> Standing {
        self.0.get(number as usize).copied().unwrap_or(Standing::Missing)
    }

    /// Of a slot in which nothing of the version has been written.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Blocks that need not be written any more.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.iter().filter(|standing| **standing == Standing::There).count())
            .expect("blocks of a version are counted in 32 bits")
    }
}

impl Recipe {
    /// Sizes of the version's parts.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The root hash that all sections were proven by.
    pub fn root_hash(&self) -> Sha256Digest {
        self.root_hash
    }

    /// Frames of the file that this recipe belongs to.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Which of the different blocks a block is.
    pub(crate) fn kind(&self, number: u32) -> u32 {
        self.content[number as usize]
    }

    pub(crate) fn home(&self, kind: u32) -> Home {
        self.homes[kind as usize]
    }

    /// How many different blocks there are.
    pub(crate) fn kinds(&self) -> usize {
        self.homes.len()
    }

    /// The beginning of the digest of one of the different blocks.
    pub(crate) fn prefix(&self, kind: u32) -> &[u8] {
        &self.digests[kind as usize * self.digest_size..][..self.digest_size]
    }

    /// Whether `digest` may be that of the block with this number, in the row of root and kernel.
    pub fn is(&self, number: u32, digest: &Sha256Digest) -> bool {
        number < self.shape.blocks() && digest.bytes().starts_with(self.prefix(self.kind(number)))
    }

    /// Compares what lies in the slot and in the kernel file with what should: digests of their blocks, as far as they go.
    pub fn present(&self, root: &[Sha256Digest], kernel: &[Sha256Digest]) -> Present {
        let root_blocks = self.shape.root_blocks() as usize;
        let standing = |number: u32, digest: Option<&Sha256Digest>| match digest {
            Some(digest) if self.is(number, digest) => Standing::There,
            _ => Standing::Missing,
        };
        let mut all: Vec<Standing> = (0..self.shape.blocks())
            .map(|number| {
                let place = number as usize;
                let digest =
                    if place < root_blocks { root.get(place) } else { kernel.get(place - root_blocks) };
                standing(number, digest)
            })
            .collect();
        for number in self.wrong_sections(root) {
            let end = ((number + 1) * DIGESTS_PER_BLOCK).min(root_blocks);
            let section = &mut all[number * DIGESTS_PER_BLOCK..end];
            if section.iter().all(|standing| *standing == Standing::There) {
                section.fill(Standing::Suspect);
            }
        }
        Present(all)
    }

    /// Sections of the root file system, counted from 0, whose digest is not what the root hash proves.
    fn wrong_sections(&self, root: &[Sha256Digest]) -> impl Iterator<Item = usize> {
        let blocks = self.shape.root_blocks() as usize;
        self.sections.iter().enumerate().filter_map(move |(number, expected)| {
            let start = number * DIGESTS_PER_BLOCK;
            let end = (start + DIGESTS_PER_BLOCK).min(blocks);
            let found = root.get(start..end)?;
            (verity::section_digest(&self.hasher, found, blocks) != *expected).then_some(number)
        })
    }
}

/// What index and patch have in common, before it is proven.
struct Parts {
    shape: Shape,
    sections: Vec<Sha256Digest>,
    digest_size: usize,
    content: Content,
    digests: Vec<u8>,
    homes: Vec<Home>,
    frames: Vec<Frame>,
}

impl Parts {
    /// Proves the sections by the root hash.
    fn prove(self, manifest: &Manifest) -> Result<Recipe, RecipeError> {
        let hasher = Hasher::new(&manifest.verity.salt);
        if verity::root_of_sections(&hasher, &self.sections) != Some(manifest.verity.root_hash) {
            return Err(RecipeError::OtherVersion("the root hashes are not the same"));
        }
        Ok(Recipe {
            shape: self.shape,
            hasher,
            root_hash: manifest.verity.root_hash,
            sections: self.sections,
            digest_size: self.digest_size,
            content: self.content.kinds,
            digests: self.digests,
            homes: self.homes,
            frames: self.frames,
        })
    }
}

/// The shape and the digests of sections, which both kinds of file begin with.
///
/// The shape is that of the manifest before anything is made that is as large as the version.
fn read_shape(
    reader: &mut wire::Reader<'_>,
    manifest: &Manifest,
) -> Result<(Shape, Vec<Sha256Digest>, usize), RecipeError> {
    let shape = Shape::new(reader.number()?, reader.number()?)?;
    if u64::from(shape.root_blocks()) != manifest.verity.data_blocks {
        return Err(RecipeError::OtherVersion("the root file systems have not the same size"));
    }
    if shape.kernel_size() != manifest.files.kernel.size {
        return Err(RecipeError::OtherVersion("the kernels have not the same size"));
    }
    let digest_size = usize::try_from(reader.number()?).unwrap_or(usize::MAX);
    if !(1..=32).contains(&digest_size) {
        return Err(RecipeError::Damaged("digests have another length"));
    }
    let count = (shape.root_blocks() as usize).div_ceil(DIGESTS_PER_BLOCK);
    let sections =
        (0..count).map(|_| reader.array().map(Sha256Digest::from_bytes)).collect::<Result<_, _>>()?;
    Ok((shape, sections, digest_size))
}

/// Where a frame of so many blocks is, whose length follows: what does not compress is hardly longer than it was.
fn read_range(reader: &mut wire::Reader<'_>, start: u64, blocks: u32) -> Result<Range<u64>, RecipeError> {
    let length = reader.number()?;
    let longest = zstd::zstd_safe::compress_bound(blocks as usize * verity::BLOCK_SIZE) as u64;
    let end = start.checked_add(length).filter(|_| (1..=longest).contains(&length));
    Ok(start..end.ok_or(RecipeError::Damaged("a frame is impossible"))?)
}

fn write_shape(output: &mut Vec<u8>, shape: Shape, sections: &[Sha256Digest], digest_size: usize) {
    wire::put(output, u64::from(shape.root_blocks()));
    wire::put(output, shape.kernel_size());
    wire::put(output, digest_size as u64);
    sections.iter().for_each(|digest| output.extend_from_slice(digest.bytes()));
}
