//! A header in; whether the paths that it states are in proportion to its size.

use super::{Header, HeaderError, Tag};

/// Paths have at most this many bytes for each byte of the header: in packages it is less than one.
const BYTES_PER_HEADER_BYTE: usize = 16;
/// And may always have so many.
const ALWAYS_ALLOWED: usize = 1 << 16;

/// Each path is put together from a folder's name and its own. One long folder's name and many short own ones would otherwise make
/// terabytes of paths from a header of some megabytes.
pub(super) fn check(header: &Header, what: &'static str) -> Result<(), HeaderError> {
    let limit = header.bytes().len() * BYTES_PER_HEADER_BYTE + ALWAYS_ALLOWED;
    let folders: Vec<usize> = header.strings(Tag::DIR_NAMES).map(<[u8]>::len).collect();
    let indexes = header.numbers(Tag::DIR_INDEXES);
    let lengths = indexes.iter().filter_map(|index| folders.get(usize::try_from(*index).ok()?));
    let names = header.bytes_of(Tag::BASE_NAMES).map_or(0, <[u8]>::len);
    let bytes = lengths.fold(names, |sum, length| sum.saturating_add(*length));
    if bytes > limit { Err(HeaderError::Paths { what, bytes, limit }) } else { Ok(()) }
}
