//! Why a slot was not filled, and the names of it that do not change.

use std::io;

use release::Sha256Digest;
use release::assembly::AssemblyError;
use release::frame::FrameError;
use release::recipe::RecipeError;
use release::verity::PartitionError;

use crate::error::Named;
use crate::source::SourceError;

/// Why a slot was not filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The release does not give a file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A partition cannot be read or written.
    #[error("cannot {action} the {part} of the other slot")]
    Device {
        /// What was tried.
        action: &'static str,
        /// On which partition.
        part: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The hash tree does not belong to the root hash.
    #[error("the hash tree {file} is not the manifest's")]
    Tree {
        /// Its file.
        file: String,
        /// What is wrong.
        #[source]
        source: PartitionError,
    },
    /// The hash tree belongs to the root hash and not to the manifest.
    #[error("the hash tree {file} has another {field} than the manifest says")]
    TreeDiffers {
        /// Its file.
        file: String,
        /// What differs.
        field: &'static str,
    },
    /// A block that was fetched is not the one that the tree tells of.
    #[error(
        "block {block} of {file} is not what its digest in the hash tree says: the server's file, or the way from it, is damaged"
    )]
    Block {
        /// The file.
        file: String,
        /// Which block, from 0.
        block: u64,
    },
    /// The server said that it was done, and was not.
    #[error("{file} ended before all of its blocks had come: block {block} is missing")]
    Short {
        /// The file.
        file: String,
        /// The first missing block, from 0.
        block: u64,
    },
    /// Frames came out of order or not all.
    #[error("{file} did not give the bytes that were asked for")]
    Frames {
        /// The file.
        file: String,
    },
    /// A frame does not decompress.
    #[error("a part of {file} cannot be decompressed: the server's file, or the way from it, is damaged")]
    Frame {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: FrameError,
    },
    /// The recipe has no way to a block.
    #[error("the recipe of this version does not reach from what this host has")]
    Assembly(#[source] AssemblyError),
    /// The recipe is none of this version.
    #[error("the recipe {file} cannot be used")]
    Recipe {
        /// Its file.
        file: String,
        /// Why not.
        #[source]
        source: RecipeError,
    },
    /// The recipe was followed and the root hash is another one.
    #[error("following {file} does not lead to the version that it is for; it, or the disk, is damaged")]
    Unstable {
        /// The file.
        file: String,
    },
    /// The hash tree that was computed is not the one that was published.
    #[error("the hash tree has SHA-256 {found}, and the manifest says {expected}")]
    TreeFile {
        /// What the manifest says.
        expected: Sha256Digest,
        /// What was computed.
        found: Sha256Digest,
    },
}

impl Named for FillError {
    fn name(&self) -> &'static str {
        match self {
            FillError::Source(error) => error.name(),
            FillError::Device { action: "write", .. } => "slot.write",
            FillError::Device { .. } => "slot.read",
            FillError::Tree { .. } | FillError::TreeDiffers { .. } => "payload.tree",
            FillError::Block { .. } => "payload.block",
            FillError::TreeFile { .. } => "payload.tree",
            FillError::Short { .. } | FillError::Frames { .. } => "payload.short",
            FillError::Frame { .. } | FillError::Assembly(_) | FillError::Unstable { .. } => "payload.block",
            FillError::Recipe { .. } => "payload.index",
        }
    }
}

impl FillError {
    /// Whether the release, or the server, has not got a file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, FillError::Source(error) if error.is_missing())
    }
}
