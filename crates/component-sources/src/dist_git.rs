//! Source packages of an upstream, each a git repository: a package, a branch and a moment, in; a commit, its files and its
//! history, out. Runs git, and through it the network.
//!
//! A package's repository is fetched whole, once, into the cache, and again only when a commit is wanted that it lacks. What is
//! taken out of it (a commit's files, the facts of its history) is kept under the commit's name; from then on no git runs for it.

mod facts;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use host_tools::git::{GitError, ObjectId, Repository};
use sha2::{Digest, Sha256};

use crate::kept::{Kept, KeptError};
use crate::source::SourceEntry;

pub use facts::{CommitFacts, PackageHistory};

/// The longest time that fetching one package may take.
const FETCH_LIMIT: Duration = Duration::from_secs(1800);

/// The repositories of all source packages that were asked for.
#[derive(Debug)]
pub struct DistGit {
    kept: Kept,
    repositories: PathBuf,
    offline: bool,
    /// Packages fetched by this process: none is fetched twice.
    fetched: Mutex<BTreeSet<String>>,
}

/// A source package at its upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name there.
    pub name: String,
    /// Its repository: an address, or a folder of this machine that is read in place.
    pub location: Location,
    /// The branch that is followed.
    pub branch: Option<String>,
}

/// Where a repository lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Fetched from here.
    Address(String),
    /// Read where it is.
    Folder(PathBuf),
}

/// Why a source package has no commit, files or history.
#[derive(Debug, thiserror::Error)]
pub enum DistGitError {
    /// Git or the network.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The cache.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The cache's repositories.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not in the cache, and the network is not to be used.
    #[error("{wanted} of {package} is not in the cache, and nothing may be fetched")]
    Offline {
        /// The source package.
        package: String,
        /// What of it.
        wanted: String,
    },
    /// No such branch.
    #[error("{package} has no branch {branch}")]
    NoBranch {
        /// The source package.
        package: String,
        /// The branch.
        branch: String,
    },
    /// Nothing says which branch.
    #[error("no branch of {package} is stated: give the distribution's version a `dist-git-branch`")]
    UnstatedBranch {
        /// The source package.
        package: String,
    },
    /// No such commit.
    #[error("{package} has no commit {commit}, or more than one that begins like that")]
    NoCommit {
        /// The source package.
        package: String,
        /// As stated.
        commit: String,
    },
    /// The package is younger than the moment.
    #[error("branch {branch} of {package} has no commit before {moment}")]
    TooEarly {
        /// The source package.
        package: String,
        /// The branch.
        branch: String,
        /// As stated.
        moment: String,
    },
    /// A moment that is none.
    #[error("{moment:?} is no moment as RFC 3339 writes them")]
    Moment {
        /// As stated.
        moment: String,
    },
    /// A file that no folder could hold.
    #[error("commit {commit} of {package} has a file whose name {name:?} cannot be used")]
    FileName {
        /// The source package.
        package: String,
        /// The commit.
        commit: String,
        /// The name.
        name: String,
    },
    /// Where a commit's line was to begin, it does not.
    #[error("{commit} of {package} is not on the line that leads to {head}")]
    OffLine {
        /// The source package.
        package: String,
        /// The commit.
        commit: String,
        /// Where the line ends.
        head: String,
    },
}

impl DistGitError {
    /// Whether another try, or a network, may help; otherwise it is a fact of the package.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            DistGitError::Git(_)
                | DistGitError::Kept(_)
                | DistGitError::Disk { .. }
                | DistGitError::Offline { .. }
        )
    }
}

impl DistGit {
    /// Source packages with their repositories and whatever is kept of them in `cache`.
    pub fn new(cache: &Path, kept: Kept, offline: bool) -> DistGit {
        DistGit { kept, repositories: cache.join("git"), offline, fetched: Mutex::default() }
    }

    /// The commit that a branch had at a moment (RFC 3339), or has now; what it had is remembered, unless `anew`.
    pub fn commit_at(
        &self,
        package: &Package,
        moment: Option<&str>,
        anew: bool,
    ) -> Result<ObjectId, DistGitError> {
        let Some(branch) = &package.branch else {
            return Err(DistGitError::UnstatedBranch { package: package.name.clone() });
        };
        let key = format!("{} {branch} {}", package.location, moment.unwrap_or("now"));
        // Without a moment there is nothing to remember but for want of a network.
        if (moment.is_some() && !anew) || self.offline {
            let known = self.kept.read_json::<String>("commits", &key)?;
            if let Some(commit) = known.and_then(|known| ObjectId::parse(&known)) {
                return Ok(commit);
            }
        }
        let repository = self.repository(package, "the history", |_| Ok(false))?;
        let head = repository.commit_of(&format!("refs/heads/{branch}"))?.ok_or_else(|| {
            DistGitError::NoBranch { package: package.name.clone(), branch: branch.clone() }
        })?;
        let commit = match moment {
            None => head,
            Some(moment) => {
                let seconds = seconds(moment)?;
                repository.commit_before(&head, seconds)?.ok_or_else(|| DistGitError::TooEarly {
                    package: package.name.clone(),
                    branch: branch.clone(),
                    moment: moment.to_owned(),
                })?
            }
        };
        self.kept.write_json("commits", &key, &commit.as_str())?;
        Ok(commit)
    }

    /// The whole name of a commit that is stated by its first digits.
    pub fn whole_commit(&self, package: &Package, stated: &str) -> Result<ObjectId, DistGitError> {
        if let Some(whole) = ObjectId::parse(stated) {
            return Ok(whole);
        }
        let key = format!("{} {stated}", package.location);
        let known = self.kept.read_json::<String>("commits", &key)?;
        if let Some(commit) = known.and_then(|known| ObjectId::parse(&known)) {
            return Ok(commit);
        }
        let has = |repository: &Repository| Ok(repository.commit_of(stated)?.is_some());
        let repository = self.repository(package, stated, has)?;
        let commit = repository.commit_of(stated)?;
        let commit = commit.ok_or_else(|| DistGitError::NoCommit {
            package: package.name.clone(),
            commit: stated.to_owned(),
        })?;
        self.kept.write_json("commits", &key, &commit.as_str())?;
        Ok(commit)
    }

    /// The files of a commit; submodules are not files.
    pub fn files(
        &self,
        package: &Package,
        commit: &ObjectId,
    ) -> Result<BTreeMap<String, SourceEntry>, DistGitError> {
        if let Some(bytes) = self.kept.read("trees", commit.as_str())?
            && let Some(files) = tree::unpack(&bytes)
        {
            return Ok(files);
        }
        let files = tree::read(&self.with_commit(package, commit)?, package, commit)?;
        self.kept.write("trees", commit.as_str(), &tree::pack(&files))?;
        Ok(files)
    }

    /// The files of a commit of the past, which are not kept.
    pub fn former_files(
        &self,
        package: &Package,
        commit: &ObjectId,
    ) -> Result<BTreeMap<String, SourceEntry>, DistGitError> {
        tree::read(&self.with_commit(package, commit)?, package, commit)
    }

    /// The facts of all commits that led to one, with those of the file `spec` in each.
    pub fn history(
        &self,
        package: &Package,
        commit: &ObjectId,
        spec: &str,
    ) -> Result<PackageHistory, DistGitError> {
        let key = format!("{commit} {spec}");
        if let Some(known) = self.kept.read_json("histories", &key)? {
            return Ok(known);
        }
        let history = facts::read(&self.with_commit(package, commit)?, commit, spec)?;
        self.kept.write_json("histories", &key, &history)?;
        Ok(history)
    }

    /// Contents of blobs that a history names, in the order asked.
    pub fn blobs(
        &self,
        package: &Package,
        commit: &ObjectId,
        blobs: &[&str],
    ) -> Result<Vec<Vec<u8>>, DistGitError> {
        let repository = self.with_commit(package, commit)?;
        let objects = repository.objects(blobs)?;
        let missing =
            |id: &str| GitError::Missing { repository: repository.directory().to_owned(), id: id.to_owned() };
        blobs.iter().zip(objects).map(|(id, object)| Ok(object.ok_or_else(|| missing(id))?.bytes)).collect()
    }

    /// Whether one commit led to another, or is it.
    pub fn leads_to(
        &self,
        package: &Package,
        earlier: &ObjectId,
        later: &ObjectId,
    ) -> Result<bool, DistGitError> {
        let repository = self.with_commit(package, later)?;
        // A commit of a line that is not here cannot have led to one that is.
        Ok(repository.commit_of(earlier.as_str())?.is_some() && repository.leads_to(earlier, later)?)
    }

    /// What is kept besides: for facts that others derive from histories.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    fn with_commit(&self, package: &Package, commit: &ObjectId) -> Result<Repository, DistGitError> {
        let has = |repository: &Repository| Ok(repository.commit_of(commit.as_str())?.is_some());
        let repository = self.repository(package, commit.as_str(), has)?;
        if has(&repository)? {
            return Ok(repository);
        }
        Err(DistGitError::NoCommit { package: package.name.clone(), commit: commit.to_string() })
    }

    /// The package's repository, fetched if it is not there or lacks what is wanted.
    fn repository(
        &self,
        package: &Package,
        wanted: &str,
        has: impl Fn(&Repository) -> Result<bool, GitError>,
    ) -> Result<Repository, DistGitError> {
        let address = match &package.location {
            Location::Folder(folder) => return Ok(Repository::at(folder)),
            Location::Address(address) => address,
        };
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| DistGitError::Disk { action, path, source }
        };
        fs::create_dir_all(&self.repositories).map_err(failed("make", &self.repositories))?;
        let digest = hex::encode(&Sha256::digest(address.as_bytes())[..16]);
        let folder = self.repositories.join(format!("{digest}.git"));
        // One process at a time works on a repository; the lock goes with the file.
        let lock_path = self.repositories.join(format!("{digest}.lock"));
        let lock = File::create(&lock_path).map_err(failed("make", &lock_path))?;
        lock.lock().map_err(failed("lock", &lock_path))?;

        let repository = Repository::at(&folder);
        let there = folder.join("HEAD").is_file();
        if there && (has(&repository)? || self.fetched().contains(address)) {
            return Ok(repository);
        }
        if self.offline {
            if there {
                return Ok(repository);
            }
            let wanted = wanted.to_owned();
            return Err(DistGitError::Offline { package: package.name.clone(), wanted });
        }
        if !there {
            // Made beside, so that a killed fetch leaves no repository that looks whole.
            let beside = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.repositories);
            let beside = beside.map_err(failed("make a folder in", &self.repositories))?;
            let new = Repository::create_bare(beside.path())?;
            new.fetch_branches(address, FETCH_LIMIT)?;
            fs::rename(beside.keep(), &folder).map_err(failed("make", &folder))?;
        } else {
            repository.fetch_branches(address, FETCH_LIMIT)?;
        }
        self.fetched().insert(address.clone());
        Ok(repository)
    }

    fn fetched(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        // A set is whole whatever another thread was doing when it panicked.
        self.fetched.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Location::Address(address) => out.write_str(address),
            Location::Folder(folder) => write!(out, "{}", folder.display()),
        }
    }
}

/// A template with `$pkg` replaced by a source package's name as a part of a path.
pub fn address(template: &str, package: &str) -> String {
    template.replace("$pkg", &path_segment(package))
}

/// Text as one part of an address's path: what has a meaning there is written as `%XX`.
pub fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+=:@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

fn seconds(moment: &str) -> Result<i64, DistGitError> {
    let time: Result<jiff::Timestamp, _> = moment.parse();
    time.map(jiff::Timestamp::as_second).map_err(|_| DistGitError::Moment { moment: moment.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_part_of_an_address() {
        assert_eq!(address("https://a.test/rpms/$pkg.git", "gtk+"), "https://a.test/rpms/gtk+.git");
        assert_eq!(path_segment("a b/c?d%"), "a%20b%2Fc%3Fd%25");
    }

    #[test]
    fn moments_have_a_zone() {
        assert_eq!(seconds("2026-02-24T00:00:00-08:00").unwrap(), 1_771_920_000);
        assert!(seconds("2026-02-24").is_err());
    }
}
