//! The project's own git repository, in; for each component the commits that made a release of it, out.
//!
//! A commit makes a release of a component when it changes `input-fingerprint` in the component's lock. Runs git; all locks of
//! all commits are read in a handful of calls, and what was found is kept under the commit's name, which it follows from.

mod simplify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_tools::git::{Commit, GitError, ObjectId, Repository};
use serde::{Deserialize, Serialize};

use crate::kept::{Kept, KeptError};
use crate::lock::{self, ComponentLock, LockError};

/// What a project's repository says of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectHistory {
    /// The commit that is checked out.
    pub head: String,
    /// When it was made, in seconds since 1970-01-01 00:00 UTC.
    pub head_seconds: i64,
    /// By component; a component whose lock was never committed is not here.
    pub components: BTreeMap<String, LockHistory>,
}

/// How one component's lock came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHistory {
    /// The lock in the commit that is checked out; absent where it was removed.
    pub at_head: Option<LockAtHead>,
    /// Commits that made a release, the oldest first.
    pub releases: Vec<ProjectCommit>,
}

/// What matters of a committed lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockAtHead {
    /// Where the history of ours begins.
    pub import_commit: Option<String>,
    /// The upstream commit that was locked.
    pub upstream_commit: Option<String>,
    /// Whose change is a new release.
    pub input_fingerprint: Option<String>,
    /// The fingerprint of the inputs that it stands for, where this program wrote it.
    pub inputs: Option<String>,
}

/// A commit of the project that made a release of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectCommit {
    /// Its name.
    pub id: String,
    /// Its author: `Name <address>`.
    pub author: String,
    /// When the author made it, in seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// The first paragraph of its message, in one line.
    pub subject: String,
    /// The upstream commit that was locked then.
    pub upstream_commit: Option<String>,
}

/// Why a project's history says nothing of releases.
#[derive(Debug, thiserror::Error)]
pub enum ProjectHistoryError {
    /// Git has no answer.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A lock of some commit is none.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The clone lacks the commits that releases are counted by.
    #[error("{} is a shallow clone: releases are counted by its history (fetch it with `git fetch --unshallow`)", root.display())]
    Shallow {
        /// The work tree.
        root: PathBuf,
    },
    /// What was found cannot be kept.
    #[error(transparent)]
    Kept(#[from] KeptError),
}

/// Reads how the locks in `lock_dir` came to be; `None` where the project lies in no repository, has no commit, or keeps its
/// locks outside of it.
pub fn read(
    project_root: &Path,
    lock_dir: &Path,
    kept: &Kept,
) -> Result<Option<ProjectHistory>, ProjectHistoryError> {
    let Some(root) = Repository::at(project_root).work_tree()? else { return Ok(None) };
    let repository = Repository::at(&root);
    let Some(head) = repository.commit_of("HEAD")? else { return Ok(None) };
    let Some(below) = relative(&root, lock_dir) else { return Ok(None) };
    let name = format!("locks-{head}-{below}");
    if let Some(known) = kept.read_json::<ProjectHistory>("projects", &name)? {
        return Ok(Some(known));
    }
    if repository.is_shallow()? {
        return Err(ProjectHistoryError::Shallow { root });
    }
    let history = read_anew(&repository, &head, &below)?;
    kept.write_json("projects", &name, &history)?;
    Ok(Some(history))
}

/// The lock folder as the repository names it.
fn relative(root: &Path, lock_dir: &Path) -> Option<String> {
    // Git tells the work tree without symbolic links; the project may have been reached through one.
    let root = root.canonicalize().ok()?;
    let existing = lock_dir.ancestors().find(|path| path.exists())?;
    let missing = lock_dir.strip_prefix(existing).ok()?;
    let below = existing.canonicalize().ok()?.join(missing);
    below.strip_prefix(&root).ok()?.to_str().map(str::to_owned)
}

fn read_anew(
    repository: &Repository,
    head: &ObjectId,
    below: &str,
) -> Result<ProjectHistory, ProjectHistoryError> {
    let commits = repository.history(head)?;
    let changes = repository.changes(&commits, below)?;
    let lines = simplify::by_path(&commits, &changes);
    let locks = read_locks(repository, &lines)?;
    let mut components = BTreeMap::new();
    for (path, line) in &lines {
        let Some(component) = component_of(path, below) else { continue };
        let Some(newest) = line.first() else { continue };
        let at_head = newest.blob.as_ref().and_then(|blob| locks.get(blob)).map(|lock| LockAtHead {
            import_commit: lock.import_commit.clone(),
            upstream_commit: lock.upstream_commit.clone(),
            input_fingerprint: lock.input_fingerprint.clone(),
            inputs: lock.inputs.clone(),
        });
        let releases = releases(line, &commits, &locks);
        components.insert(component.to_owned(), LockHistory { at_head, releases });
    }
    let head_seconds = commits.first().map_or(0, |commit| commit.committer.seconds);
    Ok(ProjectHistory { head: head.to_string(), head_seconds, components })
}

/// The component whose lock lies at this path.
fn component_of<'a>(path: &'a [u8], below: &str) -> Option<&'a str> {
    let path = std::str::from_utf8(path).ok()?;
    let name = if below.is_empty() { path } else { path.strip_prefix(below)?.strip_prefix('/')? };
    let component = name.strip_suffix(".lock")?;
    (!component.contains('/') && !component.starts_with('.')).then_some(component)
}

/// Every content that a lock ever had.
fn read_locks(
    repository: &Repository,
    lines: &BTreeMap<Vec<u8>, Vec<simplify::Step>>,
) -> Result<BTreeMap<ObjectId, ComponentLock>, ProjectHistoryError> {
    let mut places: BTreeMap<&ObjectId, &[u8]> = BTreeMap::new();
    for (path, line) in lines.iter().filter(|(path, _)| path.ends_with(b".lock")) {
        for blob in line.iter().filter_map(|step| step.blob.as_ref()) {
            places.insert(blob, path);
        }
    }
    let ids: Vec<&str> = places.keys().map(|id| id.as_str()).collect();
    let objects = repository.objects(&ids)?;
    let mut locks = BTreeMap::new();
    for ((id, path), object) in places.into_iter().zip(objects) {
        let missing =
            || GitError::Missing { repository: repository.directory().to_owned(), id: id.to_string() };
        let bytes = object.ok_or_else(missing)?.bytes;
        let place = format!("{} ({})", String::from_utf8_lossy(path), &id.as_str()[..12]);
        locks.insert(id.clone(), lock::parse(&String::from_utf8_lossy(&bytes), &place)?);
    }
    Ok(locks)
}

/// The commits of a line that changed the fingerprint, the oldest first.
fn releases(
    line: &[simplify::Step],
    commits: &[Commit],
    locks: &BTreeMap<ObjectId, ComponentLock>,
) -> Vec<ProjectCommit> {
    let mut releases = Vec::new();
    let mut before: Option<&str> = None;
    for step in line.iter().rev() {
        let lock = step.blob.as_ref().and_then(|blob| locks.get(blob));
        let now = lock.and_then(|lock| lock.input_fingerprint.as_deref());
        // A lock that is gone, or has no fingerprint, releases nothing.
        if now != before && now.is_some() {
            let commit = &commits[step.commit];
            releases.push(ProjectCommit {
                id: commit.id.to_string(),
                author: format!("{} <{}>", commit.author.name, commit.author.email),
                seconds: commit.author.seconds,
                subject: subject(&commit.message),
                upstream_commit: lock.and_then(|lock| lock.upstream_commit.clone()),
            });
        }
        before = now;
    }
    releases
}

/// The first paragraph of a message, in one line.
fn subject(message: &str) -> String {
    // Blanks are what git takes for such; others, like a space that does not break, are text.
    let lines = message.split('\n').map(|line| line.trim_end_matches([' ', '\t', '\r']));
    let lines = lines.skip_while(|line| line.is_empty());
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_first_paragraph_in_one_line() {
        assert_eq!(subject("\nUpdate\nthe lock \n\nBody\n"), "Update the lock");
        assert_eq!(subject(""), "");
        assert_eq!(subject("\u{a0}\n\nBody\n"), "\u{a0}");
    }

    #[test]
    fn only_locks_right_in_the_folder_count() {
        assert_eq!(component_of(b"base/locks/gtk+.lock", "base/locks"), Some("gtk+"));
        assert_eq!(component_of(b"a.lock", ""), Some("a"));
        assert_eq!(component_of(b"base/locks/old/a.lock", "base/locks"), None);
        assert_eq!(component_of(b"base/locksmith/a.lock", "base/locks"), None);
        assert_eq!(component_of(b"base/locks/README", "base/locks"), None);
    }
}
