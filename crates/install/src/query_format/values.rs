//! A header's entry, in; its values as query formats see them, out.

use rpm_model::header::{EntryType, Header, Tag};

/// All values of a tag, of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Values {
    Numbers(Vec<u64>),
    Texts(Vec<Vec<u8>>),
    /// Bytes are one value.
    Binary(Vec<u8>),
}

impl Values {
    pub(super) fn count(&self) -> usize {
        match self {
            Values::Numbers(numbers) => numbers.len(),
            Values::Texts(texts) => texts.len(),
            Values::Binary(_) => 1,
        }
    }

    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Values::Texts(vec![text.into()])
    }

    pub(super) fn number(number: u64) -> Self {
        Values::Numbers(vec![number])
    }
}

/// What the header itself has.
pub(super) fn stored(header: &Header, tag: u32) -> Option<Values> {
    let tag = Tag(tag);
    let entry = header.entry(tag)?;
    Some(match entry.kind {
        EntryType::Null => return None,
        EntryType::Binary => Values::Binary(header.entry_bytes(entry).to_vec()),
        EntryType::String | EntryType::I18nString => {
            // Of several languages the first, which is the one without a name.
            Values::Texts(header.strings(tag).take(1).map(<[u8]>::to_vec).collect())
        }
        EntryType::StringArray => Values::Texts(header.strings(tag).map(<[u8]>::to_vec).collect()),
        EntryType::Char | EntryType::Int8 => {
            Values::Numbers(header.entry_bytes(entry).iter().map(|byte| u64::from(*byte)).collect())
        }
        EntryType::Int16 | EntryType::Int32 | EntryType::Int64 => Values::Numbers(header.numbers(tag)),
    })
}
