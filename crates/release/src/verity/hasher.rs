//! A salt and blocks, in; their digests, out.

use sha2::{Digest as _, Sha256};

use super::BLOCK_SIZE;
use crate::Sha256Digest;
use crate::manifest::Salt;

/// Computes digests of blocks with one salt.
#[derive(Clone, Debug)]
pub struct Hasher {
    salted: Sha256,
}

impl Hasher {
    /// For blocks that are hashed with `salt`.
    pub fn new(salt: &Salt) -> Self {
        // Hash type 1: the salt comes before the block.
        Self { salted: Sha256::new_with_prefix(salt.bytes()) }
    }

    /// The digest of one block, data or hashes.
    pub fn digest(&self, block: &[u8; BLOCK_SIZE]) -> Sha256Digest {
        let mut state = self.salted.clone();
        state.update(block);
        Sha256Digest::from_bytes(state.finalize().into())
    }

    /// The digests of all blocks in `bytes`; what is left behind the last whole block is not looked at.
    ///
    /// Parts of a large file can be hashed on several processors and the results joined.
    pub fn digests(&self, bytes: &[u8]) -> Vec<Sha256Digest> {
        bytes.as_chunks().0.iter().map(|block| self.digest(block)).collect()
    }
}
