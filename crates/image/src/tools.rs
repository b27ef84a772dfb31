//! The tools tree of a build: where programs that make file systems and boot files run, and how they see the work directory.

use std::path::{Path, PathBuf};

use host_tools::{Bind, Sandbox};

/// Where the work directory is seen by programs of the tools tree.
pub(crate) const WORK: &str = "/mnt";

/// A root directory of programs and a work directory that they share with this process.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    root: PathBuf,
    work: PathBuf,
    source_date_epoch: u64,
}

impl Tools {
    /// Programs from `root`, which read and write in `work` and take `source_date_epoch` for the time of day.
    pub(crate) fn new(root: &Path, work: &Path, source_date_epoch: u64) -> Self {
        Self { root: root.to_path_buf(), work: work.to_path_buf(), source_date_epoch }
    }

    /// The directory of programs.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The work directory as this process sees it.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// A sandbox whose only writable place is the work directory, at `WORK`.
    pub(crate) fn sandbox(&self) -> Sandbox {
        Sandbox::new(&self.root)
            .read_only_root(true)
            .source_date_epoch(self.source_date_epoch)
            .bind(Bind::writable(&self.work, WORK))
    }

    /// How a program names a file of the work directory.
    pub(crate) fn inside(name: &str) -> String {
        format!("{WORK}/{name}")
    }
}
