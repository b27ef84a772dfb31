//! The root directory, in; the disk that holds both slots, and its EFI system partition, out. Told by the kernel alone:
//! the root's device is a dm-verity target, and the partitions under it are of the disk.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use release::partition::ESP_TYPE;

use crate::error::Named;
use crate::gpt::Table;

/// The disk that the system runs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemDisk {
    /// Its device, or the image that stands for it.
    pub path: PathBuf,
    /// Bytes of a sector.
    pub sector: u64,
    /// Devices of its partitions by their numbers; none of an image.
    partitions: Vec<(u32, PathBuf)>,
}

/// Why the disk was not found or not opened.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// A file of the kernel's cannot be read.
    #[error("cannot read {path}, which tells of the disk")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The root file system does not lie on dm-verity.
    #[error("the root file system does not lie on dm-verity over partitions ({path} names none)")]
    NotVerity {
        /// Where its devices would be named.
        path: PathBuf,
    },
    /// The disk has no or several EFI system partitions.
    #[error("{disk} has {found} EFI system partitions, and one is needed")]
    Esp {
        /// The disk.
        disk: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// The disk cannot be opened.
    #[error("cannot open {path} to write")]
    Open {
        /// The device.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Named for DiskError {
    fn name(&self) -> &'static str {
        match self {
            DiskError::Read { .. } => "disk.unknown",
            DiskError::NotVerity { .. } => "disk.not-verity",
            DiskError::Esp { .. } => "disk.esp-missing",
            DiskError::Open { .. } => "disk.open",
        }
    }
}

impl SystemDisk {
    /// A file that stands for a disk of sectors of 512 bytes.
    pub fn image(path: &Path) -> Self {
        SystemDisk { path: path.to_owned(), sector: 512, partitions: Vec::new() }
    }

    /// The disk under a root directory.
    pub fn of(root: &Path, sys: &Path, dev: &Path) -> Result<Self, DiskError> {
        let device = fs::metadata(root).map_err(read(root))?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let slaves = sys.join(format!("dev/block/{major}:{minor}/slaves"));
        let names = names_in(&slaves).map_err(|_| DiskError::NotVerity { path: slaves.clone() })?;
        let not_verity = || DiskError::NotVerity { path: slaves.clone() };
        let partition = names.first().map(|name| slaves.join(name)).ok_or_else(not_verity)?;
        // /sys/devices/.../block/vda/vda2: a partition's folder lies in its disk's.
        let folder = fs::canonicalize(&partition).map_err(read(&partition))?;
        let disk = folder.parent().filter(|_| folder.join("partition").exists()).ok_or_else(not_verity)?;
        let name = disk.file_name().ok_or_else(not_verity)?;
        let sector_path = disk.join("queue/logical_block_size");
        let sector = fs::read_to_string(&sector_path).map_err(read(&sector_path))?;
        let sector = sector
            .trim()
            .parse()
            .map_err(|error| read(&sector_path)(io::Error::other::<std::num::ParseIntError>(error)))?;
        let mut partitions = Vec::new();
        for name in names_in(disk).map_err(read(disk))? {
            if let Ok(number) = fs::read_to_string(disk.join(&name).join("partition"))
                && let Ok(number) = number.trim().parse()
            {
                partitions.push((number, dev.join(&name)));
            }
        }
        Ok(SystemDisk { path: dev.join(name), sector, partitions })
    }

    /// The device of the EFI system partition.
    pub(super) fn esp(&self, table: &Table) -> Result<PathBuf, DiskError> {
        let numbers: Vec<u32> = table
            .partitions()
            .filter(|(_, entry)| entry.kind() == ESP_TYPE)
            .map(|(number, _)| number)
            .collect();
        let device = |number: u32| self.partitions.iter().find(|(other, _)| *other == number);
        match numbers[..] {
            [number] => device(number)
                .map(|(_, path)| path.clone())
                .ok_or(DiskError::Esp { disk: self.path.clone(), found: 0 }),
            _ => Err(DiskError::Esp { disk: self.path.clone(), found: numbers.len() }),
        }
    }
}

fn read(path: &Path) -> impl Fn(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::Read { path: path.clone(), source }
}

fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // The kernel's names are plain; `cciss!c0d0` has its `/` as `!`.
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::gpt::form;
    use crate::record::Recorded;

    /// What a kernel tells of a root directory on dm-verity over the second and third partition of a disk.
    fn kernel(folder: &Path) -> (PathBuf, PathBuf) {
        let (sys, disk) = (folder.join("sys"), folder.join("sys/devices/pci0000:00/block/vda"));
        for (number, name) in [(1, "vda1"), (2, "vda2"), (3, "vda3")] {
            fs::create_dir_all(disk.join(name)).unwrap();
            fs::write(disk.join(name).join("partition"), format!("{number}\n")).unwrap();
        }
        fs::create_dir_all(disk.join("queue")).unwrap();
        fs::write(disk.join("queue/logical_block_size"), "4096\n").unwrap();
        let device = fs::metadata(folder).unwrap().dev();
        let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
        let slaves = sys.join("dev/block").join(number).join("slaves");
        fs::create_dir_all(&slaves).unwrap();
        (disk, slaves)
    }

    fn found(folder: &Path) -> Result<SystemDisk, DiskError> {
        SystemDisk::of(folder, &folder.join("sys"), Path::new("/dev"))
    }

    #[test]
    fn the_disk_under_the_root_is_found_with_its_partitions_and_sectors() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, slaves) = kernel(folder.path());
        for name in ["vda2", "vda3"] {
            symlink(disk.join(name), slaves.join(name)).unwrap();
        }
        let found = found(folder.path()).unwrap();
        assert_eq!((found.path.to_str(), found.sector), (Some("/dev/vda"), 4096));
        let device = Recorded::new(256 * 512);
        form::make(&device, 512, &[(ESP_TYPE, 40, 8, "esp"), (uuid::Uuid::from_u128(1), 48, 8, "other")]);
        assert_eq!(found.esp(&Table::read(&device, 512).unwrap()).unwrap(), Path::new("/dev/vda1"));
        form::make(&device, 512, &[(ESP_TYPE, 40, 8, "esp"), (ESP_TYPE, 48, 8, "esp")]);
        let error = found.esp(&Table::read(&device, 512).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "/dev/vda has 2 EFI system partitions, and one is needed");
    }

    #[test]
    fn a_root_that_lies_elsewhere_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, slaves) = kernel(folder.path());
        assert_eq!(found(folder.path()).unwrap_err().name(), "disk.not-verity");
        // Over a whole disk.
        symlink(&disk, slaves.join("vda")).unwrap();
        assert_eq!(found(folder.path()).unwrap_err().name(), "disk.not-verity");
        fs::remove_dir_all(folder.path().join("sys/dev")).unwrap();
        assert_eq!(found(folder.path()).unwrap_err().name(), "disk.not-verity");
    }
}
