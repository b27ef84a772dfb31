//! Packages that could take part, in; the rules that their dependencies make, out.

use std::collections::VecDeque;

use rpm_model::{Dependency, RichDependency};

pub(crate) use crate::ground::Ground;
use crate::installed::upgrades::{self, Freedom};
use crate::jobs::settings::Setting;
use crate::packages::architecture::NOARCH;
use crate::packages::universe::{Id, SYSTEM, operands, to_index};
use crate::rules::marks::Marks;
use crate::rules::normal_form::{self, Clauses};
use crate::rules::{Origin, Rules};

/// Rules of what is installed, of its upgrades and of the starting packages, and of all that these lead to; and which
/// packages these are.
pub(crate) fn package_rules<'u>(
    ground: &Ground<'u, '_>,
    start: &[Id],
    fix: &Marks,
) -> (Rules<'u>, Vec<bool>) {
    let mut considered = vec![false; ground.universe.table_size()];
    considered[to_index(SYSTEM)] = true;
    let mut generator = Generator { ground, fix, rules: Rules::new(), considered, queue: VecDeque::new() };
    for id in ground.installed.clone() {
        generator.reach(id);
    }
    for id in ground.installed.clone() {
        for candidate in upgrades::candidates(ground, id, Freedom::Any) {
            generator.reach(candidate);
        }
    }
    for id in start {
        generator.reach(*id);
    }
    generator.reach_supplements();
    generator.rules.unify();
    (generator.rules, generator.considered)
}

struct Generator<'a, 'u, 'r> {
    ground: &'a Ground<'u, 'r>,
    fix: &'a Marks,
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
        let mut weak = self.ground.backwards.clone();
        weak.retain(|id| self.ground.is_installed(*id) || self.ground.installable(*id));
        loop {
            let mut changed = false;
            for id in &weak {
                let possible = |dependency| self.ground.providers.possible(dependency, &self.considered);
                if !self.considered[to_index(*id)]
                    && universe.supplements(*id).chain(universe.enhances(*id)).any(possible)
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
        let installed = self.ground.is_installed(id);
        // What is broken already is not this solve's business.
        let tolerant = installed && !self.fix.has(id);
        if !tolerant && !self.ground.installable(id) {
            self.rules.push_of_package(-id, &[], Origin::NotInstallable);
        }
        let universe = self.ground.universe;
        for dependency in universe.requires(id) {
            self.add_requirement(id, dependency, tolerant);
        }
        if self.ground.has(Setting::StrongRecommends) {
            for dependency in universe.recommends(id) {
                self.add_recommendation(id, dependency, tolerant);
            }
        }
        for dependency in universe.conflicts(id) {
            self.add_conflict(id, dependency, tolerant);
        }
        if !installed || !self.ground.has(Setting::NoInstalledObsoletes) {
            self.add_obsoletes(id, tolerant);
            self.add_same_name(id, tolerant);
        }
        self.reach_twins(id);
        for dependency in universe.recommends(id).chain(universe.suggests(id)) {
            self.reach_wanted(dependency, false);
        }
    }

    fn add_requirement(&mut self, id: Id, dependency: &'u Dependency, tolerant: bool) {
        let origin = Origin::Requires { package: id, dependency };
        if normal_form::is_complex(dependency) {
            let clauses = normal_form::requirement(&self.ground.providers, dependency);
            return self.add_clauses(id, clauses, origin, tolerant);
        }
        let set = self.ground.providers.of_dependency(dependency);
        if set.first() == Some(&SYSTEM) || tolerant && !set.iter().any(|id| self.ground.is_installed(*id)) {
            return;
        }
        if set.is_empty() {
            return self.rules.push_of_package(-id, &[], Origin::NothingProvides { package: id, dependency });
        }
        if set.binary_search(&id).is_err() {
            self.rules.push_of_package(-id, &set, origin);
            self.queue.extend(set.iter().copied().filter(|id| !self.considered[to_index(*id)]));
        }
    }

    /// A rule that is given up when it cannot hold.
    fn add_recommendation(&mut self, id: Id, dependency: &'u Dependency, tolerant: bool) {
        let before = self.rules.end();
        let origin = Origin::Recommends { package: id, dependency };
        if normal_form::is_complex(dependency) {
            let clauses = normal_form::requirement(&self.ground.providers, dependency);
            self.add_clauses(id, clauses, origin, tolerant);
        } else {
            let set = self.ground.providers.of_dependency(dependency);
            if set.first().is_some_and(|first| *first != SYSTEM) && set.binary_search(&id).is_err() {
                self.rules.push_of_package(-id, &set, origin);
                self.queue.extend(set.iter().copied().filter(|id| !self.considered[to_index(*id)]));
            }
        }
        for rule in before..self.rules.end() {
            self.rules.get_mut(rule).soft = true;
        }
    }

    fn add_conflict(&mut self, id: Id, dependency: &'u Dependency, tolerant: bool) {
        let origin = Origin::Conflicts { package: id, dependency };
        if normal_form::is_complex(dependency) {
            let clauses = normal_form::conflict(&self.ground.providers, dependency);
            return self.add_clauses(id, clauses, origin, tolerant);
        }
        for other in self.ground.providers.of_dependency(dependency).iter().copied() {
            if tolerant && self.ground.is_installed(other) {
                continue;
            }
            if other == SYSTEM || other == id && self.ground.has(Setting::ForbidSelfConflicts) {
                self.rules.push_of_package(-id, &[], origin);
            } else if other != id {
                self.rules.push_of_package(-id, &[-other], origin);
            }
        }
    }

    /// "If `id` is installed, then all clauses hold."
    fn add_clauses(&mut self, id: Id, clauses: Clauses, origin: Origin<'u>, tolerant: bool) {
        let blocks = match (clauses, origin) {
            (Clauses::Always, _) => return,
            (Clauses::Blocks(blocks), _) => blocks,
            (Clauses::Never | Clauses::TooLarge, _) if tolerant => return,
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
        let holds_already = |literal: &Id| self.ground.is_installed(literal.abs()) == (*literal > 0);
        for mut block in blocks {
            if tolerant && !block.iter().any(holds_already) || block.contains(&id) {
                continue;
            }
            let is_conflict = matches!(origin, Origin::Conflicts { .. });
            if is_conflict && block == [-id] && !self.ground.has(Setting::ForbidSelfConflicts) {
                continue;
            }
            if let Err(place) = block.binary_search(&-id) {
                block.insert(place, -id);
            }
            self.rules.push_of_package(block[0], &block[1..], origin);
            self.queue.extend(block.into_iter().filter(|id| *id > 0 && !self.considered[to_index(*id)]));
        }
    }

    fn add_obsoletes(&mut self, id: Id, tolerant: bool) {
        if self.ground.side_by_side(id) && !self.ground.has(Setting::KeepExplicitObsoletes) {
            return;
        }
        for (capability, others) in self.ground.obsoleted_by(id) {
            for other in others {
                if other != id && !(tolerant && self.ground.is_installed(other)) {
                    self.rules.push_of_package(-id, &[-other], Origin::Obsoletes { package: id, capability });
                }
            }
        }
    }

    fn add_same_name(&mut self, id: Id, tolerant: bool) {
        if tolerant {
            return;
        }
        let ground = self.ground;
        let installed = ground.is_installed(id);
        let side_by_side = ground.side_by_side(id);
        for other in ground.universe.same_name(id).iter().copied() {
            if other == id || installed && !ground.is_installed(other) {
                continue;
            }
            if side_by_side && !ground.same_nevra(id, other) {
                let makes_room = installed || !ground.is_installed(other) || ground.side_by_side(other);
                if makes_room {
                    continue;
                }
            }
            let told_by_the_other = self.considered[to_index(other)]
                && !ground.is_installed(other)
                && !ground.side_by_side(other);
            if ground.colors_meet(id, other) && !told_by_the_other {
                self.rules.push_of_package(-id, &[-other], Origin::SameName);
            }
        }
    }

    /// A narrow package may stand beside a wide one only in the same version: the wide one must be known.
    fn reach_twins(&mut self, id: Id) {
        let universe = self.ground.universe;
        let score = self.ground.score(id);
        if score <= NOARCH || !self.ground.has(Setting::ImplicitObsoletesUseColors) {
            return;
        }
        for other in universe.same_name(id) {
            let theirs = self.ground.score(*other);
            if theirs > NOARCH && theirs < score && self.ground.same_evr(id, *other) {
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
            let open = set.iter().copied().filter(|id| *id != SYSTEM && !self.considered[to_index(*id)]);
            self.queue.extend(open);
        }
    }
}
