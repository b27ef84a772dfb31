//! A version and the recipes of versions before it, in; its pack and the pack's index, out.
//!
//! A pack holds every different block of a version once, as zstd frames, one after the other: a zstd file of its own. The newest
//! blocks come first: a host with the version before fetches the begin, one with an older version a longer begin, and one with
//! none all of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::Sha256Digest;
use crate::blocks::{self, Payload};
use crate::frame::{self, FrameError};
use crate::manifest::Salt;
use crate::recipe::{self, Index, Recipe, Run};
use crate::verity::{HashTree, Hasher, TreeError};

/// Blocks in a full frame: 1 MiB, which a host holds in memory and fetches again where it was interrupted.
const FRAME_BLOCKS: u32 = 256;
/// The least bytes of a digest in a recipe: at 150,000 blocks one update in some 250 meets another block with the same beginning,
/// which its section gives away.
const SHORTEST: usize = 5;

/// Why a version cannot be packed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// There is no hash tree over it.
    #[error("the root file system cannot be packed")]
    Tree(#[from] TreeError),
    /// zstd refused.
    #[error("a frame cannot be made")]
    Frame(#[from] FrameError),
}

/// What a pack will hold, and in which order.
pub struct Pack<'a> {
    payload: Payload<'a>,
    tree: HashTree,
    different: Different,
    ages: Vec<u8>,
    /// Of each frame, the kinds in it.
    frames: Vec<Vec<u32>>,
}

/// The different blocks of a version.
pub(crate) struct Different {
    pub(crate) runs: Vec<Run>,
    /// Of each kind: its first block and its digest.
    pub(crate) first: Vec<u32>,
    pub(crate) digests: Vec<Sha256Digest>,
}

impl<'a> Pack<'a> {
    /// Decides the order. `before` are the recipes of earlier versions, the newest first.
    pub fn new(payload: Payload<'a>, salt: &Salt, before: &[Recipe]) -> Result<Self, PackError> {
        let hasher = Hasher::new(salt);
        let tree = HashTree::new(salt.clone(), hasher.digests(payload.root()))?;
        let all = all_digests(&hasher, &tree, &payload);
        let different = Different::of(&all, &[]);
        let ages = ages(&different.digests, before);
        let frames = recipe::frames(&ages, FRAME_BLOCKS);
        Ok(Self { payload, tree, different, ages, frames })
    }

    /// The hash tree over the root file system.
    pub fn tree(&self) -> &HashTree {
        &self.tree
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// A frame, compressed at zstd's `level`. Frames do not need each other: they can be made at the same time.
    pub fn frame(&self, number: usize, level: i32) -> Result<Vec<u8>, FrameError> {
        let mut bytes = Vec::new();
        for kind in self.frames.get(number).into_iter().flatten() {
            self.payload.append(self.different.first[*kind as usize], &mut bytes);
        }
        frame::compress(&bytes, &[], level)
    }

    /// The index, for frames that got so many bytes.
    pub fn index(&self, frame_lengths: &[u64]) -> Result<Vec<u8>, FrameError> {
        recipe::encode_index(&Index {
            shape: self.payload.shape(),
            sections: self.tree.sections(),
            digest_size: shortest(&self.different.digests),
            runs: &self.different.runs,
            digests: &self.different.digests,
            ages: &self.ages,
            frame_blocks: FRAME_BLOCKS,
            frame_lengths,
        })
    }
}

/// Digests of all blocks, in the row of root and kernel.
pub(crate) fn all_digests(hasher: &Hasher, tree: &HashTree, payload: &Payload<'_>) -> Vec<Sha256Digest> {
    let mut all = tree.leaves().to_vec();
    all.extend(blocks::digests(hasher, payload.kernel()));
    all
}

impl Different {
    /// Of blocks with these digests; those that a version `before` has come from there.
    pub(crate) fn of(all: &[Sha256Digest], before: &[Sha256Digest]) -> Self {
        let mut base = BTreeMap::new();
        for (number, digest) in (0_u32..).zip(before) {
            base.entry(digest).or_insert(number);
        }
        let mut met: BTreeMap<&Sha256Digest, u32> = BTreeMap::new();
        let mut different = Self { runs: Vec::new(), first: Vec::new(), digests: Vec::new() };
        let mut next = 0;
        for (number, digest) in (0..).zip(all) {
            let run = if let Some(first) = met.get(digest) {
                Run::Again { from: *first, count: 1 }
            } else {
                met.insert(digest, number);
                different.first.push(number);
                different.digests.push(*digest);
                // Rather the block after the one that was taken last than the first of many that are the same.
                let follows = before.get(next as usize) == Some(digest);
                match base.get(digest).map(|first| if follows { next } else { *first }) {
                    Some(from) => {
                        next = from + 1;
                        Run::Base { from, count: 1 }
                    }
                    None => Run::New { count: 1 },
                }
            };
            different.add(run, all, number);
        }
        different
    }

    /// Lengthens the last run, if it goes on so.
    fn add(&mut self, run: Run, all: &[Sha256Digest], number: u32) {
        match (self.runs.last_mut(), run) {
            (Some(Run::New { count }), Run::New { .. }) => *count += 1,
            (Some(Run::Base { from, count }), Run::Base { from: next, .. }) if *from + *count == next => {
                *count += 1;
            }
            // The run goes on wherever the block after the one that it repeats is the same, too.
            (Some(Run::Again { from, count }), Run::Again { .. })
                if *from + *count < number && all[(*from + *count) as usize] == all[number as usize] =>
            {
                *count += 1;
            }
            _ => self.runs.push(run),
        }
    }
}

/// Of each block, how many versions before have it: the newest first, until one has it not.
fn ages(digests: &[Sha256Digest], before: &[Recipe]) -> Vec<u8> {
    let mut ages = vec![0_u8; digests.len()];
    for (age, recipe) in (1..=u8::MAX).zip(before) {
        let known: BTreeSet<&[u8]> =
            (0..).take(recipe.kinds()).map(|kind: u32| recipe.prefix(kind)).collect();
        let size = known.first().map_or(0, |prefix| prefix.len());
        for (digest, so_far) in digests.iter().zip(&mut ages) {
            if *so_far == age - 1 && size > 0 && known.contains(&digest.bytes()[..size]) {
                *so_far = age;
            }
        }
    }
    ages
}

/// The least bytes of a digest, at which no two different blocks look the same.
pub(crate) fn shortest(digests: &[Sha256Digest]) -> usize {
    let mut sorted: Vec<&Sha256Digest> = digests.iter().collect();
    sorted.sort_unstable();
    let same = |pair: &[&Sha256Digest]| {
        pair[0].bytes().iter().zip(pair[1].bytes()).take_while(|(left, right)| left == right).count()
    };
    sorted.windows(2).map(same).max().map_or(SHORTEST, |same| (same + 1).clamp(SHORTEST, 32))
}
