//! Rules that cannot hold together, in; the ones to give up, or a refutation, out.

use crate::jobs::Flags;
use crate::jobs::settings::Setting;
use crate::packages::universe::{Id, SYSTEM, to_index};
use crate::rules::RuleId;
use crate::rules::book::BestOf;
use crate::search::{Choice, Refuted, Search, Why};

/// What can be given up to solve a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// All rules of a job.
    Job(usize),
    /// One rule, or the rules of one section about one name.
    Rule(RuleId),
}

impl Search<'_, '_, '_> {
    /// Decides what single-literal rules say, first the firm ones, then the weak ones; level 1, unless that fails.
    pub(crate) fn start(&mut self) -> Result<(), Refuted> {
        self.choices = vec![Choice::None, Choice::None];
        self.decide(SYSTEM, 1, Why::Free(0));
        'again: loop {
            self.forget_after_system();
            for place in 0..self.assertions.len() {
                let rule = self.assertions[place];
                if self.book.is_weak(rule) && rule < self.book.learnt_start {
                    continue;
                }
                if let Some(literal) = self.contradicted(rule) {
                    if rule >= self.book.learnt_start {
                        self.book.rules.set_enabled(rule, false);
                        continue;
                    }
                    self.give_up_assertion(rule, literal)?;
                    self.adapt_learnt();
                    continue 'again;
                }
            }
            for place in 0..self.assertions.len() {
                let rule = self.assertions[place];
                let weak = rule < self.book.learnt_start && self.book.is_weak(rule);
                if weak && self.contradicted(rule).is_some() {
                    self.fix(rule);
                    self.adapt_learnt();
                    continue 'again;
                }
            }
            return Ok(());
        }
    }

    fn forget_after_system(&mut self) {
        for literal in self.queue.drain(1..) {
            self.decision[to_index(literal.abs())] = 0;
        }
        self.why.truncate(1);
        self.propagated = 0;
    }

    /// Decides what a rule says; its literal, if the opposite is decided already.
    fn contradicted(&mut self, rule: RuleId) -> Option<Id> {
        if !self.book.rules.is_enabled(rule) {
            return None;
        }
        let [literal] = *self.book.rules.literals(rule) else { return None };
        if self.is_open(literal.abs()) {
            self.decide(literal, 1, Why::Rule(rule));
        }
        self.is_false(literal).then_some(literal)
    }

    /// Two rules say the opposite of each other.
    fn give_up_assertion(&mut self, rule: RuleId, literal: Id) -> Result<(), Refuted> {
        let place = self.queue.iter().position(|decided| *decided == -literal);
        let other = match place.map(|place| self.why[place]) {
            Some(Why::Rule(other)) => Some(other),
            _ => None,
        };
        let keeps = |search: &Self, rule: RuleId| {
            search.book.features.contains(&rule) || search.book.updates.contains(&rule)
        };
        let mut culprits = Vec::new();
        let mut about_installed = false;
        match other {
            Some(other) if other >= self.book.packages_end => {
                for rule in self.book.packages_end..self.book.learnt_start {
                    let same = matches!(*self.book.rules.literals(rule), [one] if one.abs() == literal.abs());
                    if same && self.book.rules.is_enabled(rule) && !self.book.is_weak(rule) {
                        push_new(&mut culprits, self.culprit(rule));
                        about_installed |= keeps(self, rule);
                    }
                }
            }
            _ => {
                culprits.push(self.culprit(rule));
                about_installed = keeps(self, rule);
            }
        }
        if about_installed && self.uninstall_one_of(&culprits) {
            return Ok(());
        }
        let rules: Vec<RuleId> = std::iter::once(rule).chain(other).collect();
        self.record(culprits, rules)
    }

    /// A rule is broken at level 1: gives up weak rules that led there; else uninstalls where that is allowed; else
    /// gives up the jobs where that is allowed; level 0, from which to start again.
    pub(crate) fn give_up(&mut self, broken: RuleId) -> Result<i32, Refuted> {
        let rules = self.led_to(broken);
        let weak: Vec<RuleId> = rules.iter().copied().filter(|rule| self.book.is_weak(*rule)).collect();
        if !weak.is_empty() {
            self.give_up_weak(&weak);
            self.reset();
            return Ok(0);
        }
        let mut culprits = Vec::new();
        for rule in rules.iter().copied().filter(|rule| *rule >= self.book.packages_end) {
            push_new(&mut culprits, self.culprit(rule));
        }
        if !self.uninstall_one_of(&culprits) {
            self.record(culprits, rules)?;
        }
        self.reset();
        Ok(0)
    }

    fn record(&mut self, culprits: Vec<Culprit>, mut rules: Vec<RuleId>) -> Result<(), Refuted> {
        rules.sort_unstable();
        rules.dedup();
        if !self.gives_up_jobs || culprits.is_empty() {
            return Err(Refuted(rules));
        }
        for culprit in culprits {
            self.set_enabled(culprit, false);
        }
        self.troubles += 1;
        Ok(())
    }

    /// All rules, learnt ones replaced by what they follow from, that led to a rule broken at level 1; in the order in
    /// which they are come across.
    fn led_to(&self, broken: RuleId) -> Vec<RuleId> {
        let mut involved = vec![false; self.decision.len()];
        let mut used = vec![false; self.book.rules.end()];
        let mut found = Vec::new();
        self.follow(broken, &mut used, &mut found);
        self.involve(broken, &mut involved);
        for place in (0..self.queue.len()).rev() {
            if let Why::Rule(rule) = self.why[place]
                && involved[to_index(self.queue[place].abs())]
            {
                self.follow(rule, &mut used, &mut found);
                self.involve(rule, &mut involved);
            }
        }
        found
    }

    fn follow(&self, rule: RuleId, used: &mut [bool], found: &mut Vec<RuleId>) {
        let mut open = vec![rule];
        while let Some(rule) = open.pop() {
            if std::mem::replace(&mut used[rule], true) {
                continue;
            }
            match rule.checked_sub(self.book.learnt_start) {
                Some(place) => open.extend(self.learnt_from[place].iter().rev()),
                None => found.push(rule),
            }
        }
    }

    fn involve(&self, rule: RuleId, involved: &mut [bool]) {
        for literal in self.book.rules.literals(rule) {
            involved[to_index(literal.abs())] = true;
        }
    }

    /// Gives up the last of the weak rules; all recommendations among them when the last is one.
    fn give_up_weak(&mut self, weak: &[RuleId]) {
        let is_recommendation = |rule: &RuleId| self.book.recommendations.contains(rule);
        let is_soft = |rule: &RuleId| is_recommendation(rule) || self.book.soft.contains(rule);
        let mut last = weak.iter().copied().max().unwrap_or(0);
        if is_recommendation(&last) {
            let others = weak.iter().copied().filter(|rule| !self.book.recommendations.contains(rule));
            let others = others.filter(|rule| *rule < self.book.recommendations.start);
            last = others.max().unwrap_or(0);
        }
        if last < self.book.packages_end && (last == 0 || is_soft(&last)) {
            let given_up: Vec<RuleId> = weak.iter().copied().filter(is_soft).collect();
            given_up.into_iter().for_each(|rule| self.book.rules.set_enabled(rule, false));
        } else if self.book.choices.contains(&last) {
            self.give_up_choice(last);
        } else {
            self.fix(last);
        }
    }

    /// Gives up a narrowed requirement, and all others that shut out the same packages.
    pub(crate) fn give_up_choice(&mut self, rule: RuleId) {
        self.book.rules.set_enabled(rule, false);
        let original = |search: &Self, rule: RuleId| search.book.choice_of[rule - search.book.choices.start];
        let kept: Vec<Id> = self.book.rules.positives(rule).collect();
        let shut_out: Vec<Id> =
            self.book.rules.positives(original(self, rule)).filter(|id| !kept.contains(id)).collect();
        for other in self.book.choices.clone() {
            let concerned = self.book.rules.positives(original(self, other)).any(|id| shut_out.contains(&id));
            if concerned {
                self.book.rules.set_enabled(other, false);
            }
        }
    }

    /// Gives up whatever a rule belongs to, and brings back what that had overridden.
    fn fix(&mut self, rule: RuleId) {
        let culprit = self.culprit(rule);
        self.set_enabled(culprit, false);
        if let Culprit::Job(job) = culprit {
            self.restore_overridden_by(job);
        }
    }

    /// What has to be given up for a rule not to count.
    fn culprit(&self, rule: RuleId) -> Culprit {
        let book = &self.book;
        if book.jobs.contains(&rule) {
            return Culprit::Job(book.job(rule));
        }
        if book.bests.contains(&rule)
            && let BestOf::Job(of) = book.best_of[rule - book.bests.start]
        {
            return Culprit::Job(book.job(of));
        }
        for section in [&book.architectures, &book.distribution_upgrades] {
            if section.contains(&rule) {
                let same = |other: &RuleId| self.is_about_same_name(*other, rule);
                return Culprit::Rule((section.start..=rule).rev().take_while(same).last().unwrap_or(rule));
            }
        }
        Culprit::Rule(rule)
    }

    fn is_about_same_name(&self, a: RuleId, b: RuleId) -> bool {
        let first = |rule: RuleId| self.book.rules.literals(rule)[0].abs();
        self.ground.same_name_as(first(a), first(b))
    }

    fn set_enabled(&mut self, culprit: Culprit, enabled: bool) {
        let mut rules: Vec<RuleId> = Vec::new();
        match culprit {
            Culprit::Job(job) => {
                let book = &self.book;
                rules.extend(book.jobs.clone().filter(|rule| book.job(*rule) == job));
                rules.extend(book.bests.clone().filter(|rule| {
                    matches!(book.best_of[rule - book.bests.start], BestOf::Job(of) if book.job(of) == job)
                }));
            }
            Culprit::Rule(rule) => {
                let sections = [&self.book.architectures, &self.book.distribution_upgrades];
                match sections.into_iter().find(|section| section.contains(&rule)) {
                    Some(section) => {
                        let same = |other: &RuleId| self.is_about_same_name(*other, rule);
                        rules.extend((rule..section.end).take_while(same));
                    }
                    None => rules.push(rule),
                }
            }
        }
        rules.into_iter().for_each(|rule| self.book.rules.set_enabled(rule, enabled));
    }

    /// Lets an installed package go whose update rule is part of the problem, if it may.
    fn uninstall_one_of(&mut self, culprits: &[Culprit]) -> bool {
        let any = self.ground.has(Setting::AllowUninstall) || self.orders.allow_uninstall.is_all();
        if !any && self.orders.allow_uninstall.is_empty() {
            return false;
        }
        let (mut last_update, mut last_feature) = (None, None);
        for culprit in culprits {
            let Culprit::Rule(rule) = *culprit else { continue };
            if !self.book.updates.contains(&rule) {
                continue;
            }
            let installed = self.book.installed_of_update(rule);
            let may_go = (any || self.orders.allow_uninstall.has(installed))
                && !self.ground.is_excluded(installed)
                && !culprits.iter().any(|other| self.is_best_of(*other, installed));
            if !may_go {
                continue;
            }
            if !self.book.rules.is_empty(self.book.feature(installed)) {
                last_update = last_update.max(Some(rule));
                continue;
            }
            last_feature = last_feature.max(Some(rule));
            // An orphan goes first.
            let orphan = self.book.rules.literals(rule) == [installed];
            if orphan && self.ground.has(Setting::KeepOrphans) {
                (last_update, last_feature) = (None, Some(rule));
                break;
            }
        }
        let Some(rule) = last_update.or(last_feature) else { return false };
        self.book.rules.set_enabled(rule, false);
        let jobs: Vec<usize> = culprits.iter().filter_map(|culprit| culprit.job()).collect();
        let clean = !jobs.is_empty() && jobs.iter().all(|job| self.orders.jobs[*job].flags.has(Flags::CLEAN));
        if clean && self.orders.clean {
            let installed = self.book.installed_of_update(rule);
            if !self.orders.clean_updates.contains(&installed) {
                self.orders.clean_updates.push(installed);
                self.override_policies();
            }
        }
        true
    }

    fn is_best_of(&self, culprit: Culprit, installed: Id) -> bool {
        let Culprit::Rule(rule) = culprit else { return false };
        self.book.bests.contains(&rule)
            && self.book.best_of[rule - self.book.bests.start] == BestOf::Installed(installed)
    }
}

impl Culprit {
    pub(crate) fn job(self) -> Option<usize> {
        match self {
            Culprit::Job(job) => Some(job),
            Culprit::Rule(_) => None,
        }
    }
}

fn push_new(list: &mut Vec<Culprit>, culprit: Culprit) {
    if !list.contains(&culprit) {
        list.push(culprit);
    }
}
