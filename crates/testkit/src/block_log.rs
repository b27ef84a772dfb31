//! The log of a disk's writes (Linux's dm-log-writes format, which QEMU's blklogwrites makes), in; what a power cut may leave of
//! them on the disk, out.
//!
//! A disk keeps what was written before its last flush. Of what was written after it, it may keep any part, in any order, and a
//! sector is the least that it writes whole.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Something that was done to the disk; places and lengths are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Bytes were written.
    Write {
        /// Where on the disk.
        place: u64,
        /// Where in the log's file the bytes are.
        bytes: Range<u64>,
        /// Whether they were durable at once.
        durable: bool,
    },
    /// A range lost its meaning; what is read there later is anything, and zeros here.
    Discard {
        /// Where on the disk.
        range: Range<u64>,
    },
    /// All that was written before became durable.
    Flush,
}

/// A log, whose bytes stay in its file.
#[derive(Debug)]
pub struct BlockLog {
    file: File,
    /// In the order of the disk.
    pub entries: Vec<Entry>,
}

/// Why a file is no log.
#[derive(Debug, thiserror::Error)]
pub enum BlockLogError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The log.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no log of a disk's writes", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

const MAGIC: u64 = 0x006a_7366_7773_6872;
const HEADER: usize = 32;
const FLUSH: u64 = 1;
const DURABLE: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// The least that a disk writes whole.
pub const SECTOR: u64 = 512;

impl BlockLog {
    /// Reads a log to its last whole entry: that of a killed machine does not say how many it has.
    pub fn open(path: &Path) -> Result<BlockLog, BlockLogError> {
        let failed = |source| BlockLogError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut header = [0; HEADER];
        let foreign = || BlockLogError::Foreign { path: path.to_owned() };
        read_at(&file, &mut header, 0).map_err(failed)?.then_some(()).ok_or_else(foreign)?;
        let sector = u64::from(u32::from_le_bytes([header[24], header[25], header[26], header[27]]));
        if number(&header, 0) != MAGIC || sector < SECTOR || !sector.is_power_of_two() {
            return Err(foreign());
        }
        let mut entries = Vec::new();
        let mut place = sector;
        while place + sector <= length && read_at(&file, &mut header, place).map_err(failed)? {
            let [start, count, flags, size] = [0, 8, 16, 24].map(|field| number(&header, field));
            let range = start * sector..(start + count) * sector;
            if flags & MARK != 0 {
                place += sector + size.next_multiple_of(sector);
                continue;
            }
            place += sector;
            if flags & FLUSH != 0 {
                entries.push(Entry::Flush);
            }
            if flags & DISCARD != 0 {
                entries.push(Entry::Discard { range });
            } else if count > 0 {
                let bytes = place..place + count * sector;
                place = bytes.end;
                if place > length {
                    break;
                }
                entries.push(Entry::Write { place: range.start, bytes, durable: flags & DURABLE != 0 });
            }
        }
        Ok(BlockLog { file, entries })
    }

    /// The writes that touch a range of the disk.
    pub fn writes_in(&self, range: &Range<u64>) -> impl Iterator<Item = &Entry> {
        let range = range.clone();
        self.entries.iter().filter(move |entry| match entry {
            Entry::Write { place, bytes, .. } => {
                overlap(&(*place..place + (bytes.end - bytes.start)), &range)
            }
            Entry::Discard { range: discarded } => overlap(discarded, &range),
            Entry::Flush => false,
        })
    }

    /// Does one entry to a disk.
    pub fn apply(&self, entry: &Entry, disk: &File) -> io::Result<()> {
        match entry {
            Entry::Flush => Ok(()),
            Entry::Discard { range } => write_zeros(disk, range),
            Entry::Write { place, bytes, .. } => self.copy(bytes.clone(), disk, *place),
        }
    }

    /// Does the first `count` sectors of a write to a disk, and leaves the rest as it was.
    pub fn apply_torn(&self, entry: &Entry, count: u64, disk: &File) -> io::Result<()> {
        match entry {
            Entry::Write { place, bytes, .. } => {
                let end = bytes.end.min(bytes.start + count * SECTOR);
                self.copy(bytes.start..end, disk, *place)
            }
            Entry::Flush | Entry::Discard { .. } => self.apply(entry, disk),
        }
    }

    /// Where the flushes are: entries before each of these places are durable together.
    pub fn flushes(&self) -> Vec<usize> {
        let flush = |(index, entry): (usize, &Entry)| matches!(entry, Entry::Flush).then_some(index);
        self.entries.iter().enumerate().filter_map(flush).collect()
    }

    fn copy(&self, bytes: Range<u64>, disk: &File, mut place: u64) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        let mut from = bytes.start;
        while from < bytes.end {
            let count = usize::try_from(bytes.end - from).unwrap_or(usize::MAX).min(buffer.len());
            self.file.read_exact_at(&mut buffer[..count], from)?;
            disk.write_all_at(&buffer[..count], place)?;
            from += count as u64;
            place += count as u64;
        }
        Ok(())
    }
}

/// The states that a power cut may leave of the entries between two flushes, as orders in which they are done: nothing, each
/// prefix, each alone, all but each, and all backwards.
pub fn orders(between: &Range<usize>) -> Vec<Vec<usize>> {
    let all: Vec<usize> = between.clone().collect();
    let prefixes = (0..=all.len()).map(|count| all[..count].to_vec());
    let alone = all.iter().map(|index| vec![*index]);
    let without = all.iter().map(|left| all.iter().copied().filter(|index| index != left).collect());
    let backwards = std::iter::once(all.iter().rev().copied().collect());
    let mut orders: Vec<Vec<usize>> = prefixes.chain(alone).chain(without).chain(backwards).collect();
    orders.sort();
    orders.dedup();
    orders
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

fn write_zeros(disk: &File, range: &Range<u64>) -> io::Result<()> {
    let zeros = vec![0; 1 << 16];
    let mut place = range.start;
    while place < range.end {
        let count = usize::try_from(range.end - place).unwrap_or(usize::MAX).min(zeros.len());
        disk.write_all_at(&zeros[..count], place)?;
        place += count as u64;
    }
    Ok(())
}

/// Whether the buffer could be filled.
fn read_at(file: &File, buffer: &mut [u8], place: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, place) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

fn number(bytes: &[u8; HEADER], place: usize) -> u64 {
    let digits = &bytes[place..place + 8];
    digits.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn sector(fields: [u64; 4]) -> Vec<u8> {
        let mut bytes: Vec<u8> = fields.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.resize(512, 0);
        bytes
    }

    fn log() -> (tempfile::NamedTempFile, BlockLog) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&sector([MAGIC, 1, 5, 512])).unwrap();
        for (fields, data) in [
            ([2, 2, 0, 0], vec![7; 1024]),
            ([0, 0, FLUSH, 0], Vec::new()),
            ([1, 1, DURABLE, 0], vec![8; 512]),
            ([0, 0, MARK, 600], vec![b'm'; 1024]),
            ([2, 1, DISCARD, 0], Vec::new()),
            // Cut off.
            ([0, 4, 0, 0], vec![9; 700]),
        ] {
            file.write_all(&sector(fields)).unwrap();
            file.write_all(&data).unwrap();
        }
        let log = BlockLog::open(file.path()).unwrap();
        (file, log)
    }

    #[test]
    fn entries_are_read_and_done_again() {
        let (_file, log) = log();
        let expected = [
            Entry::Write { place: 1024, bytes: 1024..2048, durable: false },
            Entry::Flush,
            Entry::Write { place: 512, bytes: 3072..3584, durable: true },
            Entry::Discard { range: 1024..1536 },
        ];
        assert_eq!(log.entries, expected);
        assert_eq!(log.flushes(), [1]);
        assert_eq!(log.writes_in(&(1024..1100)).count(), 2);
        let disk = tempfile::tempfile().unwrap();
        disk.set_len(2048).unwrap();
        let bytes = |disk: &File| {
            let mut bytes = [0; 4];
            for (number, byte) in bytes.iter_mut().enumerate() {
                disk.read_exact_at(std::slice::from_mut(byte), number as u64 * 512).unwrap();
            }
            bytes
        };
        log.apply_torn(&log.entries[0], 1, &disk).unwrap();
        assert_eq!(bytes(&disk), [0, 0, 7, 0]);
        log.apply(&log.entries[0], &disk).unwrap();
        assert_eq!(bytes(&disk), [0, 0, 7, 7]);
        for entry in &log.entries[1..] {
            log.apply(entry, &disk).unwrap();
        }
        assert_eq!(bytes(&disk), [0, 8, 0, 7]);
    }

    #[test]
    fn another_file_is_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(BlockLog::open(file.path()), Err(BlockLogError::Foreign { .. })));
        file.write_all(&[0; 512]).unwrap();
        assert!(matches!(BlockLog::open(file.path()), Err(BlockLogError::Foreign { .. })));
        let missing = BlockLog::open(Path::new("/nowhere/log")).unwrap_err();
        assert_eq!(missing.to_string(), "cannot read /nowhere/log");
    }

    #[test]
    fn orders_are_what_a_disk_may_do() {
        let said: Vec<String> = orders(&(3..6)).iter().map(|order| format!("{order:?}")).collect();
        let expected = ["[]", "[3]", "[3, 4]", "[3, 4, 5]", "[3, 5]", "[4]", "[4, 5]", "[5]", "[5, 4, 3]"];
        assert_eq!(said, expected);
        assert_eq!(orders(&(0..0)), [Vec::<usize>::new()]);
    }
}
