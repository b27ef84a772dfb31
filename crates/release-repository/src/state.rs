//! A repository as a value: the files of its metadata in, what is published and what waits for signatures out.

use std::collections::BTreeMap;

use serde::Deserialize;
use tough::schema::{Root, Signed, Snapshot, Targets, Timestamp};

use crate::role::{self, Metadata, RoleName};

/// Metadata that is published, and metadata that is not signed enough to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repository {
    /// What clients see; none before the first publication.
    pub(crate) published: Option<Published>,
    /// What comes next.
    pub(crate) staged: Staged,
}

/// What clients see.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// Every root from the first, each signed by the one before it.
    pub roots: Vec<Signed<Root>>,
    pub targets: Signed<Targets>,
    pub snapshot: Signed<Snapshot>,
    pub timestamp: Signed<Timestamp>,
}

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Staged {
    pub root: Option<Signed<Root>>,
    pub targets: Option<Signed<Targets>>,
    pub snapshot: Option<Signed<Snapshot>>,
    pub timestamp: Option<Signed<Timestamp>>,
}

/// Why files are not the metadata of a repository.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is none.
    #[error("there is no metadata/1.root.json; begin a repository with `lazuli release init`")]
    Absent,
    /// A file that another names is not there.
    #[error("{file} is missing, which {named_by} names; restore it from a copy of the repository")]
    Missing {
        /// The file.
        file: String,
        /// What names it.
        named_by: String,
    },
    /// Not the metadata of its role; the cause names line and column.
    #[error("{file} cannot be read")]
    Json {
        /// The file.
        file: String,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// It says something else of itself than its name does.
    #[error("{file} is of version {found}")]
    Version {
        /// The file.
        file: String,
        /// The version that it states.
        found: u64,
    },
    /// Nobody who may has signed it.
    #[error(
        "{file} has {valid} of the {needed} signatures that it needs by {root}; it was not made by the repository's keys: restore it from a copy"
    )]
    Signatures {
        /// The file.
        file: String,
        /// The root that says who may sign.
        root: String,
        /// Right signatures.
        valid: u64,
        /// Needed signatures.
        needed: u64,
    },
    /// Other bytes than the parent names.
    #[error(
        "{file} is not the file that {named_by} names: its length or SHA-256 differs; restore it from a copy"
    )]
    Digest {
        /// The file.
        file: String,
        /// What names it.
        named_by: String,
    },
}

/// Where the files of a repository are, below its folder.
pub const METADATA: &str = "metadata";
/// Files that are published.
pub const TARGETS: &str = "targets";
/// Metadata that waits for signatures; no client looks here.
pub const STAGED: &str = "staged";

impl Repository {
    /// Reads metadata from its files: paths below the repository's folder, and bytes. All of it must be signed by whom
    /// the roots name; whether it has expired is asked elsewhere.
    pub fn parse(files: &BTreeMap<String, Vec<u8>>) -> Result<Repository, StateError> {
        let roots = read_roots(files)?;
        let mut staged = Staged {
            root: read_staged(files)?,
            targets: read_staged(files)?,
            snapshot: read_staged(files)?,
            timestamp: read_staged(files)?,
        };
        if roots.is_empty() && staged.root.is_none() {
            return Err(StateError::Absent);
        }
        let timestamp_file = format!("{METADATA}/timestamp.json");
        let published = match (roots.is_empty(), files.get(&timestamp_file)) {
            // The first publication ends with the timestamp: without it there was none.
            (true, _) | (false, None) => None,
            (false, Some(bytes)) => Some(read_published(files, roots, &timestamp_file, bytes)?),
        };
        if let Some(published) = &published {
            // A publication that was cut short at its very end left behind what it had published.
            drop_old(&mut staged.root, &published.roots[published.roots.len() - 1]);
            drop_old(&mut staged.targets, &published.targets);
            drop_old(&mut staged.snapshot, &published.snapshot);
            drop_old(&mut staged.timestamp, &published.timestamp);
        } else if staged.root.is_none() || staged.targets.is_none() {
            return Err(StateError::Missing { file: timestamp_file, named_by: root_file(1) });
        }
        Ok(Repository { published, staged })
    }

    /// The root that holds for what comes next.
    pub(crate) fn root(&self) -> Option<&Root> {
        let published = self.published.as_ref().and_then(|published| published.roots.last());
        self.staged.root.as_ref().or(published).map(|signed| &signed.signed)
    }

    /// The targets that hold for what comes next.
    pub(crate) fn targets(&self) -> Option<&Targets> {
        let published = self.published.as_ref().map(|published| &published.targets);
        self.staged.targets.as_ref().or(published).map(|signed| &signed.signed)
    }

    /// Whether something waits for signatures.
    pub fn is_staged(&self) -> bool {
        self.staged != Staged::default()
    }
}

impl Published {
    pub fn root(&self) -> &Root {
        &self.roots.last().expect("a published repository has its first root").signed
    }
}

/// The file in `metadata/` that a role's metadata is published as.
pub(crate) fn published_file<T: Metadata>(signed: &Signed<T>) -> String {
    match T::NAME {
        RoleName::Timestamp => format!("{METADATA}/timestamp.json"),
        name => format!("{METADATA}/{}.{name}.json", signed.signed.version()),
    }
}

/// The file in `staged/` in which a role's metadata waits.
pub(crate) fn staged_file(name: RoleName) -> String {
    format!("{STAGED}/{name}.json")
}

fn read_roots(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Signed<Root>>, StateError> {
    let mut roots: Vec<Signed<Root>> = Vec::new();
    while let Some(bytes) = files.get(&root_file(roots.len() as u64 + 1)) {
        let file = root_file(roots.len() as u64 + 1);
        let root: Signed<Root> = read(&file, bytes)?;
        check_version(&file, &root, roots.len() as u64 + 1)?;
        // TUF 5.3.4: each root is signed by the keys of the one before, and by its own.
        if let Some(former) = roots.last() {
            check_signatures(&file, &root, &former.signed)?;
        }
        check_signatures(&file, &root, &root.signed)?;
        roots.push(root);
    }
    Ok(roots)
}

fn root_file(version: u64) -> String {
    format!("{METADATA}/{version}.root.json")
}

fn read_published(
    files: &BTreeMap<String, Vec<u8>>,
    roots: Vec<Signed<Root>>,
    timestamp_file: &str,
    timestamp: &[u8],
) -> Result<Published, StateError> {
    let timestamp: Signed<Timestamp> = read(timestamp_file, timestamp)?;
    check_by_either(timestamp_file, &timestamp, &roots)?;
    let snapshot: Signed<Snapshot> = read_named(files, &roots, &timestamp.signed.meta, timestamp_file)?;
    let snapshot_file = published_file(&snapshot);
    let targets: Signed<Targets> = read_named(files, &roots, &snapshot.signed.meta, &snapshot_file)?;
    Ok(Published { roots, targets, snapshot, timestamp })
}

fn read_named<T: Metadata>(
    files: &BTreeMap<String, Vec<u8>>,
    roots: &[Signed<Root>],
    meta: &std::collections::HashMap<String, tough::schema::Metafile>,
    named_by: &str,
) -> Result<Signed<T>, StateError> {
    let name = format!("{}.json", T::NAME);
    let missing = |file: &str| StateError::Missing { file: file.to_owned(), named_by: named_by.to_owned() };
    let description = meta.get(&name).ok_or_else(|| missing(&name))?;
    let file = format!("{METADATA}/{}.{name}", description.version);
    let bytes = files.get(&file).ok_or_else(|| missing(&file))?;
    let digest = release::Sha256Digest::of(bytes);
    let hash_differs = |hashes: &tough::schema::Hashes| hashes.sha256[..] != digest.bytes()[..];
    if description.length.is_some_and(|length| length != bytes.len() as u64)
        || description.hashes.as_ref().is_some_and(hash_differs)
    {
        return Err(StateError::Digest { file, named_by: named_by.to_owned() });
    }
    let signed: Signed<T> = read(&file, bytes)?;
    check_version(&file, &signed, description.version.get())?;
    check_by_either(&file, &signed, roots)?;
    Ok(signed)
}

fn read_staged<T: Metadata>(files: &BTreeMap<String, Vec<u8>>) -> Result<Option<Signed<T>>, StateError> {
    let file = staged_file(T::NAME);
    files.get(&file).map(|bytes| read(&file, bytes)).transpose()
}

fn read<T: Metadata>(file: &str, bytes: &[u8]) -> Result<Signed<T>, StateError> {
    /// The metadata's own tag is checked by hand: readers of tagged structures skip it.
    #[derive(Deserialize)]
    struct Tagged {
        signed: Tag,
    }
    #[derive(Deserialize)]
    struct Tag {
        #[serde(rename = "_type")]
        kind: RoleName,
    }
    let failed = |cause| StateError::Json { file: file.to_owned(), cause };
    let tag: Tagged = serde_json::from_slice(bytes).map_err(failed)?;
    if tag.signed.kind != T::NAME {
        let message = format!("it is metadata of the role {}", tag.signed.kind);
        return Err(failed(serde::de::Error::custom(message)));
    }
    serde_json::from_slice(bytes).map_err(failed)
}

fn drop_old<T: Metadata>(staged: &mut Option<Signed<T>>, published: &Signed<T>) {
    if staged.as_ref().is_some_and(|staged| staged.signed.version() <= published.signed.version()) {
        *staged = None;
    }
}

fn check_version<T: Metadata>(file: &str, signed: &Signed<T>, expected: u64) -> Result<(), StateError> {
    let found = signed.signed.version().get();
    if found == expected { Ok(()) } else { Err(StateError::Version { file: file.to_owned(), found }) }
}

/// A publication that was cut short may have left the newest root beside metadata of the one before it.
fn check_by_either<T: Metadata>(
    file: &str,
    signed: &Signed<T>,
    roots: &[Signed<Root>],
) -> Result<(), StateError> {
    let (newest, before) = roots.split_last().expect("roots are read before what they sign");
    match before.last() {
        Some(former) if role::is_signed(&former.signed, signed) => Ok(()),
        _ => check_signatures(file, signed, &newest.signed),
    }
}

fn check_signatures<T: Metadata>(file: &str, signed: &Signed<T>, root: &Root) -> Result<(), StateError> {
    if role::is_signed(root, signed) {
        return Ok(());
    }
    let (valid, needed) = role::signatures(root, signed);
    Err(StateError::Signatures { file: file.to_owned(), root: root_file(root.version.get()), valid, needed })
}
