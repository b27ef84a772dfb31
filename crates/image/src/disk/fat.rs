//! Paths and bytes in; a FAT32 file system that holds them out, as pieces from front to back.
//!
//! The same files give the same bytes: clusters are given out in path order, times are one argument, short names count up.

use std::collections::{BTreeMap, BTreeSet};

use super::piece::Piece;

const SECTOR: u64 = 512;
const RESERVED: u64 = 32;
const COPIES: u64 = 2;
/// Microsoft's specification: with fewer clusters it would be FAT16.
const FEWEST_CLUSTERS: u64 = 65_525;
const END_OF_CHAIN: u32 = 0x0FFF_FFFF;
const ENTRY: usize = 32;

/// What tells one FAT file system from another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FatStamp {
    /// Volume serial number.
    pub(crate) serial: u32,
    /// Volume label in upper case, padded with spaces.
    pub(crate) label: [u8; 11],
    /// Time of every entry in seconds since 1970; FAT knows none before 1980 and rounds to two seconds.
    pub(crate) modified: u64,
    /// Sectors of the disk before the file system.
    pub(crate) hidden_sectors: u32,
}

/// Why files cannot be put into a FAT file system.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// Smaller than FAT32 can be.
    #[error("an EFI system partition of {mebibytes} MiB is too small for FAT32: 34 MiB are the least")]
    TooSmallForFat32 {
        /// As given.
        mebibytes: u64,
    },
    /// The files do not fit.
    #[error(
        "the EFI system partition is too small: its files need {needed_mebibytes} MiB, {available_mebibytes} MiB are given"
    )]
    TooSmall {
        /// Mebibytes of the files with their directories.
        needed_mebibytes: u64,
        /// Mebibytes of the partition.
        available_mebibytes: u64,
    },
    /// A name that FAT cannot hold.
    #[error("`{path}` cannot be a name in an EFI system partition")]
    BadName {
        /// As given.
        path: String,
    },
}

/// Lays out a file system of `bytes` bytes; file paths are separated by `/`.
pub(super) fn lay_out<'t>(
    files: &'t BTreeMap<String, Vec<u8>>,
    bytes: u64,
    stamp: &FatStamp,
) -> Result<Vec<Piece<'t>>, FatError> {
    let geometry = Geometry::choose(bytes)?;
    let mut nodes = plan(files)?;
    let mut next = 2;
    for node in &mut nodes {
        node.first = if node.length == 0 { 0 } else { next };
        next += geometry.clusters_for(node.length);
    }
    let used = u64::from(next) - 2;
    if used > geometry.clusters {
        return Err(FatError::TooSmall {
            needed_mebibytes: (used * geometry.cluster_bytes()).div_ceil(1 << 20) + 1,
            available_mebibytes: bytes >> 20,
        });
    }
    let mut head = boot_sector(&geometry, stamp);
    head.extend(information_sector(geometry.clusters - used, next));
    let mut pieces = vec![Piece::memory(0, head.clone()), Piece::memory(6 * SECTOR, head)];
    let table = table(&nodes, &geometry);
    for copy in 0..COPIES {
        let at = (RESERVED + copy * geometry.table_sectors) * SECTOR;
        pieces.push(Piece::memory(at, table.clone()));
    }
    for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.length > 0) {
        let at = geometry.offset(node.first);
        pieces.push(match &node.content {
            NodeContent::File(bytes) => Piece::memory(at, *bytes),
            NodeContent::Directory(_) => Piece::memory(at, directory(index, &nodes, stamp)),
        });
    }
    Ok(pieces)
}

struct Geometry {
    sectors: u64,
    sectors_in_cluster: u64,
    table_sectors: u64,
    clusters: u64,
}

impl Geometry {
    /// The largest cluster up to 4096 bytes that leaves enough clusters to be FAT32.
    fn choose(bytes: u64) -> Result<Self, FatError> {
        let sectors = bytes / SECTOR;
        for sectors_in_cluster in [8, 4, 2, 1] {
            let upper = sectors.saturating_sub(RESERVED) / sectors_in_cluster;
            let table_sectors = ((upper + 2) * 4).div_ceil(SECTOR);
            let clusters = sectors.saturating_sub(RESERVED + COPIES * table_sectors) / sectors_in_cluster;
            if clusters >= FEWEST_CLUSTERS {
                return Ok(Self { sectors, sectors_in_cluster, table_sectors, clusters });
            }
        }
        Err(FatError::TooSmallForFat32 { mebibytes: bytes >> 20 })
    }

    fn cluster_bytes(&self) -> u64 {
        self.sectors_in_cluster * SECTOR
    }

    fn clusters_for(&self, length: u64) -> u32 {
        u32::try_from(length.div_ceil(self.cluster_bytes())).unwrap_or(u32::MAX)
    }

    fn offset(&self, cluster: u32) -> u64 {
        (RESERVED + COPIES * self.table_sectors) * SECTOR
            + u64::from(cluster.saturating_sub(2)) * self.cluster_bytes()
    }
}

struct Node<'a> {
    name: String,
    short: [u8; 11],
    parent: usize,
    content: NodeContent<'a>,
    length: u64,
    first: u32,
}

enum NodeContent<'a> {
    File(&'a [u8]),
    /// Indexes of what it holds.
    Directory(Vec<usize>),
}

/// All directories and files; the root directory first, each parent before what it holds.
fn plan(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Node<'_>>, FatError> {
    let mut nodes = vec![Node {
        name: String::new(),
        short: [b' '; 11],
        parent: 0,
        content: NodeContent::Directory(Vec::new()),
        length: 0,
        first: 0,
    }];
    let mut folders: BTreeMap<String, usize> = BTreeMap::from([(String::new(), 0)]);
    for (path, bytes) in files {
        let mut parent = 0;
        let mut so_far = String::new();
        let components: Vec<&str> = path.split('/').collect();
        for (depth, component) in components.iter().enumerate() {
            check_name(component, path)?;
            so_far = format!("{so_far}/{}", component.to_ascii_uppercase());
            let is_file = depth + 1 == components.len();
            parent = match folders.get(&so_far) {
                Some(_) if is_file => return Err(FatError::BadName { path: path.clone() }),
                Some(folder) => *folder,
                None => {
                    let content =
                        if is_file { NodeContent::File(bytes) } else { NodeContent::Directory(Vec::new()) };
                    let length = if is_file { bytes.len() as u64 } else { 0 };
                    if length > u64::from(u32::MAX) {
                        return Err(FatError::BadName { path: path.clone() });
                    }
                    let index = nodes.len();
                    nodes.push(Node {
                        name: (*component).to_owned(),
                        short: [b' '; 11],
                        parent,
                        content,
                        length,
                        first: 0,
                    });
                    if let NodeContent::Directory(children) = &mut nodes[parent].content {
                        children.push(index);
                    }
                    folders.insert(so_far.clone(), index);
                    index
                }
            };
        }
    }
    for index in 0..nodes.len() {
        let NodeContent::Directory(children) = &nodes[index].content else { continue };
        let children = children.clone();
        let mut taken = BTreeSet::new();
        // The root has its label, every other directory `.` and `..`.
        let mut entries = if index == 0 { 1 } else { 2 };
        for child in children {
            let short = short_name(&nodes[child].name, &taken);
            taken.insert(short);
            nodes[child].short = short;
            entries += 1 + long_entries(&nodes[child].name, &short).len();
        }
        nodes[index].length = (entries * ENTRY) as u64;
    }
    Ok(nodes)
}

fn check_name(name: &str, path: &str) -> Result<(), FatError> {
    let good = |c: char| !c.is_control() && c.is_ascii() && !"\"*:<>?\\|".contains(c);
    if name.is_empty()
        || name.len() > 255
        || name == "."
        || name == ".."
        || name.ends_with([' ', '.'])
        || !name.chars().all(good)
    {
        return Err(FatError::BadName { path: path.to_owned() });
    }
    Ok(())
}

/// The eight-and-three name: the name itself in upper case where it fits, else its beginning with a number.
fn short_name(name: &str, taken: &BTreeSet<[u8; 11]>) -> [u8; 11] {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'()-@^_`{}~".contains(*c);
    let clean = |text: &str, length: usize| -> String {
        text.chars().filter(allowed).map(|c| c.to_ascii_uppercase()).take(length).collect()
    };
    let fill = |stem: &str, extension: &str| {
        let mut short = [b' '; 11];
        short[..stem.len()].copy_from_slice(stem.as_bytes());
        short[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
        short
    };
    let extension_clean = clean(extension, 3);
    let whole = !stem.is_empty()
        && stem.len() <= 8
        && extension.len() <= 3
        && stem.chars().chain(extension.chars()).all(|c| allowed(&c));
    let plain = fill(&clean(stem, 8), &extension_clean);
    if whole && !taken.contains(&plain) {
        return plain;
    }
    let mut number = 1_u32;
    loop {
        let suffix = format!("~{number}");
        let short = fill(&(clean(stem, 8 - suffix.len()) + &suffix), &extension_clean);
        if !taken.contains(&short) {
            return short;
        }
        number += 1;
    }
}

/// Entries that hold the long name, in their order on disk; none when the short name says it all.
fn long_entries(name: &str, short: &[u8; 11]) -> Vec<[u8; ENTRY]> {
    if shown(short) == name {
        return Vec::new();
    }
    let checksum = short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let mut units: Vec<u16> = name.encode_utf16().collect();
    if !units.len().is_multiple_of(13) {
        units.push(0);
        units.resize(units.len().next_multiple_of(13), 0xFFFF);
    }
    let count = units.len() / 13;
    let mut entries: Vec<[u8; ENTRY]> = Vec::new();
    for (index, part) in units.chunks_exact(13).enumerate() {
        let mut entry = [0; ENTRY];
        // At most 255 units make 20 entries.
        entry[0] = u8::try_from(index + 1).unwrap_or(u8::MAX) | if index + 1 == count { 0x40 } else { 0 };
        entry[11] = 0x0F;
        entry[13] = checksum;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        for (unit, place) in part.iter().zip(places) {
            entry[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        entries.insert(0, entry);
    }
    entries
}

fn shown(short: &[u8; 11]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (stem, extension) = (text(&short[..8]), text(&short[8..]));
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

fn directory(index: usize, nodes: &[Node<'_>], stamp: &FatStamp) -> Vec<u8> {
    let node = &nodes[index];
    let mut bytes = Vec::new();
    if index == 0 {
        bytes.extend(entry(&stamp.label, 0x08, 0, 0, stamp));
    } else {
        bytes.extend(entry(b".          ", 0x10, node.first, 0, stamp));
        // The root directory is cluster 0 when it is a parent.
        let parent = if node.parent == 0 { 0 } else { nodes[node.parent].first };
        bytes.extend(entry(b"..         ", 0x10, parent, 0, stamp));
    }
    if let NodeContent::Directory(children) = &node.content {
        for child in children.iter().map(|child| &nodes[*child]) {
            for long in long_entries(&child.name, &child.short) {
                bytes.extend(long);
            }
            let (attributes, length) = match child.content {
                NodeContent::File(_) => (0x20, u32::try_from(child.length).unwrap_or(u32::MAX)),
                NodeContent::Directory(_) => (0x10, 0),
            };
            bytes.extend(entry(&child.short, attributes, child.first, length, stamp));
        }
    }
    bytes
}

fn entry(name: &[u8; 11], attributes: u8, cluster: u32, length: u32, stamp: &FatStamp) -> [u8; ENTRY] {
    let (date, time) = dos_time(stamp.modified);
    let cluster = cluster.to_le_bytes();
    let mut bytes = [0; ENTRY];
    bytes[..11].copy_from_slice(name);
    bytes[11] = attributes;
    for (place, value) in [(14, time), (16, date), (18, date), (22, time), (24, date)] {
        bytes[place..place + 2].copy_from_slice(&value.to_le_bytes());
    }
    bytes[20..22].copy_from_slice(&cluster[2..]);
    bytes[26..28].copy_from_slice(&cluster[..2]);
    bytes[28..32].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Date and time as FAT packs them, in UTC, not before 1980 and not after 2107.
fn dos_time(seconds: u64) -> (u16, u16) {
    let seconds = seconds.clamp(315_532_800, 4_354_819_198);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days to a date, after Hinnant: years that begin in March have their leap day last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | ((second % 60) / 2);
    (u16::try_from(date).unwrap_or(u16::MAX), u16::try_from(time).unwrap_or(0))
}

fn table(nodes: &[Node<'_>], geometry: &Geometry) -> Vec<u8> {
    let mut links: Vec<u32> = vec![0x0FFF_FFF8, END_OF_CHAIN];
    for node in nodes {
        let count = geometry.clusters_for(node.length);
        for step in 1..=count {
            links.push(if step == count { END_OF_CHAIN } else { node.first + step });
        }
    }
    links.into_iter().flat_map(u32::to_le_bytes).collect()
}

fn boot_sector(geometry: &Geometry, stamp: &FatStamp) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    let mut put = |place: usize, value: &[u8]| bytes[place..place + value.len()].copy_from_slice(value);
    let low = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    put(0, &[0xEB, 0x58, 0x90]);
    put(3, b"MSWIN4.1");
    put(11, &512_u16.to_le_bytes());
    put(13, &low(geometry.sectors_in_cluster)[..1]);
    put(14, &low(RESERVED)[..2]);
    put(16, &low(COPIES)[..1]);
    put(21, &[0xF8]);
    put(24, &63_u16.to_le_bytes());
    put(26, &255_u16.to_le_bytes());
    put(28, &stamp.hidden_sectors.to_le_bytes());
    put(32, &low(geometry.sectors));
    put(36, &low(geometry.table_sectors));
    put(44, &2_u32.to_le_bytes());
    put(48, &1_u16.to_le_bytes());
    put(50, &6_u16.to_le_bytes());
    put(64, &[0x80, 0, 0x29]);
    put(67, &stamp.serial.to_le_bytes());
    put(71, &stamp.label);
    put(82, b"FAT32   ");
    put(510, &[0x55, 0xAA]);
    bytes
}

fn information_sector(free: u64, next: u32) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..4].copy_from_slice(b"RRaA");
    bytes[484..488].copy_from_slice(b"rrAa");
    bytes[488..492].copy_from_slice(&u32::try_from(free).unwrap_or(u32::MAX).to_le_bytes());
    bytes[492..496].copy_from_slice(&next.to_le_bytes());
    bytes[510..].copy_from_slice(&[0x55, 0xAA]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Cursor, Read};

    use super::super::piece;
    use super::{FatStamp, dos_time, lay_out, short_name};

    fn stamp() -> FatStamp {
        FatStamp {
            serial: 0x1234_5678,
            label: *b"ESP        ",
            modified: 1_700_000_000,
            hidden_sectors: 2048,
        }
    }

    #[test]
    fn another_implementation_reads_every_file_back() {
        let big: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let files = BTreeMap::from([
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), b"loader".to_vec()),
            ("EFI/Linux/lazuli_1.0-and-a-long-name.efi".to_owned(), big),
            ("EFI/Linux/lazuli_1.0-and-another.efi".to_owned(), b"second".to_vec()),
            ("loader/loader.conf".to_owned(), b"timeout 0\n".to_vec()),
            ("loader/empty".to_owned(), Vec::new()),
        ]);
        let size = 40 << 20;
        let mut disk = vec![1; size];
        piece::fill(&lay_out(&files, size as u64, &stamp()).unwrap(), 0, &mut disk).unwrap();
        let volume = fatfs::FileSystem::new(Cursor::new(disk), fatfs::FsOptions::new()).unwrap();
        assert_eq!(
            (volume.fat_type(), volume.volume_id(), volume.volume_label()),
            (fatfs::FatType::Fat32, 0x1234_5678, "ESP".to_owned())
        );
        for (path, expected) in &files {
            let mut bytes = Vec::new();
            volume.root_dir().open_file(path).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(&bytes, expected, "{path}");
        }
        let names: Vec<String> = volume
            .root_dir()
            .open_dir("EFI")
            .unwrap()
            .iter()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, [".", "..", "BOOT", "Linux"]);
    }

    #[test]
    fn files_that_do_not_fit_are_counted() {
        let files = BTreeMap::from([("a".to_owned(), vec![1; 50 << 20])]);
        let error = lay_out(&files, 40 << 20, &stamp()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the EFI system partition is too small: its files need 52 MiB, 40 MiB are given"
        );
        let error = lay_out(&files, 20 << 20, &stamp()).unwrap_err();
        assert!(error.to_string().contains("34 MiB are the least"));
        let files = BTreeMap::from([("a:b".to_owned(), Vec::new())]);
        assert!(lay_out(&files, 40 << 20, &stamp()).is_err());
    }

    #[test]
    fn times_and_short_names_are_packed_as_fat_has_them() {
        // 2023-11-14 22:13:20
        assert_eq!(dos_time(1_700_000_000), ((43 << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10));
        assert_eq!(dos_time(0), ((1 << 5) | 1, 0));
        // 2024-02-29
        assert_eq!(dos_time(1_709_164_800).0, (44 << 9) | (2 << 5) | 29);
        let first = short_name("lazuli_1.efi", &[].into());
        assert_eq!(&first, b"LAZULI_1EFI");
        assert_eq!(&short_name("lazuli_12.efi", &[].into()), b"LAZULI~1EFI");
        assert_eq!(&short_name("loader.conf", &[*b"LOADER~1CON"].into()), b"LOADER~2CON");
    }
}
