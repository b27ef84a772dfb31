//! What a file system records of a file in; the 256 bytes of its inode out.

use super::attributes::IN_INODE;
use super::checksum::ChecksumSeed;
use super::field::{low16, low32, put_u16, put_u32};
use super::{BLOCK, INODE};
use crate::tree::{Entry, Kind};

const INODE_LENGTH: usize = 256;
/// Bytes of the fields after the first 128.
const EXTRA: u16 = 32;
const OLD_LENGTH: usize = 128;
const MAP: usize = 40;
/// The last second that 34 bits count from 1901.
const LAST_SECOND: u64 = 15_032_385_535;

/// The block map is a tree of extents.
pub(super) const EXTENTS: u32 = 0x0008_0000;
/// The directory is ordered by hashes.
pub(super) const INDEXED: u32 = 0x0000_1000;

/// An inode in the making.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    /// Type and permission bits.
    pub(super) mode: u32,
    pub(super) user: u32,
    pub(super) group: u32,
    pub(super) links: u16,
    /// In bytes.
    pub(super) size: u64,
    /// Blocks of content, map and attributes.
    pub(super) blocks: u64,
    pub(super) flags: u32,
    /// Extents, a device's number or a short link's target.
    pub(super) map: [u8; 60],
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// Seconds since 1970.
    pub(super) created: u64,
    pub(super) in_inode_attributes: Option<[u8; IN_INODE]>,
    /// 0 for none.
    pub(super) attribute_block: u64,
}

impl Inode {
    /// A regular file that no path leads to.
    pub(super) fn reserved(size: u64, blocks: u64, flags: u32, map: [u8; 60], time: u64) -> Self {
        Self {
            mode: 0o100_600,
            user: 0,
            group: 0,
            links: 1,
            size,
            blocks,
            flags,
            map,
            modified: time,
            created: time,
            in_inode_attributes: None,
            attribute_block: 0,
        }
    }

    pub(super) fn encode(&self, seed: ChecksumSeed) -> [u8; INODE_LENGTH] {
        let mut bytes = [0; INODE_LENGTH];
        let (modified, modified_extra) = time(self.modified);
        let (created, created_extra) = time(self.created);
        put_u16(&mut bytes, 0, low16(self.mode.into()));
        put_u16(&mut bytes, 2, low16(self.user.into()));
        put_u32(&mut bytes, 4, low32(self.size));
        for place in [8, 12, 16] {
            put_u32(&mut bytes, place, modified);
        }
        put_u16(&mut bytes, 24, low16(self.group.into()));
        put_u16(&mut bytes, 26, self.links);
        let sectors = self.blocks * (BLOCK / 512);
        put_u32(&mut bytes, 28, low32(sectors));
        put_u32(&mut bytes, 32, self.flags);
        bytes[MAP..MAP + 60].copy_from_slice(&self.map);
        put_u32(&mut bytes, 104, low32(self.attribute_block));
        put_u32(&mut bytes, 108, low32(self.size >> 32));
        put_u16(&mut bytes, 116, low16(sectors >> 32));
        put_u16(&mut bytes, 118, low16(self.attribute_block >> 32));
        put_u16(&mut bytes, 120, low16((self.user >> 16).into()));
        put_u16(&mut bytes, 122, low16((self.group >> 16).into()));
        put_u16(&mut bytes, OLD_LENGTH, EXTRA);
        for place in [132, 136, 140] {
            put_u32(&mut bytes, place, modified_extra);
        }
        put_u32(&mut bytes, 144, created);
        put_u32(&mut bytes, 148, created_extra);
        if let Some(attributes) = &self.in_inode_attributes {
            bytes[OLD_LENGTH + usize::from(EXTRA)..].copy_from_slice(attributes);
        }
        let checksum = seed.of(&bytes);
        put_u16(&mut bytes, 124, low16(checksum.into()));
        put_u16(&mut bytes, 130, low16((checksum >> 16).into()));
        bytes
    }
}

/// An inode that is set apart and never used: zeros, with half a checksum since it has no room for the other half.
pub(super) fn unused(seed: ChecksumSeed) -> [u8; INODE_LENGTH] {
    let mut bytes = [0; INODE_LENGTH];
    put_u16(&mut bytes, 124, low16(seed.of(&[0; INODE_LENGTH]).into()));
    bytes
}

/// What kind of file it is, in a mode and in a directory.
pub(super) fn kind_bits(entry: &Entry) -> (u32, u8) {
    match entry.kind {
        Kind::File(_) | Kind::HardLink(_) => (0o100_000, 1),
        Kind::Directory => (0o040_000, 2),
        Kind::CharacterDevice { .. } => (0o020_000, 3),
        Kind::BlockDevice { .. } => (0o060_000, 4),
        Kind::Pipe => (0o010_000, 5),
        Kind::SymbolicLink(_) => (0o120_000, 7),
    }
}

/// The map of a device: its numbers, small ones in the old form as kernels write them.
pub(super) fn device(major: u32, minor: u32) -> [u8; 60] {
    let mut map = [0; 60];
    if major < 256 && minor < 256 {
        put_u32(&mut map, 0, major << 8 | minor);
    } else {
        put_u32(&mut map, 4, minor & 0xFF | major << 8 | (minor & !0xFF) << 12);
    }
    map
}

/// Seconds in 32 bits, and the further bits: the first field is read as a signed number, to which the second adds 2^32 each.
fn time(seconds: u64) -> (u32, u32) {
    let seconds = seconds.min(LAST_SECOND);
    (low32(seconds), low32((seconds + (1 << 31)) >> 32))
}

const _: () = assert!(INODE == INODE_LENGTH as u64);

#[cfg(test)]
mod tests {
    use super::{device, time};

    #[test]
    fn times_after_2038_count_on() {
        assert_eq!(time(0x7FFF_FFFF), (0x7FFF_FFFF, 0));
        assert_eq!(time(0x8000_0000), (0x8000_0000, 1));
        assert_eq!(time(0x1_0000_0000), (0, 1));
        assert_eq!(time(u64::MAX), (0x7FFF_FFFF, 3));
    }

    #[test]
    fn large_device_numbers_take_the_new_form() {
        assert_eq!(device(5, 1)[..8], [1, 5, 0, 0, 0, 0, 0, 0]);
        assert_eq!(device(259, 65_537)[4..8], ((65_536_u32 << 12) | (259 << 8) | 1).to_le_bytes());
    }
}
