//! Where the blocks of a file lie, in; the map that its inode holds, and the blocks for what does not fit there, out.

use std::ops::Range;

use super::BLOCK;
use super::checksum::ChecksumSeed;
use super::field::{length, low16, low32, put_u16, put_u32};

const ENTRY: usize = 12;
const IN_INODE: usize = 4;
/// One header and a checksum leave room for so many.
const IN_BLOCK: usize = 340;
const CHECKSUM_PLACE: usize = 4092;
/// A longer extent would read as one that is not yet written.
const LONGEST: u64 = 32_768;

/// Blocks of a file that lie one after the other on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    /// The first block, counted from the file's beginning.
    pub(super) logical: u64,
    /// Where it lies.
    pub(super) disk: Range<u64>,
}

/// Puts the runs of a file with holes onto runs of the disk.
pub(super) fn lay(file: &[Range<u64>], disk: &[Range<u64>]) -> Vec<Extent> {
    let mut extents = Vec::with_capacity(file.len());
    let mut disk = disk.iter().cloned();
    let mut place = disk.next().unwrap_or_default();
    for run in file {
        let mut logical = run.start;
        while logical < run.end {
            if place.is_empty() {
                match disk.next() {
                    Some(next) => place = next,
                    None => return extents,
                }
            }
            let count = (run.end - logical).min(place.end - place.start).min(LONGEST);
            extents.push(Extent { logical, disk: place.start..place.start + count });
            place.start += count;
            logical += count;
        }
    }
    extents
}

/// How many blocks the map of so many extents needs beside the inode.
pub(super) fn blocks_for(extents: usize) -> u64 {
    let (mut entries, mut blocks) = (extents, 0);
    while entries > IN_INODE {
        entries = entries.div_ceil(IN_BLOCK);
        blocks += entries as u64;
    }
    blocks
}

/// The map in the inode, and the further blocks with their places, which `places` has enough of.
pub(super) fn map(
    extents: &[Extent],
    places: impl IntoIterator<Item = u64>,
    seed: ChecksumSeed,
) -> ([u8; 60], Vec<(u64, Vec<u8>)>) {
    let mut places = places.into_iter();
    let mut blocks = Vec::new();
    let mut entries: Vec<[u8; ENTRY]> = extents.iter().map(leaf).collect();
    let mut depth = 0;
    while entries.len() > IN_INODE {
        let mut above = Vec::new();
        for (part, place) in entries.chunks(IN_BLOCK).zip(places.by_ref()) {
            let mut block = vec![0; length(BLOCK)];
            fill(&mut block, part, IN_BLOCK, depth);
            let checksum = seed.of(&block[..CHECKSUM_PLACE]);
            put_u32(&mut block, CHECKSUM_PLACE, checksum);
            above.push(index(&part[0], place));
            blocks.push((place, block));
        }
        entries = above;
        depth += 1;
    }
    let mut root = [0; 60];
    fill(&mut root, &entries, IN_INODE, depth);
    (root, blocks)
}

fn fill(bytes: &mut [u8], entries: &[[u8; ENTRY]], most: usize, depth: u16) {
    put_u16(bytes, 0, 0xF30A);
    put_u16(bytes, 2, low16(entries.len() as u64));
    put_u16(bytes, 4, low16(most as u64));
    put_u16(bytes, 6, depth);
    for (entry, place) in entries.iter().zip(bytes[ENTRY..].chunks_exact_mut(ENTRY)) {
        place.copy_from_slice(entry);
    }
}

fn leaf(extent: &Extent) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    put_u32(&mut bytes, 0, low32(extent.logical));
    put_u16(&mut bytes, 4, low16(extent.disk.end - extent.disk.start));
    put_u16(&mut bytes, 6, low16(extent.disk.start >> 32));
    put_u32(&mut bytes, 8, low32(extent.disk.start));
    bytes
}

/// An entry that leads to a block whose first entry is `first`; both kinds begin with the same number.
fn index(first: &[u8; ENTRY], place: u64) -> [u8; ENTRY] {
    let mut bytes = [0; ENTRY];
    bytes[..4].copy_from_slice(&first[..4]);
    put_u32(&mut bytes, 4, low32(place));
    put_u16(&mut bytes, 8, low16(place >> 32));
    bytes
}

#[cfg(test)]
mod tests {
    use super::{ChecksumSeed, Extent, blocks_for, lay, map};

    #[test]
    fn holes_of_the_file_and_gaps_of_the_disk_both_end_an_extent() {
        let extents = lay(&[0..10, 20..25], &[100..104, 200..211]);
        assert_eq!(
            extents,
            [
                Extent { logical: 0, disk: 100..104 },
                Extent { logical: 4, disk: 200..206 },
                Extent { logical: 20, disk: 206..211 },
            ]
        );
        let long = lay(&[0..40_000, 40_000..40_001], &[5..45_000, 60_000..60_001]);
        assert_eq!(long.iter().map(|extent| extent.logical).collect::<Vec<_>>(), [0, 32_768, 40_000]);
    }

    #[test]
    fn the_map_grows_by_levels() {
        assert_eq!([4, 5, 340 * 4, 340 * 4 + 1].map(blocks_for), [0, 1, 4, 6]);
        let extents: Vec<Extent> = (0..1500)
            .map(|number| Extent { logical: number * 2, disk: number * 3..number * 3 + 1 })
            .collect();
        let seed = ChecksumSeed::of_file_system(&[1; 16]);
        let (root, blocks) = map(&extents, 9000.., seed);
        assert_eq!(blocks.len() as u64, blocks_for(1500));
        // Two levels: the last block lists the five before it.
        assert_eq!((root[2], root[6]), (1, 2));
        assert_eq!(root[16..20], 9005_u32.to_le_bytes());
        assert_eq!((blocks[5].1[2], blocks[5].1[6]), (5, 1));
        assert_eq!(blocks[0].1[2..4], 340_u16.to_le_bytes());
    }
}
