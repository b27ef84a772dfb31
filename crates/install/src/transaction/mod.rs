//! Packages, in; first a plan that can be read, then the root tree it makes, out: the steps of rpm's `rpmtsRun` for a fresh root.

mod execute;
mod finish;
mod plan;
mod target;

use std::fmt;
use std::path::PathBuf;

use rpm_model::Checksum;

pub use crate::dnf_state::Reason;
pub use execute::{InstallError, InstallOptions, InstalledRoot, execute};
pub use plan::{PlanError, PlanOptions, plan};

use crate::files::FileAction;
use crate::package::Package;

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
}

/// One package of a transaction.
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

impl Transaction {
    /// Size of all files to be made, in bytes.
    pub fn installed_size(&self) -> u64 {
        let files = self.steps.iter().flat_map(|step| step.package.contents.files.iter().zip(&step.actions));
        files.filter(|(file, action)| !action.is_skip() && !file.is_ghost()).map(|(file, _)| file.size).sum()
    }
}

impl fmt::Display for Transaction {
    /// A line a package: place, NEVRA, repository, reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            let reason = match step.reason {
                Reason::User => "asked for",
                Reason::Dependency => "needed",
                Reason::WeakDependency => "recommended",
                Reason::ExternalUser => "there before",
            };
            writeln!(f, "{:>4} {} from {} ({reason})", position + 1, step.package.nevra(), step.repository)?;
        }
        Ok(())
    }
}
