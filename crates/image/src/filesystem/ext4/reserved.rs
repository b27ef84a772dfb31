//! Where the file system keeps what no path leads to, in; the inodes and blocks of the journal, of the list of orphans and of the
//! room for more descriptors out.

use super::BLOCK;
use super::checksum::ChecksumSeed;
use super::field::{length, low32, put_u32};
use super::geometry::{BLOCKS_IN_GROUP, Geometry};
use super::inode::Inode;
use super::nodes::ORPHAN_FILE;
use crate::filesystem::Stamp;

const NUMBERS_IN_BLOCK: u64 = BLOCK / 4;
/// Blocks that an inode names by itself, before it names blocks of names.
const NAMED_BY_INODE: u64 = 12;
/// The place of the doubly indirect block in the map.
const DOUBLY_INDIRECT: usize = 13 * 4;

/// The journal that mke2fs makes for a file system of so many blocks.
pub(super) fn journal_blocks(blocks: u64) -> u64 {
    match blocks {
        0..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        524_288..4_194_304 => 16_384,
        4_194_304..8_388_608 => 32_768,
        8_388_608..16_777_216 => 65_536,
        16_777_216..33_554_432 => 131_072,
        _ => 262_144,
    }
}

/// The list of orphans that mke2fs makes for a file system of so many blocks.
pub(super) fn orphan_blocks(blocks: u64) -> u64 {
    match blocks {
        0..131_072 => 32,
        131_072..2_097_152 => blocks / 4096,
        _ => 512,
    }
}

/// The first block of an empty journal; the others are zeros. Its fields are big-endian.
pub(super) fn journal_superblock(blocks: u64, stamp: &Stamp) -> Vec<u8> {
    let mut bytes = vec![0; length(BLOCK)];
    for (place, value) in [
        (0, 0xC03B_3998),
        // A superblock of version 2.
        (4, 4),
        (12, low32(BLOCK)),
        (16, low32(blocks)),
        // The log begins after this block, with transaction 1.
        (20, 1),
        (24, 1),
        // One file system uses it.
        (64, 1),
    ] {
        let value: u32 = value;
        bytes[place..place + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes[48..64].copy_from_slice(stamp.uuid.as_bytes());
    bytes
}

/// One block of the list of orphans, empty.
pub(super) fn orphan_block(place: u64, seed: ChecksumSeed) -> Vec<u8> {
    let mut bytes = vec![0; length(BLOCK)];
    let tail = bytes.len() - 8;
    let checksum = seed.of_inode(ORPHAN_FILE).with(&place.to_le_bytes()).of(&bytes[..tail]);
    put_u32(&mut bytes, tail, 0x0B10_CA04);
    put_u32(&mut bytes, tail + 4, checksum);
    bytes
}

/// The inode that owns the blocks kept for more descriptors, with its blocks: that at `indirect` names those of the first group,
/// each of which names its copies in the other groups.
pub(super) fn resize_inode(geometry: &Geometry, indirect: u64, time: u64) -> (Inode, Vec<(u64, Vec<u8>)>) {
    let backups: Vec<u64> = geometry.backup_groups().collect();
    let mut names = vec![0; length(BLOCK)];
    let mut blocks = Vec::new();
    for number in geometry.descriptor_blocks..geometry.descriptor_blocks + geometry.reserved_descriptor_blocks
    {
        let place = 1 + number;
        put_u32(&mut names, length(number % NUMBERS_IN_BLOCK) * 4, low32(place));
        let mut copies = vec![0; length(BLOCK)];
        for (slot, group) in (0..).step_by(4).zip(&backups) {
            put_u32(&mut copies, slot, low32(place + group * BLOCKS_IN_GROUP));
        }
        blocks.push((place, copies));
    }
    blocks.push((indirect, names));
    let mut map = [0; 60];
    put_u32(&mut map, DOUBLY_INDIRECT, low32(indirect));
    let size = (NAMED_BY_INODE + NUMBERS_IN_BLOCK + NUMBERS_IN_BLOCK * NUMBERS_IN_BLOCK) * BLOCK;
    let owned = 1 + geometry.reserved_descriptor_blocks * (1 + backups.len() as u64);
    (Inode::reserved(size, owned, 0, map, time), blocks)
}
