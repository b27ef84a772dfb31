//! A universe and a request, in; the packages to install or why there are none, out.

use std::collections::BTreeSet;

use rpm_model::{Capability, Dependency, Nevra};

use crate::conflict::{self, Conflict, Problem};
use crate::generate::{self, Ground, table};
use crate::matching;
use crate::normal_form::{self, Clauses};
use crate::policy::{Mode, View};
use crate::providers::Providers;
use crate::request::{Request, Want};
use crate::resolve;
use crate::rules::{Origin, Rules};
use crate::search::{Refuted, Search};
use crate::solution::Solution;
use crate::universe::{Id, SYSTEM, Universe, to_index};
use crate::wishes::Wishes;

/// One entry of the request as clauses; a glob asks for one clause a name.
#[derive(Debug)]
pub(crate) struct Job {
    /// Which entry of the request.
    pub(crate) want: usize,
    pub(crate) clauses: Vec<Vec<Id>>,
}

/// Finds the packages to install into an empty root.
///
/// Same universe and request, same answer; where several are equally good, the order of repositories and of the
/// packages in them decides. Fails with every problem found, each reduced to what is needed to see it.
pub fn solve<'r>(universe: &Universe<'r>, request: &Request) -> Result<Solution<'r>, Conflict> {
    let capabilities: Vec<Capability> = request.install_only.iter().map(Capability::any).collect();
    let ground = Ground {
        universe,
        providers: Providers::new(universe),
        excluded: excluded(universe, request),
        install_only: table(universe, capabilities.iter().flat_map(|name| universe.providers(name))),
    };
    let mut jobs = Vec::new();
    let mut problems = Vec::new();
    for (number, want) in request.install.iter().enumerate() {
        match job(&ground, number, want) {
            Some(job) => jobs.push(job),
            None => problems.push(conflict::not_found(&ground, want, request)),
        }
    }
    if !problems.is_empty() {
        return Err(Conflict { problems });
    }
    match attempt(&ground, &jobs, request) {
        Ok(search) => Ok(Solution::new(&search, &jobs, request)),
        Err((rules, refuted)) => Err(all_problems(&ground, jobs, request, rules, refuted)),
    }
}

/// Every problem by itself: the wants of one are dropped before the next is looked for.
fn all_problems<'u>(
    ground: &Ground<'u, '_>,
    mut jobs: Vec<Job>,
    request: &Request,
    mut rules: Rules<'u>,
    mut refuted: Refuted,
) -> Conflict {
    let mut problems: Vec<(BTreeSet<usize>, Problem)> = Vec::new();
    loop {
        let (problem, wants) = conflict::explain(ground, &rules, refuted, request);
        jobs.retain(|job| !wants.contains(&job.want));
        problems.push((wants, problem));
        match attempt(ground, &jobs, request) {
            Ok(_) => {
                // In the order of the request; no two problems share a want.
                problems.sort_by(|(a, _), (b, _)| a.cmp(b));
                return Conflict { problems: problems.into_iter().map(|(_, problem)| problem).collect() };
            }
            Err((next_rules, next)) => (rules, refuted) = (next_rules, next),
        }
    }
}

fn attempt<'g, 'u, 'r>(
    ground: &'g Ground<'u, 'r>,
    jobs: &[Job],
    request: &Request,
) -> Result<Search<'g, 'u, 'r>, (Rules<'u>, Refuted)> {
    let start: Vec<Id> =
        jobs.iter().flat_map(|job| &job.clauses).flatten().copied().filter(|id| *id > SYSTEM).collect();
    let (mut rules, considered) = generate::package_rules(ground, &start);
    for job in jobs {
        for clause in &job.clauses {
            rules.push(clause, Origin::Job(job.want));
        }
    }
    let requested = table(ground.universe, start);
    generate::architecture_rules(ground, &considered, &requested, &mut rules);
    let favor = favor(ground.universe, &request.favor);
    if request.best {
        best_rules(ground, jobs, favor.as_deref(), &mut rules);
    }
    let mut search = Search::new(ground, rules, favor);
    match resolve::run(&mut search, request.weak) {
        Ok(()) => Ok(search),
        Err(refuted) => Err((search.rules, refuted)),
    }
}

fn job(ground: &Ground<'_, '_>, want_number: usize, want: &Want) -> Option<Job> {
    let clauses = match want {
        Want::Spec(text) => matching::candidates(ground, text),
        Want::Package(nevra) => {
            Some(matching::exactly(ground, nevra)).filter(|ids| !ids.is_empty()).into_iter().collect()
        }
        Want::Rich(rich) => {
            // The request lives shorter than the universe: a table of providers of its own.
            let dependency = Dependency::Rich(rich.clone());
            match normal_form::requirement_once(ground.universe, &dependency) {
                Clauses::Blocks(blocks) => blocks,
                Clauses::Always => return Some(Job { want: want_number, clauses: Vec::new() }),
                Clauses::Never | Clauses::TooLarge => Vec::new(),
            }
        }
    };
    (!clauses.is_empty()).then_some(Job { want: want_number, clauses })
}

/// The best of each clause of the request, where that is fewer than all.
fn best_rules(ground: &Ground<'_, '_>, jobs: &[Job], favor: Option<&[i32]>, rules: &mut Rules<'_>) {
    let undecided = vec![0; ground.universe.table_size()];
    let wishes = Wishes::new(undecided.len());
    let view = View { ground, decision: &undecided, wishes: &wishes, favor };
    for job in jobs {
        for clause in &job.clauses {
            let mut positive: Vec<Id> =
                clause.iter().copied().filter(|id| *id > 0 && !ground.excluded[to_index(*id)]).collect();
            let all = positive.len();
            view.filter(&mut positive, Mode::Recommend);
            if positive.len() < all {
                let negative = clause.iter().copied().filter(|id| *id < 0);
                let literals: Vec<Id> = negative.chain(positive).collect();
                rules.push(&literals, Origin::Best(job.want));
            }
        }
    }
}

fn excluded(universe: &Universe<'_>, request: &Request) -> Vec<bool> {
    let by_request = request.exclude.iter().flat_map(|text| matching::excluded(universe, text));
    let mut excluded = table(universe, by_request);
    for lock in &request.lock {
        for id in universe.named(&lock.name) {
            if !is_locked(&request.lock, &universe.record(*id).nevra) {
                excluded[to_index(*id)] = true;
            }
        }
    }
    excluded
}

pub(crate) fn is_locked(locks: &[Nevra], nevra: &Nevra) -> bool {
    locks.iter().any(|lock| lock == nevra)
}

fn favor(universe: &Universe<'_>, favored: &[Nevra]) -> Option<Vec<i32>> {
    if favored.is_empty() {
        return None;
    }
    let mut favor = vec![0; universe.table_size()];
    for nevra in favored {
        for id in universe.named(&nevra.name) {
            if universe.record(*id).nevra == *nevra {
                favor[to_index(*id)] = 1;
            }
        }
    }
    Some(favor)
}
