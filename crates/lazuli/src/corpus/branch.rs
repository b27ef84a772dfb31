//! A repository that a definition and its rendered specs were kept in, in; earlier texts of rendered specs and what the definition
//! said then, out.
//!
//! Reads the repository by git and writes one earlier definition at a time into a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use component_sources::source::{SourceEntry, SourceFolder};
use definition::Distro;
use host_tools::git::{GitError, ObjectId, Repository, TreeEntryKind};

/// Folders that rendered specs were kept in over time, from the repository's root.
const RENDERED: &[&str] = &["specs/", "SPECS/"];

/// Why the branch cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BranchError {
    /// Git gave no answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// No such revision.
    #[error("{} has no revision {revision}", repository.display())]
    Revision {
        /// Where.
        repository: PathBuf,
        /// What was asked for.
        revision: String,
    },
    /// An earlier definition could not be written out.
    #[error("an earlier definition cannot be written to {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The first-parent line of a revision.
pub struct Branch {
    repository: Repository,
    /// Versions of each component's rendered spec, newest first.
    versions: BTreeMap<String, Vec<Version>>,
    /// Definitions at commits, read when first asked for; none where it was not usable.
    definitions: Mutex<BTreeMap<ObjectId, Option<Arc<Distro>>>>,
    scratch: tempfile::TempDir,
}

/// A rendered spec as one commit wrote it.
#[derive(Clone, Debug)]
pub struct Version {
    /// The commit.
    pub commit: ObjectId,
    /// The folder it lies in, with `/` at the end.
    pub folder: String,
    /// The text.
    pub blob: ObjectId,
}

impl Branch {
    /// Reads which commits changed which rendered specs.
    pub fn read(repository: &Path, revision: &str) -> Result<Self, BranchError> {
        let absent =
            || BranchError::Revision { repository: repository.to_owned(), revision: revision.to_owned() };
        let git = Repository::at(repository);
        let head = git.commit_of(revision)?.ok_or_else(absent)?;
        let mut line = Vec::new();
        let mut next = Some(head.clone());
        let mut commits: BTreeMap<ObjectId, _> =
            git.history(&head)?.into_iter().map(|commit| (commit.id.clone(), commit)).collect();
        while let Some(commit) = next.and_then(|id| commits.remove(&id)) {
            next = commit.parents.first().cloned();
            line.push(commit);
        }
        let mut versions: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        for change in git.changes(&line, "")? {
            for path in change.by_parent.first().into_iter().flatten() {
                let (Some(blob), Ok(name)) = (&path.blob, std::str::from_utf8(&path.path)) else { continue };
                if let Some((folder, component)) = rendered_spec(name) {
                    let version = Version {
                        commit: change.commit.clone(),
                        folder: folder.to_owned(),
                        blob: blob.clone(),
                    };
                    versions.entry(component.to_owned()).or_default().push(version);
                }
            }
        }
        let scratch = tempfile::tempdir()
            .map_err(|source| BranchError::Write { path: std::env::temp_dir(), source })?;
        Ok(Branch { repository: git, versions, definitions: Mutex::default(), scratch })
    }

    /// The versions of a component's rendered spec, newest first.
    pub fn versions(&self, component: &str) -> &[Version] {
        self.versions.get(component).map_or(&[], Vec::as_slice)
    }

    /// The text of a version; none where the repository was copied without it.
    pub fn text(&self, version: &Version) -> Result<Option<Vec<u8>>, BranchError> {
        let objects = self.repository.objects(&[version.blob.as_str()])?;
        Ok(objects.into_iter().next().flatten().map(|object| object.bytes))
    }

    /// Everything that lies beside a version, the spec included.
    pub fn folder(&self, version: &Version, component: &str) -> Result<SourceFolder, BranchError> {
        let mut below = Vec::new();
        for entry in self.repository.files(&version.commit)? {
            let path = String::from_utf8(entry.path).unwrap_or_default();
            if let Some(name) = path.strip_prefix(&version.folder) {
                below.push((name.to_owned(), entry.kind, entry.id));
            }
        }
        let ids: Vec<&str> = below.iter().map(|(_, _, id)| id.as_str()).collect();
        let objects = self.repository.objects(&ids)?;
        let mut files = BTreeMap::new();
        for ((name, kind, _), object) in below.into_iter().zip(objects) {
            let Some(object) = object else { continue };
            let entry = match kind {
                TreeEntryKind::Link => {
                    SourceEntry::Link { target: String::from_utf8_lossy(&object.bytes).into_owned() }
                }
                TreeEntryKind::File => SourceEntry::File { bytes: object.bytes, executable: false },
                TreeEntryKind::Program => SourceEntry::File { bytes: object.bytes, executable: true },
                TreeEntryKind::Submodule => continue,
            };
            files.insert(name, entry);
        }
        Ok(SourceFolder { files, spec: format!("{component}.spec") })
    }

    /// The definition at a commit; none where it is not usable.
    pub fn definition(&self, commit: &ObjectId) -> Result<Option<Arc<Distro>>, BranchError> {
        let mut definitions = self.definitions.lock().expect("nobody panics with it");
        if let Some(known) = definitions.get(commit) {
            return Ok(known.clone());
        }
        let folder = self.scratch.path().join(commit.as_str());
        self.write_definition(commit, &folder)?;
        let distro = load_what_holds(&folder).map(Arc::new);
        definitions.insert(commit.clone(), distro.clone());
        fs::remove_dir_all(&folder).map_err(|source| BranchError::Write { path: folder, source })?;
        Ok(distro)
    }

    fn write_definition(&self, commit: &ObjectId, folder: &Path) -> Result<(), BranchError> {
        let kept = |path: &str| !RENDERED.iter().any(|folder| path.starts_with(folder)) && is_inside(path);
        let mut paths = Vec::new();
        for entry in self.repository.files(commit)? {
            if let (TreeEntryKind::File | TreeEntryKind::Program, Ok(path)) =
                (entry.kind, String::from_utf8(entry.path))
                && kept(&path)
            {
                paths.push((path, entry.id));
            }
        }
        let ids: Vec<&str> = paths.iter().map(|(_, id)| id.as_str()).collect();
        for ((path, _), object) in paths.iter().zip(self.repository.objects(&ids)?) {
            let Some(object) = object else { continue };
            let path = folder.join(path);
            let write = || {
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                fs::write(&path, &object.bytes)
            };
            write().map_err(|source| BranchError::Write { path: path.clone(), source })?;
        }
        Ok(())
    }
}

/// The definition in a folder of our own, without the lines that today's rules refuse: they were other rules then.
fn load_what_holds(folder: &Path) -> Option<Distro> {
    // Leaving out one line may make another one wrong; some definitions never get right.
    const ROUNDS: usize = 5;
    for _ in 0..ROUNDS {
        let problems = match definition::load(folder) {
            Ok(distro) => return Some(distro),
            Err(problems) => problems.problems,
        };
        let mut lines_by_file: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for problem in problems {
            let place = problem.at?;
            lines_by_file.entry(place.file).or_default().insert(place.line);
        }
        for (file, refused) in lines_by_file {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).ok()?;
            let kept = (1..)
                .zip(text.lines())
                .map(|(number, line)| if refused.contains(&number) { "" } else { line });
            fs::write(&path, kept.collect::<Vec<_>>().join("\n")).ok()?;
        }
    }
    None
}

/// Folder and component of a path like `specs/c/curl/curl.spec`.
fn rendered_spec(path: &str) -> Option<(&str, &str)> {
    if !RENDERED.iter().any(|folder| path.starts_with(folder)) {
        return None;
    }
    let (folder, file) = path.rsplit_once('/')?;
    let component = file.strip_suffix(".spec")?;
    (folder.rsplit_once('/')?.1 == component).then(|| (&path[..folder.len() + 1], component))
}

/// Whether a path that git keeps stays inside the folder that it is joined to.
fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
