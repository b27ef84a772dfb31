//! Rules, in; decisions about every package that matters, out: what the jobs ask for first, then what is installed,
//! then what all that needs, then what it recommends, and at last whether an earlier choice can be taken back.

use crate::ground::table;
use crate::jobs::Flags;
use crate::jobs::settings::Setting;
use crate::packages::universe::{Id, to_index};
use crate::policy::Mode;
use crate::rules::RuleId;
use crate::search::resolve_installed;
use crate::search::resolve_weak;
use crate::search::{Branch, Choice, Refuted, Search};

/// How far the search got in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing was left to do; this is the level.
    Done(i32),
    /// Something changed; everything has to be looked at again from this level on.
    Again(i32),
}

/// Decides until everything is decided that has to be.
pub(crate) fn run(search: &mut Search<'_, '_, '_>) -> Result<(), Refuted> {
    let ground = search.ground;
    let focuses = ground.has(Setting::FocusNew) || ground.has(Setting::FocusBest);
    let installed_first = ground.has(Setting::FocusInstalled);
    let mut level = 0;
    let mut system_level = 1;
    let mut position = ground.installed.start;
    loop {
        if level <= 0 {
            search.start()?;
            level = 1;
            if let Some(rule) = search.propagate(level) {
                level = search.give_up(rule)?;
                continue;
            }
            system_level = level + 1;
        }
        if level < system_level {
            let before = level;
            if !installed_first {
                level = resolve_jobs(search, level, ground.has_installed())?;
                if level < before {
                    continue;
                }
                system_level = level + 1;
                if focuses && ground.has_installed() {
                    let before = level;
                    level = resolve_dependencies(search, level, ground.has_installed())?;
                    if level < before {
                        continue;
                    }
                    system_level = level + 1;
                }
            }
            if level < system_level && ground.has_installed() {
                let before = level;
                level = resolve_installed::keep_or_upgrade(search, level, &mut position)?;
                if level < before {
                    continue;
                }
                system_level = level + 1;
            }
            if level < system_level && installed_first {
                let before = level;
                level = resolve_jobs(search, level, false)?;
                if level < before {
                    continue;
                }
                system_level = level + 1;
            }
        }
        system_level = system_level.min(level);
        let before = level;
        level = resolve_dependencies(search, level, false)?;
        if level < before {
            continue;
        }
        match resolve_extras(search, level)? {
            Step::Again(reached) => level = reached,
            Step::Done(_) => return Ok(()),
        }
    }
}

/// What comes after a consistent system: removals, recommendations, orphans, and another look at choices.
fn resolve_extras(search: &mut Search<'_, '_, '_>, mut level: i32) -> Result<Step, Refuted> {
    let steps = [
        resolve_installed::drop_unneeded,
        resolve_weak::install_weak,
        resolve_installed::decide_orphans,
        resolve_installed::drop_undecided,
    ];
    for step in steps {
        match step(search, level)? {
            Step::Again(level) => return Ok(Step::Again(level)),
            Step::Done(reached) => level = reached,
        }
    }
    if search.finds_needed_after_all() || search.gives_up_unneeded_choices() {
        search.reset();
        return Ok(Step::Again(0));
    }
    match better_branch(search) {
        Some((branch, package)) => search.take_branch(branch, package).map(Step::Again),
        None => Ok(Step::Done(level)),
    }
}

/// Chooses for every job that is still open; `ahead` of the decision which installed packages stay.
fn resolve_jobs(search: &mut Search<'_, '_, '_>, start: i32, ahead: bool) -> Result<i32, Refuted> {
    let mut level = start;
    let jobs = search.book.jobs.clone();
    let mut rule = jobs.start;
    while rule < jobs.end {
        let open = search.book.rules.is_enabled(rule).then(|| open_positives(search, rule)).flatten();
        let Some(mut open) = open.filter(|open| !open.is_empty()) else {
            rule += 1;
            continue;
        };
        prune_to_installed(search, rule, &mut open);
        let before = level;
        level = select_and_install(search, level, open, rule, Choice::Rule, ahead)?;
        if level > before {
            rule += 1;
        } else if level < start {
            return Ok(level);
        } else if level < before {
            rule = jobs.start;
        }
    }
    Ok(level)
}

/// A job that does not upgrade is met by what is installed.
fn prune_to_installed(search: &Search<'_, '_, '_>, rule: RuleId, open: &mut Vec<Id>) {
    let ground = search.ground;
    let update = &search.orders.update;
    let may_upgrade = ground.has(Setting::InstallAlsoUpdates)
        || search.orders.jobs[search.book.job(rule)].flags.has(Flags::OR_UPDATE);
    if open.len() < 2 || !ground.has_installed() || update.is_all() || may_upgrade {
        return;
    }
    let installed = |id: &Id| ground.is_installed(*id);
    if open.iter().any(installed) && !open.iter().any(|id| installed(id) && update.has(*id)) {
        open.retain(installed);
    }
}

/// Chooses for every rule that is still open; those with one best answer come first.
fn resolve_dependencies(search: &mut Search<'_, '_, '_>, start: i32, ahead: bool) -> Result<i32, Refuted> {
    enum Pass {
        OneBest { postponed: Option<RuleId> },
        Any,
    }
    let mut level = start;
    let mut pass = Pass::OneBest { postponed: None };
    let mut rule = 1;
    let mut unchanged = 1;
    loop {
        if unchanged >= search.book.rules.end() {
            let Pass::OneBest { postponed: Some(first) } = pass else { return Ok(level) };
            rule = first;
            pass = Pass::Any;
            unchanged = 1;
        }
        if rule >= search.book.rules.end() {
            rule = 1;
        }
        let concerned = !ahead || is_about_new(search, rule);
        let question = concerned.then(|| open_question(search, rule)).flatten();
        if let Some(mut open) = question {
            resolve_installed::prune_to_unneeded(search, &mut open);
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
                level = select_and_install(search, level, open, rule, Choice::Rule, ahead)?;
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

/// Whether a rule is about a package that is not installed yet: what is looked at ahead.
fn is_about_new(search: &Search<'_, '_, '_>, rule: RuleId) -> bool {
    if rule >= search.book.features.start {
        return false;
    }
    let literals = search.book.rules.literals(rule);
    if literals.len() < 3 || !search.book.rules.is_enabled(rule) {
        return literals.len() == 2 && search.book.rules.is_enabled(rule);
    }
    let installed = |id: Id| search.ground.is_installed(id);
    let by_new = |literal: &Id| *literal < 0 && !installed(-literal) && search.is_in(-literal);
    let first_is_new = literals[0] < 0 && !installed(-literals[0]);
    if !first_is_new && !literals[1..].iter().any(by_new) {
        return false;
    }
    search.ground.has(Setting::FocusBest)
        || !literals.iter().any(|literal| *literal > 1 && installed(*literal))
}

/// The undecided packages that could satisfy a rule that nothing satisfies yet.
fn open_question(search: &Search<'_, '_, '_>, rule: RuleId) -> Option<Vec<Id>> {
    if !search.book.rules.is_enabled(rule) {
        return None;
    }
    let literals = search.book.rules.literals(rule);
    match literals {
        [] | [_] => None,
        // The other one of two would have followed already.
        [first, second] => (*first > 0 && *second > 0 && search.is_open(*first) && search.is_open(*second))
            .then(|| literals.to_vec()),
        [first, ..] if *first < 0 && !search.is_in(-first) => None,
        _ => open_positives(search, rule).filter(|open| !open.is_empty()),
    }
}

/// `None`: the rule holds, or does not have to yet.
pub(crate) fn open_positives(search: &Search<'_, '_, '_>, rule: RuleId) -> Option<Vec<Id>> {
    let mut open = Vec::new();
    for literal in search.book.rules.literals(rule).iter().copied() {
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

pub(crate) fn select_and_install(
    search: &mut Search<'_, '_, '_>,
    level: i32,
    mut open: Vec<Id>,
    rule: RuleId,
    choice: Choice,
    ahead: bool,
) -> Result<i32, Refuted> {
    if open.len() > 1 {
        search.view().filter(&mut open, Mode::Choose);
    }
    if open.len() > 1 && ahead {
        resolve_installed::prefer_future_installed(search, level, &mut open);
    }
    if open.len() > 1 {
        drop_replaced_together(search, &mut open);
    }
    install_first(search, level, open, rule, choice)
}

/// Packages that come along with an earlier one in the list are no alternative to it.
fn drop_replaced_together(search: &Search<'_, '_, '_>, open: &mut Vec<Id>) {
    let rules = &search.book.rules;
    let mut place = 0;
    while place + 1 < open.len() {
        let first = -open[place];
        let together: Vec<Id> = search
            .book
            .replacements
            .clone()
            .filter(|rule| rules.literals(*rule).first() == Some(&first))
            .flat_map(|rule| rules.positives(rule))
            .collect();
        let mut behind = open.split_off(place + 1);
        behind.retain(|id| !together.contains(id));
        open.append(&mut behind);
        place += 1;
    }
}

/// Takes the first and keeps the others in mind.
pub(crate) fn install_first(
    search: &mut Search<'_, '_, '_>,
    level: i32,
    mut list: Vec<Id>,
    rule: RuleId,
    choice: Choice,
) -> Result<i32, Refuted> {
    let first = list[0];
    if list.len() > 1 {
        list[0] = -first;
        search.branches.push(Branch { packages: list, level });
    }
    search.choose(level, first, rule, choice)
}

/// An earlier choice to take differently: a package that came along anyway, or one that is recommended while the
/// chosen one is not.
fn better_branch(search: &mut Search<'_, '_, '_>) -> Option<(usize, usize)> {
    if search.branches.is_empty() {
        return None;
    }
    let branches = std::mem::take(&mut search.branches);
    let replaces_installed = |search: &Search<'_, '_, '_>, id| resolve_installed::takes_a_place(search, id);
    let replacing: Vec<Id> = branches
        .iter()
        .flat_map(|branch| &branch.packages)
        .map(|id| id.abs())
        .filter(|id| replaces_installed(search, *id))
        .collect();
    let replacing = table(search.ground.universe, replacing);
    let view = search.view();
    let favor = |id: Id| view.orders.favor.as_ref().map_or(0, |favor| favor[to_index(id)]);
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
                    && !replacing[to_index(taken)]
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
