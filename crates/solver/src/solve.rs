//! A universe and a request, in; the packages to install or why there are none, out.

use std::collections::BTreeSet;

use rpm_model::{Capability, Nevra};

use crate::answer::conflict::{self, Conflict, Problem};
use crate::answer::solution::Solution;
use crate::ground::{Ground, table};
use crate::jobs::Job;
use crate::jobs::demands::{self, Demands};
use crate::jobs::orders::Orders;
use crate::jobs::request::Request;
use crate::packages::matching;
use crate::packages::universe::{Universe, to_index};
use crate::rules::book::Book;
use crate::search::resolve;
use crate::search::{Refuted, Search};

/// Finds the packages to install, and those to upgrade and to erase where something is installed.
///
/// Same universe and request, same answer; where several are equally good, the order of repositories and of the
/// packages in them decides. Fails with every problem found, each reduced to what is needed to see it.
pub fn solve<'u>(universe: &'u Universe<'_>, request: &Request) -> Result<Solution<'u>, Conflict> {
    let capabilities: Vec<Capability> = request.install_only.iter().map(Capability::any).collect();
    let side_by_side = table(universe, capabilities.iter().flat_map(|name| universe.providers(name)));
    let ground = Ground::new(universe, demands::settings(request), excluded(universe, request), side_by_side);
    let demands = demands::read(&ground, request).map_err(|problems| Conflict { problems })?;
    match attempt(&ground, demands.jobs.clone()) {
        Ok(search) => Ok(Solution::new(&search, &demands)),
        Err(failed) => Err(all_problems(&ground, demands, request, *failed)),
    }
}

/// A search that ended with a refutation.
type Failed<'g, 'u, 'r> = Box<(Search<'g, 'u, 'r>, Refuted)>;

/// Every problem by itself: the entries of one are dropped before the next is looked for.
fn all_problems<'g, 'u, 'r>(
    ground: &'g Ground<'u, 'r>,
    mut demands: Demands,
    request: &Request,
    failed: (Search<'g, 'u, 'r>, Refuted),
) -> Conflict {
    let mut problems: Vec<(BTreeSet<usize>, Problem)> = Vec::new();
    let (mut search, mut refuted) = failed;
    loop {
        let (problem, entries) = conflict::explain(&search, refuted, &demands, request);
        let stuck = entries.is_empty();
        demands.jobs.retain(|job| !entries.contains(&job.want));
        problems.push((entries, problem));
        let next = if stuck { None } else { attempt(ground, demands.jobs.clone()).err() };
        match next {
            Some(failed) => (search, refuted) = *failed,
            None => {
                // In the order of the request; no two problems share an entry.
                problems.sort_by(|(a, _), (b, _)| a.cmp(b));
                return Conflict { problems: problems.into_iter().map(|(_, problem)| problem).collect() };
            }
        }
    }
}

fn attempt<'g, 'u, 'r>(
    ground: &'g Ground<'u, 'r>,
    jobs: Vec<Job>,
) -> Result<Search<'g, 'u, 'r>, Failed<'g, 'u, 'r>> {
    let mut search = prepare(ground, jobs);
    match resolve::run(&mut search) {
        Ok(()) => Ok(search),
        Err(refuted) => Err(Box::new((search, refuted))),
    }
}

/// All rules of the jobs, ready to be searched.
pub(crate) fn prepare<'g, 'u, 'r>(ground: &'g Ground<'u, 'r>, jobs: Vec<Job>) -> Search<'g, 'u, 'r> {
    let mut orders = Orders::new(ground, jobs);
    let book = Book::write(ground, &mut orders);
    let mut search = Search::new(ground, book, orders);
    search.override_policies();
    search
}

/// What is installed stays installable: excluding it would only hide its upgrades.
fn excluded(universe: &Universe<'_>, request: &Request) -> Vec<bool> {
    let by_request = request.exclude.iter().flat_map(|text| matching::excluded(universe, text));
    let mut excluded = table(universe, by_request);
    for lock in &request.lock {
        for id in universe.named(&lock.name) {
            if !is_locked(&request.lock, universe.nevra(*id)) {
                excluded[to_index(*id)] = true;
            }
        }
    }
    for id in universe.installed_ids() {
        excluded[to_index(id)] = false;
    }
    excluded
}

pub(crate) fn is_locked(locks: &[Nevra], nevra: &Nevra) -> bool {
    locks.iter().any(|lock| lock == nevra)
}
