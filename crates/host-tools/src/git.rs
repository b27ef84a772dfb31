//! A repository and a question, in; commits, trees and blobs as values, out.
//!
//! git is the host's program: it reads history and fetches it, and never writes a work tree. No configuration of the user or
//! the machine, no hook, no prompt and no locale has a say: of the environment only what leads to programs, proxies and
//! certificates is kept. The repository's own configuration is read, so git's refusal to work in a repository of another user
//! stays in force.

mod blame;
mod id;
mod object;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::call::{Call, CallError, Sink, Stdin};
use crate::program;

pub use id::ObjectId;
pub use object::{Commit, Object, ObjectKind, Person, TreeEntry, TreeEntryKind};
pub use walk::{Change, PathChange};

/// A repository on this machine: a bare one, or one with a work tree.
#[derive(Debug, Clone)]
pub struct Repository {
    directory: PathBuf,
}

/// Why git gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program failed or is not there.
    #[error("git cannot {what} in {}", repository.display())]
    Call {
        /// What was being done, in words.
        what: &'static str,
        /// Where.
        repository: PathBuf,
        /// What git said.
        source: CallError,
    },
    /// An answer that this module does not understand.
    #[error("git's answer is not understood ({what} in {}): {said}", repository.display())]
    Answer {
        /// What was being done, in words.
        what: &'static str,
        /// Where.
        repository: PathBuf,
        /// The part in question.
        said: String,
    },
    /// An object that should be there is not.
    #[error("{} has no object {id}", repository.display())]
    Missing {
        /// Where.
        repository: PathBuf,
        /// What was asked for.
        id: String,
    },
}

/// Variables of this process that git sees: how to find programs, proxies and certificates.
const INHERITED: [&str; 12] = [
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
];

/// More than any dist-git history holds; a repository that answers more is refused.
const ANSWER_LIMIT: usize = 4 << 30;

impl Repository {
    /// The repository at this folder, which is looked at when it is asked for something.
    pub fn at(directory: impl Into<PathBuf>) -> Repository {
        Repository { directory: directory.into() }
    }

    /// Makes a bare repository in a folder that is not there yet or is empty.
    pub fn create_bare(directory: impl Into<PathBuf>) -> Result<Repository, GitError> {
        let repository = Repository::at(directory);
        let call = git().args(["init", "--quiet", "--bare", "--initial-branch=main", "--template="]);
        let call = call.arg("--").arg(&repository.directory);
        repository.run("make a repository", &call)?;
        Ok(repository)
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fetches all branches of `url` and drops those that are gone there; `limit` is the longest time it may take.
    pub fn fetch_branches(&self, url: &str, limit: Duration) -> Result<(), GitError> {
        let call =
            self.git().args(["fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-auto-maintenance"]);
        let call = call.args(["--no-write-fetch-head", "--no-recurse-submodules", "--"]);
        let call = call.arg(url).arg("+refs/heads/*:refs/heads/*").time_limit(limit);
        self.run("fetch", &call)?;
        Ok(())
    }

    /// The commit that a revision means, if there is one.
    pub fn commit_of(&self, revision: &str) -> Result<Option<ObjectId>, GitError> {
        let call = self.git().args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        let call = call.arg(format!("{revision}^{{commit}}")).accept_status([0, 1, 128]);
        let what = "resolve a revision";
        let output = self.run(what, &call)?;
        match output.status.code() {
            Some(0) => self.id(what, output.stdout_text().trim_end()).map(Some),
            // With --quiet, a name that leads nowhere is told by the status alone; a broken repository is not.
            _ if output.stderr.is_empty() || unknown_revision(&output.stderr_text()) => Ok(None),
            _ => Err(self.answer(what, &output.stderr_text())),
        }
    }

    /// The root of the work tree that the folder lies in; `None` where there is no repository.
    pub fn work_tree(&self) -> Result<Option<PathBuf>, GitError> {
        let call = self.git().args(["rev-parse", "--show-toplevel"]).accept_status([0, 128]);
        let what = "find the work tree";
        let output = self.run(what, &call)?;
        if output.status.code() == Some(0) {
            return Ok(Some(PathBuf::from(output.stdout_text().trim_end_matches('\n'))));
        }
        let said = output.stderr_text();
        if said.contains("not a git repository") { Ok(None) } else { Err(self.answer(what, &said)) }
    }

    /// Whether old commits were left out when it was cloned.
    pub fn is_shallow(&self) -> Result<bool, GitError> {
        let call = self.git().args(["rev-parse", "--is-shallow-repository"]);
        Ok(self.run("tell whether history is complete", &call)?.stdout_text().trim_end() == "true")
    }

    /// The newest commit on the first-parent line of `head` that is not younger than `seconds` since 1970.
    pub fn commit_before(&self, head: &ObjectId, seconds: i64) -> Result<Option<ObjectId>, GitError> {
        let what = "find the commit at a time";
        let call = self.git().args(["rev-list", "-1", "--first-parent"]);
        let call = call.arg(format!("--before=@{seconds} +0000")).arg(head.as_str()).arg("--");
        let said = self.run(what, &call)?.stdout_text();
        let said = said.trim_end();
        if said.is_empty() { Ok(None) } else { self.id(what, said).map(Some) }
    }

    pub(crate) fn git(&self) -> Call {
        git().arg("-C").arg(&self.directory)
    }

    pub(crate) fn run(&self, what: &'static str, call: &Call) -> Result<crate::call::Output, GitError> {
        program::run(call).map_err(|source| GitError::Call {
            what,
            repository: self.directory.clone(),
            source,
        })
    }

    /// Runs with this input and gives what it prints.
    pub(crate) fn ask(&self, what: &'static str, call: Call, input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let call = call.stdin(Stdin::Bytes(input)).stdout(Sink::Capture { limit: ANSWER_LIMIT });
        Ok(self.run(what, &call)?.stdout)
    }

    pub(crate) fn answer(&self, what: &'static str, said: &str) -> GitError {
        let said = said.chars().take(300).collect();
        GitError::Answer { what, repository: self.directory.clone(), said }
    }

    pub(crate) fn id(&self, what: &'static str, text: &str) -> Result<ObjectId, GitError> {
        ObjectId::parse(text).ok_or_else(|| self.answer(what, text))
    }
}

/// The program without the user's and the machine's configuration.
fn git() -> Call {
    Call::new("git")
        .inherit_only(INHERITED)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "core.attributesFile=/dev/null", "-c", "gc.auto=0", "-c", "protocol.version=2"])
}

fn unknown_revision(said: &str) -> bool {
    ["Needed a single revision", "unknown revision", "bad revision", "ambiguous argument"]
        .iter()
        .any(|known| said.contains(known))
}
