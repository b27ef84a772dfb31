//! Payloads that were proven and decompressed once, in; their plain bytes, without reading the packages again, out.
//!
//! One file a package, named by the package file's SHA-256: a head, the plain payload, and a CRC-32 of each block of it. The bytes
//! were proven before they were kept; so a file is written beside and renamed, only this user may write to it, and it stands only
//! for a package file of the same length with the same headers. The CRCs find what decays on a disk or was lost in a power cut:
//! such a file is removed, and the package is read instead.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use sha2::{Digest, Sha256};

use super::source::PackageDigests;
use crate::package::Package;

/// Bytes that one CRC stands for, and that are read at once.
pub(super) const BLOCK: usize = 256 << 10;

const MAGIC: &[u8; 16] = b"lazuli payload 1";
/// Where the plain payload begins.
const HEAD: u64 = 4096;
/// What the head says: magic, lengths of payload and package file, digest of the package's headers, SHA-512 of the package file.
const STATED: usize = 16 + 8 + 8 + 32 + 64;
const UNFINISHED: &str = ".unfinished-";

/// A folder of plain payloads.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    limit: u64,
}

/// Why a folder cannot keep payloads.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could have put something into it.
    #[error("{} belongs to another user, or others may write to it: remove it, or choose another folder", .0.display())]
    NotOurs(PathBuf),
}

impl Store {
    /// The folder, made for this user alone where it is missing; `limit` bytes stay in it when it is cleaned.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, StoreError> {
        let failed = |action| move |source| StoreError::Io { action, path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed("make"))?;
        let found = std::fs::metadata(folder).map_err(failed("look at"))?;
        if !is_ours(&found) {
            return Err(StoreError::NotOurs(folder.to_owned()));
        }
        Ok(Store { folder: folder.to_owned(), limit })
    }

    /// Removes what was not used for the longest time until the rest is within the limit.
    pub fn clean(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::Io { action: "clean", path: self.folder.clone(), source };
        let mut kept = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // One that is gone was cleaned away by another process.
            if let Ok(found) = std::fs::symlink_metadata(&path) {
                kept.push(((found.mtime(), found.mtime_nsec()), path, found.len()));
            }
        }
        kept.sort();
        let mut bytes: u64 = kept.iter().map(|(_, _, length)| length).sum();
        for (_, path, length) in &kept {
            if bytes <= self.limit {
                break;
            }
            remove(path).map_err(failed)?;
            bytes -= length;
        }
        Ok(())
    }

    /// The plain payload of a package whose file is known by its SHA-256, if it is kept and sound.
    pub(super) fn find(&self, package: &Package, sha256: &[u8; 32]) -> Option<Kept> {
        let file = File::open(self.place(sha256)).ok()?;
        match Kept::read(file, package, *sha256) {
            Ok(Some(kept)) => {
                let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
                // It only says what was used last.
                let _refused = rustix::fs::futimens(
                    &kept.file,
                    &Timestamps { last_access: now, last_modification: now },
                );
                Some(kept)
            }
            _ => {
                self.forget(sha256);
                None
            }
        }
    }

    /// Removes what is kept of a package, because it is damaged.
    pub(super) fn forget(&self, sha256: &[u8; 32]) {
        // One that cannot be removed is found to be damaged again.
        let _left = remove(&self.place(sha256));
    }

    /// Begins to keep a payload.
    pub(super) fn begin(&self) -> io::Result<Keeping> {
        let name = format!("{UNFINISHED}{:016x}", RandomState::new().hash_one(&self.folder));
        let path = self.folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut keeping = Keeping { file, path, finished: false, length: 0, crcs: Vec::new() };
        keeping.file.seek(SeekFrom::Start(HEAD))?;
        Ok(keeping)
    }

    fn place(&self, sha256: &[u8; 32]) -> PathBuf {
        self.folder.join(hex::encode(sha256))
    }
}

/// A plain payload in the store.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    digests: PackageDigests,
    length: u64,
    crcs: Vec<u32>,
}

impl Kept {
    /// `None` for a file that does not stand for this package or is not whole.
    fn read(file: File, package: &Package, sha256: [u8; 32]) -> io::Result<Option<Self>> {
        let found = file.metadata()?;
        let mut stated = [0; STATED];
        if !is_ours(&found) || file.read_exact_at(&mut stated, 0).is_err() {
            return Ok(None);
        }
        let length = u64::from_le_bytes(part(&stated, 16));
        let blocks = length.div_ceil(BLOCK as u64);
        if found.len() != HEAD.saturating_add(length).saturating_add((blocks + 1).saturating_mul(4)) {
            return Ok(None);
        }
        let mut table = vec![0; usize::try_from((blocks + 1) * 4).map_err(io::Error::other)?];
        file.read_exact_at(&mut table, HEAD + length)?;
        let mut crcs: Vec<u32> = table.chunks_exact(4).map(|crc| u32::from_le_bytes(part(crc, 0))).collect();
        let own = crcs.pop();
        let sha512 = part(&stated, 64);
        let expected = head(length, &Facts::of(package)?, &sha512);
        if stated != expected || own != Some(crc(&stated, &crcs)) {
            return Ok(None);
        }
        Ok(Some(Kept { file, digests: PackageDigests { sha256, sha512 }, length, crcs }))
    }

    pub(super) fn digests(&self) -> PackageDigests {
        self.digests
    }

    pub(super) fn blocks(&self) -> usize {
        self.crcs.len()
    }

    /// Reads a block and gives its length; `None` when it is not what was kept.
    pub(super) fn block(&self, number: usize, buffer: &mut [u8]) -> Option<usize> {
        let start = number as u64 * BLOCK as u64;
        let length = usize::try_from(self.length - start).unwrap_or(usize::MAX).min(BLOCK);
        self.file.read_exact_at(&mut buffer[..length], HEAD + start).ok()?;
        (crc32fast::hash(&buffer[..length]) == self.crcs[number]).then_some(length)
    }
}

/// A payload on its way into the store; dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(super) struct Keeping {
    file: File,
    path: PathBuf,
    finished: bool,
    length: u64,
    crcs: Vec<u32>,
}

impl Keeping {
    /// Takes the next block; all but the last have the full length.
    pub(super) fn append(&mut self, block: &[u8]) -> io::Result<()> {
        self.crcs.push(crc32fast::hash(block));
        self.length += block.len() as u64;
        self.file.write_all(block)
    }

    /// Gives the file its name, when all that was appended is proven.
    pub(super) fn finish(
        mut self,
        store: &Store,
        package: &Package,
        digests: &PackageDigests,
    ) -> io::Result<()> {
        let stated = head(self.length, &Facts::of(package)?, &digests.sha512);
        self.crcs.push(crc(&stated, &self.crcs));
        let table: Vec<u8> = self.crcs.iter().flat_map(|crc| crc.to_le_bytes()).collect();
        self.file.write_all(&table)?;
        self.file.write_all_at(&stated, 0)?;
        std::fs::rename(&self.path, store.place(&digests.sha256))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is cleaned away when it is the oldest.
            let _left = remove(&self.path);
        }
    }
}

/// What a package file must still be.
struct Facts {
    bytes: u64,
    headers: [u8; 32],
}

impl Facts {
    fn of(package: &Package) -> io::Result<Self> {
        let file = File::open(&package.file)?;
        let bytes = file.metadata()?.len();
        let mut hasher = Sha256::new();
        io::copy(&mut file.take(package.payload.offset), &mut hasher)?;
        Ok(Facts { bytes, headers: hasher.finalize().into() })
    }
}

fn head(length: u64, facts: &Facts, sha512: &[u8; 64]) -> [u8; STATED] {
    let mut stated = [0; STATED];
    stated[..16].copy_from_slice(MAGIC);
    stated[16..24].copy_from_slice(&length.to_le_bytes());
    stated[24..32].copy_from_slice(&facts.bytes.to_le_bytes());
    stated[32..64].copy_from_slice(&facts.headers);
    stated[64..].copy_from_slice(sha512);
    stated
}

/// Of the head and of all other CRCs.
fn crc(stated: &[u8], crcs: &[u32]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(stated);
    crcs.iter().for_each(|crc| hasher.update(&crc.to_le_bytes()));
    hasher.finalize()
}

fn part<const LENGTH: usize>(bytes: &[u8], start: usize) -> [u8; LENGTH] {
    let mut part = [0; LENGTH];
    part.copy_from_slice(&bytes[start..start + LENGTH]);
    part
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
