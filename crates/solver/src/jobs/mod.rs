//! What the search is asked for, one job a line: below what a user requests and above rules.

pub(crate) mod demands;
pub(crate) mod orders;
pub(crate) mod request;
pub(crate) mod settings;

use std::ops::Range;

use crate::packages::universe::{Id, Universe};
use crate::rules::normal_form::Clauses;

/// One job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) action: Action,
    pub(crate) flags: Flags,
    pub(crate) select: Select,
    /// The packages that are meant; none for a repository or for all.
    pub(crate) packages: Vec<Id>,
    /// What has to hold, where that may take more than one package; for an erasure, what has to hold without it.
    pub(crate) clauses: Option<Clauses>,
    /// Which entry of the request it comes from.
    pub(crate) want: usize,
}

/// What is to be done with the packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// One of them has to be installed.
    Install,
    /// None of them may be installed.
    Erase,
    /// The installed ones get their best version; or the installed ones that these would upgrade get these.
    Update,
    /// As an update, and down as well as up, to what the repositories have.
    DistributionUpgrade,
    /// They stay as they are, installed or not.
    Lock,
    /// Several versions may be installed.
    SideBySide,
    /// Preferred where there is a choice.
    Favor,
    /// Avoided where there is a choice.
    Disfavor,
    /// Only installed on a direct request.
    Blacklist,
    /// Weak dependencies do not install them.
    ExcludeFromWeak,
    /// They may go when they are in the way.
    AllowUninstall,
    /// They go when no repository has them.
    DropOrphaned,
    /// The user asked for them once.
    UserInstalled,
    /// What is broken about them is to be repaired.
    Verify,
    /// Their dependencies may break.
    WeakenDependencies,
    /// Nothing.
    Nothing,
}

/// How the packages were stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Select {
    /// Every package.
    All,
    /// The packages of the repository of that number.
    Repository(usize),
    /// One package.
    Package,
    /// A list.
    OneOf,
    /// A name.
    Name(Shape),
    /// What they provide.
    Provides(Shape),
}

/// What a name or capability was stated with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Anything beside the name.
    pub(crate) relation: bool,
    /// `= version` without release.
    pub(crate) equal_version: bool,
    /// `= version-release`.
    pub(crate) equal_release: bool,
    /// An architecture.
    pub(crate) architecture: bool,
}

/// Details of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// Given up when it cannot be met.
    pub(crate) const WEAK: Flags = Flags(1);
    /// Not to be given up when problems are solved.
    pub(crate) const ESSENTIAL: Flags = Flags(1 << 1);
    /// What is not needed any more goes along.
    pub(crate) const CLEAN: Flags = Flags(1 << 2);
    /// An installed package may be upgraded to meet it.
    pub(crate) const OR_UPDATE: Flags = Flags(1 << 3);
    /// Only the best package meets it.
    pub(crate) const BEST: Flags = Flags(1 << 4);
    /// The packages are targets of an upgrade.
    pub(crate) const TARGETED: Flags = Flags(1 << 5);
    /// Not what the user asked for.
    pub(crate) const NOT_BY_USER: Flags = Flags(1 << 6);
    /// The epoch and version were chosen on purpose.
    pub(crate) const SET_EV: Flags = Flags(1 << 7);
    /// The release too.
    pub(crate) const SET_EVR: Flags = Flags(1 << 8);
    /// The architecture was chosen on purpose.
    pub(crate) const SET_ARCHITECTURE: Flags = Flags(1 << 9);
    /// The vendor was chosen on purpose.
    pub(crate) const SET_VENDOR: Flags = Flags(1 << 10);
    /// The repository was chosen on purpose.
    pub(crate) const SET_REPOSITORY: Flags = Flags(1 << 11);
    /// The name was chosen on purpose.
    pub(crate) const SET_NAME: Flags = Flags(1 << 12);
    /// What was chosen on purpose is not to be guessed from how the packages were stated.
    pub(crate) const NO_AUTO_SET: Flags = Flags(1 << 13);

    const SETS: Flags = Flags(0b11_1111 << 7);

    pub(crate) fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 == flag.0
    }

    pub(crate) fn and(self, flag: Flags) -> Flags {
        Flags(self.0 | flag.0)
    }

    pub(crate) fn without(self, flag: Flags) -> Flags {
        Flags(self.0 & !flag.0)
    }

    /// Only what was chosen on purpose, and whether more of that may be guessed.
    pub(crate) fn chosen(self) -> Flags {
        self.only(Flags::SETS.and(Flags::NO_AUTO_SET))
    }

    fn only(self, flags: Flags) -> Flags {
        Flags(self.0 & flags.0)
    }
}

impl Job {
    /// A job for a list of packages.
    pub(crate) fn one_of(action: Action, flags: Flags, packages: Vec<Id>, want: usize) -> Self {
        Job { action, flags, select: Select::OneOf, packages, clauses: None, want }
    }

    /// Whether it means everything that is installed.
    pub(crate) fn means_all_installed(&self, universe: &Universe<'_>) -> bool {
        match self.select {
            Select::All => true,
            Select::Repository(number) => universe.installed_number() == Some(number),
            _ => false,
        }
    }

    /// All packages of a repository, or the ones that are listed.
    pub(crate) fn repository(&self) -> Option<usize> {
        match self.select {
            Select::Repository(number) => Some(number),
            _ => None,
        }
    }

    /// Every package it means, whichever way it was stated.
    pub(crate) fn all_packages(&self, universe: &Universe<'_>) -> Vec<Id> {
        let list = |range: Range<Id>| range.collect();
        match self.select {
            Select::All => universe.ids().collect(),
            Select::Repository(number) => list(universe.repository_ids(number)),
            _ => self.packages.clone(),
        }
    }

    /// What an install job chose on purpose, as far as its form tells.
    pub(crate) fn chosen_on_purpose(&self) -> Flags {
        let stated = self.flags.only(Flags::SETS);
        if self.flags.has(Flags::NO_AUTO_SET) {
            return stated;
        }
        match self.select {
            Select::Package => stated
                .and(Flags::SET_NAME)
                .and(Flags::SET_ARCHITECTURE)
                .and(Flags::SET_VENDOR)
                .and(Flags::SET_REPOSITORY)
                .and(Flags::SET_EVR),
            Select::Name(shape) => {
                let mut set = stated.and(Flags::SET_NAME);
                if shape.equal_version {
                    set = set.and(Flags::SET_EV);
                }
                if shape.equal_release {
                    set = set.and(Flags::SET_EVR);
                }
                if shape.architecture { set.and(Flags::SET_ARCHITECTURE) } else { set }
            }
            Select::Provides(shape) if shape.architecture => stated.and(Flags::SET_ARCHITECTURE),
            _ => stated,
        }
    }
}
