//! One package as repository metadata describes it, borrowed from the text that says so: as much of it as choosing and
//! fetching need.

use std::borrow::Cow;

use crate::capability::{Capability, Comparison, Constraint, Dependency};
use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::package::{FileKind, PackageRecord};

/// A package of a text that lives as long as `'a`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageView<'a> {
    /// Package name.
    pub name: Cow<'a, str>,
    /// Zero when the package states none.
    pub epoch: u32,
    /// Upstream version.
    pub version: Cow<'a, str>,
    /// Distribution release.
    pub release: Cow<'a, str>,
    /// `x86_64`, `noarch`, `src`, ...
    pub arch: Cow<'a, str>,
    /// Digest of the whole package file.
    pub checksum: Checksum,
    /// Where the file is, relative to the repository (or to `location_base`).
    pub location: Cow<'a, str>,
    /// Replaces the repository's address when stated.
    pub location_base: Option<Cow<'a, str>>,
    /// Size of the package file in bytes.
    pub package_size: u64,
    /// Size of all installed files in bytes.
    pub installed_size: u64,
    /// Build time, seconds since 1970.
    pub build_time: u64,
    /// Empty when not stated.
    pub vendor: Cow<'a, str>,
    /// Relations by [`RelationKind`], in the order of the text.
    pub relations: [Vec<RelationView<'a>>; RelationKind::COUNT],
    /// Files that the text lists.
    pub files: Vec<(Cow<'a, str>, FileKind)>,
}

/// The eight lists of relations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// What it provides.
    Provides,
    /// What it needs.
    Requires,
    /// What may not be installed beside it.
    Conflicts,
    /// What it replaces.
    Obsoletes,
    /// Weak: wanted.
    Recommends,
    /// Weak: hints.
    Suggests,
    /// Weak, backwards: wanted where that is installed.
    Supplements,
    /// Weak, backwards: a hint where that is installed.
    Enhances,
}

/// One relation; boolean ones are kept as text, which opens with `(`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationView<'a> {
    /// The name, or the text of a boolean dependency.
    pub name: Cow<'a, str>,
    /// `None` stands for every version.
    pub constraint: Option<ConstraintView<'a>>,
    /// Needed before the package's own scriptlets run.
    pub pre: bool,
}

/// A half line of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintView<'a> {
    /// Which side of the version.
    pub comparison: Comparison,
    /// `None` counts as zero.
    pub epoch: Option<u32>,
    /// Upstream version.
    pub version: Cow<'a, str>,
    /// `None` matches every release.
    pub release: Option<Cow<'a, str>>,
}

impl RelationKind {
    /// How many there are.
    pub const COUNT: usize = 8;
    /// Every kind, in the order of [`PackageView::relations`].
    pub const ALL: [RelationKind; RelationKind::COUNT] = [
        Self::Provides,
        Self::Requires,
        Self::Conflicts,
        Self::Obsoletes,
        Self::Recommends,
        Self::Suggests,
        Self::Supplements,
        Self::Enhances,
    ];

    /// Its place in [`PackageView::relations`].
    pub fn place(self) -> usize {
        self as usize
    }

    /// Whether such relations cannot be boolean: rpm refuses to build them, and readers pass them over.
    pub fn is_simple(self) -> bool {
        matches!(self, Self::Provides | Self::Obsoletes)
    }
}

impl Default for PackageView<'_> {
    /// Nothing at all, to be filled.
    fn default() -> Self {
        PackageView {
            name: Cow::Borrowed(""),
            epoch: 0,
            version: Cow::Borrowed(""),
            release: Cow::Borrowed(""),
            arch: Cow::Borrowed(""),
            checksum: Checksum::zero(ChecksumAlgorithm::Sha256),
            location: Cow::Borrowed(""),
            location_base: None,
            package_size: 0,
            installed_size: 0,
            build_time: 0,
            vendor: Cow::Borrowed(""),
            relations: Default::default(),
            files: Vec::new(),
        }
    }
}

impl<'a> From<&'a PackageRecord> for PackageView<'a> {
    fn from(record: &'a PackageRecord) -> Self {
        let dependencies = |list: &'a [Dependency]| list.iter().map(RelationView::from).collect();
        let capabilities = |list: &'a [Capability]| list.iter().map(RelationView::from).collect();
        let requires = record.requires.iter().map(|requirement| RelationView {
            pre: requirement.pre,
            ..RelationView::from(&requirement.dependency)
        });
        PackageView {
            name: Cow::Borrowed(&record.nevra.name),
            epoch: record.nevra.evr.epoch,
            version: Cow::Borrowed(&record.nevra.evr.version),
            release: Cow::Borrowed(&record.nevra.evr.release),
            arch: Cow::Borrowed(&record.nevra.arch),
            checksum: record.checksum.clone(),
            location: Cow::Borrowed(&record.location),
            location_base: record.location_base.as_deref().map(Cow::Borrowed),
            package_size: record.package_size,
            installed_size: record.installed_size,
            build_time: record.build_time,
            vendor: Cow::Borrowed(&record.vendor),
            relations: [
                capabilities(&record.provides),
                requires.collect(),
                dependencies(&record.conflicts),
                capabilities(&record.obsoletes),
                dependencies(&record.recommends),
                dependencies(&record.suggests),
                dependencies(&record.supplements),
                dependencies(&record.enhances),
            ],
            files: record.files.iter().map(|file| (Cow::Borrowed(file.path.as_str()), file.kind)).collect(),
        }
    }
}

impl<'a> From<&'a Capability> for RelationView<'a> {
    fn from(capability: &'a Capability) -> Self {
        RelationView {
            name: Cow::Borrowed(&capability.name),
            constraint: capability.constraint.as_ref().map(ConstraintView::from),
            pre: false,
        }
    }
}

impl<'a> From<&'a Dependency> for RelationView<'a> {
    fn from(dependency: &'a Dependency) -> Self {
        match dependency {
            Dependency::Simple(capability) => RelationView::from(capability),
            Dependency::Rich(rich) => {
                RelationView { name: Cow::Owned(rich.to_string()), constraint: None, pre: false }
            }
        }
    }
}

impl<'a> From<&'a Constraint> for ConstraintView<'a> {
    fn from(constraint: &'a Constraint) -> Self {
        ConstraintView {
            comparison: constraint.comparison,
            epoch: constraint.evr.epoch,
            version: Cow::Borrowed(&constraint.evr.version),
            release: constraint.evr.release.as_deref().map(Cow::Borrowed),
        }
    }
}
