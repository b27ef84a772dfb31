//! A plain folder of files (a checkout, an unpacked archive, a component's own spec), in; the source folder it holds, out.
//! Reads the disk; `.git` is passed over, links are kept as links and never followed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::source::{SourceEntry, SourceFolder, SourceIdentity};

/// Why a folder is no source.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It, or something in it, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name that no spec could refer to.
    #[error("{} has a name that is not UTF-8", path.display())]
    Name {
        /// What.
        path: PathBuf,
    },
    /// A socket, device or pipe.
    #[error("{} is neither a file nor a folder nor a link", path.display())]
    Kind {
        /// What.
        path: PathBuf,
    },
    /// No spec of the name that was asked for.
    #[error("{} holds no {spec}{}", folder.display(), instead(specs))]
    NoSpec {
        /// Where.
        folder: PathBuf,
        /// The file that was looked for.
        spec: String,
        /// Specs that are there.
        specs: Vec<String>,
    },
}

fn instead(specs: &[String]) -> String {
    if specs.is_empty() { String::new() } else { format!(" (it holds {})", specs.join(", ")) }
}

/// Reads all files below `folder`, whose spec is called `upstream_spec` there and `spec` from now on.
pub fn read(folder: &Path, upstream_spec: &str, spec: &str) -> Result<SourceFolder, FolderError> {
    let mut files = BTreeMap::new();
    read_below(folder, "", &mut files)?;
    named(files, upstream_spec, spec).map_err(|specs| FolderError::NoSpec {
        folder: folder.to_owned(),
        spec: upstream_spec.to_owned(),
        specs,
    })
}

/// The identity of all files below `folder`, whatever its spec is called.
pub(crate) fn identity(folder: &Path) -> Result<SourceIdentity, FolderError> {
    let mut files = BTreeMap::new();
    read_below(folder, "", &mut files)?;
    Ok(SourceFolder { files, spec: String::new() }.identity())
}

/// The files as a source folder with its spec renamed; without such a spec, the names of those that there are.
pub(crate) fn named(
    mut files: BTreeMap<String, SourceEntry>,
    upstream_spec: &str,
    spec: &str,
) -> Result<SourceFolder, Vec<String>> {
    match files.remove(upstream_spec) {
        Some(entry @ SourceEntry::File { .. }) => {
            files.insert(spec.to_owned(), entry);
            Ok(SourceFolder { files, spec: spec.to_owned() })
        }
        _ => {
            let is_spec = |path: &&String| path.ends_with(".spec") && !path.contains('/');
            Err(files.keys().filter(is_spec).cloned().collect())
        }
    }
}

fn read_below(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, SourceEntry>,
) -> Result<(), FolderError> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Read { path, source }
    };
    for entry in fs::read_dir(folder).map_err(cannot(folder))? {
        let entry = entry.map_err(cannot(folder))?;
        let path = entry.path();
        let name = entry.file_name();
        let Some(name) = name.to_str() else { return Err(FolderError::Name { path }) };
        if name == ".git" {
            continue;
        }
        let relative = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(cannot(&path))?;
        if kind.is_dir() {
            read_below(&path, &format!("{relative}/"), files)?;
        } else if kind.is_file() {
            let bytes = fs::read(&path).map_err(cannot(&path))?;
            let mode = entry.metadata().map_err(cannot(&path))?.permissions().mode();
            files.insert(relative, SourceEntry::File { bytes, executable: mode & 0o100 != 0 });
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(cannot(&path))?;
            let Ok(target) = target.into_os_string().into_string() else {
                return Err(FolderError::Name { path });
            };
            files.insert(relative, SourceEntry::Link { target });
        } else {
            return Err(FolderError::Kind { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_links_and_modes_are_read_and_git_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at(".git/refs")).unwrap();
        fs::create_dir_all(at("tests/inner")).unwrap();
        fs::write(at("up.spec"), "Name: up\n").unwrap();
        fs::write(at("tests/inner/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("tests/inner/run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("../outside", at("link")).unwrap();

        let source = read(folder.path(), "up.spec", "ours.spec").unwrap();
        assert_eq!(source.spec_bytes(), Some(&b"Name: up\n"[..]));
        assert_eq!(source.files.keys().collect::<Vec<_>>(), ["link", "ours.spec", "tests/inner/run"]);
        assert_eq!(source.files["link"], SourceEntry::Link { target: "../outside".into() });
        assert!(matches!(source.files["tests/inner/run"], SourceEntry::File { executable: true, .. }));
    }

    #[test]
    fn a_missing_spec_is_told_with_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other.spec"), "").unwrap();
        let error = read(folder.path(), "up.spec", "up.spec").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} holds no up.spec (it holds other.spec)", folder.path().display())
        );
    }
}
