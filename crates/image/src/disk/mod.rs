//! Files for the EFI system partition and a root file system in; whole disks in the formats that machines and clouds take out.

mod fat;
mod frontier;
mod gpt;
mod layout;
mod piece;
mod qcow2;
mod vhd;
mod writer;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use fat::FatError;
pub(crate) use fat::FatStamp;
use frontier::Frontier;
pub(crate) use gpt::{ESP, ROOT_X86_64};
use layout::DiskPlan;
pub(crate) use layout::{GROW_FILE_SYSTEM, NO_AUTO, Parts, READ_ONLY, SystemPartition, WholeDisk};
pub(crate) use piece::{Piece, Source, fill};
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

/// Where the disk files go.
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    /// The files' name, which each format ends in its own way.
    pub(crate) name: &'a str,
    pub(crate) formats: &'a [DiskFormat],
}

/// Makes all disk files, or none.
///
/// `system` and `early` run side by side; `esp` makes the files of the EFI system partition of what both give, while the content
/// of the system's partitions is being written. What it gives besides the files is handed on, also to `whole`, which sees the disk before its files have
/// their names.
pub(crate) fn write_all<'t, P, I: Send, T, E: From<DiskError> + Send>(
    parts: &Parts,
    target: &Target<'_>,
    system: impl FnOnce() -> Result<(Vec<SystemPartition<'t>>, P), E>,
    early: impl FnOnce() -> Result<I, E> + Send,
    esp: impl FnOnce(P, I) -> Result<(BTreeMap<String, Vec<u8>>, T), E>,
    whole: impl FnOnce(&WholeDisk<'_, '_>, &T) -> Result<(), E>,
) -> Result<(Vec<DiskFile>, T), E> {
    std::thread::scope(|scope| {
        let early = scope.spawn(early);
        let (system, proof) = system()?;
        let (plan, pieces) = DiskPlan::new(parts, system)?;
        let outputs = create(plan.size, target)?;
        let esp = || esp(proof, early.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        let (digests, facts) = write(parts, &plan, &outputs, &pieces, esp, whole)?;
        Ok((publish(outputs, digests)?, facts))
    })
}

/// Empty files of the right length, beside the names that they will get.
fn create(size: u64, target: &Target<'_>) -> Result<Outputs, DiskError> {
    let Target { folder, name, formats } = *target;
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
    parts: &Parts,
    plan: &DiskPlan,
    outputs: &Outputs,
    system: &[Piece<'_>],
    esp: impl FnOnce() -> Result<(BTreeMap<String, Vec<u8>>, T), E>,
    whole: impl FnOnce(&WholeDisk<'_, '_>, &T) -> Result<(), E>,
) -> Result<(Digests, T), E> {
    let system_clusters = piece::units_in_use(system, CLUSTER);
    let layout = qcow2::Layout::plan(plan.size, &system_clusters, &plan.clusters_around_system());
    let frontier = Frontier::new(writer::segments(system));
    std::thread::scope(|scope| {
        let guard = frontier.writer();
        let system_written = scope.spawn(|| outputs.write_segments(system, &layout, &frontier));
        let system_digest = outputs.qcow2().map(|output| {
            let (layout, frontier) = (&layout, &frontier);
            scope.spawn(move || FileDigest::before_tables(output, layout, writer::segments(system), frontier))
        });
        let (esp_files, facts) = esp()?;
        let rest = plan.rest(parts, &esp_files).map_err(DiskError::from)?;
        let rest_clusters = piece::units_in_use(&rest, CLUSTER);
        let complete = layout.completed(&rest_clusters);
        let footer = vhd::footer(plan.size, parts.vhd_uuid, parts.source_date_epoch);
        outputs.write_rest(&rest, &complete, &footer)?;
        let mut pieces = [rest.as_slice(), system].concat();
        pieces.sort_by_key(|piece| piece.at);
        whole(&plan.whole(&pieces), &facts)?;
        let flat = outputs.flat().map(|output| {
            let mut clusters = [rest_clusters, system_clusters.clone()].concat();
            clusters.sort_by_key(|run| run.start);
            FileDigest::of_disk(output, plan.size, &clusters, &frontier)
        });
        let finish = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        system_written.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        guard.done();
        let mut qcow2 = system_digest.map(finish).transpose()?.flatten();
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

    use super::{
        DiskError, DiskFile, DiskFormat, FatStamp, Parts, Piece, READ_ONLY, ROOT_X86_64, SystemPartition,
        Target, WholeDisk, write_all,
    };

    const ALL: [DiskFormat; 3] = [DiskFormat::Vhd, DiskFormat::Raw, DiskFormat::Qcow2];

    fn parts() -> Parts {
        Parts {
            disk_uuid: Uuid::from_u128(1),
            vhd_uuid: Uuid::from_u128(2),
            esp_uuid: Uuid::from_u128(3),
            esp_bytes: 40 << 20,
            esp_stamp: FatStamp { serial: 1, label: *b"ESP        ", modified: 0, hidden_sectors: 2048 },
            disk_mebibytes: None,
            most_mebibytes: None,
            source_date_epoch: 0,
        }
    }

    fn partition(bytes: u64, pieces: Vec<Piece<'_>>) -> SystemPartition<'_> {
        let uuid = Uuid::from_u128(4);
        SystemPartition { kind: ROOT_X86_64, uuid, name: "root".into(), attributes: 0, bytes, pieces }
    }

    /// Three mebibytes of which the middle one is not written to.
    fn root(end: &[u8]) -> Vec<SystemPartition<'_>> {
        let pieces =
            vec![Piece::memory(0, vec![1; 1 << 20]), Piece::memory((3 << 20) - end.len() as u64, end)];
        vec![partition(3 << 20, pieces)]
    }

    fn write(parts: &Parts, formats: &[DiskFormat], folder: &Path) -> Result<Vec<DiskFile>, DiskError> {
        let esp = |proof, early: u8| {
            assert_eq!((proof, early), ("proof", 7));
            Ok((BTreeMap::from([("a".to_owned(), b"file".to_vec())]), ()))
        };
        let system = || Ok((root(b"end"), "proof"));
        let target = Target { folder, name: "disk", formats };
        write_all(parts, &target, system, || Ok(7), esp, |_, ()| Ok(())).map(|(files, ())| files)
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
    fn partitions_follow_each_other_on_whole_mebibytes() {
        let folder = tempfile::tempdir().unwrap();
        let system = || {
            let empty = SystemPartition { uuid: Uuid::from_u128(5), ..partition(2 << 20, Vec::new()) };
            let tree = partition(5000, vec![Piece::memory(0, &b"tree"[..])]);
            let tree = SystemPartition { attributes: READ_ONLY, name: "tree".into(), ..tree };
            Ok::<_, DiskError>((vec![empty, tree], ()))
        };
        let esp = |(), ()| Ok((BTreeMap::new(), ()));
        let target = Target { folder: folder.path(), name: "disk", formats: &[DiskFormat::Raw] };
        let mut seen = Vec::new();
        let whole = |disk: &WholeDisk<'_, '_>, (): &()| {
            seen.clone_from(&disk.partitions);
            assert_eq!((disk.size, disk.table_end), (45 << 20, 34 * 512));
            Ok(())
        };
        let (files, ()) = write_all(&parts(), &target, system, || Ok(()), esp, whole).unwrap();
        let mebibytes = |start: u64, end: u64| start << 20..end << 20;
        assert_eq!(seen, [(mebibytes(1, 41), true), (mebibytes(41, 43), false), (mebibytes(43, 44), true)]);
        let disk = std::fs::read(&files[0].path).unwrap();
        assert_eq!(disk.len(), 45 << 20);
        assert_eq!(disk[43 << 20..(43 << 20) + 5], *b"tree\0");
        let sector = |entry: usize, field: usize| {
            let at = 1024 + entry * 128 + field;
            u64::from_le_bytes(disk[at..at + 8].try_into().unwrap())
        };
        assert_eq!([sector(1, 32), sector(1, 40)], [41 << 11, (43 << 11) - 1]);
        assert_eq!([sector(2, 32), sector(2, 40), sector(2, 48)], [43 << 11, (44 << 11) - 1, READ_ONLY]);
        assert_eq!(sector(3, 32), 0);
    }

    #[test]
    fn nothing_appears_when_anything_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let refusal = |parts: &Parts| write(parts, &ALL, &output).unwrap_err().to_string();
        let small = Parts { disk_mebibytes: Some(44), ..parts() };
        assert_eq!(refusal(&small), "the disk is too small: its partitions need 45 MiB, 44 MiB are given");
        let costly = Parts { most_mebibytes: Some(44), ..parts() };
        assert_eq!(refusal(&costly), "the disk would have 45 MiB, and 44 MiB are allowed");
        // More than any file system holds: the error of a full disk comes the same way.
        let huge = Parts { disk_mebibytes: Some(1 << 43), ..parts() };
        assert_eq!(refusal(&huge), format!("cannot write {}", output.join("disk.raw").display()));
        let failing = || DiskError::OverBudget { mebibytes: 1, allowed: 0 };
        let system = || Ok((root(b""), ()));
        let target = Target { folder: &output, name: "disk", formats: &ALL };
        let esp = |(), ()| Err(failing());
        let result: Result<(_, ()), _> = write_all(&parts(), &target, system, || Ok(()), esp, |_, ()| Ok(()));
        assert!(result.is_err());
        let esp = |(), ()| Ok((BTreeMap::new(), ()));
        let early = || Err(failing());
        let result: Result<(_, ()), _> = write_all(&parts(), &target, system, early, esp, |_, ()| Ok(()));
        assert!(result.is_err());
        let whole = |_: &WholeDisk<'_, '_>, (): &()| Err(failing());
        let result: Result<(_, ()), _> = write_all(&parts(), &target, system, || Ok(()), esp, whole);
        assert!(result.is_err());
        let absent = || {
            let source = super::Source::File { path: Path::new("/nonexistent/file").into(), start: 0 };
            Ok((vec![partition(1 << 20, vec![Piece { at: 9, length: 9, source }])], ()))
        };
        let error: DiskError =
            write_all(&parts(), &target, absent, || Ok(()), esp, |_, ()| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/file");
        assert_eq!(std::fs::read_dir(&output).unwrap().count(), 0);
    }
}
