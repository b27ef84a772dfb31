//! A hash tree, in; the bytes of its partition, out; and back.

use super::tree::{HashTree, TreeError};
use super::{BLOCK_SIZE, DIGEST_SIZE, DIGESTS_PER_BLOCK};
use crate::Sha256Digest;
use crate::manifest::Salt;

const SIGNATURE: &[u8; 8] = b"verity\0\0";
const ALGORITHM: &[u8; 6] = b"sha256";

/// Why bytes are no hash tree that belongs to a root hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    /// No superblock where it should be.
    #[error("there is no dm-verity superblock")]
    NoSuperblock,
    /// Made in another way than Lazuli's.
    #[error("the dm-verity superblock says {field} {found}, and Lazuli's trees have {expected}")]
    Foreign {
        /// Which field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it would have to say.
        expected: &'static str,
    },
    /// Data of no block have no tree.
    #[error("the dm-verity superblock tells of no data blocks")]
    Empty,
    /// The bytes end before the tree does.
    #[error("a hash tree over {data_blocks} blocks has {expected} bytes, and {found} are there")]
    Short {
        /// Blocks of data by the superblock.
        data_blocks: u64,
        /// Bytes of superblock and tree.
        expected: u64,
        /// Bytes that were given.
        found: u64,
    },
    /// More blocks than the tree has digests of, in the last hash block, where the root hash does not tell.
    #[error("the hash tree has no digest of block {block}: its superblock tells of too many blocks")]
    NoDigest {
        /// The first such block, counted from 0.
        block: usize,
    },
    /// Somebody or something changed the tree or the salt.
    #[error(
        "the hash tree has the root hash {found} and not {expected}: it is damaged or belongs to other data"
    )]
    RootHash {
        /// What was asked for.
        expected: Sha256Digest,
        /// What the digests give.
        found: Sha256Digest,
    },
}

/// What stands before a hash tree on its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Of the tree; the kernel does not need it.
    pub uuid: [u8; 16],
    /// Blocks of data under the tree.
    pub data_blocks: u64,
    /// What every block is hashed with.
    pub salt: Salt,
}

impl Superblock {
    /// Reads the first block of a hash partition.
    pub fn parse(bytes: &[u8]) -> Result<Self, PartitionError> {
        let bytes: &[u8; 512] = bytes.first_chunk().ok_or(PartitionError::NoSuperblock)?;
        if !bytes.starts_with(SIGNATURE) {
            return Err(PartitionError::NoSuperblock);
        }
        let number = |place: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[place + byte]));
        for (field, place, expected, text) in [
            ("version", 8, 1, "1"),
            ("hash type", 12, 1, "1"),
            ("data block size", 64, 4096, "4096"),
            ("hash block size", 68, 4096, "4096"),
        ] {
            let found = number(place);
            if found != expected {
                return Err(PartitionError::Foreign { field, found: found.to_string(), expected: text });
            }
        }
        let algorithm = bytes[32..64].trim_ascii_end();
        let algorithm = algorithm.split(|byte| *byte == 0).next().unwrap_or_default();
        if algorithm != ALGORITHM {
            let found = String::from_utf8_lossy(algorithm).into_owned();
            return Err(PartitionError::Foreign { field: "algorithm", found, expected: "sha256" });
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[16..32]);
        let data_blocks = u64::from(number(72)) | u64::from(number(76)) << 32;
        if data_blocks == 0 {
            return Err(PartitionError::Empty);
        }
        let salt_size = usize::from(u16::from_le_bytes([bytes[80], bytes[81]]));
        let foreign = || PartitionError::Foreign {
            field: "salt size",
            found: salt_size.to_string(),
            expected: "at most 256",
        };
        let salt = bytes[88..344].get(..salt_size).ok_or_else(foreign)?;
        let salt = Salt::new(salt.to_vec()).map_err(|_| foreign())?;
        Ok(Self { uuid, data_blocks, salt })
    }

    /// The first block of a hash partition.
    pub fn block(&self) -> [u8; BLOCK_SIZE] {
        let mut block = [0; BLOCK_SIZE];
        let salt = self.salt.bytes();
        // Bytes 82 to 87 are reserved.
        for (place, bytes) in [
            (0, SIGNATURE.as_slice()),
            (8, &1_u32.to_le_bytes()),
            (12, &1_u32.to_le_bytes()),
            (16, &self.uuid),
            (32, ALGORITHM),
            (64, &4096_u32.to_le_bytes()),
            (68, &4096_u32.to_le_bytes()),
            (72, &self.data_blocks.to_le_bytes()),
            (80, &u16::try_from(salt.len()).unwrap_or(u16::MAX).to_le_bytes()),
            (88, salt),
        ] {
            block[place..place + bytes.len()].copy_from_slice(bytes);
        }
        block
    }
}

impl HashTree {
    /// The superblock that belongs before this tree.
    pub fn superblock(&self, uuid: [u8; 16]) -> Superblock {
        Superblock { uuid, data_blocks: self.leaves().len() as u64, salt: self.salt().clone() }
    }

    /// The blocks of the tree's partition, in order: the superblock, then the tree from its top.
    pub fn partition(&self, uuid: [u8; 16]) -> impl Iterator<Item = [u8; BLOCK_SIZE]> {
        std::iter::once(self.superblock(uuid).block()).chain(self.hash_blocks())
    }

    /// All bytes of the tree's partition.
    pub fn partition_bytes(&self, uuid: [u8; 16]) -> Vec<u8> {
        self.partition(uuid).flatten().collect()
    }
}

/// Bytes of the superblock's block and of the tree behind it over so many blocks of data; `None` where no number holds them.
pub fn partition_length(data_blocks: u64) -> Option<u64> {
    let mut blocks = 1_u64;
    let mut digests = data_blocks;
    while digests > 1 {
        digests = digests.div_ceil(DIGESTS_PER_BLOCK as u64);
        blocks = blocks.checked_add(digests)?;
    }
    blocks.checked_mul(BLOCK_SIZE as u64)
}

/// Reads a hash partition and proves all of its digests by the root hash.
///
/// The levels between are computed, not read: only the superblock and the digests of the data blocks matter. Bytes behind the
/// tree are not looked at.
pub fn parse(bytes: &[u8], root_hash: &Sha256Digest) -> Result<(Superblock, HashTree), PartitionError> {
    let superblock = Superblock::parse(bytes)?;
    let found = bytes.len() as u64;
    let short = |expected| PartitionError::Short { data_blocks: superblock.data_blocks, expected, found };
    let expected = partition_length(superblock.data_blocks).ok_or(short(u64::MAX))?;
    let tree = usize::try_from(expected).ok().and_then(|end| bytes.get(..end)).ok_or(short(expected))?;
    let count = usize::try_from(superblock.data_blocks).map_err(|_| short(expected))?;
    let leaves = if count == 1 {
        // The one digest is the root hash, and nothing is behind the superblock.
        vec![*root_hash]
    } else {
        let lowest = count.div_ceil(DIGESTS_PER_BLOCK) * BLOCK_SIZE;
        let (digests, _) = tree[tree.len() - lowest..].as_chunks::<DIGEST_SIZE>();
        digests[..count].iter().copied().map(Sha256Digest::from_bytes).collect()
    };
    // No block has a digest of zeros; they fill up the last hash block.
    let zeros = Sha256Digest::from_bytes([0; DIGEST_SIZE]);
    if let Some(block) = leaves.iter().position(|digest| *digest == zeros) {
        return Err(PartitionError::NoDigest { block });
    }
    let tree =
        HashTree::new(superblock.salt.clone(), leaves).map_err(|_: TreeError| PartitionError::Empty)?;
    if tree.root_hash() == *root_hash {
        Ok((superblock, tree))
    } else {
        Err(PartitionError::RootHash { expected: *root_hash, found: tree.root_hash() })
    }
}
