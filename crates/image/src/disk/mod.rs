//! Files for the EFI system partition and a root file system in; whole disks in the formats that machines and clouds take out.

mod fat;
mod gpt;
mod qcow2;
mod sparse;
mod vhd;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::filesystem::MEBIBYTE;
pub use fat::FatError;
pub(crate) use fat::FatStamp;
use gpt::Partition;
pub(crate) use gpt::{ESP, ROOT_X86_64};

/// A file format of a whole disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// The disk byte by byte.
    Raw,
    /// QCOW version 3 of QEMU; zeros take no room.
    Qcow2,
    /// A fixed VHD, as Azure takes it: the disk and a footer.
    Vhd,
}

/// A finished disk file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DiskFile {
    /// Its format.
    pub format: DiskFormat,
    /// Where it is.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Why disk files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The disk is larger than its budget.
    #[error("the disk would have {mebibytes} MiB, and {allowed} MiB are allowed")]
    OverBudget {
        /// What it would have.
        mebibytes: u64,
        /// What it may have.
        allowed: u64,
    },
    /// The EFI system partition cannot be made.
    #[error(transparent)]
    Esp(#[from] FatError),
    /// The disk is smaller than its partitions.
    #[error(
        "the disk is too small: its partitions need {needed_mebibytes} MiB, {available_mebibytes} MiB are given"
    )]
    TooSmall {
        /// Mebibytes of partitions and tables.
        needed_mebibytes: u64,
        /// Mebibytes of the disk.
        available_mebibytes: u64,
    },
    /// A file cannot be written or read.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why: a full disk, for example.
        source: io::Error,
    },
}

impl DiskFormat {
    /// The ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "vhd",
        }
    }
}

/// What a disk is made of.
pub(crate) struct Parts<'a> {
    pub(crate) disk_uuid: Uuid,
    pub(crate) vhd_uuid: Uuid,
    pub(crate) esp_uuid: Uuid,
    pub(crate) esp_bytes: u64,
    pub(crate) esp_stamp: FatStamp,
    pub(crate) esp_files: &'a BTreeMap<String, Vec<u8>>,
    pub(crate) root_uuid: Uuid,
    pub(crate) root_name: &'a str,
    pub(crate) root: &'a Path,
    pub(crate) root_read_only: bool,
    /// The least size of the disk.
    pub(crate) disk_mebibytes: Option<u64>,
    pub(crate) most_mebibytes: Option<u64>,
    pub(crate) source_date_epoch: u64,
}

/// Attributes of the Discoverable Partitions Specification.
const READ_ONLY: u64 = 1 << 60;
const GROW_FILE_SYSTEM: u64 = 1 << 59;

/// Where the EFI system partition begins: after the table, on the first whole mebibyte.
const ESP_START: u64 = MEBIBYTE;

/// Writes the raw disk into an empty file, which errors call `name`.
fn assemble(parts: &Parts<'_>, disk: &mut File, name: &Path) -> Result<u64, DiskError> {
    let root_error = |source| DiskError::Write { path: parts.root.to_path_buf(), source };
    let mut root = File::open(parts.root).map_err(root_error)?;
    let root_bytes = root.metadata().map_err(root_error)?.len();
    let root_start = ESP_START + parts.esp_bytes;
    let root_room = root_bytes.next_multiple_of(MEBIBYTE);
    // One mebibyte for the copy of the table keeps the disk a whole number of them.
    let needed = root_start + root_room + MEBIBYTE;
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
    let partition = |kind, uuid, name: &str, attributes, start: u64, bytes: u64| Partition {
        kind,
        uuid,
        name: name.to_owned(),
        attributes,
        start: start / gpt::SECTOR,
        sectors: bytes / gpt::SECTOR,
    };
    let attributes = if parts.root_read_only { READ_ONLY } else { GROW_FILE_SYSTEM };
    let partitions = [
        partition(gpt::ESP, parts.esp_uuid, "esp", 0, ESP_START, parts.esp_bytes),
        partition(gpt::ROOT_X86_64, parts.root_uuid, parts.root_name, attributes, root_start, root_room),
    ];
    let table = gpt::table(parts.disk_uuid, size / gpt::SECTOR, &partitions);
    let disk_error = |source| DiskError::Write { path: name.to_path_buf(), source };
    disk.set_len(size).and_then(|()| disk.write_all(&table.head)).map_err(disk_error)?;
    disk.seek(SeekFrom::Start(ESP_START)).map_err(disk_error)?;
    fat::write(parts.esp_files, parts.esp_bytes, &parts.esp_stamp, disk)?;
    sparse::copy(&mut root, disk, root_start).map_err(disk_error)?;
    disk.seek(SeekFrom::Start(size - table.tail.len() as u64)).map_err(disk_error)?;
    disk.write_all(&table.tail).map_err(disk_error)?;
    Ok(size)
}

/// Makes `name` with each format's ending in `folder`: all of them, or none.
pub(crate) fn write_all(
    parts: &Parts<'_>,
    formats: &[DiskFormat],
    folder: &Path,
    name: &str,
) -> Result<Vec<DiskFile>, DiskError> {
    let folder_error = |source| DiskError::Write { path: folder.to_path_buf(), source };
    std::fs::create_dir_all(folder).map_err(folder_error)?;
    let beside = || {
        tempfile::Builder::new().prefix(".disk-").suffix(".partial").tempfile_in(folder).map_err(folder_error)
    };
    let mut raw = beside()?;
    let size = assemble(parts, raw.as_file_mut(), &folder.join(format!("{name}.raw")))?;
    let mebibytes = size.div_ceil(1 << 20);
    if let Some(allowed) = parts.most_mebibytes.filter(|allowed| mebibytes > *allowed) {
        return Err(DiskError::OverBudget { mebibytes, allowed });
    }
    let mut finished = Vec::new();
    for format in formats.iter().filter(|format| **format != DiskFormat::Raw) {
        let mut file = beside()?;
        let path = folder.join(format!("{name}.{}", format.extension()));
        let failed = |source| DiskError::Write { path: path.clone(), source };
        match format {
            DiskFormat::Qcow2 => qcow2::write(raw.as_file_mut(), file.as_file_mut()).map_err(failed)?,
            DiskFormat::Vhd => {
                let output = file.as_file_mut();
                output
                    .set_len(size)
                    .and_then(|()| sparse::copy(raw.as_file_mut(), output, 0))
                    .and_then(|()| output.seek(SeekFrom::Start(size)))
                    .and_then(|_| {
                        output.write_all(&vhd::footer(size, parts.vhd_uuid, parts.source_date_epoch))
                    })
                    .map_err(failed)?;
            }
            DiskFormat::Raw => {}
        }
        finished.push((*format, path, file));
    }
    if formats.contains(&DiskFormat::Raw) {
        finished.push((DiskFormat::Raw, folder.join(format!("{name}.raw")), raw));
    }
    finished.sort_by_key(|(format, _, _)| *format);
    publish(finished)
}

/// Every file is complete and on disk before the first of them gets its name.
fn publish(files: Vec<(DiskFormat, PathBuf, tempfile::NamedTempFile)>) -> Result<Vec<DiskFile>, DiskError> {
    let describe = |(format, path, file): &(DiskFormat, PathBuf, tempfile::NamedTempFile)| {
        let failed = |source| DiskError::Write { path: path.clone(), source };
        // Not what the umask makes of it: the same for whoever builds.
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
        let (bytes, sha256) = digest(file.path()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        Ok(DiskFile { format: *format, path: path.clone(), bytes, sha256 })
    };
    let described = std::thread::scope(|scope| {
        let running: Vec<_> = files.iter().map(|file| scope.spawn(move || describe(file))).collect();
        running
            .into_iter()
            .map(|file| file.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Result<Vec<_>, DiskError>>()
    })?;
    for (_, path, file) in files {
        file.persist(&path).map_err(|error| DiskError::Write { path, source: error.error })?;
    }
    Ok(described)
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((bytes, hex::encode(sha256.finalize())));
        }
        bytes += count as u64;
        sha256.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::{DiskFormat, FatStamp, Parts, write_all};

    #[test]
    fn all_formats_appear_or_none_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::write(&root, vec![1; 3 << 20]).unwrap();
        let parts = Parts {
            disk_uuid: Uuid::from_u128(1),
            vhd_uuid: Uuid::from_u128(2),
            esp_uuid: Uuid::from_u128(3),
            esp_bytes: 40 << 20,
            esp_stamp: FatStamp { serial: 1, label: *b"ESP        ", modified: 0, hidden_sectors: 2048 },
            esp_files: &BTreeMap::new(),
            root_uuid: Uuid::from_u128(4),
            root_name: "root",
            root: &root,
            root_read_only: false,
            disk_mebibytes: Some(44),
            most_mebibytes: None,
            source_date_epoch: 0,
        };
        let output = folder.path().join("output");
        let error = write_all(&parts, &[DiskFormat::Raw], &output, "disk").unwrap_err();
        assert_eq!(error.to_string(), "the disk is too small: its partitions need 45 MiB, 44 MiB are given");
        assert_eq!(std::fs::read_dir(&output).unwrap().count(), 0);
        // More than any file system holds: the error of a full disk comes the same way.
        let parts = Parts { disk_mebibytes: Some(1 << 43), ..parts };
        let error = write_all(&parts, &[DiskFormat::Raw], &output, "disk").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}", output.join("disk.raw").display()));
        assert_eq!(std::fs::read_dir(&output).unwrap().count(), 0);
        let parts = Parts { disk_mebibytes: None, ..parts };
        let files =
            write_all(&parts, &[DiskFormat::Vhd, DiskFormat::Raw, DiskFormat::Qcow2], &output, "disk")
                .unwrap();
        let described: Vec<(DiskFormat, u64)> = files.iter().map(|file| (file.format, file.bytes)).collect();
        assert_eq!(
            (described[0], described[2]),
            ((DiskFormat::Raw, 45 << 20), (DiskFormat::Vhd, (45 << 20) + 512))
        );
        assert_eq!(std::fs::read_dir(&output).unwrap().count(), 3);
    }
}
