//! Files for the EFI system partition and a root file system in; whole disks in the formats that machines and clouds take out.

mod fat;
mod frontier;
mod gpt;
mod piece;
mod qcow2;
mod vhd;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::filesystem::{FileSystem, MEBIBYTE};
pub use fat::FatError;
pub(crate) use fat::FatStamp;
use frontier::Frontier;
use gpt::Partition;
pub(crate) use gpt::{ESP, ROOT_X86_64};
#[cfg(test)]
pub(crate) use piece::fill;
pub(crate) use piece::{Piece, Source};
use qcow2::CLUSTER;
use writer::{FileDigest, Output, Outputs};

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
    /// A file of the root tree cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A disk file cannot be written.
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
    pub(crate) root_uuid: Uuid,
    pub(crate) root_name: &'a str,
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

/// Makes `name` with each format's ending in `folder`: all of them, or none.
///
/// `root` and `esp` run side by side, and the content of the root is written while the files of the EFI system partition are
/// still being made. What `esp` gives besides its files is handed on.
pub(crate) fn write_all<'t, T: Send, E: From<DiskError> + Send>(
    parts: &Parts<'_>,
    formats: &[DiskFormat],
    folder: &Path,
    name: &str,
    root: impl FnOnce() -> Result<FileSystem<'t>, E>,
    esp: impl FnOnce() -> Result<(BTreeMap<String, Vec<u8>>, T), E> + Send,
) -> Result<(Vec<DiskFile>, T), E> {
    std::thread::scope(|scope| {
        let esp = scope.spawn(esp);
        let root = root()?;
        let plan = DiskPlan::new(parts, root.bytes)?;
        let outputs = create(plan.size, formats, folder, name)?;
        let root: Vec<Piece<'_>> =
            root.pieces.into_iter().map(|piece| piece.moved(plan.root.start)).collect();
        let esp = || esp.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (digests, facts) = write(parts, &plan, &outputs, &root, esp)?;
        Ok((publish(outputs, digests)?, facts))
    })
}

/// Where everything lies on the disk, in bytes.
struct DiskPlan {
    size: u64,
    esp: Range<u64>,
    root: Range<u64>,
}

impl DiskPlan {
    fn new(parts: &Parts<'_>, root_bytes: u64) -> Result<Self, DiskError> {
        let esp = ESP_START..ESP_START + parts.esp_bytes;
        let root = esp.end..esp.end + root_bytes.next_multiple_of(MEBIBYTE);
        // One mebibyte for the copy of the table keeps the disk a whole number of them.
        let needed = root.end + MEBIBYTE;
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
            _ => Ok(Self { size, esp, root }),
        }
    }

    /// What lies around the root, in order.
    fn rest<'e>(
        &self,
        parts: &Parts<'_>,
        esp_files: &'e BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<Piece<'e>>, FatError> {
        let partition = |kind, uuid, name: &str, attributes, place: &Range<u64>| Partition {
            kind,
            uuid,
            name: name.to_owned(),
            attributes,
            start: place.start / gpt::SECTOR,
            sectors: (place.end - place.start) / gpt::SECTOR,
        };
        let attributes = if parts.root_read_only { READ_ONLY } else { GROW_FILE_SYSTEM };
        let partitions = [
            partition(gpt::ESP, parts.esp_uuid, "esp", 0, &self.esp),
            partition(gpt::ROOT_X86_64, parts.root_uuid, parts.root_name, attributes, &self.root),
        ];
        let table = gpt::table(parts.disk_uuid, self.size / gpt::SECTOR, &partitions);
        let tail = self.size - table.tail.len() as u64;
        let mut pieces = vec![Piece::memory(0, table.head)];
        let esp = fat::lay_out(esp_files, parts.esp_bytes, &parts.esp_stamp)?;
        pieces.extend(esp.into_iter().map(|piece| piece.moved(self.esp.start)));
        pieces.push(Piece::memory(tail, table.tail));
        Ok(pieces)
    }

    /// Clusters of which some are used by what lies around the root.
    fn clusters_around_root(&self) -> [Range<u64>; 2] {
        [0..self.esp.end / CLUSTER, (self.size - MEBIBYTE) / CLUSTER..self.size / CLUSTER]
    }
}

/// Empty files of the right length, beside the names that they will get.
fn create(size: u64, formats: &[DiskFormat], folder: &Path, name: &str) -> Result<Outputs, DiskError> {
    let folder_error = |source| DiskError::Write { path: folder.to_path_buf(), source };
    std::fs::create_dir_all(folder).map_err(folder_error)?;
    let mut formats = formats.to_vec();
    formats.sort();
    let mut files = Vec::new();
    for format in formats {
        let path = folder.join(format!("{name}.{}", format.extension()));
        let file = writer::beside(folder).map_err(folder_error)?;
        if format != DiskFormat::Qcow2 {
            file.as_file().set_len(size).map_err(|source| DiskError::Write { path: path.clone(), source })?;
        }
        files.push(Output { format, path, file });
    }
    Ok(Outputs { files, size })
}

/// Digests of what was written, by the kind of file.
struct Digests {
    /// Of the disk byte by byte, without a footer.
    flat: Option<FileDigest>,
    qcow2: Option<FileDigest>,
    footer: Vec<u8>,
}

fn write<T, E: From<DiskError>>(
    parts: &Parts<'_>,
    plan: &DiskPlan,
    outputs: &Outputs,
    root: &[Piece<'_>],
    esp: impl FnOnce() -> Result<(BTreeMap<String, Vec<u8>>, T), E>,
) -> Result<(Digests, T), E> {
    let root_clusters = piece::units_in_use(root, CLUSTER);
    let layout = qcow2::Layout::plan(plan.size, &root_clusters, &plan.clusters_around_root());
    let frontier = Frontier::new(writer::segments(root));
    std::thread::scope(|scope| {
        let guard = frontier.writer();
        let root_written = scope.spawn(|| outputs.write_segments(root, &layout, &frontier));
        let root_digest = outputs.qcow2().map(|output| {
            let (layout, frontier) = (&layout, &frontier);
            scope.spawn(move || FileDigest::before_tables(output, layout, writer::segments(root), frontier))
        });
        let (esp_files, facts) = esp()?;
        let rest = plan.rest(parts, &esp_files).map_err(DiskError::from)?;
        let rest_clusters = piece::units_in_use(&rest, CLUSTER);
        let complete = layout.completed(&rest_clusters);
        let footer = vhd::footer(plan.size, parts.vhd_uuid, parts.source_date_epoch);
        outputs.write_rest(&rest, &complete, &footer)?;
        let flat = outputs.flat().map(|output| {
            let mut clusters = [rest_clusters, root_clusters.clone()].concat();
            clusters.sort_by_key(|run| run.start);
            FileDigest::of_disk(output, plan.size, &clusters, &frontier)
        });
        let finish = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        root_written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        guard.done();
        let mut qcow2 = root_digest.map(finish).transpose()?.flatten();
        if let (Some(digest), Some(output)) = (&mut qcow2, outputs.qcow2()) {
            digest.add_range(output, complete.tables_start()..complete.length())?;
        }
        Ok((Digests { flat: flat.transpose()?.flatten(), qcow2, footer: footer.to_vec() }, facts))
    })
}

/// Every file is complete before the first of them gets its name.
fn publish(outputs: Outputs, digests: Digests) -> Result<Vec<DiskFile>, DiskError> {
    let mut described = Vec::new();
    for output in &outputs.files {
        let failed = |source| DiskError::Write { path: output.path.clone(), source };
        // Not what the umask makes of it: the same for whoever builds.
        output.file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
        let bytes = output.file.as_file().metadata().map_err(failed)?.len();
        let digest = match output.format {
            DiskFormat::Raw => digests.flat.clone(),
            DiskFormat::Qcow2 => digests.qcow2.clone(),
            DiskFormat::Vhd => digests.flat.clone().map(|mut digest| {
                digest.add(&digests.footer);
                digest
            }),
        };
        let digest = digest.expect("a digest was taken of every file that was written");
        described.push(DiskFile {
            format: output.format,
            path: output.path.clone(),
            bytes,
            sha256: digest.finish(),
        });
    }
    let named = std::thread::scope(|scope| {
        let running: Vec<_> =
            outputs.files.into_iter().map(|output| scope.spawn(move || give_name(output))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Result<Vec<()>, DiskError>>()
    });
    named.map(|_| described)
}

/// Puts a file in the place of what has its name, in one step.
///
/// Where there is something, the two change names and the old one is deleted: a rename over a file makes ext4 write the new one to
/// the platter before its next commit, for which every other change of that file system then waits.
fn give_name(output: Output) -> Result<(), DiskError> {
    let Output { path, file, .. } = output;
    let failed = |source| DiskError::Write { path: path.clone(), source };
    let (_file, partial) = file.into_parts();
    // Not a directory, which could not be deleted as a file can.
    let replaces_file = std::fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_dir());
    if replaces_file {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, &*partial, CWD, &path, RenameFlags::EXCHANGE) {
            Ok(()) => return partial.close().map_err(failed),
            // Not on every file system.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
    }
    partial.persist(&path).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use sha2::Digest;
    use uuid::Uuid;

    use super::{DiskError, DiskFile, DiskFormat, FatStamp, Parts, Piece, write_all};
    use crate::filesystem::FileSystem;

    const ALL: [DiskFormat; 3] = [DiskFormat::Vhd, DiskFormat::Raw, DiskFormat::Qcow2];

    fn parts() -> Parts<'static> {
        Parts {
            disk_uuid: Uuid::from_u128(1),
            vhd_uuid: Uuid::from_u128(2),
            esp_uuid: Uuid::from_u128(3),
            esp_bytes: 40 << 20,
            esp_stamp: FatStamp { serial: 1, label: *b"ESP        ", modified: 0, hidden_sectors: 2048 },
            root_uuid: Uuid::from_u128(4),
            root_name: "root",
            root_read_only: false,
            disk_mebibytes: None,
            most_mebibytes: None,
            source_date_epoch: 0,
        }
    }

    /// Three mebibytes of which the middle one is not written to.
    fn root(end: &[u8]) -> FileSystem<'_> {
        let pieces =
            vec![Piece::memory(0, vec![1; 1 << 20]), Piece::memory((3 << 20) - end.len() as u64, end)];
        FileSystem { bytes: 3 << 20, pieces }
    }

    fn write(parts: &Parts<'_>, formats: &[DiskFormat], folder: &Path) -> Result<Vec<DiskFile>, DiskError> {
        let esp = || Ok((BTreeMap::from([("a".to_owned(), b"file".to_vec())]), ()));
        write_all(parts, formats, folder, "disk", || Ok(root(b"end")), esp).map(|(files, ())| files)
    }

    #[test]
    fn all_formats_appear_with_the_digests_of_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(&parts(), &ALL, folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let read = |file: &DiskFile| std::fs::read(&file.path).unwrap();
        for file in &files {
            let bytes = read(file);
            assert_eq!(file.bytes, bytes.len() as u64);
            assert_eq!(file.sha256, hex::encode(sha2::Sha256::digest(&bytes)), "{:?}", file.format);
        }
        let formats: Vec<DiskFormat> = files.iter().map(|file| file.format).collect();
        assert_eq!(formats, [DiskFormat::Raw, DiskFormat::Qcow2, DiskFormat::Vhd]);
        let (raw, vhd) = (read(&files[0]), read(&files[2]));
        assert_eq!((raw.len(), vhd.len()), (45 << 20, (45 << 20) + 512));
        assert!(vhd.starts_with(&raw));
        assert_eq!(&raw[(44 << 20) - 3..44 << 20], b"end");
        assert_eq!(&raw[(41 << 20) - 1..(41 << 20) + 1], [0, 1]);
        // Each format alone is the same file.
        for file in &files {
            let alone = tempfile::tempdir().unwrap();
            assert_eq!(write(&parts(), &[file.format], alone.path()).unwrap()[0].sha256, file.sha256);
        }
    }

    #[test]
    fn what_has_the_name_is_replaced_unless_it_is_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(&parts(), &ALL, folder.path()).unwrap();
        std::fs::write(&first[0].path, "older").unwrap();
        std::fs::remove_file(&first[1].path).unwrap();
        std::os::unix::fs::symlink("nowhere", &first[1].path).unwrap();
        assert_eq!(write(&parts(), &ALL, folder.path()).unwrap(), first);
        for file in &first {
            let bytes = std::fs::read(&file.path).unwrap();
            assert_eq!(file.sha256, hex::encode(sha2::Sha256::digest(&bytes)), "{:?}", file.format);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        std::fs::remove_file(&first[0].path).unwrap();
        std::fs::create_dir(&first[0].path).unwrap();
        let error = write(&parts(), &[DiskFormat::Raw], folder.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}", first[0].path.display()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn nothing_appears_when_anything_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let refusal = |parts: &Parts<'_>| write(parts, &ALL, &output).unwrap_err().to_string();
        let small = Parts { disk_mebibytes: Some(44), ..parts() };
        assert_eq!(refusal(&small), "the disk is too small: its partitions need 45 MiB, 44 MiB are given");
        let costly = Parts { most_mebibytes: Some(44), ..parts() };
        assert_eq!(refusal(&costly), "the disk would have 45 MiB, and 44 MiB are allowed");
        // More than any file system holds: the error of a full disk comes the same way.
        let huge = Parts { disk_mebibytes: Some(1 << 43), ..parts() };
        assert_eq!(refusal(&huge), format!("cannot write {}", output.join("disk.raw").display()));
        let esp = || Err(DiskError::OverBudget { mebibytes: 1, allowed: 0 });
        let result: Result<(_, ()), _> = write_all(&parts(), &ALL, &output, "disk", || Ok(root(b"")), esp);
        assert!(result.is_err());
        let absent = || {
            let source = super::Source::File { path: Path::new("/nonexistent/file").into(), start: 0 };
            Ok(FileSystem { bytes: 1 << 20, pieces: vec![Piece { at: 9, length: 9, source }] })
        };
        let esp = || Ok((BTreeMap::new(), ()));
        let error: DiskError = write_all(&parts(), &ALL, &output, "disk", absent, esp).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/file");
        assert_eq!(std::fs::read_dir(&output).unwrap().count(), 0);
    }
}
