//! A member of the `.deb`, compressed, in; the entries of the tar archive in it, with GNU's long names resolved, out.
//!
//! Nothing grows with what an archive claims: names, entries and plain bytes all have a limit that no package comes near.

use std::io::{self, Read};

use super::DebError;

/// Plain bytes for each compressed one: packages have less than a tenth of that.
const LARGEST_RATIO: u64 = 1000;
/// Plain bytes that are always allowed.
const ALWAYS_ALLOWED: u64 = 64 << 20;
/// Bytes that a decompressor may take; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;
/// Entries of one archive; the largest packages have a tenth of that.
const MOST_ENTRIES: u64 = 1 << 20;
/// Bytes of a name; Linux knows none longer than 4,096.
const LONGEST_NAME: u64 = 4096;
/// Bytes of all names together.
const MOST_NAME_BYTES: usize = 256 << 20;

/// The plain bytes of an archive.
pub(super) type Plain<'a> = Bounded<Box<dyn Read + 'a>>;

/// One entry.
pub(super) struct Entry<'entry, 'plain> {
    pub(super) inner: tar::Entry<'entry, Plain<'plain>>,
    pub(super) path: Vec<u8>,
    /// What a link points to.
    pub(super) target: Vec<u8>,
}

/// Hands every entry of the archive `name` (`data.tar.xz`, of so many compressed bytes) to `take`.
pub(super) fn each_entry(
    compressed: &mut dyn Read,
    (name, suffix, size): (&str, &str, u64),
    take: &mut dyn FnMut(Entry<'_, '_>) -> Result<(), DebError>,
) -> Result<(), DebError> {
    let damaged = |source: io::Error| damaged(name, source);
    let limit = size.saturating_mul(LARGEST_RATIO).max(ALWAYS_ALLOWED);
    let plain = Bounded { inner: decompress(compressed, suffix, name)?, left: limit };
    let mut archive = tar::Archive::new(plain);
    let (mut long_path, mut long_target) = (None, None);
    let (mut entries, mut name_bytes) = (0, 0);
    // As they stand: the reader's own way with long names would read them whatever their length.
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        match entry.header().entry_type() {
            tar::EntryType::GNULongName => long_path = Some(long_name(&mut entry).map_err(damaged)?),
            tar::EntryType::GNULongLink => long_target = Some(long_name(&mut entry).map_err(damaged)?),
            _ => {
                let path = long_path.take().unwrap_or_else(|| entry.path_bytes().into_owned());
                let stated = || entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default();
                let target = long_target.take().unwrap_or_else(stated);
                entries += 1;
                name_bytes += path.len() + target.len();
                if entries > MOST_ENTRIES || name_bytes > MOST_NAME_BYTES {
                    return Err(damaged(io::Error::other(Excess("files", MOST_ENTRIES))));
                }
                take(Entry { inner: entry, path, target })?;
            }
        }
    }
    Ok(())
}

/// At most `limit` bytes of an entry, which has no more.
pub(super) fn read_small(entry: &mut impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(io::Error::other(Excess("bytes", limit))) } else { Ok(bytes) }
}

pub(super) fn damaged(part: &str, source: io::Error) -> DebError {
    let part = part.to_owned();
    match source.downcast::<Excess>() {
        Ok(Excess(what, limit)) => DebError::Excess { part, what, limit },
        Err(source) => DebError::Damaged { part, source },
    }
}

/// More of something than any package has; travels through readers as an error of the disk.
#[derive(Debug, thiserror::Error)]
#[error("more than {1} {0}")]
struct Excess(&'static str, u64);

/// A reader that fails after so many bytes.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(Excess("times its compressed size", LARGEST_RATIO)))?;
        Ok(count)
    }
}

fn long_name(entry: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut name = read_small(entry, LONGEST_NAME)?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.truncate(end);
    Ok(name)
}

fn decompress<'a>(
    compressed: &'a mut dyn Read,
    suffix: &str,
    name: &str,
) -> Result<Box<dyn Read + 'a>, DebError> {
    let damaged = |source| damaged(name, source);
    Ok(match suffix {
        "" => Box::new(compressed),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(compressed)),
        ".xz" => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
            let stream = stream.map_err(|error| damaged(error.into()))?;
            let buffered = io::BufReader::with_capacity(256 << 10, compressed);
            Box::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream))
        }
        ".zst" => Box::new(zstd::stream::read::Decoder::new(compressed).map_err(damaged)?),
        _ => return Err(DebError::Unsupported { part: "a member".to_owned(), found: name.to_owned() }),
    })
}
