//! An rpm database, in; every table with its rows sorted, as text that can be compared, out.

use std::collections::BTreeMap;
use std::path::Path;

use rpm_model::header::{Header, Tag};
use rusqlite::types::Value;

/// Where rpm keeps it in a root.
pub(crate) const DATABASE: &str = "usr/lib/sysimage/rpm/rpmdb.sqlite";

/// Every table with its rows sorted, and the schema; without SQLite's own statistics, which depend on what was queried before.
pub(crate) fn tables(database: &Path) -> BTreeMap<String, Vec<String>> {
    // A copy: opening rpm's own would change it.
    let copy = tempfile::tempdir().expect("a directory for the copy");
    for suffix in ["", "-wal"] {
        let mut from = database.as_os_str().to_owned();
        from.push(suffix);
        if Path::new(&from).exists() {
            let to = copy.path().join(format!("copy.sqlite{suffix}"));
            std::fs::copy(from, to).expect("a copy of the database");
        }
    }
    let connection = rusqlite::Connection::open(copy.path().join("copy.sqlite")).expect("a database");
    let mut schema = connection.prepare("SELECT name, type, sql FROM sqlite_schema").expect("a schema");
    let entries = schema.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("rows");
    let entries: Vec<(String, String, String)> = entries.map(|row| row.expect("a row")).collect();
    let mut tables = BTreeMap::new();
    for (name, kind, sql) in &entries {
        if name == "sqlite_stat1" || name == "sqlite_stat4" {
            continue;
        }
        tables.insert(format!("{kind} {name}"), vec![sql.clone()]);
        if kind == "table" {
            tables.insert(name.clone(), rows(&connection, name));
        }
    }
    tables
}

fn rows(connection: &rusqlite::Connection, table: &str) -> Vec<String> {
    let mut select = connection.prepare(&format!("SELECT * FROM '{table}'")).expect("a table");
    let columns = select.column_count();
    let rows = select.query_map([], |row| {
        (0..columns).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>()
    });
    let mut rows: Vec<String> = rows.expect("rows").map(|row| print(&row.expect("a row"))).collect();
    rows.sort();
    rows
}

/// A cell in words; a header by the name of its package before its bytes.
fn print(row: &[Value]) -> String {
    let cells: Vec<String> = row
        .iter()
        .map(|value| match value {
            Value::Blob(bytes) => {
                let name = Header::parse(bytes).map(|header| header.text(Tag::NAME)).unwrap_or_default();
                format!("{name} x{}", hex::encode(bytes))
            }
            other => format!("{other:?}"),
        })
        .collect();
    cells.join(" | ")
}

/// What differs between two databases: table and the rows that only one has, long ones cut.
pub(crate) fn differences(theirs: &Path, ours: &Path) -> Vec<String> {
    let (theirs, ours) = (tables(theirs), tables(ours));
    let mut found = Vec::new();
    let none = Vec::new();
    let names: std::collections::BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    for name in names {
        let (left, right) = (theirs.get(name).unwrap_or(&none), ours.get(name).unwrap_or(&none));
        let cut = |row: &String| row.chars().take(200).collect::<String>();
        let only = |rows: &Vec<String>, other: &Vec<String>| -> Vec<String> {
            rows.iter().filter(|row| !other.contains(row)).map(cut).collect()
        };
        for row in only(left, right) {
            found.push(format!("{name}: only theirs has {row}"));
        }
        for row in only(right, left) {
            found.push(format!("{name}: only ours has {row}"));
        }
        if left != right && found.is_empty() {
            found.push(format!("{name}: rows are repeated in one"));
        }
    }
    found
}
