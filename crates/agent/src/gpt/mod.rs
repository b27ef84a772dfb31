//! A device, in; its GUID partition table, and the writes that turn it into another one, out. Entries that are not asked
//! to change keep every byte, and at no moment are both copies of the table broken.
//!
//! UEFI 2.10, chapter 5.3: a header and an array of entries at the front of the disk, a copy of both at its end, each with a
//! checksum. Who reads takes the front if its checksums hold, else the copy.

pub(crate) mod form;
mod write;

use std::io;

use uuid::Uuid;

use crate::error::Named;
use crate::storage::Device;

pub use form::Entry;
use form::{Header, parse_entries, parse_header};
pub use write::{Operation, replace};

/// A partition table as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Bytes of a sector.
    pub sector: u64,
    /// What both copies say of themselves.
    header: Header,
    /// All entries, unused ones too: partition `n` is entry `n - 1`.
    pub entries: Vec<Entry>,
    /// How far the two copies can be relied on.
    pub condition: Condition,
}

/// What is wrong with one of the two copies, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Both copies hold and say the same.
    Whole,
    /// The front's checksums do not hold; the copy was taken.
    FrontBroken,
    /// The copy's checksums do not hold; the front was taken.
    BackupBroken,
    /// Both hold and differ; the front was taken, as the firmware takes it.
    Different,
}

/// Why a partition table was not read.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// The device does not answer.
    #[error("cannot read the partition table at byte {offset}")]
    Read {
        /// Where.
        offset: u64,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Neither copy's checksums hold.
    #[error(
        "neither copy of the partition table is whole (front: {front}; copy: {backup}); repair it with a partition tool"
    )]
    Broken {
        /// What is wrong with the front.
        front: &'static str,
        /// What is wrong with the copy.
        backup: &'static str,
    },
    /// The copies point at places where no copy can be.
    #[error(
        "the partition table has copies in the sectors {front} and {backup}, and the disk has {sectors}; repair it with a partition tool"
    )]
    Misplaced {
        /// Sector of the front.
        front: u64,
        /// Sector of the copy.
        backup: u64,
        /// Sectors of the disk.
        sectors: u64,
    },
    /// Entries would be written where partitions may be.
    #[error(
        "the entries of the partition table (from sector {array}, and before sector {backup}) do not lie beside the sectors {first} to {last} of its partitions; repair it with a partition tool"
    )]
    Overlapping {
        /// First sector of the front's entries.
        array: u64,
        /// Sector of the copy.
        backup: u64,
        /// First sector that is for partitions.
        first: u64,
        /// Last sector that is for partitions.
        last: u64,
    },
}

impl Named for GptError {
    fn name(&self) -> &'static str {
        match self {
            GptError::Read { .. } => "disk.read",
            GptError::Broken { .. } | GptError::Misplaced { .. } | GptError::Overlapping { .. } => {
                "disk.table-broken"
            }
        }
    }
}

impl Table {
    /// Reads the table of a device whose sectors have `sector` bytes.
    pub fn read(device: &dyn Device, sector: u64) -> Result<Self, GptError> {
        let front = copy_at(device, sector, 1)?;
        // A disk that was made larger keeps its copy where the front says, until a change moves it.
        let last = (device.size() / sector).saturating_sub(1);
        let backup_sector = front.as_ref().map_or(last, |(header, _)| header.other);
        let backup = copy_at(device, sector, backup_sector)?;
        let (mut header, entries, condition) = match (front, backup) {
            (Ok(front), Ok(backup)) => {
                let same = front.0.agrees_with(&backup.0) && front.1 == backup.1;
                (front.0, front.1, if same { Condition::Whole } else { Condition::Different })
            }
            (Ok(front), Err(_)) => (front.0, front.1, Condition::BackupBroken),
            (Err(_), Ok(backup)) => (backup.0.turned(), backup.1, Condition::FrontBroken),
            (Err(front), Err(backup)) => return Err(GptError::Broken { front, backup }),
        };
        // UEFI 5.3.2: the front is in sector 1. Both places may be written, so neither may lie elsewhere or beyond the end.
        let sectors = device.size() / sector;
        if header.own != 1 || header.other >= sectors || header.other <= 1 + header.array_sectors(sector) {
            return Err(GptError::Misplaced { front: header.own, backup: header.other, sectors });
        }
        // Without the front the copy is looked for in the last sector alone: it must lie there before the front is written.
        header.other = last;
        if !header.lies_beside_partitions(sector) {
            let Header { array, other: backup, first_usable: first, last_usable: last, .. } = header;
            return Err(GptError::Overlapping { array, backup, first, last });
        }
        Ok(Table { sector, header, entries, condition })
    }

    /// The disk's own UUID.
    pub fn disk(&self) -> Uuid {
        self.header.disk
    }

    /// The used entries with the partition's number, which counts from 1.
    pub fn partitions(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (1..).zip(&self.entries).filter(|(_, entry)| !entry.kind().is_nil())
    }

    /// The entry of a partition.
    pub fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The entry of a partition, to change it.
    pub fn entry_mut(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

type Copy = Result<(Header, Vec<Entry>), &'static str>;

/// The copy whose header lies in this sector, or what is wrong with it.
fn copy_at(device: &dyn Device, sector: u64, at: u64) -> Result<Copy, GptError> {
    let read = |place: u64, length: usize| -> Result<Option<Vec<u8>>, GptError> {
        let Some(offset) = place.checked_mul(sector) else { return Ok(None) };
        match offset.checked_add(length as u64) {
            Some(end) if end <= device.size() => {}
            _ => return Ok(None),
        }
        let mut bytes = vec![0; length];
        device.read_at(offset, &mut bytes).map_err(|source| GptError::Read { offset, source })?;
        Ok(Some(bytes))
    };
    let Ok(length) = usize::try_from(sector) else { return Ok(Err("sectors are too large")) };
    let Some(bytes) = read(at, length)? else { return Ok(Err("lies beyond the disk's end")) };
    let header = match parse_header(&bytes, at) {
        Ok(header) => header,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(bytes) = read(header.array, header.array_bytes())? else {
        return Ok(Err("its entries lie beyond the disk's end"));
    };
    Ok(parse_entries(&header, &bytes).map(|entries| (header, entries)))
}

#[cfg(test)]
mod tests;
