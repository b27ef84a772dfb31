//! Entries and contents in; the compressed cpio archive out, with the figures that the header repeats.

use std::collections::BTreeMap;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::{RpmEntry, RpmEntryKind, RpmPackage, RpmWriteError};
use crate::spool::Spool;

/// Level of the payload's compression: 3 is fast, and a converted package is an intermediate product.
pub(super) const ZSTD_LEVEL: i32 = 3;

/// A payload and what the header says of it.
pub(super) struct Payload {
    pub(super) compressed: Spool,
    pub(super) compressed_sha256: String,
    pub(super) archive_sha256: String,
    pub(super) archive_size: u64,
    pub(super) files: Vec<FileFigures>,
    /// Sum of the sizes, hard links counted once.
    pub(super) installed_size: u64,
    /// Whether sizes need 64 bits; then entries name the header's file by number.
    pub(super) large: bool,
}

/// What the payload decides for one file, in the order of paths.
#[derive(Debug, Clone)]
pub(super) struct FileFigures {
    pub(super) size: u64,
    /// Hexadecimal SHA-256 of a regular file, else empty.
    pub(super) digest: String,
    pub(super) inode: u32,
    links: u32,
    has_content: bool,
}

pub(super) fn write(package: &RpmPackage, contents: &Spool) -> Result<Payload, RpmWriteError> {
    let (files, order) = plan(package)?;
    let installed_size = files.iter().filter(|file| file.has_content).map(|file| file.size).sum();
    let large = installed_size > u64::from(u32::MAX);
    let compressed = Hashing { inner: Spool::default(), hash: Sha256::new(), length: 0 };
    let encoder = zstd::stream::write::Encoder::new(compressed, ZSTD_LEVEL)?;
    let mut archive = Hashing { inner: encoder, hash: Sha256::new(), length: 0 };
    let entries = package.files.iter().collect::<Vec<_>>();
    for index in order {
        let (path, entry) = entries[index];
        let size = if files[index].has_content { files[index].size } else { 0 };
        if large {
            write!(archive, "07070X{index:08x}\0\0")?;
        } else {
            write_newc(&mut archive, path, entry, &files[index], size)?;
        }
        write_content(&mut archive, resolve(package, entry), contents, size)?;
        pad(&mut archive, size)?;
    }
    write_trailer(&mut archive)?;
    let archive_size = archive.length;
    let archive_sha256 = hex::encode(archive.hash.finalize());
    let compressed = archive.inner.finish()?;
    Ok(Payload {
        compressed_sha256: hex::encode(compressed.hash.finalize()),
        compressed: compressed.inner,
        archive_sha256,
        archive_size,
        files,
        installed_size,
        large,
    })
}

/// Figures of each file, and the order of the archive: names of one inode follow each other, the last carries the bytes
/// (as rpm writes and expects it).
fn plan(package: &RpmPackage) -> Result<(Vec<FileFigures>, Vec<usize>), RpmWriteError> {
    let mut sets: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (path, entry)) in package.files.iter().enumerate() {
        match &entry.kind {
            RpmEntryKind::HardLink(to) => sets.entry(to).or_default().push(index),
            RpmEntryKind::Stored { .. } | RpmEntryKind::Made(_) => sets.entry(path).or_default().push(index),
            _ => {}
        }
    }
    let mut figures = Vec::with_capacity(package.files.len());
    let mut order = Vec::with_capacity(package.files.len());
    for (index, (path, entry)) in package.files.iter().enumerate() {
        let target = resolve(package, entry);
        let set = match &entry.kind {
            RpmEntryKind::HardLink(to) => sets.get(to.as_str()),
            _ => sets.get(path.as_str()),
        };
        if let RpmEntryKind::HardLink(to) = &target.kind {
            return Err(RpmWriteError::HardLink { path: path.clone(), to: to.clone() });
        }
        let ghost = entry.flags.contains(rpm::FileFlags::GHOST);
        let (size, digest) = size_and_digest(target);
        let digest = if ghost { String::new() } else { digest };
        let first = set.and_then(|set| set.first()).copied().unwrap_or(index);
        let last = set.and_then(|set| set.last()).copied().unwrap_or(index);
        figures.push(FileFigures {
            size,
            digest,
            inode: u32::try_from(first + 1).map_err(io::Error::other)?,
            links: u32::try_from(set.map_or(1, Vec::len)).map_err(io::Error::other)?,
            has_content: last == index && !ghost,
        });
        if first == index && !ghost {
            match set {
                Some(set) => order.extend(set),
                None => order.push(index),
            }
        }
    }
    Ok((figures, order))
}

fn resolve<'a>(package: &'a RpmPackage, entry: &'a RpmEntry) -> &'a RpmEntry {
    match &entry.kind {
        RpmEntryKind::HardLink(to) => package.files.get(to).unwrap_or(entry),
        _ => entry,
    }
}

fn size_and_digest(entry: &RpmEntry) -> (u64, String) {
    match &entry.kind {
        RpmEntryKind::Stored { size, sha256, .. } => (*size, hex::encode(sha256)),
        RpmEntryKind::Made(bytes) => (bytes.len() as u64, hex::encode(Sha256::digest(bytes))),
        RpmEntryKind::Symlink(target) => (target.len() as u64, String::new()),
        _ => (0, String::new()),
    }
}

fn write_newc(
    out: &mut dyn Write,
    path: &str,
    entry: &RpmEntry,
    figures: &FileFigures,
    size: u64,
) -> io::Result<()> {
    let size = u32::try_from(size).map_err(io::Error::other)?;
    let (major, minor) = match entry.kind {
        RpmEntryKind::Device { major, minor, .. } => (major, minor),
        _ => (0, 0),
    };
    let name = format!(".{path}\0");
    // magic, inode, mode, uid, gid, links, mtime, size, device major and minor, own device major and minor, name, checksum
    let head = format!(
        "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{size:08x}{:08x}{:08x}{major:08x}{minor:08x}{:08x}{:08x}{name}",
        figures.inode,
        super::header::mode(entry),
        0,
        0,
        figures.links,
        entry.modified,
        0,
        0,
        name.len(),
        0
    );
    out.write_all(head.as_bytes())?;
    pad(out, head.len() as u64)
}

fn write_content(out: &mut dyn Write, entry: &RpmEntry, contents: &Spool, size: u64) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    match &entry.kind {
        RpmEntryKind::Stored { offset, .. } => {
            contents.read(*offset, size, &mut |piece| out.write_all(piece))
        }
        RpmEntryKind::Made(bytes) => out.write_all(bytes),
        RpmEntryKind::Symlink(target) => out.write_all(target.as_bytes()),
        _ => Ok(()),
    }
}

fn write_trailer(out: &mut dyn Write) -> io::Result<()> {
    let zeros = "00000000";
    let head = format!("070701{}00000001{}0000000b{zeros}TRAILER!!!\0", zeros.repeat(4), zeros.repeat(6));
    out.write_all(head.as_bytes())?;
    pad(out, head.len() as u64)
}

/// Entries begin at multiples of four bytes.
fn pad(out: &mut dyn Write, length: u64) -> io::Result<()> {
    let missing = (4 - length % 4) % 4;
    out.write_all(&[0; 3][..usize::try_from(missing).unwrap_or(0)])
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
    length: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
