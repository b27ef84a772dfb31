//! A database file, in; the packages that it says are installed, out.

use std::path::{Path, PathBuf};

use rpm_model::header::{Header, HeaderError, Lead, PackageHeaders, Tag};
use rpm_model::{Checksum, FileFacts, Nevra, PackageRecord, RecordError};
use sha2::{Digest as _, Sha256};

use super::FileState;
use super::open::stored;
use crate::package::{ContentsError, PackageContents, installed_contents, installed_nevra};

/// Why the database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot read the rpm database {}", database.display())]
    Unreadable {
        /// The database.
        database: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// SQLite refused: a damaged file.
    #[error("the rpm database {} does not work as an SQLite file", database.display())]
    Sqlite {
        /// The database.
        database: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite reads it, but no rpm wrote it so.
    #[error("the rpm database {} is damaged: {problem}", database.display())]
    Untrue {
        /// The database.
        database: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A header in it is damaged.
    #[error("package {number} of the rpm database {} is damaged", database.display())]
    Header {
        /// The database.
        database: PathBuf,
        /// The package's number in it.
        number: u32,
        /// What is wrong.
        source: HeaderError,
    },
    /// A header in it says what no package may say.
    #[error("package {number} of the rpm database {} describes itself wrongly", database.display())]
    Contents {
        /// The database.
        database: PathBuf,
        /// The package's number in it.
        number: u32,
        /// What is wrong.
        source: ContentsError,
    },
}

impl ReadError {
    pub(super) fn sqlite(database: &Path, source: rusqlite::Error) -> Self {
        ReadError::Sqlite { database: database.to_owned(), source }
    }
}

/// Everything that a database says.
#[derive(Clone, Debug, Default)]
pub struct InstalledSystem {
    /// In the order of their numbers.
    pub packages: Vec<InstalledRecord>,
    /// The highest number that was ever in use; the next package gets the one after it.
    pub last_number: u32,
}

/// One installed package.
#[derive(Clone, Debug)]
pub struct InstalledRecord {
    /// Its number in the database.
    pub number: u32,
    /// Its header as the database holds it.
    pub header: Header,
    /// What the header says.
    pub contents: PackageContents,
    /// What became of each of its files.
    pub states: Vec<FileState>,
}

impl InstalledRecord {
    /// Whether it is a key, which rpm keeps as a package.
    pub fn is_key(&self) -> bool {
        self.contents.nevra.name == "gpg-pubkey"
    }

    /// The package as a repository would describe it; the digest of the stored header stands for that of the unknown file.
    pub fn package_record(&self) -> Result<PackageRecord, RecordError> {
        // The database holds what was in the signature header beside the rest.
        let headers = PackageHeaders {
            lead: Lead { major: 3, source: false },
            signature: self.header.clone(),
            main: self.header.clone(),
            header_start: 0,
            header_end: 0,
        };
        let facts = FileFacts {
            checksum: Checksum::sha256(&Sha256::digest(self.header.bytes()).into()),
            size: 0,
            time: 0,
            location: String::new(),
        };
        PackageRecord::from_headers(&headers, facts)
    }
}

/// The installed packages in the order of their installation; keys appear as `gpg-pubkey` packages of architecture `(none)`.
pub fn read(database: &Path) -> Result<Vec<Nevra>, ReadError> {
    let blobs = stored(database)?.blobs;
    blobs.iter().map(|(number, blob)| Ok(installed_nevra(&header(database, *number, blob)?))).collect()
}

/// The installed packages with all that a transaction needs to know of them.
pub fn read_system(database: &Path) -> Result<InstalledSystem, ReadError> {
    let stored = stored(database)?;
    let record = |(number, blob): (u32, Vec<u8>)| {
        let header = header(database, number, &blob)?;
        let wrong = |source| ReadError::Contents { database: database.to_owned(), number, source };
        let contents = installed_contents(&header).map_err(wrong)?;
        let states = states(&header, contents.files.len());
        Ok(InstalledRecord { number, header, contents, states })
    };
    let packages = stored.blobs.into_iter().map(record).collect::<Result<_, _>>()?;
    Ok(InstalledSystem { packages, last_number: stored.last_number })
}

fn header(database: &Path, number: u32, blob: &[u8]) -> Result<Header, ReadError> {
    Header::parse(blob).map_err(|source| ReadError::Header { database: database.to_owned(), number, source })
}

/// A file of unknown state is left alone, as by rpm: only what is installed is ever removed.
fn states(header: &Header, files: usize) -> Vec<FileState> {
    let mut states: Vec<FileState> = header
        .numbers(Tag::FILE_STATES)
        .into_iter()
        .map(|state| FileState::from_number(state).unwrap_or(FileState::NotInstalled))
        .collect();
    states.resize(files, FileState::NotInstalled);
    states
}
