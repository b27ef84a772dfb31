//! Two versions, in; a patch that makes the second one of the first, out.
//!
//! What is new is compressed against what went: the blocks of the old version that the new one has not, from about the same place.
//! These are the old contents of the files that changed, because both file systems are in the order of paths. A frame leans on
//! 4 MiB at most, so a host needs little memory, and from the same two versions always comes the same patch.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::Sha256Digest;
use crate::blocks::{self, Payload};
use crate::frame::{self, FrameError};
use crate::local::Local;
use crate::manifest::Salt;
use crate::pack::{Different, PackError, all_digests, shortest};
use crate::recipe::{self, PatchFrame, Run};
use crate::verity::{HashTree, Hasher};

/// Blocks in a full frame.
const FRAME_BLOCKS: usize = 256;
/// Blocks that a frame leans on.
const REFERENCE_BLOCKS: usize = 1024;

/// What a patch will hold.
pub struct Patch<'a> {
    old: Payload<'a>,
    new: Payload<'a>,
    tree: HashTree,
    fingerprint: Sha256Digest,
    different: Different,
    /// Digests of the blocks that the old version has not.
    digests: Vec<Sha256Digest>,
    frames: Vec<Planned>,
}

struct Planned {
    /// Numbers of new blocks.
    blocks: Vec<u32>,
    reference: Vec<Range<u32>>,
}

impl<'a> Patch<'a> {
    /// Decides what is new, and what each piece of it is compressed against. Both versions have the same salt, or nothing is
    /// the same.
    pub fn new(old: Payload<'a>, new: Payload<'a>, salt: &Salt) -> Result<Self, PackError> {
        let hasher = Hasher::new(salt);
        let old_tree = HashTree::new(salt.clone(), hasher.digests(old.root()))?;
        let tree = HashTree::new(salt.clone(), hasher.digests(new.root()))?;
        let (before, after) = (all_digests(&hasher, &old_tree, &old), all_digests(&hasher, &tree, &new));
        let kernel = blocks::digests(&hasher, old.kernel());
        let local = Local::new(&old_tree, old.kernel().len() as u64, &kernel)
            .expect("the shape was proven when the payload was made");
        let different = Different::of(&after, &before);
        let (added, anchors) = added(&different);
        let gone = gone(&before, &after);
        let frames = added.chunks(FRAME_BLOCKS).map(|blocks| Planned {
            blocks: blocks.to_vec(),
            reference: reference(blocks, &anchors, &gone, old, new),
        });
        let digests = added.iter().map(|number| after[*number as usize]).collect();
        let frames = frames.collect();
        Ok(Self { old, new, tree, fingerprint: local.fingerprint(), different, digests, frames })
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// A frame, compressed at zstd's `level`. Frames do not need each other: they can be made at the same time.
    pub fn frame(&self, number: usize, level: i32) -> Result<Vec<u8>, FrameError> {
        let Some(planned) = self.frames.get(number) else { return frame::compress(&[], &[], level) };
        let (mut bytes, mut reference) = (Vec::new(), Vec::new());
        planned.blocks.iter().for_each(|block| self.new.append(*block, &mut bytes));
        planned
            .reference
            .iter()
            .flat_map(Clone::clone)
            .for_each(|block| self.old.append(block, &mut reference));
        frame::compress(&bytes, &reference, level)
    }

    /// What stands before the frames, which got so many bytes.
    pub fn head(&self, frame_lengths: &[u64]) -> Result<Vec<u8>, FrameError> {
        let frames: Vec<PatchFrame> = self
            .frames
            .iter()
            .zip(frame_lengths)
            .map(|(planned, length)| PatchFrame {
                blocks: u32::try_from(planned.blocks.len()).expect("a frame has few blocks"),
                reference: planned.reference.clone(),
                length: *length,
            })
            .collect();
        recipe::encode_patch(&recipe::Patch {
            base: self.fingerprint,
            shape: self.new.shape(),
            sections: self.tree.sections(),
            digest_size: shortest(&self.different.digests),
            runs: &self.different.runs,
            digests: &self.digests,
            frames: &frames,
        })
    }
}

/// The first blocks of all kinds that are new, and, as anchors, where runs of old blocks went: new number to old number.
fn added(different: &Different) -> (Vec<u32>, BTreeMap<u32, u32>) {
    let (mut added, mut anchors) = (Vec::new(), BTreeMap::new());
    let mut number = 0;
    for run in &different.runs {
        match *run {
            Run::New { count } => {
                added.extend(number..number + count);
                number += count;
            }
            Run::Again { count, .. } => number += count,
            Run::Base { from, count } => {
                anchors.insert(number, from);
                anchors.insert(number + count - 1, from + count - 1);
                number += count;
            }
        }
    }
    (added, anchors)
}

/// Blocks of the old version that the new one has not, each once.
fn gone(before: &[Sha256Digest], after: &[Sha256Digest]) -> Vec<u32> {
    let kept: BTreeSet<&Sha256Digest> = after.iter().collect();
    let mut met = BTreeSet::new();
    let is_gone = |digest: &Sha256Digest| !kept.contains(digest);
    (0..)
        .zip(before)
        .filter(|(_, digest)| is_gone(digest) && met.insert(**digest))
        .map(|(number, _)| number)
        .collect()
}

/// The blocks that are gone from about where the new ones are: those between, and as many before as behind.
fn reference(
    added: &[u32],
    anchors: &BTreeMap<u32, u32>,
    gone: &[u32],
    old: Payload<'_>,
    new: Payload<'_>,
) -> Vec<Range<u32>> {
    let ends = (new.shape().blocks(), old.shape().blocks());
    let places = added.iter().map(|number| counterpart(*number, anchors, ends));
    let (low, high) = places.fold((u32::MAX, 0), |(low, high), place| (low.min(place), high.max(place)));
    let (mut start, mut end) =
        (gone.partition_point(|number| *number < low), gone.partition_point(|number| *number <= high));
    let middle = usize::midpoint(start, end);
    if end - start > REFERENCE_BLOCKS {
        (start, end) = (middle - REFERENCE_BLOCKS / 2, middle + REFERENCE_BLOCKS / 2);
    } else {
        let more = (REFERENCE_BLOCKS - (end - start)) / 2;
        (start, end) = (start.saturating_sub(more), (end + more).min(gone.len()));
    }
    let mut runs: Vec<Range<u32>> = Vec::new();
    for number in &gone[start..end] {
        match runs.last_mut() {
            Some(last) if last.end == *number && !old.shape().is_border(*number) => last.end += 1,
            _ => runs.push(*number..number + 1),
        }
    }
    runs
}

/// Where in the old version the neighbours of a new block would have it.
fn counterpart(number: u32, anchors: &BTreeMap<u32, u32>, ends: (u32, u32)) -> u32 {
    let before = anchors.range(..=number).next_back().map_or((0, 0), |(new, old)| (*new, *old));
    let after = anchors.range(number..).next().map_or(ends, |(new, old)| (*new, *old));
    let distance = u64::from(number - before.0);
    let place = if after.1 > before.1 && after.0 > before.0 {
        // Files grow and shrink: the way between two neighbours is taken in proportion.
        u64::from(before.1) + distance * u64::from(after.1 - before.1) / u64::from(after.0 - before.0)
    } else {
        u64::from(before.1) + distance
    };
    u32::try_from(place).map_or(ends.1, |place| place.min(ends.1))
}
