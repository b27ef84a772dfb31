//! Digests of the blocks that a host has, in; where a block with a given digest lies, out.

use crate::Sha256Digest;
use crate::blocks::{Shape, ShapeError};
use crate::verity::HashTree;

/// The blocks of the version that a host runs, found by their digests.
#[derive(Debug, Clone)]
pub struct Local {
    shape: Option<Shape>,
    root_hash: Option<Sha256Digest>,
    /// Of the blocks of the root, then of the kernel.
    digests: Vec<Sha256Digest>,
    /// Numbers of blocks in the order of their digests.
    sorted: Vec<u32>,
}

impl Local {
    /// Of a root file system with this tree, which was proven, and a kernel whose blocks have these digests.
    ///
    /// `kernel_size` is in bytes. Without a kernel that can be relied on, give 0 and none.
    pub fn new(tree: &HashTree, kernel_size: u64, kernel: &[Sha256Digest]) -> Result<Self, ShapeError> {
        let shape = Shape::new(tree.leaves().len() as u64, kernel_size)?;
        let mut digests = tree.leaves().to_vec();
        digests.extend_from_slice(kernel);
        digests.truncate(shape.blocks() as usize);
        let mut sorted: Vec<u32> = (0..).take(digests.len()).collect();
        sorted.sort_unstable_by_key(|number| (digests[*number as usize], *number));
        Ok(Self { shape: Some(shape), root_hash: Some(tree.root_hash()), digests, sorted })
    }

    /// Of a host that has nothing that can be used.
    pub fn nothing() -> Self {
        Self { shape: None, root_hash: None, digests: Vec::new(), sorted: Vec::new() }
    }

    /// The root hash of the version that the host runs.
    pub fn root_hash(&self) -> Option<Sha256Digest> {
        self.root_hash
    }

    /// What a patch for this version is bound to: a digest of all digests, those of the kernel included.
    pub(crate) fn fingerprint(&self) -> Sha256Digest {
        let all: Vec<u8> = self.digests.iter().flat_map(|digest| *digest.bytes()).collect();
        Sha256Digest::of(&all)
    }

    pub(crate) fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// All digests, by the numbers of their blocks.
    pub(crate) fn digests(&self) -> &[Sha256Digest] {
        &self.digests
    }

    /// The first block whose digest begins so.
    pub(crate) fn find(&self, prefix: &[u8]) -> Option<u32> {
        let digest = |number: u32| &self.digests[number as usize].bytes()[..prefix.len().min(32)];
        let place = self.sorted.partition_point(|number| digest(*number) < prefix);
        self.sorted.get(place).copied().filter(|number| digest(*number) == prefix)
    }

    /// Whether the digest of a block begins so.
    pub(crate) fn is(&self, number: u32, prefix: &[u8]) -> bool {
        self.digests.get(number as usize).is_some_and(|digest| digest.bytes().starts_with(prefix))
    }
}
