//! A request, in; the jobs that dnf would make of it, out.

use std::collections::BTreeSet;

use rpm_model::Dependency;

use crate::answer::conflict::{self, Problem};
use crate::ground::Ground;
use crate::jobs::request::{Request, Upgrade, Want};
use crate::jobs::settings::{Setting, Settings};
use crate::jobs::{Action, Flags, Job, Select};
use crate::packages::matching;
use crate::packages::providers::Providers;
use crate::packages::universe::{Id, SYSTEM};
use crate::rules::normal_form::{self, Clauses};

/// An entry of a request, as jobs name it by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Install(String),
    Upgrade(String),
    Erase(String),
    Protect(String),
    /// What the request says about all packages.
    General,
}

/// The jobs of a request and the entries that they come from.
#[derive(Debug, Default)]
pub(crate) struct Demands {
    pub(crate) entries: Vec<Entry>,
    pub(crate) jobs: Vec<Job>,
}

/// The switches of a request.
pub(crate) fn settings(request: &Request) -> Settings {
    let uninstalls = Settings::of_dnf().with(Setting::IgnoreRecommended, !request.weak);
    uninstalls.with(Setting::AllowDowngrade, true).with(Setting::FocusNew, true)
}

/// The jobs of a request, or what in it nothing is called.
pub(crate) fn read(ground: &Ground<'_, '_>, request: &Request) -> Result<Demands, Vec<Problem>> {
    let mut demands = Demands::default();
    demands.general(ground, request);
    let mut problems = Vec::new();
    let mut missing = |ground: &Ground<'_, '_>, want: &Want| {
        problems.push(conflict::not_found(ground, want, request));
    };
    for want in &request.install {
        let entry = demands.entry(Entry::Install(want.to_string()));
        if !demands.install(ground, want, request.best, entry) {
            missing(ground, want);
        }
    }
    if let Upgrade::Listed(wants) = &request.upgrade {
        for want in wants {
            let entry = demands.entry(Entry::Upgrade(want.to_string()));
            if !demands.upgrade(ground, want, request.best, entry) {
                missing(ground, want);
            }
        }
    }
    for want in &request.erase {
        let entry = demands.entry(Entry::Erase(want.to_string()));
        let found = meant_installed(ground, want);
        let flags = if request.clean { Flags::CLEAN } else { Flags::default() };
        if found.is_empty() {
            missing(ground, want);
        }
        let jobs = found
            .into_iter()
            .map(|id| Job { select: Select::Package, ..Job::one_of(Action::Erase, flags, vec![id], entry) });
        demands.jobs.extend(jobs);
    }
    if problems.is_empty() { Ok(demands) } else { Err(problems) }
}

impl Demands {
    fn entry(&mut self, entry: Entry) -> usize {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// What holds for all packages: preferences, what users asked for, what may go and what may not.
    fn general(&mut self, ground: &Ground<'_, '_>, request: &Request) {
        let entry = self.entry(Entry::General);
        let mut push = |action: Action, flags: Flags, packages: Vec<Id>| {
            if !packages.is_empty() {
                self.jobs.push(Job::one_of(action, flags, packages, entry));
            }
        };
        let favored = request.favor.iter().flat_map(|nevra| {
            let named = ground.universe.named(&nevra.name).iter().copied();
            named.filter(move |id| ground.nevra(*id) == nevra)
        });
        push(Action::Favor, Flags::default(), favored.collect());
        let protected = |id: &Id| request.protect.iter().any(|name| name == ground.universe.name(*id));
        let installed = || ground.installed.clone();
        let asked_for =
            installed().filter(|id| protected(id) || request.user_installed.contains(ground.nevra(*id)));
        push(Action::UserInstalled, Flags::default(), asked_for.collect());
        if !request.erase.is_empty() {
            let may_go = installed().filter(|id| !protected(id));
            push(Action::AllowUninstall, Flags::default(), may_go.collect());
        }
        let best = if request.best { Flags::BEST } else { Flags::default() };
        match request.upgrade {
            Upgrade::All => push(Action::Update, best.and(Flags::TARGETED), all_upgrades(ground)),
            Upgrade::Synchronize => {
                push(Action::DistributionUpgrade, best.and(Flags::TARGETED), all_candidates(ground));
            }
            Upgrade::Nothing | Upgrade::Listed(_) => {}
        }
        for id in installed().filter(protected).collect::<Vec<Id>>() {
            let entry = self.entry(Entry::Protect(ground.nevra(id).to_string()));
            let namesakes = ground.universe.same_name(id).iter().copied();
            let kept = namesakes.filter(|other| ground.is_installed(*other) || ground.installable(*other));
            let flags = Flags::OR_UPDATE;
            self.jobs.push(Job::one_of(Action::Install, flags, kept.collect(), entry));
        }
    }

    /// `false` when nothing is meant.
    fn install(&mut self, ground: &Ground<'_, '_>, want: &Want, best: bool, entry: usize) -> bool {
        let best = if best { Flags::BEST } else { Flags::default() };
        let flags = best.and(Flags::SET_ARCHITECTURE).and(Flags::SET_EVR);
        if let Want::Rich(rich) = want {
            // The request lives shorter than the universe: a table of providers of its own.
            let dependency = Dependency::Rich(rich.clone());
            let clauses = normal_form::requirement_once(ground.universe, &dependency);
            let found = !matches!(clauses, Clauses::Never | Clauses::TooLarge);
            let mut packages = Providers::new(ground.universe).of_dependency(&dependency).to_vec();
            packages.retain(|id| *id > SYSTEM);
            let mut job = Job::one_of(Action::Install, flags, packages, entry);
            job.clauses = Some(clauses);
            self.jobs.push(job);
            return found;
        }
        let groups = meant(ground, want);
        let found = !groups.is_empty();
        let jobs = groups.into_iter().map(|group| Job::one_of(Action::Install, flags, group, entry));
        self.jobs.extend(jobs);
        found
    }

    /// `false` when no installed package is meant, nor one that replaces an installed one.
    fn upgrade(&mut self, ground: &Ground<'_, '_>, want: &Want, best: bool, entry: usize) -> bool {
        let all: Vec<Id> = meant(ground, want).into_iter().flatten().collect();
        let upgrades = upgrades_among(ground, &all);
        if upgrades.is_empty() {
            return !meant_installed(ground, want).is_empty();
        }
        let best = if best { Flags::BEST } else { Flags::default() };
        let flags = best.and(Flags::TARGETED).and(Flags::SET_ARCHITECTURE).and(Flags::SET_EVR);
        self.jobs.push(Job::one_of(Action::Update, flags, upgrades, entry));
        true
    }
}

fn meant(ground: &Ground<'_, '_>, want: &Want) -> Vec<Vec<Id>> {
    match want {
        Want::Spec(text) => matching::candidates(ground, text),
        Want::Package(nevra) => {
            Some(matching::exactly(ground, nevra)).filter(|ids| !ids.is_empty()).into_iter().collect()
        }
        Want::Rich(rich) => {
            let dependency = Dependency::Rich(rich.clone());
            match normal_form::requirement_once(ground.universe, &dependency) {
                Clauses::Blocks(blocks) => blocks
                    .into_iter()
                    .map(|block| block.into_iter().filter(|id| *id > SYSTEM).collect())
                    .collect(),
                Clauses::Always | Clauses::Never | Clauses::TooLarge => Vec::new(),
            }
        }
    }
}

fn meant_installed(ground: &Ground<'_, '_>, want: &Want) -> Vec<Id> {
    let all: BTreeSet<Id> = meant(ground, want).into_iter().flatten().collect();
    // What replaces an installed package is not what the name means here.
    let text = want.to_string();
    let mut found: Vec<Id> = all.into_iter().filter(|id| ground.is_installed(*id)).collect();
    if found.iter().any(|id| ground.universe.name(*id) == text) {
        found.retain(|id| ground.universe.name(*id) == text);
    }
    found
}

/// Of these, what is newer than what is installed or replaces it, and the newest installed ones of their names.
///
/// With the installed ones among the targets, a package is not exchanged for another build of the same version.
fn upgrades_among(ground: &Ground<'_, '_>, list: &[Id]) -> Vec<Id> {
    let replaces = |id: Id| {
        let mut older = ground.obsoleted_by(id).flat_map(|(_, list)| list);
        older.any(|other| ground.is_installed(other))
    };
    let mut found: BTreeSet<Id> = list
        .iter()
        .copied()
        .filter(|id| !ground.is_installed(*id) && !ground.is_excluded(*id))
        .filter(|id| ground.installed_namesakes(*id).next().is_some() || replaces(*id))
        .collect();
    let newest: Vec<Id> = found.iter().flat_map(|id| newest_installed(ground, *id)).collect();
    found.extend(newest);
    found.into_iter().collect()
}

fn newest_installed(ground: &Ground<'_, '_>, id: Id) -> Vec<Id> {
    let namesakes: Vec<Id> = ground.installed_namesakes(id).collect();
    let is_newest = |one: &Id| {
        !namesakes.iter().any(|other| {
            ground.same_architecture(*one, *other)
                && crate::installed::upgrades::compare(ground, *other, *one).is_gt()
        })
    };
    namesakes.iter().copied().filter(is_newest).collect()
}

fn all_upgrades(ground: &Ground<'_, '_>) -> Vec<Id> {
    upgrades_among(ground, &all_candidates(ground))
}

/// Every package of an installed name, and every one that replaces an installed one, with its namesakes.
fn all_candidates(ground: &Ground<'_, '_>) -> Vec<Id> {
    let mut found: BTreeSet<Id> = BTreeSet::new();
    for id in ground.installed.clone() {
        found.extend(ground.universe.same_name(id));
        for other in ground.obsoleters(id) {
            found.extend(ground.universe.same_name(*other));
        }
    }
    found.into_iter().filter(|id| ground.is_installed(*id) || ground.installable(*id)).collect()
}
