//! A dependency or a package, in; the packages that have such a dependency, or one on that package, out.

use std::borrow::Cow;

use rpm_model::{Capability, Dependency, RichDependency};

use super::Pick;
use super::find::split_relation;
use super::narrow;
use super::switches::Switches;
use super::view::{self, View};
use crate::packages::glob;
use crate::packages::providers::Providers;
use crate::packages::universe::Id;
use crate::testcase::TestcaseError;
use crate::testcase::term::{Operator, Term, Versions};

/// Which of a package's lists is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Name,
    Provides,
    Obsoletes,
    Requires,
    Conflicts,
    Recommends,
    Suggests,
    Supplements,
    Enhances,
}

const KEYS: &[(&str, Key)] = &[
    ("solvable:name", Key::Name),
    ("solvable:provides", Key::Provides),
    ("solvable:obsoletes", Key::Obsoletes),
    ("solvable:requires", Key::Requires),
    ("solvable:conflicts", Key::Conflicts),
    ("solvable:recommends", Key::Recommends),
    ("solvable:suggests", Key::Suggests),
    ("solvable:supplements", Key::Supplements),
    ("solvable:enhances", Key::Enhances),
];

/// What the list has to hold.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// What a user types.
    Text(String),
    /// A dependency.
    Term(Term),
    /// A dependency that this package satisfies.
    Package(String),
}

/// A wanted dependency, once the switches are known.
enum Test {
    Pattern {
        name: String,
        relation: Option<(Versions, String)>,
    },
    Term(Term),
    /// Name and version in exactly these letters.
    Letters {
        name: String,
        version: String,
    },
    Package(Id),
}

impl Key {
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, TestcaseError> {
        let unknown = || TestcaseError::Unsupported { line, what: format!("a selection by {text}") };
        KEYS.iter().find(|(name, _)| *name == text).map(|(_, key)| *key).ok_or_else(unknown)
    }
}

impl Wanted {
    pub(super) fn parse(kind: &str, text: &str, line: usize) -> Result<Self, TestcaseError> {
        match kind {
            "selection_matchdeps" => Ok(Wanted::Text(text.to_owned())),
            "selection_matchdepid" => {
                Term::parse(text).map(Wanted::Term).map_err(|source| TestcaseError::Term { line, source })
            }
            "selection_matchsolvable" => Ok(Wanted::Package(text.to_owned())),
            _ => Err(TestcaseError::Unsupported { line, what: format!("the selection {kind}") }),
        }
    }
}

pub(super) fn find(
    view: &View<'_, '_, '_>,
    key: Key,
    wanted: &Wanted,
    switches: Switches,
    line: usize,
) -> Result<Vec<Pick>, TestcaseError> {
    let Some(test) = test(view, key, wanted, switches, line)? else { return Ok(Vec::new()) };
    let installed_only = switches.has(Switches::INSTALLED_ONLY);
    let mut picks = Vec::new();
    for id in view.universe.ids() {
        let looked_at = view.counts(id, switches) && (!installed_only || view.is_installed(id));
        if looked_at && test.passes(view, id, key, switches, line)? {
            picks.push(Pick::package(id));
        }
    }
    if switches.has(Switches::FLAT) { narrow::flatten(view, picks, line) } else { Ok(picks) }
}

/// Whether what is provided is what a dependency asks for, were there nothing else.
pub(super) fn meets_capability(provided: &Capability, wanted: &Dependency) -> bool {
    parts(wanted).iter().any(|part| part.overlaps(provided))
}

/// `None` where nothing can pass.
fn test(
    view: &View<'_, '_, '_>,
    key: Key,
    wanted: &Wanted,
    switches: Switches,
    line: usize,
) -> Result<Option<Test>, TestcaseError> {
    let as_text = switches.has(Switches::AS_TEXT);
    Ok(match wanted {
        Wanted::Text(text) => {
            let has_operator = text.contains(['<', '=', '>']);
            let split = split_relation(text).filter(|_| switches.has(Switches::RELATION) && !as_text);
            if switches.has(Switches::RELATION) && !as_text && has_operator && split.is_none() {
                return Ok(None);
            }
            let name = split.map_or(text.as_str(), |(name, ..)| name);
            let is_glob = switches.has(Switches::GLOB) && glob::is_glob(name);
            if is_glob || as_text || switches.has(Switches::ANY_CASE) {
                let relation = split.map(|(_, versions, version)| (versions, version.to_owned()));
                return Ok(Some(Test::Pattern { name: name.to_owned(), relation }));
            }
            let literal = Term::Literal(name.to_owned());
            Some(Test::Term(match split {
                Some((_, versions, version)) => {
                    let version = Term::Literal(version.to_owned());
                    Term::relation(Operator::Version(versions), literal, version)
                }
                None => literal,
            }))
        }
        Wanted::Term(term) if key == Key::Name && as_text => match term {
            Term::Relation(Operator::Version(Versions::Equal), name, version) => {
                match (&**name, &**version) {
                    (Term::Literal(name), Term::Literal(version)) => {
                        Some(Test::Letters { name: name.clone(), version: version.clone() })
                    }
                    _ => None,
                }
            }
            _ => None,
        },
        Wanted::Term(term) => Some(Test::Term(term.clone())),
        Wanted::Package(text) => {
            let id = view.package(text, line)?;
            view.is_usable(id).then_some(Test::Package(id))
        }
    })
}

impl Test {
    fn passes(
        &self,
        view: &View<'_, '_, '_>,
        id: Id,
        key: Key,
        switches: Switches,
        line: usize,
    ) -> Result<bool, TestcaseError> {
        let as_text = switches.has(Switches::AS_TEXT);
        let nevra = view.universe.nevra(id);
        let has = |test: &dyn Fn(&Dependency) -> bool| listed(view, id, key).iter().any(|one| test(one));
        Ok(match self {
            Test::Letters { name, version } => nevra.name == *name && nevra.evr.to_string() == *version,
            Test::Term(term) if key == Key::Name => view.is(id, term),
            Test::Term(term) => {
                let wanted = view::dependency(term, line)?;
                has(&|one| if as_text { *one == wanted } else { meet(one, &wanted) })
            }
            Test::Pattern { name, .. } if as_text && key == Key::Name => {
                view::same(name, &format!("{} = {}", nevra.name, nevra.evr), switches)
            }
            Test::Pattern { name, .. } if as_text => has(&|one| view::same(name, &one.to_string(), switches)),
            Test::Pattern { name, relation } if key == Key::Name => {
                let admits =
                    |(versions, version): &(Versions, String)| view::admits(*versions, version, &nevra.evr);
                view::same(name, &nevra.name, switches) && relation.as_ref().is_none_or(admits)
            }
            Test::Pattern { name, relation } => has(&|one| {
                parts(one).iter().any(|part| {
                    let ranges_meet = match (relation, &part.constraint) {
                        (Some((versions, version)), Some(own)) => view::meets(*versions, version, own),
                        _ => true,
                    };
                    ranges_meet && view::same(name, &part.name, switches)
                })
            }),
            Test::Package(other) => {
                let satisfied =
                    |one: &Dependency| Providers::new(view.universe).of_dependency(one).contains(other);
                id != *other && has(&satisfied)
            }
        })
    }
}

fn listed<'u>(view: &View<'_, 'u, '_>, id: Id, key: Key) -> Vec<Cow<'u, Dependency>> {
    let universe = view.universe;
    let of = |list: &mut dyn Iterator<Item = &'u Dependency>| list.map(Cow::Borrowed).collect();
    let simple = |list: &mut dyn Iterator<Item = &'u Capability>| {
        list.map(|capability| Cow::Owned(Dependency::Simple(capability.clone()))).collect()
    };
    match key {
        Key::Name => Vec::new(),
        Key::Provides => simple(&mut universe.provides(id)),
        Key::Obsoletes => simple(&mut universe.obsoletes(id)),
        Key::Requires => of(&mut universe.requires(id)),
        Key::Conflicts => of(&mut universe.conflicts(id)),
        Key::Recommends => of(&mut universe.recommends(id)),
        Key::Suggests => of(&mut universe.suggests(id)),
        Key::Supplements => of(&mut universe.supplements(id)),
        Key::Enhances => of(&mut universe.enhances(id)),
    }
}

/// Whether any part of one is any part of the other.
fn meet(a: &Dependency, b: &Dependency) -> bool {
    parts(a).iter().any(|a| parts(b).iter().any(|b| a.overlaps(b)))
}

/// The capabilities that speak for a dependency: not its conditions, nor what it leaves out.
fn parts(dependency: &Dependency) -> Vec<&Capability> {
    let rich = match dependency {
        Dependency::Simple(capability) => return vec![capability],
        Dependency::Rich(rich) => rich,
    };
    match rich {
        RichDependency::And(list) | RichDependency::Or(list) | RichDependency::With(list) => {
            list.iter().flat_map(parts).collect()
        }
        RichDependency::Without(kept, _) => parts(kept),
        RichDependency::If { then, otherwise, .. } | RichDependency::Unless { then, otherwise, .. } => {
            let mut all = parts(then);
            all.extend(otherwise.iter().flat_map(|otherwise| parts(otherwise)));
            all
        }
    }
}
