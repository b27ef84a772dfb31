//! A disk image, in; its partitions and boot files, and ways to damage them, out. Outside tools read and write them.

use std::fs::OpenOptions;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Version, World};

/// A partition; its range is bytes of the disk.
#[derive(Debug, Clone)]
pub struct Partition {
    pub name: String,
    pub kind: String,
    pub uuid: String,
    pub range: Range<u64>,
}

/// Types of the Discoverable Partitions Specification.
pub const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
pub const ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
pub const VERITY: &str = "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5";

/// The partitions, as sfdisk sees them.
pub fn partitions(world: &World, disk: &Path) -> Vec<Partition> {
    let name = disk.file_name().unwrap().to_str().unwrap();
    let said = world.judge(disk.parent().unwrap(), &format!("sfdisk --json {name}"));
    let table: Value = serde_json::from_str(&said).unwrap();
    let table = &table["partitiontable"];
    let sector = table["sectorsize"].as_u64().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let partition = |value: &Value| {
        let start = value["start"].as_u64().unwrap() * sector;
        Partition {
            name: text(&value["name"]),
            kind: text(&value["type"]),
            uuid: text(&value["uuid"]),
            range: start..start + value["size"].as_u64().unwrap() * sector,
        }
    };
    table["partitions"].as_array().unwrap().iter().map(partition).collect()
}

/// The first partition of a type.
pub fn first<'p>(partitions: &'p [Partition], kind: &str) -> &'p Partition {
    partitions
        .iter()
        .find(|partition| partition.kind == kind)
        .unwrap_or_else(|| panic!("no {kind} in {partitions:?}"))
}

/// A copy of a version's disk for a story that damages it.
pub fn copy(world: &World, version: &Version, name: &str) -> PathBuf {
    let copy = world.folder.join(name);
    let folder = world.folder.as_path();
    let from = version.disk.strip_prefix(folder).unwrap().display().to_string();
    world.judge(folder, &format!("cp --sparse=always {from} {name}"));
    copy
}

/// Files in a folder of the EFI system partition.
pub fn boot_files(world: &World, disk: &Path, folder: &str) -> Vec<String> {
    let esp = first(&partitions(world, disk), ESP).range.start;
    let name = disk.file_name().unwrap().to_str().unwrap();
    let said = world.judge(disk.parent().unwrap(), &format!("mdir -b -i {name}@@{esp} ::{folder}"));
    said.lines()
        .filter_map(|line| line.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Puts a file in the place of one of the EFI system partition.
pub fn replace_boot_file(world: &World, disk: &Path, path: &str, bytes: &[u8]) {
    let esp = first(&partitions(world, disk), ESP).range.start;
    let (folder, name) = (disk.parent().unwrap(), disk.file_name().unwrap().to_str().unwrap());
    let beside = folder.join(format!("{name}.new"));
    std::fs::write(&beside, bytes).unwrap();
    world.judge(folder, &format!("mcopy -o -i {name}@@{esp} {name}.new '::{path}'"));
    std::fs::remove_file(beside).unwrap();
}

/// Makes one bit of the disk another.
pub fn flip(disk: &Path, place: u64) {
    let file = OpenOptions::new().read(true).write(true).open(disk).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    byte[0] ^= 1;
    file.write_all_at(&byte, place).unwrap();
}
