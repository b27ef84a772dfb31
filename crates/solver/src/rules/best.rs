//! Jobs that ask for the best version, in; the rules that accept nothing else, out.

use crate::ground::Ground;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::jobs::{Action, Flags};
use crate::packages::universe::Id;
use crate::policy::{Mode, View};
use crate::rules::book::{BestOf, Book};
use crate::rules::marks::Marks;
use crate::rules::{Origin, RuleId};
use crate::search::wishes::Wishes;

/// The best of each install job and of each upgrade, where that is fewer than all.
pub(crate) fn write(ground: &Ground<'_, '_>, orders: &Orders, book: &mut Book<'_>) {
    let undecided = vec![0; ground.universe.table_size()];
    let wishes = Wishes::new(undecided.len());
    let view = View { ground, orders, decision: &undecided, wishes: &wishes };
    let best = Best { view, locked: locked(orders, book) };
    for rule in book.jobs.clone() {
        let job = &orders.jobs[book.job(rule)];
        if job.action == Action::Install && job.flags.has(Flags::BEST) {
            best.of_job(rule, job.flags, book);
        }
    }
    if orders.best_update.is_empty() {
        return;
    }
    for installed in ground.installed.clone() {
        if orders.update.has(installed) && orders.best_update.has(installed) {
            best.of_upgrade(installed, book);
        }
    }
}

struct Best<'a, 'u, 'r> {
    view: View<'a, 'u, 'r>,
    /// Packages of lock jobs, if there are any.
    locked: Option<Marks>,
}

fn locked(orders: &Orders, book: &Book<'_>) -> Option<Marks> {
    orders.jobs.iter().any(|job| job.action == Action::Lock).then(|| {
        let rules = book.jobs.clone().filter(|rule| orders.jobs[book.job(*rule)].action == Action::Lock);
        rules.filter_map(|rule| book.rules.literals(rule).first().map(|literal| literal.abs())).collect()
    })
}

impl Best<'_, '_, '_> {
    fn of_job(&self, rule: RuleId, flags: Flags, book: &mut Book<'_>) {
        let ground = self.view.ground;
        let literals = book.rules.literals(rule).to_vec();
        let usable = |id: &Id| *id > 0 && (ground.is_installed(*id) || !ground.is_excluded(*id));
        let mut best: Vec<Id> = literals.iter().copied().filter(usable).collect();
        let all = best.len();
        self.view.filter(&mut best, Mode::Recommend);
        if best.is_empty() || best.len() == all {
            return;
        }
        let negative = literals.iter().copied().filter(|literal| *literal < 0);
        if let Some(locked) = &self.locked {
            let mut unlocked = Vec::new();
            for id in literals.iter().copied().filter(|literal| *literal > 0) {
                if ground.is_installed(id) && locked.has(id) {
                    push_new(&mut best, id);
                } else if locked.has(id) {
                    continue;
                }
                unlocked.push(id);
            }
            unlocked.retain(usable);
            self.view.filter(&mut unlocked, Mode::Recommend);
            unlocked.into_iter().for_each(|id| push_new(&mut best, id));
        }
        let literals: Vec<Id> = negative.chain(best).collect();
        let number = book.rules.push(&literals, Origin::Best(book.job(rule)));
        if flags.has(Flags::WEAK) {
            book.mark_weak(number);
        }
        book.best_of.push(BestOf::Job(rule));
    }

    fn of_upgrade(&self, installed: Id, book: &mut Book<'_>) {
        let orders = self.view.orders;
        let ground = self.view.ground;
        let obeys_policy = ground.has(Setting::BestObeyPolicy);
        let update = book.update(installed);
        let feature = book.feature(installed);
        let rule = if obeys_policy || book.rules.is_empty(feature) { update } else { feature };
        let mut best: Vec<Id> = match orders.special_updaters.get(&installed) {
            Some(others) if rule == update => {
                let itself = book.rules.literals(rule).first().copied().filter(|first| *first == installed);
                itself.into_iter().chain(others.iter().copied()).collect()
            }
            _ => book.rules.positives(rule).collect(),
        };
        let mut unlocked = best.clone();
        self.narrow(installed, &mut best);
        if best.is_empty() {
            return;
        }
        if let Some(locked) = &self.locked {
            if locked.has(installed) {
                push_new(&mut unlocked, installed);
            }
            for id in unlocked.iter().copied().filter(|id| ground.is_installed(*id) && locked.has(*id)) {
                push_new(&mut best, id);
            }
            unlocked.retain(|id| ground.is_installed(*id) || !locked.has(*id));
            self.narrow(installed, &mut unlocked);
            unlocked.into_iter().for_each(|id| push_new(&mut best, id));
        }
        if obeys_policy && !book.rules.is_empty(feature) {
            let mut others: Vec<Id> = book.rules.positives(feature).collect();
            let mut unlocked = others.clone();
            self.narrow(installed, &mut others);
            others.into_iter().for_each(|id| push_new(&mut best, id));
            if let Some(locked) = &self.locked {
                unlocked.retain(|id| ground.is_installed(*id) || !locked.has(*id));
                self.narrow(installed, &mut unlocked);
                unlocked.into_iter().for_each(|id| push_new(&mut best, id));
            }
        }
        let may_go = ground.has(Setting::AllowUninstall) || orders.allow_uninstall.has(installed);
        if !may_go {
            book.rules.push(&best, Origin::BestUpdate(installed));
            book.best_of.push(BestOf::Installed(installed));
            return;
        }
        // It may go, but nothing worse than the best may come: "not the worse one, or the best one as well".
        let all: Vec<Id> = book.rules.positives(book.feature_or_update(installed)).collect();
        for worse in all.into_iter().filter(|id| !best.contains(id)) {
            book.rules.push_parts(-worse, &best, Origin::BestUpdate(installed));
            book.best_of.push(BestOf::Installed(installed));
        }
    }

    fn narrow(&self, installed: Id, list: &mut Vec<Id>) {
        let orders = self.view.orders;
        list.retain(|id| orders.is_target(installed, *id));
        if orders.dup_involved.is_listed(installed) {
            list.retain(|id| orders.dup.is_listed(*id));
        }
        self.view.filter(list, Mode::Recommend);
    }
}

fn push_new(list: &mut Vec<Id>, id: Id) {
    if !list.contains(&id) {
        list.push(id);
    }
}
