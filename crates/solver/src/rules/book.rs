//! A ground and orders, in; every rule of one solve, in libsolv's sequence, out.

use std::ops::Range;

use crate::ground::Ground;
use crate::jobs::Action;
use crate::jobs::orders::Orders;
use crate::jobs::settings::Setting;
use crate::packages::universe::{Id, to_index};
use crate::rules::architectures;
use crate::rules::best;
use crate::rules::choices;
use crate::rules::dependencies;
use crate::rules::jobs;
use crate::rules::keep;
use crate::rules::policies;
use crate::rules::{RuleId, Rules};

/// The rules, with what has to be known of them by their number.
#[derive(Debug)]
pub(crate) struct Book<'u> {
    pub(crate) rules: Rules<'u>,
    installed: Range<Id>,
    /// Rules below are what packages say.
    pub(crate) packages_end: RuleId,
    pub(crate) features: Range<RuleId>,
    pub(crate) updates: Range<RuleId>,
    pub(crate) jobs: Range<RuleId>,
    pub(crate) architectures: Range<RuleId>,
    pub(crate) distribution_upgrades: Range<RuleId>,
    pub(crate) bests: Range<RuleId>,
    pub(crate) replacements: Range<RuleId>,
    pub(crate) blacklist: Range<RuleId>,
    pub(crate) recommendations: Range<RuleId>,
    pub(crate) priorities: Range<RuleId>,
    pub(crate) choices: Range<RuleId>,
    /// Rules from here on were learnt.
    pub(crate) learnt_start: RuleId,
    /// By rule of a job: the job.
    pub(crate) job_of: Vec<usize>,
    /// By rule of `bests`: what it is about.
    pub(crate) best_of: Vec<BestOf>,
    /// By rule of `choices`: the requirement that it narrows.
    pub(crate) choice_of: Vec<RuleId>,
    /// Rules made from recommendations.
    pub(crate) soft: Vec<RuleId>,
    /// By rule: given up when it cannot hold.
    pub(crate) weak: Vec<bool>,
}

/// What a best version is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BestOf {
    /// A job, by one of its rules.
    Job(RuleId),
    /// The upgrade of an installed package.
    Installed(Id),
}

impl<'u> Book<'u> {
    /// Rules that stand for nothing but themselves.
    pub(crate) fn plain(rules: Rules<'u>) -> Self {
        let end = rules.end();
        let nothing = end..end;
        Book {
            rules,
            installed: 0..0,
            packages_end: end,
            features: nothing.clone(),
            updates: nothing.clone(),
            jobs: nothing.clone(),
            architectures: nothing.clone(),
            distribution_upgrades: nothing.clone(),
            bests: nothing.clone(),
            replacements: nothing.clone(),
            blacklist: nothing.clone(),
            recommendations: nothing.clone(),
            priorities: nothing.clone(),
            choices: nothing,
            learnt_start: end,
            job_of: Vec::new(),
            best_of: Vec::new(),
            choice_of: Vec::new(),
            soft: Vec::new(),
            weak: vec![false; end],
        }
    }

    /// All rules of the orders; which packages are considered is known only here, so this completes the orders.
    pub(crate) fn write(ground: &Ground<'u, '_>, orders: &mut Orders) -> Self {
        let installs = orders.jobs.iter().filter(|job| job.action == Action::Install);
        let start: Vec<Id> = installs.flat_map(|job| job.candidates()).collect();
        let (rules, considered) = dependencies::package_rules(ground, &start, &orders.fix);
        let mut book = Book::plain(rules);
        book.installed = ground.installed.clone();
        book.soft = (1..book.rules.end()).filter(|rule| book.rules.get(*rule).soft).collect();
        for rule in book.soft.clone() {
            book.mark_weak(rule);
        }
        if orders.jobs.iter().any(|job| job.action == Action::DistributionUpgrade) {
            orders.process_orphans |= orders.asks_all_to_upgrade();
            orders.read_distribution_upgrades(ground);
        }
        book.features = book.section(|book| keep::features(ground, orders, book));
        book.updates = book.section(|book| keep::updates(ground, orders, book));
        book.jobs = book.section(|book| jobs::write(ground, orders, &start, book));
        orders.read_preferences(ground);
        if !ground.has(Setting::NoArchitectureCheck) {
            book.architectures = book.section(|book| architectures::write(ground, orders, &considered, book));
        }
        if !orders.dup_involved.is_empty() {
            book.distribution_upgrades =
                book.section(|book| policies::distribution_upgrades(ground, orders, &considered, book));
        }
        book.bests = book.section(|book| best::write(ground, orders, book));
        if ground.has(Setting::YumObsoletes) && ground.has_installed() {
            book.replacements = book.section(|book| policies::replaced_together(ground, book));
        }
        book.blacklist = book.section(|book| policies::blacklist(ground, orders, book));
        if orders.has_disfavored && !book.soft.is_empty() {
            book.recommendations = book.section(|book| policies::recommendations(orders, book));
        }
        if ground.has(Setting::StrictRepositoryPriority) {
            book.priorities = book.section(|book| policies::priorities(ground, &considered, book));
        }
        if ground.has_installed() {
            book.choices = book.section(|book| choices::write(ground, orders, book));
        }
        book.learnt_start = book.rules.end();
        book.weak.resize(book.learnt_start, false);
        orders.clean |= !orders.clean_updates.is_empty();
        book
    }

    fn section(&mut self, write: impl FnOnce(&mut Self)) -> Range<RuleId> {
        let start = self.rules.end();
        write(self);
        start..self.rules.end()
    }

    pub(crate) fn mark_weak(&mut self, rule: RuleId) {
        if self.weak.len() <= rule {
            self.weak.resize(rule + 1, false);
        }
        self.weak[rule] = true;
    }

    pub(crate) fn is_weak(&self, rule: RuleId) -> bool {
        self.weak.get(rule).copied().unwrap_or(false)
    }

    /// The rule that keeps an installed package or anything that replaces it.
    pub(crate) fn feature(&self, installed: Id) -> RuleId {
        self.features.start + to_index(installed - self.installed.start)
    }

    /// The rule that keeps an installed package or what an upgrade may choose.
    pub(crate) fn update(&self, installed: Id) -> RuleId {
        self.updates.start + to_index(installed - self.installed.start)
    }

    /// The update rule, or the feature rule where there is none.
    pub(crate) fn update_or_feature(&self, installed: Id) -> Option<RuleId> {
        [self.update(installed), self.feature(installed)].into_iter().find(|rule| !self.rules.is_empty(*rule))
    }

    /// The feature rule, or the update rule where both say the same.
    pub(crate) fn feature_or_update(&self, installed: Id) -> RuleId {
        let feature = self.feature(installed);
        if self.rules.is_empty(feature) { self.update(installed) } else { feature }
    }

    /// The installed package that an update rule is about.
    pub(crate) fn installed_of_update(&self, rule: RuleId) -> Id {
        self.installed.start + crate::packages::universe::to_id(rule - self.updates.start)
    }

    /// The job that a rule of a job belongs to.
    pub(crate) fn job(&self, rule: RuleId) -> usize {
        self.job_of[rule - self.jobs.start]
    }
}
