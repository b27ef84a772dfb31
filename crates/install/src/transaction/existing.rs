//! A root that exists, in; what its rpm database and dnf5's state say is installed, out.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rpm_model::{Nevra, PackageRecord, RecordError};
use rustix::fs::{FileType, Stat};

use crate::dnf_state::{self, Reason, SystemState};
use crate::root::{RootDirectory, RootError};
use crate::rpmdb::{self, InstalledSystem};

/// Where Fedora's rpm, and ours, keeps its database.
pub(super) const DATABASE: &str = "/usr/lib/sysimage/rpm";
/// Where dnf5 keeps its state.
pub(super) const DNF_STATE: &str = "/usr/lib/sysimage/libdnf5";
/// Other places and formats of the database.
const OTHER_DATABASES: [&str; 6] = [
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/var/lib/rpm/Packages.db",
    "/usr/lib/sysimage/rpm/Packages",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/usr/share/rpm/rpmdb.sqlite",
];

/// An existing root, as its databases describe it.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    /// The rpm database.
    pub system: InstalledSystem,
    state: SystemState,
}

/// Why it cannot be told what is installed.
#[derive(Debug, thiserror::Error)]
pub enum ExistingError {
    /// The root itself.
    #[error(transparent)]
    Root(#[from] RootError),
    /// There is no rpm database.
    #[error("{} has no rpm database in {DATABASE}: only a root that was installed from packages can be changed", root.display())]
    NoDatabase {
        /// The root.
        root: PathBuf,
    },
    /// The database is where this program does not look.
    #[error("{} has its rpm database at {found}, where it is not read; only {DATABASE}/rpmdb.sqlite is", root.display())]
    OtherDatabase {
        /// The root.
        root: PathBuf,
        /// Where something is.
        found: &'static str,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] rpmdb::ReadError),
    /// dnf5's state cannot be read.
    #[error(transparent)]
    State(#[from] dnf_state::ReadError),
    /// A package in the database says what a solver cannot read.
    #[error("installed package {package} describes itself wrongly")]
    Record {
        /// The package.
        package: String,
        /// What is wrong.
        source: RecordError,
    },
}

impl Existing {
    /// Reads the databases of the root at a path.
    pub fn read(root: &Path) -> Result<Self, ExistingError> {
        Existing::read_open(&RootDirectory::open(root)?)
    }

    pub(super) fn read_open(root: &RootDirectory) -> Result<Self, ExistingError> {
        let database = Path::new(DATABASE).join(rpmdb::DATABASE_FILE);
        // A link could lead out of the root, as SQLite follows it by itself.
        let regular = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !root.stat(&database)?.is_some_and(regular) {
            for found in OTHER_DATABASES {
                if root.stat(Path::new(found))?.is_some() {
                    return Err(ExistingError::OtherDatabase { root: root.path().to_owned(), found });
                }
            }
            return Err(ExistingError::NoDatabase { root: root.path().to_owned() });
        }
        // Through open directories: no link of the root leads out of it.
        let through = |path: &str| {
            let directory = root.open_directory(Path::new(path), false)?;
            let outside = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
            Ok::<_, RootError>((directory, outside))
        };
        let (_open, outside) = through(DATABASE)?;
        let system = rpmdb::read_system(&outside.join(rpmdb::DATABASE_FILE))?;
        let state = match root.stat(Path::new(DNF_STATE))? {
            None => SystemState::default(),
            Some(_) => {
                let (_open, outside) = through(DNF_STATE)?;
                dnf_state::read(&outside)?
            }
        };
        Ok(Existing { system, state })
    }

    /// Why a package is there; what dnf5 never heard of was there before it.
    pub fn reason(&self, nevra: &Nevra) -> Reason {
        self.known_reason(nevra).unwrap_or(Reason::ExternalUser)
    }

    /// Why a package is there, if dnf5 knows.
    pub(super) fn known_reason(&self, nevra: &Nevra) -> Option<Reason> {
        self.state.reason(nevra)
    }

    /// The repository that a package came from, if dnf5 knows.
    pub fn origin(&self, nevra: &Nevra) -> Option<&str> {
        self.state.origin(nevra)
    }

    /// The installed packages as a repository would describe them, keys left out; for the solver.
    pub fn records(&self) -> Result<Vec<PackageRecord>, ExistingError> {
        let packages = self.system.packages.iter().filter(|record| !record.is_key());
        packages
            .map(|record| {
                let package = || record.contents.nevra.to_string();
                record.package_record().map_err(|source| ExistingError::Record { package: package(), source })
            })
            .collect()
    }
}
