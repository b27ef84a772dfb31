//! A database file that somebody else wrote, in; its header blobs, out. Nothing beside the file is written, no size or statement
//! in it is believed.
//!
//! rpm leaves a write-ahead log beside its database while it works and an empty one afterwards. A log with something in it, or
//! a journal that still has to be rolled back, is applied to a copy in a temporary folder.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::read::ReadError;

/// A header of more than this is none (`header.c: HEADER_DATA_MAX` and the index).
const LONGEST_BLOB: u64 = (256 << 20) + (1 << 20);

/// What a database holds.
pub(super) struct Stored {
    /// In the order of numbers.
    pub(super) blobs: Vec<(u32, Vec<u8>)>,
    /// The highest number that was ever in use.
    pub(super) last_number: u32,
}

pub(super) fn stored(database: &Path) -> Result<Stored, ReadError> {
    let size = std::fs::metadata(database).map_err(|source| unreadable(database, source))?.len();
    let copy = copy_with_log(database)?;
    let opened = match &copy {
        Some((_folder, copied)) => Connection::open_with_flags(copied, FLAGS_OF_COPY),
        None => Connection::open_with_flags(immutable(database), FLAGS_IN_PLACE),
    };
    let logged = copy.as_ref().map_or(0, |(_, copied)| size_of(&beside(copied, "-wal")));
    let sqlite = |source| ReadError::sqlite(database, source);
    let connection = opened.map_err(sqlite)?;
    read(&connection, size.saturating_add(logged)).map_err(|problem| match problem {
        Problem::Sqlite(source) => sqlite(source),
        Problem::Untrue(problem) => ReadError::Untrue { database: database.to_owned(), problem },
    })
}

const FLAGS_OF_COPY: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
const FLAGS_IN_PLACE: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX).union(OpenFlags::SQLITE_OPEN_URI);

enum Problem {
    Sqlite(rusqlite::Error),
    Untrue(&'static str),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Problem::Sqlite(error)
    }
}

fn read(connection: &Connection, size: u64) -> Result<Stored, Problem> {
    // The file may come from anywhere: no function or virtual table of it may run.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")?;
    let kind: String = connection
        .query_row("SELECT type || ' ' || sql FROM sqlite_schema WHERE name = 'Packages'", [], |row| {
            row.get(0)
        })
        .map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Problem::Untrue("it has no table `Packages`"),
            error => Problem::Sqlite(error),
        })?;
    if !kind.starts_with("table CREATE TABLE") {
        return Err(Problem::Untrue("its `Packages` is no table"));
    }
    let mut select = connection.prepare("SELECT hnum, length(blob), blob FROM 'Packages' ORDER BY hnum")?;
    let mut rows = select.query([])?;
    let (mut blobs, mut total) = (Vec::new(), 0_u64);
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(0)?;
        let length = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(u64::MAX);
        total = total.saturating_add(length);
        if length > LONGEST_BLOB || total > size {
            return Err(Problem::Untrue("its headers are larger than the file"));
        }
        blobs.push((number, row.get(2)?));
    }
    let highest = blobs.last().map_or(0, |(number, _)| *number);
    let sequence = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'Packages'", [], |row| row.get::<_, i64>(0))
        .ok()
        .and_then(|sequence| u32::try_from(sequence).ok());
    Ok(Stored { blobs, last_number: sequence.unwrap_or(0).max(highest) })
}

/// The database with its log, where there is something in it, in a folder of their own.
fn copy_with_log(database: &Path) -> Result<Option<(tempfile::TempDir, PathBuf)>, ReadError> {
    let pending: Vec<&str> =
        ["-wal", "-journal"].into_iter().filter(|suffix| size_of(&beside(database, suffix)) > 0).collect();
    if pending.is_empty() {
        return Ok(None);
    }
    let failed = |source| unreadable(database, source);
    let folder = tempfile::tempdir().map_err(failed)?;
    let copied = folder.path().join("rpmdb.sqlite");
    std::fs::copy(database, &copied).map_err(failed)?;
    for suffix in pending {
        std::fs::copy(beside(database, suffix), beside(&copied, suffix)).map_err(failed)?;
    }
    Ok(Some((folder, copied)))
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn size_of(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())
}

/// SQLite then takes no lock and makes no file: read-only media hold databases too.
fn immutable(database: &Path) -> String {
    let path: String = database
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(*byte).to_string()
            }
            byte => format!("%{byte:02x}"),
        })
        .collect();
    format!("file:{path}?immutable=1")
}

fn unreadable(database: &Path, source: std::io::Error) -> ReadError {
    ReadError::Unreadable { database: database.to_owned(), source }
}
