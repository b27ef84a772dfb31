//! What jobs remove or upgrade, in; the installed packages that nothing needs any more, out.
//!
//! First everything goes that the removed packages may have brought along, then what the rest still needs comes back.
//! What neither pass touches was asked for, or is needed by something that was.

use std::collections::{BTreeSet, VecDeque};

use rpm_model::Dependency;

use crate::ground::Ground;
use crate::installed::unneeded_seeds;
use crate::jobs::settings::Setting;
use crate::jobs::{Action, Flags};
use crate::packages::architecture::NOARCH;
use crate::packages::universe::{Id, SYSTEM, operands, to_index};
use crate::rules::RuleId;
use crate::rules::book::BestOf;
use crate::rules::normal_form::{self, Clauses};
use crate::search::Search;

impl Search<'_, '_, '_> {
    /// Installed packages that nothing needs any more once the jobs are done.
    pub(crate) fn find_unneeded(&self) -> Vec<Id> {
        let ground = self.ground;
        let mut keep = self.asked_for();
        let mut removed: Vec<Id> = Vec::new();
        for rule in self.book.jobs.clone().filter(|rule| self.book.rules.is_enabled(*rule)) {
            self.read_job(rule, &mut keep, &mut removed);
        }
        let named = removed.clone();
        keep.retain(|id| !named.contains(id));
        keep.extend(ground.installed.clone().filter(|id| ground.is_excluded(*id)));
        let updates: Vec<Id> = self.orders.clean_updates.clone();
        let seeds = unneeded_seeds::find(ground, &updates, &keep);
        for id in updates.iter().copied().filter(|id| !ground.is_excluded(*id)) {
            removed.push(id);
            keep.remove(&id);
        }
        let mut tide = Tide::new(ground, keep, removed);
        tide.ebb();
        let mut gone: BTreeSet<Id> = self.erased().collect();
        gone.iter().for_each(|id| tide.left.remove(*id));
        gone.extend(updates);
        tide.keep = gone;
        let staying = ground.installed.clone().filter(|id| tide.left.has(*id));
        tide.queue = std::iter::once(SYSTEM).chain(staying).chain(self.job_literals()).collect();
        tide.flood();
        let spared: BTreeSet<Id> =
            seeds.into_iter().chain(self.needed_after_all.iter().copied()).chain(named).collect();
        let unneeded = ground
            .installed
            .clone()
            .filter(|id| !tide.left.has(*id) && !spared.contains(id) && !ground.is_excluded(*id));
        unneeded.collect()
    }

    /// Packages that the user, or a job that does not clean up, asked for.
    fn asked_for(&self) -> BTreeSet<Id> {
        let ground = self.ground;
        let mut keep = BTreeSet::new();
        for job in self.orders.jobs.iter().filter(|job| job.action == Action::UserInstalled) {
            if job.means_all_installed(ground.universe) {
                keep.extend(ground.installed.clone());
            }
            keep.extend(job.packages.iter().copied().filter(|id| ground.is_installed(*id)));
        }
        for rule in self.book.jobs.clone().filter(|rule| self.book.rules.is_enabled(*rule)) {
            if !self.orders.jobs[self.book.job(rule)].flags.has(Flags::CLEAN) {
                keep.extend(self.book.rules.positives(rule).filter(|id| ground.is_installed(*id)));
            }
        }
        keep
    }

    fn read_job(&self, rule: RuleId, keep: &mut BTreeSet<Id>, removed: &mut Vec<Id>) {
        let ground = self.ground;
        let literals = self.book.rules.literals(rule);
        let job = &self.orders.jobs[self.book.job(rule)];
        let clean = job.flags.has(Flags::CLEAN);
        match literals {
            [only] if *only < 0 && ground.is_installed(-only) => {
                keep.remove(&-only);
                if clean && job.action == Action::Erase {
                    removed.push(-only);
                }
            }
            [first, ..] if *first > 0 && clean => {
                let lone_installed = literals.len() == 1 && ground.is_installed(*first);
                let beside = |id: &Id| {
                    *id > 0 && ground.side_by_side(*id) && !ground.has(Setting::KeepExplicitObsoletes)
                };
                if !lone_installed && !literals.iter().any(beside) {
                    removed.extend(self.replaced_by_all(literals));
                }
            }
            _ => {}
        }
    }

    /// Installed packages that every one of the candidates is or replaces.
    fn replaced_by_all(&self, literals: &[Id]) -> Vec<Id> {
        let mut common: Option<Vec<Id>> = None;
        for id in literals.iter().copied() {
            if id < 0 {
                return Vec::new();
            }
            let by_this = if self.ground.is_installed(id) { vec![id] } else { self.replaced_by(id) };
            match &mut common {
                None => common = Some(by_this),
                Some(common) => common.retain(|other| by_this.contains(other)),
            }
        }
        common.unwrap_or_default()
    }

    fn erased(&self) -> impl Iterator<Item = Id> + '_ {
        let enabled = self.book.jobs.clone().filter(|rule| self.book.rules.is_enabled(*rule));
        enabled.filter_map(|rule| match *self.book.rules.literals(rule) {
            [only] if only < 0 && self.ground.is_installed(-only) => Some(-only),
            _ => None,
        })
    }

    fn job_literals(&self) -> impl Iterator<Item = Id> + '_ {
        let enabled = self.book.jobs.clone().filter(|rule| self.book.rules.is_enabled(*rule));
        enabled.flat_map(|rule| self.book.rules.positives(rule))
    }

    /// Looks for packages that were dropped as unneeded and are needed after all; they are kept from now on.
    pub(crate) fn finds_needed_after_all(&mut self) -> bool {
        if !self.orders.clean {
            return false;
        }
        let mut needed: Vec<Id> = Vec::new();
        for id in self.ground.installed.clone() {
            if self.is_in(id) {
                needed.extend(self.broken_requirements(id));
            }
            if self.unneeded.contains(&id) && !needed.contains(&id) && self.is_missed(id) {
                needed.push(id);
            }
        }
        let any = !needed.is_empty();
        for id in needed {
            if !self.needed_after_all.contains(&id) {
                self.needed_after_all.push(id);
            }
            self.unneeded.retain(|other| *other != id);
            self.restore_needed(id);
        }
        any
    }

    fn broken_requirements(&self, id: Id) -> Vec<Id> {
        let providers = self.ground.universe.requires(id);
        let providers =
            providers.flat_map(|dependency| self.ground.providers.of_dependency(dependency).to_vec());
        let dropped = |other: &Id| {
            *other != id
                && self.ground.is_installed(*other)
                && !self.is_in(*other)
                && self.unneeded.contains(other)
        };
        let mut broken: Vec<Id> = providers.filter(dropped).collect();
        broken.sort_unstable();
        broken.dedup();
        broken
    }

    /// Dropped though something recommends it, or replaced by what no upgrade would have chosen.
    fn is_missed(&mut self, id: Id) -> bool {
        let feature = self.book.feature_or_update(id);
        if self.book.rules.is_empty(feature) {
            return false;
        }
        let holds =
            |search: &Self, rule: RuleId| search.book.rules.positives(rule).any(|id| search.is_in(id));
        if !holds(self, feature) {
            return self.view().is_wanted(id);
        }
        let update = self.book.update(id);
        if !self.book.rules.is_empty(update) && update != feature && !holds(self, update) {
            return true;
        }
        let bests = self.book.best_of.iter().enumerate().filter(|(_, of)| **of == BestOf::Installed(id));
        bests.map(|(place, _)| self.book.bests.start + place).any(|rule| !holds(self, rule))
    }
}

/// The two passes.
struct Tide<'g, 'u, 'r> {
    ground: &'g Ground<'u, 'r>,
    /// Never removed in the first pass, never brought back in the second.
    keep: BTreeSet<Id>,
    /// What is left, by id.
    left: Left,
    queue: VecDeque<Id>,
}

#[derive(Clone)]
struct Left(Vec<bool>);

impl Left {
    fn has(&self, id: Id) -> bool {
        self.0[to_index(id)]
    }

    fn remove(&mut self, id: Id) {
        self.0[to_index(id)] = false;
    }
}

impl<'u> Tide<'_, 'u, '_> {
    fn new<'g, 'r>(ground: &'g Ground<'u, 'r>, keep: BTreeSet<Id>, removed: Vec<Id>) -> Tide<'g, 'u, 'r> {
        let installed = ground.installed.clone().chain([SYSTEM]);
        let left = Left(crate::ground::table(ground.universe, installed));
        Tide { ground, keep, left, queue: removed.into() }
    }

    fn is_there(&self, id: Id) -> bool {
        id == SYSTEM || self.ground.is_installed(id)
    }

    /// Removes what the removed packages may have brought along.
    fn ebb(&mut self) {
        loop {
            if self.queue.is_empty() {
                self.ebb_supplements();
            }
            let Some(id) = self.queue.pop_front() else { return };
            if !self.is_there(id) || !self.left.has(id) || self.keep.contains(&id) {
                continue;
            }
            self.left.remove(id);
            let universe = self.ground.universe;
            for dependency in universe.requires(id).chain(universe.recommends(id)) {
                for block in self.blocks(dependency) {
                    let reached =
                        block.into_iter().take_while(|literal| *literal > 0 || self.is_there(-literal));
                    let brought = reached.filter(|other| *other > SYSTEM && self.left.has(*other));
                    let brought: Vec<Id> = brought.collect();
                    self.queue.extend(brought);
                }
            }
        }
    }

    /// Packages that supplement what went; what kept them there stays from now on.
    fn ebb_supplements(&mut self) {
        let ground = self.ground;
        for id in ground.installed.clone() {
            if !self.left.has(id) || self.keep.contains(&id) {
                continue;
            }
            let possible =
                |dependency: &'u Dependency, there: &[bool]| ground.providers.possible(dependency, there);
            if ground.universe.supplements(id).any(|dependency| possible(dependency, &self.left.0)) {
                continue;
            }
            let all = crate::ground::table(ground.universe, ground.installed.clone().chain([SYSTEM]));
            for dependency in ground.universe.supplements(id) {
                if possible(dependency, &all) {
                    let mut pinned = Vec::new();
                    looked_at(ground, dependency, &mut pinned);
                    let pinned = pinned.into_iter().filter(|other| ground.is_installed(*other));
                    self.keep.extend(pinned.filter(|other| self.left.has(*other)));
                    self.queue.push_back(id);
                }
            }
        }
    }

    /// Brings back what the rest needs.
    fn flood(&mut self) {
        loop {
            if self.queue.is_empty() {
                self.flood_supplements();
            }
            let Some(id) = self.queue.pop_front() else { return };
            if id == SYSTEM {
                continue;
            }
            self.flood_twins(id);
            let universe = self.ground.universe;
            for dependency in universe.requires(id).chain(universe.recommends(id)) {
                for block in self.blocks(dependency) {
                    let due = |literal: &Id| *literal != id && (*literal > 0 || self.is_there(literal.abs()));
                    if block.iter().all(due) {
                        block
                            .into_iter()
                            .filter(|other| *other > SYSTEM)
                            .for_each(|other| self.bring_back(other));
                    }
                }
            }
        }
    }

    fn bring_back(&mut self, id: Id) {
        if self.ground.is_installed(id) && !self.left.has(id) && !self.keep.contains(&id) {
            self.left.0[to_index(id)] = true;
            self.queue.push_back(id);
        }
    }

    fn flood_supplements(&mut self) {
        let ground = self.ground;
        for id in ground.installed.clone() {
            let supplemented = |search: &Self| {
                let mut supplements = ground.universe.supplements(id);
                supplements.any(|dependency| ground.providers.possible(dependency, &search.left.0))
            };
            if !self.left.has(id) && !self.keep.contains(&id) && supplemented(self) {
                self.bring_back(id);
            }
        }
    }

    /// A narrow package stays only beside its wide twin.
    fn flood_twins(&mut self, id: Id) {
        let ground = self.ground;
        if !ground.is_installed(id) || !ground.has(Setting::ImplicitObsoletesUseColors) {
            return;
        }
        let same_name = ground.universe.same_name(id).iter().copied();
        let new = same_name.clone().filter(|other| !ground.is_installed(*other));
        let best = new.map(|other| ground.score(other)).filter(|score| *score > NOARCH).min();
        let Some(best) = best.filter(|best| ground.score(id) != *best) else { return };
        for other in same_name {
            let twin = ground.is_installed(other)
                && ground.same_evr(id, other)
                && !ground.same_architecture(id, other)
                && ground.score(other) == best;
            if twin && !self.left.has(other) {
                self.left.0[to_index(other)] = true;
                self.queue.push_back(other);
            }
        }
    }

    /// The clauses of a requirement; a plain one is a single clause.
    fn blocks(&self, dependency: &'u Dependency) -> Vec<Vec<Id>> {
        clauses(self.ground, dependency)
    }
}

pub(crate) fn clauses<'u>(ground: &Ground<'u, '_>, dependency: &'u Dependency) -> Vec<Vec<Id>> {
    if !normal_form::is_complex(dependency) {
        return vec![ground.providers.of_dependency(dependency).to_vec()];
    }
    match normal_form::requirement(&ground.providers, dependency) {
        Clauses::Blocks(blocks) => blocks,
        Clauses::Always | Clauses::Never | Clauses::TooLarge => Vec::new(),
    }
}

/// The packages that decide whether a dependency holds.
pub(crate) fn looked_at<'u>(ground: &Ground<'u, '_>, dependency: &'u Dependency, found: &mut Vec<Id>) {
    use rpm_model::RichDependency as Rich;
    match dependency {
        Dependency::Rich(rich @ Rich::And(_)) => {
            operands(rich).into_iter().for_each(|part| looked_at(ground, part, found));
        }
        Dependency::Rich(Rich::If { then, otherwise, .. } | Rich::Unless { then, otherwise, .. }) => {
            looked_at(ground, then, found);
            if let Some(otherwise) = otherwise {
                looked_at(ground, otherwise, found);
            }
        }
        _ => found.extend(ground.providers.of_dependency(dependency).iter().copied()),
    }
}
