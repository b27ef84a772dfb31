//! What a repository says of one package: the union of primary, filelists and other.

use serde::{Deserialize, Serialize};

use crate::capability::{Capability, Dependency, Requirement};
use crate::checksum::Checksum;
use crate::nevra::Nevra;

/// One package as repository metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// Name, epoch, version, release, architecture.
    pub nevra: Nevra,
    /// Digest of the whole package file.
    pub checksum: Checksum,
    /// Where the file is, relative to the repository (or to `location_base`).
    pub location: String,
    /// Replaces the repository's address when stated (`xml:base`).
    pub location_base: Option<String>,
    /// Size of the package file in bytes.
    pub package_size: u64,
    /// Size of all installed files in bytes (`SIZE` / `LONGSIZE`).
    pub installed_size: u64,
    /// Size of the uncompressed payload in bytes (`ARCHIVESIZE`).
    pub archive_size: u64,
    /// Modification time of the package file, seconds since 1970.
    pub file_time: u64,
    /// Build time, seconds since 1970.
    pub build_time: u64,
    /// Bytes of the main header in the file: start and end offset.
    pub header_range: (u64, u64),
    /// One line.
    pub summary: String,
    /// Several lines.
    pub description: String,
    /// Empty when not stated.
    pub packager: String,
    /// Empty when not stated.
    pub url: String,
    /// SPDX expression or older free text.
    pub license: String,
    /// Empty when not stated.
    pub vendor: String,
    /// Empty when not stated.
    pub group: String,
    /// Host on which the package says it was built.
    pub build_host: String,
    /// File name of the source package; empty for a source package.
    pub source_rpm: String,
    /// What it provides, its own name included; file paths are not.
    pub provides: Vec<Capability>,
    /// What it needs.
    pub requires: Vec<Requirement>,
    /// What may not be installed beside it.
    pub conflicts: Vec<Dependency>,
    /// Package names and versions that it replaces.
    pub obsoletes: Vec<Capability>,
    /// Weak: wanted.
    pub recommends: Vec<Dependency>,
    /// Weak: hints.
    pub suggests: Vec<Dependency>,
    /// Weak, backwards: wanted where that is installed.
    pub supplements: Vec<Dependency>,
    /// Weak, backwards: a hint where that is installed.
    pub enhances: Vec<Dependency>,
    /// The files that primary metadata lists, or all of them once filelists are read.
    pub files: Vec<PackageFile>,
    /// Empty until "other" metadata is read; newest last.
    pub changelogs: Vec<Changelog>,
}

impl PackageRecord {
    /// A package of which nothing but its identity and checksum is known.
    pub fn new(nevra: Nevra, checksum: Checksum) -> Self {
        PackageRecord {
            nevra,
            checksum,
            location: String::new(),
            location_base: None,
            package_size: 0,
            installed_size: 0,
            archive_size: 0,
            file_time: 0,
            build_time: 0,
            header_range: (0, 0),
            summary: String::new(),
            description: String::new(),
            packager: String::new(),
            url: String::new(),
            license: String::new(),
            vendor: String::new(),
            group: String::new(),
            build_host: String::new(),
            source_rpm: String::new(),
            provides: Vec::new(),
            requires: Vec::new(),
            conflicts: Vec::new(),
            obsoletes: Vec::new(),
            recommends: Vec::new(),
            suggests: Vec::new(),
            supplements: Vec::new(),
            enhances: Vec::new(),
            files: Vec::new(),
            changelogs: Vec::new(),
        }
    }
}

/// A file that a package owns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageFile {
    /// Absolute path.
    pub path: String,
    /// What is there.
    pub kind: FileKind,
}

/// The kinds that rpm-md tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileKind {
    /// Regular file, symbolic link, device.
    File,
    /// Directory.
    Directory,
    /// Owned, not shipped.
    Ghost,
}

/// One changelog entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changelog {
    /// `Name <address> - version`.
    pub author: String,
    /// Seconds since 1970.
    pub time: u64,
    /// The text.
    pub text: String,
}
