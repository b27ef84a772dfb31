//! Digests of blocks that this disk has, in; where a block with a digest lies, out.

use release::manifest::Salt;
use release::verity;
use release::{Sha256Digest, verity::BLOCK_SIZE};

use super::Partitions;
use crate::storage::ReadAt as _;

/// Blocks of the running version, by the first 8 bytes of their digests.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Sorted.
    places: Vec<(u64, u32)>,
}

impl Known {
    /// The running version's blocks, if its tree can be read and is hashed with the same salt; none otherwise.
    pub(super) fn of_running(partitions: &Partitions<'_>, salt: &Salt) -> Self {
        let mut first = [0; BLOCK_SIZE];
        let read = |buffer: &mut [u8]| partitions.running_verity.read_at(0, buffer);
        if read(&mut first).is_err() {
            return Known::default();
        }
        let Ok(superblock) = verity::Superblock::parse(&first) else { return Known::default() };
        let length = verity::partition_length(superblock.data_blocks);
        let Some(length) = length.filter(|length| *length <= partitions.running_verity.size()) else {
            return Known::default();
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        if superblock.salt != *salt || read(&mut bytes).is_err() {
            return Known::default();
        }
        match verity::parse(&bytes, &partitions.running_root_hash) {
            Ok((_, tree)) => Known::of(tree.leaves()),
            Err(_) => Known::default(),
        }
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
