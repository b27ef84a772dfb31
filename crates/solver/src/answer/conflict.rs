//! Rules that cannot hold together, in; a tree that a person can follow from the request to the obstacles, out.

use std::collections::BTreeSet;

use rpm_model::{Capability, Dependency, Nevra};
use serde::Serialize;

use crate::answer::nearest;
use crate::ground::Ground;
use crate::jobs::demands::{Demands, Entry};
use crate::jobs::request::{Request, Want};
use crate::packages::matching;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::{Origin, RuleId, Rules};
use crate::search::core_rules;
use crate::search::{Refuted, Search};
use crate::solve::is_locked;

/// Why a request cannot be met: independent problems, each as short as it could be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Conflict {
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum Problem {
    /// Nothing in the repositories is meant by an entry of the request.
    NotFound {
        /// The entry.
        want: String,
        /// Packages that it means but that the machine cannot run.
        wrong_architecture: Vec<String>,
        /// Packages that it means but that the request excludes, with what excludes them.
        excluded: Vec<(String, String)>,
        /// Names that look like it.
        nearest: Vec<String>,
    },
    /// Entries of the request cannot be met, or not together.
    Unsatisfiable {
        /// The entries.
        wants: Vec<WantTree>,
    },
}

/// An entry of the request and what could meet it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantTree {
    /// The entry; or the installed package that should stay or be upgraded.
    pub want: String,
    /// What is wanted of it.
    pub kind: WantKind,
    /// Older packages would do, but the best one was asked for.
    pub best_only: bool,
    /// Each with its obstacles.
    pub candidates: Vec<Candidate>,
}

/// What is wanted of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WantKind {
    /// It is to be installed.
    Install,
    /// It is to be upgraded.
    Upgrade,
    /// It is to go.
    Erase,
    /// It is installed, and nothing asked for its removal.
    Keep,
    /// It is installed and protected.
    Protect,
}

/// Packages that fail for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Their names, versions and architectures; never empty.
    pub packages: Vec<String>,
    /// The reasons; empty when they stand earlier in the tree.
    pub obstacles: Vec<Obstacle>,
}

/// Why a package cannot be installed, as part of one problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "obstacle")]
pub enum Obstacle {
    /// It needs one of these.
    Requires {
        /// What it states.
        dependency: String,
        /// What could satisfy it.
        candidates: Vec<Candidate>,
    },
    /// It needs what nothing provides.
    NothingProvides {
        /// What it states.
        dependency: String,
        /// What comes near.
        nearest: Vec<String>,
    },
    /// Another package's condition makes something follow from it.
    Triggers {
        /// The package that states the dependency.
        by: String,
        /// What it states.
        dependency: String,
        /// What would have to be installed.
        candidates: Vec<Candidate>,
    },
    /// It refuses another package of this tree.
    ConflictsWith {
        /// What it states.
        dependency: String,
        /// The other package.
        package: String,
    },
    /// Another package of this tree refuses it.
    RefusedBy {
        /// What that states.
        dependency: String,
        /// The other package.
        package: String,
    },
    /// It replaces another package of this tree.
    Obsoletes {
        /// What it states.
        dependency: String,
        /// The other package.
        package: String,
    },
    /// Another package of this tree replaces it.
    ObsoletedBy {
        /// What that states.
        dependency: String,
        /// The other package.
        package: String,
    },
    /// Another version of it is needed in this tree.
    OtherVersion {
        /// That version.
        package: String,
    },
    /// The request excludes it.
    Excluded {
        /// By what.
        by: String,
    },
    /// The request's lock names another version.
    Locked,
    /// The machine cannot run it.
    WrongArchitecture,
    /// The request removes it.
    Erased,
    /// It goes when the distribution is synchronized: the repositories have another version.
    NotInRepositories,
    /// Another package that replaces the same one has to come along.
    ReplacedTogether {
        /// The others.
        candidates: Vec<Candidate>,
    },
    /// A better architecture of it exists; it may only stand beside that one.
    InferiorArchitecture {
        /// The same version in the better architecture, if there is one.
        beside: Vec<Candidate>,
    },
    /// A boolean dependency of it multiplies out beyond all measure.
    TooComplex {
        /// What it states.
        dependency: String,
    },
}

/// An entry of the request that matches nothing.
pub(crate) fn not_found(ground: &Ground<'_, '_>, want: &Want, request: &Request) -> Problem {
    let universe = ground.universe;
    let text = want.to_string();
    let excluded: Vec<(String, String)> = matching::excluded(universe, &text)
        .into_iter()
        .filter(|id| ground.excluded[to_index(*id)])
        .map(|id| (universe.nevra(id).to_string(), excluded_by(ground, id, request)))
        .collect();
    let foreign = universe.ids().filter(|id| universe.score(*id) == 0);
    let wrong_architecture: BTreeSet<String> = foreign
        .map(|id| universe.nevra(id))
        .filter(|nevra| nevra.name == text || format!("{}.{}", nevra.name, nevra.arch) == text)
        .map(Nevra::to_string)
        .collect();
    let nearest = if excluded.is_empty() && wrong_architecture.is_empty() {
        nearest::names(&text, universe.names())
    } else {
        Vec::new()
    };
    let wrong_architecture = wrong_architecture.into_iter().collect();
    Problem::NotFound { want: text, wrong_architecture, excluded, nearest }
}

/// One problem and the entries of the request that it is about.
pub(crate) fn explain(
    search: &Search<'_, '_, '_>,
    refuted: Refuted,
    demands: &Demands,
    request: &Request,
) -> (Problem, BTreeSet<usize>) {
    let (ground, rules) = (search.ground, &search.book.rules);
    let core = core_rules::minimize(ground, rules, refuted.0);
    let mut explained = BTreeSet::new();
    let mut tree = Tree { ground, rules, request, core: &core, explained: &mut explained };
    let mut wants = Vec::new();
    let mut entries = BTreeSet::new();
    let mut roots = core.clone();
    roots.sort_unstable();
    roots.sort_by_key(|rule| !matches!(rules.get(*rule).origin, Origin::Job(_) | Origin::Best(_)));
    for rule in roots {
        let origin = rules.get(rule).origin;
        let (want, kind, best_only) = match origin {
            Origin::Job(job) | Origin::Best(job) => {
                let entry = search.orders.jobs[job].want;
                entries.insert(entry);
                let (want, kind) = match &demands.entries[entry] {
                    Entry::Install(text) => (text.clone(), WantKind::Install),
                    Entry::Upgrade(text) => (text.clone(), WantKind::Upgrade),
                    Entry::Erase(text) => (text.clone(), WantKind::Erase),
                    Entry::Protect(text) => (text.clone(), WantKind::Protect),
                    Entry::General => continue,
                };
                (want, kind, matches!(origin, Origin::Best(_)))
            }
            Origin::Update(id) | Origin::Feature(id) => (tree.nevra(id), WantKind::Keep, false),
            Origin::BestUpdate(id) => (tree.nevra(id), WantKind::Upgrade, true),
            _ => continue,
        };
        let candidates = tree.candidates(&positives(rules.literals(rule)));
        wants.push(WantTree { want, kind, best_only, candidates });
    }
    (Problem::Unsatisfiable { wants }, entries)
}

fn excluded_by(ground: &Ground<'_, '_>, id: Id, request: &Request) -> String {
    let means = |text: &&String| matching::excluded(ground.universe, text).contains(&id);
    request.exclude.iter().find(means).map_or_else(|| "the lock".to_owned(), String::clone)
}

fn positives(literals: &[Id]) -> Vec<Id> {
    literals.iter().copied().filter(|literal| *literal > SYSTEM).collect()
}

struct Tree<'a, 'u, 'r> {
    ground: &'a Ground<'u, 'r>,
    rules: &'a Rules<'u>,
    request: &'a Request,
    core: &'a [RuleId],
    /// Packages whose obstacles are told.
    explained: &'a mut BTreeSet<Id>,
}

impl Tree<'_, '_, '_> {
    /// Packages with equal obstacles share an entry.
    fn candidates(&mut self, ids: &[Id]) -> Vec<Candidate> {
        let mut groups: Vec<(String, Vec<Id>)> = Vec::new();
        for id in ids {
            let signature = self.signature(*id);
            match groups.iter_mut().find(|(known, _)| *known == signature) {
                Some((_, members)) => members.push(*id),
                None => groups.push((signature, vec![*id])),
            }
        }
        let mut candidates = Vec::new();
        for (_, mut members) in groups {
            let told = members.iter().all(|id| self.explained.contains(id));
            self.explained.extend(&members);
            let obstacles = if told { Vec::new() } else { self.obstacles(members[0]) };
            members.sort_by_key(|id| std::cmp::Reverse(self.ground.nevra(*id)));
            let packages = members.iter().map(|id| self.nevra(*id)).collect();
            candidates.push(Candidate { packages, obstacles });
        }
        candidates
    }

    /// Text that is equal for packages whose obstacles are.
    fn signature(&self, id: Id) -> String {
        let rules = self.against(id).into_iter().map(|rule| {
            let others: Vec<Id> =
                self.rules.literals(rule).iter().copied().filter(|other| *other != -id).collect();
            match self.rules.get(rule).origin {
                Origin::Requires { dependency, .. } | Origin::NothingProvides { dependency, .. } => {
                    format!("{dependency} {others:?}")
                }
                Origin::Conflicts { package, .. } | Origin::Obsoletes { package, .. } => {
                    format!("{} {others:?}", package == id)
                }
                _ => format!("{others:?}"),
            }
        });
        rules.collect::<Vec<_>>().join("; ")
    }

    /// The rules of this problem that a package breaks by being installed.
    fn against(&self, id: Id) -> Vec<RuleId> {
        self.core.iter().copied().filter(|rule| self.rules.literals(*rule).contains(&-id)).collect()
    }

    fn obstacles(&mut self, id: Id) -> Vec<Obstacle> {
        self.against(id).into_iter().map(|rule| self.obstacle(id, rule)).collect()
    }

    fn obstacle(&mut self, id: Id, rule: RuleId) -> Obstacle {
        let literals = self.rules.literals(rule).to_vec();
        let others =
            literals.iter().copied().filter(|literal| *literal < 0 && *literal != -id).map(|other| -other);
        let other = others.clone().next().map_or_else(String::new, |other| self.nevra(other));
        let text = |dependency: &Dependency| dependency.to_string();
        match self.rules.get(rule).origin {
            Origin::Requires { package, dependency } if package == id => Obstacle::Requires {
                dependency: text(dependency),
                candidates: self.candidates(&positives(&literals)),
            },
            Origin::Requires { package, dependency } => Obstacle::Triggers {
                by: self.nevra(package),
                dependency: text(dependency),
                candidates: self.candidates(&positives(&literals)),
            },
            Origin::Conflicts { package, dependency } if package == id => {
                Obstacle::ConflictsWith { dependency: text(dependency), package: other }
            }
            Origin::Conflicts { package, dependency } => {
                Obstacle::RefusedBy { dependency: text(dependency), package: self.nevra(package) }
            }
            Origin::Obsoletes { package, capability } if package == id => {
                Obstacle::Obsoletes { dependency: capability.to_string(), package: other }
            }
            Origin::Obsoletes { package, capability } => {
                Obstacle::ObsoletedBy { dependency: capability.to_string(), package: self.nevra(package) }
            }
            Origin::NothingProvides { dependency, .. } => {
                Obstacle::NothingProvides { dependency: text(dependency), nearest: self.nearest(dependency) }
            }
            Origin::TooComplex { dependency, .. } => Obstacle::TooComplex { dependency: text(dependency) },
            Origin::InferiorArchitecture => {
                Obstacle::InferiorArchitecture { beside: self.candidates(&positives(&literals)) }
            }
            Origin::NotInstallable => self.not_installable(id),
            Origin::Job(_) => Obstacle::Erased,
            Origin::DistributionUpgrade => Obstacle::NotInRepositories,
            Origin::ReplacedTogether => {
                Obstacle::ReplacedTogether { candidates: self.candidates(&positives(&literals)) }
            }
            Origin::Recommends { dependency, .. } => Obstacle::Requires {
                dependency: text(dependency),
                candidates: self.candidates(&positives(&literals)),
            },
            Origin::SameName
            | Origin::Best(_)
            | Origin::Feature(_)
            | Origin::Update(_)
            | Origin::BestUpdate(_)
            | Origin::Blacklisted
            | Origin::WorseRepository
            | Origin::Narrowed(_)
            | Origin::Learnt => Obstacle::OtherVersion { package: other },
        }
    }

    fn not_installable(&self, id: Id) -> Obstacle {
        if self.ground.score(id) == 0 {
            return Obstacle::WrongArchitecture;
        }
        let nevra = self.ground.nevra(id);
        let name_is_locked = self.request.lock.iter().any(|lock| lock.name == nevra.name);
        if name_is_locked && !is_locked(&self.request.lock, nevra) {
            return Obstacle::Locked;
        }
        Obstacle::Excluded { by: excluded_by(self.ground, id, self.request) }
    }

    /// For every capability that nothing provides: who provides the name, or what is spelt like it.
    fn nearest(&self, dependency: &Dependency) -> Vec<String> {
        let capabilities = match dependency {
            Dependency::Simple(capability) => vec![capability],
            Dependency::Rich(rich) => rich.capabilities(),
        };
        let missing = capabilities
            .into_iter()
            .filter(|capability| self.ground.universe.providers(capability).is_empty());
        missing.flat_map(|capability| self.nearest_to(capability)).collect()
    }

    fn nearest_to(&self, capability: &Capability) -> Vec<String> {
        let universe = self.ground.universe;
        let named = universe.providers(&Capability::any(capability.name.as_str()));
        let newest = named.into_iter().filter(|id| *id != SYSTEM).max_by_key(|id| &universe.nevra(*id).evr);
        let Some(id) = newest else {
            return nearest::names(&capability.name, universe.names());
        };
        let provides = universe.provides(id).filter(|provided| provided.name == capability.name);
        let mut texts: Vec<String> =
            provides.map(|provided| format!("{} has {provided}", self.nevra(id))).collect();
        if texts.is_empty() {
            texts.push(self.nevra(id));
        }
        texts
    }

    fn nevra(&self, id: Id) -> String {
        self.ground.universe.nevra(id).to_string()
    }
}
