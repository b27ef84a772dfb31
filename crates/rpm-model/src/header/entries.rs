//! The index of a header: 16 bytes an entry (tag, type, offset, count), all big-endian.

use super::HeaderError;

/// One index entry whose place in the data was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Tag number.
    pub tag: u32,
    /// How the data is read.
    pub kind: EntryType,
    /// Start in the data store.
    pub offset: usize,
    /// Number of values.
    pub count: usize,
    /// Bytes in the data store.
    pub length: usize,
}

/// `rpmTagType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// No data.
    Null,
    /// Single characters.
    Char,
    /// 8-bit numbers.
    Int8,
    /// 16-bit numbers.
    Int16,
    /// 32-bit numbers.
    Int32,
    /// 64-bit numbers.
    Int64,
    /// One NUL-terminated string.
    String,
    /// Bytes.
    Binary,
    /// NUL-terminated strings.
    StringArray,
    /// NUL-terminated strings, one a language.
    I18nString,
}

impl EntryType {
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Null,
            1 => Self::Char,
            2 => Self::Int8,
            3 => Self::Int16,
            4 => Self::Int32,
            5 => Self::Int64,
            6 => Self::String,
            7 => Self::Binary,
            8 => Self::StringArray,
            9 => Self::I18nString,
            _ => return None,
        })
    }

    /// The number in the index.
    pub fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Char => 1,
            Self::Int8 => 2,
            Self::Int16 => 3,
            Self::Int32 => 4,
            Self::Int64 => 5,
            Self::String => 6,
            Self::Binary => 7,
            Self::StringArray => 8,
            Self::I18nString => 9,
        }
    }

    /// Whether the data is NUL-terminated text.
    pub fn is_string(self) -> bool {
        matches!(self, Self::String | Self::StringArray | Self::I18nString)
    }

    /// Bytes a value and its alignment in the data store; `None` for text.
    pub fn width(self) -> Option<usize> {
        match self {
            Self::Null => Some(0),
            Self::Char | Self::Int8 | Self::Binary => Some(1),
            Self::Int16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::String | Self::StringArray | Self::I18nString => None,
        }
    }
}

/// The strings of one entry.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Strings<'a> {
    pub(super) fn new(bytes: &'a [u8], count: usize) -> Self {
        Strings { rest: bytes, left: count }
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(text)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Strings<'_> {}

pub(super) fn parse(index: &[u8], data: &[u8], what: &'static str) -> Result<Vec<Entry>, HeaderError> {
    // rpm refuses entries that overlap (`hdrblobVerifyInfo`). Without that, each of 65,535 entries could claim all of the data.
    let mut unclaimed = data.len();
    index
        .chunks_exact(16)
        .enumerate()
        .map(|(position, bytes)| {
            let number =
                |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            let (tag, kind, offset, count) = (number(0), number(4), number(8) as usize, number(12) as usize);
            let wrong = |problem| HeaderError::Entry { what, index: position, tag, problem };
            let kind = EntryType::from_number(kind).ok_or_else(|| wrong("has an unknown type"))?;
            let rest = data.get(offset..).ok_or_else(|| wrong("starts after the data"))?;
            if kind.width().is_some_and(|width| width > 1 && offset % width != 0) {
                return Err(wrong("is not aligned"));
            }
            let length = match kind.width() {
                Some(width) => width.checked_mul(count).filter(|length| *length <= rest.len()),
                None => text_length(&rest[..rest.len().min(unclaimed)], count),
            }
            .ok_or_else(|| wrong("reaches beyond the data"))?;
            unclaimed = unclaimed.checked_sub(length).ok_or_else(|| wrong("shares data with others"))?;
            Ok(Entry { tag, kind, offset, count, length })
        })
        .collect()
}

fn text_length(bytes: &[u8], count: usize) -> Option<usize> {
    let mut length = 0;
    for _ in 0..count {
        length += bytes[length..].iter().position(|byte| *byte == 0)? + 1;
    }
    Some(length)
}
