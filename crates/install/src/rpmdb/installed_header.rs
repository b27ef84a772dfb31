//! A package's two headers and the facts of its installation, in; the header that rpm stores for it, out.
//! The package's own header stays as it was signed; what rpm adds follows it, sorted by tag.

use rpm_model::header::{EntryType, Header, Tag};

use super::InstalledPackage;

const OLD_FILE_NAMES: Tag = Tag(1027);
const SOURCE_PACKAGE: Tag = Tag(1106);
/// Tags from here on are the old, private numbers of signature headers; format 6 ignores them.
const FIRST_LEGACY_SIGNATURE_TAG: u32 = 1000;
const OPENPGP_SHA256: u32 = 8;
const OPENPGP_SHA512: u32 = 10;

/// Why rpm would not store a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnstorableHeader {
    /// Older than rpm 4.
    #[error("it is of format 3 (no immutable region, or one list of whole file names)")]
    Format3,
    /// The signature header contradicts the main one, or has a value of the wrong type or number.
    #[error("its signature tag {0} is invalid")]
    SignatureTag(u32),
    /// The caller's states do not fit the file list.
    #[error("it lists {files} files, but {states} file states were given")]
    FileStates {
        /// Files in the header.
        files: usize,
        /// States given.
        states: usize,
    },
    /// More than a header may hold.
    #[error("it would grow beyond what rpm reads")]
    TooLarge,
}

/// A value that rpm adds to a package's header.
#[derive(Clone, Debug)]
pub(super) struct Addition {
    pub(super) tag: Tag,
    pub(super) kind: EntryType,
    pub(super) count: usize,
    pub(super) data: Vec<u8>,
}

impl Addition {
    pub(super) fn integers(tag: Tag, values: &[u32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        Self { tag, kind: EntryType::Int32, count: values.len(), data }
    }

    pub(super) fn text(tag: Tag, value: &str) -> Self {
        Self { tag, kind: EntryType::String, count: 1, data: nul_terminated(&[value]) }
    }

    pub(super) fn texts(tag: Tag, values: &[&str]) -> Self {
        Self { tag, kind: EntryType::StringArray, count: values.len(), data: nul_terminated(values) }
    }
}

/// The header as rpm 6.1 stores it after installing the package.
pub(super) fn installed_header(package: &InstalledPackage<'_>) -> Result<Vec<u8>, UnstorableHeader> {
    let main = &package.headers.main;
    let has_region = main.entries().first().is_some_and(|entry| entry.tag == Tag::HEADER_IMMUTABLE.0);
    if !has_region || main.has(OLD_FILE_NAMES) {
        return Err(UnstorableHeader::Format3);
    }
    let mut additions = translated(&package.headers.signature, main)?;
    if !main.has(Tag::SOURCE_RPM) && !main.has(SOURCE_PACKAGE) {
        // rpm tells binary packages from source packages by this tag and sees to it that one of them is there.
        additions.push(Addition::text(Tag::SOURCE_RPM, "(none)"));
    }
    additions.extend(installation(package)?);
    append(main, additions)
}

/// A header with additions after its region, each aligned, sorted by tag.
pub(super) fn append(header: &Header, mut additions: Vec<Addition>) -> Result<Vec<u8>, UnstorableHeader> {
    const INTRO: usize = 8;
    let number = |count: usize| u32::try_from(count).map_err(|_| UnstorableHeader::TooLarge);
    additions.sort_by_key(|addition| addition.tag.0);
    let index_end = header.bytes().len() - header.data().len();
    let mut index = header.bytes()[INTRO..index_end].to_vec();
    let mut data = header.data().to_vec();
    for addition in &additions {
        let alignment = addition.kind.width().unwrap_or(1).max(1);
        data.resize(data.len().next_multiple_of(alignment), 0);
        for field in [addition.tag.0, addition.kind.number(), number(data.len())?, number(addition.count)?] {
            index.extend(field.to_be_bytes());
        }
        data.extend(&addition.data);
    }
    let entries = number(header.entries().len() + additions.len())?;
    Ok([&entries.to_be_bytes()[..], &number(data.len())?.to_be_bytes(), &index, &data].concat())
}

/// How a tag of the signature header is named in the main one (`lib/package.cc: xlateTags`).
struct Translation {
    signature: u32,
    main: Tag,
    kind: EntryType,
    /// How many values it must have; `None` is any number.
    count: Option<usize>,
    /// Format 4 may have it in the main header instead.
    in_either: bool,
}

const fn translation(signature: u32, main: Tag, kind: EntryType, count: Option<usize>) -> Translation {
    Translation { signature, main, kind, count, in_either: false }
}

const fn in_either(translation: Translation) -> Translation {
    Translation { in_either: true, ..translation }
}

const TRANSLATIONS: [Translation; 17] = [
    translation(1000, Tag::SIG_SIZE, EntryType::Int32, Some(1)),
    translation(1002, Tag::SIG_PGP, EntryType::Binary, None),
    translation(1004, Tag::SIG_MD5, EntryType::Binary, Some(16)),
    translation(1005, Tag::SIG_GPG, EntryType::Binary, None),
    in_either(translation(1007, Tag::ARCHIVE_SIZE, EntryType::Int32, Some(1))),
    in_either(translation(274, Tag::FILE_SIGNATURES, EntryType::StringArray, None)),
    in_either(translation(275, Tag::FILE_SIGNATURE_LENGTH, EntryType::Int32, Some(1))),
    translation(276, Tag::VERITY_SIGNATURES, EntryType::StringArray, None),
    translation(277, Tag::VERITY_SIGNATURE_ALGORITHM, EntryType::Int32, Some(1)),
    translation(269, Tag::SHA1_HEADER, EntryType::String, Some(1)),
    translation(273, Tag::SHA256_HEADER, EntryType::String, Some(1)),
    translation(279, Tag::SHA3_256_HEADER, EntryType::String, Some(1)),
    translation(267, Tag::DSA_HEADER, EntryType::Binary, None),
    translation(268, Tag::RSA_HEADER, EntryType::Binary, None),
    translation(270, Tag::LONG_SIG_SIZE, EntryType::Int64, Some(1)),
    translation(271, Tag::LONG_ARCHIVE_SIZE, EntryType::Int64, Some(1)),
    translation(278, Tag::OPEN_PGP, EntryType::StringArray, None),
];

fn translated(signature: &Header, main: &Header) -> Result<Vec<Addition>, UnstorableHeader> {
    let format = main.number(Tag::RPM_FORMAT).unwrap_or(0);
    let mut additions = Vec::new();
    for rule in &TRANSLATIONS {
        let invalid = UnstorableHeader::SignatureTag(rule.signature);
        let stored = signature.entry(Tag(rule.signature));
        if main.has(rule.main) {
            if format < 6 && rule.in_either && stored.is_none() {
                continue;
            }
            return Err(invalid);
        }
        if format >= 6 && rule.signature >= FIRST_LEGACY_SIGNATURE_TAG {
            continue;
        }
        let Some(entry) = stored else { continue };
        if entry.kind != rule.kind || rule.count.is_some_and(|count| count != entry.count) {
            return Err(invalid);
        }
        additions.push(Addition {
            tag: rule.main,
            kind: entry.kind,
            count: entry.count,
            data: signature.entry_bytes(entry).to_vec(),
        });
    }
    Ok(additions)
}

fn installation(package: &InstalledPackage<'_>) -> Result<Vec<Addition>, UnstorableHeader> {
    let main = &package.headers.main;
    let files = main.entry(Tag::BASE_NAMES).map_or(0, |entry| entry.count);
    let states = package.file_states.len();
    if states != files {
        return Err(UnstorableHeader::FileStates { files, states });
    }
    let mut additions = vec![
        Addition::integers(Tag::INSTALL_TID, &[package.transaction_id]),
        Addition::integers(Tag::INSTALL_TIME, &[package.install_time]),
        Addition::integers(Tag::INSTALL_COLOR, &[package.colour]),
    ];
    if files > 0 {
        let data = package.file_states.iter().map(|state| *state as u8).collect();
        additions.push(Addition { tag: Tag::FILE_STATES, kind: EntryType::Char, count: files, data });
    }
    if main.has(Tag::PREFIXES) && !main.has(Tag::INSTALLED_PREFIXES) {
        // A package that could be put elsewhere, and is not.
        let prefixes = main.texts(Tag::PREFIXES);
        let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
        additions.push(Addition::texts(Tag::INSTALLED_PREFIXES, &prefixes));
    }
    if !main.has(Tag::PACKAGE_DIGESTS) {
        let digests = [hex::encode(package.digests.sha256), hex::encode(package.digests.sha512)];
        additions.push(Addition::texts(Tag::PACKAGE_DIGESTS, &[&digests[0], &digests[1]]));
    }
    if !main.has(Tag::PACKAGE_DIGEST_ALGOS) {
        additions.push(Addition::integers(Tag::PACKAGE_DIGEST_ALGOS, &[OPENPGP_SHA256, OPENPGP_SHA512]));
    }
    Ok(additions)
}

fn nul_terminated(values: &[&str]) -> Vec<u8> {
    values.iter().flat_map(|value| value.bytes().chain([0])).collect()
}
