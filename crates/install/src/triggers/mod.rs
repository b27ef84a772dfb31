//! What is installed and what just came, in; the triggers to run, in rpm's order and with rpm's arguments, out.
//!
//! `lib/psm.cc: runTriggers, runImmedTriggers` and `lib/rpmtriggers.cc`. Nothing here runs anything.

mod files;

use std::collections::BTreeMap;

pub use files::{PriorityClass, transaction_file_triggers};

use crate::files::FileAction;
use crate::package::{PackageContents, Scriptlet, ScriptletKind, TriggerCondition};
use rpm_model::header::dependency_flags;

/// Packages that are installed at one moment, in the order of installation.
#[derive(Clone, Debug, Default)]
pub struct Installed<'a> {
    packages: Vec<InstalledPackage<'a>>,
    counts: BTreeMap<&'a str, usize>,
}

/// An installed package with what became of its files.
#[derive(Clone, Copy, Debug)]
pub struct InstalledPackage<'a> {
    /// What it brought.
    pub contents: &'a PackageContents,
    /// For each of its files.
    pub actions: &'a [FileAction],
}

/// One trigger that fires.
#[derive(Clone, Debug)]
pub struct Firing<'a> {
    /// The package whose trigger it is.
    pub owner: &'a PackageContents,
    /// Which kind of trigger.
    pub kind: ScriptletKind,
    /// What runs.
    pub script: &'a Scriptlet,
    /// `$1`: installed packages of the owner's name.
    pub first_argument: usize,
    /// `$2`: installed packages of the name that fires it; transaction file triggers have none.
    pub second_argument: Option<usize>,
    /// What it reads from standard input; nothing for triggers on packages.
    pub paths: Vec<&'a std::path::Path>,
}

impl<'a> Installed<'a> {
    /// Adds the package that was installed last.
    pub fn push(&mut self, package: InstalledPackage<'a>) {
        *self.counts.entry(&package.contents.nevra.name).or_default() += 1;
        self.packages.push(package);
    }

    /// How many packages of a name there are.
    pub fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// In the order of installation.
    pub fn packages(&self) -> &[InstalledPackage<'a>] {
        &self.packages
    }

    /// %triggerprein: triggers that the coming of `package`, which is not installed yet, sets off.
    pub fn triggers_before(&self, package: &'a PackageContents) -> Vec<Firing<'a>> {
        self.package_triggers(package, ScriptletKind::TriggerPreIn, dependency_flags::TRIGGERPREIN)
    }

    /// %triggerin: triggers that `package`, installed last, sets off.
    pub fn triggers_after(&self, package: &'a PackageContents) -> Vec<Firing<'a>> {
        self.package_triggers(package, ScriptletKind::TriggerIn, dependency_flags::TRIGGERIN)
    }

    /// Those of other packages first, then the package's own, set off by what is there.
    fn package_triggers(
        &self,
        package: &'a PackageContents,
        kind: ScriptletKind,
        sense: u32,
    ) -> Vec<Firing<'a>> {
        let mut firings = Vec::new();
        for owner in &self.packages {
            let condition = fired_condition(owner.contents, package, sense);
            firings.extend(condition.map(|condition| {
                self.firing(owner.contents, kind, condition, self.count(&package.nevra.name))
            }));
        }
        let mut ran = vec![false; package.triggers.scripts.len()];
        for own in &package.triggers.conditions {
            if ran[own.script] {
                continue;
            }
            let name = &own.capability.name;
            for source in self.packages.iter().filter(|source| &source.contents.nevra.name == name) {
                let Some(condition) = fired_condition(package, source.contents, sense) else { continue };
                if !std::mem::replace(&mut ran[condition.script], true) {
                    firings.push(self.firing(package, kind, condition, self.count(name)));
                }
            }
        }
        firings
    }

    fn firing(
        &self,
        owner: &'a PackageContents,
        kind: ScriptletKind,
        condition: &'a TriggerCondition,
        count: usize,
    ) -> Firing<'a> {
        Firing {
            owner,
            kind,
            script: &owner.triggers.scripts[condition.script],
            first_argument: self.count(&owner.nevra.name),
            second_argument: Some(count),
            paths: Vec::new(),
        }
    }
}

/// The first of the owner's conditions that the source meets: a pair of packages runs at most one script.
fn fired_condition<'a>(
    owner: &'a PackageContents,
    source: &PackageContents,
    sense: u32,
) -> Option<&'a TriggerCondition> {
    owner.triggers.conditions.iter().find(|condition| {
        condition.flags & sense != 0
            && condition.capability.name == source.nevra.name
            && source.provides.iter().any(|provide| provide.overlaps(&condition.capability))
    })
}

#[cfg(test)]
mod tests;
