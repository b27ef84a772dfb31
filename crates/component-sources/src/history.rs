//! Upstream's commits and the project's releases, in; the history that a spec's release and changelog are made from, and the
//! finished spec, out.
//!
//! A component's history is its upstream's, with one commit of ours for each release that the project made of it, placed after
//! the upstream commit that it was made from. What is not needed is not read: a spec that states its release as a number needs
//! no upstream history at all.

mod contents;
mod interleave;
mod reader;

use std::collections::BTreeMap;

use definition::Component;
use sha2::{Digest, Sha256};

use crate::autospec::{self, AutospecError, Features, FlagsError, ReleaseFlags, SpecHistory};
use crate::dist_git::{DistGit, DistGitError, Package};
use crate::project_history::ProjectCommit;
use crate::release::{self, ReleaseError};
use crate::source::SourceEntry;

use contents::Contents;

use host_tools::git::ObjectId;
pub use reader::QueryReader;

/// Reads version and release arguments out of a spec: what a spec interpreter with the target's macros is needed for.
pub trait SpecReader: Sync + Send {
    /// What decides about answers besides the spec: equal digests give equal answers.
    fn digest(&self) -> String;

    /// Reads the text of a spec that begins with [`autospec::READING_MACROS`], with the files beside it.
    fn flags(&self, spec: &[u8], files: &BTreeMap<String, SourceEntry>) -> Result<ReleaseFlags, FlagsError>;
}

/// The history of one component: the releases of ours, and where the upstream's commits are to be had.
#[derive(Clone)]
pub struct History<'s> {
    pub(crate) spec: String,
    pub(crate) origin: Origin,
    pub(crate) releases: Vec<ProjectCommit>,
    pub(crate) dist_git: &'s DistGit,
    pub(crate) reader: &'s dyn SpecReader,
}

/// Where a history begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// With upstream's commits up to one.
    Upstream {
        package: Package,
        commit: ObjectId,
        /// The commit after which lines are drawn straight; absent: from the first on.
        import: Option<ObjectId>,
    },
    /// With the files as they are: one commit at the beginning of time.
    Files,
}

/// Why a history cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The upstream's commits cannot be had.
    #[error(transparent)]
    DistGit(#[from] DistGitError),
    /// The upstream commit of the lock is on another branch, or gone.
    #[error(
        "commit {commit} of {package}, which the lock has as {role}, is not among those that led to {head}"
    )]
    NotInHistory {
        /// The source package.
        package: String,
        /// The commit.
        commit: String,
        /// The lock's key.
        role: &'static str,
        /// The newest commit that was looked at.
        head: String,
    },
}

/// Why a prepared spec cannot be finished.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// Its release cannot be counted on.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Its history cannot be put together.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Release or changelog cannot be told from the history.
    #[error(transparent)]
    Autospec(#[from] AutospecError),
}

impl FinishError {
    /// Whether another try, or a network, may help; otherwise it is a fact of the component.
    pub fn may_pass(&self) -> bool {
        matches!(self, FinishError::History(HistoryError::DistGit(error)) if error.may_pass())
    }
}

impl History<'_> {
    /// The releases that the project made of the component, the oldest first; the last one may be one that is not committed.
    pub fn releases(&self) -> &[ProjectCommit] {
        &self.releases
    }

    /// What the history is, known without reading the upstream's: equal digests give equal releases and changelogs.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |text: &str| {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        field("history 1");
        field(&self.reader.digest());
        match &self.origin {
            Origin::Files => field("files"),
            Origin::Upstream { commit, import, package: _ } => {
                field(commit.as_str());
                field(import.as_ref().map_or("", ObjectId::as_str));
            }
        }
        for release in &self.releases {
            field(&release.id);
            field(&release.author);
            field(&release.seconds.to_string());
            field(&release.subject);
            field(release.upstream_commit.as_deref().unwrap_or(""));
        }
        hex::encode(hasher.finalize())
    }
}

/// Counts the release on, and spells `%autorelease` and `%autochangelog` out; `files` are those beside the spec when it is built.
pub fn finish(
    spec: Vec<u8>,
    component: &Component,
    history: &History<'_>,
    files: &BTreeMap<String, SourceEntry>,
) -> Result<Vec<u8>, FinishError> {
    let spec = release::apply(spec, component.release, history.releases.len() as u64)?;
    if !Features::of(&spec).needs_expanding() {
        return Ok(spec);
    }
    let (line, contents) = put_together(history, &spec, files, &history.releases)?;
    let expanded = autospec::expand(&spec, &line, &contents);
    contents.keep().map_err(HistoryError::from)?;
    let expanded = expanded?;
    Ok(expanded.unwrap_or(spec))
}

/// The release that upstream's own spec has by its own history, without the distribution's tag.
pub fn pristine_release(
    spec: &[u8],
    history: &History<'_>,
    files: &BTreeMap<String, SourceEntry>,
) -> Result<String, FinishError> {
    let (line, contents) = put_together(history, spec, files, &[])?;
    let release = autospec::release(&line, &contents);
    contents.keep().map_err(HistoryError::from)?;
    Ok(release?)
}

/// The line of commits that ends in this spec and these files, and access to what they hold.
fn put_together<'h>(
    history: &'h History<'_>,
    spec: &'h [u8],
    files: &'h BTreeMap<String, SourceEntry>,
    releases: &[ProjectCommit],
) -> Result<(SpecHistory, Contents<'h>), HistoryError> {
    let upstream = match &history.origin {
        Origin::Files => None,
        Origin::Upstream { package, commit, .. } => {
            Some(history.dist_git.history(package, commit, &history.spec)?)
        }
    };
    let line = interleave::line(&history.origin, upstream.as_ref(), releases, files)?;
    let contents = Contents::new(history, spec, files, upstream, line.upstream);
    Ok((line.history, contents))
}
