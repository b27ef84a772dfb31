//! Which files of two folders count, and in which order.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ConfigError, Folders};

/// A file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// `agent.toml` of both folders, then the drop-ins.
pub(super) fn configuration_files(folders: &Folders) -> Result<Vec<NamedFile>, ConfigError> {
    let mut files = Vec::new();
    for folder in [&folders.image, &folders.host] {
        let path = folder.join("agent.toml");
        if let Some(text) = read(&path)? {
            files.push(NamedFile { path, text });
        }
    }
    files.extend(named_files(folders, "agent.toml.d")?);
    Ok(files)
}

/// The `*.toml` files of a folder of this name, sorted by their own names; the operator's takes the place of the image's.
pub fn named_files(folders: &Folders, name: &str) -> Result<Vec<NamedFile>, ConfigError> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in [&folders.image, &folders.host] {
        let folder = folder.join(name);
        let failed = |source| ConfigError::Read { path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if let Some(name) = path.file_name().and_then(|name| name.to_str())
                && name.ends_with(".toml")
                && !name.starts_with('.')
            {
                found.insert(name.to_owned(), path.clone());
            }
        }
    }
    let files = found.into_values().map(|path| {
        let text = read(&path)?.unwrap_or_default();
        Ok(NamedFile { path, text })
    });
    files.collect()
}

fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}
