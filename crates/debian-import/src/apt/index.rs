//! The text of a `Packages` file in; packages by name, and who provides what, out. Pure.

use std::collections::BTreeMap;

use thiserror::Error;

use super::deb822::{self, Deb822Error, Stanza};
use crate::relation::{self, Alternatives, RelationError};
use crate::version::{DebianVersion, VersionError};

/// One binary package of a suite, as far as choosing, fetching and converting it needs.
#[derive(Debug, Clone)]
pub struct BinaryPackage {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: DebianVersion,
    /// `amd64`, `all`, …
    pub architecture: String,
    /// Whether it is `Essential: yes`.
    pub essential: bool,
    /// Path of the `.deb` below the mirror.
    pub path: String,
    /// Size of the `.deb` in bytes.
    pub size: u64,
    /// SHA-256 of the `.deb` in hexadecimal.
    pub sha256: String,
    /// `Pre-Depends`.
    pub pre_depends: Vec<Alternatives>,
    /// `Depends`.
    pub depends: Vec<Alternatives>,
    /// `Recommends`.
    pub recommends: Vec<Alternatives>,
    /// `Provides`.
    pub provides: Vec<Alternatives>,
    /// `Conflicts`.
    pub conflicts: Vec<Alternatives>,
    /// `Breaks`.
    pub breaks: Vec<Alternatives>,
    /// `Replaces`.
    pub replaces: Vec<Alternatives>,
}

/// All packages of a suite and architecture, one version a name (the highest).
#[derive(Debug, Clone, Default)]
pub struct PackageIndex {
    packages: BTreeMap<String, BinaryPackage>,
    /// Virtual name to the providing packages, with the version provided.
    providers: BTreeMap<String, Vec<(String, Option<DebianVersion>)>>,
}

/// A `Packages` text that cannot be used.
#[derive(Debug, Error)]
pub enum IndexError {
    /// No control syntax.
    #[error("the package index is damaged")]
    Syntax(#[from] Deb822Error),
    /// A field is missing.
    #[error("package {package} has no field `{field}` in the index")]
    Missing {
        /// Package name, or its number in the index.
        package: String,
        /// The field.
        field: &'static str,
    },
    /// A number or checksum cannot be read.
    #[error("field `{field}` of package {package} in the index is wrong: {value:?}")]
    Field {
        /// Package name.
        package: String,
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A version is bad.
    #[error("package {package} in the index has a bad version")]
    Version {
        /// Package name.
        package: String,
        /// Why.
        source: VersionError,
    },
    /// A relation field is bad.
    #[error("field `{field}` of package {package} in the index is wrong")]
    Relation {
        /// Package name.
        package: String,
        /// The field.
        field: &'static str,
        /// Why.
        source: RelationError,
    },
}

impl PackageIndex {
    /// Reads the text of a `Packages` file.
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let mut index = Self::default();
        for (number, stanza) in deb822::parse(text)?.iter().enumerate() {
            index.add(package(number, stanza)?);
        }
        index.list_providers();
        Ok(index)
    }

    /// Joins the packages of several components; the highest version of a name wins.
    pub fn join(indexes: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self::default();
        indexes
            .into_iter()
            .flat_map(|index| index.packages.into_values())
            .for_each(|package| joined.add(package));
        joined.list_providers();
        joined
    }

    /// The package of this name.
    pub fn package(&self, name: &str) -> Option<&BinaryPackage> {
        self.packages.get(name)
    }

    /// All packages, by name.
    pub fn packages(&self) -> impl Iterator<Item = &BinaryPackage> {
        self.packages.values()
    }

    /// Packages that provide `name`, sorted by their own name, with the version they provide it in.
    pub fn providers(&self, name: &str) -> &[(String, Option<DebianVersion>)] {
        self.providers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a package of this very name exists.
    pub fn is_real(&self, name: &str) -> bool {
        self.packages.contains_key(name)
    }

    /// Whether some package provides `name` without a version.
    pub fn is_provided_without_version(&self, name: &str) -> bool {
        self.providers(name).iter().any(|(_, version)| version.is_none())
    }

    fn add(&mut self, package: BinaryPackage) {
        match self.packages.get(&package.name) {
            Some(present) if present.version >= package.version => {}
            _ => {
                self.packages.insert(package.name.clone(), package);
            }
        }
    }

    fn list_providers(&mut self) {
        for package in self.packages.values() {
            for relation in package.provides.iter().flatten() {
                let version = relation.constraint.as_ref().map(|(_, version)| version.clone());
                self.providers
                    .entry(relation.name.clone())
                    .or_default()
                    .push((package.name.clone(), version));
            }
        }
    }
}

fn package(number: usize, stanza: &Stanza<'_>) -> Result<BinaryPackage, IndexError> {
    let name = stanza.field("Package").unwrap_or_default().to_owned();
    let label = if name.is_empty() { format!("number {}", number + 1) } else { name.clone() };
    let required = |field: &'static str| {
        let value = stanza.field(field).filter(|value| !value.is_empty());
        value.ok_or_else(|| IndexError::Missing { package: label.clone(), field })
    };
    let wrong = |field: &'static str, value: &str| IndexError::Field {
        package: label.clone(),
        field,
        value: value.to_owned(),
    };
    let relations = |field: &'static str| {
        let parsed = relation::parse(stanza.field(field).unwrap_or_default());
        parsed.map_err(|source| IndexError::Relation { package: label.clone(), field, source })
    };
    required("Package")?;
    let path = required("Filename")?;
    // The path becomes part of an address: it must stay below the mirror.
    if path.starts_with('/') || path.split('/').any(|part| part == ".." || part.is_empty()) {
        return Err(wrong("Filename", path));
    }
    let sha256 = required("SHA256")?;
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong("SHA256", sha256));
    }
    let size = required("Size")?;
    Ok(BinaryPackage {
        version: DebianVersion::parse(required("Version")?)
            .map_err(|source| IndexError::Version { package: label.clone(), source })?,
        architecture: required("Architecture")?.to_owned(),
        essential: stanza.field("Essential") == Some("yes"),
        path: path.to_owned(),
        size: size.parse().map_err(|_| wrong("Size", size))?,
        sha256: sha256.to_ascii_lowercase(),
        pre_depends: relations("Pre-Depends")?,
        depends: relations("Depends")?,
        recommends: relations("Recommends")?,
        provides: relations("Provides")?,
        conflicts: relations("Conflicts")?,
        breaks: relations("Breaks")?,
        replaces: relations("Replaces")?,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, version: &str, more: &str) -> String {
        let sha256 = "ab".repeat(32);
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: pool/{name}.deb\nSize: 7\nSHA256: {sha256}\n{more}\n"
        )
    }

    #[test]
    fn highest_version_wins_and_providers_are_listed() {
        let text = [
            stanza("a", "1.0", "Provides: v (= 2), w\n"),
            stanza("b", "1", "Provides: w\nEssential: yes\n"),
            stanza("a", "1.0~rc1", "Provides: gone\n"),
        ];
        let index = PackageIndex::parse(&text.concat()).unwrap();
        assert_eq!(index.package("a").unwrap().version.to_string(), "1.0");
        assert!(index.package("b").unwrap().essential);
        assert!(index.providers("gone").is_empty());
        assert_eq!(
            index.providers("w").iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert!(index.is_provided_without_version("w") && !index.is_provided_without_version("v"));
        assert!(index.is_real("a") && !index.is_real("w"));
    }

    #[test]
    fn a_path_out_of_the_mirror_is_refused() {
        let text = stanza("a", "1", "").replace("pool/a.deb", "pool/../../a.deb");
        assert!(matches!(PackageIndex::parse(&text), Err(IndexError::Field { field: "Filename", .. })));
    }

    #[test]
    fn a_missing_field_is_named() {
        let text = stanza("a", "1", "").replace("Size: 7\n", "");
        assert_eq!(
            PackageIndex::parse(&text).unwrap_err().to_string(),
            "package a has no field `Size` in the index"
        );
    }
}
