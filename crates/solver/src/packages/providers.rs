//! Dependencies, in; the packages that could satisfy them, out; remembered for the time of one solve.

use std::cell::RefCell;
use std::rc::Rc;

use rpm_model::{Capability, Dependency, RichDependency};

use crate::packages::universe::{Id, Map, Universe};

/// A sorted list of packages.
pub(crate) type Set = Rc<[Id]>;

/// Sets of providers by capability.
#[derive(Debug)]
pub(crate) struct Providers<'u, 'r> {
    universe: &'u Universe<'r>,
    known: RefCell<Map<&'u Capability, Set>>,
}

impl<'u, 'r> Providers<'u, 'r> {
    pub(crate) fn new(universe: &'u Universe<'r>) -> Self {
        Providers { universe, known: RefCell::default() }
    }

    /// Packages that provide the capability.
    pub(crate) fn of(&self, capability: &'u Capability) -> Set {
        if let Some(set) = self.known.borrow().get(capability) {
            return Rc::clone(set);
        }
        let set: Set = self.universe.providers(capability).into();
        self.known.borrow_mut().insert(capability, Rc::clone(&set));
        set
    }

    /// Packages that could play a part in satisfying the dependency: exact for what a single package satisfies
    /// (`or`, `with`, `without`), the best case for the rest.
    pub(crate) fn of_dependency(&self, dependency: &'u Dependency) -> Set {
        let rich = match dependency {
            Dependency::Simple(capability) => return self.of(capability),
            Dependency::Rich(rich) => rich,
        };
        match rich {
            RichDependency::And(list) | RichDependency::Or(list) => {
                let mut all: Vec<Id> =
                    list.iter().flat_map(|part| self.of_dependency(part).to_vec()).collect();
                all.sort_unstable();
                all.dedup();
                all.into()
            }
            RichDependency::With(list) => self.intersection(list).into(),
            RichDependency::Without(kept, removed) => {
                let (kept, removed) = (self.of_dependency(kept), self.of_dependency(removed));
                kept.iter().copied().filter(|id| removed.binary_search(id).is_err()).collect()
            }
            RichDependency::If { then, otherwise, .. } | RichDependency::Unless { then, otherwise, .. } => {
                let mut all = self.of_dependency(then).to_vec();
                if let Some(otherwise) = otherwise {
                    all.extend_from_slice(&self.of_dependency(otherwise));
                }
                all.sort_unstable();
                all.dedup();
                all.into()
            }
        }
    }

    fn intersection(&self, list: &'u [Dependency]) -> Vec<Id> {
        let mut sets = list.iter().map(|part| self.of_dependency(part));
        let Some(first) = sets.next() else { return Vec::new() };
        let mut kept = first.to_vec();
        for set in sets {
            kept.retain(|id| set.binary_search(id).is_ok());
        }
        kept
    }

    /// Whether the dependency holds, given which packages are installed.
    pub(crate) fn holds(&self, dependency: &'u Dependency, installed: &dyn Fn(Id) -> bool) -> bool {
        let rich = match dependency {
            Dependency::Simple(capability) => return self.of(capability).iter().any(|id| installed(*id)),
            Dependency::Rich(rich) => rich,
        };
        match rich {
            RichDependency::And(list) => list.iter().all(|part| self.holds(part, installed)),
            RichDependency::Or(list) => list.iter().any(|part| self.holds(part, installed)),
            RichDependency::With(_) | RichDependency::Without(..) => {
                self.of_dependency(dependency).iter().any(|id| installed(*id))
            }
            RichDependency::If { then, condition, otherwise } => {
                match (self.holds(condition, installed), otherwise) {
                    (true, _) => self.holds(then, installed),
                    (false, Some(otherwise)) => self.holds(otherwise, installed),
                    (false, None) => true,
                }
            }
            RichDependency::Unless { then, condition, otherwise } => {
                match (self.holds(condition, installed), otherwise) {
                    (false, _) => self.holds(then, installed),
                    (true, Some(otherwise)) => self.holds(otherwise, installed),
                    (true, None) => false,
                }
            }
        }
    }

    /// Whether the dependency holds because of a new package, not for lack of one: what makes a supplement count.
    pub(crate) fn holds_through(
        &self,
        dependency: &'u Dependency,
        installed: &dyn Fn(Id) -> bool,
        new: &dyn Fn(Id) -> bool,
    ) -> bool {
        let through = |part: &'u Dependency| self.holds_through(part, installed, new);
        let holds = |part: &'u Dependency| self.holds(part, installed);
        let Dependency::Rich(rich) = dependency else {
            return self.of_dependency(dependency).iter().any(|id| new(*id));
        };
        match rich {
            RichDependency::And(list) => holds(dependency) && list.iter().any(through),
            RichDependency::Or(list) => list.iter().any(through),
            RichDependency::With(_) | RichDependency::Without(..) => {
                self.of_dependency(dependency).iter().any(|id| new(*id))
            }
            RichDependency::If { then, condition, otherwise } => match otherwise {
                Some(otherwise) if !holds(condition) => through(otherwise),
                Some(_) => holds(then) && (through(condition) || through(then)),
                None => through(then),
            },
            RichDependency::Unless { then, condition, otherwise } => match otherwise {
                Some(otherwise) if holds(condition) => {
                    holds(otherwise) && (through(condition) || through(otherwise))
                }
                Some(_) => through(then),
                None => !holds(condition) && through(then),
            },
        }
    }

    /// Whether the dependency could hold once all packages of a set are considered.
    pub(crate) fn possible(&self, dependency: &'u Dependency, considered: &[bool]) -> bool {
        if let Dependency::Rich(rich) = dependency {
            match rich {
                RichDependency::If { .. } | RichDependency::Unless { .. } => return true,
                RichDependency::And(list) => return list.iter().all(|part| self.possible(part, considered)),
                RichDependency::Or(list) => return list.iter().any(|part| self.possible(part, considered)),
                RichDependency::With(_) | RichDependency::Without(..) => {}
            }
        }
        self.of_dependency(dependency).iter().any(|id| considered[crate::packages::universe::to_index(*id)])
    }
}
