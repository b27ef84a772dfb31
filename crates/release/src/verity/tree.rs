//! Digests of data blocks, in; the tree above them, out.

use super::hasher::Hasher;
use super::{BLOCK_SIZE, DIGESTS_PER_BLOCK};
use crate::Sha256Digest;
use crate::manifest::Salt;

/// Why there is no hash tree over the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// No data at all.
    #[error("there is no hash tree over no data")]
    Empty,
    /// The data end within a block.
    #[error(
        "{length} bytes are no whole number of blocks of {BLOCK_SIZE} bytes: fill the file system up before it is hashed"
    )]
    PartOfABlock {
        /// Bytes of data.
        length: u64,
    },
}

/// Digests of a stream of data blocks, gathered while they pass by.
pub struct Leaves {
    salt: Salt,
    hasher: Hasher,
    digests: Vec<Sha256Digest>,
    /// What has come of the next block.
    begun: Vec<u8>,
}

impl Leaves {
    /// Of a stream that is hashed with `salt`.
    pub fn new(salt: Salt) -> Self {
        let hasher = Hasher::new(&salt);
        Self { salt, hasher, digests: Vec::new(), begun: Vec::with_capacity(BLOCK_SIZE) }
    }

    /// Takes the next bytes, of any number.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if !self.begun.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_SIZE - self.begun.len()));
            self.begun.extend_from_slice(now);
            bytes = later;
            if let Ok(block) = self.begun.as_slice().try_into() {
                self.digests.push(self.hasher.digest(block));
                self.begun.clear();
            }
        }
        let (blocks, rest) = bytes.as_chunks();
        self.digests.extend(blocks.iter().map(|block| self.hasher.digest(block)));
        self.begun.extend_from_slice(rest);
    }

    /// The tree over all that was pushed.
    pub fn finish(self) -> Result<HashTree, TreeError> {
        if !self.begun.is_empty() {
            let length = self.digests.len() as u64 * BLOCK_SIZE as u64 + self.begun.len() as u64;
            return Err(TreeError::PartOfABlock { length });
        }
        HashTree::new(self.salt, self.digests)
    }
}

/// The digests of all levels, from those of the data blocks up to the root hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashTree {
    salt: Salt,
    /// The last level is the root hash alone.
    levels: Vec<Vec<Sha256Digest>>,
}

impl HashTree {
    /// The tree over data blocks with these digests, which were made with `salt`.
    pub fn new(salt: Salt, leaves: Vec<Sha256Digest>) -> Result<Self, TreeError> {
        if leaves.is_empty() {
            return Err(TreeError::Empty);
        }
        let hasher = Hasher::new(&salt);
        let mut levels = vec![leaves];
        while let Some(above) =
            levels.last().filter(|level| level.len() > 1).map(|level| parents(&hasher, level))
        {
            levels.push(above);
        }
        Ok(Self { salt, levels })
    }

    /// What proves the whole tree.
    pub fn root_hash(&self) -> Sha256Digest {
        self.levels[self.levels.len() - 1][0]
    }

    /// What every block is hashed with.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Digests of the data blocks, in their order.
    pub fn leaves(&self) -> &[Sha256Digest] {
        &self.levels[0]
    }

    /// Digests of the sections of 512 KiB, which prove what lies in them; over a single block, its own digest.
    pub fn sections(&self) -> &[Sha256Digest] {
        &self.levels[usize::from(self.levels.len() > 1)]
    }

    /// Digests of a level: 0 are the data blocks', 1 those of the sections of 512 KiB, the last one is the root hash alone.
    pub fn level(&self, number: usize) -> &[Sha256Digest] {
        self.levels.get(number).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many levels of digests there are, that of the root hash counted.
    pub fn height(&self) -> usize {
        self.levels.len()
    }

    /// Hash blocks in the order in which they lie behind the superblock: the top first, those of the data blocks last.
    pub fn hash_blocks(&self) -> impl Iterator<Item = [u8; BLOCK_SIZE]> {
        // The root hash is in no block.
        let stored = &self.levels[..self.levels.len() - 1];
        stored.iter().rev().flat_map(|level| level.chunks(DIGESTS_PER_BLOCK).map(hash_block))
    }
}

/// The digest of a section, of a file system of `all` blocks, whose blocks have these digests.
pub(crate) fn section_digest(hasher: &Hasher, blocks: &[Sha256Digest], all: usize) -> Sha256Digest {
    match blocks {
        [only] if all == 1 => *only,
        blocks => hasher.digest(&hash_block(blocks)),
    }
}

/// The root hash over sections with these digests.
pub(crate) fn root_of_sections(hasher: &Hasher, sections: &[Sha256Digest]) -> Option<Sha256Digest> {
    let mut level = sections.to_vec();
    while level.len() > 1 {
        level = parents(hasher, &level);
    }
    level.first().copied()
}

/// Digests as they lie in a hash block: one after the other, then zeros.
pub(crate) fn hash_block(digests: &[Sha256Digest]) -> [u8; BLOCK_SIZE] {
    let mut block = [0; BLOCK_SIZE];
    for (place, digest) in block.as_chunks_mut().0.iter_mut().zip(digests) {
        *place = *digest.bytes();
    }
    block
}

fn parents(hasher: &Hasher, level: &[Sha256Digest]) -> Vec<Sha256Digest> {
    level.chunks(DIGESTS_PER_BLOCK).map(|digests| hasher.digest(&hash_block(digests))).collect()
}
