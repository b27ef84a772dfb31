//! The lock of one component (`locks/<name>.lock`), as text in and out: which upstream commit it is made from, and what its
//! inputs were. [`read`], [`write`] and [`orphans`] touch the disk; nothing else here does.
//!
//! The file is one that azldev reads and writes, too: its keys mean the same here. `input-fingerprint` is what a release is
//! counted by: whoever changes it makes a new release. Its value is opaque here; that the inputs are those it was written for is
//! told by `inputs`, a key of ours that azldev passes over (and drops when it writes the file anew).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use host_tools::whole_file;
use serde::Deserialize;

/// The only version of the format.
const VERSION: i64 = 1;

/// What is locked of one component.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComponentLock {
    /// The upstream commit at the time of the first import: the history of ours begins after it. Never changed once written.
    pub import_commit: Option<String>,
    /// The upstream commit that sources are taken from.
    pub upstream_commit: Option<String>,
    /// How often it was released without any other change.
    pub manual_bump: u64,
    /// Whose change is a new release.
    pub input_fingerprint: Option<String>,
    /// What the upstream commit was resolved from.
    pub resolution_input_hash: Option<String>,
    /// The fingerprint of the inputs that `input_fingerprint` stands for, as [`crate::fingerprint`] counts it.
    pub inputs: Option<String>,
}

/// Why a lock is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// `read`, `write`, …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no TOML, or a value is of the wrong kind.
    #[error("{place}{line} is no lock: {said}")]
    Syntax {
        /// The file, and the commit where it is not the one on disk.
        place: String,
        /// `:12`, or nothing.
        line: String,
        /// What is wrong.
        said: String,
    },
    /// A version that this program does not know.
    #[error("{place} has version {version}; only version {VERSION} is known")]
    Version {
        /// The file, and the commit where it is not the one on disk.
        place: String,
        /// What it says.
        version: i64,
    },
    /// A name that is no file name.
    #[error("component {name:?} cannot have a lock: its name is no file name")]
    Name {
        /// The component.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    version: Option<i64>,
    import_commit: Option<String>,
    upstream_commit: Option<String>,
    manual_bump: Option<u64>,
    input_fingerprint: Option<String>,
    resolution_input_hash: Option<String>,
    inputs: Option<String>,
}

/// Reads a lock; `place` says in errors where the text is from. Keys that are not known are passed over.
pub fn parse(text: &str, place: &str) -> Result<ComponentLock, LockError> {
    let table: Table = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let line = line.map_or(String::new(), |line| format!(":{line}"));
        LockError::Syntax { place: place.to_owned(), line, said: error.message().to_owned() }
    })?;
    let version = table.version.unwrap_or(0);
    if version != VERSION {
        return Err(LockError::Version { place: place.to_owned(), version });
    }
    let stated = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(ComponentLock {
        import_commit: stated(table.import_commit),
        upstream_commit: stated(table.upstream_commit),
        manual_bump: table.manual_bump.unwrap_or(0),
        input_fingerprint: stated(table.input_fingerprint),
        resolution_input_hash: stated(table.resolution_input_hash),
        inputs: stated(table.inputs),
    })
}

/// The text of a lock; what is empty is left out.
pub fn print(lock: &ComponentLock) -> String {
    let mut text =
        format!("# Managed by azldev component update. Do not edit manually.\nversion = {VERSION}\n");
    let mut pair = |key: &str, value: &str| {
        text.push_str(&format!("{key} = {value}\n"));
    };
    let quoted = |value: &str| {
        // What a literal string cannot hold, a basic one can, escaped.
        if value.contains('\'') || value.chars().any(char::is_control) {
            toml::Value::String(value.to_owned()).to_string()
        } else {
            format!("'{value}'")
        }
    };
    let mut stated = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            pair(key, &quoted(value));
        }
    };
    stated("import-commit", &lock.import_commit);
    stated("upstream-commit", &lock.upstream_commit);
    if lock.manual_bump > 0 {
        pair("manual-bump", &lock.manual_bump.to_string());
    }
    let mut stated = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            pair(key, &quoted(value));
        }
    };
    stated("input-fingerprint", &lock.input_fingerprint);
    stated("resolution-input-hash", &lock.resolution_input_hash);
    stated("inputs", &lock.inputs);
    text
}

/// The file that a component's lock is kept in.
pub fn path(lock_dir: &Path, component: &str) -> Result<PathBuf, LockError> {
    let plain = !component.is_empty()
        && !component.starts_with('.')
        && !component.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    if !plain {
        return Err(LockError::Name { name: component.to_owned() });
    }
    Ok(lock_dir.join(format!("{component}.lock")))
}

/// The lock on disk, if there is one.
pub fn read(lock_dir: &Path, component: &str) -> Result<Option<ComponentLock>, LockError> {
    let path = path(lock_dir, component)?;
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path.display().to_string()).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LockError::Disk { action: "read", path, source }),
    }
}

/// Puts a lock in the place of the one on disk, in one step.
pub fn write(lock_dir: &Path, component: &str, lock: &ComponentLock) -> Result<(), LockError> {
    let path = path(lock_dir, component)?;
    let failed = |source| LockError::Disk { action: "write", path: path.clone(), source };
    fs::create_dir_all(lock_dir).map_err(failed)?;
    whole_file::write(&path, print(lock).as_bytes()).map_err(failed)
}

/// Names of components that have a lock and are not among `components`, sorted.
pub fn orphans(lock_dir: &Path, components: &BTreeSet<&str>) -> Result<Vec<String>, LockError> {
    let failed = |source| LockError::Disk { action: "list", path: lock_dir.to_owned(), source };
    let entries = match fs::read_dir(lock_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut orphans = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(component) = name.to_str().and_then(|name| name.strip_suffix(".lock")) else { continue };
        let is_file = entry.file_type().map_err(failed)?.is_file();
        if is_file && !component.starts_with('.') && !components.contains(component) {
            orphans.push(component.to_owned());
        }
    }
    orphans.sort();
    Ok(orphans)
}

/// Removes the lock of a component that is no more.
pub fn remove(lock_dir: &Path, component: &str) -> Result<(), LockError> {
    let path = path(lock_dir, component)?;
    fs::remove_file(&path).map_err(|source| LockError::Disk { action: "remove", path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Managed by azldev component update. Do not edit manually.
version = 1
import-commit = 'aa11'
upstream-commit = 'bb22'
manual-bump = 2
input-fingerprint = 'sha256:cc'
resolution-input-hash = 'sha256:dd'
inputs = '1:ee'
";

    #[test]
    fn a_lock_prints_as_it_was_read_and_unknown_keys_are_passed_over() {
        let lock = parse(TEXT, "a.lock").unwrap();
        assert_eq!(lock.manual_bump, 2);
        assert_eq!(print(&lock), TEXT);
        assert_eq!(parse(&format!("{TEXT}later = true\n"), "a.lock").unwrap(), lock);
    }

    #[test]
    fn an_empty_lock_has_a_version_alone() {
        let text = print(&ComponentLock::default());
        assert_eq!(text, "# Managed by azldev component update. Do not edit manually.\nversion = 1\n");
    }

    #[test]
    fn problems_name_the_place() {
        let said = |text| parse(text, "locks/a.lock").unwrap_err().to_string();
        assert_eq!(said("version = 2\n"), "locks/a.lock has version 2; only version 1 is known");
        assert!(said("version = 1\nimport-commit = 5\n").starts_with("locks/a.lock:2 is no lock: "));
    }

    #[test]
    fn locks_are_replaced_and_orphans_found() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("locks");
        let lock = parse(TEXT, "a.lock").unwrap();
        write(&dir, "gtk+", &ComponentLock::default()).unwrap();
        write(&dir, "gtk+", &lock).unwrap();
        write(&dir, "gone", &lock).unwrap();
        assert_eq!(read(&dir, "gtk+").unwrap(), Some(lock));
        assert_eq!(read(&dir, "other").unwrap(), None);
        assert_eq!(orphans(&dir, &BTreeSet::from(["gtk+"])).unwrap(), ["gone"]);
        assert!(matches!(path(&dir, "../up"), Err(LockError::Name { .. })));
    }
}
