//! Jobs, in; the policy rules that they override, out: who asks for another architecture, an older version or the
//! removal of a package does not want the rule that says the opposite.

use crate::installed::upgrades::{self, Illegal};
use crate::jobs::settings::Setting;
use crate::jobs::{Action, Flags, Job, Select};
use crate::packages::universe::Id;
use crate::rules::RuleId;
use crate::rules::book::BestOf;
use crate::search::Search;

/// A policy rule, or several, that a job overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// What keeps an installed package.
    Update(Id),
    /// What prefers an architecture of the name of this package.
    Architecture(Id),
    /// What a distribution upgrade says of the name of this package.
    DistributionUpgrade(Id),
    /// What blacklists this package.
    Blacklist(Id),
    /// What prefers a repository for the name of this package.
    Priority(Id),
}

impl Search<'_, '_, '_> {
    /// Switches off what enabled jobs override.
    pub(crate) fn override_policies(&mut self) {
        let mut policies: Vec<Policy> =
            self.live_jobs().into_iter().flat_map(|job| self.overridden(job)).collect();
        if self.orders.clean {
            self.unneeded = self.find_unneeded();
            policies.extend(self.unneeded.iter().copied().map(Policy::Update));
        }
        self.not_updated = crate::rules::marks::Marks::default();
        for policy in policies {
            self.switch(policy, false);
        }
    }

    /// A job was given up: switches on what it alone had overridden.
    pub(crate) fn restore_overridden_by(&mut self, job: usize) {
        let mut policies = self.overridden(job);
        if self.orders.clean && !policies.is_empty() {
            self.unneeded = self.find_unneeded();
            policies.retain(|policy| !matches!(policy, Policy::Update(id) if self.unneeded.contains(id)));
        }
        for other in self.live_jobs() {
            let others = self.overridden(other);
            policies.retain(|policy| !others.contains(policy));
        }
        for policy in policies {
            self.switch(policy, true);
        }
    }

    /// An installed package turned out to be needed: switches its update rule on, unless a job overrides that.
    pub(crate) fn restore_needed(&mut self, installed: Id) {
        let overridden = self.live_jobs().into_iter().flat_map(|job| self.overridden(job));
        if !overridden.collect::<Vec<_>>().contains(&Policy::Update(installed)) {
            self.switch(Policy::Update(installed), true);
        }
    }

    fn live_jobs(&self) -> Vec<usize> {
        let rules = self.book.jobs.clone().filter(|rule| self.book.rules.is_enabled(*rule));
        let mut jobs: Vec<usize> = rules.map(|rule| self.book.job(rule)).collect();
        jobs.dedup();
        jobs
    }

    fn overridden(&self, job: usize) -> Vec<Policy> {
        let job = &self.orders.jobs[job];
        match job.action {
            Action::Install => self.overridden_by_install(job),
            Action::Erase => self.overridden_by_erase(job),
            Action::Lock => self.overridden_by_lock(job),
            _ => Vec::new(),
        }
    }

    fn overridden_by_install(&self, job: &Job) -> Vec<Policy> {
        let ground = self.ground;
        let set = job.chosen_on_purpose();
        let mut policies = Vec::new();
        if set == Flags::default() {
            return policies;
        }
        let of_names = |policies: &mut Vec<Policy>, make: fn(Id) -> Policy, applies: &dyn Fn(Id) -> bool| {
            let mut told: Vec<Id> = Vec::new();
            for id in job.packages.iter().copied() {
                if !told.iter().any(|other| ground.same_name_as(id, *other)) && applies(id) {
                    told.push(id);
                    policies.push(make(id));
                }
            }
        };
        let is_first_of = |section: &std::ops::Range<RuleId>, id: Id| {
            section.clone().any(|rule| self.book.rules.literals(rule).first() == Some(&-id))
        };
        if set.has(Flags::SET_ARCHITECTURE) {
            let applies = |id| is_first_of(&self.book.architectures, id);
            of_names(&mut policies, Policy::Architecture, &applies);
        }
        if set.has(Flags::SET_REPOSITORY) {
            if !self.book.distribution_upgrades.is_empty() {
                of_names(&mut policies, Policy::DistributionUpgrade, &|_| true);
            }
            if !self.book.priorities.is_empty() {
                of_names(&mut policies, Policy::Priority, &|_| true);
            }
        }
        if set.has(Flags::SET_EVR) && !self.book.blacklist.is_empty() {
            policies.extend(job.packages.iter().copied().map(Policy::Blacklist));
        }
        if ground.has_installed() {
            policies.extend(self.updates_overridden_by_install(job, set));
        }
        policies
    }

    /// The installed packages that every candidate of the job would replace, where an upgrade could not.
    fn updates_overridden_by_install(&self, job: &Job, set: Flags) -> Vec<Policy> {
        let ground = self.ground;
        let everything = Flags::SET_EVR.and(Flags::SET_ARCHITECTURE).and(Flags::SET_VENDOR);
        if job.select == Select::Package
            && let [only] = job.packages[..]
            && ground.is_installed(only)
            && !self.book.best_of.is_empty()
            && set.has(everything)
        {
            let has_best = self.book.best_of.contains(&BestOf::Installed(only));
            return if has_best { vec![Policy::Update(only)] } else { Vec::new() };
        }
        let keeps_explicit = ground.has(Setting::KeepExplicitObsoletes);
        let replaces_nothing =
            |id: &Id| ground.is_installed(*id) || ground.side_by_side(*id) && !keeps_explicit;
        if job.packages.iter().any(replaces_nothing) {
            return Vec::new();
        }
        let mut replaced: Option<Vec<Id>> = None;
        for id in &job.packages {
            let by_this = self.replaced_by(*id);
            match &mut replaced {
                None => replaced = Some(by_this),
                Some(common) => common.retain(|installed| by_this.contains(installed)),
            }
        }
        let mut replaced = replaced.unwrap_or_default();
        if !set.has(everything) {
            replaced.retain(|installed| {
                job.packages.iter().all(|id| !self.is_unwanted_change(*installed, *id, set))
            });
        }
        replaced.into_iter().map(Policy::Update).collect()
    }

    /// Whether the job did not ask for what putting one package in the place of another changes.
    fn is_unwanted_change(&self, installed: Id, id: Id, set: Flags) -> bool {
        let mut illegal = upgrades::illegal(self.ground, &self.orders, installed, id);
        illegal.downgrade &= !set.has(Flags::SET_EVR);
        illegal.name &= !set.has(Flags::SET_NAME);
        illegal.architecture &= !set.has(Flags::SET_ARCHITECTURE);
        illegal.vendor &= !set.has(Flags::SET_VENDOR);
        let only_downgrade = illegal == Illegal { downgrade: true, ..Illegal::NOTHING };
        if only_downgrade && set.has(Flags::SET_EV) {
            let (old, new) = (&self.ground.nevra(installed).evr, &self.ground.nevra(id).evr);
            let other_version =
                old.epoch != new.epoch || rpm_model::rpmvercmp(&old.version, &new.version).is_ne();
            illegal.downgrade &= !other_version;
        }
        illegal.any()
    }

    /// Installed packages that installing one would replace.
    pub(crate) fn replaced_by(&self, id: Id) -> Vec<Id> {
        let ground = self.ground;
        let mut replaced = Vec::new();
        if !ground.has(Setting::KeepExplicitObsoletes) || !ground.side_by_side(id) {
            replaced.extend(ground.installed_namesakes(id).filter(|other| ground.colors_meet(id, *other)));
        }
        for (_, list) in ground.obsoleted_by(id) {
            replaced.extend(list.into_iter().filter(|other| ground.is_installed(*other)));
        }
        let mut known = std::collections::BTreeSet::new();
        replaced.retain(|other| known.insert(*other));
        replaced
    }

    fn overridden_by_erase(&self, job: &Job) -> Vec<Policy> {
        let ground = self.ground;
        let mut set = job.flags;
        let colors = ground.has(Setting::ImplicitObsoletesUseColors) && !self.book.architectures.is_empty();
        if !set.has(Flags::NO_AUTO_SET) {
            let by_form = match job.select {
                Select::Package => true,
                Select::Name(shape) | Select::Provides(shape) => shape.architecture,
                _ => false,
            };
            if by_form {
                set = set.and(Flags::SET_ARCHITECTURE);
            }
        }
        if job.means_all_installed(ground.universe) {
            return ground.installed.clone().map(Policy::Update).collect();
        }
        let mut policies = Vec::new();
        for id in job.packages.iter().copied().filter(|id| ground.is_installed(*id)) {
            policies.push(Policy::Update(id));
            if set.has(Flags::SET_ARCHITECTURE) && colors && self.is_in_step(id) {
                policies.push(Policy::Architecture(id));
            }
        }
        policies
    }

    /// Whether an installed package is the better twin of another installed one.
    fn is_in_step(&self, installed: Id) -> bool {
        self.book.architectures.clone().any(|rule| {
            let literals = self.book.rules.literals(rule);
            literals.first().is_some_and(|first| self.ground.is_installed(-first))
                && literals.contains(&installed)
        })
    }

    fn overridden_by_lock(&self, job: &Job) -> Vec<Policy> {
        let ground = self.ground;
        let locked: Vec<Id> = if job.means_all_installed(ground.universe) {
            ground.installed.clone().collect()
        } else {
            job.packages.iter().copied().filter(|id| ground.is_installed(*id)).collect()
        };
        let mut names: Vec<Id> = Vec::new();
        for id in locked {
            if !names.iter().any(|other| ground.same_name_as(id, *other)) {
                names.push(id);
            }
        }
        names.into_iter().map(Policy::DistributionUpgrade).collect()
    }

    fn switch(&mut self, policy: Policy, on: bool) {
        match policy {
            Policy::Update(installed) => self.switch_update(installed, on),
            Policy::Architecture(id) => self.switch_name(self.book.architectures.clone(), id, on),
            Policy::DistributionUpgrade(id) => {
                self.switch_name(self.book.distribution_upgrades.clone(), id, on);
            }
            Policy::Priority(id) => self.switch_name(self.book.priorities.clone(), id, on),
            Policy::Blacklist(id) => {
                for rule in self.book.blacklist.clone() {
                    if self.book.rules.literals(rule) == [-id] {
                        self.book.rules.set_enabled(rule, on);
                    }
                }
            }
        }
    }

    fn switch_name(&mut self, section: std::ops::Range<RuleId>, id: Id, on: bool) {
        for rule in section {
            let first = self.book.rules.literals(rule)[0].abs();
            if self.ground.same_name_as(first, id) {
                self.book.rules.set_enabled(rule, on);
            }
        }
    }

    fn switch_update(&mut self, installed: Id, on: bool) {
        let (update, feature) = (self.book.update(installed), self.book.feature(installed));
        if on {
            self.not_updated.remove(installed);
            let rule = if self.book.rules.is_empty(update) { feature } else { update };
            self.book.rules.set_enabled(rule, true);
        } else {
            self.not_updated.insert(installed);
            for rule in [update, feature] {
                if !self.book.rules.is_empty(rule) {
                    self.book.rules.set_enabled(rule, false);
                }
            }
        }
        for (place, of) in self.book.best_of.iter().enumerate() {
            if *of == BestOf::Installed(installed) {
                self.book.rules.set_enabled(self.book.bests.start + place, on);
            }
        }
    }
}
