//! A root file system in a file and a salt in; the hash tree over it, and the root hash that proves both, out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use release::Sha256Digest;
use release::manifest::Salt;
use release::partition::SlotPartition;
use release::verity::{BLOCK_SIZE, HashTree, Hasher, TreeError};
use sha2::{Digest as _, Sha256};

/// What is read and hashed at once, in bytes: whole blocks.
const READ_AT_ONCE: usize = 1 << 20;

/// A root and its proof.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// What proves the tree, and by it the root.
    pub(crate) root_hash: Sha256Digest,
    /// Of all bytes of the root.
    pub(crate) root_digest: Sha256Digest,
    /// Superblock and tree, as they lie in their partition.
    pub(crate) tree: Vec<u8>,
    /// Blocks of the root.
    pub(crate) data_blocks: u64,
}

/// Why a root cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The root file system cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no tree over it.
    #[error("cannot make the hash tree of the root")]
    Tree(#[from] TreeError),
}

/// Seals the file system in a file, on as many threads as there are processors.
pub(crate) fn seal(path: &Path, salt: &Salt) -> Result<Sealed, SealError> {
    let unreadable = |source| SealError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let block = BLOCK_SIZE as u64;
    if length % block != 0 {
        return Err(TreeError::PartOfABlock { length }.into());
    }
    let (leaves, root_digest) = std::thread::scope(|scope| {
        let whole = scope.spawn(|| digest(&file, length));
        let leaves = leaves(&file, length / block, salt);
        let digest = whole.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((leaves?, digest?))
    })
    .map_err(unreadable)?;
    let data_blocks = leaves.len() as u64;
    let tree = HashTree::new(salt.clone(), leaves)?;
    let root_hash = tree.root_hash();
    // That of its partition: whoever has the tree and the root hash has the whole partition.
    let uuid = SlotPartition::Verity.uuid(&root_hash);
    Ok(Sealed { root_hash, root_digest, tree: tree.partition_bytes(uuid.into_bytes()), data_blocks })
}

fn leaves(file: &File, blocks: u64, salt: &Salt) -> io::Result<Vec<Sha256Digest>> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = blocks.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|number| (share * number).min(blocks)..(share * (number + 1)).min(blocks))
            .map(|range| scope.spawn(move || digests(file, range, salt)))
            .collect();
        let mut leaves = Vec::with_capacity(usize::try_from(blocks).unwrap_or_default());
        for thread in running {
            leaves.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(leaves)
    })
}

fn digests(file: &File, blocks: std::ops::Range<u64>, salt: &Salt) -> io::Result<Vec<Sha256Digest>> {
    let hasher = Hasher::new(salt);
    let mut digests = Vec::new();
    let mut buffer = vec![0; READ_AT_ONCE];
    let (mut position, end) = (blocks.start * BLOCK_SIZE as u64, blocks.end * BLOCK_SIZE as u64);
    while position < end {
        let length = usize::try_from(end - position).unwrap_or(READ_AT_ONCE).min(READ_AT_ONCE);
        file.read_exact_at(&mut buffer[..length], position)?;
        digests.extend(hasher.digests(&buffer[..length]));
        position += length as u64;
    }
    Ok(digests)
}

/// SHA-256 of the whole file.
fn digest(file: &File, length: u64) -> io::Result<Sha256Digest> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; READ_AT_ONCE];
    let mut position = 0;
    while position < length {
        let count = usize::try_from(length - position).unwrap_or(READ_AT_ONCE).min(READ_AT_ONCE);
        file.read_exact_at(&mut buffer[..count], position)?;
        digest.update(&buffer[..count]);
        position += count as u64;
    }
    Ok(Sha256Digest::from_bytes(digest.finalize().into()))
}

#[cfg(test)]
mod tests {
    use release::Sha256Digest;
    use release::manifest::Salt;
    use release::verity::Leaves;

    use super::{READ_AT_ONCE, SealError, seal};

    #[test]
    fn shares_of_several_threads_make_the_tree_of_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        let salt = Salt::new(vec![1, 2, 3]).unwrap();
        for blocks in [1, 2, 129, 3 * READ_AT_ONCE / 4096 + 5] {
            let bytes: Vec<u8> =
                (0..blocks * 4096).map(|at| u8::try_from(at / 4096 % 251).unwrap()).collect();
            std::fs::write(&path, &bytes).unwrap();
            let mut leaves = Leaves::new(salt.clone());
            leaves.push(&bytes);
            let sealed = seal(&path, &salt).unwrap();
            assert_eq!(sealed.root_hash, leaves.finish().unwrap().root_hash());
            assert_eq!(sealed.data_blocks, blocks as u64);
            assert_eq!(sealed.root_digest, Sha256Digest::of(&bytes));
        }
    }

    #[test]
    fn a_root_that_ends_within_a_block_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        std::fs::write(&path, vec![1; 5000]).unwrap();
        let error = seal(&path, &Salt::default()).unwrap_err();
        assert!(matches!(error, SealError::Tree(_)), "{error:?}");
    }
}
