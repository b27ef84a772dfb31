//! A whole disk, and what its system is, in; its Composable OS Image out.

use std::path::Path;

use release::partition::{ESP_TYPE, SlotPartition};
use uuid::Uuid;

use super::{CosiFile, Description, FileSystem, KernelImage, Region, write_described};
use crate::disk::{DiskError, WholeDisk};
use crate::sbom::Package;
use crate::slots::ARCHITECTURE;

/// What is on a disk besides its bytes.
pub(crate) struct System<'a> {
    pub(crate) os_release: &'a str,
    pub(crate) packages: &'a [Package],
    /// Path of the kernel image on the EFI system partition.
    pub(crate) kernel_image: &'a str,
    pub(crate) command_line: &'a str,
    pub(crate) kernel_release: &'a str,
    /// The root's file system, as the kernel calls it.
    pub(crate) root_kind: &'static str,
    pub(crate) root_uuid: Uuid,
    /// In hexadecimal, where the root is sealed.
    pub(crate) root_hash: Option<&'a str>,
    /// Serial number of the EFI system partition's file system.
    pub(crate) esp_serial: u32,
}

/// Where the EFI system partition is found in the running system.
const ESP_MOUNT_POINT: &str = "/efi";

/// Writes `path`; it appears under its name when it is whole.
pub(crate) fn write(
    path: &Path,
    disk: &WholeDisk<'_, '_>,
    system: &System<'_>,
) -> Result<CosiFile, DiskError> {
    let description = Description {
        architecture: "x86_64",
        os_release: system.os_release,
        packages: system.packages,
        disk_bytes: disk.size,
        table_end: disk.table_end,
        regions: &regions(disk, system),
        kernels: &[KernelImage {
            path: format!("{ESP_MOUNT_POINT}/{}", system.kernel_image),
            command_line: system.command_line.to_owned(),
            release: system.kernel_release.to_owned(),
        }],
    };
    write_described(path, disk.pieces, &description)
}

/// The partitions that hold something: the EFI system partition, and those of the first slot.
fn regions(disk: &WholeDisk<'_, '_>, system: &System<'_>) -> Vec<Region> {
    // The order in which partitions are laid out.
    let names = ["esp", "root", "root-verity", "root-verity-sig"];
    let numbered = disk.partitions.iter().zip(1..).zip(names);
    numbered
        .filter(|(((_, used), _), _)| *used)
        .map(|(((place, _), number), name)| Region {
            name: name.to_owned(),
            number,
            place: place.clone(),
            file_system: file_system(name, system),
        })
        .collect()
}

fn file_system(region: &str, system: &System<'_>) -> Option<FileSystem> {
    match region {
        "esp" => Some(FileSystem {
            mount_point: ESP_MOUNT_POINT,
            kind: "vfat",
            uuid: format!("{:04X}-{:04X}", system.esp_serial >> 16, system.esp_serial & 0xFFFF),
            partition_type: ESP_TYPE,
            verity: None,
        }),
        "root" => Some(FileSystem {
            mount_point: "/",
            kind: system.root_kind,
            uuid: system.root_uuid.to_string(),
            partition_type: SlotPartition::Root.type_uuid(ARCHITECTURE),
            verity: system.root_hash.map(|root_hash| ("root-verity".to_owned(), root_hash.to_owned())),
        }),
        _ => None,
    }
}
