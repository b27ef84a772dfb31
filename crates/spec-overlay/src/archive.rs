//! A source archive in; its files for overlays to change, and the archive packed anew, out.
//! Everything is in memory; nothing is unpacked to a disk.
//!
//! The new archive is the same for the same contents: entries by name, owner 0, time 0, permissions kept, the
//! compression that the old one really had.

mod compression;
mod tar;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use thiserror::Error;

use self::compression::Compression;
use crate::files::{Contents, EntryKind, FileChange, FileChanges, SourceEntry, SourceError, SourceFiles};

/// The longest archive that is taken apart, unpacked; it is held in memory.
const MAX_UNPACKED: u64 = 4 << 30;

/// Why an archive cannot be taken apart or put together.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The name has none of the endings of archives that can be packed anew.
    #[error("its name ends in none of .tar, .tar.gz, .tgz, .tar.xz, .txz, .tar.zst and .tzst")]
    Name,
    /// It cannot be unpacked or packed.
    #[error("it is damaged, or compressed in a way that needs too much memory")]
    Compression(#[source] std::io::Error),
    /// It is larger than can be held.
    #[error("it is larger than {0} bytes when unpacked")]
    TooLarge(u64),
    /// It is no tar archive, or a damaged one.
    #[error("it is no tar archive, or damaged")]
    Tar(#[source] std::io::Error),
    /// An entry that would get lost.
    #[error("its entry {path} is no regular file, folder or symbolic link, and could not be packed again")]
    Entry {
        /// The entry.
        path: String,
    },
    /// An entry that leads out of the archive.
    #[error("its entry {path} leads out of the archive")]
    Outside {
        /// The entry.
        path: String,
    },
    /// An entry whose name no overlay could write.
    #[error("its entry {path} has a name that is not UTF-8")]
    Encoding {
        /// The entry's name, with U+FFFD for what is no UTF-8.
        path: String,
    },
    /// Two entries that cannot both be.
    #[error("its entry {path} is there twice, as different things, or below a file")]
    Twice {
        /// The entry.
        path: String,
    },
}

/// An archive taken apart.
pub(crate) struct Unpacked {
    compression: Compression,
    /// The tar archive.
    bytes: Vec<u8>,
    entries: BTreeMap<Names, Entry>,
    /// The single top folder, if there is just one entry at the top and it is a folder.
    top: Option<String>,
}

/// A path as its names, so that a folder's contents follow it at once.
type Names = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    what: What,
    /// The permission bits.
    mode: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    File(Range<usize>),
    Folder,
    Link(Vec<u8>),
}

/// Whether an archive of this name can be packed anew.
pub fn is_archive_name(name: &str) -> bool {
    let name = name.to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Takes an archive apart, whatever its name says about its compression.
pub(crate) fn unpack(name: &str, bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    if !is_archive_name(name) {
        return Err(ArchiveError::Name);
    }
    let compression = Compression::of(bytes);
    let bytes = compression.decompress(bytes, MAX_UNPACKED)?;
    let entries = tar::read(&bytes)?;
    let top = top_folder(&entries);
    Ok(Unpacked { compression, bytes, entries, top })
}

/// Packs the archive with the changes, whose paths are below the top folder.
pub(crate) fn pack(unpacked: &Unpacked, changes: &FileChanges) -> Result<Vec<u8>, ArchiveError> {
    let mut packed = Vec::with_capacity(unpacked.bytes.len());
    for (names, entry) in &unpacked.entries {
        let changed = unpacked.below_top(names).and_then(|path| changes.get(&path));
        let bytes = match (&entry.what, changed) {
            (_, Some(FileChange::Removed)) => continue,
            (_, Some(FileChange::Written { contents: Contents::Bytes(bytes), .. })) => bytes.as_slice(),
            (What::File(range), _) => &unpacked.bytes[range.clone()],
            (What::Folder | What::Link(_), _) => &[],
        };
        tar::write(&mut packed, names, entry, bytes);
    }
    tar::finish(&mut packed);
    unpacked.compression.compress(&packed)
}

impl SourceFiles for Unpacked {
    fn entries(&self) -> Result<Vec<SourceEntry>, SourceError> {
        let entries = self.entries.iter().filter_map(|(names, entry)| {
            let kind = match entry.what {
                What::File(_) => EntryKind::File,
                What::Folder => EntryKind::Folder,
                What::Link(_) => EntryKind::Link,
            };
            Some(SourceEntry { path: self.below_top(names)?, kind })
        });
        Ok(entries.collect())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        match self.entry(path).map(|entry| &entry.what) {
            Some(What::File(range)) => Ok(self.bytes[range.clone()].to_vec()),
            _ => Err(format!("there is no file {path} in the archive").into()),
        }
    }

    fn link_target(&self, path: &str) -> Option<String> {
        match &self.entry(path)?.what {
            What::Link(target) => String::from_utf8(target.clone()).ok(),
            _ => None,
        }
    }

    fn read_source(&self, source: &Path) -> Result<Vec<u8>, SourceError> {
        Err(format!("{} is not in the archive", source.display()).into())
    }
}

impl Unpacked {
    /// The entry of a path below the top folder.
    fn entry(&self, path: &str) -> Option<&Entry> {
        let names = self.top.iter().map(String::as_str).chain(path.split('/'));
        self.entries.get(&names.map(str::to_owned).collect::<Names>())
    }

    /// The path below the top folder; none for the top folder itself.
    fn below_top(&self, names: &[String]) -> Option<String> {
        let below = &names[usize::from(self.top.is_some())..];
        (!below.is_empty()).then(|| below.join("/"))
    }
}

fn top_folder(entries: &BTreeMap<Names, Entry>) -> Option<String> {
    let mut tops = entries.iter().filter(|(names, _)| names.len() == 1);
    match (tops.next(), tops.next()) {
        (Some((names, Entry { what: What::Folder, .. })), None) => names.first().cloned(),
        _ => None,
    }
}
