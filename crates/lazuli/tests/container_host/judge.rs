//! A disk as a power cut left it, in; whether a machine would start a whole version from it, out: what firmware, boot loader and
//! initrd go by, read anew for each state, with nothing of the agent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::Value;

use crate::world::Version;

const SECTOR: u64 = 512;
/// Types of the Discoverable Partitions Specification, as their bytes lie on the disk.
const ESP_TYPE: &str = "28732ac11ff8d211ba4b00a0c93ec93b";
const ROOT_TYPE: &str = "e3bc684fcde8b14d96e7fbcaf984b709";
const TREE_TYPE: &str = "ed57732cd2ebd946aec123d437ec2bf5";

/// A version, and what its parts look like on a disk.
#[derive(Debug)]
pub struct Known {
    pub name: String,
    root_hash: Vec<u8>,
    kernel_image: Vec<u8>,
    root: File,
    tree: File,
}

/// A partition of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kind: String,
    uuid: Vec<u8>,
    range: Range<u64>,
}

impl Known {
    pub fn new(version: &Version) -> Known {
        let text = std::fs::read_to_string(version.payload.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let digits = manifest["verity"]["root-hash"].as_str().unwrap();
        let root_hash =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        Known {
            name: version.name.clone(),
            root_hash: root_hash.collect(),
            kernel_image: std::fs::read(version.payload.join("linux.efi")).unwrap(),
            root: File::open(version.payload.join("root.erofs")).unwrap(),
            tree: File::open(version.payload.join("root.verity")).unwrap(),
        }
    }
}

/// What would start: names of kernel images by version. Fails with what is wrong.
pub fn judge(disk: &File, known: &[Known]) -> Result<BTreeMap<String, String>, String> {
    let tables = [table(disk, 1), table(disk, disk_sectors(disk) - 1)];
    let entries = tables.iter().flatten().next().ok_or("both partition tables are torn")?;
    let esp = entries.iter().find(|entry| entry.kind == ESP_TYPE).ok_or("no ESP")?;
    let mut started = BTreeMap::new();
    for (name, bytes) in kernel_images(disk, &esp.range)? {
        let version = known.iter().find(|version| version.kernel_image == bytes);
        let version =
            version.ok_or(format!("{name} ({} bytes) is no version's kernel image", bytes.len()))?;
        // Whichever table is taken, it must lead to the same whole root.
        for (number, entries) in tables.iter().enumerate() {
            let Some(entries) = entries else { continue };
            is_whole(disk, entries, version).map_err(|what| format!("{name}, table {number}: {what}"))?;
        }
        started.insert(version.name.clone(), name);
    }
    if started.is_empty() { Err("no kernel image at all".to_owned()) } else { Ok(started) }
}

/// Discoverable Partitions Specification: the halves of the root hash name root and tree.
fn is_whole(disk: &File, entries: &[Entry], version: &Known) -> Result<(), String> {
    for (kind, half, expected) in [
        (ROOT_TYPE, &version.root_hash[..16], &version.root),
        (TREE_TYPE, &version.root_hash[16..], &version.tree),
    ] {
        let uuid = mixed(half);
        let entry = entries.iter().find(|entry| entry.kind == kind && entry.uuid == uuid);
        let entry = entry.ok_or(format!("no partition {} of {}", text(half), version.name))?;
        if !same(disk, entry.range.start, expected) {
            return Err(format!("the bytes of partition {} are not those of {}", text(half), version.name));
        }
    }
    Ok(())
}

fn same(disk: &File, start: u64, expected: &File) -> bool {
    let (mut ours, mut theirs) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let length = expected.metadata().unwrap().len();
    let mut place = 0;
    while place < length {
        let count = usize::try_from(length - place).unwrap_or(usize::MAX).min(ours.len());
        expected.read_exact_at(&mut theirs[..count], place).unwrap();
        disk.read_exact_at(&mut ours[..count], start + place).unwrap();
        if ours[..count] != theirs[..count] {
            return false;
        }
        place += count as u64;
    }
    true
}

/// UEFI 2.10, 5.3.2 and 5.3.3: a table whose header's and entries' sums are right.
fn table(disk: &File, sector: u64) -> Option<Vec<Entry>> {
    let mut header = vec![0; 512];
    disk.read_exact_at(&mut header, sector * SECTOR).ok()?;
    let long = |at: usize| u64::from_le_bytes(*header[at..].first_chunk().expect("a header has 512 bytes"));
    let short = |at: usize| u32::from_le_bytes(*header[at..].first_chunk().expect("a header has 512 bytes"));
    let (size, sum) = (usize::try_from(short(12)).ok()?, short(16));
    let (first, count, length) = (long(72), u64::from(short(80)), u64::from(short(84)));
    if &header[..8] != b"EFI PART" || long(24) != sector || !(92..=512).contains(&size) || length < 128 {
        return None;
    }
    let mut entries = vec![0; usize::try_from(count * length).ok().filter(|bytes| *bytes <= 1 << 20)?];
    disk.read_exact_at(&mut entries, first * SECTOR).ok()?;
    if crc32fast::hash(&entries) != short(88) {
        return None;
    }
    header[16..20].fill(0);
    if crc32fast::hash(&header[..size]) != sum {
        return None;
    }
    let entry = |bytes: &[u8]| {
        let long =
            |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("an entry has 128 bytes"));
        Entry {
            kind: text(&bytes[..16]),
            uuid: bytes[16..32].to_owned(),
            range: long(32) * SECTOR..(long(40) + 1) * SECTOR,
        }
    };
    let length = usize::try_from(length).ok()?;
    Some(entries.chunks_exact(length).filter(|bytes| bytes[..16] != [0; 16]).map(entry).collect())
}

/// What the boot loader finds: Boot Loader Specification, type 2.
fn kernel_images(disk: &File, esp: &Range<u64>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let failed = |error: io::Error| format!("the ESP cannot be read: {error}");
    let view = View { disk: disk.try_clone().map_err(failed)?, range: esp.clone(), place: 0 };
    let volume = fatfs::FileSystem::new(view, fatfs::FsOptions::new()).map_err(failed)?;
    let folder = volume.root_dir().open_dir("EFI/Linux").map_err(failed)?;
    let mut images = Vec::new();
    for entry in folder.iter() {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        // `+0-3`: tried in vain, and not by itself again.
        let used_up = name.contains("+0");
        // A name without bytes is no program, and passed over.
        if name.to_ascii_lowercase().ends_with(".efi") && !used_up && entry.len() > 0 {
            let mut bytes = Vec::new();
            entry.to_file().read_to_end(&mut bytes).map_err(failed)?;
            images.push((name, bytes));
        }
    }
    Ok(images)
}

/// The first three fields of a GUID are little endian.
fn mixed(bytes: &[u8]) -> Vec<u8> {
    [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].iter().map(|at| bytes[*at]).collect()
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn disk_sectors(disk: &File) -> u64 {
    disk.metadata().unwrap().len() / SECTOR
}

/// The parts that decide what starts: both tables and the ESP.
pub fn deciding(disk: &Path) -> Vec<Range<u64>> {
    let disk = File::open(disk).unwrap();
    let end = disk_sectors(&disk) * SECTOR;
    let entries = table(&disk, 1).unwrap();
    let esp = entries.iter().find(|entry| entry.kind == ESP_TYPE).unwrap();
    vec![0..34 * SECTOR, esp.range.clone(), end - 33 * SECTOR..end]
}

/// The partitions that hold a version.
pub fn slot(disk: &Path, version: &Known) -> Vec<Range<u64>> {
    let disk = File::open(disk).unwrap();
    let halves = [mixed(&version.root_hash[..16]), mixed(&version.root_hash[16..])];
    let entries = table(&disk, 1).unwrap();
    entries.into_iter().filter(|entry| halves.contains(&entry.uuid)).map(|entry| entry.range).collect()
}

/// A partition as a file that cannot be written.
struct View {
    disk: File,
    range: Range<u64>,
    place: u64,
}

impl Read for View {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = (self.range.end - self.range.start).saturating_sub(self.place);
        let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = self.disk.read_at(&mut buffer[..count], self.range.start + self.place)?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Seek for View {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        let length = self.range.end - self.range.start;
        let place = match from {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
            SeekFrom::End(by) => length.checked_add_signed(by),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}

impl Write for View {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
