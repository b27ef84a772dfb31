//! The tools tree of a build: where programs that make file systems and boot files run.

use std::path::{Path, PathBuf};

use host_tools::Sandbox;

/// A root directory of programs, and a work directory for the files they exchange with this process.
#[derive(Debug, Clone)]
pub struct Tools {
    root: PathBuf,
    work: PathBuf,
    source_date_epoch: u64,
}

impl Tools {
    /// Programs from `root`, which take `source_date_epoch` for the time of day.
    pub fn new(root: &Path, work: &Path, source_date_epoch: u64) -> Self {
        Self { root: root.to_path_buf(), work: work.to_path_buf(), source_date_epoch }
    }

    /// The directory of programs.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of files that are gone after the build.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// A sandbox in which nothing of the tools tree can be changed.
    pub(crate) fn sandbox(&self) -> Sandbox {
        Sandbox::new(&self.root).read_only_root(true).source_date_epoch(self.source_date_epoch)
    }
}
