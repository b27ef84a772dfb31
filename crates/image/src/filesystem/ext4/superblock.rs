//! The skeleton of a file system and its counts in; the superblock out.

use super::checksum::{ChecksumSeed, crc32c};
use super::directories::HASH_VERSION;
use super::field::{low16, low32, put_u16, put_u32};
use super::geometry::{BLOCKS_IN_GROUP, Geometry};
use super::nodes::ORPHAN_FILE;
use super::{BLOCK, INODE};
use crate::filesystem::Stamp;

const LENGTH: usize = 1024;
const CHECKSUM: usize = 1020;

// Names as in ext4's own header; the numbers are those of mke2fs 1.47's `ext4`.
const COMPATIBLE: u32 = 0x4 // has_journal
    | 0x8 // ext_attr
    | 0x10 // resize_inode
    | 0x20 // dir_index
    | 0x1000; // orphan_file
const INCOMPATIBLE: u32 = 0x2 // filetype
    | 0x40 // extents
    | 0x80 // 64bit
    | 0x200 // flex_bg
    | 0x2000; // metadata_csum_seed
const READ_ONLY_COMPATIBLE: u32 = 0x1 // sparse_super
    | 0x2 // large_file
    | 0x8 // huge_file
    | 0x20 // dir_nlink
    | 0x40 // extra_isize
    | 0x400; // metadata_csum
/// Mount options that are on by default: `user_xattr` and `acl`.
const MOUNT_OPTIONS: u32 = 0xC;
/// Hashes of names take characters as signed, whatever processor reads them.
const SIGNED_HASH: u32 = 1;

/// What the superblock counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u64,
    pub(super) journal_blocks: u64,
}

/// The superblock as it stands in the first group; `journal_map` is the map of the journal's inode.
pub(super) fn superblock(
    geometry: &Geometry,
    counts: &Counts,
    label: &str,
    stamp: &Stamp,
    journal_map: &[u8; 60],
) -> Superblock {
    let mut bytes = [0; LENGTH];
    let time = low32(stamp.source_date_epoch);
    let copies = 1 + geometry.backup_groups().count() as u64;
    let copy = 1 + geometry.descriptor_blocks + geometry.reserved_descriptor_blocks;
    let overhead = geometry.groups * (2 + geometry.table_blocks()) + copies * copy + counts.journal_blocks;
    let written = (geometry.blocks - counts.free_blocks) * (BLOCK / 1024);
    for (place, value) in [
        (0x00, low32(geometry.inodes())),
        (0x04, low32(geometry.blocks)),
        (0x0C, low32(counts.free_blocks)),
        (0x10, low32(counts.free_inodes)),
        // 1024 << 2.
        (0x18, 2),
        (0x1C, 2),
        (0x20, low32(BLOCKS_IN_GROUP)),
        (0x24, low32(BLOCKS_IN_GROUP)),
        (0x28, low32(geometry.inodes_in_group)),
        (0x30, time),
        (0x40, time),
        // Revision 1: inodes of any size, and features.
        (0x4C, 1),
        // The first inode that is not set apart.
        (0x54, 11),
        (0x5C, COMPATIBLE),
        (0x60, INCOMPATIBLE),
        (0x64, READ_ONLY_COMPATIBLE),
        (0xE0, 8),
        (0x100, MOUNT_OPTIONS),
        (0x108, time),
        (0x160, SIGNED_HASH),
        (0x178, low32(written)),
        (0x17C, low32(written >> 32)),
        (0x248, low32(overhead)),
        (0x270, ChecksumSeed::of_file_system(stamp.uuid.as_bytes()).number()),
        (0x280, ORPHAN_FILE),
    ] {
        put_u32(&mut bytes, place, value);
    }
    for (place, value) in [
        // Never checked for the number of mounts alone.
        (0x36, u16::MAX),
        (0x38, 0xEF53),
        // Unmounted cleanly; go on after errors.
        (0x3A, 1),
        (0x3C, 1),
        (0x58, low16(INODE)),
        (0xCE, low16(geometry.reserved_descriptor_blocks)),
        (0xFE, 64),
        (0x15C, 32),
        (0x15E, 32),
    ] {
        put_u16(&mut bytes, place, value);
    }
    bytes[0x68..0x78].copy_from_slice(stamp.uuid.as_bytes());
    bytes[0x78..0x78 + label.len()].copy_from_slice(label.as_bytes());
    bytes[0xEC..0xFC].copy_from_slice(stamp.hash_seed.as_bytes());
    bytes[0xFC] = HASH_VERSION;
    // The copy of the journal's inode below is one.
    bytes[0xFD] = 1;
    bytes[0x10C..0x148].copy_from_slice(journal_map);
    let journal = counts.journal_blocks * BLOCK;
    put_u32(&mut bytes, 0x148, low32(journal >> 32));
    put_u32(&mut bytes, 0x14C, low32(journal));
    // At most 4.
    bytes[0x174] = u8::try_from(geometry.flex_shift).unwrap_or(0);
    // CRC-32C.
    bytes[0x175] = 1;
    Superblock(bytes)
}

/// A superblock without its checksum.
#[derive(Debug, Clone)]
pub(super) struct Superblock([u8; LENGTH]);

impl Superblock {
    /// As it stands in a group.
    pub(super) fn in_group(&self, group: u64) -> [u8; LENGTH] {
        let mut bytes = self.0;
        put_u16(&mut bytes, 0x5A, low16(group));
        let checksum = crc32c(u32::MAX, &bytes[..CHECKSUM]);
        put_u32(&mut bytes, CHECKSUM, checksum);
        bytes
    }
}
