//! A commit of a project's repository, in; what it says about each component, out.
//! Reads the repository through git; the definition of the commit is written to a folder for it and read there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use definition::{Component, Distro, Problems, SpecSource};
use host_tools::git::{GitError, ObjectId, Repository, TreeEntry, TreeEntryKind};
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::export::{self, ExportError, safe_path};
use super::{Facts, Revision};
use crate::folder::{self, FolderError};
use crate::lock::{self, LockError};
use crate::prepare::SOURCES_FILE;
use crate::render::definition_digest;

/// A project in a work tree.
#[derive(Debug)]
pub struct Project {
    repository: Repository,
    /// The root file, relative to the work tree.
    root_file: PathBuf,
    /// Folders whose files are not the definition's, relative to the work tree.
    generated: Vec<PathBuf>,
}

/// Why a revision says nothing.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// git.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The project is in no repository.
    #[error("{} is not in the work tree of a git repository", .0.display())]
    NoRepository(PathBuf),
    /// No commit of that name.
    #[error("there is no commit {revision}")]
    NoCommit {
        /// As asked for.
        revision: String,
    },
    /// The commit has no root file.
    #[error("commit {commit} has no {}", root_file.display())]
    NoDefinition {
        /// The commit.
        commit: ObjectId,
        /// The file, relative to the work tree.
        root_file: PathBuf,
    },
    /// Its definition is wrong.
    #[error("the definition of commit {commit} is not usable")]
    Definition {
        /// The commit.
        commit: ObjectId,
        /// What is wrong.
        source: Problems,
    },
    /// Its files cannot be written for reading.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A lock of it is wrong.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A local component's folder.
    #[error("the sources of {component} in commit {commit} cannot be read")]
    Folder {
        /// The component.
        component: String,
        /// The commit.
        commit: ObjectId,
        /// Why.
        source: FolderError,
    },
    /// A file that an overlay brings in.
    #[error("a file of {component} in commit {commit} cannot be read")]
    File {
        /// The component.
        component: String,
        /// The commit.
        commit: ObjectId,
        /// Why.
        source: std::io::Error,
    },
    /// A folder to work in.
    #[error("no folder can be made to read the definition in")]
    Scratch(#[source] std::io::Error),
}

impl Project {
    /// The repository that a definition lies in.
    pub fn of(distro: &Distro) -> Result<Self, RevisionError> {
        let root = &distro.project.root;
        let outside = || RevisionError::NoRepository(root.clone());
        let top = Repository::at(root).work_tree()?.ok_or_else(outside)?;
        // git tells the work tree without links.
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let relative = |path: &Path| real(path).strip_prefix(&top).map(Path::to_owned);
        let root_file = relative(&distro.root_file).map_err(|_outside| outside())?;
        let generated = [&distro.project.rendered_specs_dir, &distro.project.lock_dir];
        let generated = generated.into_iter().filter_map(|folder| relative(folder).ok());
        let generated = generated.filter(|folder| !folder.as_os_str().is_empty()).collect();
        Ok(Project { repository: Repository::at(top), root_file, generated })
    }

    /// Its repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }
}

/// A definition as it was in a commit.
#[derive(Debug)]
pub struct AtRevision {
    /// The definition; its paths lie below [`top`](AtRevision::top).
    pub distro: Distro,
    /// The commit.
    pub commit: ObjectId,
    entries: Vec<TreeEntry>,
    top: tempfile::TempDir,
}

impl AtRevision {
    /// The folder that stands for the root of the work tree; it is there as long as this value.
    pub fn top(&self) -> &Path {
        self.top.path()
    }
}

/// What a revision says about its components.
pub fn read(project: &Project, revision: &str) -> Result<Revision, RevisionError> {
    let at = definition_at(project, revision)?;
    let (distro, commit, entries) = (&at.distro, &at.commit, &at.entries);
    let below = |folder: &Path| folder.strip_prefix(at.top()).ok().and_then(Path::to_str).map(str::to_owned);
    let mut facts: Revision = distro
        .components
        .par_iter()
        .map(|(name, component)| {
            let definition = Some(digest_of(component, distro, commit)?);
            Ok((name.clone(), Facts { definition, ..Facts::default() }))
        })
        .collect::<Result<_, RevisionError>>()?;
    if let Some(folder) = below(&distro.project.rendered_specs_dir) {
        add_rendered(&mut facts, &folder, entries);
    }
    if let Some(folder) = below(&distro.project.lock_dir) {
        add_locks(&mut facts, &folder, entries, project.repository(), commit)?;
    }
    Ok(facts)
}

/// The definition as it was in a revision.
pub fn definition_at(project: &Project, revision: &str) -> Result<AtRevision, RevisionError> {
    let commit = project.repository.commit_of(revision)?;
    let commit = commit.ok_or_else(|| RevisionError::NoCommit { revision: revision.to_owned() })?;
    let entries = project.repository.files(&commit)?;
    let is_generated =
        |path: &str| project.generated.iter().any(|folder| Path::new(path).starts_with(folder));
    let wanted: Vec<&TreeEntry> = entries
        .iter()
        .filter(|entry| entry.kind != TreeEntryKind::Submodule)
        .filter(|entry| safe_path(entry).is_some_and(|path| !is_generated(path)))
        .collect();
    let top = tempfile::tempdir().map_err(RevisionError::Scratch)?;
    let ids: Vec<&str> = wanted.iter().map(|entry| entry.id.as_str()).collect();
    for (entry, object) in wanted.iter().zip(project.repository.objects(&ids)?) {
        if let Some(object) = object {
            export::write(top.path(), entry, &object.bytes)?;
        }
    }
    let root_file = top.path().join(&project.root_file);
    if !root_file.is_file() {
        return Err(RevisionError::NoDefinition { commit, root_file: project.root_file.clone() });
    }
    match definition::load_file(&root_file, top.path()) {
        Ok(distro) => Ok(AtRevision { distro, commit, entries, top }),
        Err(source) => Err(RevisionError::Definition { commit, source }),
    }
}

/// What the definition says about a component: what is done to its files, and where they come from.
fn digest_of(component: &Component, distro: &Distro, commit: &ObjectId) -> Result<String, RevisionError> {
    let name = || component.name.as_str().to_owned();
    let of_changes = definition_digest(component).map_err(|source| RevisionError::File {
        component: name(),
        commit: commit.clone(),
        source,
    })?;
    let of_source = match &component.spec {
        SpecSource::Local { path } => {
            let folder = path.parent().unwrap_or(Path::new("/"));
            let spec = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let files = folder::read(folder, spec, spec).map_err(|source| RevisionError::Folder {
                component: name(),
                commit: commit.clone(),
                source,
            })?;
            files.identity().to_string()
        }
        SpecSource::Upstream(upstream) => {
            let distribution = distro.distributions.get(&upstream.distro);
            let version = distribution.and_then(|distribution| distribution.versions.get(&upstream.version));
            format!(
                "{:?}",
                (
                    component.upstream_name(),
                    upstream.commit.as_ref().map(|commit| commit.as_str()),
                    upstream.snapshot.as_deref(),
                    distribution
                        .and_then(|distribution| distribution.dist_git.as_ref())
                        .map(|uri| uri.as_str()),
                    version.and_then(|version| version.dist_git_branch.as_deref()),
                    version.map(|version| version.release_version.as_str()),
                )
            )
        }
        SpecSource::Unstated => String::new(),
    };
    Ok(hex::encode(Sha256::digest(format!("{of_changes} {of_source}"))))
}

/// Rendered folders lie in `<folder>/<letter>/<name>/`.
fn add_rendered(facts: &mut Revision, folder: &str, entries: &[TreeEntry]) {
    let mut hashers: BTreeMap<String, Sha256> = BTreeMap::new();
    for entry in entries {
        let Some((name, path)) = rendered_path(folder, entry) else { continue };
        let hasher = hashers.entry(name.to_owned()).or_default();
        for part in [path, &format!("{:?}", entry.kind), entry.id.as_str()] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        if path == SOURCES_FILE {
            facts.entry(name.to_owned()).or_default().sources = Some(entry.id.to_string());
        }
    }
    for (name, hasher) in hashers {
        facts.entry(name).or_default().rendered = Some(hex::encode(hasher.finalize()));
    }
}

fn rendered_path<'a>(folder: &str, entry: &'a TreeEntry) -> Option<(&'a str, &'a str)> {
    let path = std::str::from_utf8(&entry.path).ok()?;
    let path = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
    let (letter, path) = path.split_once('/')?;
    let (name, path) = path.split_once('/')?;
    (letter.chars().count() == 1).then_some((name, path))
}

fn add_locks(
    facts: &mut Revision,
    folder: &str,
    entries: &[TreeEntry],
    repository: &Repository,
    commit: &ObjectId,
) -> Result<(), RevisionError> {
    let mut locks = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let Ok(path) = std::str::from_utf8(&entry.path) else { continue };
        let name = path.strip_prefix(folder).and_then(|path| path.strip_prefix('/'));
        let name = name.and_then(|name| name.strip_suffix(".lock")).filter(|name| !name.contains('/'));
        if let Some(name) = name
            && seen.insert(name)
        {
            locks.push((name, path, &entry.id));
        }
    }
    let ids: Vec<&str> = locks.iter().map(|(_, _, id)| id.as_str()).collect();
    for ((name, path, id), object) in locks.iter().zip(repository.objects(&ids)?) {
        let facts = facts.entry((*name).to_owned()).or_default();
        facts.lock = Some(id.to_string());
        if let Some(object) = object {
            let text = String::from_utf8_lossy(&object.bytes);
            facts.fingerprint = lock::parse(&text, &format!("{path} in commit {commit}"))?.input_fingerprint;
        }
    }
    Ok(())
}
