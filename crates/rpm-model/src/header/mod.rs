//! The bytes of a package before its payload (lead, signature header, main header) in; typed views of them out.
//! Layout: rpm's docs/manual/format_v4.md and format_v6.md. Lengths come from a stranger: all are checked.

mod entries;
mod paths;
mod tags;

pub use entries::{Entry, EntryType, Strings};
pub use tags::{Tag, dependency_flags, file_flags};

use std::io::Read;
use std::sync::Arc;

/// `0x8eade8` and version 1, before every header structure in a package file.
pub const HEADER_MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];

/// Length of the lead in bytes.
pub const LEAD_LENGTH: usize = 96;

/// rpm's own limits (`header.c`): more index entries or data bytes than this is not a header.
const MAXIMUM_ENTRIES: u32 = 0x0000_ffff;
const MAXIMUM_DATA: u32 = 0x0fff_ffff;

/// One header structure: an index of tags and their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Index length, data length, index, data: the form that signatures cover (after the magic) and rpmdb stores.
    bytes: Arc<[u8]>,
    entries: Vec<Entry>,
    data_start: usize,
}

/// The three parts in front of a package's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageHeaders {
    /// Name, version and type in the oldest form; only the format version still counts.
    pub lead: Lead,
    /// Digests and signatures.
    pub signature: Header,
    /// Everything else.
    pub main: Header,
    /// Offset of the main header's magic in the file.
    pub header_start: u64,
    /// Offset of the byte after the main header: where the payload starts.
    pub header_end: u64,
}

/// What the lead still tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead {
    /// 3 for format v3 and v4, 4 for v6 and later leads made by rpm 6.
    pub major: u8,
    /// Whether this is a source package.
    pub source: bool,
}

/// Why bytes are no package headers.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The bytes end too early.
    #[error("truncated: {what} needs {needed} bytes, {available} are there")]
    Truncated {
        /// Which part.
        what: &'static str,
        /// Bytes that part needs.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// No RPM package at all.
    #[error("not an RPM package: the first bytes are {0:02x?} instead of ed ab ee db")]
    NoPackage([u8; 4]),
    /// The header structure's magic is wrong.
    #[error("{what} does not start with the header magic 8e ad e8 01")]
    Magic {
        /// Which header.
        what: &'static str,
    },
    /// Counts beyond rpm's own limits.
    #[error("{what} claims {entries} entries and {data} data bytes: more than any package has")]
    Limits {
        /// Which header.
        what: &'static str,
        /// Index entries claimed.
        entries: u32,
        /// Data bytes claimed.
        data: u32,
    },
    /// An index entry points outside the data or has an impossible type.
    #[error("entry {index} (tag {tag}) of {what} {problem}")]
    Entry {
        /// Which header.
        what: &'static str,
        /// Position in the index.
        index: usize,
        /// Tag number.
        tag: u32,
        /// What is wrong.
        problem: &'static str,
    },
    /// The paths of its files, put together from folders and names, have a length that no package has.
    #[error("{what} states {bytes} bytes of paths: more than the {limit} that its size allows")]
    Paths {
        /// Which header.
        what: &'static str,
        /// Bytes of all paths.
        bytes: usize,
        /// The most for a header of its size.
        limit: usize,
    },
    /// The source of the bytes failed.
    #[error("the package cannot be read")]
    Read(#[from] std::io::Error),
}

impl PackageHeaders {
    /// Reads lead and both headers, and leaves `source` at the first byte of the payload.
    pub fn read(source: &mut impl Read) -> Result<Self, HeaderError> {
        let mut lead = [0u8; LEAD_LENGTH];
        read_exactly(source, &mut lead, "the lead")?;
        let lead = Lead::parse(&lead)?;
        let signature = read_header(source, "the signature header")?;
        // The signature header is padded so that the main header starts at a multiple of eight.
        let padding = (8 - signature.bytes.len() % 8) % 8;
        read_exactly(source, &mut [0u8; 8][..padding], "the padding after the signature header")?;
        let header_start = (LEAD_LENGTH + HEADER_MAGIC.len() + signature.bytes.len() + padding) as u64;
        let main = read_header(source, "the main header")?;
        let header_end = header_start + (HEADER_MAGIC.len() + main.bytes.len()) as u64;
        Ok(PackageHeaders { lead, signature, main, header_start, header_end })
    }

    /// Reads the headers at the start of `bytes`; the payload starts at [`PackageHeaders::header_end`].
    pub fn parse(mut bytes: &[u8]) -> Result<Self, HeaderError> {
        PackageHeaders::read(&mut bytes)
    }
}

impl Lead {
    fn parse(bytes: &[u8; LEAD_LENGTH]) -> Result<Self, HeaderError> {
        let magic = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if magic != [0xed, 0xab, 0xee, 0xdb] {
            return Err(HeaderError::NoPackage(magic));
        }
        Ok(Lead { major: bytes[4], source: u16::from_be_bytes([bytes[6], bytes[7]]) == 1 })
    }
}

impl Header {
    /// Reads a header as rpmdb stores it: index length, data length, index, data, and no magic before them.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        Header::from_bytes(bytes.into(), "the header")
    }

    fn from_bytes(bytes: Arc<[u8]>, what: &'static str) -> Result<Self, HeaderError> {
        let truncated = |needed: usize| HeaderError::Truncated { what, needed, available: bytes.len() };
        let intro: [u8; 8] = bytes.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(|| truncated(8))?;
        let (count, data_length) = lengths(intro, what)?;
        let data_start = 8 + count * 16;
        if bytes.len() != data_start + data_length {
            return Err(truncated(data_start + data_length));
        }
        let entries = entries::parse(&bytes[8..data_start], &bytes[data_start..], what)?;
        let header = Header { bytes, entries, data_start };
        paths::check(&header, what)?;
        Ok(header)
    }

    /// Index length, data length, index and data, exactly as in the file after the magic.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The data store alone.
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.data_start..]
    }

    /// The index, in the order of the file (region tags included).
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a tag.
    pub fn entry(&self, tag: Tag) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag.0)
    }

    /// Whether the tag is there.
    pub fn has(&self, tag: Tag) -> bool {
        self.entry(tag).is_some()
    }

    /// The bytes of an entry's data.
    pub fn entry_bytes(&self, entry: &Entry) -> &[u8] {
        &self.data()[entry.offset..entry.offset + entry.length]
    }

    /// Raw data of a tag, whatever its type.
    pub fn bytes_of(&self, tag: Tag) -> Option<&[u8]> {
        self.entry(tag).map(|entry| self.entry_bytes(entry))
    }

    /// The first string of a tag, if it is UTF-8.
    pub fn string(&self, tag: Tag) -> Option<&str> {
        self.strings(tag).next().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// The first string of a tag with anything that is not UTF-8 replaced; empty when the tag is absent.
    pub fn text(&self, tag: Tag) -> String {
        self.strings(tag).next().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// All strings of a tag, as bytes without the final NUL; none when absent or of another type.
    pub fn strings(&self, tag: Tag) -> Strings<'_> {
        match self.entry(tag) {
            Some(entry) if entry.kind.is_string() => Strings::new(self.entry_bytes(entry), entry.count),
            _ => Strings::new(&[], 0),
        }
    }

    /// All strings of a tag with anything that is not UTF-8 replaced.
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        self.strings(tag).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// All numbers of a tag, widened; empty when absent or of another type.
    pub fn numbers(&self, tag: Tag) -> Vec<u64> {
        let Some(entry) = self.entry(tag) else { return Vec::new() };
        let bytes = self.entry_bytes(entry);
        match entry.kind {
            EntryType::Char | EntryType::Int8 => bytes.iter().map(|b| u64::from(*b)).collect(),
            EntryType::Int16 => big_endian::<2>(bytes),
            EntryType::Int32 => big_endian::<4>(bytes),
            EntryType::Int64 => big_endian::<8>(bytes),
            _ => Vec::new(),
        }
    }

    /// All numbers of a tag as 32 bits; larger ones are cut.
    pub fn numbers32(&self, tag: Tag) -> Vec<u32> {
        self.numbers(tag).into_iter().map(|n| u32::try_from(n).unwrap_or(u32::MAX)).collect()
    }

    /// The first number of a tag.
    pub fn number(&self, tag: Tag) -> Option<u64> {
        self.numbers(tag).first().copied()
    }
}

fn big_endian<const N: usize>(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks_exact(N)
        .map(|chunk| chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        .collect()
}

fn lengths(intro: [u8; 8], what: &'static str) -> Result<(usize, usize), HeaderError> {
    let [a, b, c, d, e, f, g, h] = intro;
    let (entries, data) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    if entries == 0 || entries > MAXIMUM_ENTRIES || data > MAXIMUM_DATA {
        return Err(HeaderError::Limits { what, entries, data });
    }
    Ok((entries as usize, data as usize))
}

fn read_header(source: &mut impl Read, what: &'static str) -> Result<Header, HeaderError> {
    let mut start = [0u8; 16];
    read_exactly(source, &mut start, what)?;
    if start[..8] != HEADER_MAGIC {
        return Err(HeaderError::Magic { what });
    }
    let intro: [u8; 8] = start[8..].try_into().expect("the second half of 16 bytes");
    let (count, data) = lengths(intro, what)?;
    let needed = 8 + count * 16 + data;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&intro);
    // Grows with what is really there: a claimed length alone allocates nothing.
    source.take((needed - 8) as u64).read_to_end(&mut bytes)?;
    if bytes.len() < needed {
        return Err(HeaderError::Truncated { what, needed, available: bytes.len() });
    }
    Header::from_bytes(bytes.into(), what)
}

fn read_exactly(source: &mut impl Read, target: &mut [u8], what: &'static str) -> Result<(), HeaderError> {
    let mut filled = 0;
    while filled < target.len() {
        match source.read(&mut target[filled..]) {
            Ok(0) => {
                return Err(HeaderError::Truncated { what, needed: target.len(), available: filled });
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
