//! Packages, in; first a plan that can be read, then the root tree it makes, out: the steps of rpm's `rpmtsRun`.
//!
//! A new root appears when it is whole. An existing one is copied, the copy is changed, and the two are exchanged in one step.

mod changes;
mod copy;
mod erase;
mod execute;
mod existing;
mod finish;
mod plan;
mod replacement;
mod run;
mod set_aside;
mod target;
mod times;

use std::fmt;
use std::path::PathBuf;

use rpm_model::header::Tag;
use rpm_model::{Checksum, Nevra};

pub use crate::dnf_state::Reason;
pub use changes::{Addition, ChangeError, Changes, Replacing, plan_changes};
pub use execute::{InstallError, InstallOptions, InstalledRoot, change, execute};
pub use existing::{Existing, ExistingError};
pub use plan::{PlanError, PlanOptions, plan};
pub use replacement::{ReplacementError, clear_beside};

use crate::files::{FileAction, FilePolicy};
use crate::package::Package;
use crate::payload::HardLinks;

/// A package to install, as the solver or a lock file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    /// The RPM file.
    pub file: PathBuf,
    /// Digest of the whole file, where it is pinned: compared when the file is read.
    pub checksum: Option<Checksum>,
    /// Why it is installed.
    pub reason: Reason,
    /// Id of the repository it comes from.
    pub repository: String,
}

/// What an installation will do, in the order of doing.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// In the order of installation.
    pub steps: Vec<Step>,
    /// In the order of removal; all come after the installations.
    pub erasures: Vec<Erasure>,
    /// What is installed already, and what dnf5 knows of it; nothing for a new root.
    pub before: Existing,
    /// Which files are wanted: what happens to each is decided again when %pretrans has run in an existing root.
    pub policy: FilePolicy,
}

/// One package that comes.
#[derive(Clone, Debug)]
pub struct Step {
    /// The package, its headers verified.
    pub package: Package,
    /// What happens to each of its files.
    pub actions: Vec<FileAction>,
    /// Why it is installed.
    pub reason: Reason,
    /// Id of the repository it comes from.
    pub repository: String,
    /// Digest of the whole file, where it is pinned.
    pub checksum: Option<Checksum>,
}

impl Step {
    fn installed_size(&self) -> u64 {
        let files = &self.package.contents.files;
        let links = HardLinks::of(files);
        let made = files.iter().zip(&self.actions).enumerate();
        let made = made.filter(|(place, (file, action))| {
            !action.is_skip() && !file.is_ghost() && !links.comes_later(*place)
        });
        made.fold(0, |sum, (_, (file, _))| sum.saturating_add(file.size))
    }
}

/// One package that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Position among the packages that were installed before.
    pub package: usize,
    /// Position of the step whose package takes its place.
    pub replaced_by: Option<usize>,
}

impl Transaction {
    /// Size of all files to be made, in bytes; a file with several names counts once.
    pub fn installed_size(&self) -> u64 {
        self.steps.iter().fold(0, |sum, step| sum.saturating_add(step.installed_size()))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.erasures.is_empty()
    }

    /// The newest build time of all packages that are there afterwards, in seconds since 1970.
    pub fn newest_build_time(&self) -> u32 {
        let goes = |position| self.erasures.iter().any(|erasure| erasure.package == position);
        let staying = self.before.system.packages.iter().enumerate().filter(|(position, _)| !goes(*position));
        let staying = staying.map(|(_, record)| &record.header);
        let coming = self.steps.iter().map(|step| &step.package.headers.main);
        let times = staying.chain(coming).filter_map(|header| header.number(Tag::BUILD_TIME));
        u32::try_from(times.max().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Packages that go without anything in their place, in the order of their going.
    pub fn only_erased(&self) -> impl Iterator<Item = &Nevra> {
        let erased = self.erasures.iter().filter(|erasure| erasure.replaced_by.is_none());
        erased.map(|erasure| &self.before.system.packages[erasure.package].contents.nevra)
    }

    /// Installed packages whose place a step takes.
    pub fn replaced_by(&self, step: usize) -> impl Iterator<Item = &Nevra> {
        let of_step = self.erasures.iter().filter(move |erasure| erasure.replaced_by == Some(step));
        of_step.map(|erasure| &self.before.system.packages[erasure.package].contents.nevra)
    }
}

impl fmt::Display for Transaction {
    /// A line a package: place, NEVRA, repository, reason, what it replaces; then what is only erased.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            let reason = match step.reason {
                Reason::User => "asked for",
                Reason::Dependency => "needed",
                Reason::WeakDependency => "recommended",
                Reason::ExternalUser => "there before",
            };
            write!(f, "{:>4} {} from {} ({reason})", position + 1, step.package.nevra(), step.repository)?;
            for replaced in self.replaced_by(position) {
                write!(f, " instead of {replaced}")?;
            }
            writeln!(f)?;
        }
        for (nevra, position) in self.only_erased().zip(self.steps.len() + 1..) {
            writeln!(f, "{position:>4} {nevra} is erased")?;
        }
        Ok(())
    }
}
