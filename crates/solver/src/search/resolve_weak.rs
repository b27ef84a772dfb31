//! A consistent system, in; what it recommends and what supplements it, chosen as far as it fits, out.

use std::collections::BTreeSet;

use rpm_model::Dependency;

use crate::ground::table;
use crate::jobs::settings::Setting;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::policy::Mode;
use crate::rules::normal_form::{Clauses, is_complex, requirement};
use crate::search::resolve::{Step, install_first};
use crate::search::{Choice, Refuted, Search};

/// One round of it; nothing is done once nothing is wanted.
pub(crate) fn install_weak(search: &mut Search<'_, '_, '_>, level: i32) -> Result<Step, Refuted> {
    if search.ground.has(Setting::IgnoreRecommended) {
        return Ok(Step::Done(level));
    }
    let mut recommended = recommended_packages(search);
    let mut supplements = supplementing_packages(search);
    drop_obsoleted(search, &mut recommended);
    drop_obsoleted(search, &mut supplements);
    drop_old_supplements(search, &mut supplements);
    drop_namesakes(search, &mut supplements);
    for id in &supplements {
        if !recommended.contains(id) {
            recommended.push(*id);
        }
    }
    match recommended.as_slice() {
        [] => return Ok(Step::Done(level)),
        [only] => return search.choose(level, *only, 0, Choice::Weak).map(Step::Again),
        _ => {}
    }
    search.view().filter(&mut recommended, Mode::Recommend);
    let wanted = table(search.ground.universe, recommended);
    supplements.retain(|id| wanted[to_index(*id)]);
    if supplements.len() > 1 {
        search.view().filter(&mut supplements, Mode::Supplement);
    }
    install_all(search, level, &supplements, &wanted).map(Step::Again)
}

fn install_all(
    search: &mut Search<'_, '_, '_>,
    mut level: i32,
    supplements: &[Id],
    wanted: &[bool],
) -> Result<i32, Refuted> {
    let decided_before = search.queue.len();
    for id in supplements.iter().copied() {
        if search.is_open(id) {
            let before = level;
            level = search.choose(level, id, 0, Choice::Weak)?;
            if level <= before {
                return Ok(level);
            }
        }
    }
    if search.queue.len() < decided_before {
        return Ok(level);
    }
    let ground = search.ground;
    for place in 0..decided_before {
        let package = search.queue[place];
        if package <= SYSTEM || is_passed_over(search, package) {
            continue;
        }
        for dependency in ground.universe.recommends(package) {
            let mut list = open_recommendation(search, dependency, Some(wanted));
            if list.is_empty() {
                continue;
            }
            search.view().filter(&mut list, Mode::Choose);
            let before = level;
            level = install_first(search, level, list, 0, Choice::Weak)?;
            if level <= before || search.queue.len() < decided_before {
                return Ok(level);
            }
        }
    }
    Ok(level)
}

/// What installed packages recommend was installed or refused when they came.
fn is_passed_over(search: &Search<'_, '_, '_>, id: Id) -> bool {
    search.ground.is_installed(id) && !search.ground.has(Setting::AddAlreadyRecommended)
}

fn recommended_packages(search: &Search<'_, '_, '_>) -> Vec<Id> {
    let mut deciding: Vec<Id> = search.queue.iter().copied().filter(|id| *id > SYSTEM).collect();
    deciding.sort_unstable();
    let mut found = Vec::new();
    let mut known = vec![false; search.decision.len()];
    for package in deciding.into_iter().filter(|id| !is_passed_over(search, *id)) {
        for dependency in search.ground.universe.recommends(package) {
            for id in open_recommendation(search, dependency, None) {
                let dropped = is_dropped_orphan(search, id) || is_kept_out(search, id);
                if !dropped && !std::mem::replace(&mut known[to_index(id)], true) {
                    found.push(id);
                }
            }
        }
    }
    found
}

fn is_dropped_orphan(search: &Search<'_, '_, '_>, id: Id) -> bool {
    search.orders.process_orphans && search.ground.is_installed(id) && search.orders.drop_orphaned.has(id)
}

/// Whether a job keeps the package from being installed for a weak dependency.
fn is_kept_out(search: &Search<'_, '_, '_>, id: Id) -> bool {
    let favor = search.orders.favor.as_ref().map_or(0, |favor| favor[to_index(id)]);
    favor < 0 || search.orders.exclude_from_weak.has(id)
}

/// Undecided packages that would satisfy a recommendation that nothing satisfies yet.
fn open_recommendation<'u>(
    search: &Search<'_, 'u, '_>,
    dependency: &'u Dependency,
    wanted: Option<&[bool]>,
) -> Vec<Id> {
    if search.ground.has(Setting::OnlyNamespaceRecommended) && !names_a_namespace(dependency) {
        return Vec::new();
    }
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
    let mut known = BTreeSet::new();
    found.retain(|id| known.insert(*id));
    found
}

fn names_a_namespace(dependency: &Dependency) -> bool {
    match dependency {
        Dependency::Simple(capability) => capability.name.starts_with("namespace:"),
        Dependency::Rich(rich) => rich.capabilities().iter().any(|name| name.name.starts_with("namespace:")),
    }
}

fn supplementing_packages(search: &Search<'_, '_, '_>) -> Vec<Id> {
    let ground = search.ground;
    let mut found = ground.backwards.clone();
    let installed = |id: Id| search.is_in(id);
    found.retain(|id| {
        search.is_open(*id)
            && ground.installable(*id)
            && ground
                .universe
                .supplements(*id)
                .any(|dependency| ground.providers.holds(dependency, &installed))
            && !is_dropped_orphan(search, *id)
            && !is_kept_out(search, *id)
    });
    found
}

/// What an installed package obsoletes does not come back.
fn drop_obsoleted(search: &Search<'_, '_, '_>, list: &mut Vec<Id>) {
    let ground = search.ground;
    if list.is_empty() || !ground.has_installed() {
        return;
    }
    let keeps_explicit = ground.has(Setting::KeepExplicitObsoletes);
    let obsoleting = |id: &Id| search.is_in(*id) && (keeps_explicit || !ground.side_by_side(*id));
    let staying: Vec<Id> = ground.installed.clone().filter(obsoleting).collect();
    let obsoleted: BTreeSet<Id> =
        staying.into_iter().flat_map(|id| ground.obsoleted_by(id)).flat_map(|(_, list)| list).collect();
    list.retain(|id| !obsoleted.contains(id));
}

/// A supplement counts only if it holds because of a package, and of one that is new.
fn drop_old_supplements(search: &Search<'_, '_, '_>, list: &mut Vec<Id>) {
    let ground = search.ground;
    let any_age = ground.has(Setting::AddAlreadyRecommended);
    let only_namespaces = ground.has(Setting::OnlyNamespaceRecommended);
    let chosen = |id: Id| search.is_in(id);
    let new = |id: Id| id != SYSTEM && search.is_in(id) && !ground.is_installed(id);
    list.retain(|id| {
        ground.universe.supplements(*id).any(|dependency| {
            (any_age || ground.providers.holds_through(dependency, &chosen, &new))
                && (!only_namespaces || names_a_namespace(dependency))
        })
    });
}

/// Neither a second version of an install-only package nor a second architecture comes by itself.
fn drop_namesakes(search: &Search<'_, '_, '_>, list: &mut Vec<Id>) {
    let ground = search.ground;
    let colors = ground.has(Setting::ImplicitObsoletesUseColors);
    list.retain(|id| {
        !ground.universe.same_name(*id).iter().any(|other| {
            search.is_in(*other)
                && (ground.side_by_side(*id) || colors && !ground.same_architecture(*id, *other))
        })
    });
}
