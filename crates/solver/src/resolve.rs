//! Requests as rules, in; the packages to install, out: what is asked for first, then what that needs, then what
//! that recommends, and at last whether an earlier choice can be taken back to install less.

use crate::generate::listed;
use crate::policy::Mode;
use crate::rules::{Origin, RuleId};
use crate::search::{Branch, Choice, Refuted, Search};
use crate::universe::{Id, SYSTEM, to_id, to_index};

/// Decides until everything is decided that has to be.
pub(crate) fn run(search: &mut Search<'_, '_, '_>, weak: bool) -> Result<(), Refuted> {
    let last_given_rule = search.rules.end();
    let jobs: Vec<RuleId> = (1..last_given_rule)
        .filter(|rule| matches!(search.rules.get(*rule).origin, Origin::Job(_)))
        .collect();
    let mut level = search.start()?;
    let mut jobs_done_at = level + 1;
    loop {
        if level < jobs_done_at {
            let before = level;
            level = resolve_jobs(search, level, &jobs)?;
            if level < before {
                continue;
            }
            jobs_done_at = level + 1;
        }
        jobs_done_at = jobs_done_at.min(level);
        let before = level;
        level = resolve_dependencies(search, level)?;
        if level < before {
            continue;
        }
        if weak && let Some(reached) = resolve_weak(search, level)? {
            level = reached;
            continue;
        }
        match better_branch(search) {
            Some((branch, package)) => level = search.take_branch(branch, package)?,
            None => return Ok(()),
        }
    }
}

/// Chooses for every request that is still open.
fn resolve_jobs(search: &mut Search<'_, '_, '_>, start: i32, jobs: &[RuleId]) -> Result<i32, Refuted> {
    let mut level = start;
    let mut next = 0;
    while let Some(rule) = jobs.get(next) {
        let Some(open) = open_positives(search, *rule).filter(|open| !open.is_empty()) else {
            next += 1;
            continue;
        };
        let before = level;
        level = select_and_install(search, level, open)?;
        if level > before {
            next += 1;
        } else if level < start {
            return Ok(level);
        } else if level < before {
            next = 0;
        }
    }
    Ok(level)
}

/// Chooses for every rule that is still open; those with one best answer come first.
fn resolve_dependencies(search: &mut Search<'_, '_, '_>, start: i32) -> Result<i32, Refuted> {
    enum Pass {
        OneBest { postponed: Option<RuleId> },
        Any,
    }
    let mut level = start;
    let mut pass = Pass::OneBest { postponed: None };
    let mut rule = 1;
    let mut unchanged = 1;
    loop {
        if unchanged >= search.rules.end() {
            let Pass::OneBest { postponed: Some(first) } = pass else { return Ok(level) };
            rule = first;
            pass = Pass::Any;
            unchanged = 1;
        }
        if rule >= search.rules.end() {
            rule = 1;
        }
        if let Some(mut open) = open_question(search, rule) {
            let mut install = true;
            if let Pass::OneBest { postponed } = &mut pass
                && open.len() > 1
            {
                search.view().filter(&mut open, Mode::ChooseWithoutOrder);
                if open.len() > 1 {
                    postponed.get_or_insert(rule);
                    install = false;
                }
            }
            if install {
                level = select_and_install(search, level, open)?;
                if level < start {
                    return Ok(level);
                }
                unchanged = 0;
            }
        }
        rule += 1;
        unchanged += 1;
    }
}

/// The undecided packages that could satisfy a rule that nothing satisfies yet.
fn open_question(search: &Search<'_, '_, '_>, rule: RuleId) -> Option<Vec<Id>> {
    let literals = search.rules.literals(rule);
    match literals {
        [] | [_] => None,
        // The other one of two would have followed already.
        [first, second] => (*first > 0 && *second > 0 && search.is_open(*first) && search.is_open(*second))
            .then(|| literals.to_vec()),
        [first, ..] if *first < 0 && search.decision[to_index(-first)] <= 0 => None,
        _ => open_positives(search, rule).filter(|open| !open.is_empty()),
    }
}

/// `None`: the rule holds, or does not have to yet.
fn open_positives(search: &Search<'_, '_, '_>, rule: RuleId) -> Option<Vec<Id>> {
    let mut open = Vec::new();
    for literal in search.rules.literals(rule).iter().copied() {
        let decision = search.decision[to_index(literal.abs())];
        if literal < 0 && decision <= 0 || literal > 0 && decision > 0 {
            return None;
        }
        if literal > 0 && decision == 0 {
            open.push(literal);
        }
    }
    Some(open)
}

fn select_and_install(
    search: &mut Search<'_, '_, '_>,
    level: i32,
    mut open: Vec<Id>,
) -> Result<i32, Refuted> {
    if open.len() > 1 {
        search.view().filter(&mut open, Mode::Choose);
    }
    install_first(search, level, open, Choice::Rule)
}

/// Takes the first and keeps the others in mind.
fn install_first(
    search: &mut Search<'_, '_, '_>,
    level: i32,
    mut list: Vec<Id>,
    choice: Choice,
) -> Result<i32, Refuted> {
    let first = list[0];
    if list.len() > 1 {
        list[0] = -first;
        search.branches.push(Branch { packages: list, level });
    }
    search.choose(level, first, choice)
}

/// Installs what is recommended or supplements, one round of it; `None` when nothing is.
fn resolve_weak(search: &mut Search<'_, '_, '_>, mut level: i32) -> Result<Option<i32>, Refuted> {
    let mut recommended = recommended_packages(search);
    let mut supplements = supplementing_packages(search);
    for id in &supplements {
        if !recommended.contains(id) {
            recommended.push(*id);
        }
    }
    match recommended.as_slice() {
        [] => return Ok(None),
        [only] => return search.choose(level, *only, Choice::Weak).map(Some),
        _ => {}
    }
    search.view().filter(&mut recommended, Mode::Recommend);
    let wanted = crate::generate::table(search.ground.universe, recommended);
    supplements.retain(|id| wanted[to_index(*id)]);
    if supplements.len() > 1 {
        search.view().filter(&mut supplements, Mode::Supplement);
    }
    let decided_before = search.queue.len();
    for id in supplements {
        if search.is_open(id) {
            let before = level;
            level = search.choose(level, id, Choice::Weak)?;
            if level <= before {
                return Ok(Some(level));
            }
        }
    }
    if search.queue.len() < decided_before {
        return Ok(Some(level));
    }
    install_recommended(search, level, decided_before, &wanted).map(Some)
}

fn install_recommended(
    search: &mut Search<'_, '_, '_>,
    mut level: i32,
    decided_before: usize,
    wanted: &[bool],
) -> Result<i32, Refuted> {
    let ground = search.ground;
    for place in 0..decided_before {
        let id = search.queue[place];
        if id <= SYSTEM {
            continue;
        }
        for dependency in &ground.universe.record(id).recommends {
            let mut list = open_recommendation(search, dependency, Some(wanted));
            if list.is_empty() {
                continue;
            }
            search.view().filter(&mut list, Mode::Choose);
            let before = level;
            level = install_first(search, level, list, Choice::Weak)?;
            if level <= before || search.queue.len() < decided_before {
                return Ok(level);
            }
        }
    }
    Ok(level)
}

fn recommended_packages(search: &Search<'_, '_, '_>) -> Vec<Id> {
    let mut found = Vec::new();
    let mut known = vec![false; search.decision.len()];
    for index in to_index(SYSTEM) + 1..search.decision.len() {
        if search.decision[index] <= 0 {
            continue;
        }
        for dependency in &search.ground.universe.record(to_id(index)).recommends {
            for id in open_recommendation(search, dependency, None) {
                if !std::mem::replace(&mut known[to_index(id)], true) {
                    found.push(id);
                }
            }
        }
    }
    found
}

/// Undecided packages that would satisfy a recommendation that nothing satisfies yet.
fn open_recommendation<'u>(
    search: &Search<'_, 'u, '_>,
    dependency: &'u rpm_model::Dependency,
    wanted: Option<&[bool]>,
) -> Vec<Id> {
    use crate::normal_form::{Clauses, is_complex, requirement};
    let providers = &search.ground.providers;
    let blocks = if is_complex(dependency) {
        match requirement(providers, dependency) {
            Clauses::Blocks(blocks) => blocks,
            Clauses::Always | Clauses::Never | Clauses::TooLarge => return Vec::new(),
        }
    } else {
        vec![providers.of_dependency(dependency).to_vec()]
    };
    let mut found = Vec::new();
    for block in blocks {
        let due = |literal: &Id| search.is_false(*literal) || *literal > 0 && search.is_open(*literal);
        if block.iter().all(due) {
            let open = block.into_iter().filter(|id| *id > 0 && search.is_open(*id));
            found.extend(open.filter(|id| wanted.is_none_or(|wanted| wanted[to_index(*id)])));
        }
    }
    let mut known = std::collections::BTreeSet::new();
    found.retain(|id| known.insert(*id));
    found
}

fn supplementing_packages(search: &Search<'_, '_, '_>) -> Vec<Id> {
    let ground = search.ground;
    let installed = |id: Id| search.decision[to_index(id)] > 0;
    let open = search.decision.iter().map(|decision| *decision == 0).collect::<Vec<_>>();
    listed(&open)
        .filter(|id| *id > SYSTEM)
        .filter(|id| {
            let supplements = &ground.universe.record(*id).supplements;
            let holds = |dependency| {
                ground.providers.holds(dependency, &installed)
                    && ground.providers.holds_through_a_package(dependency, &installed)
            };
            !supplements.is_empty() && ground.installable(*id) && supplements.iter().any(holds)
        })
        .filter(|id| {
            // Neither a second version of an install-only package nor a second architecture comes by itself.
            let arch = &ground.universe.record(*id).nevra.arch;
            !ground.universe.same_name(*id).iter().any(|other| {
                installed(*other)
                    && (ground.install_only[to_index(*id)]
                        || ground.universe.record(*other).nevra.arch != *arch)
            })
        })
        .collect()
}

/// An earlier choice to take differently: a package that came along anyway, or one that is recommended while the
/// chosen one is not.
fn better_branch(search: &mut Search<'_, '_, '_>) -> Option<(usize, usize)> {
    if search.branches.is_empty() {
        return None;
    }
    let favor = search.favor.clone();
    let favor = |id: Id| favor.as_ref().map_or(0, |favor| favor[to_index(id)]);
    let branches = std::mem::take(&mut search.branches);
    let view = search.view();
    let mut found = None;
    for (number, branch) in branches.iter().enumerate().rev() {
        let mut recommended = None;
        let mut came_anyway = None;
        for (place, id) in branch.packages.iter().copied().enumerate().filter(|(_, id)| *id > 0) {
            if view.decision[to_index(id)] > branch.level {
                came_anyway = Some(place);
                break;
            }
            if favor(id) >= 0 && recommended.is_none() && view.is_wanted(id) {
                recommended = Some(place);
            }
        }
        if let Some(place) = came_anyway {
            found = Some((number, place));
        } else if let Some(place) = recommended {
            let replaceable = branch.packages.iter().map(|id| -id).any(|taken| {
                taken > 0
                    && view.decision[to_index(taken)] == branch.level + 1
                    && favor(taken) <= favor(branch.packages[place])
                    && !view.is_wanted(taken)
            });
            if replaceable {
                found = Some((number, place));
            }
        }
    }
    search.branches = branches;
    found
}
