//! A definition in a git repository, in; when each of its lines came, and the newest commit's moment, out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use definition::Distro;
use deviation::World;
use host_tools::git::Repository;
use jiff::Timestamp;
use rayon::prelude::*;

use crate::failure::{Context as _, Failure};

/// The history of a definition's files; without a repository it knows nothing.
pub struct LineHistory {
    times: BTreeMap<PathBuf, Vec<Option<i64>>>,
    /// The moment of the newest commit.
    pub newest: Option<Timestamp>,
}

impl LineHistory {
    /// Asks git about every file that states a deviation.
    pub fn of(distro: &Distro) -> Result<Self, Failure> {
        let unknown = LineHistory { times: BTreeMap::new(), newest: None };
        let failed = || "the age of deviations cannot be told".to_owned();
        let Some(top) = Repository::at(&distro.project.root).work_tree().context(failed)? else {
            return Ok(unknown);
        };
        let repository = Repository::at(top);
        let Some(head) = repository.commit_of("HEAD").context(failed)? else { return Ok(unknown) };
        let commits = repository.commits(std::slice::from_ref(&head)).context(failed)?;
        let newest = commits.first().and_then(|commit| Timestamp::from_second(commit.committer.seconds).ok());
        let times =
            stating(distro).into_par_iter().map(|file| Ok((file.clone(), repository.line_times(&file)?)));
        let times = times.collect::<Result<BTreeMap<_, _>, host_tools::git::GitError>>().context(failed)?;
        Ok(LineHistory { times, newest })
    }
}

/// Files in which components ask to differ: not the long lists of those that do not.
fn stating(distro: &Distro) -> BTreeSet<PathBuf> {
    let deviations =
        distro.components.values().flat_map(|component| deviation::stated(distro, component, &Places));
    deviations.map(|deviation| deviation.file).collect()
}

/// Where deviations are stated is all that counts: no file is read for their sizes.
struct Places;

impl World for Places {
    fn since(&self, _file: &Path, _line: usize) -> Option<Timestamp> {
        None
    }

    fn text(&self, _file: &Path) -> Option<Vec<u8>> {
        None
    }
}

impl World for LineHistory {
    fn since(&self, file: &Path, line: usize) -> Option<Timestamp> {
        let seconds = *self.times.get(file)?.get(line.checked_sub(1)?)?;
        Timestamp::from_second(seconds?).ok()
    }
}
