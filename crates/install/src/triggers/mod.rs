//! What the rpm database holds and which package comes or goes, in; the triggers to run, in rpm's order and with rpm's
//! arguments, out.
//!
//! `lib/psm.cc: runTriggers, runImmedTriggers` and `lib/rpmtriggers.cc`. Nothing here runs anything.

mod files;

use std::collections::BTreeMap;

pub use files::{Element, FileMoment, LaterTriggers, PriorityClass};

use crate::package::{PackageContents, Scriptlet, ScriptletKind, TriggerCondition};
use crate::rpmdb::FileState;
use rpm_model::header::dependency_flags;

/// The packages that the database holds at one moment, in the order of their numbers.
#[derive(Clone, Debug, Default)]
pub struct Installed<'a> {
    packages: Vec<InstalledPackage<'a>>,
    counts: BTreeMap<&'a str, usize>,
}

/// An installed package with what became of its files.
#[derive(Clone, Copy, Debug)]
pub struct InstalledPackage<'a> {
    /// Its number in the database.
    pub number: u32,
    /// What it brought.
    pub contents: &'a PackageContents,
    /// For each of its files.
    pub states: &'a [FileState],
    /// What this transaction does with it.
    pub part: Part,
}

/// A package's part in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It was there before and stays.
    Stays,
    /// This transaction installs it.
    Comes,
    /// This transaction erases it.
    Goes,
}

/// When triggers on packages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// %triggerprein: a package is about to come.
    BeforeInstall,
    /// %triggerin: it came.
    AfterInstall,
    /// %triggerun: it is about to go.
    BeforeErase,
    /// %triggerpostun: its files went.
    AfterErase,
}

/// One trigger that fires.
#[derive(Clone, Debug)]
pub struct Firing<'a> {
    /// The package whose trigger it is.
    pub owner: &'a PackageContents,
    /// That package's number in the database.
    pub number: u32,
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

impl Moment {
    fn sense(self) -> u32 {
        match self {
            Self::BeforeInstall => dependency_flags::TRIGGERPREIN,
            Self::AfterInstall => dependency_flags::TRIGGERIN,
            Self::BeforeErase => dependency_flags::TRIGGERUN,
            Self::AfterErase => dependency_flags::TRIGGERPOSTUN,
        }
    }

    fn kind(self) -> ScriptletKind {
        match self {
            Self::BeforeInstall => ScriptletKind::TriggerPreIn,
            Self::AfterInstall => ScriptletKind::TriggerIn,
            Self::BeforeErase => ScriptletKind::TriggerUn,
            Self::AfterErase => ScriptletKind::TriggerPostUn,
        }
    }

    /// A package that goes is still in the database, but no longer counts (rpm's `countCorrection`).
    fn corrected(self, count: usize) -> usize {
        match self {
            Self::BeforeInstall | Self::AfterInstall => count,
            Self::BeforeErase | Self::AfterErase => count.saturating_sub(1),
        }
    }
}

impl<'a> Installed<'a> {
    /// Adds the package that was installed last.
    pub fn push(&mut self, package: InstalledPackage<'a>) {
        *self.counts.entry(&package.contents.nevra.name).or_default() += 1;
        self.packages.push(package);
    }

    /// Takes a package out.
    pub fn remove(&mut self, number: u32) {
        let Some(position) = self.packages.iter().position(|package| package.number == number) else {
            return;
        };
        let package = self.packages.remove(position);
        if let Some(count) = self.counts.get_mut(&package.contents.nevra.name[..]) {
            *count = count.saturating_sub(1);
        }
    }

    /// How many packages of a name there are.
    pub fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// In the order of their numbers.
    pub fn packages(&self) -> &[InstalledPackage<'a>] {
        &self.packages
    }

    /// Triggers in packages that are there, set off by `source`.
    pub fn triggers_set_off_by(&self, source: &PackageContents, moment: Moment) -> Vec<Firing<'a>> {
        let count = moment.corrected(self.count(&source.nevra.name));
        let fired = |owner: &InstalledPackage<'a>| {
            let condition = fired_condition(owner.contents, source, moment.sense())?;
            let arguments = (self.count(&owner.contents.nevra.name), count);
            Some(firing((owner.number, owner.contents), moment.kind(), condition, arguments))
        };
        self.packages.iter().filter_map(fired).collect()
    }

    /// Triggers of the package that comes or goes itself, set off by what is there; each of its scripts runs at most once.
    pub fn triggers_of(&self, number: u32, own: &'a PackageContents, moment: Moment) -> Vec<Firing<'a>> {
        let mut firings = Vec::new();
        let mut ran = vec![false; own.triggers.scripts.len()];
        for listed in &own.triggers.conditions {
            if ran[listed.script] {
                continue;
            }
            let name = &listed.capability.name;
            for source in self.packages.iter().filter(|source| &source.contents.nevra.name == name) {
                let Some(condition) = fired_condition(own, source.contents, moment.sense()) else { continue };
                if !std::mem::replace(&mut ran[condition.script], true) {
                    let arguments = (moment.corrected(self.count(&own.nevra.name)), self.count(name));
                    firings.push(firing((number, own), moment.kind(), condition, arguments));
                }
            }
        }
        firings
    }
}

fn firing<'a>(
    (number, owner): (u32, &'a PackageContents),
    kind: ScriptletKind,
    condition: &'a TriggerCondition,
    (first_argument, second_argument): (usize, usize),
) -> Firing<'a> {
    Firing {
        owner,
        number,
        kind,
        script: &owner.triggers.scripts[condition.script],
        first_argument,
        second_argument: Some(second_argument),
        paths: Vec::new(),
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
