//! A recipe, what the host has and what is there already, in; which blocks to copy, which bytes to fetch and where each goes, out.
//!
//! The result is a value: it can be printed, compared and begun again at any time. Nothing here reads or writes a block.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::blocks::{Extent, Shape};
use crate::frame::{self, FrameError};
use crate::local::Local;
use crate::recipe::{Home, Present, Recipe, Standing};
use crate::verity::BLOCK_SIZE;

/// Why the recipe is not enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// A patch leans on blocks of the old version, and one of them is not what it was.
    #[error(
        "the patch has no block {block} of its own, and the one that runs here is another: take the pack's index"
    )]
    NotInPatch {
        /// In the row of root and kernel.
        block: u32,
    },
}

/// All that is to be done to have a version in the slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Assembly {
    /// Blocks that the host has.
    pub copies: Vec<Copy>,
    /// Bytes of the pack or the patch, in ascending order.
    pub fetches: Vec<Fetch>,
}

/// Where blocks are copied from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "in")]
pub enum Source {
    /// The version that runs.
    Running(Extent),
    /// The version that is being written: blocks that were there before.
    Target(Extent),
}

/// Blocks to copy into the slot or the kernel file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Copy {
    /// From where.
    pub from: Source,
    /// To where; as many blocks.
    pub to: Extent,
}

/// One frame to fetch, and where its blocks go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fetch {
    /// Bytes of the pack or the patch.
    pub range: Range<u64>,
    /// Blocks in the frame.
    pub blocks: u32,
    /// Blocks of the running version to decompress it against, in this order; for a pack none.
    pub reference: Vec<Extent>,
    /// Where its blocks go; some go to several places, some nowhere.
    pub places: Vec<Placement>,
}

/// Blocks of a frame that go to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Placement {
    /// The first one's number in the frame.
    pub position: u32,
    /// Where they go.
    pub to: Extent,
}

impl Fetch {
    /// The frame's blocks, one after the other; `reference` are the bytes of the blocks that it names.
    pub fn decode(&self, compressed: &[u8], reference: &[u8]) -> Result<Vec<u8>, FrameError> {
        frame::decompress(compressed, reference, self.blocks as usize * BLOCK_SIZE)
    }
}

impl Placement {
    /// Where its blocks are among those of the decoded frame, in bytes.
    pub fn bytes(&self) -> Range<usize> {
        let start = self.position as usize * BLOCK_SIZE;
        start..start + self.to.count as usize * BLOCK_SIZE
    }
}

impl Assembly {
    /// Bytes to fetch.
    pub fn fetched_bytes(&self) -> u64 {
        self.fetches.iter().map(|fetch| fetch.range.end - fetch.range.start).sum()
    }

    /// Bytes to copy from what the host has.
    pub fn copied_bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.to.length()).sum()
    }

    /// Bytes to ask the server for: neighbours in one range, in ascending order.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for fetch in &self.fetches {
            match ranges.last_mut() {
                Some(last) if last.end == fetch.range.start => last.end = fetch.range.end,
                _ => ranges.push(fetch.range.clone()),
            }
        }
        ranges
    }
}

impl fmt::Display for Assembly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "copy {} blocks in {} pieces, fetch {} bytes in {} ranges",
            self.copied_bytes() / BLOCK_SIZE as u64,
            self.copies.len(),
            self.fetched_bytes(),
            self.ranges().len()
        )
    }
}

impl Recipe {
    /// What is to be done so that slot and kernel file hold this version.
    pub fn plan(&self, local: &Local, present: &Present) -> Result<Assembly, AssemblyError> {
        let mut planner = Planner::new(self, local, present);
        for number in 0..self.shape().blocks() {
            planner.block(number)?;
        }
        Ok(planner.finish())
    }
}

/// Where a block comes from, by its number there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Running(u32),
    Target(u32),
}

struct Planner<'a> {
    recipe: &'a Recipe,
    local: &'a Local,
    present: &'a Present,
    /// Of each kind, a block of it that is there.
    there: Vec<Option<u32>>,
    copies: Vec<(Origin, Range<u32>)>,
    /// By frame: positions and the blocks that they go to.
    fetches: BTreeMap<u32, Vec<(u32, u32)>>,
}

impl<'a> Planner<'a> {
    fn new(recipe: &'a Recipe, local: &'a Local, present: &'a Present) -> Self {
        let mut there = vec![None; recipe.kinds()];
        for number in (0..recipe.shape().blocks()).rev() {
            if present.standing(number) == Standing::There {
                there[recipe.kind(number) as usize] = Some(number);
            }
        }
        Self { recipe, local, present, there, copies: Vec::new(), fetches: BTreeMap::new() }
    }

    fn block(&mut self, number: u32) -> Result<(), AssemblyError> {
        let standing = self.present.standing(number);
        if standing == Standing::There {
            return Ok(());
        }
        let kind = self.recipe.kind(number);
        // What only begins like the block that is wanted can be had by fetching alone.
        let origin = if standing == Standing::Suspect { None } else { self.origin(kind, number) };
        match (origin, self.recipe.home(kind)) {
            (Some(origin), _) => self.copy(origin, number),
            (None, Home::Frame { frame, position }) => {
                self.fetches.entry(frame).or_default().push((position, number));
            }
            (None, Home::Base(_)) => return Err(AssemblyError::NotInPatch { block: number }),
        }
        Ok(())
    }

    /// A block that can be copied: best the one after that which was copied last.
    fn origin(&self, kind: u32, number: u32) -> Option<Origin> {
        let prefix = self.recipe.prefix(kind);
        let next = self.copies.last().filter(|(_, to)| to.end == number);
        if let Some((Origin::Running(from), to)) = next {
            let next = from + (to.end - to.start);
            if self.local.is(next, prefix) {
                return Some(Origin::Running(next));
            }
        }
        let base = match self.recipe.home(kind) {
            Home::Base(base) if self.local.is(base, prefix) => Some(base),
            _ => self.local.find(prefix),
        };
        base.map(Origin::Running).or(self.there[kind as usize].map(Origin::Target))
    }

    fn copy(&mut self, origin: Origin, number: u32) {
        let shape = self.recipe.shape();
        if let Some((from, to)) = self.copies.last_mut().filter(|(_, to)| to.end == number) {
            let count = to.end - to.start;
            let follows = match (*from, origin) {
                (Origin::Running(from), Origin::Running(next)) => {
                    next == from + count && !self.local.shape().is_some_and(|shape| shape.is_border(next))
                }
                (Origin::Target(from), Origin::Target(next)) => {
                    next == from + count && !shape.is_border(next)
                }
                _ => false,
            };
            if follows && !shape.is_border(number) {
                to.end += 1;
                return;
            }
        }
        self.copies.push((origin, number..number + 1));
    }

    fn finish(self) -> Assembly {
        let shape = self.recipe.shape();
        let copies = self.copies.iter().filter_map(|(from, to)| {
            let count = to.end - to.start;
            let from = match *from {
                Origin::Running(first) => Source::Running(self.local.shape()?.extent(first, count)),
                Origin::Target(first) => Source::Target(shape.extent(first, count)),
            };
            Some(Copy { from, to: shape.extent(to.start, count) })
        });
        let fetches = self.fetches.iter().map(|(number, blocks)| {
            let frame = &self.recipe.frames()[*number as usize];
            let base = self.local.shape();
            let extent = |run: &Range<u32>| base.map(|base| base.extent(run.start, run.end - run.start));
            Fetch {
                range: frame.range.clone(),
                blocks: frame.blocks,
                reference: frame.reference.iter().filter_map(extent).collect(),
                places: placements(shape, blocks),
            }
        });
        Assembly { copies: copies.collect(), fetches: fetches.collect() }
    }
}

fn placements(shape: Shape, blocks: &[(u32, u32)]) -> Vec<Placement> {
    let mut placements: Vec<Placement> = Vec::new();
    for (position, number) in blocks {
        let last = placements.last_mut().filter(|last| {
            last.position + last.to.count == *position
                && shape.number(&last.to) + last.to.count == *number
                && !shape.is_border(*number)
        });
        match last {
            Some(last) => last.to.count += 1,
            None => placements.push(Placement { position: *position, to: shape.extent(*number, 1) }),
        }
    }
    placements
}
