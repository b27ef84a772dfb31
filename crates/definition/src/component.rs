//! Components, as every later stage sees them: inheritance resolved, overlay files read, every default filled in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use spec_overlay::Overlay;

use crate::decode::choice;
use crate::place::{Located, Place};

/// A source package and what is changed in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name, and where it is defined: its key in `[components]`, or the pattern of a group that found its spec file.
    pub name: Located<String>,
    /// Whether its own table states nothing; what it inherits does not count.
    pub bare: bool,
    /// Names of the component groups it belongs to, sorted.
    pub groups: Vec<String>,
    /// Where its spec file and sources come from.
    pub spec: SpecSource,
    /// How its release number is counted.
    pub release: ReleaseCalculation,
    /// Every change in the order of application: inherited ones, its own, those of overlay files.
    pub overlays: Vec<OverlayEntry>,
    /// How it is built.
    pub build: Build,
    /// Whether its rendered folder keeps files that no tag of the spec file names.
    pub keeps_all_files: bool,
    /// Sources that its upstream does not have, or has otherwise.
    pub source_files: Vec<SourceFile>,
    /// Settings of single binary packages, by name.
    pub packages: BTreeMap<String, PackagePublish>,
    /// Where its packages are published.
    pub publish: ComponentPublish,
}

/// Where a spec file and the files beside it come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum SpecSource {
    /// A spec file of the project; the files of its folder are the sources.
    Local {
        /// The spec file, absolute.
        path: PathBuf,
    },
    /// A source package of another distribution.
    Upstream(UpstreamSource),
    /// Nothing says: such a component can be listed and not prepared.
    Unstated,
}

/// A source package of another distribution, known to be defined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamSource {
    /// Name of the distribution: a key of [`Distro::distributions`](crate::Distro::distributions).
    pub distro: String,
    /// Its version: a key of [`Distribution::versions`].
    pub version: String,
    /// The version as stated; absent when the distribution's default was taken.
    pub stated_version: Option<String>,
    /// The moment whose newest commit is taken, as RFC 3339, unless a commit is pinned.
    pub snapshot: Option<String>,
    /// Name of the source package there, if it is not the component's.
    pub stated_name: Option<String>,
    /// The commit there that is taken, 7 to 40 hexadecimal digits, whatever the snapshot.
    pub commit: Option<Located<String>>,
}

choice! {
    /// How a release number is counted.
    #[derive(Default)]
    pub enum ReleaseCalculation {
        /// By what the spec file does.
        #[default]
        "auto" => Auto,
        /// By `%autorelease`.
        "autorelease" => Autorelease,
        /// By adding to the number in the spec file.
        "static" => Static,
        /// Not at all.
        "manual" => Manual,
    }
}

/// One change to a spec file or to sources, and why it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverlayEntry {
    /// What it does; a file of the definition that it brings in is absolute and was there when the definition was read.
    pub overlay: Overlay,
    /// Why, in words.
    pub description: Option<String>,
    /// Where it belongs: its own, or that of its overlay file.
    pub metadata: Option<Metadata>,
    /// Where its type is stated.
    #[serde(skip)]
    pub place: Place,
}

/// Why a change is made and how far it is on its way upstream; it never alters what is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Why it is made.
    pub category: OverlayCategory,
    /// How far it is on its way upstream.
    pub upstream_status: UpstreamStatus,
    /// Addresses of the commits it is taken from.
    pub commits: Vec<String>,
    /// Addresses of the reports it answers.
    pub bugs: Vec<String>,
}

choice! {
    /// Why a change is made.
    pub enum OverlayCategory {
        /// Taken from the upstream's future.
        "upstream-backport" => UpstreamBackport,
        /// Leaves out what is not wanted.
        "azl-pruning" => Pruning,
        /// Keeps what users rely on.
        "azl-compatibility" => Compatibility,
        /// Gets around a defect for a while.
        "azl-temp-workaround" => TemporaryWorkaround,
        /// Names the distribution.
        "azl-branding-policy" => BrandingPolicy,
        /// Switches unreliable tests off.
        "azl-disable-flaky-tests" => DisableFlakyTests,
        /// Switches tests off that cannot run.
        "azl-disable-unsupported-tests" => DisableUnsupportedTests,
        /// Meets a security rule.
        "azl-security-compliance" => SecurityCompliance,
        /// Belongs to releasing.
        "azl-release-management" => ReleaseManagement,
        /// Fits it to a platform.
        "azl-platform-adaptation" => PlatformAdaptation,
    }
}

choice! {
    /// How far a change is on its way upstream.
    pub enum UpstreamStatus {
        /// It is there.
        "upstreamed" => Upstreamed,
        /// It could go there.
        "upstreamable" => Upstreamable,
        /// It needs a switch there.
        "needs-upstream-hook" => NeedsUpstreamHook,
        /// It does not belong there.
        "inapplicable" => Inapplicable,
        /// Nobody looked.
        "unknown" => Unknown,
    }
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Build {
    /// Build conditionals switched on, inherited ones first.
    pub with: Vec<String>,
    /// Build conditionals switched off, inherited ones first.
    pub without: Vec<String>,
    /// Macros defined, by name.
    pub defines: BTreeMap<String, String>,
    /// Macros that are not defined, whatever `with`, `without` and `defines` say.
    pub undefines: Vec<String>,
    /// Whether macros say what the upstream's version and release were.
    pub emits_upstream_provenance: bool,
    /// Why its tests are left out; absent: they run.
    pub check_skipped: Option<Located<String>>,
    /// Why its build is known to fail; absent: it is not.
    pub expected_failure: Option<Located<String>>,
    /// Whether its build takes long.
    pub expensive: bool,
}

/// A source that the upstream does not have, or has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// Its name, one path element.
    pub name: Located<String>,
    /// Its hash; absent while it is not known yet.
    pub hash: Option<SourceHash>,
    /// Kind of hash to compute where none is known yet.
    pub hash_type: HashType,
    /// Where it comes from.
    pub origin: SourceOrigin,
    /// Why it takes the place of the upstream's file of that name; absent: the upstream must have none.
    pub replaces_upstream: Option<String>,
}

/// The hash of a source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceHash {
    /// Its kind.
    pub kind: HashType,
    /// Its digits as written: hexadecimal, as many as the kind has.
    pub digits: String,
}

choice! {
    /// Kind of a source file's hash.
    #[derive(Default)]
    pub enum HashType {
        /// SHA-256.
        "SHA256" => Sha256,
        /// SHA-512.
        #[default]
        "SHA512" => Sha512,
    }
}

/// Where a source file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum SourceOrigin {
    /// An address.
    Download {
        /// The address as written.
        uri: String,
    },
    /// A script of the component's folder that makes it.
    Custom {
        /// The script, one path element.
        script: String,
        /// Packages it needs.
        packages: Vec<String>,
        /// Sources it reads, one path element each.
        inputs: Vec<String>,
    },
    /// An archive of the upstream, changed by overlays that reach into it.
    Overlay,
}

/// Where a binary package is published; an absent channel is inherited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct PackagePublish {
    /// Channel of the package.
    pub rpm_channel: Option<String>,
    /// Channel of its debug information.
    pub debuginfo_channel: Option<String>,
}

/// Where a component's packages are published; an absent channel is inherited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct ComponentPublish {
    /// Channel of its packages.
    pub rpm_channel: Option<String>,
    /// Channel of its source package.
    pub srpm_channel: Option<String>,
    /// Channel of its debug information.
    pub debuginfo_channel: Option<String>,
}

/// Components with something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComponentGroup {
    /// Its name, and where it is defined.
    pub name: Located<String>,
    /// What they have in common.
    pub description: String,
    /// Why they are changed.
    pub metadata: Option<Metadata>,
    /// Names of its components, listed or found by `specs`, sorted; every one is defined.
    pub components: Vec<String>,
}

/// Binary packages with something in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageGroup {
    /// Its name, and where it is defined.
    pub name: Located<String>,
    /// What they have in common.
    pub description: String,
    /// Their names in the order written, none twice, none in another group.
    pub packages: Vec<Located<String>>,
    /// Where they are published.
    pub publish: PackagePublish,
}

/// A distribution that components are made for or come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// What it is.
    pub description: String,
    /// The version meant when none is named.
    pub default_version: Option<String>,
    /// Git address of a source package; `$pkg` stands for its name.
    pub dist_git: Option<Located<String>>,
    /// Address of a source archive; `$pkg`, `$filename`, `$hashtype`, `$hash` stand for its parts.
    pub lookaside: Option<Located<String>>,
    /// Whether sources may come from the lookaside alone.
    pub origins_disabled: bool,
    /// Addresses of source repositories; `$releasever` stands for a version's [`release_version`](DistributionVersion::release_version).
    pub source_repositories: Vec<String>,
    /// Its versions by name.
    pub versions: BTreeMap<String, DistributionVersion>,
}

/// A version of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DistributionVersion {
    /// What it is.
    pub description: String,
    /// The value of `$releasever`; empty if none was given.
    pub release_version: String,
    /// Branch of its source packages.
    pub dist_git_branch: Option<String>,
    /// Configuration of its build root for the project's architecture, absolute.
    pub mock_config: Option<PathBuf>,
}

impl Component {
    /// The source package's name at its upstream: what is stated, else the component's own.
    pub fn upstream_name(&self) -> &str {
        match &self.spec {
            SpecSource::Upstream(UpstreamSource { stated_name: Some(name), .. }) => name,
            _ => &self.name,
        }
    }
}
