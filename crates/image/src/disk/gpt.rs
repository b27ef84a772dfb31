//! A list of partitions in; the sectors of a GUID partition table, its copy and the protective MBR out.

use uuid::{Uuid, uuid};

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
const ENTRIES: u64 = 128;
const ENTRY: usize = 128;
const TABLE_SECTORS: u64 = ENTRIES * ENTRY as u64 / SECTOR;
/// Sectors before the first partition may begin: protective MBR, header, table.
const FIRST_USABLE: u64 = 2 + TABLE_SECTORS;
/// Sectors after the last partition: the copies of table and header.
const TRAILER: u64 = 1 + TABLE_SECTORS;

/// Bytes of protective MBR, header and table.
pub(super) const HEAD_BYTES: u64 = FIRST_USABLE * SECTOR;

/// Type of the EFI system partition.
pub(crate) const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
/// Type of a root partition for x86-64, of the Discoverable Partitions Specification.
pub(crate) const ROOT_X86_64: Uuid = uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    /// What it is for.
    pub(super) kind: Uuid,
    /// Its own UUID.
    pub(super) uuid: Uuid,
    /// Its name, at most 36 UTF-16 units; more are cut off.
    pub(super) name: String,
    /// Attribute bits.
    pub(super) attributes: u64,
    /// First sector.
    pub(super) start: u64,
    /// Number of sectors.
    pub(super) sectors: u64,
}

/// The first sectors of a disk, and the last ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// From sector 0 on: protective MBR, header, table.
    pub(super) head: Vec<u8>,
    /// Up to the disk's end: table, header.
    pub(super) tail: Vec<u8>,
}

/// Writes a table for a disk of `sectors` sectors; the caller has placed the partitions between the two ends.
pub(super) fn table(disk: Uuid, sectors: u64, partitions: &[Partition]) -> Table {
    let entries = entries(partitions);
    let checksum = crc32fast::hash(&entries);
    let last = sectors - 1;
    let mut head = protective_mbr(sectors);
    head.extend(header(disk, sectors, checksum, 1, last, 2));
    head.extend(&entries);
    let mut tail = entries;
    tail.extend(header(disk, sectors, checksum, last, 1, last - TABLE_SECTORS));
    Table { head, tail }
}

fn entries(partitions: &[Partition]) -> Vec<u8> {
    let mut bytes = vec![0; ENTRY * 128];
    for (partition, entry) in partitions.iter().zip(bytes.chunks_exact_mut(ENTRY)) {
        entry[..16].copy_from_slice(&partition.kind.to_bytes_le());
        entry[16..32].copy_from_slice(&partition.uuid.to_bytes_le());
        entry[32..40].copy_from_slice(&partition.start.to_le_bytes());
        entry[40..48].copy_from_slice(&(partition.start + partition.sectors - 1).to_le_bytes());
        entry[48..56].copy_from_slice(&partition.attributes.to_le_bytes());
        for (unit, place) in partition.name.encode_utf16().zip(entry[56..].chunks_exact_mut(2)) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    bytes
}

fn header(disk: Uuid, sectors: u64, entries_checksum: u32, own: u64, other: u64, entries: u64) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..8].copy_from_slice(b"EFI PART");
    bytes[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
    bytes[12..16].copy_from_slice(&92_u32.to_le_bytes());
    bytes[24..32].copy_from_slice(&own.to_le_bytes());
    bytes[32..40].copy_from_slice(&other.to_le_bytes());
    bytes[40..48].copy_from_slice(&FIRST_USABLE.to_le_bytes());
    bytes[48..56].copy_from_slice(&(sectors - 1 - TRAILER).to_le_bytes());
    bytes[56..72].copy_from_slice(&disk.to_bytes_le());
    bytes[72..80].copy_from_slice(&entries.to_le_bytes());
    bytes[80..84].copy_from_slice(&128_u32.to_le_bytes());
    bytes[84..88].copy_from_slice(&128_u32.to_le_bytes());
    bytes[88..92].copy_from_slice(&entries_checksum.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[..92]);
    bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn protective_mbr(sectors: u64) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    let length = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    // UEFI 5.2.3: one partition of type EE from sector 1 to the end.
    bytes[446..462].copy_from_slice(&[0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0, 0, 0, 0]);
    bytes[458..462].copy_from_slice(&length.to_le_bytes());
    bytes[510..].copy_from_slice(&[0x55, 0xAA]);
    bytes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{ESP, Partition, table};

    #[test]
    fn the_two_headers_point_at_each_other_and_their_sums_hold() {
        let partition = Partition {
            kind: ESP,
            uuid: Uuid::from_u128(7),
            name: "esp".into(),
            attributes: 0,
            start: 2048,
            sectors: 2048,
        };
        let table = table(Uuid::from_u128(1), 8192, &[partition]);
        assert_eq!((table.head.len(), table.tail.len()), (34 * 512, 33 * 512));
        for header in [&table.head[512..1024], &table.tail[32 * 512..]] {
            let mut zeroed = header[..92].to_vec();
            zeroed[16..20].fill(0);
            assert_eq!(crc32fast::hash(&zeroed).to_le_bytes(), header[16..20]);
        }
        assert_eq!(table.head[512 + 32..512 + 40], 8191_u64.to_le_bytes());
        assert_eq!(table.tail[32 * 512 + 24..32 * 512 + 32], 8191_u64.to_le_bytes());
        // The GUID of the ESP type as the UEFI specification prints its bytes.
        assert_eq!(table.head[1024..1032], [0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11]);
    }
}
