//! A stored header, in; the rows that rpm puts into its index tables for it, out (`lib/rpmdb.cc: tag2index`).

use std::collections::BTreeSet;

use rpm_model::header::{EntryType, Header, Tag, dependency_flags};

use super::database::{INDEX_TABLES, IndexRow};
use super::rich_atoms;

/// Requirements that matter only while the package is being installed, and those that its removal needs.
const INSTALL_ONLY: u32 = dependency_flags::SCRIPT_PRE
    | dependency_flags::SCRIPT_POST
    | dependency_flags::RPMLIB
    | dependency_flags::KEYRING
    | dependency_flags::PRETRANS
    | dependency_flags::POSTTRANS;
const ERASE_ONLY: u32 = dependency_flags::SCRIPT_PREUN
    | dependency_flags::SCRIPT_POSTUN
    | dependency_flags::PREUNTRANS
    | dependency_flags::POSTUNTRANS;

/// The header tag of each table of [`INDEX_TABLES`].
const TAGS: [Tag; INDEX_TABLES.len()] = [
    Tag::NAME,
    Tag::BASE_NAMES,
    Tag::GROUP,
    Tag::REQUIRE_NAME,
    Tag::PROVIDE_NAME,
    Tag::CONFLICT_NAME,
    Tag::OBSOLETE_NAME,
    Tag::TRIGGER_NAME,
    Tag::DIR_NAMES,
    Tag::INSTALL_TID,
    Tag::SIG_MD5,
    Tag::SHA1_HEADER,
    Tag::FILE_TRIGGER_NAME,
    Tag::TRANS_FILE_TRIGGER_NAME,
    Tag::RECOMMEND_NAME,
    Tag::SUGGEST_NAME,
    Tag::SUPPLEMENT_NAME,
    Tag::ENHANCE_NAME,
];

/// All rows for a package, table by table in the order of [`INDEX_TABLES`].
pub(super) fn index_rows(header: &Header) -> Vec<IndexRow> {
    let mut rows = Vec::new();
    for (table, tag) in TAGS.into_iter().enumerate() {
        rows.extend(keys(header, tag).into_iter().map(|(key, position)| IndexRow { table, key, position }));
    }
    rows
}

type Keys = Vec<(Vec<u8>, u32)>;

fn keys(header: &Header, tag: Tag) -> Keys {
    let keys: Keys = values(header, tag).into_iter().zip(0..).collect();
    match tag {
        // rpm keeps this for packages without a group.
        Tag::GROUP if keys.is_empty() => vec![(b"Unknown".to_vec(), 0)],
        Tag::REQUIRE_NAME => with_rich_atoms(without_transient(keys, &header.numbers32(Tag::REQUIRE_FLAGS))),
        Tag::CONFLICT_NAME
        | Tag::SUGGEST_NAME
        | Tag::SUPPLEMENT_NAME
        | Tag::RECOMMEND_NAME
        | Tag::ENHANCE_NAME => with_rich_atoms(keys),
        Tag::TRIGGER_NAME => without_repeats(keys),
        Tag::FILE_TRIGGER_NAME => numbered_by(keys, &header.numbers32(Tag::FILE_TRIGGER_INDEX)),
        Tag::TRANS_FILE_TRIGGER_NAME => numbered_by(keys, &header.numbers32(Tag::TRANS_FILE_TRIGGER_INDEX)),
        _ => keys,
    }
}

fn values(header: &Header, tag: Tag) -> Vec<Vec<u8>> {
    let Some(entry) = header.entry(tag) else { return Vec::new() };
    match entry.kind {
        // A translated text is looked up without a locale: its first form.
        EntryType::I18nString => header.strings(tag).take(1).map(<[u8]>::to_vec).collect(),
        EntryType::String | EntryType::StringArray => header.strings(tag).map(<[u8]>::to_vec).collect(),
        // rpm writes numbers in the machine's order; every target is little-endian.
        EntryType::Int32 => {
            header.numbers32(tag).into_iter().map(|value| value.to_le_bytes().to_vec()).collect()
        }
        _ => vec![header.entry_bytes(entry).to_vec()],
    }
}

fn without_transient(keys: Keys, flags: &[u32]) -> Keys {
    keys.into_iter()
        .filter(|(_, position)| !flags.get(*position as usize).is_some_and(|flags| is_transient(*flags)))
        .collect()
}

fn is_transient(flags: u32) -> bool {
    flags & INSTALL_ONLY != 0 && flags & ERASE_ONLY == 0 && flags & dependency_flags::META == 0
}

fn with_rich_atoms(keys: Keys) -> Keys {
    keys.into_iter()
        .flat_map(|(key, position)| {
            let atoms = match std::str::from_utf8(&key) {
                Ok(text) if text.starts_with('(') => rich_atoms::index_names(text),
                _ => Vec::new(),
            };
            let atoms = atoms.into_iter().map(move |atom| (atom.into_bytes(), position));
            std::iter::once((key, position)).chain(atoms)
        })
        .collect()
}

fn without_repeats(keys: Keys) -> Keys {
    let mut seen = BTreeSet::new();
    keys.into_iter().filter(|(key, _)| seen.insert(key.clone())).collect()
}

fn numbered_by(keys: Keys, numbers: &[u32]) -> Keys {
    keys.into_iter()
        .map(|(key, position)| (key, numbers.get(position as usize).copied().unwrap_or(position)))
        .collect()
}
