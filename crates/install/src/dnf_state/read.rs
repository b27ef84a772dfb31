//! The folder with dnf5's state files, in; reasons and origins of packages, out.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rpm_model::Nevra;

use super::Reason;

/// More than a state file of any system has, in bytes.
const LARGEST: u64 = 64 << 20;

/// What dnf5 knows of the installed packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemState {
    /// By `name.arch`.
    reasons: BTreeMap<String, Reason>,
    /// Ids of repositories, by NEVRA.
    origins: BTreeMap<String, String>,
}

/// Why the state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not TOML.
    #[error("{} is damaged; dnf5 makes a new one after it is removed", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// A file of a format that came later.
    #[error("{} has the version {found}, and only 1.x is known", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A reason that dnf5 5.4 does not have.
    #[error("{} says that {package} is installed for the unknown reason `{found}`", path.display())]
    Reason {
        /// The file.
        path: PathBuf,
        /// The package.
        package: String,
        /// What it says.
        found: String,
    },
}

impl SystemState {
    /// Why a package is installed; nothing if dnf5 never heard of it.
    pub fn reason(&self, nevra: &Nevra) -> Option<Reason> {
        self.reasons.get(&format!("{}.{}", nevra.name, nevra.arch)).copied()
    }

    /// The repository that a package came from; nothing if dnf5 never heard of it.
    pub fn origin(&self, nevra: &Nevra) -> Option<&str> {
        self.origins.get(&nevra.to_string()).map(String::as_str)
    }
}

/// Reads `packages.toml` and `nevras.toml`; a missing file says nothing.
pub fn read(directory: &Path) -> Result<SystemState, ReadError> {
    let mut state = SystemState::default();
    let path = directory.join("packages.toml");
    for (package, value) in entries(&path, "packages", "reason")? {
        let reason = Reason::from_text(&value).ok_or_else(|| ReadError::Reason {
            path: path.clone(),
            package: package.clone(),
            found: value,
        })?;
        state.reasons.insert(package, reason);
    }
    state.origins = entries(&directory.join("nevras.toml"), "nevras", "from_repo")?.into_iter().collect();
    Ok(state)
}

/// One text of each table of a section.
fn entries(path: &Path, section: &str, key: &str) -> Result<Vec<(String, String)>, ReadError> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    let wrong = |source| ReadError::Toml { path: path.to_owned(), source: Box::new(source) };
    let table: toml::Table = text.parse().map_err(wrong)?;
    let version = table.get("version").and_then(toml::Value::as_str).unwrap_or_default();
    if !version.starts_with("1.") {
        return Err(ReadError::Version { path: path.to_owned(), found: version.to_owned() });
    }
    let rows = table.get(section).and_then(toml::Value::as_table).into_iter().flatten();
    Ok(rows.filter_map(|(name, row)| Some((name.clone(), row.get(key)?.as_str()?.to_owned()))).collect())
}

fn text(path: &Path) -> Result<Option<String>, ReadError> {
    use std::io::Read as _;
    let failed = |source| ReadError::Read { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dnf_state::{PackageState, write};

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let nevra = Nevra::parse("zsh-2:5.9-1.x86_64").unwrap();
        let state = PackageState {
            nevra: nevra.clone(),
            reason: Reason::WeakDependency,
            repository: "a\"b".to_owned(),
        };
        write(folder.path(), &[state], "00ff").unwrap();
        let read = read(folder.path()).unwrap();
        assert_eq!((read.reason(&nevra), read.origin(&nevra)), (Some(Reason::WeakDependency), Some("a\"b")));
        assert_eq!(read.origin(&Nevra::parse("zsh-5.9-1.x86_64").unwrap()), None);
    }

    #[test]
    fn damage_and_later_formats_are_told_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("packages.toml");
        for (text, told) in [
            ("version = \"1.0\"\n[packages", "is damaged"),
            ("version = \"2.0\"\n", "has the version 2.0"),
            ("version = \"1.0\"\n[packages]\n\"a.noarch\" = {reason = \"Whim\"}\n", "unknown reason `Whim`"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = read(folder.path()).unwrap_err().to_string();
            assert!(error.contains("packages.toml") && error.contains(told), "{error}");
        }
    }
}
