//! A component, in; where its files come from, the files, and its history, out. Reads the disk and, where the cache lacks
//! something, runs git.
//!
//! Which commit of an upstream is taken: the one in the component's lock; without a lock, the one that the definition pins;
//! else the newest one before the definition's snapshot; else the newest. A folder `<mirror>/<package>` of plain files takes the
//! place of the upstream whatever the commit; a repository there (`<mirror>/<package>.git`, or a checkout) is read in place.

mod remembered;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use definition::{Component, Distribution, DistributionVersion, Distro, SpecSource, UpstreamSource};
use host_tools::git::ObjectId;

use crate::dist_git::{DistGit, DistGitError, Location, Package, address};
use crate::fingerprint::{self, FingerprintError, Inputs};
use crate::folder::{self, FolderError};
use crate::history::{History, Origin, SpecReader};
use crate::kept::{Kept, KeptError};
use crate::lock::{self, ComponentLock, LockError};
use crate::project_history::{self, LockHistory, ProjectCommit, ProjectHistory, ProjectHistoryError};
use crate::source::{SourceFolder, SourceIdentity};

use remembered::Remembered;

/// Where sources may come from, and what is known of them already.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of everything that is kept.
    pub cache: PathBuf,
    /// A folder of source packages on this machine, which takes the place of the upstream.
    pub mirror: Option<PathBuf>,
    /// Whether the network must not be used.
    pub offline: bool,
    /// What time it is, in seconds since 1970-01-01 00:00 UTC: a folder that changed just now is not remembered.
    pub now: u64,
}

/// The sources of a definition's components.
pub struct Sources<'d> {
    distro: &'d Distro,
    options: Options,
    dist_git: DistGit,
    kept: Kept,
    remembered: Remembered,
    reader: &'d dyn SpecReader,
    project: OnceLock<Option<ProjectHistory>>,
}

/// Where the files of a component come from: known, not read.
pub struct Source<'s> {
    /// What the files are.
    pub identity: SourceIdentity,
    /// The upstream commit, where there is one.
    pub commit: Option<String>,
    sources: &'s Sources<'s>,
    component: String,
    upstream_spec: String,
    place: Place,
}

enum Place {
    Folder(PathBuf),
    Commit(Package, ObjectId),
}

/// Why a component has no source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The definition does not say where it comes from.
    #[error(
        "the definition does not say where {component} comes from: give it a `spec`, or the default distribution's version a `default-component-config`"
    )]
    Unstated {
        /// The component.
        component: String,
    },
    /// The definition names an upstream without a repository of its own.
    #[error("distribution {distro}, which {component} comes from, has no `dist-git-base-uri`")]
    NoDistGit {
        /// The component.
        component: String,
        /// The distribution.
        distro: String,
    },
    /// The lock and the definition want different commits.
    #[error(
        "the lock of {component} has commit {locked}, but the definition pins {pinned}: run `lazuli component update {component}`"
    )]
    StaleLock {
        /// The component.
        component: String,
        /// In the lock.
        locked: String,
        /// In the definition.
        pinned: String,
    },
    /// The lock's commit is no name of one.
    #[error(
        "the lock of {component} has {commit:?}, which is no commit: run `lazuli component update {component}`"
    )]
    LockedCommit {
        /// The component.
        component: String,
        /// In the lock.
        commit: String,
    },
    /// The files of the commit hold no spec of the expected name.
    #[error("commit {commit} of {package} has no {spec}{}", also(specs))]
    NoSpec {
        /// The source package.
        package: String,
        /// The commit.
        commit: String,
        /// The file that was looked for.
        spec: String,
        /// Specs that are there.
        specs: Vec<String>,
    },
    /// The lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The upstream's repository.
    #[error(transparent)]
    DistGit(#[from] DistGitError),
    /// A plain folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The cache.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The project's own history.
    #[error(transparent)]
    Project(#[from] ProjectHistoryError),
    /// The component's fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
}

fn also(specs: &[String]) -> String {
    if specs.is_empty() { String::new() } else { format!(" (it has {})", specs.join(", ")) }
}

impl SourceError {
    /// Whether another try, or a network, may help; otherwise it is a fact of the component.
    pub fn may_pass(&self) -> bool {
        match self {
            SourceError::DistGit(error) => error.may_pass(),
            SourceError::Folder(error) => matches!(error, FolderError::Read { .. }),
            SourceError::Kept(_) | SourceError::Project(_) => true,
            SourceError::Lock(error) => matches!(error, LockError::Disk { .. }),
            SourceError::Fingerprint(error) => matches!(error, FingerprintError::OverlaySource { .. }),
            _ => false,
        }
    }
}

impl<'d> Sources<'d> {
    /// The sources of all components of a definition; nothing is read or fetched yet but what is remembered of folders.
    pub fn open(
        distro: &'d Distro,
        reader: &'d dyn SpecReader,
        options: Options,
    ) -> Result<Sources<'d>, SourceError> {
        let cache = options.cache.join("components");
        let kept = Kept::at(cache.join("kept"));
        let dist_git = DistGit::new(&cache, kept.clone(), options.offline);
        let remembered = Remembered::load(&kept, &distro.project.root)?;
        Ok(Sources { distro, options, dist_git, kept, remembered, reader, project: OnceLock::new() })
    }

    /// The definition.
    pub fn distro(&self) -> &'d Distro {
        self.distro
    }

    /// Where a component's files come from; fetches only to find out which commit, and only where nothing says it.
    pub fn source_of(&self, component: &Component) -> Result<Source<'_>, SourceError> {
        match &component.spec {
            SpecSource::Unstated => Err(SourceError::Unstated { component: component.name.to_string() }),
            SpecSource::Local { path } => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                let spec = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.in_folder(component, folder, spec)
            }
            SpecSource::Upstream(upstream) => {
                if let Some(folder) = self.plain_mirror(component) {
                    return self.in_folder(component, &folder, format!("{}.spec", component.upstream_name()));
                }
                let package = self.package(component, upstream)?;
                let commit = self.commit_of(component, upstream, &package)?;
                Ok(self.at_commit(component, package, commit))
            }
        }
    }

    /// Where a component's files come from at another moment (RFC 3339) of its upstream, whatever lock and pin say; a component
    /// without an upstream repository is as it is at any moment.
    pub fn source_at(&self, component: &Component, moment: &str) -> Result<Source<'_>, SourceError> {
        match self.upstream_package(component)? {
            None => self.source_of(component),
            Some((_upstream, package)) => {
                let commit = self.dist_git.commit_at(&package, Some(moment), false)?;
                Ok(self.at_commit(component, package, commit))
            }
        }
    }

    /// Whether the commit that the definition pins led to the one of a moment, or is it; `None` where nothing is pinned or there
    /// is no upstream repository.
    pub fn has_passed(&self, component: &Component, moment: &str) -> Result<Option<bool>, SourceError> {
        let Some((upstream, package)) = self.upstream_package(component)? else { return Ok(None) };
        let Some(pinned) = &upstream.commit else { return Ok(None) };
        let pinned = self.dist_git.whole_commit(&package, &pinned.value)?;
        let then = self.dist_git.commit_at(&package, Some(moment), false)?;
        Ok(Some(self.dist_git.leads_to(&package, &pinned, &then)?))
    }

    /// The history that a component's release and changelog are made from; reads nothing of the upstream's.
    pub fn history_of(&self, component: &Component, source: &Source<'_>) -> Result<History<'_>, SourceError> {
        let locked = self.lock_history(component)?;
        let at_head = locked.and_then(|history| history.at_head.as_ref());
        let mut releases = match (locked, at_head) {
            (Some(history), Some(_)) => history.releases.clone(),
            // A lock that was never committed, or was removed, has made no release.
            _ => Vec::new(),
        };
        if let Some(at_head) = at_head
            && self.differs_from_head(component, source, at_head)?
        {
            releases.push(self.uncommitted(source));
        }
        let import = at_head.and_then(|lock| lock.import_commit.as_deref()).and_then(ObjectId::parse);
        let origin = match &source.place {
            Place::Commit(package, commit) => {
                Origin::Upstream { package: package.clone(), commit: commit.clone(), import }
            }
            Place::Folder(_) => Origin::Files,
        };
        let spec = format!("{}.spec", component.name);
        Ok(History { spec, origin, releases, dist_git: &self.dist_git, reader: self.reader })
    }

    /// The fingerprint of a component's release, as the lock keeps it.
    pub fn fingerprint_of(
        &self,
        component: &Component,
        source: &Source<'_>,
        manual_bump: u64,
    ) -> Result<String, SourceError> {
        let identity = match &source.identity {
            SourceIdentity::Commit(commit) => commit,
            SourceIdentity::Files(digest) => digest,
        };
        let inputs =
            Inputs { source: identity, manual_bump, release_version: self.release_version(component) };
        Ok(fingerprint::of(component, &inputs, &|path| std::fs::read(path))?)
    }

    /// The same for a lock that is not on disk yet.
    pub(crate) fn locked_fingerprint(
        &self,
        component: &Component,
        lock: &ComponentLock,
    ) -> Result<String, SourceError> {
        let Some(commit) = &lock.upstream_commit else {
            return self.fingerprint_of(component, &self.source_of(component)?, lock.manual_bump);
        };
        let release_version = self.release_version(component);
        let inputs = Inputs { source: commit, manual_bump: lock.manual_bump, release_version };
        Ok(fingerprint::of(component, &inputs, &|path| std::fs::read(path))?)
    }

    /// Writes down what was found out about folders, for the next run.
    pub fn keep_identities(&self) -> Result<(), KeptError> {
        self.remembered.keep(&self.kept)
    }

    /// The commit that the definition leads to, whatever the lock says: what an update locks.
    pub fn resolve(&self, component: &Component) -> Result<Option<String>, SourceError> {
        let Some((upstream, package)) = self.upstream_package(component)? else { return Ok(None) };
        let commit = self.resolved(upstream, &package, true)?;
        Ok(Some(commit.to_string()))
    }

    /// The digest of what a component's upstream commit is resolved from.
    pub fn resolution_of(&self, component: &Component) -> Option<String> {
        let SpecSource::Upstream(upstream) = &component.spec else { return None };
        let (distribution, version) = self.upstream(upstream);
        let branch = version.and_then(|version| version.dist_git_branch.as_deref());
        let dist_git = distribution.and_then(|distribution| distribution.dist_git.as_ref());
        Some(fingerprint::resolution(upstream, branch, dist_git.map(|template| template.value.as_str())))
    }

    /// The component's lock on disk.
    pub fn lock_of(&self, component: &Component) -> Result<Option<ComponentLock>, LockError> {
        lock::read(&self.distro.project.lock_dir, &component.name)
    }

    fn in_folder(
        &self,
        component: &Component,
        folder: &Path,
        spec: String,
    ) -> Result<Source<'_>, SourceError> {
        let identity = self.remembered.identity(folder, self.options.now)?;
        Ok(Source {
            identity,
            commit: None,
            sources: self,
            component: component.name.to_string(),
            upstream_spec: spec,
            place: Place::Folder(folder.to_owned()),
        })
    }

    fn at_commit(&self, component: &Component, package: Package, commit: ObjectId) -> Source<'_> {
        Source {
            identity: SourceIdentity::Commit(commit.to_string()),
            commit: Some(commit.to_string()),
            sources: self,
            component: component.name.to_string(),
            upstream_spec: format!("{}.spec", component.upstream_name()),
            place: Place::Commit(package, commit),
        }
    }

    /// The upstream's repository of a component, if it comes from one.
    fn upstream_package<'c>(
        &self,
        component: &'c Component,
    ) -> Result<Option<(&'c UpstreamSource, Package)>, SourceError> {
        match &component.spec {
            SpecSource::Upstream(upstream) if self.plain_mirror(component).is_none() => {
                Ok(Some((upstream, self.package(component, upstream)?)))
            }
            _ => Ok(None),
        }
    }

    /// The mirror's folder of plain files for a component, if it has one.
    fn plain_mirror(&self, component: &Component) -> Option<PathBuf> {
        let folder = self.options.mirror.as_ref()?.join(component.upstream_name());
        (folder.is_dir() && !folder.join(".git").exists() && !folder.join("objects").is_dir())
            .then_some(folder)
    }

    fn package(&self, component: &Component, upstream: &UpstreamSource) -> Result<Package, SourceError> {
        let name = component.upstream_name().to_owned();
        let (distribution, version) = self.upstream(upstream);
        let branch = version.and_then(|version| version.dist_git_branch.clone());
        let mirrored = self.options.mirror.as_ref().and_then(|mirror| {
            let folders = [mirror.join(format!("{name}.git")), mirror.join(&name)];
            folders.into_iter().find(|folder| folder.is_dir())
        });
        let location = match mirrored {
            Some(folder) => Location::Folder(folder),
            None => {
                let template = distribution.and_then(|distribution| distribution.dist_git.as_ref());
                let template = template.ok_or_else(|| SourceError::NoDistGit {
                    component: component.name.to_string(),
                    distro: upstream.distro.clone(),
                })?;
                Location::Address(address(&template.value, &name))
            }
        };
        Ok(Package { name, location, branch })
    }

    fn upstream(&self, upstream: &UpstreamSource) -> (Option<&Distribution>, Option<&DistributionVersion>) {
        let distribution = self.distro.distributions.get(&upstream.distro);
        (distribution, distribution.and_then(|distribution| distribution.versions.get(&upstream.version)))
    }

    fn commit_of(
        &self,
        component: &Component,
        upstream: &UpstreamSource,
        package: &Package,
    ) -> Result<ObjectId, SourceError> {
        let Some(locked) = self.lock_of(component)?.and_then(|lock| lock.upstream_commit) else {
            return self.resolved(upstream, package, false);
        };
        if let Some(pinned) = &upstream.commit
            && !locked.starts_with(&pinned.value.to_ascii_lowercase())
        {
            let (component, pinned) = (component.name.to_string(), pinned.value.clone());
            return Err(SourceError::StaleLock { component, locked, pinned });
        }
        let is_name = locked.len() >= 7 && locked.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_name {
            return Err(SourceError::LockedCommit { component: component.name.to_string(), commit: locked });
        }
        Ok(self.dist_git.whole_commit(package, &locked)?)
    }

    fn resolved(
        &self,
        upstream: &UpstreamSource,
        package: &Package,
        anew: bool,
    ) -> Result<ObjectId, SourceError> {
        Ok(match &upstream.commit {
            Some(pinned) => self.dist_git.whole_commit(package, &pinned.value)?,
            None => self.dist_git.commit_at(package, upstream.snapshot.as_deref(), anew)?,
        })
    }

    /// The release of the distribution that a component comes from, or is made for.
    fn release_version(&self, component: &Component) -> &str {
        let version = match &component.spec {
            SpecSource::Upstream(upstream) => self.upstream(upstream).1,
            _ => self.distro.project.default_distro.as_ref().and_then(|reference| {
                self.distro.distributions.get(&reference.name)?.versions.get(&reference.version)
            }),
        };
        version.map_or("", |version| version.release_version.as_str())
    }

    /// How the component's lock came to be; the project's history is read at the first call.
    fn lock_history(&self, component: &Component) -> Result<Option<&LockHistory>, SourceError> {
        let project = match self.project.get() {
            Some(project) => project,
            None => {
                let project = &self.distro.project;
                let history = project_history::read(&project.root, &project.lock_dir, &self.kept)?;
                self.project.get_or_init(|| history)
            }
        };
        Ok(project.as_ref().and_then(|project| project.components.get(component.name.value.as_str())))
    }

    /// Whether the component is not what its committed lock says.
    fn differs_from_head(
        &self,
        component: &Component,
        source: &Source<'_>,
        at_head: &project_history::LockAtHead,
    ) -> Result<bool, SourceError> {
        let lock = self.lock_of(component)?.unwrap_or_default();
        match &at_head.inputs {
            Some(inputs) => Ok(*inputs != self.fingerprint_of(component, source, lock.manual_bump)?),
            // Whoever wrote that lock counts inputs in another way: that it was not written anew is all that can be told.
            None => Ok(lock.upstream_commit != at_head.upstream_commit
                || lock.input_fingerprint != at_head.input_fingerprint),
        }
    }

    /// The release that is to be: its date is that of the project's newest commit, since the clock must not decide.
    fn uncommitted(&self, source: &Source<'_>) -> ProjectCommit {
        let project = self.project.get().and_then(Option::as_ref);
        ProjectCommit {
            id: "dirty".into(),
            author: "azldev <azldev@local>".into(),
            seconds: project.map_or(0, |project| project.head_seconds),
            subject: "Local changes (uncommitted)".into(),
            upstream_commit: source.commit.clone(),
        }
    }
}

impl Source<'_> {
    /// The files.
    pub fn read(&self) -> Result<SourceFolder, SourceError> {
        let spec = format!("{}.spec", self.component);
        match &self.place {
            Place::Folder(folder) => Ok(folder::read(folder, &self.upstream_spec, &spec)?),
            Place::Commit(package, commit) => {
                let files = self.sources.dist_git.files(package, commit)?;
                folder::named(files, &self.upstream_spec, &spec).map_err(|specs| SourceError::NoSpec {
                    package: package.name.clone(),
                    commit: commit.to_string(),
                    spec: self.upstream_spec.clone(),
                    specs,
                })
            }
        }
    }
}
