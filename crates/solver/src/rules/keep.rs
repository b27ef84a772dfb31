//! Installed packages, in; the rules that keep each of them or put another in its place, out.

use crate::ground::Ground;
use crate::installed::upgrades::{self, Freedom};
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::universe::Id;
use crate::rules::Origin;
use crate::rules::book::Book;

/// "It stays, or anything at all takes its place."
pub(crate) fn features(ground: &Ground<'_, '_>, orders: &Orders, book: &mut Book<'_>) {
    for installed in ground.installed.clone() {
        let candidates = upgrades::candidates(ground, installed, Freedom::Any);
        let origin = Origin::Feature(installed);
        let orphaned = orders.dup_involved.has(installed)
            && !may_keep(ground, orders, installed)
            && !candidates.iter().any(|id| !ground.is_installed(*id) || may_keep(ground, orders, *id));
        if orphaned {
            book.rules.push(&[], origin);
        } else {
            book.rules.push_parts(installed, &candidates, origin);
        }
    }
}

/// "It stays, or what an upgrade may choose takes its place." A feature rule that says the same is emptied.
pub(crate) fn updates(ground: &Ground<'_, '_>, orders: &mut Orders, book: &mut Book<'_>) {
    for installed in ground.installed.clone() {
        update(ground, orders, book, installed);
        let rule = book.rules.end() - 1;
        let feature = book.feature(installed);
        if book.rules.is_empty(rule) {
            book.rules.clear(feature);
            continue;
        }
        if !orders.process_orphans && book.rules.literals(feature) == [installed] {
            orders.orphaned.push(installed);
        }
        if book.rules.equal(rule, feature) {
            book.rules.clear(feature);
        } else if !book.rules.is_empty(feature) {
            book.rules.set_enabled(feature, false);
        }
    }
}

fn update(ground: &Ground<'_, '_>, orders: &mut Orders, book: &mut Book<'_>, installed: Id) {
    let origin = Origin::Update(installed);
    if ground.is_excluded(installed) {
        book.rules.push(&[installed], origin);
        return;
    }
    let keeps_orphan = ground.has(Setting::KeepOrphans) && !orders.drop_orphaned.has(installed);
    if book.rules.is_empty(book.feature(installed)) {
        orders.orphaned.push(installed);
        book.rules.push(if keeps_orphan { std::slice::from_ref(&installed) } else { &[] }, origin);
        return;
    }
    let involved = orders.dup_involved.has(installed);
    let freedom = if involved { Freedom::DistributionUpgrade } else { Freedom::Upgrade };
    let mut candidates = upgrades::candidates(ground, installed, freedom);
    if candidates.iter().any(|id| ground.side_by_side(*id)) {
        // Packages that are installed side by side upgrade nothing, except where they say so or are the same.
        let all = candidates.clone();
        candidates.retain(|id| {
            !ground.side_by_side(*id)
                || ground.same_nevra(installed, *id)
                || ground.has(Setting::KeepExplicitObsoletes) && ground.obsoletes(*id, installed)
        });
        if candidates.is_empty() && involved && !may_keep(ground, orders, installed) {
            orders.orphaned.push(installed);
            orders.special_updaters.insert(installed, all.clone());
            if keeps_orphan {
                book.rules.push(&[installed], origin);
                return;
            }
            candidates = all;
        } else if candidates.len() < all.len() && orders.update.has(installed) {
            orders.special_updaters.insert(installed, all);
        }
    }
    book.rules.push_parts(installed, &candidates, origin);
}

/// Whether a distribution upgrade may keep an installed package: because it is good, or the same as a good one.
fn may_keep(ground: &Ground<'_, '_>, orders: &Orders, installed: Id) -> bool {
    if orders.dup.is_listed(installed) {
        return true;
    }
    ground.universe.same_name(installed).iter().any(|other| {
        let good =
            if orders.dup.is_list() { orders.dup.is_listed(*other) } else { !ground.is_installed(*other) };
        good && ground.identical(installed, *other)
    })
}
