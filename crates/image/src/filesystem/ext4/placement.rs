//! What has to be stored, and a skeleton, in; the blocks where everything lies out.
//!
//! Directories come first and lie together, so that a walk reads one stretch of the disk; then what is small; then the journal;
//! then the files in the order of their paths.

use std::ops::Range;

use super::extents::{self, Extent};
use super::geometry::Geometry;
use super::reserved::{journal_blocks, orphan_blocks};
use super::room::{Full, Room};
use super::survey::{Holding, Survey};

/// Where everything lies.
#[derive(Debug)]
pub(super) struct Placement {
    /// The block that names those kept for more descriptors.
    pub(super) indirect: u64,
    pub(super) orphans: Placed,
    pub(super) journal: Placed,
    /// Blocks of shared attributes, in their order.
    pub(super) shared: Vec<u64>,
    /// What each node holds.
    pub(super) nodes: Vec<Placed>,
    /// What is left.
    pub(super) free: Vec<Range<u64>>,
}

/// Where one file lies.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) extents: Vec<Extent>,
    /// Blocks of the map that have no room in the inode.
    pub(super) map: Vec<u64>,
}

impl Placement {
    pub(super) fn new(survey: &Survey<'_>, geometry: &Geometry) -> Result<Self, Full> {
        let room = &mut Room::new(geometry);
        let indirect = room.take_one()?;
        let mut nodes: Vec<Placed> = Vec::new();
        nodes.resize_with(survey.nodes.len(), Placed::default);
        let mut place = |room: &mut Room, files: bool| {
            for (holding, placed) in survey.holdings.iter().zip(&mut nodes) {
                if matches!(holding, Holding::File(..)) == files {
                    *placed = Placed::new(&holding.runs(), room)?;
                }
            }
            Ok(())
        };
        place(room, false)?;
        let orphans = Placed::whole(orphan_blocks(geometry.blocks), room)?;
        let shared = (0..survey.shared.count()).map(|_| room.take_one()).collect::<Result<Vec<_>, _>>()?;
        let journal = Placed::whole(journal_blocks(geometry.blocks), room)?;
        place(room, true)?;
        Ok(Self { indirect, orphans, journal, shared, nodes, free: room.left().to_vec() })
    }
}

impl Placed {
    /// All blocks of a file without holes.
    fn whole(blocks: u64, room: &mut Room) -> Result<Self, Full> {
        Self::new(&[Range { start: 0, end: blocks }], room)
    }

    fn new(runs: &[Range<u64>], room: &mut Room) -> Result<Self, Full> {
        let count = runs.iter().map(|run| run.end - run.start).sum();
        let extents = extents::lay(runs, &room.take(count)?);
        let map =
            (0..extents::blocks_for(extents.len())).map(|_| room.take_one()).collect::<Result<_, _>>()?;
        Ok(Self { extents, map })
    }

    /// Blocks of content and map.
    pub(super) fn blocks(&self) -> u64 {
        self.map.len() as u64
            + self.extents.iter().map(|extent| extent.disk.end - extent.disk.start).sum::<u64>()
    }
}
