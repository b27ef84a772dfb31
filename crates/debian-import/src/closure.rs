//! Package names and a package index in; all packages they need, out. Pure.
//!
//! The result depends on the set of seeds, not on their order: relations with one real candidate are followed first, until
//! nothing is left; then the first open choice (by package name, field and place in the field) is decided, and so on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::apt::{BinaryPackage, PackageIndex};
use crate::overrides::Overrides;
use crate::relation::{Alternatives, Relation};

/// Packages chosen, with the reason of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    chosen: BTreeMap<String, Reason>,
}

/// Why a package is in a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Seed,
    /// It is `Essential: yes`: Debian packages use it without saying so.
    Essential,
    /// The package named needs it.
    NeededBy(String),
}

/// Something that stands in the way of a closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosureProblem {
    /// A seed does not exist.
    UnknownSeed {
        /// The name asked for.
        name: String,
        /// Names that look like it, the nearest first.
        nearest: Vec<String>,
    },
    /// No package of the suite satisfies a relation.
    Unsatisfiable {
        /// The relation.
        relation: String,
        /// From the package that has the relation back to a seed.
        chain: Vec<String>,
    },
}

/// Every problem met, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosureProblems(pub Vec<ClosureProblem>);

impl std::error::Error for ClosureProblems {}

impl fmt::Display for ClosureProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the packages asked for cannot be completed:")?;
        self.0.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl fmt::Display for ClosureProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSeed { name, nearest } if nearest.is_empty() => {
                write!(formatter, "no package {name} exists")
            }
            Self::UnknownSeed { name, nearest } => {
                write!(formatter, "no package {name} exists; did you mean {}?", nearest.join(", "))
            }
            Self::Unsatisfiable { relation, chain } => {
                write!(formatter, "nothing satisfies {relation}, needed by {}", chain.join(", needed by "))
            }
        }
    }
}

impl Closure {
    /// Names of the packages, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.chosen.keys().map(String::as_str)
    }

    /// Why `name` is in the closure.
    pub fn reason(&self, name: &str) -> Option<&Reason> {
        self.chosen.get(name)
    }

    /// Number of packages.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }
}

/// All packages that the seeds and the suite's essential packages need by `Pre-Depends` and `Depends`,
/// and by `Recommends` if asked for (unsatisfiable recommendations are passed over); with the requirements that
/// overrides add, and without those that they drop.
pub fn closure(
    index: &PackageIndex,
    seeds: &BTreeSet<String>,
    overrides: &Overrides,
    recommends: bool,
) -> Result<Closure, ClosureProblems> {
    let mut walk = Walk::new(index, overrides, recommends);
    for name in seeds {
        if index.is_real(name) {
            walk.choose(name, Reason::Seed);
        } else {
            let nearest = nearest(index, name);
            walk.problems.push(ClosureProblem::UnknownSeed { name: name.clone(), nearest });
        }
    }
    for package in index.packages().filter(|package| package.essential) {
        walk.choose(&package.name, Reason::Essential);
    }
    walk.run();
    if walk.problems.is_empty() {
        Ok(Closure { chosen: walk.chosen })
    } else {
        Err(ClosureProblems(walk.problems))
    }
}

/// Field order of open choices: strong relations before recommendations of the same package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    PreDepends,
    Depends,
    Recommends,
}

struct Walk<'index> {
    index: &'index PackageIndex,
    overrides: &'index Overrides,
    recommends: bool,
    chosen: BTreeMap<String, Reason>,
    unread: Vec<String>,
    open: BTreeMap<(String, Field, usize), &'index Alternatives>,
    problems: Vec<ClosureProblem>,
}

impl<'index> Walk<'index> {
    fn new(index: &'index PackageIndex, overrides: &'index Overrides, recommends: bool) -> Self {
        Self {
            index,
            overrides,
            recommends,
            chosen: BTreeMap::new(),
            unread: Vec::new(),
            open: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn choose(&mut self, name: &str, reason: Reason) {
        if !self.chosen.contains_key(name) {
            self.chosen.insert(name.to_owned(), reason);
            self.unread.push(name.to_owned());
        }
    }

    fn run(&mut self) {
        loop {
            while let Some(name) = self.unread.pop() {
                self.read(&name);
            }
            let Some(((name, field, _), alternatives)) = self.open.pop_first() else { return };
            self.decide(&name, field, alternatives);
        }
    }

    fn read(&mut self, name: &str) {
        let Some(package) = self.index.package(name) else { return };
        let overrides = self.overrides;
        for addition in overrides.added_requirements(name).filter(|addition| self.index.is_real(addition)) {
            self.choose(addition, Reason::NeededBy(name.to_owned()));
        }
        let fields = [
            (Field::PreDepends, &package.pre_depends),
            (Field::Depends, &package.depends),
            (Field::Recommends, &package.recommends),
        ];
        for (field, groups) in fields {
            if field == Field::Recommends && !self.recommends {
                continue;
            }
            let dropped = overrides.dropped_requirements(name);
            let kept = |group: &&Alternatives| {
                field == Field::Recommends || !group.iter().any(|one| dropped.contains(&one.name))
            };
            for (place, alternatives) in groups.iter().filter(kept).enumerate() {
                match alternatives.as_slice() {
                    [relation] if field != Field::Recommends && self.real(relation).is_some() => {
                        self.choose(&relation.name, Reason::NeededBy(name.to_owned()));
                    }
                    _ => {
                        self.open.insert((name.to_owned(), field, place), alternatives);
                    }
                }
            }
        }
    }

    fn decide(&mut self, name: &str, field: Field, alternatives: &Alternatives) {
        let chosen = |relation: &Relation| {
            self.candidates(relation).into_iter().any(|candidate| self.chosen.contains_key(candidate))
        };
        if alternatives.iter().any(chosen) {
            return;
        }
        let real =
            alternatives.iter().find_map(|relation| self.real(relation)).map(|package| package.name.as_str());
        let provider =
            || alternatives.iter().find_map(|relation| self.candidates(relation).into_iter().next());
        let choice = real.or_else(provider).map(ToOwned::to_owned);
        match choice {
            Some(choice) => self.choose(&choice, Reason::NeededBy(name.to_owned())),
            None if field == Field::Recommends => {}
            None => {
                let relation = alternatives.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
                let chain = self.chain(name);
                self.problems.push(ClosureProblem::Unsatisfiable { relation, chain });
            }
        }
    }

    /// The package of the relation's own name, if its version fits.
    fn real(&self, relation: &Relation) -> Option<&'index BinaryPackage> {
        self.index.package(&relation.name).filter(|package| match &relation.constraint {
            None => true,
            Some((operator, bound)) => operator.accepts(&package.version, bound),
        })
    }

    /// Every package that satisfies the relation: the real one, then providers sorted by name.
    fn candidates(&self, relation: &Relation) -> Vec<&'index str> {
        let providers = self.index.providers(&relation.name).iter().filter(|(_, version)| {
            match (&relation.constraint, version) {
                (None, _) => true,
                // Policy 7.5: a versioned relation is satisfied by a versioned provide alone.
                (Some(_), None) => false,
                (Some((operator, bound)), Some(version)) => operator.accepts(version, bound),
            }
        });
        self.real(relation)
            .map(|package| package.name.as_str())
            .into_iter()
            .chain(providers.map(|(name, _)| name.as_str()))
            .collect()
    }

    fn chain(&self, name: &str) -> Vec<String> {
        let mut chain = vec![name.to_owned()];
        let mut current = name;
        while let Some(Reason::NeededBy(next)) = self.chosen.get(current) {
            chain.push(next.clone());
            current = next;
        }
        chain
    }
}

/// At most three names that are near in spelling, or that the name begins or is the beginning of.
fn nearest(index: &PackageIndex, name: &str) -> Vec<String> {
    let mut scored = index
        .packages()
        // The lengths alone rule out most of the suite's names.
        .filter(|package| package.name.len().abs_diff(name.len()) <= 6)
        .filter_map(|package| {
            let distance = strsim::osa_distance(name, &package.name);
            let related =
                package.name.starts_with(name) || name.starts_with(&package.name) && package.name.len() > 3;
            (distance <= 2 || related && distance <= 6).then_some((distance, package.name.clone()))
        })
        .collect::<Vec<_>>();
    scored.sort();
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a package: `name version [! for essential] field=value; …`.
    fn index(lines: &[&str]) -> PackageIndex {
        let sha256 = "ab".repeat(32);
        let stanza = |line: &&str| {
            let mut parts = line.split(';');
            let mut words = parts.next().unwrap().split_whitespace();
            let (name, version) = (words.next().unwrap(), words.next().unwrap());
            let essential = if words.next().is_some() { "Essential: yes\n" } else { "" };
            let fields = parts.map(|part| part.trim().replacen('=', ": ", 1) + "\n").collect::<String>();
            format!(
                "Package: {name}\nVersion: {version}\nArchitecture: all\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {sha256}\n{essential}{fields}\n"
            )
        };
        PackageIndex::parse(&lines.iter().map(stanza).collect::<String>()).unwrap()
    }

    fn names(lines: &[&str], seeds: &[&str], recommends: bool) -> String {
        let seeds = seeds.iter().map(ToString::to_string).collect();
        closure(&index(lines), &seeds, &Overrides::default(), recommends)
            .unwrap()
            .names()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn essential_packages_and_chains_are_in() {
        let lines =
            ["base 1 !; Pre-Depends=libc", "libc 1", "a 1; Depends=b (>= 1)", "b 2; Depends=c", "c 1", "z 1"];
        assert_eq!(names(&lines, &["a"], false), "a b base c libc");
    }

    #[test]
    fn an_alternative_that_is_in_anyway_wins() {
        let lines = ["a 1; Depends=x | y", "b 1; Depends=y", "x 1", "y 1"];
        assert_eq!(names(&lines, &["a"], false), "a x");
        assert_eq!(names(&lines, &["a", "b"], false), "a b y");
    }

    #[test]
    fn then_the_first_real_one_then_the_first_provider() {
        let lines = ["a 1; Depends=virtual | x", "x 1", "p 1; Provides=virtual", "o 1; Provides=virtual"];
        assert_eq!(names(&lines, &["a"], false), "a x");
        let lines = ["a 1; Depends=virtual", "p 1; Provides=virtual", "o 1; Provides=virtual"];
        assert_eq!(names(&lines, &["a"], false), "a o");
        assert_eq!(names(&lines, &["a", "p"], false), "a p");
    }

    #[test]
    fn requirements_of_overrides_count() {
        let lines = [
            "base 1 !; Depends=awk",
            "gawk 1; Provides=awk",
            "mawk 1; Provides=awk",
            "image-1.2 1; Depends=tool | other",
            "tool 1",
        ];
        let mut overrides = Overrides::default();
        overrides.add("base", "reason = 'r'\nrequires = ['mawk', 'user(x)']").unwrap();
        overrides
            .add("image", "reason = 'r'\npackages = 'image-[0-9].*'\nwithout-requires = ['other']")
            .unwrap();
        let seeds = BTreeSet::from(["image-1.2".to_owned()]);
        let closure = closure(&index(&lines), &seeds, &overrides, false).unwrap();
        assert_eq!(closure.names().collect::<Vec<_>>(), ["base", "image-1.2", "mawk"]);
        assert_eq!(closure.reason("mawk"), Some(&Reason::NeededBy("base".to_owned())));
    }

    #[test]
    fn versions_are_checked() {
        let lines = ["a 1; Depends=x (>= 2) | y", "x 1", "y 1"];
        assert_eq!(names(&lines, &["a"], false), "a y");
        let lines = ["a 1; Depends=v (= 3)", "o 1; Provides=v", "p 1; Provides=v (= 3)"];
        assert_eq!(names(&lines, &["a"], false), "a p");
    }

    #[test]
    fn recommendations_are_optional() {
        let lines = ["a 1; Recommends=b, absent", "b 1"];
        assert_eq!(names(&lines, &["a"], false), "a");
        assert_eq!(names(&lines, &["a"], true), "a b");
    }

    #[test]
    fn every_problem_is_told() {
        let index = index(&["a 1; Depends=b", "b 1; Depends=gone (>= 2) | lost", "systemd 1"]);
        let seeds = ["a", "sytemd", "quite-unknown"].iter().map(ToString::to_string).collect();
        let problems = closure(&index, &seeds, &Overrides::default(), false).unwrap_err().to_string();
        assert_eq!(
            problems,
            "the packages asked for cannot be completed:\n  no package quite-unknown exists\n  \
             no package sytemd exists; did you mean systemd?\n  \
             nothing satisfies gone (>= 2) | lost, needed by b, needed by a"
        );
    }
}
