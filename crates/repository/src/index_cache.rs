//! Bytes made from proven metadata, and the name of what they were made from, in; the same bytes, mapped into memory, out.
//!
//! A file is believed when its length, its name and the checksum over all of its bytes are right; else it is as if it were
//! not there. The checksum finds damage, not malice: who can write to the cache can write to everything of this user.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::{Deref, Range};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

const MAGIC: &[u8; 8] = b"lazuli\x01\n";
/// Magic, length of the name, checksum of name and content, length of the content.
const HEADER: usize = 24;
/// Files that were not used for longest are removed beyond this many bytes.
const LARGEST_TOTAL: u64 = 1 << 30;
/// And beyond this many files.
const MOST_FILES: usize = 100;

/// A folder of such files.
#[derive(Clone, Debug)]
pub struct IndexCache {
    folder: PathBuf,
}

/// Bytes of a file that stays as it is: nobody writes to it again.
#[derive(Debug)]
pub struct Mapped {
    map: Mmap,
    content: Range<usize>,
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[self.content.clone()]
    }
}

impl IndexCache {
    /// A cache in this folder, which is made when something is kept.
    pub fn new(folder: &Path) -> Self {
        IndexCache { folder: folder.to_owned() }
    }

    /// What was kept under this name, if it is there and whole.
    pub fn find(&self, name: &str) -> Option<Mapped> {
        let file = File::open(self.path(name)).ok()?;
        let map = map(&file).ok()?;
        let content = checked(&map, name)?;
        // Says that it is still used; without, it is only removed earlier.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let kept = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let _too_old_soon = futimens(&file, &Timestamps { last_access: kept, last_modification: now });
        Some(Mapped { map, content })
    }

    /// Keeps the bytes under the name: written beside, then renamed, so that readers see all or nothing.
    pub fn keep(&self, name: &str, content: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut beside = tempfile::NamedTempFile::new_in(&self.folder)?;
        beside.write_all(&header(name, content))?;
        beside.write_all(name.as_bytes())?;
        beside.write_all(content)?;
        beside.persist(self.path(name)).map_err(|error| error.error)?;
        self.clean(&self.path(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
        self.folder.join(format!("{}.index", name.chars().map(safe).collect::<String>()))
    }

    /// Removes what was not used for longest, but never what was just kept.
    fn clean(&self, fresh: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => {
                    files.push(((metadata.mtime(), metadata.mtime_nsec()), metadata.len(), entry.path()));
                }
                // Another process may have removed it meanwhile.
                _ => {}
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        let mut count = files.len();
        for (_, length, path) in files {
            if total <= LARGEST_TOTAL && count <= MOST_FILES {
                break;
            }
            if path != fresh {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                total -= length;
                count -= 1;
            }
        }
        Ok(())
    }
}

fn header(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&u32::try_from(name.len()).unwrap_or(u32::MAX).to_le_bytes());
    header.extend_from_slice(&sum(name.as_bytes(), content).to_le_bytes());
    header.extend_from_slice(&(content.len() as u64).to_le_bytes());
    header
}

/// Where the content is, if the whole file is what was written.
fn checked(bytes: &[u8], name: &str) -> Option<Range<usize>> {
    let start = HEADER + name.len();
    let content = bytes.get(start..)?;
    let right = bytes[..HEADER] == header(name, content)[..] && bytes[HEADER..start] == *name.as_bytes();
    right.then_some(start..bytes.len())
}

fn sum(name: &[u8], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(name);
    hasher.update(content);
    hasher.finalize()
}

#[allow(unsafe_code, reason = "mapping a file is only sound while nobody changes it")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: files of this folder are written under another name and renamed when they are complete; nothing opens them for
    // writing after that, and cleaning unlinks them, which leaves a mapping as it is.
    unsafe { memmap2::MmapOptions::new().populate().map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_file(folder: &Path) -> PathBuf {
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.next().unwrap()
    }

    #[test]
    fn what_was_kept_is_found_by_its_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let cache = IndexCache::new(&folder.path().join("new"));
        assert!(cache.find("a:1").is_none());
        cache.keep("a:1", b"content").unwrap();
        assert_eq!(&*cache.find("a:1").unwrap(), b"content");
        assert!(cache.find("a-1").is_none(), "the same file, but made from something else");
        cache.keep("a:1", b"").unwrap();
        assert_eq!(&*cache.find("a:1").unwrap(), b"");
    }

    #[test]
    fn no_damage_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = IndexCache::new(folder.path());
        cache.keep("a", b"some content").unwrap();
        let path = only_file(folder.path());
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.find("a").is_none(), "cut to {length}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert!(cache.find("a").is_none(), "changed at {at}");
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        assert!(cache.find("a").is_none());
    }

    #[test]
    fn the_folder_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let cache = IndexCache::new(folder.path());
        for number in 0..MOST_FILES + 5 {
            cache.keep(&format!("n{number}"), b"x").unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MOST_FILES);
        assert!(cache.find(&format!("n{}", MOST_FILES + 4)).is_some());
    }
}
