//! Jobs, in; what they ask of each installed package, out.

use std::collections::{BTreeMap, BTreeSet};

use crate::ground::Ground;
use crate::jobs::settings::Setting;
use crate::jobs::{Action, Flags, Job, Select};
use crate::packages::universe::{Id, SYSTEM};
use crate::rules::marks::Marks;

/// What the jobs ask, package by package.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) jobs: Vec<Job>,
    /// To be repaired.
    pub(crate) fix: Marks,
    /// To be upgraded.
    pub(crate) update: Marks,
    /// To be upgraded to the best version and to no other.
    pub(crate) best_update: Marks,
    pub(crate) drop_orphaned: Marks,
    pub(crate) allow_uninstall: Marks,
    /// Subject to a distribution upgrade.
    pub(crate) dup_involved: Marks,
    /// Good to install or keep in a distribution upgrade.
    pub(crate) dup: Marks,
    pub(crate) exclude_from_weak: Marks,
    /// By id: how much a job prefers it; later jobs weigh more.
    pub(crate) favor: Option<Vec<i32>>,
    pub(crate) has_disfavored: bool,
    /// By installed package: what it is to be upgraded to.
    pub(crate) update_targets: BTreeMap<Id, BTreeSet<Id>>,
    /// Installed packages that are upgraded and may leave something unneeded behind.
    pub(crate) clean_updates: Vec<Id>,
    /// Whether unneeded packages go.
    pub(crate) clean: bool,
    /// By installed package: newer versions that would be installed beside it.
    pub(crate) special_updaters: BTreeMap<Id, Vec<Id>>,
    /// Installed packages that no repository has.
    pub(crate) orphaned: Vec<Id>,
    pub(crate) process_orphans: bool,
}

impl Orders {
    /// Reads what has to be known before any rule is made.
    pub(crate) fn new(ground: &Ground<'_, '_>, jobs: Vec<Job>) -> Self {
        let mut orders = Orders { jobs, ..Orders::default() };
        let jobs = std::mem::take(&mut orders.jobs);
        if ground.has_installed() {
            for job in &jobs {
                orders.read(ground, job);
            }
            for installed in orders.update_targets.keys() {
                orders.update.insert(*installed);
            }
        }
        orders.jobs = jobs;
        orders
    }

    fn read(&mut self, ground: &Ground<'_, '_>, job: &Job) {
        let all = job.means_all_installed(ground.universe);
        let marks = match job.action {
            Action::Update => return self.read_update(ground, job),
            Action::Verify => &mut self.fix,
            Action::DropOrphaned => &mut self.drop_orphaned,
            Action::AllowUninstall => &mut self.allow_uninstall,
            _ => return,
        };
        if all {
            marks.insert_all();
        }
        job.packages.iter().filter(|id| ground.is_installed(**id)).for_each(|id| marks.insert(*id));
    }

    fn read_update(&mut self, ground: &Ground<'_, '_>, job: &Job) {
        let targeted = job.flags.has(Flags::TARGETED);
        let all = match job.repository() {
            None => job.means_all_installed(ground.universe),
            Some(_) => job.means_all_installed(ground.universe) && !targeted,
        };
        if all {
            self.update.insert_all();
            if job.flags.has(Flags::BEST) {
                self.best_update.insert_all();
            }
            if job.flags.has(Flags::CLEAN) {
                ground.installed.clone().for_each(|id| self.add_clean_update(id));
            }
            return;
        }
        if job.repository().is_some() {
            if targeted || !ground.has(Setting::NoAutoTarget) {
                for id in job.all_packages(ground.universe) {
                    self.add_target(ground, id, job.flags);
                }
            }
            return;
        }
        let mut as_targets = true;
        if !targeted {
            for id in job.packages.iter().copied().filter(|id| ground.is_installed(*id)) {
                self.update.insert(id);
                self.note_update(id, job.flags);
                as_targets = false;
            }
            as_targets &= !ground.has(Setting::NoAutoTarget);
        }
        if as_targets {
            for id in &job.packages {
                self.add_target(ground, *id, job.flags);
            }
        }
    }

    fn note_update(&mut self, installed: Id, flags: Flags) {
        if flags.has(Flags::BEST) {
            self.best_update.insert(installed);
        }
        if flags.has(Flags::CLEAN) {
            self.add_clean_update(installed);
        }
    }

    pub(crate) fn add_clean_update(&mut self, installed: Id) {
        if !self.clean_updates.contains(&installed) {
            self.clean_updates.push(installed);
        }
    }

    /// Whatever a package would take the place of is to be upgraded to it.
    fn add_target(&mut self, ground: &Ground<'_, '_>, target: Id, flags: Flags) {
        let namesakes = ground.installed_namesakes(target).filter(|other| ground.colors_meet(target, *other));
        if ground.is_installed(target) {
            self.update_targets.entry(target).or_default().insert(target);
            for other in namesakes {
                self.update_targets.entry(other).or_default().insert(target);
            }
            return;
        }
        let mut replaced: Vec<Id> = namesakes.collect();
        let identical = replaced.iter().copied().rfind(|other| ground.identical(target, *other));
        for (_, list) in ground.obsoleted_by(target) {
            let others = list.into_iter();
            replaced.extend(
                others.filter(|other| ground.is_installed(*other) && !ground.same_name_as(target, *other)),
            );
        }
        for other in replaced {
            self.note_update(other, flags);
            let targets = self.update_targets.entry(other).or_default();
            targets.insert(target);
            // What is installed already is as good as its like in a repository.
            targets.extend(identical);
        }
    }

    /// Whether a distribution upgrade is about everything.
    pub(crate) fn asks_all_to_upgrade(&self) -> bool {
        let everything = |job: &Job| job.action == Action::DistributionUpgrade && job.select == Select::All;
        self.jobs.iter().any(everything)
    }

    /// Finds what a distribution upgrade is about.
    pub(crate) fn read_distribution_upgrades(&mut self, ground: &Ground<'_, '_>) {
        let jobs = std::mem::take(&mut self.jobs);
        for job in jobs.iter().filter(|job| job.action == Action::DistributionUpgrade) {
            self.read_distribution_upgrade(ground, job);
        }
        self.jobs = jobs;
        self.dup_involved.remove(SYSTEM);
        if self.dup_involved.is_all() {
            self.update.insert_all();
        } else if !self.update.is_all() {
            let involved = ground.installed.clone().filter(|id| self.dup_involved.has(*id));
            involved.collect::<Vec<_>>().into_iter().for_each(|id| self.update.insert(id));
        }
    }

    fn read_distribution_upgrade(&mut self, ground: &Ground<'_, '_>, job: &Job) {
        let stated_targeted = job.flags.has(Flags::TARGETED);
        if let Some(number) = job.repository() {
            let is_installed = ground.universe.installed_number() == Some(number);
            if !is_installed && !stated_targeted && ground.has(Setting::NoAutoTarget) {
                return;
            }
            let targeted = !is_installed || stated_targeted;
            for id in ground.universe.repository_ids(number) {
                if is_installed || ground.installable(id) {
                    self.involve(ground, id, job.flags, targeted);
                }
            }
            return;
        }
        if job.means_all_installed(ground.universe) {
            self.dup_involved.insert_all();
            let good =
                ground.universe.ids().filter(|id| !ground.is_installed(*id) && ground.installable(*id));
            good.for_each(|id| self.dup.insert(id));
            if job.flags.has(Flags::BEST) {
                self.best_update.insert_all();
            }
            if job.flags.has(Flags::CLEAN) {
                ground.installed.clone().for_each(|id| self.add_clean_update(id));
            }
            return;
        }
        let mut targeted = stated_targeted;
        if !targeted && !ground.has(Setting::NoAutoTarget) {
            targeted = !job.packages.iter().any(|id| ground.is_installed(*id));
        }
        for id in job.packages.iter().copied() {
            let usable = ground.is_installed(id) || targeted && ground.installable(id);
            if usable {
                self.involve(ground, id, job.flags, targeted);
            }
        }
    }

    fn involve(&mut self, ground: &Ground<'_, '_>, id: Id, flags: Flags, targeted: bool) {
        self.dup_involved.insert(id);
        if targeted {
            self.dup.insert(id);
        }
        for other in ground.universe.same_name(id).iter().copied() {
            self.involve_namesake(ground, other, flags, targeted);
            if !targeted && !ground.is_installed(other) {
                self.dup.insert(other);
            }
        }
        if ground.is_installed(id) {
            for other in ground.obsoleters(id).iter().copied().filter(|other| !ground.is_installed(*other)) {
                self.dup_involved.insert(other);
                if !targeted {
                    self.dup.insert(other);
                }
            }
        } else if targeted {
            for other in ground.obsoleted_by(id).flat_map(|(_, list)| list) {
                self.involve_namesake(ground, other, flags, targeted);
            }
        }
    }

    fn involve_namesake(&mut self, ground: &Ground<'_, '_>, other: Id, flags: Flags, targeted: bool) {
        self.dup_involved.insert(other);
        if !ground.is_installed(other) {
            return;
        }
        if targeted {
            let replacing = ground.obsoleters(other).iter().copied();
            replacing.filter(|id| !ground.is_installed(*id)).for_each(|id| self.dup_involved.insert(id));
        }
        if flags.has(Flags::BEST) && !self.best_update.is_all() {
            self.best_update.insert(other);
        }
        if flags.has(Flags::CLEAN) {
            self.add_clean_update(other);
        }
    }

    /// Finds what jobs prefer, avoid and keep weak dependencies from.
    pub(crate) fn read_preferences(&mut self, ground: &Ground<'_, '_>) {
        for (number, job) in self.jobs.iter().enumerate() {
            let weight = 2 * i32::try_from(number).unwrap_or(i32::MAX / 4) + 1;
            let weight = match job.action {
                Action::Favor => weight,
                Action::Disfavor => -weight,
                Action::ExcludeFromWeak => {
                    let packages = job.repository().map_or_else(
                        || job.packages.clone(),
                        |number| ground.universe.repository_ids(number).collect(),
                    );
                    packages.into_iter().for_each(|id| self.exclude_from_weak.insert(id));
                    continue;
                }
                _ => continue,
            };
            let favor = self.favor.get_or_insert_with(|| vec![0; ground.universe.table_size()]);
            let packages = match job.repository() {
                Some(_) => job.all_packages(ground.universe),
                None => job.packages.clone(),
            };
            for id in packages {
                favor[crate::packages::universe::to_index(id)] = weight;
                self.has_disfavored |= weight < 0;
            }
        }
    }

    /// Whether the best candidates are narrowed to an upgrade's targets.
    pub(crate) fn is_target(&self, installed: Id, candidate: Id) -> bool {
        self.update_targets.get(&installed).is_none_or(|targets| targets.contains(&candidate))
    }
}
