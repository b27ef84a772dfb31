//! Decisions about installed and new packages, in; what changes on the system, out.

use std::collections::BTreeMap;

use rpm_model::PackageRecord;

use crate::ground::Ground;
use crate::installed::upgrades;
use crate::jobs::Action;
use crate::packages::universe::Id;
use crate::search::Search;

/// What happens to one package.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'u> {
    /// It comes anew; `new` is its place in the solution's packages.
    Install {
        /// Its place in [`crate::Solution::packages`].
        new: usize,
    },
    /// A newer version takes the place of an installed one.
    Upgrade {
        /// The installed one.
        old: &'u PackageRecord,
        /// The place of the other in [`crate::Solution::packages`].
        new: usize,
    },
    /// An older version takes the place of an installed one.
    Downgrade {
        /// The installed one.
        old: &'u PackageRecord,
        /// The place of the other in [`crate::Solution::packages`].
        new: usize,
    },
    /// The same version comes again.
    Reinstall {
        /// The installed one.
        old: &'u PackageRecord,
        /// The place of the other in [`crate::Solution::packages`].
        new: usize,
    },
    /// A package of another name takes the place of installed ones.
    Replace {
        /// The installed ones; never empty.
        old: Vec<&'u PackageRecord>,
        /// The place of the other in [`crate::Solution::packages`].
        new: usize,
    },
    /// An installed package goes.
    Erase {
        /// It.
        old: &'u PackageRecord,
        /// Why.
        because: Erasure,
    },
}

/// Why an installed package goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The request says so.
    Requested,
    /// Nothing needs it any more.
    Unneeded,
    /// It cannot stay with what the request changes.
    InTheWay,
}

/// How one package takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Reinstall,
    Upgrade,
    Downgrade,
    /// Same name and version, but another architecture or build.
    Exchange,
    Obsolete,
}

/// What happens to an installed package that does not stay.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) old: Id,
    /// What takes its place, best first; nothing where it just goes.
    pub(crate) by: Vec<Id>,
}

/// Installed packages that do not stay, in order.
pub(crate) fn departures(search: &Search<'_, '_, '_>) -> Vec<Departure> {
    let ground = search.ground;
    let mut replaced: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
    for new in search.queue.iter().copied().filter(|id| *id > crate::packages::universe::SYSTEM) {
        if !ground.is_installed(new) {
            for old in replaced_by(ground, new) {
                replaced.entry(old).or_default().push(new);
            }
        }
    }
    let gone = ground.installed.clone().filter(|id| search.is_false(*id));
    let departure = |old: Id| {
        let mut by = replaced.remove(&old).unwrap_or_default();
        by.sort_by(|a, b| {
            let name = |id: Id| ground.universe.name(id);
            let other_name = |id: Id| !ground.same_name_as(old, id);
            let other_architecture = |id: Id| !ground.same_architecture(old, id);
            (other_name(*a), if other_name(*a) { name(*a) } else { "" })
                .cmp(&(other_name(*b), if other_name(*b) { name(*b) } else { "" }))
                .then_with(|| upgrades::compare(ground, *b, *a))
                .then_with(|| (other_architecture(*a), a).cmp(&(other_architecture(*b), b)))
        });
        Departure { old, by }
    };
    gone.map(departure).collect()
}

/// How the best of those that take a package's place does so.
pub(crate) fn kind(ground: &Ground<'_, '_>, old: Id, new: Id) -> Kind {
    if !ground.same_name_as(old, new) {
        return Kind::Obsolete;
    }
    if ground.identical(old, new) {
        return Kind::Reinstall;
    }
    match upgrades::compare(ground, old, new) {
        std::cmp::Ordering::Less => Kind::Upgrade,
        std::cmp::Ordering::Greater => Kind::Downgrade,
        std::cmp::Ordering::Equal => Kind::Exchange,
    }
}

/// The installed packages whose place a new one takes in a transaction.
pub(crate) fn replaced_by(ground: &Ground<'_, '_>, new: Id) -> Vec<Id> {
    let multi = ground.side_by_side(new);
    let mut replaced = Vec::new();
    for old in ground.installed_namesakes(new) {
        let in_place = if multi { ground.same_nevra(old, new) } else { ground.colors_meet(old, new) };
        if in_place {
            replaced.push(old);
        }
    }
    if !multi {
        let obsoleted = ground.obsoleted_by(new).flat_map(|(_, list)| list);
        replaced.extend(obsoleted.filter(|old| ground.is_installed(*old)));
    }
    replaced.sort_unstable();
    replaced.dedup();
    replaced
}

/// Why a package that nothing replaces goes.
pub(crate) fn erasure(search: &Search<'_, '_, '_>, old: Id) -> Erasure {
    let requested =
        search.orders.jobs.iter().any(|job| job.action == Action::Erase && job.packages.contains(&old));
    match () {
        () if requested => Erasure::Requested,
        () if search.unneeded.contains(&old) => Erasure::Unneeded,
        () => Erasure::InTheWay,
    }
}
