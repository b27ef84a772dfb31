//! Bytes of a header or of entries, in; their fields, out; and back to the same bytes.

use uuid::Uuid;

/// Bytes of a header that its checksum covers, as every known writer makes it.
const HEADER: usize = 92;
/// More entries than any disk has; an array of more is a broken header.
const MOST_ENTRIES: u32 = 4096;

/// The fields of a header, apart from its checksums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// Its own sector.
    pub(super) own: u64,
    /// The other copy's.
    pub(super) other: u64,
    pub(super) first_usable: u64,
    pub(super) last_usable: u64,
    pub(super) disk: Uuid,
    /// First sector of its entries.
    pub(super) array: u64,
    pub(super) entries: u32,
    pub(super) entry_size: u32,
    array_checksum: u32,
}

/// One entry: 128 bytes or more, all of which are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Vec<u8>);

impl Header {
    pub(super) fn array_bytes(&self) -> usize {
        // Both are bounded when the header is read.
        self.entries as usize * self.entry_size as usize
    }

    /// Sectors of the array of entries.
    pub(super) fn array_sectors(&self, sector: u64) -> u64 {
        (self.array_bytes() as u64).div_ceil(sector)
    }

    pub(super) fn agrees_with(&self, other: &Header) -> bool {
        (self.own, self.other) == (other.other, other.own)
            && (self.first_usable, self.last_usable, self.disk)
                == (other.first_usable, other.last_usable, other.disk)
            && (self.entries, self.entry_size) == (other.entries, other.entry_size)
    }

    /// Whether neither copy's entries reach into the sectors that are for partitions, as UEFI 5.3.2 has it. The front's lie
    /// behind its header, and those of the copy just before it.
    pub(super) fn lies_beside_partitions(&self, sector: u64) -> bool {
        let length = self.array_sectors(sector);
        let front = self.array >= 2
            && self.array.checked_add(length).is_some_and(|end| end <= self.first_usable)
            && self.first_usable <= self.last_usable;
        front && self.other.checked_sub(length).is_some_and(|array| self.last_usable < array)
    }

    /// The front's header, when only the copy's could be read.
    pub(super) fn turned(&self) -> Header {
        // UEFI 5.3.2: the front's header is in sector 1 and its entries follow.
        Header { own: self.other, other: self.own, array: 2, ..self.clone() }
    }

    /// The copy's header. UEFI 5.3.2: its entries lie just before it.
    pub(super) fn copied(&self, sector: u64) -> Header {
        let array = self.other - self.array_sectors(sector);
        Header { own: self.other, other: self.own, array, ..self.clone() }
    }

    /// A sector with this header over these entries.
    pub(super) fn bytes(&self, sector: u64, array: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(sector).unwrap_or(512)];
        bytes[..8].copy_from_slice(b"EFI PART");
        bytes[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
        bytes[12..16].copy_from_slice(&92_u32.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.own.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.other.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_usable.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.last_usable.to_le_bytes());
        bytes[56..72].copy_from_slice(&self.disk.to_bytes_le());
        bytes[72..80].copy_from_slice(&self.array.to_le_bytes());
        bytes[80..84].copy_from_slice(&self.entries.to_le_bytes());
        bytes[84..88].copy_from_slice(&self.entry_size.to_le_bytes());
        bytes[88..92].copy_from_slice(&crc32fast::hash(array).to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..HEADER]);
        bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

impl Entry {
    /// What the partition is for; nil for an unused entry.
    pub fn kind(&self) -> Uuid {
        self.uuid_at(0)
    }

    /// Its own UUID, `PARTUUID`.
    pub fn uuid(&self) -> Uuid {
        self.uuid_at(16)
    }

    /// First sector.
    pub fn first(&self) -> u64 {
        self.number_at(32)
    }

    /// Sectors, or none if its end lies before its start.
    pub fn sectors(&self) -> u64 {
        self.number_at(40).checked_sub(self.first()).map_or(0, |sectors| sectors.saturating_add(1))
    }

    /// Attribute bits.
    pub fn attributes(&self) -> u64 {
        self.number_at(48)
    }

    /// Its label, `PARTLABEL`.
    pub fn label(&self) -> String {
        let units = self.0[56..128].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        String::from_utf16_lossy(&units)
    }

    /// Gives it another UUID, label and attributes; where it lies and what it is for stay. A label has at most 36 UTF-16
    /// units, which `release::Manifest::check` sees to.
    pub fn rename(&mut self, uuid: Uuid, label: &str, attributes: u64) {
        self.0[16..32].copy_from_slice(&uuid.to_bytes_le());
        self.0[48..56].copy_from_slice(&attributes.to_le_bytes());
        self.0[56..128].fill(0);
        for (unit, place) in label.encode_utf16().zip(self.0[56..128].chunks_exact_mut(2)) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }

    fn uuid_at(&self, place: usize) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[place..place + 16]);
        Uuid::from_bytes_le(bytes)
    }

    fn number_at(&self, place: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[place..place + 8]);
        u64::from_le_bytes(bytes)
    }
}

/// Reads the header in the sector `own`.
pub(super) fn parse_header(bytes: &[u8], own: u64) -> Result<Header, &'static str> {
    let four = |place: usize| {
        u32::from_le_bytes([bytes[place], bytes[place + 1], bytes[place + 2], bytes[place + 3]])
    };
    let eight = |place: usize| u64::from(four(place)) | u64::from(four(place + 4)) << 32;
    if bytes.len() < 512 || &bytes[..8] != b"EFI PART" {
        return Err("has no signature");
    }
    let size = four(12) as usize;
    if size < HEADER || size > bytes.len() {
        return Err("has a wrong length");
    }
    let mut covered = bytes[..size].to_vec();
    covered[16..20].fill(0);
    if crc32fast::hash(&covered) != four(16) {
        return Err("has a wrong checksum");
    }
    if size != HEADER {
        return Err("has fields of a later specification");
    }
    let mut disk = [0; 16];
    disk.copy_from_slice(&bytes[56..72]);
    let header = Header {
        own: eight(24),
        other: eight(32),
        first_usable: eight(40),
        last_usable: eight(48),
        disk: Uuid::from_bytes_le(disk),
        array: eight(72),
        entries: four(80),
        entry_size: four(84),
        array_checksum: four(88),
    };
    if header.own != own {
        return Err("belongs to another sector");
    }
    let sized = header.entries <= MOST_ENTRIES && (128..=4096).contains(&header.entry_size);
    if !sized || !header.entry_size.is_power_of_two() || header.entries == 0 {
        return Err("has a wrong number of entries");
    }
    Ok(header)
}

/// Reads the entries that a header speaks of.
pub(super) fn parse_entries(header: &Header, bytes: &[u8]) -> Result<Vec<Entry>, &'static str> {
    if crc32fast::hash(bytes) != header.array_checksum {
        return Err("its entries have a wrong checksum");
    }
    Ok(bytes.chunks_exact(header.entry_size as usize).map(|entry| Entry(entry.to_vec())).collect())
}

/// The bytes of the entries, one after the other.
pub(super) fn array(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.0.iter().copied()).collect()
}

/// Writes a table of these partitions (type, first sector, sectors, label) on a device: for tests.
#[cfg(test)]
pub(crate) fn make(device: &dyn crate::storage::Device, sector: u64, partitions: &[(Uuid, u64, u64, &str)]) {
    let last = device.size() / sector - 1;
    let mut entries = vec![Entry(vec![0; 128]); 128];
    for (index, (entry, (kind, first, sectors, label))) in entries.iter_mut().zip(partitions).enumerate() {
        entry.0[..16].copy_from_slice(&kind.to_bytes_le());
        entry.0[32..40].copy_from_slice(&first.to_le_bytes());
        entry.0[40..48].copy_from_slice(&(first + sectors - 1).to_le_bytes());
        entry.rename(Uuid::from_u128(0x1000 + index as u128), label, 0);
    }
    let front = Header {
        own: 1,
        other: last,
        first_usable: 2 + 16384_u64.div_ceil(sector),
        last_usable: last - 1 - 16384_u64.div_ceil(sector),
        disk: Uuid::from_u128(0xD15C),
        array: 2,
        entries: 128,
        entry_size: 128,
        array_checksum: 0,
    };
    let bytes = array(&entries);
    for header in [front.copied(sector), front] {
        device.write_at(header.array * sector, &bytes).unwrap();
        device.write_at(header.own * sector, &header.bytes(sector, &bytes)).unwrap();
    }
    device.flush().unwrap();
}
