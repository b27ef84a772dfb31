//! What is used of a file system in; bitmaps and descriptors of its groups out.

use std::ops::Range;

use super::BLOCK;
use super::checksum::ChecksumSeed;
use super::field::{length, low16, low32, put_u16, put_u32};
use super::geometry::{BLOCKS_IN_GROUP, Geometry};

const DESCRIPTOR: usize = 64;
/// The bitmap is not written: its blocks or inodes are all free.
const INODES_UNINITIALISED: u16 = 1;
const BLOCKS_UNINITIALISED: u16 = 2;
/// The inode table is zeros beyond its used part.
const TABLE_ZEROED: u16 = 4;

/// Bitmaps and descriptors.
#[derive(Debug)]
pub(super) struct Groups {
    /// Blocks with their places.
    pub(super) bitmaps: Vec<(u64, Vec<u8>)>,
    /// All descriptors, one after the other.
    pub(super) descriptors: Vec<u8>,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u64,
}

/// Describes all groups: inodes are used from 1 up to `used_inodes`, blocks except those in `free`; `directories` are counted by group.
pub(super) fn describe(
    geometry: &Geometry,
    used_inodes: u64,
    directories: &[u64],
    free: &[Range<u64>],
    seed: ChecksumSeed,
) -> Groups {
    let mut groups = Groups { bitmaps: Vec::new(), descriptors: Vec::new(), free_blocks: 0, free_inodes: 0 };
    for group in 0..geometry.groups {
        let mut descriptor = [0; DESCRIPTOR];
        let mut flags = TABLE_ZEROED;

        let blocks = geometry.blocks_of(group);
        let bits = block_bits(&blocks, free);
        let free_blocks = bits.iter().map(|byte| u64::from(byte.count_zeros())).sum::<u64>();
        let mut checksum = 0;
        if free_blocks == BLOCKS_IN_GROUP && group + 1 < geometry.groups {
            flags |= BLOCKS_UNINITIALISED;
        } else {
            checksum = seed.of(&bits);
            groups.bitmaps.push((geometry.block_bitmap(group), bits));
        }
        put_u16(&mut descriptor, 24, low16(checksum.into()));
        put_u16(&mut descriptor, 56, low16((checksum >> 16).into()));

        let used = used_inodes.saturating_sub(group * geometry.inodes_in_group).min(geometry.inodes_in_group);
        let mut checksum = 0;
        if used == 0 {
            flags |= INODES_UNINITIALISED;
        } else {
            let bits = inode_bits(used, geometry.inodes_in_group);
            checksum = seed.of(&bits[..length(geometry.inodes_in_group / 8)]);
            groups.bitmaps.push((geometry.inode_bitmap(group), bits));
        }
        put_u16(&mut descriptor, 26, low16(checksum.into()));
        put_u16(&mut descriptor, 58, low16((checksum >> 16).into()));

        let free_inodes = geometry.inodes_in_group - used;
        let directories = directories.get(length(group)).copied().unwrap_or(0);
        for (low, high, value) in [
            (0, 32, geometry.block_bitmap(group)),
            (4, 36, geometry.inode_bitmap(group)),
            (8, 40, geometry.inode_table(group)),
        ] {
            put_u32(&mut descriptor, low, low32(value));
            put_u32(&mut descriptor, high, low32(value >> 32));
        }
        for (low, high, value) in
            [(12, 44, free_blocks), (14, 46, free_inodes), (16, 48, directories), (28, 50, free_inodes)]
        {
            put_u16(&mut descriptor, low, low16(value));
            put_u16(&mut descriptor, high, low16(value >> 16));
        }
        put_u16(&mut descriptor, 18, flags);
        let checksum = seed.with(&low32(group).to_le_bytes()).of(&descriptor);
        put_u16(&mut descriptor, 30, low16(checksum.into()));
        groups.descriptors.extend(descriptor);
        groups.free_blocks += free_blocks;
        groups.free_inodes += free_inodes;
    }
    groups
}

/// One bit for each block of a group, set when it is used or does not exist.
fn block_bits(blocks: &Range<u64>, free: &[Range<u64>]) -> Vec<u8> {
    let mut bits = vec![0xFF; length(BLOCK)];
    let first = free.partition_point(|run| run.end <= blocks.start);
    for run in free[first..].iter().take_while(|run| run.start < blocks.end) {
        let start = run.start.max(blocks.start) - blocks.start;
        let end = run.end.min(blocks.end) - blocks.start;
        for_each_byte(start..end, |byte, mask| bits[byte] &= !mask);
    }
    bits
}

/// One bit for each inode of a group, set when it is used or does not exist.
fn inode_bits(used: u64, count: u64) -> Vec<u8> {
    let mut bits = vec![0; length(BLOCK)];
    for range in [0..used, count..BLOCK * 8] {
        for_each_byte(range, |byte, mask| bits[byte] |= mask);
    }
    bits
}

fn for_each_byte(range: Range<u64>, mut change: impl FnMut(usize, u8)) {
    let mut bit = range.start;
    while bit < range.end {
        let (first, last) = (bit % 8, (range.end - bit / 8 * 8).min(8));
        // Bits from `first` up to `last` of this byte.
        let mask = (0xFF_u8 << first) & (0xFF_u8 >> (8 - last));
        change(length(bit / 8), mask);
        bit = bit / 8 * 8 + 8;
    }
}

#[cfg(test)]
mod tests {
    use super::{block_bits, inode_bits};

    #[test]
    fn bits_that_stand_for_nothing_are_set() {
        let bits = inode_bits(11, 16);
        assert_eq!(bits[..3], [0xFF, 0b111, 0xFF]);
        let bits = block_bits(&(32_768..32_768 + 20), &[10..20, 32_771..32_773, 32_780..40_000]);
        assert_eq!(bits[..4], [0b1110_0111, 0b1111, 0b1111_0000, 0xFF]);
    }
}
