//! Numbers of blocks and inodes in; where superblocks, descriptors, bitmaps and inode tables lie out.
//!
//! Bitmaps and tables of up to sixteen groups lie together in the first of them (`flex_bg`), so that most groups are nothing but
//! room for files. Copies of the superblock lie in groups 0, 1 and the powers of 3, 5 and 7 (`sparse_super`), each followed by the
//! descriptors and the blocks that are kept for more of them when the file system grows (`resize_inode`).

use std::ops::Range;

use super::field::length;
use super::{BLOCK, INODE};

/// Blocks of a group: as many as one block of bits can count.
pub(super) const BLOCKS_IN_GROUP: u64 = 32_768;
const MOST_INODES_IN_GROUP: u64 = 32_768;
const DESCRIPTOR: u64 = 64;
const DESCRIPTORS_IN_BLOCK: u64 = BLOCK / DESCRIPTOR;
/// Block numbers that fit into a block: what one indirect block of the resize inode can name.
const NUMBERS_IN_BLOCK: u64 = BLOCK / 4;
/// A last group that has no room for more than this beside its own tables is left out.
const LEAST_ROOM: u64 = 50;
/// What the resize inode can name: 16 TiB.
const MOST_BLOCKS: u64 = u32::MAX as u64;

/// The skeleton of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) blocks: u64,
    pub(super) groups: u64,
    pub(super) inodes_in_group: u64,
    pub(super) descriptor_blocks: u64,
    pub(super) reserved_descriptor_blocks: u64,
    /// Logarithm of the number of groups whose bitmaps and tables lie together.
    pub(super) flex_shift: u32,
}

/// Why there is no such file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoGeometry {
    /// With at least so many blocks there is one.
    TooSmall { needed: u64 },
    /// More than 16 TiB.
    TooLarge,
}

impl Geometry {
    /// For at most so many blocks and at least so many inodes.
    pub(super) fn new(blocks: u64, inodes: u64) -> Result<Self, NoGeometry> {
        if blocks > MOST_BLOCKS {
            return Err(NoGeometry::TooLarge);
        }
        let least_groups = inodes.div_ceil(MOST_INODES_IN_GROUP).max(1);
        let mut geometry = Self {
            blocks,
            groups: 0,
            inodes_in_group: 0,
            descriptor_blocks: 0,
            reserved_descriptor_blocks: 0,
            flex_shift: 4,
        };
        loop {
            geometry.groups = geometry.blocks.div_ceil(BLOCKS_IN_GROUP).max(1);
            if geometry.groups < least_groups {
                let needed = (least_groups - 1) * BLOCKS_IN_GROUP + BLOCKS_IN_GROUP / 2;
                return Err(NoGeometry::TooSmall { needed });
            }
            // Whole blocks of inodes, and whole bytes of bits.
            geometry.inodes_in_group = inodes.div_ceil(geometry.groups).next_multiple_of(BLOCK / INODE);
            geometry.descriptor_blocks = geometry.groups.div_ceil(DESCRIPTORS_IN_BLOCK);
            geometry.reserved_descriptor_blocks = geometry.reserve();
            let last = geometry.groups - 1;
            let needed = geometry.copies_in(last) + 2 + geometry.table_blocks() + LEAST_ROOM;
            if geometry.blocks - last * BLOCKS_IN_GROUP >= needed {
                break;
            }
            if last == 0 {
                return Err(NoGeometry::TooSmall { needed });
            }
            geometry.blocks = last * BLOCKS_IN_GROUP;
        }
        while !geometry.flex_fits() {
            geometry.flex_shift -= 1;
        }
        Ok(geometry)
    }

    /// Descriptor blocks for 1024 times the size, as far as the resize inode can name them.
    fn reserve(&self) -> u64 {
        let most = (self.blocks * 1024).min(MOST_BLOCKS);
        let wanted = most.div_ceil(BLOCKS_IN_GROUP).div_ceil(DESCRIPTORS_IN_BLOCK);
        wanted.saturating_sub(self.descriptor_blocks).min(NUMBERS_IN_BLOCK)
    }

    fn flex_fits(&self) -> bool {
        let together = (1 << self.flex_shift) * (2 + self.table_blocks());
        self.flex_shift == 0 || self.copies_in(0) + together <= BLOCKS_IN_GROUP
    }

    pub(super) fn table_blocks(&self) -> u64 {
        self.inodes_in_group * INODE / BLOCK
    }

    pub(super) fn inodes(&self) -> u64 {
        self.inodes_in_group * self.groups
    }

    pub(super) fn blocks_of(&self, group: u64) -> Range<u64> {
        group * BLOCKS_IN_GROUP..((group + 1) * BLOCKS_IN_GROUP).min(self.blocks)
    }

    /// Groups that begin with a copy of the superblock, without the first group.
    pub(super) fn backup_groups(&self) -> impl Iterator<Item = u64> {
        (1..self.groups).filter(|group| is_backup_group(*group))
    }

    /// Blocks of superblock, descriptors and reserve at the beginning of a group.
    fn copies_in(&self, group: u64) -> u64 {
        if group == 0 || is_backup_group(group) {
            1 + self.descriptor_blocks + self.reserved_descriptor_blocks
        } else {
            0
        }
    }

    pub(super) fn block_bitmap(&self, group: u64) -> u64 {
        let flex = self.flex_of(group);
        self.flex_start(flex.start) + (group - flex.start)
    }

    pub(super) fn inode_bitmap(&self, group: u64) -> u64 {
        let flex = self.flex_of(group);
        self.flex_start(flex.start) + (flex.end - flex.start) + (group - flex.start)
    }

    pub(super) fn inode_table(&self, group: u64) -> u64 {
        let flex = self.flex_of(group);
        let bitmaps = 2 * (flex.end - flex.start);
        self.flex_start(flex.start) + bitmaps + (group - flex.start) * self.table_blocks()
    }

    fn flex_of(&self, group: u64) -> Range<u64> {
        let start = group >> self.flex_shift << self.flex_shift;
        start..(start + (1 << self.flex_shift)).min(self.groups)
    }

    fn flex_start(&self, first: u64) -> u64 {
        first * BLOCKS_IN_GROUP + self.copies_in(first)
    }

    /// All blocks that are not for content, in order.
    pub(super) fn metadata(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::with_capacity(length(self.groups));
        for group in 0..self.groups {
            let start = group * BLOCKS_IN_GROUP;
            let flex = self.flex_of(group);
            let together =
                if flex.start == group { (flex.end - flex.start) * (2 + self.table_blocks()) } else { 0 };
            let count = self.copies_in(group) + together;
            if count > 0 {
                ranges.push(start..start + count);
            }
        }
        ranges
    }

    /// Blocks that are for content.
    pub(super) fn room(&self) -> u64 {
        self.blocks - self.metadata().iter().map(|range| range.end - range.start).sum::<u64>()
    }
}

fn is_backup_group(group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group == 1 || power_of(3) || power_of(5) || power_of(7)
}

#[cfg(test)]
mod tests {
    use super::{Geometry, NoGeometry};

    #[test]
    fn bitmaps_and_tables_lie_together_where_mke2fs_puts_them() {
        // As mke2fs 1.47 lays out 284,672 blocks with 54,000 inodes.
        let geometry = Geometry::new(284_672, 54_000).unwrap();
        assert_eq!((geometry.groups, geometry.inodes_in_group, geometry.table_blocks()), (9, 6000, 375));
        assert_eq!((geometry.descriptor_blocks, geometry.reserved_descriptor_blocks), (1, 138));
        assert_eq!(geometry.backup_groups().collect::<Vec<_>>(), [1, 3, 5, 7]);
        assert_eq!(
            (geometry.block_bitmap(1), geometry.inode_bitmap(1), geometry.inode_table(1)),
            (141, 150, 533)
        );
        assert_eq!(geometry.metadata()[..2], [0..140 + 9 * 377, 32_768..32_768 + 140]);
    }

    #[test]
    fn a_last_group_without_room_is_left_out() {
        let geometry = Geometry::new(32_768 + 200, 8192).unwrap();
        assert_eq!((geometry.blocks, geometry.groups), (32_768, 1));
        assert_eq!(Geometry::new(54, 16).unwrap_err(), NoGeometry::TooSmall { needed: 1 + 1 + 2 + 1 + 50 });
        assert_eq!(Geometry::new(1 << 33, 16).unwrap_err(), NoGeometry::TooLarge);
        assert!(
            matches!(Geometry::new(1000, 40_000), Err(NoGeometry::TooSmall { needed }) if needed > 32_768)
        );
    }

    #[test]
    fn tables_that_do_not_fit_together_lie_apart() {
        let geometry = Geometry::new(20 * 32_768, 20 * 32_768).unwrap();
        assert_eq!(geometry.flex_shift, 3);
        let mut end = 0;
        for range in geometry.metadata() {
            assert!(range.start >= end);
            end = range.end;
        }
    }
}
