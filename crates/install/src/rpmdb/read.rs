//! A database file, in; the packages that it says are installed, out.

use std::path::{Path, PathBuf};

use rpm_model::Nevra;
use rpm_model::header::{Header, HeaderError};

use super::database::{self, DatabaseError};
use crate::package::installed_nevra;

/// Why the database could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is no rpm database, or is damaged.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A header in it is damaged.
    #[error("package {number} of the rpm database {database} is damaged")]
    Header {
        /// The database.
        database: PathBuf,
        /// The package's number in it.
        number: u32,
        /// What is wrong.
        source: HeaderError,
    },
}

/// The installed packages in the order of their installation; keys appear as `gpg-pubkey` packages of architecture `(none)`.
pub fn read(database: &Path) -> Result<Vec<Nevra>, ReadError> {
    let damaged = |number| move |source| ReadError::Header { database: database.to_owned(), number, source };
    database::blobs(database)?
        .into_iter()
        .map(|(number, blob)| Ok(installed_nevra(&Header::parse(&blob).map_err(damaged(number))?)))
        .collect()
}
