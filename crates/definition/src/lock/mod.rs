//! The text of `lazuli.lock`, in; the exact packages of every image, out; and back to the same text.
//! Nothing here reads a disk.

mod changes;
mod parse;
mod print;

use std::collections::BTreeMap;

use rpm_model::{Checksum, Nevra};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use changes::{Change, ChangeKind, Changes, ImageChanges};

use crate::image::PackageRequest;

/// The exact packages of every image, for each upstream they were solved on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// By upstream id, such as `debian-forky`.
    pub upstreams: BTreeMap<String, LockedUpstream>,
}

/// What was taken from one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockedUpstream {
    /// Version of the converter, if packages were converted: another version may give other bytes.
    pub converter: Option<String>,
    /// The state of each repository that was solved on, by name.
    pub repositories: BTreeMap<String, LockedRepository>,
    /// Every package of every image.
    pub packages: BTreeMap<Nevra, LockedPackage>,
    /// Images by name.
    pub images: BTreeMap<String, LockedImage>,
}

/// The state of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedRepository {
    /// An RPM repository.
    RpmMd {
        /// The revision that its repomd.xml states.
        revision: String,
        /// Checksum of repomd.xml.
        repomd: Checksum,
    },
    /// A Debian suite.
    Deb {
        /// The suite or code name.
        suite: String,
        /// The date that its release file states, as RFC 3339.
        date: String,
        /// Checksum of InRelease.
        in_release: Checksum,
    },
}

/// A package: where it is and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// The repository it is taken from.
    pub repository: String,
    /// Checksum of the RPM file.
    pub checksum: Checksum,
    /// Size of the RPM file in bytes.
    pub size: u64,
    /// When it was built, in seconds since 1970.
    pub build_time: u64,
    /// Where the RPM file lies in its repository.
    pub location: String,
    /// What it was converted from.
    pub source: Option<LockedSource>,
}

/// The Debian package that an RPM package was converted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedSource {
    /// Where it lies in the archive.
    pub path: String,
    /// Checksum of the file.
    pub checksum: Checksum,
    /// Size of the file in bytes.
    pub size: u64,
    /// What its conversion had to know of the rest of the suite, in the converter's own words; empty for most.
    pub facts: String,
}

/// What was asked for an image and what was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockedImage {
    /// What was asked for, in the order asked.
    pub install: Vec<String>,
    /// What was excluded, in the order asked.
    pub exclude: Vec<String>,
    /// Whether recommended packages were taken along.
    pub weak_dependencies: bool,
    /// What was chosen, and why.
    pub packages: BTreeMap<Nevra, Reason>,
}

/// Why a package is in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It was asked for.
    User,
    /// Another one needs it.
    Dependency,
    /// Another one recommends it.
    Weak,
}

impl LockedUpstream {
    /// The packages of an image with their reasons; one that `packages` lacks is left out.
    pub fn packages_of(&self, image: &str) -> impl Iterator<Item = (&Nevra, &LockedPackage, Reason)> {
        let chosen = self.images.get(image).into_iter().flat_map(|image| &image.packages);
        chosen.filter_map(|(nevra, reason)| Some((nevra, self.packages.get(nevra)?, *reason)))
    }

    /// A SHA-256 over the packages of an image, their checksums and reasons: the seed of its identifiers.
    pub fn image_digest(&self, image: &str) -> Checksum {
        let mut hasher = Sha256::new();
        hasher.update("lazuli image lock 1\n");
        for (nevra, package, reason) in self.packages_of(image) {
            hasher.update(format!("{nevra} {} {reason}\n", package.checksum));
        }
        Checksum::sha256(&hasher.finalize().into())
    }

    /// The newest build time among the packages of an image, in seconds since 1970: its SOURCE_DATE_EPOCH.
    pub fn source_date_epoch(&self, image: &str) -> Option<u64> {
        self.packages_of(image).map(|(_, package, _)| package.build_time).max()
    }

    /// Drops every package that no image has.
    pub fn drop_unused_packages(&mut self) {
        let images = &self.images;
        self.packages.retain(|nevra, _| images.values().any(|image| image.packages.contains_key(nevra)));
    }
}

impl LockedImage {
    /// Whether this answers exactly that request.
    pub fn answers(&self, request: &PackageRequest, weak_dependencies: bool) -> bool {
        let same = |locked: &[String], asked: &[crate::Located<String>]| {
            locked.len() == asked.len()
                && locked.iter().zip(asked).all(|(locked, asked)| *locked == asked.value)
        };
        self.weak_dependencies == weak_dependencies
            && same(&self.install, &request.install)
            && same(&self.exclude, &request.exclude)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Dependency => "dependency",
            Self::Weak => "weak",
        })
    }
}
