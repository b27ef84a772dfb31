//! Blocks of a file system, in; the dm-verity hash tree over them and its root hash, out; and back: a tree proven by its root hash.
//!
//! The one shape that Lazuli uses: hash type 1 of the kernel's dm-verity, SHA-256 with the salt first, data and hash blocks of
//! 4096 bytes, the superblock of version 1 before the tree. Nothing here reads a disk.

mod hasher;
mod partition;
mod tree;

pub use hasher::Hasher;
pub use partition::{PartitionError, Superblock, parse, partition_length};
pub use tree::{HashTree, Leaves, TreeError};
pub(crate) use tree::{root_of_sections, section_digest};

/// Bytes of a data block and of a hash block.
pub const BLOCK_SIZE: usize = 4096;
/// Bytes of a digest.
pub const DIGEST_SIZE: usize = 32;
/// Digests in one hash block.
pub const DIGESTS_PER_BLOCK: usize = BLOCK_SIZE / DIGEST_SIZE;
/// Bytes of data under one hash block of the lowest level: a section, the unit that the upper levels of the tree prove.
pub const SECTION_SIZE: usize = BLOCK_SIZE * DIGESTS_PER_BLOCK;
