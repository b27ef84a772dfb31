//! Decisions, in; the packages to install and what each is there for, out.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use rpm_model::{Dependency, Nevra, PackageRecord};
use serde::Serialize;

use crate::ground::{Ground, table};
use crate::installed::changes::{self, Change, Kind};
use crate::jobs::Action;
use crate::jobs::demands::{Demands, Entry};
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::normal_form::{self, Clauses};
use crate::search::{Search, installed};

/// The packages to install, and what becomes of those that are installed.
#[derive(Clone, Debug)]
pub struct Solution<'u> {
    packages: Vec<Chosen<'u>>,
    /// By package: all that pull it in.
    pulls: Vec<Vec<Pull<'u>>>,
    changes: Vec<Change<'u>>,
}

/// One package to install.
#[derive(Clone, Debug)]
pub struct Chosen<'u> {
    /// The package.
    pub record: &'u PackageRecord,
    /// The repository it comes from.
    pub repository: &'u str,
    /// What kind of reason it has.
    pub reason: Reason,
    /// Which entries of the request it meets.
    pub requested_as: Vec<String>,
    /// The first link of the shortest chain to what was requested; none for what was.
    first_pull: Option<usize>,
}

/// Why a package is there, as dnf records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It was requested.
    User,
    /// Another package needs it.
    Dependency,
    /// Another package recommends it, or it supplements another.
    Weak,
}

/// How one package leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// It requires it.
    Requires,
    /// It recommends it.
    Recommends,
    /// It is supplemented by it.
    Supplemented,
    /// A boolean conflict of it would hold without it.
    Conflicts,
}

#[derive(Clone, Copy, Debug)]
struct Pull<'u> {
    by: usize,
    relation: Relation,
    dependency: &'u Dependency,
}

/// What a package is there for: a tree whose leaves were requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The package.
    pub package: String,
    /// The entries of the request that it meets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requested_as: Vec<String>,
    /// What pulls it in: everything at the root of the tree, below it the shortest chain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pulled_in_by: Vec<WhyLink>,
}

/// One step of a [`Why`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyLink {
    /// How.
    pub relation: Relation,
    /// The dependency as the package states it.
    pub dependency: String,
    /// The package that states it (or, for a supplement, the package that is supplemented).
    pub by: Why,
}

impl<'u> Solution<'u> {
    pub(crate) fn new(search: &Search<'_, 'u, '_>, demands: &Demands) -> Self {
        let ground = search.ground;
        let universe = ground.universe;
        let mut places: Vec<(usize, Id)> =
            installed(&search.queue).filter(|(_, id)| !ground.is_installed(*id)).collect();
        places.sort_by_key(|(_, id)| (universe.nevra(*id), *id));
        let mut packages: Vec<Chosen<'u>> = Vec::new();
        for (place, id) in &places {
            let requested_as = requested_as(demands, *id);
            let reason = match (requested_as.is_empty(), search.chosen_for_weak(*place)) {
                (false, _) => Reason::User,
                (true, true) => Reason::Weak,
                (true, false) => Reason::Dependency,
            };
            let repository = universe.repository_id(*id);
            let record = universe.record(*id);
            packages.push(Chosen { record, repository, reason, requested_as, first_pull: None });
        }
        let ids: Vec<Id> = places.into_iter().map(|(_, id)| id).collect();
        let pulls = pulls(ground, &ids);
        find_first_pulls(&mut packages, &pulls);
        let changes = changes_of(search, &ids);
        Solution { packages, pulls, changes }
    }

    /// The packages that come from repositories, sorted by NEVRA.
    pub fn packages(&self) -> &[Chosen<'u>] {
        &self.packages
    }

    /// What becomes of them and of what is installed: first what comes, in the order of the packages, then what goes.
    pub fn changes(&self) -> &[Change<'u>] {
        &self.changes
    }

    /// Why packages of that name (or NEVRA) are there; empty when none is.
    pub fn why(&self, name: &str) -> Vec<Why> {
        let meant = |nevra: &Nevra| nevra.name == name || nevra.to_string() == name;
        let places = (0..self.packages.len()).filter(|place| meant(&self.packages[*place].record.nevra));
        places.map(|place| self.why_of(place)).collect()
    }

    fn why_of(&self, place: usize) -> Why {
        let mut why = self.bare(place);
        why.pulled_in_by = self.pulls[place].iter().map(|pull| self.link(pull)).collect();
        // A package may state the same need twice: for its scriptlets and for itself.
        let mut told: Vec<WhyLink> = Vec::new();
        why.pulled_in_by.retain(|link| {
            let new = !told.contains(link);
            told.push(link.clone());
            new
        });
        why
    }

    fn link(&self, pull: &Pull<'_>) -> WhyLink {
        WhyLink { relation: pull.relation, dependency: pull.dependency.to_string(), by: self.chain(pull.by) }
    }

    /// The shortest chain to something requested; the first pulls make a forest, so it ends.
    fn chain(&self, place: usize) -> Why {
        let mut why = self.bare(place);
        if let Some(first) = self.packages[place].first_pull {
            why.pulled_in_by.push(self.link(&self.pulls[place][first]));
        }
        why
    }

    fn bare(&self, place: usize) -> Why {
        let package = &self.packages[place];
        Why {
            package: package.record.nevra.to_string(),
            requested_as: package.requested_as.clone(),
            pulled_in_by: Vec::new(),
        }
    }
}

impl Chosen<'_> {
    /// Its name, version and architecture.
    pub fn nevra(&self) -> &Nevra {
        &self.record.nevra
    }
}

impl Serialize for Solution<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Package<'a> {
            package: String,
            repository: &'a str,
            reason: Reason,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            requested_as: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            pulled_in_by: Option<Link>,
        }
        #[derive(Serialize)]
        struct Link {
            relation: Relation,
            dependency: String,
            by: String,
        }
        serializer.collect_seq(self.packages.iter().enumerate().map(|(place, package)| Package {
            package: package.nevra().to_string(),
            repository: package.repository,
            reason: package.reason,
            requested_as: &package.requested_as,
            pulled_in_by: package.first_pull.map(|first| {
                let pull = &self.pulls[place][first];
                Link {
                    relation: pull.relation,
                    dependency: pull.dependency.to_string(),
                    by: self.packages[pull.by].nevra().to_string(),
                }
            }),
        }))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_why(f, self, "")
    }
}

fn write_why(f: &mut fmt::Formatter<'_>, why: &Why, indent: &str) -> fmt::Result {
    f.write_str(&why.package)?;
    for (place, text) in why.requested_as.iter().enumerate() {
        write!(f, "{} `{text}`", if place == 0 { ": requested as" } else { "," })?;
    }
    for (place, link) in why.pulled_in_by.iter().enumerate() {
        let last = place + 1 == why.pulled_in_by.len();
        let (corner, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let dependency = &link.dependency;
        match link.relation {
            Relation::Requires => write!(f, "\n{indent}{corner}required as `{dependency}` by ")?,
            Relation::Recommends => write!(f, "\n{indent}{corner}recommended as `{dependency}` by ")?,
            Relation::Supplemented => write!(f, "\n{indent}{corner}supplements `{dependency}`: ")?,
            Relation::Conflicts => {
                write!(f, "\n{indent}{corner}keeps `{dependency}` from holding, a conflict of ")?
            }
        }
        write_why(f, &link.by, &format!("{indent}{below}"))?;
    }
    Ok(())
}

fn requested_as(demands: &Demands, id: Id) -> Vec<String> {
    let installs = demands.jobs.iter().filter(|job| job.action == Action::Install);
    let mut entries: Vec<usize> =
        installs.filter(|job| job.candidates().any(|other| other == id)).map(|job| job.want).collect();
    entries.dedup();
    let texts = entries.into_iter().filter_map(|entry| match &demands.entries[entry] {
        Entry::Install(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn changes_of<'u>(search: &Search<'_, 'u, '_>, ids: &[Id]) -> Vec<Change<'u>> {
    let ground = search.ground;
    let record = |id: Id| ground.universe.record(id);
    let mut of_new: BTreeMap<Id, Vec<(Kind, Id)>> = BTreeMap::new();
    let mut erased = Vec::new();
    for departure in changes::departures(search) {
        match departure.by.first() {
            Some(new) => {
                let kind = changes::kind(ground, departure.old, *new);
                of_new.entry(*new).or_default().push((kind, departure.old));
            }
            None => erased.push(departure.old),
        }
    }
    let mut list = Vec::new();
    for (new, id) in ids.iter().enumerate() {
        let replaced = of_new.remove(id).unwrap_or_default();
        let obsoleted: Vec<Id> =
            replaced.iter().filter(|(kind, _)| *kind == Kind::Obsolete).map(|(_, old)| *old).collect();
        for (kind, old) in replaced.iter().filter(|(kind, _)| *kind != Kind::Obsolete) {
            let old = record(*old);
            list.push(match kind {
                Kind::Upgrade => Change::Upgrade { old, new },
                Kind::Downgrade => Change::Downgrade { old, new },
                _ => Change::Reinstall { old, new },
            });
        }
        if !obsoleted.is_empty() {
            list.push(Change::Replace { old: obsoleted.into_iter().map(record).collect(), new });
        } else if replaced.is_empty() {
            list.push(Change::Install { new });
        }
    }
    erased.sort_by_key(|id| ground.nevra(*id));
    list.extend(
        erased.into_iter().map(|id| Change::Erase { old: record(id), because: changes::erasure(search, id) }),
    );
    list
}

fn pulls<'u>(ground: &Ground<'u, '_>, ids: &[Id]) -> Vec<Vec<Pull<'u>>> {
    let universe = ground.universe;
    let chosen = table(universe, ids.iter().copied());
    let places: BTreeMap<Id, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let mut pulls: Vec<Vec<Pull<'u>>> = vec![Vec::new(); ids.len()];
    for (by, id) in ids.iter().enumerate() {
        let requires = universe.requires(*id).map(|dependency| (Relation::Requires, dependency));
        let recommends = universe.recommends(*id).map(|dependency| (Relation::Recommends, dependency));
        for (relation, dependency) in requires.chain(recommends) {
            for other in satisfying(clauses(ground, dependency), &chosen, *id) {
                pulls[places[&other]].push(Pull { by, relation, dependency });
            }
        }
        for dependency in universe.conflicts(*id).filter(|dependency| normal_form::is_complex(dependency)) {
            for other in satisfying(normal_form::conflict(&ground.providers, dependency), &chosen, *id) {
                pulls[places[&other]].push(Pull { by, relation: Relation::Conflicts, dependency });
            }
        }
        for dependency in universe.supplements(*id) {
            for other in satisfying(clauses(ground, dependency), &chosen, *id) {
                pulls[by].push(Pull { by: places[&other], relation: Relation::Supplemented, dependency });
            }
        }
    }
    for list in &mut pulls {
        list.sort_by_key(|pull| (pull.relation, pull.by));
    }
    pulls
}

fn clauses<'u>(ground: &Ground<'u, '_>, dependency: &'u Dependency) -> Clauses {
    if normal_form::is_complex(dependency) {
        normal_form::requirement(&ground.providers, dependency)
    } else {
        Clauses::Blocks(vec![ground.providers.of_dependency(dependency).to_vec()])
    }
}

/// Chosen packages that satisfy a clause which its owner does not satisfy itself.
fn satisfying(clauses: Clauses, chosen: &[bool], owner: Id) -> Vec<Id> {
    let blocks = match clauses {
        Clauses::Blocks(blocks) => blocks,
        Clauses::Always | Clauses::Never | Clauses::TooLarge => Vec::new(),
    };
    let due = |block: &Vec<Id>| {
        !block.contains(&owner) && block.iter().all(|literal| *literal > 0 || chosen[to_index(-literal)])
    };
    let met = blocks.into_iter().filter(due).flatten();
    let mut met: Vec<Id> = met.filter(|id| *id > SYSTEM && chosen[to_index(*id)]).collect();
    met.sort_unstable();
    met.dedup();
    met
}

/// Breadth first from what was requested: hard requirements of near packages come before those of far ones.
fn find_first_pulls(packages: &mut [Chosen<'_>], pulls: &[Vec<Pull<'_>>]) {
    let mut pulled: Vec<Vec<(usize, usize)>> = vec![Vec::new(); packages.len()];
    for (place, list) in pulls.iter().enumerate() {
        for (number, pull) in list.iter().enumerate() {
            pulled[pull.by].push((place, number));
        }
    }
    let is_root = |place: &usize| packages[*place].reason == Reason::User;
    let mut queue: VecDeque<usize> = (0..packages.len()).filter(is_root).collect();
    let mut reached = vec![false; packages.len()];
    for place in &queue {
        reached[*place] = true;
    }
    while let Some(by) = queue.pop_front() {
        for (place, number) in &pulled[by] {
            if !std::mem::replace(&mut reached[*place], true) {
                packages[*place].first_pull = Some(*number);
                queue.push_back(*place);
            }
        }
    }
}
