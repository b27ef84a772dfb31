//! Header blobs and index rows, in; the SQLite file with rpm's schema, out.
//! Nothing here knows what a header says.

use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql, params};

/// Why the database file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite refused: a damaged file, a full disk.
    #[error("the rpm database {path} does not work as an SQLite file")]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A file beside or instead of the database could not be made.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What a key is in the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyType {
    Text,
    Blob,
}

/// One of rpm's index tables, named after its header tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexTable {
    pub(super) name: &'static str,
    pub(super) key: KeyType,
    /// The tag holds many values a package: rpm then indexes the package number too.
    pub(super) array: bool,
}

const fn text(name: &'static str, array: bool) -> IndexTable {
    IndexTable { name, key: KeyType::Text, array }
}

const fn blob(name: &'static str) -> IndexTable {
    IndexTable { name, key: KeyType::Blob, array: false }
}

/// The index tables in the order in which rpm makes them (`lib/rpmdb.cc: dbiTags`).
pub(super) const INDEX_TABLES: [IndexTable; 18] = [
    text("Name", false),
    text("Basenames", true),
    text("Group", false),
    text("Requirename", true),
    text("Providename", true),
    text("Conflictname", true),
    text("Obsoletename", true),
    text("Triggername", true),
    text("Dirnames", true),
    blob("Installtid"),
    blob("Sigmd5"),
    text("Sha1header", false),
    text("Filetriggername", true),
    text("Transfiletriggername", true),
    text("Recommendname", true),
    text("Suggestname", true),
    text("Supplementname", true),
    text("Enhancename", true),
];

/// A row of an index table, without the package's number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct IndexRow {
    /// Position in [`INDEX_TABLES`].
    pub(super) table: usize,
    /// Bytes of the key; text keys are UTF-8 in every sane package, but rpm does not ask.
    pub(super) key: Vec<u8>,
    /// Position of the value in its tag, or the file trigger's number.
    pub(super) position: u32,
}

/// A package as the database holds it.
pub(super) struct StoredPackage {
    pub(super) number: u32,
    pub(super) blob: Vec<u8>,
    pub(super) rows: Vec<IndexRow>,
}

/// A name and the numbers of the packages that have it.
pub(super) type NamedPackages = (Vec<u8>, Vec<u32>);

/// Makes the database at `path`, which must not exist yet; the numbers of packages ascend. `last_number` is the highest that
/// ever was in use: the next package gets the one after it.
pub(super) fn create<E: From<DatabaseError>>(
    path: &Path,
    packages: impl Iterator<Item = Result<StoredPackage, E>>,
    last_number: u32,
) -> Result<(), E> {
    let sqlite = |source| DatabaseError::Sqlite { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(sqlite)?;
    // Written beside and renamed when whole, so neither a rollback journal nor a sync per page is worth its time.
    connection
        .execute_batch("PRAGMA page_size = 4096; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        .map_err(sqlite)?;
    let transaction = connection.transaction().map_err(sqlite)?;
    transaction.execute_batch(&tables()).map_err(sqlite)?;
    {
        let mut put_package = transaction.prepare("INSERT INTO 'Packages' VALUES(?, ?)").map_err(sqlite)?;
        let mut put_row = INDEX_TABLES
            .iter()
            .map(|table| transaction.prepare(&format!("INSERT INTO '{}' VALUES(?, ?, ?)", table.name)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(sqlite)?;
        for package in packages {
            let package = package?;
            let number = package.number;
            put_package.execute(params![number, package.blob]).map_err(sqlite)?;
            for row in package.rows {
                let key = Key(&row.key, INDEX_TABLES[row.table].key);
                put_row[row.table].execute(params![key, number, row.position]).map_err(sqlite)?;
            }
        }
    }
    keep_last_number(&transaction, last_number).map_err(sqlite)?;
    transaction.execute_batch(&indexes()).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)?;
    connection.close().map_err(|(_, source)| sqlite(source))?;
    Ok(())
}

/// Numbers are never used twice, also when the newest package is gone (`AUTOINCREMENT`).
fn keep_last_number(connection: &Connection, last_number: u32) -> rusqlite::Result<()> {
    if last_number == 0 {
        return Ok(());
    }
    let raised = connection
        .execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'Packages'", [last_number])?;
    if raised == 0 {
        connection.execute("INSERT INTO sqlite_sequence VALUES('Packages', ?)", [last_number])?;
    }
    Ok(())
}

/// The distinct names with the numbers of their packages, as `rpmdbCookie` walks them: names in byte order.
pub(super) fn packages_by_name(path: &Path) -> Result<Vec<NamedPackages>, DatabaseError> {
    let sqlite = |source| DatabaseError::Sqlite { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    let mut select =
        connection.prepare("SELECT key, hnum FROM 'Name' ORDER BY key, rowid").map_err(sqlite)?;
    let mut rows = select.query([]).map_err(sqlite)?;
    let mut names: Vec<NamedPackages> = Vec::new();
    while let Some(row) = rows.next().map_err(sqlite)? {
        let key = match row.get_ref(0).map_err(sqlite)? {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => continue,
        };
        let number = row.get(1).map_err(sqlite)?;
        match names.last_mut() {
            Some((name, numbers)) if *name == key => numbers.push(number),
            _ => names.push((key, vec![number])),
        }
    }
    Ok(names)
}

fn tables() -> String {
    let mut statements = String::from(
        "CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);\n",
    );
    for table in INDEX_TABLES {
        let (name, key) = (
            table.name,
            match table.key {
                KeyType::Text => "TEXT",
                KeyType::Blob => "BLOB",
            },
        );
        // The type in quotes is rpm's: SQLite keeps the text of the statement, and so do we.
        statements.push_str(&format!(
            "CREATE TABLE IF NOT EXISTS '{name}' (key '{key}' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL, \
             FOREIGN KEY (hnum) REFERENCES 'Packages'(hnum));\n"
        ));
    }
    statements
}

fn indexes() -> String {
    let mut statements = String::new();
    for IndexTable { name, key, array } in INDEX_TABLES {
        if key == KeyType::Text {
            statements
                .push_str(&format!("CREATE INDEX IF NOT EXISTS '{name}_key_idx' ON '{name}'(key ASC);\n"));
        }
        if array {
            statements
                .push_str(&format!("CREATE INDEX IF NOT EXISTS '{name}_hnum_idx' ON '{name}'(hnum ASC);\n"));
        }
    }
    statements
}

/// A key in its column's type; bound as it is, also where a package's text is not UTF-8.
struct Key<'a>(&'a [u8], KeyType);

impl ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.1 {
            KeyType::Text => ValueRef::Text(self.0),
            KeyType::Blob => ValueRef::Blob(self.0),
        }))
    }
}
