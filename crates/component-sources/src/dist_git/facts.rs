//! A commit, in; what release and changelog rules want to know of all commits that led to it, out.

use std::collections::{BTreeMap, HashMap};

use host_tools::git::{ObjectId, Repository};
use serde::{Deserialize, Serialize};

use super::DistGitError;

/// The commits that led to one, itself included: children before parents, itself first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageHistory {
    /// The commits.
    pub commits: Vec<CommitFacts>,
    /// The contents that the file `changelog` ever had, by blob; bytes that are no UTF-8 are U+FFFD.
    pub changelogs: BTreeMap<String, String>,
}

/// What the rules want to know of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitFacts {
    /// Its name.
    pub id: String,
    /// Where its parents stand among the commits, the line that it continues first.
    pub parents: Vec<usize>,
    /// Its author: `Name <address>`.
    pub author: String,
    /// When it was made (not: when its author made the change), in seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Its whole message.
    pub message: String,
    /// Its tree.
    pub tree: String,
    /// The blob of the spec, where there is one.
    pub spec: Option<String>,
    /// The blob of the file `changelog`, where there is one.
    pub changelog: Option<String>,
}

pub(super) fn read(
    repository: &Repository,
    commit: &ObjectId,
    spec: &str,
) -> Result<PackageHistory, DistGitError> {
    let commits = repository.history(commit)?;
    let places: HashMap<&ObjectId, usize> =
        commits.iter().enumerate().map(|(place, commit)| (&commit.id, place)).collect();
    let queries: Vec<String> = commits
        .iter()
        .flat_map(|commit| [format!("{}:{spec}", commit.id), format!("{}:changelog", commit.id)])
        .collect();
    let ids = repository.ids(&queries)?;
    let mut facts = Vec::with_capacity(commits.len());
    for (commit, ids) in commits.iter().zip(ids.chunks_exact(2)) {
        let blob = |place: usize| ids[place].as_ref().map(ToString::to_string);
        facts.push(CommitFacts {
            id: commit.id.to_string(),
            // A shallow clone's oldest commits have parents that are not there.
            parents: commit.parents.iter().filter_map(|parent| places.get(parent).copied()).collect(),
            author: format!("{} <{}>", commit.author.name, commit.author.email),
            seconds: commit.committer.seconds,
            message: commit.message.clone(),
            tree: commit.tree.to_string(),
            spec: blob(0),
            changelog: blob(1),
        });
    }
    let changelogs = changelogs(repository, &facts)?;
    Ok(PackageHistory { commits: facts, changelogs })
}

fn changelogs(
    repository: &Repository,
    facts: &[CommitFacts],
) -> Result<BTreeMap<String, String>, DistGitError> {
    let mut blobs: Vec<&str> = facts.iter().filter_map(|commit| commit.changelog.as_deref()).collect();
    blobs.sort_unstable();
    blobs.dedup();
    let objects = repository.objects(&blobs)?;
    let texts = blobs.into_iter().zip(objects).filter_map(|(id, object)| {
        Some((id.to_owned(), String::from_utf8_lossy(&object?.bytes).into_owned()))
    });
    Ok(texts.collect())
}
