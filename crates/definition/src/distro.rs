//! The distribution, as every later stage sees it: complete, checked, and free of TOML.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use url::Url;

use crate::component::{
    Component, ComponentGroup, Distribution, DistributionVersion, PackageGroup, PackagePublish,
    UpstreamSource,
};
use crate::image::Image;
use crate::place::{Located, Place, Sources};

/// A whole definition: every include read, every table merged, every default filled in.
#[derive(Debug, Clone, Serialize)]
pub struct Distro {
    /// The root file.
    pub root_file: PathBuf,
    /// The project as a whole.
    pub project: Project,
    /// Upstreams that images can be built from, the preferred one first.
    pub upstreams: Vec<Upstream>,
    /// Images by name.
    pub images: BTreeMap<String, Image>,
    /// Every distribution that is named, by name: what components are made for and where they come from.
    pub distributions: BTreeMap<String, Distribution>,
    /// Component groups by name.
    pub component_groups: BTreeMap<String, ComponentGroup>,
    /// Components by name.
    pub components: BTreeMap<String, Component>,
    /// What a component without a table of its own and in no group comes from.
    pub usual_source: Option<UpstreamSource>,
    /// Package groups by name.
    pub package_groups: BTreeMap<String, PackageGroup>,
    /// Where binary packages are published that nothing else speaks of.
    pub default_publish: PackagePublish,
    /// The files it was read from.
    #[serde(skip)]
    pub sources: Sources,
}

/// The project as a whole; every folder is absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Project {
    /// What it is.
    pub description: String,
    /// Folder of the root file.
    pub root: PathBuf,
    /// Folder of logs.
    pub log_dir: PathBuf,
    /// Folder for everything in the making.
    pub work_dir: PathBuf,
    /// Folder of finished images and packages.
    pub output_dir: PathBuf,
    /// Folder of rendered spec files.
    pub rendered_specs_dir: PathBuf,
    /// Folder of component locks.
    pub lock_dir: PathBuf,
    /// The lock of all images: `lazuli.lock` beside the root file.
    pub lock_file: PathBuf,
    /// The distribution everything is built for.
    pub default_distro: Option<DistroReference>,
    /// Author of commits and changelog entries that are made up.
    pub default_author_email: Option<String>,
    /// Architecture of images as RPM names it.
    pub architecture: String,
}

/// A distribution by name and version, known to be defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DistroReference {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// A moment in its history, as RFC 3339.
    pub snapshot: Option<String>,
}

/// A version of a distribution whose packages images are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upstream {
    /// Name of the distribution.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub description: String,
    /// The value of `$releasever`; the version if none was given.
    pub release_version: String,
    /// Repositories: lowest priority number first, then as written.
    pub repositories: Vec<Repository>,
    /// Where the project names it.
    #[serde(skip)]
    pub place: Place,
}

/// A repository that images install from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Repository {
    /// RPM packages.
    Rpm(RpmRepository),
    /// Debian packages, imported as RPM packages.
    Deb(DebRepository),
}

/// A repository of RPM packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpmRepository {
    /// Its name.
    pub name: Located<String>,
    /// What it holds.
    pub description: String,
    /// Where it lies, `$releasever` and `$basearch` replaced.
    pub location: RpmLocation,
    /// How its packages and metadata are proved.
    pub trust: RpmTrust,
    /// Rank, lower first; a package of a lower number hides those of the same name with higher ones.
    pub priority: u32,
}

/// Where a repository of RPM packages lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RpmLocation {
    /// The folder that holds `repodata`.
    BaseUri(Url),
    /// A metalink that lists mirrors of `repomd.xml` and its checksums.
    Metalink(Url),
}

/// How the packages of a repository are proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RpmTrust {
    /// Every package is signed by a key in this file.
    KeyFile(PathBuf),
    /// Every package is signed by the key at this address.
    KeyUrl(Url),
    /// Not at all: checksums alone.
    Unchecked,
}

/// A suite of Debian packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebRepository {
    /// Its name.
    pub name: Located<String>,
    /// What it holds.
    pub description: String,
    /// Where the archive lies.
    pub mirror: DebMirror,
    /// The suite or code name below `dists`.
    pub suite: String,
    /// Components of the suite, in the order written.
    pub components: Vec<String>,
    /// Architecture as Debian names it.
    pub architecture: String,
    /// File of OpenPGP keys, one of which must have signed the suite.
    pub keyring: PathBuf,
    /// Fingerprints (upper-case hexadecimal) of the keys that count; empty: all of `keyring`.
    pub fingerprints: Vec<String>,
    /// What to do with a suite past the date its release file is valid until.
    pub valid_until: ValidUntil,
    /// Folder of conversion overrides.
    pub overrides: Option<PathBuf>,
    /// Rank, lower first.
    pub priority: u32,
}

/// Where a Debian archive lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebMirror {
    /// At this address.
    Uri(Url),
    /// Where this machine's apt gets its packages.
    Host,
}

/// What to do with a suite past the date its release file is valid until.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidUntil {
    /// Refuse it.
    Enforce,
    /// Use it.
    Ignore {
        /// Why.
        reason: String,
    },
}

impl Distro {
    /// The upstream called `id`, such as `debian-forky`.
    pub fn upstream(&self, id: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.id() == id)
    }

    /// The distribution everything is built for, and its version.
    pub fn target(&self) -> Option<(&Distribution, &DistributionVersion)> {
        let target = self.project.default_distro.as_ref()?;
        self.distribution(&target.name, &target.version)
    }

    /// A distribution and a version of it.
    pub fn distribution(&self, name: &str, version: &str) -> Option<(&Distribution, &DistributionVersion)> {
        let distribution = self.distributions.get(name)?;
        Some((distribution, distribution.versions.get(version)?))
    }

    /// Whether a source is of the distribution and version that components come from unless something else is said.
    pub fn is_usual_source(&self, source: &UpstreamSource) -> bool {
        self.usual_source
            .as_ref()
            .is_some_and(|usual| usual.distro == source.distro && usual.version == source.version)
    }

    /// The folder a component is rendered to: below its first letter, in lower case.
    pub fn rendered_folder(&self, component: &str) -> PathBuf {
        let initial: String = component.chars().take(1).map(|c| c.to_ascii_lowercase()).collect();
        self.project.rendered_specs_dir.join(initial).join(component)
    }

    /// The file that pins a component's upstream commit.
    pub fn component_lock(&self, component: &str) -> PathBuf {
        self.project.lock_dir.join(format!("{component}.lock"))
    }
}

impl Upstream {
    /// Name and version in one word, such as `debian-forky`: its key in the lock.
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

impl Repository {
    /// Its name.
    pub fn name(&self) -> &Located<String> {
        match self {
            Self::Rpm(repository) => &repository.name,
            Self::Deb(repository) => &repository.name,
        }
    }

    /// Its rank, lower first.
    pub fn priority(&self) -> u32 {
        match self {
            Self::Rpm(repository) => repository.priority,
            Self::Deb(repository) => repository.priority,
        }
    }
}
