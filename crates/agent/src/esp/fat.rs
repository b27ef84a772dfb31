//! The bytes of a FAT file system, in; where the directory entry of a file in `EFI/Linux` lies, and where its blocks begin,
//! out. Read only to tell whether two names are of one file, and to take one of them away, which no system call does.
//!
//! Microsoft's "FAT: General Overview of On-Disk Format": an entry has 32 bytes; long names lie in entries before the one
//! with the first cluster; the first byte E5 makes an entry free. That one byte is the whole change.

use std::io;

use crate::storage::{Device, ReadAt};

/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// The first byte of an entry that is free.
const FREE: u8 = 0xE5;
/// The attribute of an entry that names the volume.
const VOLUME: u8 = 0x08;
/// Entries that a folder can have; a longer chain of clusters is a loop.
const MOST_ENTRIES: u64 = 65_536;
/// Entries that a long name can have: 13 units each, and 255 in all.
const LONGEST_NAME: u8 = 20;

/// A file's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where the entry lies, in bytes from the start.
    pub offset: u64,
    /// Where the entries of its long name lie, in bytes from the start.
    pub long_name: Vec<u64>,
    /// The file's first cluster; 0 if it is empty.
    pub cluster: u32,
}

/// Takes the name away and leaves the file's clusters. From the first byte on the name is gone; what is left of a long name
/// belongs to no entry.
pub fn forget(device: &dyn Device, found: &Found) -> io::Result<()> {
    device.write_at(found.offset, &[FREE])?;
    device.flush()?;
    for offset in &found.long_name {
        device.write_at(*offset, &[FREE])?;
    }
    device.flush()
}

/// Where a file of this folder has its entry; a name is found whatever its case.
pub fn find(device: &dyn ReadAt, folders: &[&str], name: &str) -> io::Result<Option<Found>> {
    let layout = Layout::read(device)?;
    let mut place = layout.root();
    for folder in folders {
        match layout.entry(device, place, folder)? {
            Some(Found { cluster, .. }) if cluster >= 2 => place = Place::Cluster(cluster),
            _ => return Ok(None),
        }
    }
    layout.entry(device, place, name)
}

/// Numbers of the boot sector, in bytes.
struct Layout {
    fat: u64,
    cluster_size: u64,
    /// Where cluster 2 begins.
    data: u64,
    /// The root folder's cluster, or its place and size on FAT16.
    root: Place,
    wide: bool,
}

#[derive(Clone, Copy)]
enum Place {
    Cluster(u32),
    Fixed { offset: u64, size: u64 },
}

impl Layout {
    fn read(device: &dyn ReadAt) -> io::Result<Self> {
        let mut sector = [0; 512];
        device.read_at(0, &mut sector)?;
        let two = |place: usize| u64::from(u16::from_le_bytes([sector[place], sector[place + 1]]));
        let four = |place: usize| two(place) | two(place + 2) << 16;
        let (bytes, per_cluster) = (two(11), u64::from(sector[13]));
        let known = matches!(bytes, 512 | 1024 | 2048 | 4096) && per_cluster.is_power_of_two();
        if sector[510..] != [0x55, 0xAA] || !known {
            return Err(wrong("it has no boot sector of a FAT file system"));
        }
        let (reserved, copies, root_entries) = (two(14), u64::from(sector[16]), two(17));
        let wide = two(22) == 0;
        let fat_sectors = if wide { four(36) } else { two(22) };
        let total = if two(19) == 0 { four(32) } else { two(19) };
        let fat = reserved * bytes;
        let root_place = fat + copies * fat_sectors * bytes;
        let root_size = (root_entries * ENTRY as u64).next_multiple_of(bytes);
        let data = root_place + root_size;
        let clusters = total.saturating_sub(data / bytes) / per_cluster;
        // The number of clusters tells 12-bit tables, which no EFI system partition of ours has.
        if clusters < 4085 {
            return Err(wrong("it has a table of 12 bits"));
        }
        let root = if wide {
            Place::Cluster(u32::try_from(four(44)).unwrap_or_default())
        } else {
            Place::Fixed { offset: root_place, size: root_size }
        };
        Ok(Layout { fat, cluster_size: per_cluster * bytes, data, root, wide })
    }

    fn root(&self) -> Place {
        self.root
    }

    /// The entry of this name in the folder at `place`.
    fn entry(&self, device: &dyn ReadAt, place: Place, name: &str) -> io::Result<Option<Found>> {
        let mut long = LongName::default();
        let mut take = |offset: u64, bytes: &[u8]| {
            for (number, entry) in bytes.as_chunks::<ENTRY>().0.iter().enumerate() {
                match entry[0] {
                    0 => return Step::End,
                    FREE => long = LongName::default(),
                    _ if entry[11] & 0x3F == 0x0F => long.push(entry, offset + (number * ENTRY) as u64),
                    _ => {
                        let long = std::mem::take(&mut long);
                        let found = long.is(entry, name) || short_name(entry).eq_ignore_ascii_case(name);
                        if found && entry[11] & VOLUME == 0 {
                            let low = u32::from(u16::from_le_bytes([entry[26], entry[27]]));
                            let high = u32::from(u16::from_le_bytes([entry[20], entry[21]]));
                            let cluster = if self.wide { low | high << 16 } else { low };
                            let offset = offset + (number * ENTRY) as u64;
                            let long_name = if long.belongs_to(entry) { long.places } else { Vec::new() };
                            return Step::Found(Found { offset, long_name, cluster });
                        }
                    }
                }
            }
            Step::Next
        };
        let mut cluster = match place {
            Place::Fixed { offset, size } => {
                let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
                device.read_at(offset, &mut bytes)?;
                let Step::Found(found) = take(offset, &bytes) else { return Ok(None) };
                return Ok(Some(found));
            }
            Place::Cluster(cluster) => cluster,
        };
        let mut bytes = vec![0; usize::try_from(self.cluster_size).map_err(io::Error::other)?];
        for _ in 0..=(MOST_ENTRIES * ENTRY as u64).div_ceil(self.cluster_size) {
            let end = if self.wide { 0x0FFF_FFF8 } else { 0xFFF8 };
            if cluster < 2 || cluster >= end {
                return Ok(None);
            }
            let offset = self.data + u64::from(cluster - 2) * self.cluster_size;
            device.read_at(offset, &mut bytes)?;
            match take(offset, &bytes) {
                Step::Found(found) => return Ok(Some(found)),
                Step::End => return Ok(None),
                Step::Next => cluster = self.next(device, cluster)?,
            }
        }
        Err(wrong("the clusters of EFI/Linux form a loop"))
    }

    fn next(&self, device: &dyn ReadAt, cluster: u32) -> io::Result<u32> {
        let mut number = [0; 4];
        if self.wide {
            device.read_at(self.fat + u64::from(cluster) * 4, &mut number)?;
            return Ok(u32::from_le_bytes(number) & 0x0FFF_FFFF);
        }
        device.read_at(self.fat + u64::from(cluster) * 2, &mut number[..2])?;
        Ok(u32::from_le_bytes(number))
    }
}

enum Step {
    Found(Found),
    Next,
    End,
}

/// A long name, gathered from its entries, which come last part first.
#[derive(Default)]
struct LongName {
    parts: Vec<[u16; 13]>,
    places: Vec<u64>,
    checksum: u8,
    /// Parts that are still to come.
    missing: u8,
}

impl LongName {
    fn push(&mut self, entry: &[u8; ENTRY], place: u64) {
        let number = entry[0] & 0x3F;
        // Bit 6 marks the name's last part, which comes first; the others count down to 1, all with one checksum.
        if entry[0] & 0x40 != 0 && number <= LONGEST_NAME {
            *self = LongName { checksum: entry[13], missing: number, ..LongName::default() };
        }
        if number == 0 || number != self.missing || entry[13] != self.checksum {
            *self = LongName::default();
            return;
        }
        self.missing -= 1;
        self.places.push(place);
        let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
        self.parts.push(places.map(|place| u16::from_le_bytes([entry[place], entry[place + 1]])));
    }

    /// Whether it is the long name of the entry that follows it.
    fn belongs_to(&self, entry: &[u8; ENTRY]) -> bool {
        let sum = entry[..11].iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        !self.parts.is_empty() && self.missing == 0 && self.checksum == sum
    }

    fn is(&self, entry: &[u8; ENTRY], name: &str) -> bool {
        let units: Vec<u16> =
            self.parts.iter().rev().flatten().copied().take_while(|unit| *unit != 0).collect();
        self.belongs_to(entry) && String::from_utf16_lossy(&units).eq_ignore_ascii_case(name)
    }
}

/// `NAME.EXT` of an entry's eight and three bytes.
fn short_name(entry: &[u8; ENTRY]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (stem, extension) = (text(&entry[..8]), text(&entry[8..11]));
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

fn wrong(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the EFI system partition cannot be read: {problem}"))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _, Write as _};

    use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions, format_volume};
    use host_tools::{Bind, Call, Sandbox};
    use testkit::prepared;

    use super::*;
    use crate::record::Recorded;
    use crate::storage::Window;

    const FOLDERS: [&str; 2] = ["EFI", "Linux"];
    const KEPT: &str = "container-host_2026.11.21+2-1.efi";
    const LEFT: &str = "container-host_2026.11.21.efi";

    /// A file system of 512-byte clusters in which two names are of one file.
    fn with_two_names(kind: FatType, size: usize) -> Recorded {
        let mut bytes = vec![0; size];
        let options = FormatVolumeOptions::new().fat_type(kind).bytes_per_cluster(512);
        format_volume(Cursor::new(&mut bytes), options).unwrap();
        let system = FileSystem::new(Cursor::new(&mut bytes), FsOptions::new()).unwrap();
        let folder = system.root_dir().create_dir("EFI").unwrap().create_dir("Linux").unwrap();
        // Enough names before it for the folder to have several clusters.
        for number in 0..40 {
            folder.create_file(&format!("another long name of a file {number}.efi")).unwrap();
        }
        folder.create_file(KEPT).unwrap().write_all(&[7; 3000]).unwrap();
        folder.create_file(LEFT).unwrap();
        drop(folder);
        system.unmount().unwrap();
        let disk = Recorded::new(size as u64);
        disk.write_at(0, &bytes).unwrap();
        let [kept, left] = [KEPT, LEFT].map(|name| found(&disk, name).unwrap());
        let mut entry = [0; ENTRY];
        disk.read_at(kept.offset, &mut entry).unwrap();
        // The name, case and times stay the other's: cluster and size are the file.
        disk.write_at(left.offset + 20, &entry[20..22]).unwrap();
        disk.write_at(left.offset + 26, &entry[26..]).unwrap();
        disk
    }

    fn found(disk: &Recorded, name: &str) -> Option<Found> {
        find(&Window::new(disk, 0, disk.size()).unwrap(), &FOLDERS, name).unwrap()
    }

    fn bytes(disk: &Recorded) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(disk.size()).unwrap()];
        disk.read_at(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn one_of_two_names_goes_and_the_file_keeps_its_blocks() {
        for (kind, size) in [(FatType::Fat16, 4 << 20), (FatType::Fat32, 40 << 20)] {
            let disk = with_two_names(kind, size);
            let [kept, left] = [KEPT, LEFT].map(|name| found(&disk, name).unwrap());
            assert!(kept.cluster >= 2);
            assert_eq!((kept.cluster, left.long_name.len()), (left.cluster, 3));
            assert_eq!(found(&disk, "absent.efi"), None);
            assert!(judge(&bytes(&disk)).is_none_or(|said| said == [true, false, false]));
            forget(&disk, &left).unwrap();
            assert_eq!(found(&disk, LEFT), None);
            let mut bytes = bytes(&disk);
            assert_eq!(judge(&bytes).unwrap_or_default(), [false; 3]);
            let system = FileSystem::new(Cursor::new(&mut bytes), FsOptions::new()).unwrap();
            let folder = system.root_dir().open_dir("EFI/Linux").unwrap();
            let mut content = Vec::new();
            folder.open_file(KEPT).unwrap().read_to_end(&mut content).unwrap();
            assert_eq!(content, [7; 3000]);
            assert!(folder.open_file(LEFT).is_err());
        }
    }

    /// What fsck.fat says of files that share clusters, names without a file and clusters without one. The library's folders
    /// have long names for `.` and `..`, which it says a lot about as well.
    fn judge(bytes: &[u8]) -> Option<[bool; 3]> {
        let root = prepared::judge_root()?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("esp"), bytes).unwrap();
        let sandbox = Sandbox::new(&root).bind(Bind::read_only(folder.path(), "/run/work"));
        let call = Call::new("fsck.fat").args(["-n", "/run/work/esp"]).accept_any_status();
        let text = sandbox.run(&call).unwrap().stdout_text();
        let shared = format!("{LEFT}\n  share clusters");
        Some([&*shared, "Orphaned long file name part", "Reclaim"].map(|words| text.contains(words)))
    }

    /// A folder of clusters of 512 KiB that lead back to themselves, full of parts of one long name.
    #[test]
    fn a_loop_of_parts_of_a_name_takes_neither_time_nor_memory() {
        const CLUSTER: usize = 128 * 4096;
        let mut bytes = vec![0; 4096 + 4096 + 2 * CLUSTER];
        bytes[11..18].copy_from_slice(&[0, 16, 128, 1, 0, 1, 0]);
        bytes[32..36].copy_from_slice(&(128_u32 * 70_000).to_le_bytes());
        bytes[36..40].copy_from_slice(&1_u32.to_le_bytes());
        bytes[44] = 3;
        bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
        bytes[4096 + 3 * 4] = 3;
        for entry in bytes[8192 + CLUSTER..].as_chunks_mut::<ENTRY>().0 {
            entry.fill(b'a');
            (entry[0], entry[11]) = (1, 0x0F);
        }
        let disk = Recorded::new(bytes.len() as u64);
        disk.write_at(0, &bytes).unwrap();
        let window = Window::new(&disk, 0, disk.size()).unwrap();
        let error = find(&window, &["EFI"], KEPT).unwrap_err().to_string();
        assert!(error.ends_with("the clusters of EFI/Linux form a loop"), "{error}");
        let mut name = LongName::default();
        for part in bytes[8192 + CLUSTER..].as_chunks::<ENTRY>().0 {
            name.push(part, 0);
            assert!(name.parts.len() <= usize::from(LONGEST_NAME));
        }
    }

    #[test]
    fn parts_of_a_name_count_down_to_one() {
        let part = |number: u8, checksum: u8| {
            let mut entry = [b'a'; ENTRY];
            (entry[0], entry[13]) = (number, checksum);
            entry
        };
        let short = *b"AAAAAAAAEFI\x20aaaaaaaaaaaaaaaaaaaa";
        let sum = short[..11].iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        for (parts, whole) in [
            (&[(0x43, sum), (2, sum), (1, sum)][..], true),
            (&[(2, sum), (0x41, sum)], true),
            (&[(0x42, sum)], false),
            (&[(0x43, sum), (1, sum)], false),
            (&[(1, sum)], false),
            (&[(0x40, sum)], false),
            (&[(0x42, 1), (1, sum)], false),
            (&[(0x41, sum ^ 1)], false),
        ] {
            let mut name = LongName::default();
            parts.iter().for_each(|(number, checksum)| name.push(&part(*number, *checksum), 0));
            assert_eq!(name.belongs_to(&short), whole, "{parts:x?}");
        }
    }

    #[test]
    fn what_is_no_file_system_is_an_error() {
        let disk = Recorded::new(64 * 1024);
        let error = find(&Window::new(&disk, 0, disk.size()).unwrap(), &FOLDERS, KEPT).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the EFI system partition cannot be read: it has no boot sector of a FAT file system"
        );
    }

    proptest::proptest! {
        /// Whatever stands in boot sector, table and folders, looking ends.
        #[test]
        fn looking_never_panics(changes in proptest::collection::vec((0_usize..300_000, 0_u8..), 1..30)) {
            thread_local! {
                static DISK: Vec<u8> = bytes(&with_two_names(FatType::Fat16, 4 << 20));
            }
            let disk = Recorded::new(4 << 20);
            DISK.with(|bytes| disk.write_at(0, bytes).unwrap());
            for (place, value) in changes {
                // Every third change is of the boot sector.
                disk.write_at(if place % 3 == 0 { place % 64 } else { place } as u64, &[value]).unwrap();
            }
            find(&Window::new(&disk, 0, disk.size()).unwrap(), &FOLDERS, LEFT).ok();
        }
    }
}
