//! Packages that could take part, in; the rules that their dependencies make, out.

use std::collections::VecDeque;

use rpm_model::{Dependency, RichDependency};

use crate::architecture::{NOARCH, colors_meet};
use crate::normal_form::{self, Clauses};
use crate::providers::Providers;
use crate::rules::{Origin, Rules};
use crate::universe::{Id, SYSTEM, Universe, operands, to_id, to_index};

/// The facts that rules are made of.
#[derive(Debug)]
pub(crate) struct Ground<'u, 'r> {
    pub(crate) universe: &'u Universe<'r>,
    pub(crate) providers: Providers<'u, 'r>,
    /// By id: not to be installed.
    pub(crate) excluded: Vec<bool>,
    /// By id: several versions may be installed side by side.
    pub(crate) install_only: Vec<bool>,
}

impl Ground<'_, '_> {
    pub(crate) fn installable(&self, id: Id) -> bool {
        id != SYSTEM && self.universe.package(id).score != 0 && !self.excluded[to_index(id)]
    }
}

/// Rules of the packages reachable from the starting ones, and which packages these are.
pub(crate) fn package_rules<'u>(ground: &Ground<'u, '_>, start: &[Id]) -> (Rules<'u>, Vec<bool>) {
    let mut considered = vec![false; ground.universe.table_size()];
    considered[to_index(SYSTEM)] = true;
    let mut generator = Generator { ground, rules: Rules::new(), considered, queue: VecDeque::new() };
    for id in start {
        generator.reach(*id);
    }
    generator.reach_supplements();
    generator.rules.unify();
    (generator.rules, generator.considered)
}

/// For every name of which a better architecture is considered: the worse one only beside its better twin, unless
/// the request itself could mean the worse one.
pub(crate) fn architecture_rules(
    ground: &Ground<'_, '_>,
    considered: &[bool],
    requested: &[bool],
    rules: &mut Rules<'_>,
) {
    let universe = ground.universe;
    for id in universe.ids().filter(|id| considered[to_index(*id)]) {
        if universe.package(id).score == 0 {
            continue;
        }
        let mut group = universe.same_name(id).iter().copied().filter(|other| considered[to_index(*other)]);
        if group.clone().next() != Some(id) {
            continue;
        }
        let scores = group.clone().map(|other| universe.package(other).score);
        let Some(best) = scores.filter(|score| *score > NOARCH).min() else { continue };
        let fits = |other: &Id| {
            let score = universe.package(*other).score;
            score == NOARCH || score == best
        };
        let inferior: Vec<Id> = group.by_ref().filter(|other| !fits(other)).collect();
        if inferior.iter().any(|worse| requested[to_index(*worse)]) {
            continue;
        }
        for worse in inferior {
            let nevra = &universe.record(worse).nevra;
            let twins = universe.same_name(worse).iter().copied().filter(|twin| {
                let other = &universe.record(*twin).nevra;
                *twin != worse && other.evr == nevra.evr && other.arch != nevra.arch && fits(twin)
            });
            let literals: Vec<Id> = std::iter::once(-worse).chain(twins).collect();
            rules.push(&literals, Origin::InferiorArchitecture);
        }
    }
}

struct Generator<'a, 'u, 'r> {
    ground: &'a Ground<'u, 'r>,
    rules: Rules<'u>,
    considered: Vec<bool>,
    queue: VecDeque<Id>,
}

impl<'u> Generator<'_, 'u, '_> {
    fn reach(&mut self, id: Id) {
        self.queue.push_back(id);
        while let Some(id) = self.queue.pop_front() {
            if !std::mem::replace(&mut self.considered[to_index(id)], true) {
                self.add(id);
            }
        }
    }

    /// Packages that want to come along with, or are a hint for, what is considered.
    fn reach_supplements(&mut self) {
        let universe = self.ground.universe;
        let weak: Vec<Id> = universe
            .ids()
            .filter(|id| {
                let record = universe.record(*id);
                !(record.supplements.is_empty() && record.enhances.is_empty()) && self.ground.installable(*id)
            })
            .collect();
        loop {
            let mut changed = false;
            for id in &weak {
                let record = universe.record(*id);
                let possible = |dependency| self.ground.providers.possible(dependency, &self.considered);
                if !self.considered[to_index(*id)]
                    && record.supplements.iter().chain(&record.enhances).any(possible)
                {
                    self.reach(*id);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn add(&mut self, id: Id) {
        if !self.ground.installable(id) {
            self.rules.push_of_package(-id, &[], Origin::NotInstallable);
        }
        let record = self.ground.universe.record(id);
        for requirement in &record.requires {
            self.add_requirement(id, &requirement.dependency);
        }
        for dependency in &record.conflicts {
            self.add_conflict(id, dependency);
        }
        if !self.ground.install_only[to_index(id)] {
            for capability in &record.obsoletes {
                for other in self.ground.providers.of(capability).iter().copied() {
                    if other != id && other != SYSTEM && self.ground.universe.is(other, capability) {
                        let origin = Origin::Obsoletes { package: id, capability };
                        self.rules.push_of_package(-id, &[-other], origin);
                    }
                }
            }
        }
        self.add_same_name(id);
        self.reach_twins(id);
        for dependency in record.recommends.iter().chain(&record.suggests) {
            self.reach_wanted(dependency, false);
        }
    }

    fn add_requirement(&mut self, id: Id, dependency: &'u Dependency) {
        let origin = Origin::Requires { package: id, dependency };
        if normal_form::is_complex(dependency) {
            return self.add_clauses(
                id,
                normal_form::requirement(&self.ground.providers, dependency),
                origin,
            );
        }
        let set = self.ground.providers.of_dependency(dependency);
        match set.first() {
            None => {
                self.rules.push_of_package(-id, &[], Origin::NothingProvides { package: id, dependency });
            }
            Some(&SYSTEM) => {}
            Some(_) if set.binary_search(&id).is_ok() => {}
            Some(_) => {
                self.rules.push_of_package(-id, &set, origin);
                self.queue.extend(set.iter().copied().filter(|id| !self.considered[to_index(*id)]));
            }
        }
    }

    fn add_conflict(&mut self, id: Id, dependency: &'u Dependency) {
        let origin = Origin::Conflicts { package: id, dependency };
        if normal_form::is_complex(dependency) {
            return self.add_clauses(id, normal_form::conflict(&self.ground.providers, dependency), origin);
        }
        for other in self.ground.providers.of_dependency(dependency).iter().copied() {
            if other == SYSTEM {
                self.rules.push_of_package(-id, &[], origin);
            } else if other != id {
                self.rules.push_of_package(-id, &[-other], origin);
            }
        }
    }

    /// "If `id` is installed, then all clauses hold."
    fn add_clauses(&mut self, id: Id, clauses: Clauses, origin: Origin<'u>) {
        let blocks = match (clauses, origin) {
            (Clauses::Always, _) => return,
            (Clauses::Blocks(blocks), _) => blocks,
            (Clauses::Never, Origin::Requires { package, dependency }) => {
                let origin = Origin::NothingProvides { package, dependency };
                return self.rules.push_of_package(-id, &[], origin);
            }
            (
                Clauses::TooLarge,
                Origin::Requires { package, dependency } | Origin::Conflicts { package, dependency },
            ) => {
                let origin = Origin::TooComplex { package, dependency };
                return self.rules.push_of_package(-id, &[], origin);
            }
            (Clauses::Never | Clauses::TooLarge, _) => return self.rules.push_of_package(-id, &[], origin),
        };
        for mut block in blocks {
            let conflicts_with_itself = matches!(origin, Origin::Conflicts { .. }) && block == [-id];
            if conflicts_with_itself || block.contains(&id) {
                continue;
            }
            if let Err(place) = block.binary_search(&-id) {
                block.insert(place, -id);
            }
            self.rules.push_of_package(block[0], &block[1..], origin);
            self.queue.extend(block.into_iter().filter(|id| *id > 0 && !self.considered[to_index(*id)]));
        }
    }

    fn add_same_name(&mut self, id: Id) {
        let universe = self.ground.universe;
        let nevra = &universe.record(id).nevra;
        let install_only = self.ground.install_only[to_index(id)];
        for other in universe.same_name(id).iter().copied() {
            let theirs = &universe.record(other).nevra;
            let told_by_the_other =
                self.considered[to_index(other)] && !self.ground.install_only[to_index(other)];
            if other != id
                && !(install_only && nevra != theirs)
                && colors_meet(&nevra.arch, &theirs.arch)
                && !told_by_the_other
            {
                self.rules.push_of_package(-id, &[-other], Origin::SameName);
            }
        }
    }

    /// A narrow package may stand beside a wide one only in the same version: the wide one must be known.
    fn reach_twins(&mut self, id: Id) {
        let universe = self.ground.universe;
        let package = universe.package(id);
        if package.score <= NOARCH {
            return;
        }
        for other in universe.same_name(id) {
            let twin = universe.package(*other);
            if twin.score > NOARCH
                && twin.score < package.score
                && twin.record.nevra.evr == package.record.nevra.evr
            {
                self.queue.push_back(*other);
            }
        }
    }

    /// Everything that a weak dependency could pull in.
    fn reach_wanted(&mut self, dependency: &'u Dependency, negated: bool) {
        if let Dependency::Rich(rich) = dependency
            && normal_form::is_complex(dependency)
        {
            match rich {
                RichDependency::If { then, condition, otherwise }
                | RichDependency::Unless { then, condition, otherwise } => {
                    self.reach_wanted(then, negated);
                    self.reach_wanted(condition, !negated);
                    if let Some(otherwise) = otherwise {
                        self.reach_wanted(condition, negated);
                        self.reach_wanted(otherwise, negated);
                    }
                }
                _ => operands(rich).into_iter().for_each(|operand| self.reach_wanted(operand, negated)),
            }
        } else if !negated {
            let set = self.ground.providers.of_dependency(dependency);
            self.queue.extend(set.iter().copied().filter(|id| !self.considered[to_index(*id)]));
        }
    }
}

/// By id, from a list.
pub(crate) fn table(universe: &Universe<'_>, ids: impl IntoIterator<Item = Id>) -> Vec<bool> {
    let mut table = vec![false; universe.table_size()];
    for id in ids {
        table[to_index(id)] = true;
    }
    table
}

/// From a table, the list.
pub(crate) fn listed(table: &[bool]) -> impl Iterator<Item = Id> + '_ {
    table.iter().enumerate().filter(|(_, set)| **set).map(|(index, _)| to_id(index))
}
