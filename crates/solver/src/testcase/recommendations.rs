//! A search that is done, in; what the chosen packages recommend and suggest, the installed ones included, out.

use std::collections::BTreeSet;

use rpm_model::Dependency;

use super::answer::package_text;
use crate::packages::universe::{Id, SYSTEM};
use crate::policy::Mode;
use crate::rules::normal_form::{self, Clauses};
use crate::search::Search;

pub(crate) fn lines(search: &mut Search<'_, '_, '_>) -> Vec<String> {
    let ground = search.ground;
    let universe = ground.universe;
    let chosen: Vec<Id> = search.queue.iter().copied().filter(|id| *id > SYSTEM).collect();
    let by_choice = (0..search.queue.len()).filter(|place| search.chosen_for_weak(*place));
    let mut recommended: BTreeSet<Id> = by_choice.map(|place| search.queue[place]).collect();
    let mut suggested = BTreeSet::new();
    for id in chosen {
        universe.recommends(id).for_each(|dependency| meant(search, dependency, &mut recommended));
        universe.suggests(id).for_each(|dependency| meant(search, dependency, &mut suggested));
    }
    let obsoleted: BTreeSet<Id> = ground
        .installed
        .clone()
        .filter(|id| search.is_in(*id) && !ground.side_by_side(*id))
        .flat_map(|id| ground.obsoleted_by(id))
        .flat_map(|(_, list)| list)
        .collect();
    let holds =
        |search: &Search<'_, '_, '_>, dependency| ground.providers.holds(dependency, &|id| search.is_in(id));
    for id in ground.backwards.clone().into_iter().filter(|id| ground.installable(*id)) {
        if universe.supplements(id).any(|dependency| holds(search, dependency)) {
            recommended.insert(id);
        }
        if universe.enhances(id).any(|dependency| holds(search, dependency)) {
            suggested.insert(id);
        }
    }
    let mut lines = Vec::new();
    for (word, set) in [("recommended", recommended), ("suggested", suggested)] {
        let mut list: Vec<Id> = set.into_iter().collect();
        list.retain(|id| *id > SYSTEM && !search.is_false(*id) && !obsoleted.contains(id));
        search.view().filter(&mut list, Mode::Suggest);
        lines.extend(list.into_iter().map(|id| format!("{word} {}", package_text(ground, id))));
    }
    lines
}

/// Of the packages that satisfy a weak dependency the chosen ones, or all where none is.
fn meant<'u>(search: &Search<'_, 'u, '_>, dependency: &'u Dependency, found: &mut BTreeSet<Id>) {
    let providers = &search.ground.providers;
    let blocks = if normal_form::is_complex(dependency) {
        match normal_form::requirement(providers, dependency) {
            Clauses::Blocks(blocks) => blocks,
            Clauses::Always | Clauses::Never | Clauses::TooLarge => return,
        }
    } else {
        vec![providers.of_dependency(dependency).to_vec()]
    };
    for block in blocks {
        if block.iter().any(|literal| *literal < 0 && !search.is_in(-literal)) {
            continue;
        }
        let positive: Vec<Id> = block.into_iter().filter(|literal| *literal > 0).collect();
        let chosen: Vec<Id> = positive.iter().copied().filter(|id| search.is_in(*id)).collect();
        found.extend(if chosen.is_empty() { positive } else { chosen });
    }
}
