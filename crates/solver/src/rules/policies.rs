//! Jobs and switches about whole groups of packages, in; the rules that they make, out.

use rpm_model::Capability;

use crate::ground::Ground;
use crate::jobs::Action;
use crate::jobs::orders::Orders;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::policy;
use crate::rules::Origin;
use crate::rules::book::Book;

/// A distribution upgrade: nothing that is subject to it stays unless it is good.
pub(crate) fn distribution_upgrades(
    ground: &Ground<'_, '_>,
    orders: &mut Orders,
    considered: &[bool],
    book: &mut Book<'_>,
) {
    for first in ground.universe.ids().filter(|id| considered[to_index(*id)]) {
        let group: Vec<Id> =
            ground.universe.same_name(first).iter().copied().filter(|id| considered[to_index(*id)]).collect();
        if group.first() != Some(&first) {
            continue;
        }
        for id in group {
            if !orders.dup_involved.has(id) || orders.dup.is_listed(id) {
                continue;
            }
            if !ground.is_installed(id) {
                book.rules.push(&[-id], Origin::DistributionUpgrade);
            } else if !ground.is_excluded(id) {
                leave_or_replace(ground, orders, id, book);
            }
        }
    }
}

fn leave_or_replace(ground: &Ground<'_, '_>, orders: &mut Orders, installed: Id, book: &mut Book<'_>) {
    let namesakes = ground.universe.same_name(installed).iter();
    let like_a_good_one =
        namesakes.copied().any(|id| orders.dup.is_listed(id) && ground.identical(installed, id));
    let Some(rule) = book.update_or_feature(installed).filter(|_| !like_a_good_one) else {
        return orders.dup.insert(installed);
    };
    if let Some(others) = orders.special_updaters.get(&installed) {
        // Good as long as something newer stands beside it.
        book.rules.push_parts(-installed, others, Origin::DistributionUpgrade);
        return;
    }
    let is_orphan =
        book.rules.literals(rule) == [installed] && book.rules.literals(book.feature(installed)).len() < 2;
    if is_orphan {
        return orders.dup.insert(installed);
    }
    book.rules.push(&[-installed], Origin::DistributionUpgrade);
}

/// Packages that replace the same installed one by the same words: who installs one of them installs all.
pub(crate) fn replaced_together(ground: &Ground<'_, '_>, book: &mut Book<'_>) {
    let mut capabilities: Vec<&Capability> = Vec::new();
    for installed in ground.installed.clone() {
        for newer in ground.obsoleters(installed) {
            for (capability, list) in ground.obsoleted_by(*newer) {
                let meant = |older: &Id| {
                    ground.is_installed(*older) && ground.obsoleting_colors_meet(installed, *older)
                };
                if list.iter().any(meant) && !capabilities.contains(&capability) {
                    capabilities.push(capability);
                }
            }
        }
    }
    for capability in capabilities {
        let groups = replacing_groups(ground, capability);
        for (number, group) in groups.iter().enumerate() {
            for id in group.iter().copied().filter(|id| !ground.is_installed(*id)) {
                for (_, other) in groups.iter().enumerate().filter(|(other, _)| *other != number) {
                    book.rules.push_parts(-id, other, Origin::ReplacedTogether);
                }
            }
        }
    }
}

/// The packages that obsolete by these words, a group a name; none when there are fewer than two names.
fn replacing_groups(ground: &Ground<'_, '_>, capability: &Capability) -> Vec<Vec<Id>> {
    let mut found: Vec<Id> = Vec::new();
    for older in ground.universe.providers(capability) {
        if older == SYSTEM || !ground.is_installed(older) || !ground.universe.is(older, capability) {
            continue;
        }
        let replacing = ground.obsoleters(older).iter();
        for newer in replacing.chain(ground.universe.same_name(older)).copied() {
            let says_so = ground.universe.obsoletes(newer).any(|other| other == capability);
            if says_so && ground.obsoleting_colors_meet(older, newer) && !found.contains(&newer) {
                found.push(newer);
            }
        }
    }
    let mut best = found.clone();
    policy::keep_best_versions(ground, &mut best);
    if best.len() == 1 {
        return Vec::new();
    }
    let groups = best.into_iter().map(|leader| {
        found.iter().copied().filter(|id| ground.same_name_as(leader, *id)).collect::<Vec<Id>>()
    });
    let groups: Vec<Vec<Id>> = groups.filter(|group| !group.is_empty()).collect();
    if groups.len() > 1 { groups } else { Vec::new() }
}

/// Blacklisted packages, except where one of that name is installed and blacklisted too.
pub(crate) fn blacklist(ground: &Ground<'_, '_>, orders: &Orders, book: &mut Book<'_>) {
    let jobs = || orders.jobs.iter().filter(|job| job.action == Action::Blacklist);
    let listed: Vec<Id> = jobs().flat_map(|job| &job.packages).copied().collect();
    let installed: Vec<Id> = listed.iter().copied().filter(|id| ground.is_installed(*id)).collect();
    for id in listed {
        if !ground.is_installed(id) && !installed.iter().any(|other| ground.same_name_as(id, *other)) {
            book.rules.push(&[-id], Origin::Blacklisted);
        }
    }
}

/// Recommendations without the packages that a job disfavors.
pub(crate) fn recommendations(orders: &Orders, book: &mut Book<'_>) {
    let Some(favor) = &orders.favor else { return };
    for rule in book.soft.clone() {
        let literals = book.rules.literals(rule).to_vec();
        let disfavored = |literal: &Id| *literal > 0 && favor[to_index(*literal)] < 0;
        if !literals.iter().any(disfavored) {
            continue;
        }
        book.rules.set_enabled(rule, false);
        let rest: Vec<Id> = literals.into_iter().filter(|literal| !disfavored(literal)).collect();
        if rest.len() > 1 && rest.iter().any(|literal| *literal > 0) {
            let origin = book.rules.get(rule).origin;
            book.rules.push(&rest, origin);
        }
    }
}

/// Packages of a name that a better repository has.
pub(crate) fn priorities(ground: &Ground<'_, '_>, considered: &[bool], book: &mut Book<'_>) {
    let universe = ground.universe;
    let mut open = considered.to_vec();
    for id in universe.ids() {
        if !open[to_index(id)] {
            continue;
        }
        let priority = |id: &Id| universe.priority(*id);
        let best = universe.same_name(id).iter().map(priority).min();
        for other in universe.same_name(id).iter().copied() {
            if std::mem::replace(&mut open[to_index(other)], false)
                && !ground.is_installed(other)
                && Some(priority(&other)) > best
            {
                book.rules.push(&[-other], Origin::WorseRepository);
            }
        }
    }
}
