//! Partitions with what is in them in; where everything lies on a disk out.
//! Nothing here writes to a disk.

use std::collections::BTreeMap;
use std::ops::Range;

use uuid::Uuid;

use super::DiskError;
use super::fat::{self, FatError, FatStamp};
use super::gpt::{self, ESP};
use super::piece::{self, Piece};
use super::qcow2::CLUSTER;
use crate::filesystem::MEBIBYTE;

/// What a disk is made of.
pub(crate) struct Parts {
    pub(crate) disk_uuid: Uuid,
    pub(crate) vhd_uuid: Uuid,
    pub(crate) esp_uuid: Uuid,
    pub(crate) esp_bytes: u64,
    pub(crate) esp_stamp: FatStamp,
    /// The least size of the disk.
    pub(crate) disk_mebibytes: Option<u64>,
    pub(crate) most_mebibytes: Option<u64>,
    pub(crate) source_date_epoch: u64,
}

/// A partition behind the EFI system partition.
pub(crate) struct SystemPartition<'t> {
    pub(crate) kind: Uuid,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    /// Bits of the table.
    pub(crate) attributes: u64,
    /// Its length; on the disk it has whole mebibytes.
    pub(crate) bytes: u64,
    /// What is in it, in order; the rest is zero.
    pub(crate) pieces: Vec<Piece<'t>>,
}

/// A disk whose every byte is decided.
pub(crate) struct WholeDisk<'p, 't> {
    /// In bytes.
    pub(crate) size: u64,
    /// Where the partition table with the protective MBR ends.
    pub(crate) table_end: u64,
    /// Every partition in the order of the table: where it lies, and whether something is in it.
    pub(crate) partitions: Vec<(Range<u64>, bool)>,
    /// All that is on it, in order.
    pub(crate) pieces: &'p [Piece<'t>],
}

/// Attributes of the Discoverable Partitions Specification.
pub(crate) const READ_ONLY: u64 = 1 << 60;
pub(crate) const GROW_FILE_SYSTEM: u64 = 1 << 59;
pub(crate) const NO_AUTO: u64 = 1 << 63;

/// Where the EFI system partition begins: after the table, on the first whole mebibyte.
const ESP_START: u64 = MEBIBYTE;

/// Where everything lies on the disk, in bytes.
pub(super) struct DiskPlan {
    pub(super) size: u64,
    esp: Range<u64>,
    /// All partitions, as the table has them.
    partitions: Vec<gpt::Partition>,
}

impl DiskPlan {
    /// Gives every partition its place, and tells what lies where on the disk behind the EFI system partition.
    pub(super) fn new<'t>(
        parts: &Parts,
        system: Vec<SystemPartition<'t>>,
    ) -> Result<(Self, Vec<Piece<'t>>), DiskError> {
        let esp = ESP_START..ESP_START + parts.esp_bytes;
        let mut partitions = vec![gpt::Partition {
            kind: ESP,
            uuid: parts.esp_uuid,
            name: "esp".to_owned(),
            attributes: 0,
            start: esp.start / gpt::SECTOR,
            sectors: parts.esp_bytes / gpt::SECTOR,
        }];
        let mut pieces = Vec::new();
        let mut end = esp.end;
        for partition in system {
            let bytes = partition.bytes.next_multiple_of(MEBIBYTE);
            partitions.push(gpt::Partition {
                kind: partition.kind,
                uuid: partition.uuid,
                name: partition.name,
                attributes: partition.attributes,
                start: end / gpt::SECTOR,
                sectors: bytes / gpt::SECTOR,
            });
            pieces.extend(partition.pieces.into_iter().map(|piece| piece.moved(end)));
            end += bytes;
        }
        // One mebibyte for the copy of the table keeps the disk a whole number of them.
        let needed = end + MEBIBYTE;
        let size = match parts.disk_mebibytes {
            Some(given) if given * MEBIBYTE < needed => {
                return Err(DiskError::TooSmall {
                    needed_mebibytes: needed / MEBIBYTE,
                    available_mebibytes: given,
                });
            }
            Some(given) => given * MEBIBYTE,
            None => needed,
        };
        let mebibytes = size / MEBIBYTE;
        match parts.most_mebibytes {
            Some(allowed) if mebibytes > allowed => Err(DiskError::OverBudget { mebibytes, allowed }),
            _ => Ok((Self { size, esp, partitions }, pieces)),
        }
    }

    /// What lies around the system's partitions, in order.
    pub(super) fn rest<'e>(
        &self,
        parts: &Parts,
        esp_files: &'e BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<Piece<'e>>, FatError> {
        let table = gpt::table(parts.disk_uuid, self.size / gpt::SECTOR, &self.partitions);
        let tail = self.size - table.tail.len() as u64;
        let mut pieces = vec![Piece::memory(0, table.head)];
        let esp = fat::lay_out(esp_files, parts.esp_bytes, &parts.esp_stamp)?;
        pieces.extend(esp.into_iter().map(|piece| piece.moved(self.esp.start)));
        pieces.push(Piece::memory(tail, table.tail));
        Ok(pieces)
    }

    /// The disk with all that is on it, in order.
    pub(super) fn whole<'p, 't>(&self, pieces: &'p [Piece<'t>]) -> WholeDisk<'p, 't> {
        let place = |partition: &gpt::Partition| {
            let start = partition.start * gpt::SECTOR;
            start..start + partition.sectors * gpt::SECTOR
        };
        let partitions = self.partitions.iter().map(place).map(|place| {
            let used = !piece::within(pieces, &place).is_empty();
            (place, used)
        });
        WholeDisk { size: self.size, table_end: gpt::HEAD_BYTES, partitions: partitions.collect(), pieces }
    }

    /// Clusters of which some are used by what lies around the system's partitions.
    pub(super) fn clusters_around_system(&self) -> [Range<u64>; 2] {
        [0..self.esp.end / CLUSTER, (self.size - MEBIBYTE) / CLUSTER..self.size / CLUSTER]
    }
}
