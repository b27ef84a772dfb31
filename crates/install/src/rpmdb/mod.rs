//! Packages in the order of their installation, in; the rpm database that rpm 6.1 would have left, out.
//! The same packages give the same bytes. Nothing here installs a file or judges a package.
//!
//! A package's header goes in as it was signed; see `docs/design/0700-rpm-database.md` for what is written and why.

mod cookie;
mod database;
mod index_rows;
mod installed_header;
mod open;
mod public_key;
mod read;
mod rich_atoms;

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use cookie::cookie;
pub use database::DatabaseError;
pub use installed_header::UnstorableHeader;
pub use public_key::KeyError;
pub use read::{InstalledRecord, InstalledSystem, ReadError, read, read_system};

use database::StoredPackage;
use rpm_model::header::{Header, HeaderError, PackageHeaders, Tag};

/// The database's name in its directory (`/usr/lib/sysimage/rpm` in the root).
pub const DATABASE_FILE: &str = "rpmdb.sqlite";
/// The transaction lock beside it: rpm opens read-only media only where this exists.
pub const LOCK_FILE: &str = ".rpm.lock";

/// What became of a file of a package, as rpm stores it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FileState {
    /// On disk as packaged.
    Normal = 0,
    /// Another package's file took its place.
    Replaced = 1,
    /// Left out: documentation or languages that were not wanted.
    NotInstalled = 2,
    /// On a file system shared by the network.
    NetShared = 3,
    /// Left out for another word size's file.
    WrongColour = 4,
}

impl FileState {
    /// Whether the file is on disk by the package's doing.
    pub fn is_installed(self) -> bool {
        matches!(self, Self::Normal | Self::NetShared)
    }

    /// The state that a database says by a number.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Normal, Self::Replaced, Self::NotInstalled, Self::NetShared, Self::WrongColour]
            .into_iter()
            .find(|state| *state as u64 == number)
    }
}

/// The digests of a whole package file, which rpm keeps since 6.0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackageDigests {
    /// SHA-256 of every byte of the file.
    pub sha256: [u8; 32],
    /// SHA-512 of every byte of the file.
    pub sha512: [u8; 64],
}

/// A package and the facts of its installation.
#[derive(Clone, Copy, Debug)]
pub struct InstalledPackage<'a> {
    /// The headers of the package file.
    pub headers: &'a PackageHeaders,
    /// A state for each file of the header, in its order.
    pub file_states: &'a [FileState],
    /// Seconds since 1970; rpm steps one second a package when SOURCE_DATE_EPOCH is set.
    pub install_time: u32,
    /// The transaction's number: its start in seconds since 1970.
    pub transaction_id: u32,
    /// `%_transaction_color`: 3 on x86-64.
    pub colour: u32,
    /// The digests of the package file.
    pub digests: PackageDigests,
}

/// Why the database was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A package's header cannot be stored.
    #[error("the header of {name} cannot be stored in the rpm database")]
    Header {
        /// The package's name.
        name: String,
        /// What is wrong.
        source: UnstorableHeader,
    },
    /// A header that was put together does not read back.
    #[error("the stored header of {name} would be damaged")]
    Stored {
        /// The package's name.
        name: String,
        /// What is wrong.
        source: HeaderError,
    },
    /// A key cannot be stored.
    #[error("key file {position} cannot be stored in the rpm database")]
    Key {
        /// The key file's place in the order given, from 1.
        position: usize,
        /// What is wrong.
        source: KeyError,
    },
    /// The file could not be made.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A file of OpenPGP certificates that rpm shall trust.
#[derive(Clone, Copy, Debug)]
pub struct TrustedKeys<'a> {
    /// The file, armored or not.
    pub file: &'a [u8],
    /// Seconds since 1970: when it was imported.
    pub transaction_id: u32,
}

/// Writes the database and its lock into `directory`, which is made if missing; one that exists is replaced when the new one is whole.
pub fn write<'a>(
    directory: &Path,
    packages: impl IntoIterator<Item = InstalledPackage<'a>>,
) -> Result<(), WriteError> {
    write_with_keys(directory, &[], packages)
}

/// As [`write`], with keys imported before the first package was installed.
pub fn write_with_keys<'a>(
    directory: &Path,
    keys: &[TrustedKeys<'_>],
    packages: impl IntoIterator<Item = InstalledPackage<'a>>,
) -> Result<(), WriteError> {
    let keys = (1..).zip(keys).flat_map(|(position, keys)| store_keys(position, keys));
    let stored = keys.chain(packages.into_iter().map(|package| store(&package)));
    let numbered = stored.zip(1..).map(|(stored, number)| Ok(StoredPackage { number, ..stored? }));
    replace(directory, numbered, 0)
}

/// What an earlier database held and still holds, and what came after.
#[derive(Clone, Debug)]
pub struct Changed<'a> {
    /// Numbers and headers that stay, in the order of their numbers.
    pub kept: Vec<(u32, Vec<u8>)>,
    /// Packages that came, in the order of their installation.
    pub added: Vec<InstalledPackage<'a>>,
    /// The highest number that the earlier database had used.
    pub last_number: u32,
}

/// Writes the database that rpm leaves after a transaction: numbers of erased packages are not used again.
pub fn write_changed(directory: &Path, changed: Changed<'_>) -> Result<(), WriteError> {
    let last_number = changed.last_number;
    let kept = changed.kept.into_iter().map(|(number, blob)| {
        let header = Header::parse(&blob)
            .map_err(|source| WriteError::Stored { name: format!("package {number}"), source })?;
        Ok(StoredPackage { number, rows: index_rows::index_rows(&header), blob })
    });
    let added = changed.added.iter().zip(last_number.saturating_add(1)..);
    let added = added.map(|(package, number)| Ok(StoredPackage { number, ..store(package)? }));
    replace(directory, kept.chain(added), last_number)
}

/// A stored header in which some files have another state; everything else stays byte for byte.
pub fn with_states(header: &Header, files: &[usize], state: FileState) -> Vec<u8> {
    let mut blob = header.bytes().to_vec();
    if let Some(entry) = header.entry(Tag::FILE_STATES) {
        let start = header.bytes().len() - header.data().len() + entry.offset;
        for file in files.iter().filter(|file| **file < entry.length) {
            blob[start + file] = state as u8;
        }
    }
    blob
}

fn replace(
    directory: &Path,
    stored: impl Iterator<Item = Result<StoredPackage, WriteError>>,
    last_number: u32,
) -> Result<(), WriteError> {
    let io_error = |path: &Path, source: io::Error| DatabaseError::Write { path: path.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(|source| io_error(directory, source))?;
    let path = directory.join(DATABASE_FILE);
    let unfinished = directory.join(".rpmdb.sqlite.new");
    remove(&unfinished)?;
    let made =
        database::create(&unfinished, stored, last_number).and_then(|()| Ok(publish(&unfinished, &path)?));
    if made.is_err() {
        // The first error is the one to report.
        drop(std::fs::remove_file(&unfinished));
    }
    made?;
    let lock = directory.join(LOCK_FILE);
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&lock);
    opened
        .and_then(|file| file.set_permissions(Permissions::from_mode(0o644)))
        .map_err(|source| io_error(&lock, source))?;
    Ok(())
}

fn store(package: &InstalledPackage<'_>) -> Result<StoredPackage, WriteError> {
    let name = || package.headers.main.text(Tag::NAME);
    let blob = installed_header::installed_header(package)
        .map_err(|source| WriteError::Header { name: name(), source })?;
    let header = Header::parse(&blob).map_err(|source| WriteError::Stored { name: name(), source })?;
    Ok(StoredPackage { number: 0, rows: index_rows::index_rows(&header), blob })
}

fn store_keys(position: usize, keys: &TrustedKeys<'_>) -> Vec<Result<StoredPackage, WriteError>> {
    let headers = match public_key::key_headers(keys.file, keys.transaction_id) {
        Ok(headers) => headers,
        Err(source) => return vec![Err(WriteError::Key { position, source })],
    };
    let stored = |blob: Vec<u8>| match Header::parse(&blob) {
        Ok(header) => Ok(StoredPackage { number: 0, rows: index_rows::index_rows(&header), blob }),
        Err(source) => Err(WriteError::Stored { name: "gpg-pubkey".to_owned(), source }),
    };
    headers.into_iter().map(stored).collect()
}

fn publish(unfinished: &Path, path: &Path) -> Result<(), DatabaseError> {
    let write = |source| DatabaseError::Write { path: path.to_owned(), source };
    let file = File::open(unfinished).map_err(write)?;
    file.set_permissions(Permissions::from_mode(0o644)).map_err(write)?;
    file.sync_all().map_err(write)?;
    // A log of the database that was here before would be applied to the new one.
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        remove(&PathBuf::from(beside))?;
    }
    std::fs::rename(unfinished, path).map_err(write)
}

fn remove(path: &Path) -> Result<(), DatabaseError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DatabaseError::Write { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
