//! Why each package is there and from which repository, in; the state files that dnf5 5.4 keeps beside the rpm database, out,
//! and back. Nothing here solves or reads a repository. Transaction history is not written: dnf5 begins its own at its first transaction.

mod read;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rpm_model::Nevra;

pub use read::{ReadError, SystemState, read};

/// The version of the file format, `MAJOR.MINOR`.
const VERSION: &str = "1.0";

/// Why a package is installed: what `dnf5 autoremove` goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Somebody asked for it.
    User,
    /// Something needs it.
    Dependency,
    /// Something recommends it.
    WeakDependency,
    /// It was there before dnf5.
    ExternalUser,
}

impl Reason {
    fn from_text(text: &str) -> Option<Self> {
        [Self::User, Self::Dependency, Self::WeakDependency, Self::ExternalUser]
            .into_iter()
            .find(|reason| reason.text() == text)
    }

    fn text(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Dependency => "Dependency",
            Self::WeakDependency => "Weak Dependency",
            Self::ExternalUser => "External User",
        }
    }
}

/// An installed package as dnf5 remembers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackageState {
    /// The package.
    pub nevra: Nevra,
    /// Why it is there.
    pub reason: Reason,
    /// The repository it came from, by its id in dnf5's configuration.
    pub repository: String,
}

/// Why the state was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file or the directory could not be made.
    #[error("cannot write {path}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes all state files into `directory` (`/usr/lib/sysimage/libdnf5` in the root); `rpmdb_cookie` is [`crate::rpmdb::cookie`] of the database.
pub fn write(directory: &Path, packages: &[PackageState], rpmdb_cookie: &str) -> Result<(), WriteError> {
    fs::create_dir_all(directory)
        .map_err(|source| WriteError::Write { path: directory.to_owned(), source })?;
    for (name, text) in files(packages, rpmdb_cookie) {
        write_file(&directory.join(name), &text)?;
    }
    Ok(())
}

/// Writes what is about packages, and leaves groups, environments and modules as they are where there are such files.
pub fn write_changed(
    directory: &Path,
    packages: &[PackageState],
    rpmdb_cookie: &str,
) -> Result<(), WriteError> {
    fs::create_dir_all(directory)
        .map_err(|source| WriteError::Write { path: directory.to_owned(), source })?;
    for (name, text) in files(packages, rpmdb_cookie) {
        let path = directory.join(name);
        if matches!(name, "packages.toml" | "nevras.toml" | "system.toml") || !path.exists() {
            write_file(&path, &text)?;
        }
    }
    Ok(())
}

/// The files by name, as dnf5 would have written them.
pub fn files(packages: &[PackageState], rpmdb_cookie: &str) -> BTreeMap<&'static str, String> {
    let reasons = packages.iter().map(|package| {
        (format!("{}.{}", package.nevra.name, package.nevra.arch), ("reason", package.reason.text()))
    });
    let origins = packages
        .iter()
        .map(|package| (package.nevra.to_string(), ("from_repo", package.repository.as_str())));
    BTreeMap::from([
        ("packages.toml", file_of_tables("packages", reasons)),
        ("nevras.toml", file_of_tables("nevras", origins)),
        ("groups.toml", file_of_tables("groups", [])),
        ("environments.toml", file_of_tables("environments", [])),
        ("modules.toml", file_of_tables("modules", [])),
        (
            "system.toml",
            format!("version = \"{VERSION}\"\nsystem = {{rpmdb_cookie = {}}}\n\n", quoted(rpmdb_cookie)),
        ),
    ])
}

fn file_of_tables<'a>(
    section: &str,
    tables: impl IntoIterator<Item = (String, (&'a str, &'a str))>,
) -> String {
    let sorted: BTreeMap<String, (&str, &str)> = tables.into_iter().collect();
    let mut text = format!("version = \"{VERSION}\"\n\n[{section}]\n");
    for (name, (key, value)) in &sorted {
        text.push_str(&format!("{} = {{{key} = {}}}\n", quoted(name), quoted(value)));
    }
    if !sorted.is_empty() {
        text.push('\n');
    }
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// Whole or not at all: dnf5 itself renames `NAME.new` over `NAME`.
fn write_file(path: &Path, text: &str) -> Result<(), WriteError> {
    let error = |source| WriteError::Write { path: path.to_owned(), source };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let made = fs::File::create(&unfinished).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if made.is_err() {
        // The first error is the one to report.
        drop(fs::remove_file(&unfinished));
    }
    made.map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_sorted_and_names_quoted() {
        let state = |nevra: &str, reason, repository: &str| PackageState {
            nevra: Nevra::parse(nevra).unwrap(),
            reason,
            repository: repository.to_owned(),
        };
        let packages = [
            state("zsh-5.9-1.x86_64", Reason::User, "main"),
            state("glibc-2:2.42-3.x86_64", Reason::Dependency, "a\"b"),
        ];
        let files = files(&packages, "00ff");
        assert_eq!(
            files["packages.toml"],
            "version = \"1.0\"\n\n[packages]\n\"glibc.x86_64\" = {reason = \"Dependency\"}\n\"zsh.x86_64\" = {reason = \"User\"}\n\n"
        );
        assert_eq!(
            files["nevras.toml"],
            "version = \"1.0\"\n\n[nevras]\n\"glibc-2:2.42-3.x86_64\" = {from_repo = \"a\\\"b\"}\n\"zsh-5.9-1.x86_64\" = {from_repo = \"main\"}\n\n"
        );
        assert_eq!(files["system.toml"], "version = \"1.0\"\nsystem = {rpmdb_cookie = \"00ff\"}\n\n");
        assert_eq!(files["modules.toml"], "version = \"1.0\"\n\n[modules]\n");
    }
}
