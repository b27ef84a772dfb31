//! Requirements with several ways out, in; the same narrowed to what is installed or takes its place, out.
//!
//! Without them a requirement that an installed package meets could be met by installing another one.

use crate::ground::{Ground, table};
use crate::installed::upgrades;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::universe::{Id, to_index};
use crate::policy::{Mode, View};
use crate::rules::book::Book;
use crate::rules::marks::Marks;
use crate::rules::{Origin, RuleId};
use crate::search::wishes::Wishes;

/// Weak rules: each is given up when it cannot hold.
pub(crate) fn write(ground: &Ground<'_, '_>, orders: &Orders, book: &mut Book<'_>) {
    let forbidden = [&book.architectures, &book.distribution_upgrades]
        .into_iter()
        .flat_map(|section| section.clone())
        .filter_map(|rule| match book.rules.literals(rule) {
            [only] if *only < 0 => Some(-only),
            _ => None,
        })
        .collect();
    let undecided = vec![0; ground.universe.table_size()];
    let wishes = Wishes::new(undecided.len());
    let dup_downgrades = !orders.dup_involved.is_empty() && ground.has(Setting::DupAllowDowngrade);
    let writer = Writer {
        ground,
        orders,
        forbidden,
        view: View { ground, orders, decision: &undecided, wishes: &wishes },
        looks_at_downgrades: ground.has(Setting::AllowDowngrade) || dup_downgrades,
    };
    let mut last: Vec<Id> = Vec::new();
    for rule in 1..book.packages_end {
        let Some(narrowed) = writer.narrowed(book, rule) else { continue };
        if narrowed == last {
            continue;
        }
        let number = book.rules.push(&narrowed, Origin::Narrowed(rule));
        book.choice_of.push(rule);
        book.mark_weak(number);
        last = narrowed;
    }
}

struct Writer<'a, 'u, 'r> {
    ground: &'a Ground<'u, 'r>,
    orders: &'a Orders,
    /// Packages that a rule forbids outright.
    forbidden: Marks,
    view: View<'a, 'u, 'r>,
    looks_at_downgrades: bool,
}

impl Writer<'_, '_, '_> {
    fn narrowed(&self, book: &Book<'_>, rule: RuleId) -> Option<Vec<Id>> {
        let literals = book.rules.literals(rule);
        match literals {
            [first, ..] if *first >= 0 => return None,
            [_] => return None,
            [_, second] if *second <= 0 => return None,
            _ => {}
        }
        let mut of_installed = false;
        let mut independent = false;
        // The installed package, and the one that is it or takes its place.
        let mut pairs: Vec<(Id, Id)> = Vec::new();
        for literal in literals.iter().copied() {
            if literal < 0 {
                of_installed |= self.ground.is_installed(-literal) && !self.orders.update.has(-literal);
            } else if self.ground.is_installed(literal) {
                pairs.push((literal, literal));
            } else if let Some(installed) = self.takes_the_place_of(literal) {
                let legal = !self.forbidden.has(literal)
                    && !upgrades::illegal(self.ground, self.orders, installed, literal).any();
                if legal {
                    pairs.push((installed, literal));
                }
            } else {
                independent = true;
            }
        }
        if !independent || pairs.is_empty() {
            return None;
        }
        let wanted = table(self.ground.universe, literals.iter().copied().filter(|literal| *literal > 0));
        if !of_installed {
            pairs.retain(|(installed, other)| !self.will_not_provide(book, *installed, *other, &wanted));
        }
        if pairs.is_empty() || pairs.iter().all(|(installed, _)| within(book, *installed, &wanted)) {
            return None;
        }
        let negative = literals.iter().copied().filter(|literal| *literal < 0 && *literal != literals[0]);
        let kept = pairs.into_iter().map(|(_, other)| other);
        Some(std::iter::once(literals[0]).chain(negative).chain(kept).collect())
    }

    /// The installed package that a new one would replace.
    fn takes_the_place_of(&self, id: Id) -> Option<Id> {
        let mut namesakes = self.ground.installed_namesakes(id);
        let namesake = namesakes.find(|other| self.ground.colors_meet(id, *other));
        namesake.or_else(|| {
            let mut obsoleted = self.ground.obsoleted_by(id).flat_map(|(_, list)| list);
            obsoleted.find(|other| self.ground.is_installed(*other))
        })
    }

    /// Whether an installed package is to change, and its newest versions meet the requirement no more.
    fn will_not_provide(&self, book: &Book<'_>, installed: Id, other: Id, wanted: &[bool]) -> bool {
        let downgrade = self.looks_at_downgrades
            && self.ground.same_name_as(installed, other)
            && upgrades::compare(self.ground, installed, other).is_gt();
        if !downgrade && !self.orders.update.has(installed) {
            return false;
        }
        let Some(rule) = book.update_or_feature(installed) else { return false };
        let mut candidates: Vec<Id> = book.rules.positives(rule).collect();
        let all_provide = candidates.iter().all(|id| wanted[to_index(*id)]);
        if candidates.len() > 1 && !all_provide {
            self.view.filter(&mut candidates, Mode::Choose);
        }
        !candidates.iter().any(|id| wanted[to_index(*id)])
    }
}

/// Whether every package that may take an installed one's place meets the requirement too.
fn within(book: &Book<'_>, installed: Id, wanted: &[bool]) -> bool {
    book.update_or_feature(installed).is_none_or(|rule| {
        book.rules.literals(rule).iter().all(|literal| *literal > 0 && wanted[to_index(*literal)])
    })
}
