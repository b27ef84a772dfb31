//! A whole disk and what is on it in; one Composable OS Image (COSI 1.2) out: a tar of compressed regions that agents for A/B
//! updates read front to back.

mod disk;
mod metadata;

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256, Sha384};

use crate::disk::{DiskError, Piece, fill};
use crate::sbom::Package;
pub(crate) use disk::{System, write};
use metadata::{ImageFile, document};

/// The ending of file names.
pub(crate) const EXTENSION: &str = "cosi";
/// A higher level takes several times as long for a few percent.
const COMPRESSION_LEVEL: i32 = 9;
/// Readers reserve memory by it: 8 MiB, what every reader of Zstandard supports (RFC 8878, 3.1.1.1.2).
const WINDOW_LOG: u32 = 23;
const BUFFER: usize = 1 << 20;

/// What a COSI file says beside the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Description<'a> {
    /// As `uname -m` says it.
    pub(crate) architecture: &'a str,
    /// The image's os-release, verbatim.
    pub(crate) os_release: &'a str,
    /// The image's packages.
    pub(crate) packages: &'a [Package],
    /// Bytes of the disk.
    pub(crate) disk_bytes: u64,
    /// Where the partition table with the protective MBR ends.
    pub(crate) table_end: u64,
    /// Partitions that hold something, in their order on the disk.
    pub(crate) regions: &'a [Region],
    /// The unified kernel images that the boot loader finds.
    pub(crate) kernels: &'a [KernelImage],
}

/// A partition.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    /// Name of its file, without folder and ending.
    pub(crate) name: String,
    /// Number of its entry in the partition table, from 1 on.
    pub(crate) number: u32,
    /// Its bytes on the disk.
    pub(crate) place: Range<u64>,
    /// The file system on it; the hash tree of another partition is no file system.
    pub(crate) file_system: Option<FileSystem>,
}

/// A file system of a partition.
#[derive(Debug, Clone)]
pub(crate) struct FileSystem {
    /// Where it is mounted.
    pub(crate) mount_point: &'static str,
    /// As the kernel calls it.
    pub(crate) kind: &'static str,
    /// As blkid says it.
    pub(crate) uuid: String,
    /// Type of the partition.
    pub(crate) partition_type: uuid::Uuid,
    /// The region with its hash tree, and the root hash in hexadecimal.
    pub(crate) verity: Option<(String, String)>,
}

/// A unified kernel image.
#[derive(Debug, Clone)]
pub(crate) struct KernelImage {
    /// Its path in the running system.
    pub(crate) path: String,
    /// Its command line.
    pub(crate) command_line: String,
    /// Release of the kernel.
    pub(crate) release: String,
}

/// A finished Composable OS Image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosiFile {
    /// Where it is.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// Writes `path`; it appears under its name when it is whole.
fn write_described(
    path: &Path,
    pieces: &[Piece<'_>],
    description: &Description<'_>,
) -> Result<CosiFile, DiskError> {
    let failed = |source| DiskError::Write { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    // Metadata come first in the file and tell the sizes of what follows: regions are compressed before.
    let mut compressed = vec![compress(folder, "primary-gpt", pieces, 0..description.table_end)?];
    for region in description.regions {
        compressed.push(compress(folder, &region.name, pieces, region.place.clone())?);
    }
    let files: Vec<&ImageFile> = compressed.iter().map(|region| &region.file).collect();
    let metadata = document(description, &files, WINDOW_LOG);
    let beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let output = BufWriter::with_capacity(BUFFER, beside.as_file());
    let (sha256, bytes) = archive(output, &metadata, &mut compressed).map_err(failed)?;
    beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    beside.persist(path).map_err(|error| failed(error.error))?;
    Ok(CosiFile { path: path.to_owned(), bytes, sha256 })
}

/// Writes the tar; its SHA-256 in hexadecimal and its length.
fn archive(output: impl Write, metadata: &str, regions: &mut [Compressed]) -> io::Result<(String, u64)> {
    let mut archive = tar::Builder::new(Digesting { output, digest: Sha256::new(), bytes: 0 });
    // Readers know the format by the first eleven bytes: no extension header may come before the marker's name.
    archive.append(&header("cosi-marker", 0)?, io::empty())?;
    archive.append(&header("metadata.json", metadata.len() as u64)?, metadata.as_bytes())?;
    for region in regions {
        region.content.rewind()?;
        archive.append(&header(&region.file.path, region.file.compressed_size)?, &mut region.content)?;
    }
    let mut output = archive.into_inner()?;
    output.flush()?;
    Ok((hex::encode(output.digest.finalize()), output.bytes))
}

fn header(name: &str, bytes: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

/// A region, compressed into a file that nobody else sees.
struct Compressed {
    file: ImageFile,
    content: File,
}

fn compress(
    folder: &Path,
    name: &str,
    pieces: &[Piece<'_>],
    place: Range<u64>,
) -> Result<Compressed, DiskError> {
    let path = format!("images/{name}.rawzst");
    let shown = folder.join(&path);
    let failed = |source| DiskError::Write { path: shown.clone(), source };
    let content = tempfile::tempfile_in(folder).map_err(failed)?;
    let output =
        Digesting { output: BufWriter::with_capacity(BUFFER, &content), digest: Sha384::new(), bytes: 0 };
    let mut encoder = zstd::Encoder::new(output, COMPRESSION_LEVEL).map_err(failed)?;
    encoder.window_log(WINDOW_LOG).and_then(|()| encoder.include_checksum(true)).map_err(failed)?;
    let mut buffer = vec![0; BUFFER];
    let mut at = place.start;
    while at < place.end {
        let length = usize::try_from(place.end - at).unwrap_or(BUFFER).min(BUFFER);
        fill(pieces, at, &mut buffer[..length])
            .map_err(|unreadable| DiskError::Read { path: unreadable.path, source: unreadable.source })?;
        encoder.write_all(&buffer[..length]).map_err(failed)?;
        at += length as u64;
    }
    let Digesting { mut output, digest, bytes } = encoder.finish().map_err(failed)?;
    output.flush().map_err(failed)?;
    drop(output);
    let file = ImageFile {
        path,
        compressed_size: bytes,
        uncompressed_size: place.end - place.start,
        sha384: hex::encode(digest.finalize()),
    };
    Ok(Compressed { file, content })
}

/// Counts and digests what passes.
struct Digesting<W, D> {
    output: W,
    digest: D,
    bytes: u64,
}

impl<W: Write, D: Digest> Write for Digesting<W, D> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.output.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;
    use sha2::{Digest as _, Sha256, Sha384};

    use super::{Description, FileSystem, KernelImage, Region, write_described};
    use crate::disk::Piece;

    fn description(regions: &[Region]) -> Description<'_> {
        Description {
            architecture: "x86_64",
            os_release: "ID=lazuli\n",
            packages: &[],
            disk_bytes: 1 << 20,
            table_end: 17_408,
            regions,
            kernels: &[],
        }
    }

    fn root() -> Region {
        Region {
            name: "root-a".into(),
            number: 2,
            place: 65_536..131_072,
            file_system: Some(FileSystem {
                mount_point: "/",
                kind: "erofs",
                uuid: "11111111-2222-3333-4444-555555555555".into(),
                partition_type: crate::disk::ROOT_X86_64,
                verity: Some(("root-a-verity".into(), "ab".repeat(32))),
            }),
        }
    }

    #[test]
    fn regions_come_compressed_in_order_after_their_description() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.cosi");
        let pieces = [Piece::memory(0, vec![1; 17_408]), Piece::memory(65_536, b"root".to_vec())];
        let tree =
            Region { name: "root-a-verity".into(), number: 3, place: 131_072..135_168, file_system: None };
        let regions = [root(), tree];
        let kernel = KernelImage {
            path: "/efi/EFI/Linux/host_1.efi".into(),
            command_line: "quiet".into(),
            release: "7.2".into(),
        };
        let description = Description { kernels: &[kernel], ..description(&regions) };
        let written = write_described(&path, &pieces, &description).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.starts_with(b"cosi-marker\0"));
        assert_eq!(
            (written.bytes, written.sha256),
            (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)))
        );
        let mut names = Vec::new();
        let mut contents = Vec::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            names.push(entry.path().unwrap().display().to_string());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            contents.push(content);
        }
        let images = ["primary-gpt", "root-a", "root-a-verity"].map(|name| format!("images/{name}.rawzst"));
        assert_eq!(names[..2], ["cosi-marker", "metadata.json"]);
        assert_eq!(names[2..], images);
        let metadata: serde_json::Value = serde_json::from_slice(&contents[1]).unwrap();
        for (region, content) in metadata["disk"]["gptRegions"].as_array().unwrap().iter().zip(&contents[2..])
        {
            assert_eq!(region["image"]["sha384"], hex::encode(Sha384::digest(content)));
            assert_eq!(region["image"]["compressedSize"], content.len());
        }
        let root = zstd::decode_all(&contents[3][..]).unwrap();
        assert_eq!((root.len(), &root[..5]), (65_536, &b"root\0"[..]));
        let image = &metadata["images"][0];
        assert_eq!(image["image"], metadata["disk"]["gptRegions"][1]["image"]);
        assert_eq!(image["verity"]["image"], metadata["disk"]["gptRegions"][2]["image"]);
        assert_eq!(metadata["images"].as_array().unwrap().len(), 1);
        assert_eq!(metadata["bootloader"]["systemdBoot"]["entries"][0]["type"], "uki-standalone");
        assert_eq!(metadata["compression"], json!({"maxWindowLog": 23}));
        assert_eq!(metadata["osRelease"], "ID=lazuli\n");
        // The same bytes again, and nothing beside them.
        let again = write_described(&folder.path().join("again.cosi"), &pieces, &description).unwrap();
        assert_eq!(again.sha256, hex::encode(Sha256::digest(&bytes)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_appears_when_a_part_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let source =
            crate::disk::Source::File { path: std::path::Path::new("/nonexistent/root").into(), start: 0 };
        let pieces = [Piece { at: 65_536, length: 9, source }];
        let regions = [root()];
        let error =
            write_described(&folder.path().join("host.cosi"), &pieces, &description(&regions)).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nonexistent/root");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
