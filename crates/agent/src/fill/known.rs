//! Digests of blocks that this disk has, in; where a block with a digest lies, out.

use release::Sha256Digest;
use release::local::Local;
use release::manifest::Salt;
use release::verity::{self, BLOCK_SIZE, HashTree, Hasher};

use super::Partitions;
use super::blocks::digests;
use crate::storage::ReadAt as _;

/// What the running version has, for a recipe: nothing if its tree cannot be read or is hashed with another salt.
pub(super) fn local(partitions: &Partitions<'_>, salt: &Salt, hasher: &Hasher) -> Local {
    let Some(tree) = running_tree(partitions, salt) else { return Local::nothing() };
    let kernel = partitions.running_kernel.as_deref().and_then(|kernel| {
        let digests = digests(hasher, kernel, kernel.size()).ok()?;
        Local::new(&tree, kernel.size(), &digests).ok()
    });
    kernel.or_else(|| Local::new(&tree, 0, &[]).ok()).unwrap_or_else(Local::nothing)
}

/// The UUID of the tree in the running slot.
pub(super) fn running_tree_uuid(partitions: &Partitions<'_>) -> Option<[u8; 16]> {
    let mut first = [0; BLOCK_SIZE];
    partitions.running_verity.read_at(0, &mut first).ok()?;
    Some(verity::Superblock::parse(&first).ok()?.uuid)
}

/// The tree in the running slot, proven by the root hash that runs.
fn running_tree(partitions: &Partitions<'_>, salt: &Salt) -> Option<HashTree> {
    let mut first = [0; BLOCK_SIZE];
    partitions.running_verity.read_at(0, &mut first).ok()?;
    let superblock = verity::Superblock::parse(&first).ok().filter(|superblock| superblock.salt == *salt)?;
    let length = verity::partition_length(superblock.data_blocks)?;
    if length > partitions.running_verity.size() {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    partitions.running_verity.read_at(0, &mut bytes).ok()?;
    Some(verity::parse(&bytes, &partitions.running_root_hash).ok()?.1)
}

/// Blocks of the running version, by the first 8 bytes of their digests.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Sorted.
    places: Vec<(u64, u32)>,
}

impl Known {
    /// The running version's blocks, if its tree can be read and is hashed with the same salt; none otherwise.
    pub(super) fn of_running(partitions: &Partitions<'_>, salt: &Salt) -> Self {
        running_tree(partitions, salt).map(|tree| Known::of(tree.leaves())).unwrap_or_default()
    }

    pub(super) fn of(leaves: &[Sha256Digest]) -> Self {
        let mut places: Vec<(u64, u32)> = leaves.iter().map(prefix).zip(0..).collect();
        places.sort_unstable();
        places.dedup_by_key(|(prefix, _)| *prefix);
        Known { places }
    }

    /// A block that may have this digest; whoever copies it compares.
    pub(super) fn block(&self, digest: &Sha256Digest) -> Option<u32> {
        let found = self.places.binary_search_by_key(&prefix(digest), |(prefix, _)| *prefix).ok()?;
        Some(self.places[found].1)
    }
}

fn prefix(digest: &Sha256Digest) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.bytes()[..8]);
    u64::from_be_bytes(bytes)
}
