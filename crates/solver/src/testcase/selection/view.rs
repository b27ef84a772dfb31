//! All packages, usable or not, in; which of them a name, a capability or a pattern means, out.

use std::collections::BTreeSet;

use rpm_model::{Constraint, Dependency, Evr, PartialEvr, RichDependency};

use super::switches::Switches;
use super::{Pick, Target};
use crate::ground::Ground;
use crate::packages::architecture::Policy;
use crate::packages::glob;
use crate::packages::providers::Providers;
use crate::packages::universe::{Id, SYSTEM, Universe};
use crate::testcase::TestcaseError;
use crate::testcase::answer::package_text;
use crate::testcase::statement::split_architecture;
use crate::testcase::term::{Operator, Term, Versions};

pub(super) struct View<'v, 'u, 'r> {
    ground: &'v Ground<'u, 'r>,
    pub(super) universe: &'u Universe<'r>,
    machine: Policy,
    any_machine: bool,
    disabled: BTreeSet<Id>,
}

impl<'v, 'u, 'r> View<'v, 'u, 'r> {
    pub(super) fn new(ground: &'v Ground<'u, 'r>, machine: &str, disabled: BTreeSet<Id>) -> Self {
        let universe = ground.universe;
        View { ground, universe, machine: Policy::of(machine), any_machine: machine.is_empty(), disabled }
    }

    pub(super) fn package(&self, text: &str, line: usize) -> Result<Id, TestcaseError> {
        let found = self.universe.ids().find(|id| package_text(self.ground, *id) == text);
        found.ok_or_else(|| TestcaseError::Missing { line, what: "package", name: text.to_owned() })
    }

    pub(super) fn has_installed_repository(&self) -> bool {
        self.universe.installed_number().is_some()
    }

    pub(super) fn is_installed(&self, id: Id) -> bool {
        self.ground.is_installed(id)
    }

    pub(super) fn is_source(&self, id: Id) -> bool {
        is_source(self.universe.arch(id))
    }

    pub(super) fn is_disabled(&self, id: Id) -> bool {
        self.disabled.contains(&id)
    }

    /// Whether it is for another machine.
    pub(super) fn is_foreign(&self, id: Id) -> bool {
        !self.is_source(id) && self.universe.score(id) == 0
    }

    /// Whether it could be installed, or is.
    pub(super) fn is_usable(&self, id: Id) -> bool {
        let installable = !self.is_source(id) && !self.is_disabled(id) && !self.is_foreign(id);
        self.is_installed(id) || installable
    }

    /// Whether packages of this sort are looked at.
    pub(super) fn counts(&self, id: Id, switches: Switches) -> bool {
        let disabled_too = switches.has(Switches::WITH_DISABLED);
        if self.is_source(id) {
            let wanted = switches.has(Switches::SOURCE_ONLY) || switches.has(Switches::WITH_SOURCE);
            return wanted && (disabled_too || !self.is_disabled(id));
        }
        let foreign_too = switches.has(Switches::WITH_FOREIGN);
        let usable = (disabled_too || !self.is_disabled(id)) && (foreign_too || !self.is_foreign(id));
        !switches.has(Switches::SOURCE_ONLY) && (self.is_installed(id) || usable)
    }

    /// Whether the machine, or any, has that architecture.
    pub(super) fn knows_architecture(&self, name: &str) -> bool {
        if is_source(name) || name == "noarch" {
            return true;
        }
        if self.any_machine {
            return self.universe.ids().any(|id| self.universe.arch(id) == name);
        }
        self.machine.score(name) != 0
    }

    /// The packages that a pick stands for.
    pub(super) fn members(&self, pick: &Pick, line: usize) -> Result<Vec<Id>, TestcaseError> {
        Ok(match &pick.target {
            Target::All => self.universe.ids().collect(),
            Target::Repository(name) => {
                let number = self.universe.repository_named(name);
                number.map_or_else(Vec::new, |number| self.universe.repository_ids(number).collect())
            }
            Target::Package(id) => vec![*id],
            Target::OneOf(ids) => ids.clone(),
            Target::Name(term) => {
                let mut found = self.providing(term, line)?;
                found.retain(|id| self.is(*id, term));
                found
            }
            Target::Provides(term) => self.providing(term, line)?,
        })
    }

    /// Usable packages that provide it; where it asks for sources, source packages of that name.
    pub(super) fn providing(&self, term: &Term, line: usize) -> Result<Vec<Id>, TestcaseError> {
        let (plain, architecture) = split_architecture(term);
        if architecture.as_deref().is_some_and(is_source) {
            let sources = self.universe.ids().filter(|id| self.is_source(*id) && !self.is_disabled(*id));
            return Ok(sources.filter(|id| self.is(*id, &plain)).collect());
        }
        let dependency = dependency(&plain, line)?;
        let mut found = Providers::new(self.universe).of_dependency(&dependency).to_vec();
        found.retain(|id| {
            *id != SYSTEM
                && self.is_usable(*id)
                && architecture.as_deref().is_none_or(|wanted| self.has_architecture(*id, wanted))
        });
        Ok(found)
    }

    /// Whether name, version and architecture of the package itself match.
    pub(super) fn is(&self, id: Id, term: &Term) -> bool {
        match term {
            Term::Null => false,
            Term::Literal(name) => self.universe.name(id) == name,
            Term::Relation(operator, left, right) => match (operator, &**right) {
                (Operator::Architecture, Term::Literal(wanted)) => {
                    self.is(id, left) && self.has_architecture(id, wanted)
                }
                (Operator::Version(versions), Term::Literal(version)) => {
                    self.is(id, left) && admits(*versions, version, &self.universe.nevra(id).evr)
                }
                (Operator::And | Operator::With, _) => self.is(id, left) && self.is(id, right),
                (Operator::Or, _) => self.is(id, left) || self.is(id, right),
                (Operator::Without, _) => self.is(id, left) && !self.is(id, right),
                _ => false,
            },
        }
    }

    /// `src` means both kinds of source packages.
    pub(super) fn has_architecture(&self, id: Id, wanted: &str) -> bool {
        let actual = self.universe.arch(id);
        actual == wanted || wanted == "src" && actual == "nosrc"
    }
}

pub(super) fn is_source(architecture: &str) -> bool {
    matches!(architecture, "src" | "nosrc")
}

/// What rpm understands by it; `!=` is less or greater.
pub(super) fn dependency(term: &Term, line: usize) -> Result<Dependency, TestcaseError> {
    if let Term::Relation(Operator::Version(Versions::Other), name, version) = term {
        let part = |versions| {
            let term = Term::relation(Operator::Version(versions), (**name).clone(), (**version).clone());
            dependency(&term, line)
        };
        let parts = vec![part(Versions::Less)?, part(Versions::Greater)?];
        return Ok(Dependency::Rich(RichDependency::Or(parts)));
    }
    if let Term::Relation(Operator::Version(Versions::Any), name, _) = term {
        return dependency(name, line);
    }
    term.to_dependency().map_err(|source| TestcaseError::Term { line, source })
}

/// Whether a relation with a version admits the version of a package.
pub(super) fn admits(versions: Versions, version: &str, evr: &Evr) -> bool {
    let own = Constraint { comparison: rpm_model::Comparison::Equal, evr: evr.into() };
    meets(versions, version, &own)
}

/// Whether a relation with a version and another have a version in common.
pub(super) fn meets(versions: Versions, version: &str, other: &Constraint) -> bool {
    let Ok(evr) = PartialEvr::parse(version) else { return false };
    let meets = |versions: Versions| {
        let comparison = versions.comparison();
        comparison.is_some_and(|comparison| Constraint { comparison, evr: evr.clone() }.overlaps(other))
    };
    match versions {
        Versions::Any => true,
        Versions::Other => meets(Versions::Less) || meets(Versions::Greater),
        versions => meets(versions),
    }
}

/// Whether a name is what is looked for.
pub(super) fn same(wanted: &str, actual: &str, switches: Switches) -> bool {
    let is_glob = switches.has(Switches::GLOB) && glob::is_glob(wanted);
    match (is_glob, switches.has(Switches::ANY_CASE)) {
        (true, true) => glob::matches(&wanted.to_ascii_lowercase(), &actual.to_ascii_lowercase()),
        (true, false) => glob::matches(wanted, actual),
        (false, true) => wanted.eq_ignore_ascii_case(actual),
        (false, false) => wanted == actual,
    }
}
