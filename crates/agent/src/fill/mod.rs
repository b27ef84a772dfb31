//! A manifest and where its bytes come from, in; the other slot's partitions filled, out. A block that lies there already is
//! left, one that the running version has is copied, and only the rest is fetched; every block is compared with its digest
//! in the hash tree before it is written, and the tree with the root hash before anything is.
//!
//! What an interrupted filling left is found by its digests: nothing is remembered, and nothing fetched twice.

mod local;
mod root;

use std::io;

use release::manifest::PayloadFile;
use release::verity::{self, HashTree, PartitionError};
use release::{Manifest, Sha256Digest};

use crate::error::Named;
use crate::source::{Source, SourceError};
use crate::storage::{ReadAt as _, Window, WritableWindow};

/// What may be read and what is written.
pub struct Partitions<'a> {
    /// The running version's root file system.
    pub running_root: Window<'a>,
    /// The running version's hash tree.
    pub running_verity: Window<'a>,
    /// The root hash of the running version.
    pub running_root_hash: Sha256Digest,
    /// For the root file system.
    pub root: WritableWindow<'a>,
    /// For the hash tree.
    pub verity: WritableWindow<'a>,
    /// For the signature of the root hash, where the disk has a place for it.
    pub signature: Option<WritableWindow<'a>>,
}

/// Where the bytes of the root file system came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Filled {
    /// Bytes that lay in their places already.
    pub kept: u64,
    /// Bytes copied from elsewhere on this disk.
    pub copied: u64,
    /// Bytes of blocks that were fetched, as they lie on the disk.
    pub fetched: u64,
}

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
}

impl Named for FillError {
    fn name(&self) -> &'static str {
        match self {
            FillError::Source(error) => error.name(),
            FillError::Device { action: "write", .. } => "slot.write",
            FillError::Device { .. } => "slot.read",
            FillError::Tree { .. } | FillError::TreeDiffers { .. } => "payload.tree",
            FillError::Block { .. } => "payload.block",
            FillError::Short { .. } => "payload.short",
        }
    }
}

/// Fills the other slot; `progress` hears how many of the root file system's bytes are in their places.
pub fn fill(
    partitions: &Partitions<'_>,
    manifest: &Manifest,
    source: &mut dyn Source,
    progress: &mut dyn FnMut(Filled),
) -> Result<Filled, FillError> {
    let bytes = source.whole(manifest.files.verity.name.as_str())?;
    let tree = tree(&bytes, manifest)?;
    write_if_other(&partitions.verity, "hash tree", &bytes)?;
    drop(bytes);
    let filled = root::fill(partitions, manifest, &tree, source, progress)?;
    if let (Some(file), Some(window)) = (&manifest.files.verity_signature, &partitions.signature) {
        signature(window, file, source)?;
    }
    let device = |source| FillError::Device { action: "flush", part: "partitions", source };
    partitions.root.flush().map_err(device)?;
    Ok(filled)
}

/// The hash tree of a manifest, proven.
fn tree(bytes: &[u8], manifest: &Manifest) -> Result<HashTree, FillError> {
    let file = manifest.files.verity.name.to_string();
    let (superblock, tree) = verity::parse(bytes, &manifest.verity.root_hash)
        .map_err(|source| FillError::Tree { file: file.clone(), source })?;
    // The root hash tells neither: a tree over other blocks of zeros, or with another salt, is another one all the same.
    if superblock.data_blocks != manifest.verity.data_blocks {
        return Err(FillError::TreeDiffers { file, field: "number of blocks" });
    }
    if superblock.salt != manifest.verity.salt {
        return Err(FillError::TreeDiffers { file, field: "salt" });
    }
    Ok(tree)
}

/// The signature, and zeros to the end of its partition.
fn signature(
    window: &WritableWindow<'_>,
    file: &PayloadFile,
    source: &mut dyn Source,
) -> Result<(), FillError> {
    let mut bytes = source.whole(file.name.as_str())?;
    if let Ok(size) = usize::try_from(window.readable().size()) {
        bytes.resize(size.min(MOST_SIGNATURE).max(bytes.len()), 0);
    }
    write_if_other(window, "signature", &bytes)
}

/// Signature partitions are small; what lies further behind is not looked at by anybody.
const MOST_SIGNATURE: usize = 1024 * 1024;

fn write_if_other(window: &WritableWindow<'_>, part: &'static str, bytes: &[u8]) -> Result<(), FillError> {
    const PIECE: usize = 512 * 1024;
    let mut there = vec![0; PIECE.min(bytes.len())];
    for (number, piece) in bytes.chunks(PIECE).enumerate() {
        let offset = (number * PIECE) as u64;
        let there = &mut there[..piece.len()];
        let read = window.readable().read_at(offset, there);
        read.map_err(|source| FillError::Device { action: "read", part, source })?;
        if there != piece {
            let written = window.write_at(offset, piece);
            written.map_err(|source| FillError::Device { action: "write", part, source })?;
        }
    }
    Ok(())
}
